//! The lease: what this proxy holds of an organization's day where several proxies share it, and what it last heard of the others.
//!
//! A proxy reserves credits with the engine before it spends them, so that all proxies together never spend more than
//! there is. The lease lies in the account's record: workers spend it by the same compare-and-set by which they charge, and one of them
//! at a time asks for more. What a proxy states is absolute (so much used, so much held) and numbered, so that a message that is lost,
//! or comes late, or twice, changes nothing that a later one does not mend.

use std::rc::Rc;

use std::time::Duration;

use jiff::Timestamp;

use super::Account;
use crate::model::{
    credits::Credits,
    day::{DayNumber, Seconds},
};

/// An instant in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

/// What this proxy holds of an organization's day, and what it knows of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    /// The number of the last message to the engine about this organization. It goes on from day to day.
    pub message: u32,
    /// The number of the last message that was answered.
    pub heard: u32,
    /// Until when an answer to the last one is awaited; a moment that has passed if none is.
    pub awaited_until: Moment,
    /// What is reserved for this proxy, what it has used of that included.
    pub held: Credits,
    /// What it had used when it sent the last message.
    pub reported: Credits,
    /// What was reserved for the other proxies when the engine last answered, what they had used included.
    pub others_held: Credits,
    /// What the other proxies had used then, as far as they had said.
    pub others_used: Credits,
    /// The allotment by which the engine answered.
    pub allotment: Credits,
    /// When the engine last answered.
    pub heard_at: Moment,
    /// How many calls this proxy may have in progress.
    pub share: u16,
    /// How many the other proxies may.
    pub others_share: u16,
    /// The most that were in progress here since the last message.
    pub peak: u16,
}

/// What a message to the engine is to bring about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asking {
    /// The most that is held beyond what was used; whatever is more is given back.
    pub keeps: Credits,
    /// The allotment by which the engine is to answer.
    pub allotment: Credits,
    /// How many calls are in progress here; `None` where they are not counted.
    pub in_progress: Option<u16>,
    /// For how long the engine keeps a share of them.
    pub share_lease: Seconds,
    /// The time.
    pub now: Timestamp,
    /// How long an answer may take.
    pub patience: Duration,
}

/// What the engine answered to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The number of the message.
    pub message: u32,
    /// The day that it was about.
    pub day: DayNumber,
    /// The allotment that it stated.
    pub allotment: Credits,
    /// What is now reserved for this proxy beyond what it stated.
    pub credits: Credits,
    /// What is reserved for the other proxies.
    pub others_held: Credits,
    /// What the other proxies have used.
    pub others_used: Credits,
    /// How many calls this proxy may have in progress beyond what it stated.
    pub slots: u16,
    /// How many the other proxies may.
    pub others_share: u16,
}

impl Moment {
    /// The moment of a timestamp; 1970 for what was before.
    #[must_use]
    pub fn of(timestamp: Timestamp) -> Self {
        Self(u64::try_from(timestamp.as_millisecond()).unwrap_or_default())
    }

    /// The moment so much later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(milliseconds))
    }

    /// By how many milliseconds a moment may be ahead of a worker that last looked at the time a while ago.
    const AHEAD: u64 = 2_000;

    /// How long ago the moment is; nothing if it is only just to come. One that is further ahead was left by a clock that has stepped
    /// back, and is older than anything.
    #[must_use]
    pub fn age(self, now: Timestamp) -> Duration {
        let now = Self::of(now).0;
        if self.0.saturating_sub(now) > Self::AHEAD {
            Duration::MAX
        } else {
            Duration::from_millis(now.saturating_sub(self.0))
        }
    }
}

impl Lease {
    /// The lease on another day: nothing is held of that yet, while calls in progress go on.
    #[must_use]
    pub fn on_another_day(self) -> Self {
        Self {
            message: self.message,
            heard: self.heard,
            heard_at: self.heard_at,
            share: self.share,
            others_share: self.others_share,
            peak: self.peak,
            ..Self::default()
        }
    }

    /// Whether an answer is awaited. One that is awaited for much longer than anybody waits was left by a clock that has stepped back.
    #[must_use]
    pub fn is_awaited(&self, now: Timestamp) -> bool {
        let now = Moment::of(now);
        let longest = now.after(Duration::from_secs(120));
        now < self.awaited_until && self.awaited_until <= longest
    }

    /// What all proxies had left of `allotment` to reserve when the engine last answered.
    #[must_use]
    pub fn left(&self, allotment: Credits) -> Credits {
        allotment
            .saturating_sub(self.others_held)
            .saturating_sub(self.held)
    }

    /// How many calls may be in progress here; none if the engine has not been heard for as long as it keeps a share.
    #[must_use]
    pub fn share_at(&self, now: Timestamp, lease: Seconds) -> u16 {
        if self.heard_at.age(now).as_secs() < lease.get() {
            self.share
        } else {
            0
        }
    }
}

impl Account {
    /// What this proxy holds of the day; `None` where it shares with no other.
    #[must_use]
    pub fn lease(&self) -> Option<&Lease> {
        self.lease.as_deref()
    }

    /// What was used since the last message.
    #[must_use]
    pub fn unreported(&self) -> Credits {
        let reported = self.lease.as_ref().map(|lease| lease.reported);
        self.used.saturating_sub(reported.unwrap_or_default())
    }

    /// What was reserved for this proxy and not used after the last message.
    #[must_use]
    pub fn reserve(&self) -> Credits {
        self.lease.as_ref().map_or(Credits::ZERO, |lease| {
            lease.held.saturating_sub(lease.reported)
        })
    }

    /// How many calls may be in progress here after another message, if so many are. What was not needed since the last one is there for
    /// the others, and so is what the engine does not keep any more.
    #[must_use]
    pub fn keeps_share(&self, in_progress: u16, now: Timestamp, share_lease: Seconds) -> u16 {
        let lease = self.lease.as_deref().copied().unwrap_or_default();
        let calls = self.used != lease.reported && lease.share_at(now, share_lease) > 0;
        let needed = if calls {
            lease.peak.max(in_progress)
        } else {
            in_progress
        };
        lease.share.min(needed)
    }

    /// What is reserved for this proxy and not used.
    #[must_use]
    pub fn free(&self) -> Credits {
        self.lease
            .as_ref()
            .map_or(Credits::ZERO, |lease| lease.held.saturating_sub(self.used))
    }

    /// What all proxies have used, as far as is known here.
    #[must_use]
    pub fn used_by_all(&self) -> Credits {
        let others = self
            .lease
            .as_ref()
            .map_or(Credits::ZERO, |lease| lease.others_used);
        self.used.checked_add(others).unwrap_or(Credits::MAX)
    }

    /// What is reserved for other proxies that they have not used, as far as is known here.
    #[must_use]
    pub fn reserved_elsewhere(&self) -> Credits {
        self.lease.as_ref().map_or(Credits::ZERO, |lease| {
            lease.others_held.saturating_sub(lease.others_used)
        })
    }

    /// The account when a message is sent about it. What the message gives back cannot be spent from here on, whether or not the message
    /// arrives; under an allotment that was lowered, everything is given back that was not used.
    #[must_use]
    pub fn ask(&self, asking: &Asking) -> Self {
        let lease = self.lease.as_deref().copied().unwrap_or_default();
        let lowered = asking.allotment < lease.allotment;
        let keeps = if lowered { Credits::ZERO } else { asking.keeps };
        let most = self.used.checked_add(keeps).unwrap_or(Credits::MAX);
        let held = lease.held.min(most).max(self.used);
        let (share, peak) = match asking.in_progress {
            None => (0, 0),
            Some(in_progress) => {
                let keeps = self.keeps_share(in_progress, asking.now, asking.share_lease);
                (keeps, in_progress)
            }
        };
        let lease = Lease {
            message: lease.message.wrapping_add(1),
            awaited_until: Moment::of(asking.now).after(asking.patience),
            held,
            reported: self.used,
            share,
            peak,
            ..lease
        };
        self.with_lease(lease)
    }

    /// The account after an answer of the engine. An answer to any but the last message, or about another day, is void: the next message
    /// states what is held without it.
    #[must_use]
    pub fn hear(&self, granted: &Granted, now: Timestamp) -> Self {
        let Some(lease) = self
            .lease
            .as_deref()
            .filter(|lease| lease.message == granted.message)
        else {
            return self.clone();
        };
        let heard = Lease {
            heard: granted.message,
            awaited_until: Moment::default(),
            heard_at: Moment::of(now),
            share: lease.share.saturating_add(granted.slots),
            others_share: granted.others_share,
            ..*lease
        };
        if self.day != granted.day {
            return self.with_lease(heard);
        }
        self.with_lease(Lease {
            held: lease
                .held
                .checked_add(granted.credits)
                .unwrap_or(Credits::MAX),
            others_held: granted.others_held,
            others_used: granted.others_used,
            allotment: granted.allotment,
            ..heard
        })
    }

    /// The account after the engine has said that message `number` is void, because it has heard `latest`: the next one is later.
    #[must_use]
    pub fn catch_up(&self, number: u32, latest: u32) -> Self {
        let Some(lease) = self
            .lease
            .as_deref()
            .filter(|lease| lease.message == number)
        else {
            return self.clone();
        };
        self.with_lease(Lease {
            message: latest,
            awaited_until: Moment::default(),
            ..*lease
        })
    }

    fn with_lease(&self, lease: Lease) -> Self {
        Self {
            lease: Some(Rc::new(lease)),
            ..self.clone()
        }
    }
}
