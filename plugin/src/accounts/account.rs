//! The account: what one organization has used today and which of its calls are in progress, and the pure steps that change it.
//!
//! An account stores what was *used*, never what remains, and the allotment is applied when a call is decided: a purchase or another
//! edition takes effect at once and resets nothing. The day is inside the record, because shared-data keys can never be deleted.
//! Credits and slots are in one record, so that one compare-and-set admits a call by both, or by neither.

use std::rc::Rc;

use crate::{
    accounts::slots::{Claim, Limits, Slots, TooManyCalls},
    model::{credits::Credits, day::DayNumber},
};

mod lease;
mod record;

pub use lease::{Asking, Granted, Lease, Moment};
pub use record::UnreadableRecord;

/// What one organization has used on one day, and its calls in progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    day: DayNumber,
    used: Credits,
    /// A bit for each threshold of the day's credits that has been warned of.
    warned: u8,
    slots: Slots,
    /// What is held of the day where several proxies share it. Most accounts have none, and an account is moved often.
    lease: Option<Rc<Lease>>,
}

/// A call that the day's credits cannot pay for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the call costs {cost} credits, and {remaining} remain")]
pub struct InsufficientCredits {
    /// What the call costs.
    pub cost: Credits,
    /// What is left of the day's credits.
    pub remaining: Credits,
}

/// What a call asks of an account.
#[derive(Clone, Copy, Debug)]
pub struct Admission {
    /// What it costs.
    pub cost: Credits,
    /// The credits of the day, of which it is paid; `None` for a holder that is counted but never refused.
    pub allotment: Option<Credits>,
    /// The slot that it takes; `None` where calls in progress are not counted.
    pub slot: Option<Claim>,
    /// How far the credits may be used here.
    pub ceiling: Ceiling,
}

/// How far an account may be used by this proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ceiling {
    /// As far as there are credits: no other proxy uses them.
    Allotment,
    /// As far as is held of them, in credits and in calls in progress.
    Lease,
    /// As far as is held of them, or up to so much; and so many calls in progress.
    AtLeast(Credits, u32),
    /// As far as the other proxies had not used them when they were last heard of.
    Alone,
}

/// Why an account does not admit a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// The day's credits cannot pay for it.
    #[error(transparent)]
    Insufficient(#[from] InsufficientCredits),
    /// Too many calls are in progress.
    #[error(transparent)]
    TooMany(#[from] TooManyCalls),
}

impl Account {
    /// An account on its first call of `day`.
    #[must_use]
    pub fn opened(day: DayNumber) -> Self {
        Self {
            day,
            used: Credits::ZERO,
            warned: 0,
            slots: Slots::default(),
            lease: None,
        }
    }

    /// The account as of `today`: with nothing used if it is from an earlier day. It never goes back to an earlier day, because a clock
    /// that steps back a little comes to the later day once more. Calls in progress stay in progress.
    #[must_use]
    pub fn on(self, today: DayNumber) -> Self {
        if self.day < today {
            Self {
                slots: self.slots,
                lease: on_another_day(self.lease.as_deref()),
                ..Self::opened(today)
            }
        } else {
            self
        }
    }

    /// The account as of `today` when the clock has run ahead by more than a day and is right again: with all that was used, because what
    /// of it was used today is not known. `None` for an account that is not so far ahead, and waits until the clock has caught up.
    ///
    /// What had been used today before the clock ran ahead is forgotten: a record holds one day.
    #[must_use]
    pub fn brought_back_to(&self, today: DayNumber) -> Option<Self> {
        let ahead = self.day.get().saturating_sub(today.get());
        (ahead > 1).then(|| Self {
            day: today,
            slots: self.slots.clone(),
            lease: on_another_day(self.lease.as_deref()),
            ..*self
        })
    }

    /// Charges a call and gives it its slot, both or neither. Invariant: an account that pays has used at most the allotment.
    ///
    /// # Errors
    /// When the credits do not suffice, or else when too many calls are in progress.
    pub fn admit(&self, admission: &Admission) -> Result<Self, NotAdmitted> {
        let cost = admission.cost;
        let used = match (admission.allotment, self.used.checked_add(cost)) {
            (None, used) => used.unwrap_or(Credits::MAX),
            (Some(allotment), Some(used)) if used <= self.limit(allotment, admission.ceiling) => {
                used
            }
            (Some(allotment), _) => {
                return Err(InsufficientCredits {
                    cost,
                    remaining: self.remaining(allotment),
                }
                .into());
            }
        };
        // Without an engine, nothing is held any more.
        let lease = self
            .lease
            .as_ref()
            .filter(|_| admission.ceiling != Ceiling::Allotment);
        let Some(claim) = &admission.slot else {
            return Ok(Self {
                used,
                slots: self.slots.clone(),
                lease: lease.cloned(),
                ..*self
            });
        };
        let claim = self.claim_here(claim, admission.ceiling);
        let slots = self.slots.take(&claim)?;
        let lease = lease.map(|lease| {
            let in_progress = slots.in_progress(claim.lease, claim.now);
            let peak = u16::try_from(in_progress)
                .unwrap_or(u16::MAX)
                .max(lease.peak);
            Rc::new(Lease { peak, ..**lease })
        });
        Ok(Self {
            used,
            slots,
            lease,
            ..*self
        })
    }

    /// What may be used of `allotment` here.
    fn limit(&self, allotment: Credits, ceiling: Ceiling) -> Credits {
        let held = self
            .lease
            .as_ref()
            .map_or(Credits::ZERO, |lease| lease.held);
        match ceiling {
            Ceiling::Allotment => allotment,
            Ceiling::Lease => allotment.min(held),
            Ceiling::AtLeast(credits, _) => allotment.min(held.max(credits)),
            Ceiling::Alone => {
                let others = self
                    .lease
                    .as_ref()
                    .map_or(Credits::ZERO, |lease| lease.others_used);
                allotment.saturating_sub(others)
            }
        }
    }

    /// The claim of a slot, with the calls in progress that there may be here.
    fn claim_here(&self, claim: &Claim, ceiling: Ceiling) -> Claim {
        let share = self
            .lease
            .as_ref()
            .map_or(0, |lease| lease.share_at(claim.now, claim.lease));
        let all = claim.limits.all.map(|all| match ceiling {
            Ceiling::Allotment | Ceiling::Alone => all,
            Ceiling::Lease => all.min(u32::from(share)),
            Ceiling::AtLeast(_, calls) => all.min(u32::from(share).max(calls)),
        });
        Claim {
            limits: Limits {
                all,
                ..claim.limits
            },
            ..*claim
        }
    }

    /// Gives back what was charged on `day`; nothing if that day has passed.
    #[must_use]
    pub fn refund(&self, day: DayNumber, amount: Credits) -> Self {
        let back = if self.day == day {
            amount
        } else {
            Credits::ZERO
        };
        Self {
            used: self.used.saturating_sub(back),
            slots: self.slots.clone(),
            lease: self.lease.clone(),
            ..*self
        }
    }

    /// Charges more for a call of `day` that was charged already: as much of `amount` as is left of the allotment, nothing if that
    /// day has passed.
    #[must_use]
    pub fn charge_more(&self, day: DayNumber, amount: Credits, allotment: Option<Credits>) -> Self {
        let left = allotment.map_or(Credits::MAX, |allotment| {
            let ceiling = match &self.lease {
                Some(_) => Ceiling::Lease,
                None => Ceiling::Allotment,
            };
            self.limit(allotment, ceiling).saturating_sub(self.used)
        });
        let more = if self.day == day {
            amount.min(left)
        } else {
            Credits::ZERO
        };
        let used = self.used.checked_add(more).unwrap_or(Credits::MAX);
        Self {
            used,
            slots: self.slots.clone(),
            lease: self.lease.clone(),
            ..*self
        }
    }

    /// The account with these calls in progress.
    #[must_use]
    pub fn with_slots(&self, slots: Slots) -> Self {
        let lease = self.lease.clone();
        Self {
            slots,
            lease,
            ..*self
        }
    }

    /// The account with these thresholds marked as warned of.
    #[must_use]
    pub fn with_warned(self, warned: u8) -> Self {
        Self { warned, ..self }
    }

    /// The day on which `used` was used.
    #[must_use]
    pub fn day(&self) -> DayNumber {
        self.day
    }

    /// What was used on that day.
    #[must_use]
    pub fn used(&self) -> Credits {
        self.used
    }

    /// The thresholds of that day that have been warned of, a bit for each.
    #[must_use]
    pub fn warned(&self) -> u8 {
        self.warned
    }

    /// The calls in progress.
    #[must_use]
    pub fn slots(&self) -> &Slots {
        &self.slots
    }

    /// What is left of `allotment`: nothing if more was used, as after an allotment was lowered. What other proxies hold is not left.
    #[must_use]
    pub fn remaining(&self, allotment: Credits) -> Credits {
        let others = self
            .lease
            .as_ref()
            .map_or(Credits::ZERO, |lease| lease.others_held);
        allotment.saturating_sub(others).saturating_sub(self.used)
    }
}

#[inline]
fn on_another_day(lease: Option<&Lease>) -> Option<Rc<Lease>> {
    lease.map(|lease| Rc::new(lease.on_another_day()))
}

#[cfg(test)]
mod tests;
