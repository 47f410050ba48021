//! The engine: a counter in Redis or Valkey that many proxies share, so that one allotment is one number wherever it is spent.
//!
//! Credits are reserved there before they are spent ([`Lease`](crate::account::Lease)), a part of what is left at a time, so that nearly
//! every call is decided in shared data alone. A call waits for the engine in two cases only, and never longer than a configured time: on the first call of
//! an organization, and where what is reserved here cannot pay for it. It is refused for want of credits only if the engine has said
//! within the last second, about this very allotment, that there is nothing left.
//!
//! Workers of one proxy ask about an organization one at a time, by the account's record. Whatever is said about an organization is one
//! message, absolute and numbered: what is used, what is held, what is needed. So nothing is ever repeated blindly, and what the engine
//! forgot it learns again.
//!
//! # Bounds
//!
//! - Never more is spent than there is, as long as the engine answers: a proxy spends what the engine has granted it. Where it does not
//!   answer, [`WhenDown`] says how far calls go on.
//! - An engine that has lost everything is recognized by its birth: when it was first spoken to. Each message states the birth that its
//!   sender knows, and one that states another makes the engine grant nothing, about any organization, until as many proxies as there are
//!   have said again what they hold of it, or for `idle_seconds` and four more. By then every proxy that has spoken that day has greeted
//!   the engine, silent as it may be, and has said everything again (`retelling.rs`), a thousand organizations a second and worker. A first
//!   start keeps nobody waiting.
//! - What is not known to any proxy that can reach the engine in that time may be spent twice: what was remembered by one that crashed, or
//!   was cut off, or was given another module meanwhile; and a proxy that starts after the loss and is the first to speak, so that it
//!   knows no birth, is granted what an engine that is new would grant until another greets that one: for `idle_seconds` and one more. So
//!   let the engine keep its data on disk (`envoy/valkey.conf`).
//! - A day that the engine alone has lost (its key was evicted) is told again too, and nothing of it is granted for as long, if the first
//!   to speak holds something or knows that others do.
//! - A replica that takes over without the last messages is mended by the next ones; until then it may grant what the former primary had
//!   granted since, so let a primary wait for its replica (`envoy/valkey.conf`).
//! - Of what is left, each of N proxies is granted the 2N-th part at a time, and no more than `lease`, or what waiting calls need. So all
//!   of them together hold at most half of what was left, and N leases, that is not used. It is there for others after `idle_seconds`
//!   without a call, and ends with the day.
//! - A proxy that ends without giving back (a crash; a restart within `idle_seconds` of its last call) takes its lease along: the engine
//!   cannot know how much of it was used. These credits are there again on the next day.
//! - Calls in progress are shared like credits: each proxy holds a share, asks for more when it needs it, and leaves what it did not need
//!   for a second. All together never exceed the limit; an organization whose calls move from one proxy to another may be refused early for
//!   about a second. Asking the engine about every call would be exact in that too, and cost every call a network call. The share of a
//!   proxy that is gone comes back after `concurrency.lease_seconds`. The limits of groups are those of each proxy.
//!
//! Nothing here calls anybody: [`Engine::take_due`] says what to send.

mod config;
mod failure;
mod message;
mod post;
mod recourse;
mod resp;
mod retelling;
mod saying;
mod transport;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    time::Duration,
};

use jiff::Timestamp;
use serde::Deserialize;

pub use config::EngineConfig;
pub use failure::{Failure, FailureKind};
pub use message::{Answer, Circumstances, Heard, Message, Wish};
pub use post::{Learned, Parcel, Sent};
pub use recourse::{Recourse, Short};
use retelling::Told;
pub use saying::Saying;
use transport::Transport;

use crate::{
    account::Account,
    callout::CalloutId,
    credits::Credits,
    day::{Day, Seconds},
    ledger::{AccountKey, Ledger, SharedData},
    namespace::Namespace,
    policy::AccountHolder,
    spread::BuildSpread,
};

/// The engine, and what a worker has to say to it.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    script: String,
    /// Where the engine's birth is known, here and at the engine.
    place: AccountKey,
    id: RefCell<Option<EnvoyId>>,
    due: RefCell<Vec<Due>>,
    /// The accounts about which there may be something to say.
    active: RefCell<HashMap<AccountKey, Rc<AccountHolder>, BuildSpread>>,
    /// What was said today, and may have to be said again.
    told_today: RefCell<HashMap<AccountKey, Told, BuildSpread>>,
    /// When it was last looked through for days that are over.
    swept: Cell<Option<Timestamp>>,
    /// Whether it is to be greeted.
    greets: Cell<bool>,
    sent: RefCell<HashMap<CalloutId, Vec<Sent>>>,
    /// Since when it has been of no use.
    down: Cell<Option<Timestamp>>,
    /// When it last was of no use, unless it has been of use since.
    failed_at: Cell<Option<Timestamp>>,
    /// What was wanted from it since.
    missed: RefCell<Option<Due>>,
    told: RefCell<HashMap<FailureKind, Timestamp>>,
}

/// What is configured.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How the engine is reached.
    pub transport: Transport,
    /// How many proxies share it.
    pub envoys: u32,
    /// The most that is reserved for an organization and not used.
    pub lease: Credits,
    /// How long an answer may take.
    pub deadline: Duration,
    /// After which time without a call what is reserved is given back.
    pub idle: Seconds,
    /// What becomes of calls meanwhile.
    pub when_down: WhenDown,
    /// Which accounts they are.
    pub namespace: Namespace,
    /// For how long a share of the calls in progress counts.
    pub share_lease: Seconds,
}

/// What becomes of calls that what is reserved cannot pay for while the engine does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WhenDown {
    /// They are refused, with 503.
    #[default]
    Refuse,
    /// They are admitted until this proxy has used its part of the allotment: the allotment divided by `envoys`. All together use at
    /// most that much more than what they had used before.
    Allow,
    /// They are admitted as if there were no other proxies: until the allotment is used up by what this proxy uses and what the others
    /// had used when they were last heard of.
    Local,
}

/// A proxy, as the engine knows it: drawn by lot when it first has something to say, and another after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnvoyId(pub [u8; 8]);

/// Something to be said about an account.
#[derive(Clone, Debug)]
struct Due {
    holder: Rc<AccountHolder>,
    wish: Wish,
    gives_back: bool,
    /// The account on a day that is over, to be stated a last time.
    closes: Option<Account>,
}

impl std::fmt::Display for EnvoyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl Engine {
    /// An engine of which nothing has been asked.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            place: AccountKey::engine(&settings.namespace),
            settings,
            script: message::script(),
            id: RefCell::default(),
            due: RefCell::default(),
            active: RefCell::default(),
            told_today: RefCell::default(),
            swept: Cell::default(),
            greets: Cell::default(),
            sent: RefCell::default(),
            down: Cell::default(),
            failed_at: Cell::default(),
            missed: RefCell::default(),
            told: RefCell::default(),
        }
    }

    /// Whether it has been of no use lately.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.down.get().is_some()
    }

    /// How long a call waits at the most.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.settings.deadline
    }

    /// An account has been charged. More is reserved for it before what is reserved runs out.
    pub fn charged(
        &self,
        holder: &Rc<AccountHolder>,
        account: &Account,
        allotment: Option<Credits>,
        now: Timestamp,
    ) {
        self.watch(holder);
        let (Some(lease), Some(allotment)) = (account.lease(), allotment) else {
            return;
        };
        let next = self.next_grant(lease.left(allotment));
        let low = next.get().checked_div(4).unwrap_or_default();
        if account.free().get() < low && self.down.get().is_none() && !lease.is_awaited(now) {
            self.put(Due {
                holder: Rc::clone(holder),
                wish: Wish::default(),
                gives_back: false,
                closes: None,
            });
        }
    }

    /// A day of an account is over, on which it was last seen like this.
    pub fn closes(&self, holder: &Rc<AccountHolder>, former: Account) {
        if former.lease().is_some() {
            self.due.borrow_mut().push(Due {
                holder: Rc::clone(holder),
                wish: Wish::default(),
                gives_back: true,
                closes: Some(former),
            });
        }
    }

    /// Has everything said that is to be said from time to time: what was used, what is not needed any more.
    pub fn tick(&self, now: Timestamp, data: &impl SharedData) {
        for holder in self.watched() {
            let today = holder.data_center.calendar.day(now).number;
            let Ok(account) = Ledger::new(data).peek(&holder.key, today) else {
                continue;
            };
            let Settings {
                idle, share_lease, ..
            } = self.settings;
            let gives_back = match account.saying(now, idle, share_lease) {
                Saying::Nothing => {
                    self.active.borrow_mut().remove(&holder.key);
                    continue;
                }
                Saying::Later => continue,
                Saying::Report => false,
                Saying::GiveBack => true,
            };
            self.put(Due {
                holder,
                wish: Wish::default(),
                gives_back,
                closes: None,
            });
        }
        if let Some(missed) = self.missed.take() {
            self.put(missed);
        }
        self.retell(now, data);
    }

    /// Whether there is anything to say.
    #[must_use]
    pub fn has_due(&self) -> bool {
        self.greets.get() || !self.due.borrow().is_empty()
    }

    /// Whether an answer about the account at `key` is awaited, by whichever worker of this proxy.
    #[must_use]
    pub fn is_awaited(&self, key: &AccountKey, now: Timestamp, data: &impl SharedData) -> bool {
        // No account is from an earlier day, so that it is read as it is stored.
        let day = crate::day::DayNumber::new(i32::MIN);
        let account = Ledger::new(data).peek(key, day);
        account.is_ok_and(|account| account.lease().is_some_and(|lease| lease.is_awaited(now)))
    }

    /// What the engine would grant beyond what is needed, of what is left.
    fn next_grant(&self, left: Credits) -> Credits {
        let shares = u64::from(self.settings.envoys).saturating_mul(2);
        let part = left.get().checked_div(shares).unwrap_or_default();
        self.settings.lease.min(Credits::saturating(part))
    }

    /// Whose accounts there may be something to say about.
    #[must_use]
    pub fn watched(&self) -> Vec<Rc<AccountHolder>> {
        self.active.borrow().values().cloned().collect()
    }

    /// There may be something to say about `holder`'s account from now on.
    pub fn watch(&self, holder: &Rc<AccountHolder>) {
        let mut active = self.active.borrow_mut();
        if !active.contains_key(&holder.key) {
            active.insert(holder.key.clone(), Rc::clone(holder));
        }
    }

    /// Has something said, together with what is to be said about the same account.
    fn put(&self, due: Due) {
        let mut all = self.due.borrow_mut();
        let same = all
            .iter_mut()
            .find(|known| known.holder.key == due.holder.key && known.closes.is_none());
        let Some(known) = same else {
            all.push(due);
            return;
        };
        known.gives_back &= due.gives_back;
        let wish = &mut known.wish;
        wish.least = match (wish.least.is_zero(), due.wish.least.is_zero()) {
            (true, _) => due.wish.least,
            (_, true) => wish.least,
            _ => wish.least.min(due.wish.least),
        };
        wish.needs = wish
            .needs
            .checked_add(due.wish.needs)
            .unwrap_or(Credits::MAX);
        wish.calls = wish.calls.saturating_add(due.wish.calls);
    }
}

impl AccountHolder {
    /// The day of the account at `now`.
    #[must_use]
    pub fn day(&self, now: Timestamp) -> Day {
        self.data_center.calendar.day(now)
    }
}

#[cfg(test)]
mod tests;
