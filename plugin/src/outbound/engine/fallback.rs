//! The fallback: how a call is decided that the credits reserved here cannot pay for.

use std::{rc::Rc, time::Duration};

use jiff::{SignedDuration, Timestamp};

use super::{Due, Engine, Purpose, Reserve, WhenDown, message::Wish};
use crate::{
    accounts::{
        account::{Account, Ceiling},
        holder::AccountHolder,
        slots::Claim,
    },
    model::credits::Credits,
};

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

/// How such a call is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineFallback {
    /// It waits for the engine.
    Wait,
    /// It is refused: the engine has said that there is nothing left.
    Refuse,
    /// The engine is down, and the call is decided without it, this far.
    Without(Ceiling),
    /// The engine is down, and that is why it is refused.
    Unavailable,
}

impl Engine {
    /// How old an answer may be on which a refusal is based.
    const REFUSED_BY: Duration = Duration::from_secs(1);
    /// How long nothing is tried again because of calls that it could not be asked for.
    const PAUSE: SignedDuration = SignedDuration::from_millis(100);

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

    /// How a call is decided that the reserved credits cannot pay for. What has to be said for that is [due](Self::take_due) afterwards.
    pub fn fallback(&self, short: Short<'_>, now: Timestamp) -> EngineFallback {
        let lease = short.account.lease().copied().unwrap_or_default();
        let awaited = lease.is_awaited(now);
        let known = !awaited
            && lease.heard_at.age(now) <= Self::REFUSED_BY
            && lease.allotment == short.allotment;
        let lacks = short.cost.saturating_sub(short.account.free());
        let calls = match (short.lacks_credits, Self::lacking_calls(&short, known, now)) {
            (true, calls) => calls.unwrap_or_default(),
            (false, Some(calls)) => calls.max(1),
            (false, None) => return EngineFallback::Refuse,
        };
        if short.cost > short.allotment {
            return EngineFallback::Refuse;
        }
        if short.lacks_credits && known && lacks > lease.left(short.allotment) {
            return EngineFallback::Refuse;
        }
        let wish = Wish {
            least: lacks,
            needs: lacks,
            wants: Credits::ZERO,
            calls,
        };
        let purpose = if lacks.is_zero() {
            Purpose::Share
        } else {
            Purpose::Refill
        };
        let due = Due {
            wish,
            together: Reserve::together(short.allotment),
            ..Due::of(short.holder, purpose)
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
                Ceiling::Lease => EngineFallback::Unavailable,
                ceiling => EngineFallback::Without(ceiling),
            };
        }
        if !awaited {
            self.put(due);
        }
        EngineFallback::Wait
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
        let here = u16::try_from(here).unwrap_or(u16::MAX);
        let keeps = short.account.keeps_share(here, now, claim.lease);
        Some(here.saturating_add(1).saturating_sub(keeps))
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
            self.put(Due::of(holder, Purpose::Report));
        }
        true
    }
}
