//! The engine: a counter in Redis or Valkey that many proxies share, so that one allotment is one number wherever it is spent.
//!
//! Credits are reserved there before they are spent ([`Lease`](crate::accounts::account::Lease)), a part of what is left at a time, so that nearly
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
//! - An engine that has lost everything is recognized by its epoch: when it was first spoken to. Each message states the epoch that its
//!   sender knows, and one that states another makes the engine grant nothing, about any organization, until as many proxies as there are
//!   have said again what they hold of it, or for `idle_seconds` and four more. By then every proxy that has spoken that day has greeted
//!   the engine, silent as it may be, and has said everything again (`resync.rs`), a thousand organizations a second and worker. A first
//!   start keeps nobody waiting.
//! - What is not known to any proxy that can reach the engine in that time may be spent twice: what was remembered by one that crashed, or
//!   was cut off, or was given another module meanwhile; and a proxy that starts after the loss and is the first to speak, so that it
//!   knows no epoch, is granted what an engine that is new would grant until another greets that one: for `idle_seconds` and one more. So
//!   let the engine keep its data on disk (`envoy/valkey.conf`).
//! - A day that the engine alone has lost (its key was evicted) is stated again too, and nothing of it is granted for as long, if the first
//!   to speak holds something or knows that others do.
//! - A replica that takes over without the last messages is mended by the next ones; until then it may grant what the former primary had
//!   granted since, so let a primary wait for its replica (`envoy/valkey.conf`).
//! - Of what is left, each of N proxies is granted the 2N-th part at a time, and no more than `lease` and a 50 N-th of the allotment, or
//!   what waiting calls need. What it does not need is there for others within three seconds, but for an eighth of the most, and that
//!   after `idle_seconds` more without a call.
//! - A proxy that ends without giving back takes along what it has reserved and not reported as used (`reserve.rs` says how much that
//!   is): the engine cannot know how much of it was used. Until the day ends it is reserved, and not part of what the engine shows as
//!   used; so that may lack what the proxy had used since its last report, which is never spent again. Envoy lets no message out at its
//!   end: it ends the loop that would send it (seen on 1.40, with SIGTERM and `/quitquitquit`). One that ends while the engine is down
//!   and calls go on without it ([`WhenDown`]) takes along that it has used anything since.
//! - Calls in progress are shared like credits: each proxy holds a share, asks for more when it needs it, and leaves what it did not need
//!   for a second. All together never exceed the limit; an organization whose calls move from one proxy to another may be refused early for
//!   about a second. Asking the engine about every call would be exact in that too, and cost every call a network call. The share of a
//!   proxy that is gone comes back after `concurrency.lease_seconds`, or as soon as N others have stated theirs since. The limits of groups are
//!   those of each proxy.
//! - Two versions of the module may run side by side, in one proxy and among many: what a message says, what the engine keeps and what
//!   lies in shared data has the same form in both, and the script comes with each message. A version that reserves more, or keeps it
//!   for longer, only does so with what it was granted.
//!
//! Nothing here calls anybody: [`Engine::take_due`] says what to send.

mod config;
mod dispatch;
mod due_report;
mod failure;
mod fallback;
mod message;
mod reserve;
mod resp;
mod resync;
mod survey;
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
pub use dispatch::{EngineCall, Learned, Sent};
pub use due_report::DueReport;
pub use failure::{Failure, FailureKind};
pub use fallback::{EngineFallback, Short};
pub use message::{Answer, Circumstances, Heard, Message, Wish};
use reserve::{Purpose, Reserve};
use resync::Told;
use survey::Surveying;
pub use survey::{DayAtEngine, Survey, Surveyed};
pub use transport::{RespTransport, Transport, WebdisTransport};

use crate::{
    accounts::{
        account::Account,
        holder::AccountHolder,
        ledger::{AccountKey, Ledger, SharedData},
    },
    model::{
        credits::Credits,
        day::{Day, Seconds},
        namespace::Namespace,
        spread::BuildSpread,
    },
    outbound::callout::CalloutId,
};

/// The engine, and what a worker has to say to it.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    script: String,
    /// Where the engine's epoch is known, here and at the engine.
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
    /// Since when it has been down.
    down: Cell<Option<Timestamp>>,
    /// When it last failed, unless it has answered since.
    failed_at: Cell<Option<Timestamp>>,
    /// What was wanted from it since.
    missed: RefCell<Option<Due>>,
    told: RefCell<HashMap<FailureKind, Timestamp>>,
    /// What is asked about all accounts.
    survey: Surveying,
}

/// What is configured.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How the engine is reached.
    pub transport: Transport,
    /// How many proxies share it.
    pub envoys: u32,
    /// The most that one proxy reserves for an organization and has not used.
    pub lease: Credits,
    /// How long an answer may take.
    pub deadline: Duration,
    /// After which time without a call what is reserved is given back.
    pub idle: Seconds,
    /// How calls are treated meanwhile.
    pub when_down: WhenDown,
    /// Which accounts they are.
    pub namespace: Namespace,
    /// For how long a share of the calls in progress counts.
    pub share_lease: Seconds,
}

/// How calls are treated that the reserved credits cannot pay for while the engine does not answer.
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
    /// What several calls may need together.
    together: Credits,
    purpose: Purpose,
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
            script: message::script(include_str!("engine/share.lua")),
            survey: Surveying::default(),
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

    /// Whether it has failed lately.
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
        let reserve = Reserve::of(&self.settings, allotment, lease.left(allotment));
        if reserve.is_low(account) && self.down.get().is_none() && !lease.is_awaited(now) {
            self.put(Due::of(holder, Purpose::Refill));
        }
    }

    /// A day of an account is over, on which it was last seen like this.
    pub fn closes(&self, holder: &Rc<AccountHolder>, former: Account) {
        if former.lease().is_some() {
            self.due.borrow_mut().push(Due {
                closes: Some(former),
                ..Due::of(holder, Purpose::GiveBack)
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
            let stated = account.lease().map(|lease| lease.allotment);
            let stated = stated.unwrap_or_default();
            let least = Reserve::of(&self.settings, stated, stated).least;
            let purpose = match account.due_report(now, idle, share_lease, least) {
                DueReport::Nothing => {
                    self.active.borrow_mut().remove(&holder.key);
                    continue;
                }
                DueReport::Later => continue,
                DueReport::Report => Purpose::Report,
                DueReport::GiveBack => Purpose::GiveBack,
            };
            self.put(Due::of(&holder, purpose));
        }
        if let Some(missed) = self.missed.take() {
            self.put(missed);
        }
        self.resync(now, data);
    }

    /// Whether there is anything to say.
    #[must_use]
    pub fn has_due(&self) -> bool {
        self.greets.get() || !self.due.borrow().is_empty() || self.survey.is_due()
    }

    /// Whether an answer about the account at `key` is awaited, by whichever worker of this proxy.
    #[must_use]
    pub fn is_awaited(&self, key: &AccountKey, now: Timestamp, data: &impl SharedData) -> bool {
        // No account is from an earlier day, so that it is read as it is stored.
        let day = crate::model::day::DayNumber::new(i32::MIN);
        let account = Ledger::new(data).peek(key, day);
        account.is_ok_and(|account| account.lease().is_some_and(|lease| lease.is_awaited(now)))
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
        known.purpose = known.purpose.max(due.purpose);
        let wish = &mut known.wish;
        wish.least = match (wish.least.is_zero(), due.wish.least.is_zero()) {
            (true, _) => due.wish.least,
            (_, true) => wish.least,
            _ => wish.least.min(due.wish.least),
        };
        let needs = wish.needs.checked_add(due.wish.needs);
        // What is more than may be needed together is asked for when this is answered.
        if let Some(needs) = needs.filter(|all| wish.needs.is_zero() || *all <= due.together) {
            wish.needs = needs;
        }
        wish.calls = wish.calls.saturating_add(due.wish.calls);
    }
}

impl Due {
    /// Something to be said about the account of `holder` today, for which no call waits.
    fn of(holder: &Rc<AccountHolder>, purpose: Purpose) -> Self {
        Self {
            holder: Rc::clone(holder),
            wish: Wish::default(),
            together: Credits::ZERO,
            purpose,
            closes: None,
        }
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
