//! The account: what one organization has used today and which of its calls are in progress, and the pure steps that change it.
//!
//! An account stores what was *used*, never what remains, and the allotment is applied when a call is decided: a purchase or another
//! edition takes effect at once and resets nothing. The day is inside the record, because shared-data keys can never be deleted.
//! Credits, slots and clients are in one record, so that one compare-and-set admits a call by all of them, or by none.

use std::rc::Rc;

use jiff::Timestamp;

use crate::{
    accounts::slots::{Claim, Group, Limits, Slots, TooManyCalls, WorkerId},
    model::{
        client::ClientId,
        credits::Credits,
        day::{DayNumber, Seconds},
    },
};

mod clients;
mod correction;
mod lasting;
mod lease;
mod periods;
mod purchases;
mod record;

pub use clients::{ClientAccount, ClientClaim, ClientTerms, Clients};
pub use correction::CountedAs;
pub use lasting::{Lasting, LastingClaim};
pub use lease::{Asking, Granted, Lease, Moment};
pub use periods::{PeriodClaim, PeriodShort, PeriodTime};
pub use purchases::PurchaseClaim;
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
    /// What is counted beside the day. Most accounts have nothing, and pay nothing for it.
    parts: Option<Rc<Parts>>,
}

/// What is counted beside an account's day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Parts {
    /// What its clients have used. `None` where clients are not told apart.
    clients: Option<Rc<Clients>>,
    /// What was used in its periods and of its purchases. `None` where it has neither.
    lasting: Option<Rc<Lasting>>,
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
pub struct Admission<'a> {
    /// What it costs.
    pub cost: Credits,
    /// The credits of the day, of which it is paid; `None` for a holder that is counted but never refused.
    pub allotment: Option<Credits>,
    /// The slot that it takes; `None` where calls in progress are not counted.
    pub slot: Option<Claim>,
    /// How far the credits may be used here.
    pub ceiling: Ceiling,
    /// What it asks for its client; `None` where clients are not told apart.
    pub client: Option<&'a ClientClaim>,
    /// What it asks of the organization's periods and purchases; `None` where it has neither.
    pub lasting: Option<&'a LastingClaim>,
}

/// As whom a client was charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChargedClient {
    /// The client, or all that are not counted apart.
    pub id: ClientId,
    /// The most that it may use in a day; `None` for any amount.
    pub cap: Option<Credits>,
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
    /// What the client may use of them cannot.
    #[error("of what its client may use, {0}")]
    Client(InsufficientCredits),
    /// What may be used in a period cannot.
    #[error("a period has {} left, and the call needs {}", .0.remaining, .0.amount)]
    Period(PeriodShort),
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
            parts: None,
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
                parts: self.parts.and_then(|parts| parts.on_another_day(self.day)),
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
            lease: on_another_day(self.lease.as_deref()),
            ..self.clone()
        })
    }

    /// Charges a call and gives it its slot, in its day, to its client and in its periods, all of it or nothing. Invariant: an account that
    /// pays has used at most the allotment and what purchases add to it, none of its clients more than its cap, and in no period more than
    /// its limit.
    ///
    /// # Errors
    /// When the client's credits do not suffice or too many of its calls are in progress, or else the organization's.
    pub fn admit(&self, admission: &Admission<'_>) -> Result<Self, NotAdmitted> {
        if admission.client.is_some() || admission.lasting.is_some() {
            return self.admit_in_parts(admission);
        }
        let used = self.pay(admission, admission.allotment)?;
        self.serve(admission, used, self.parts.clone())
    }

    /// The same for a call with a client, or in periods or with purchases.
    #[inline(never)]
    fn admit_in_parts(&self, admission: &Admission<'_>) -> Result<Self, NotAdmitted> {
        let cost = admission.cost;
        let (known, none) = (self.parts.as_deref(), Parts::default());
        let known = known.unwrap_or(&none);
        let clients = match admission.client {
            None => known.clients.clone(),
            Some(claim) => {
                let admitted = match &known.clients {
                    Some(clients) => clients.admit(claim, cost)?,
                    None => Clients::default().admit(claim, cost)?,
                };
                Some(Rc::new(admitted))
            }
        };
        let purchased = |claim| self.purchased(claim);
        let purchased = admission.lasting.map_or(Credits::ZERO, purchased);
        let allotment = admission.allotment;
        let allotment = allotment.map(|allotment| allotment.saturating_add(purchased));
        let used = self.pay(admission, allotment)?;
        let lasting = match admission.lasting {
            None => known.lasting.clone(),
            Some(claim) => {
                let admitted = match &known.lasting {
                    Some(lasting) => lasting.admit(claim, cost)?,
                    None => Lasting::default().admit(claim, cost)?,
                };
                Some(Rc::new(admitted.paying(claim, used)))
            }
        };
        self.serve(admission, used, Parts::some(clients, lasting))
    }

    /// What is used once the call has paid of this allotment.
    #[inline(always)]
    fn pay(
        &self,
        admission: &Admission<'_>,
        allotment: Option<Credits>,
    ) -> Result<Credits, InsufficientCredits> {
        let cost = admission.cost;
        match (allotment, self.used.checked_add(cost)) {
            (None, used) => Ok(used.unwrap_or(Credits::MAX)),
            (Some(allotment), Some(used)) if used <= self.limit(allotment, admission.ceiling) => {
                Ok(used)
            }
            (Some(allotment), _) => Err(InsufficientCredits {
                cost,
                remaining: self.remaining(allotment),
            }),
        }
    }

    /// The account once a call that has paid has its slot.
    #[inline(always)]
    fn serve(
        &self,
        admission: &Admission<'_>,
        used: Credits,
        parts: Option<Rc<Parts>>,
    ) -> Result<Self, NotAdmitted> {
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
                parts,
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
            parts,
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

    /// The account after a step of one of its clients.
    #[must_use]
    fn with_client(self, id: Option<&ClientId>, step: impl FnOnce(&mut ClientAccount)) -> Self {
        let (Some(id), Some(clients)) = (id, self.clients()) else {
            return self;
        };
        let clients = Some(Rc::new(clients.changed(id.as_str(), step)));
        let lasting = self.parts.as_ref().and_then(|parts| parts.lasting.clone());
        Self {
            parts: Parts::some(clients, lasting),
            ..self
        }
    }

    /// The account with these calls in progress.
    #[must_use]
    pub fn with_slots(&self, slots: Slots) -> Self {
        Self {
            slots,
            lease: self.lease.clone(),
            parts: self.parts.clone(),
            ..*self
        }
    }

    /// The account after `worker` has stated that it serves so many calls of `client`.
    #[must_use]
    pub fn with_calls_of(
        self,
        client: &ClientId,
        worker: WorkerId,
        calls: u16,
        lease: Seconds,
        now: Timestamp,
    ) -> Self {
        self.with_client(Some(client), |account| {
            account.slots = account.slots.state(worker, Group::NONE, calls, lease, now);
        })
    }

    /// The account with these thresholds marked as warned of.
    #[must_use]
    pub fn with_warned(self, warned: u8) -> Self {
        Self { warned, ..self }
    }

    /// The account with these thresholds of a client's cap marked as warned of.
    #[must_use]
    pub fn with_client_warned(self, client: &ClientId, warned: u8) -> Self {
        self.with_client(Some(client), |account| account.warned = warned)
    }

    /// What its clients have used; `None` where clients were not told apart.
    #[must_use]
    pub fn clients(&self) -> Option<&Clients> {
        self.parts.as_ref()?.clients.as_deref()
    }

    /// What a client has used, if it is counted apart.
    #[must_use]
    pub fn client(&self, id: &str) -> Option<ClientAccount> {
        self.clients()?.get(id)
    }

    /// As whom a client is counted that asks for this, and what that one has used.
    #[must_use]
    pub fn counted(&self, claim: &ClientClaim) -> (ChargedClient, Option<ClientAccount>) {
        let none = Clients::default();
        self.clients().unwrap_or(&none).counted(claim)
    }

    /// As whom the client was charged that asked for this, and what that one has used, in the account right after that.
    #[must_use]
    pub fn charged(&self, claim: &ClientClaim) -> (ChargedClient, ClientAccount) {
        let none = Clients::default();
        self.clients().unwrap_or(&none).charged(claim)
    }

    /// What was used in its periods and of its purchases; `None` where it has neither.
    #[must_use]
    pub fn lasting(&self) -> Option<&Lasting> {
        self.parts.as_ref()?.lasting.as_deref()
    }

    /// What purchases add to the credits of the day: what was left of them when it began.
    #[must_use]
    pub fn purchased(&self, claim: &LastingClaim) -> Credits {
        match self.lasting() {
            Some(lasting) => lasting.purchased(&claim.purchases),
            None => Lasting::default().purchased(&claim.purchases),
        }
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

impl Parts {
    /// These parts; `None` where there are none.
    fn some(clients: Option<Rc<Clients>>, lasting: Option<Rc<Lasting>>) -> Option<Rc<Self>> {
        let is_nothing = clients.is_none() && lasting.is_none();
        (!is_nothing).then(|| Rc::new(Self { clients, lasting }))
    }

    /// The parts on another day.
    fn on_another_day(&self, former: DayNumber) -> Option<Rc<Self>> {
        let clients = self.clients.as_ref();
        let clients = clients.and_then(|clients| clients.on_another_day());
        let lasting = self.lasting.as_ref();
        Self::some(
            clients,
            lasting.map(|lasting| lasting.on_another_day(former)),
        )
    }
}

#[inline]
fn on_another_day(lease: Option<&Lease>) -> Option<Rc<Lease>> {
    lease.map(|lease| Rc::new(lease.on_another_day()))
}

#[cfg(test)]
mod tests;
