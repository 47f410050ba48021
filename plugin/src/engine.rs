//! The engine: a counter in Redis or Valkey that many proxies share, so that one allotment is one number wherever it is spent.
//!
//! Credits are reserved there before they are spent ([`Lease`]), a part of what is left at a time, so that nearly every call is decided
//! in shared data alone. A call waits for the engine in two cases only, and never longer than a configured time: on the first call of
//! an organization, and where what is reserved here cannot pay for it. It is refused for want of credits only if the engine has said
//! within the last second, about this very allotment, that there is nothing left.
//!
//! Workers of one proxy ask about an organization one at a time, by the account's record. Whatever is said about an organization is one
//! message, absolute and numbered: what is used, what is held, what is needed. So nothing is ever repeated blindly, and what the engine
//! forgot it learns again. Nothing here calls anybody: [`Engine::take_due`] says what to send.

mod config;
mod failure;
mod message;
mod resp;
mod saying;
mod transport;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

pub use config::EngineConfig;
pub use failure::{Failure, FailureKind};
pub use message::{Answer, Circumstances, Message, Wish};
pub use saying::Saying;
use transport::Transport;

use crate::{
    account::{Account, Asking, Ceiling},
    callout::{Callout, CalloutId, Reply},
    credits::Credits,
    day::{Day, Seconds},
    enforcement::Enforcement,
    ledger::{AccountKey, HostRefused, Ledger, SharedData},
    namespace::Namespace,
    policy::AccountHolder,
    slots::Claim,
};

/// The engine, and what a worker has to say to it.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    script: String,
    id: RefCell<Option<EnvoyId>>,
    due: RefCell<Vec<Due>>,
    /// The accounts about which there may be something to say.
    active: RefCell<HashMap<AccountKey, Rc<AccountHolder>>>,
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

/// A message on its way.
#[derive(Clone, Debug)]
pub struct Sent {
    message: Message,
    /// Whether it is the last one about a day, whose answer does not matter.
    closes: bool,
}

/// A call to the engine, to be made.
#[derive(Debug)]
pub struct Parcel {
    /// The call.
    pub callout: Callout,
    sent: Vec<Sent>,
}

/// What came of a call to the engine.
#[derive(Debug)]
pub struct Learned {
    /// The accounts that it was about.
    pub keys: Vec<AccountKey>,
    /// Why it was of no use.
    pub failure: Option<FailureKind>,
    /// What an operator should read in the log, if it has not been said just now.
    pub line: Option<String>,
}

/// A call that what is reserved cannot pay for.
#[derive(Clone, Copy, Debug)]
pub struct Short<'a> {
    /// Whose account.
    pub holder: &'a Rc<AccountHolder>,
    /// The account as it declined.
    pub account: &'a Account,
    /// What the call costs.
    pub cost: Credits,
    /// The credits of the day.
    pub allotment: Credits,
    /// The slot that it asks for.
    pub claim: Option<&'a Claim>,
    /// Whether credits are what it lacks; calls in progress otherwise.
    pub lacks_credits: bool,
    /// Until when it waits, if it does already.
    pub waits_until: Option<Timestamp>,
}

/// What becomes of such a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recourse {
    /// It waits for the engine.
    Wait,
    /// It is refused: the engine has said that there is nothing left.
    Refuse,
    /// The engine is of no use, and the call is decided without it, this far.
    Without(Ceiling),
    /// The engine is of no use, and that is why it is refused.
    Unavailable,
}

impl std::fmt::Display for EnvoyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl Engine {
    /// How old an answer may be on which a refusal is based.
    const REFUSED_BY: Duration = Duration::from_secs(1);
    /// How much longer than its time-out an answer counts as awaited.
    const GRACE: Duration = Duration::from_millis(20);
    /// How long nothing is tried again because of calls that it could not be asked for.
    const PAUSE: SignedDuration = SignedDuration::from_millis(100);
    /// How long the log is silent about a kind of failure that it has told.
    const SILENCE: Seconds = Seconds::new(60);
    /// By how many seconds more than the time after which idle proxies give back the engine waits for their word, after it has lost
    /// everything: two ticks.
    const QUIET: u64 = 2;
    /// How long the engine keeps a day that is over, in seconds.
    const KEPT: i64 = 86_400;

    /// An engine of which nothing has been asked.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            script: message::script(),
            id: RefCell::default(),
            due: RefCell::default(),
            active: RefCell::default(),
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

    /// Whether the engine is to be heard before `account` is shown to somebody who has waited until `waits_until`, if at all.
    pub fn must_be_heard(
        &self,
        holder: &Rc<AccountHolder>,
        account: &Account,
        waits_until: Option<Timestamp>,
        now: Timestamp,
    ) -> bool {
        let lease = account.lease().copied().unwrap_or_default();
        let awaited = lease.is_awaited(now);
        let fresh = !awaited && lease.heard_at.age(now) <= Self::REFUSED_BY;
        if fresh || self.is_down() || waits_until.is_some_and(|until| now >= until) {
            return false;
        }
        if !awaited {
            self.put(Due {
                holder: Rc::clone(holder),
                wish: Wish::default(),
                gives_back: false,
                closes: None,
            });
        }
        true
    }

    /// How long a call waits at the most.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.settings.deadline
    }

    /// How far accounts may be used now.
    #[must_use]
    pub fn ceiling(&self, allotment: Credits, calls: Option<u32>) -> Ceiling {
        match self.down.get() {
            None => Ceiling::Lease,
            Some(_) => self.ceiling_alone(allotment, calls),
        }
    }

    /// How far accounts may be used without the engine.
    fn ceiling_alone(&self, allotment: Credits, calls: Option<u32>) -> Ceiling {
        let envoys = self.settings.envoys;
        match self.settings.when_down {
            WhenDown::Refuse => Ceiling::Lease,
            WhenDown::Allow => {
                let part = allotment.get().checked_div(u64::from(envoys));
                let calls = calls.unwrap_or_default().checked_div(envoys);
                Ceiling::AtLeast(
                    Credits::saturating(part.unwrap_or_default()),
                    calls.unwrap_or_default().max(1),
                )
            }
            WhenDown::Local => Ceiling::Alone,
        }
    }

    /// What becomes of a call that what is reserved cannot pay for. What has to be said for that is [due](Self::take_due) afterwards.
    pub fn recourse(&self, short: Short<'_>, now: Timestamp) -> Recourse {
        let lease = short.account.lease().copied().unwrap_or_default();
        let awaited = lease.is_awaited(now);
        let known = !awaited
            && lease.heard_at.age(now) <= Self::REFUSED_BY
            && lease.allotment == short.allotment;
        let lacks = short.cost.saturating_sub(short.account.free());
        let calls = match (short.lacks_credits, Self::lacking_calls(&short, known, now)) {
            (true, calls) => calls.unwrap_or_default(),
            (false, Some(calls)) => calls.max(1),
            (false, None) => return Recourse::Refuse,
        };
        if short.cost > short.allotment {
            return Recourse::Refuse;
        }
        if short.lacks_credits && known && lacks > lease.left(short.allotment) {
            return Recourse::Refuse;
        }
        let wish = Wish {
            least: lacks,
            needs: lacks,
            wants: Credits::ZERO,
            calls,
        };
        let due = Due {
            holder: Rc::clone(short.holder),
            wish,
            gives_back: false,
            closes: None,
        };
        let late = short.waits_until.is_some_and(|until| now >= until);
        if self.is_down() || late {
            // No call waits for that, but the engine may be of use again.
            if awaited || self.has_failed_since(Self::PAUSE, now) {
                self.missed.replace(Some(due));
            } else {
                self.put(due);
            }
            return match self.ceiling_alone(short.allotment, short.holder.concurrency) {
                Ceiling::Lease => Recourse::Unavailable,
                ceiling => Recourse::Without(ceiling),
            };
        }
        if !awaited {
            self.put(due);
        }
        Recourse::Wait
    }

    /// How many calls more than its share are to be in progress here; `None` if the others leave no room for them.
    fn lacking_calls(short: &Short<'_>, known: bool, now: Timestamp) -> Option<u16> {
        let claim = short.claim?;
        let limit = claim.limits.all?;
        let slots = short.account.slots();
        let here = slots.in_progress(claim.lease, now);
        let lease = short.account.lease().copied().unwrap_or_default();
        let others = u32::from(lease.others_share);
        let full = here >= limit || (known && here.saturating_add(others) >= limit);
        let group_full = claim.limits.group.is_some_and(|most| {
            let same = |group| group == claim.group;
            slots.in_progress_of(same, claim.lease, now) >= most
        });
        if full || group_full {
            return None;
        }
        let share = u32::from(lease.share_at(now, claim.lease));
        let lacks = here.saturating_add(1).saturating_sub(share);
        Some(u16::try_from(lacks).unwrap_or(u16::MAX))
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
        let active: Vec<_> = self.active.borrow().values().cloned().collect();
        for holder in active {
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
    }

    /// Whether there is anything to say.
    #[must_use]
    pub fn has_due(&self) -> bool {
        !self.due.borrow().is_empty()
    }

    /// Whether an answer about the account at `key` is awaited, by whichever worker of this proxy.
    #[must_use]
    pub fn is_awaited(&self, key: &AccountKey, now: Timestamp, data: &impl SharedData) -> bool {
        let day = crate::day::DayNumber::new(i32::MIN);
        let account = Ledger::new(data).peek(key, day);
        account.is_ok_and(|account| account.lease().is_some_and(|lease| lease.is_awaited(now)))
    }

    /// What is to be sent now. Each must be [noted](Self::note) as sent, or as [not sent](Self::not_sent). `draw` draws lots.
    pub fn take_due(
        &self,
        now: Timestamp,
        data: &impl SharedData,
        draw: impl FnOnce() -> [u8; 8],
    ) -> Vec<Parcel> {
        let due = self.due.take();
        if due.is_empty() {
            return Vec::new();
        }
        let Some(id) = self.id(data, draw) else {
            return Vec::new();
        };
        let sent: Vec<_> = due
            .into_iter()
            .filter_map(|due| self.prepare(due, &id, now, data))
            .collect();
        let most = self.settings.transport.most();
        let parcels = sent.chunks(most).map(|sent| {
            let messages: Vec<_> = sent.iter().map(|sent| sent.message.clone()).collect();
            let timeout = self.settings.deadline;
            Parcel {
                callout: self
                    .settings
                    .transport
                    .callout(&messages, &self.script, timeout),
                sent: sent.to_vec(),
            }
        });
        parcels.collect()
    }

    /// The host has taken a call.
    pub fn note(&self, callout: CalloutId, parcel: Parcel) {
        self.sent.borrow_mut().insert(callout, parcel.sent);
    }

    /// The host has not taken a call.
    pub fn not_sent(&self, parcel: &Parcel, refused: HostRefused, now: Timestamp) -> Learned {
        self.fail(
            &parcel.sent,
            &Failure::Unreachable(refused.to_string()),
            now,
        )
    }

    /// Learns from what has come back from a call; `None` if the call was none of the engine's.
    pub fn learn(
        &self,
        callout: CalloutId,
        reply: Reply<'_>,
        now: Timestamp,
        data: &impl SharedData,
    ) -> Option<Learned> {
        let sent = self.sent.borrow_mut().remove(&callout)?;
        let messages: Vec<_> = sent.iter().map(|sent| sent.message.clone()).collect();
        let answers = match self.settings.transport.answers(&messages, reply) {
            Ok(answers) => answers,
            Err(failure) => return Some(self.fail(&sent, &failure, now)),
        };
        if answers.contains(&Answer::Recovering) {
            return Some(self.fail(&sent, &Failure::Recovering, now));
        }
        for (sent, answer) in sent.iter().zip(answers) {
            let Message {
                key, day, number, ..
            } = &sent.message;
            if sent.closes {
                continue;
            }
            // What cannot be posted is mended by the next message, which states what is held without it.
            let _ = Ledger::new(data).post(key, *day, |account| {
                Ok::<_, std::convert::Infallible>(match answer {
                    Answer::Granted(granted) => account.hear(&granted, now),
                    Answer::Recovering => account.clone(),
                    Answer::Late(latest) => account.catch_up(*number, latest),
                })
            });
        }
        let since = self.down.take();
        self.failed_at.set(None);
        self.told.borrow_mut().clear();
        let line = since.map(|since| {
            let (cluster, down) = (
                self.settings.transport.cluster(),
                Seconds::between(since, now),
            );
            format!("the engine (cluster {cluster:?}) answers again after {down} s")
        });
        Some(Learned {
            keys: keys(&sent),
            failure: None,
            line,
        })
    }

    /// Whether the engine was of no use less than so long ago.
    fn has_failed_since(&self, age: SignedDuration, now: Timestamp) -> bool {
        let failed = self.failed_at.get();
        failed.is_some_and(|at| now.duration_since(at) < age)
    }

    /// The engine was of no use. It counts as down at once, but for a first answer that does not come in time: that may be the network.
    fn fail(&self, sent: &[Sent], failure: &Failure, now: Timestamp) -> Learned {
        let again = self.failed_at.replace(Some(now)).is_some();
        if self.down.get().is_none() && (again || *failure != Failure::TimedOut) {
            self.down.set(Some(now));
        }
        let kind = failure.kind();
        let mut told = self.told.borrow_mut();
        let news = told
            .get(&kind)
            .is_none_or(|at| Seconds::between(*at, now) > Self::SILENCE);
        let line = news.then(|| {
            told.insert(kind, now);
            let cluster = self.settings.transport.cluster();
            format!("the engine (cluster {cluster:?}) is of no use: {failure}")
        });
        Learned {
            keys: keys(sent),
            failure: Some(kind),
            line,
        }
    }

    /// The message to be sent; `None` if another worker is waiting for an answer, or the account cannot be changed.
    fn prepare(
        &self,
        due: Due,
        envoy: &EnvoyId,
        now: Timestamp,
        data: &impl SharedData,
    ) -> Option<Sent> {
        let holder = &due.holder;
        let day = holder.data_center.calendar.day(now);
        let total = holder.schedule.at(now).total;
        let refuses = holder.enforcement != Enforcement::NeverRefuse;
        let circumstances = Circumstances {
            envoy,
            envoys: self.settings.envoys,
            allotment: refuses.then_some(total),
            expires_at: day.end.as_second().saturating_add(Self::KEPT),
            calls: holder
                .concurrency
                .filter(|_| refuses && due.closes.is_none()),
            share_lease: self.settings.share_lease,
            quiet: Seconds::new(self.settings.idle.get().saturating_add(Self::QUIET)),
        };
        let asking = |account: &Account| Asking {
            gives_back: due.gives_back,
            allotment: total,
            in_progress: holder.concurrency.map(|_| {
                let calls = account.slots().in_progress(self.settings.share_lease, now);
                u16::try_from(calls).unwrap_or(u16::MAX)
            }),
            now,
            patience: self.settings.deadline.saturating_add(Self::GRACE),
        };
        if let Some(former) = &due.closes {
            let account = former.ask(&asking(former));
            let message = Message::of(&holder.key, &account, Wish::default(), &circumstances)?;
            return Some(Sent {
                message,
                closes: true,
            });
        }
        self.watch(holder);
        let posting = Ledger::new(data).post(&holder.key, day.number, |account| {
            if account.lease().is_some_and(|lease| lease.is_awaited(now)) {
                return Err(());
            }
            Ok(account.ask(&asking(account)))
        });
        let account = posting.result.ok()?.after;
        let wants = if due.gives_back || !refuses {
            Credits::ZERO
        } else {
            self.settings.lease.saturating_sub(account.free())
        };
        let wish = Wish { wants, ..due.wish };
        let message = Message::of(&holder.key, &account, wish, &circumstances)?;
        Some(Sent {
            message,
            closes: false,
        })
    }

    /// What the engine would grant beyond what is needed, of what is left.
    fn next_grant(&self, left: Credits) -> Credits {
        let shares = u64::from(self.settings.envoys).saturating_mul(2);
        let part = left.get().checked_div(shares).unwrap_or_default();
        self.settings.lease.min(Credits::saturating(part))
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

    /// The proxy's name, the same for all its workers.
    fn id(&self, data: &impl SharedData, draw: impl FnOnce() -> [u8; 8]) -> Option<EnvoyId> {
        if let Some(id) = *self.id.borrow() {
            return Some(id);
        }
        let id = Ledger::new(data).identify(&self.settings.namespace, draw());
        let id = EnvoyId(id.ok()?);
        self.id.replace(Some(id));
        Some(id)
    }
}

fn keys(sent: &[Sent]) -> Vec<AccountKey> {
    sent.iter().map(|sent| sent.message.key.clone()).collect()
}

impl AccountHolder {
    /// The day of the account at `now`.
    #[must_use]
    pub fn day(&self, now: Timestamp) -> Day {
        self.data_center.calendar.day(now)
    }
}
