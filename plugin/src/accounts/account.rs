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
mod lease;
mod record;

pub use clients::{ClientAccount, ClientClaim, ClientTerms, Clients};
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
    /// What its clients have used. `None` where clients are not told apart.
    clients: Option<Rc<Clients>>,
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
            clients: None,
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
                clients: self.clients.and_then(|clients| clients.on_another_day()),
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

    /// Charges a call and gives it its slot, and its client's, all of it or nothing. Invariant: an account that pays has used at most the
    /// allotment, and none of its clients more than its cap.
    ///
    /// # Errors
    /// When the client's credits do not suffice or too many of its calls are in progress, or else the organization's.
    pub fn admit(&self, admission: &Admission<'_>) -> Result<Self, NotAdmitted> {
        let cost = admission.cost;
        let clients = match admission.client {
            None => self.clients.clone(),
            Some(claim) => {
                let admitted = match &self.clients {
                    Some(clients) => clients.admit(claim, cost)?,
                    None => Clients::default().admit(claim, cost)?,
                };
                Some(Rc::new(admitted))
            }
        };
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
                clients,
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
            clients,
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

    /// Gives back what was charged on `day`, to `client` as well; nothing if that day has passed.
    #[must_use]
    pub fn refund(&self, day: DayNumber, amount: Credits, client: Option<&ChargedClient>) -> Self {
        if self.day != day {
            return self.clone();
        }
        Self {
            used: self.used.saturating_sub(amount),
            ..self.clone()
        }
        .with_client(client.map(|client| &client.id), |account| {
            account.used = account.used.saturating_sub(amount);
        })
    }

    /// Charges more for a call of `day` that was charged already: as much of `amount` as is left of the allotment and to its client; nothing
    /// if that day has passed.
    #[must_use]
    pub fn charge_more(
        &self,
        day: DayNumber,
        amount: Credits,
        allotment: Option<Credits>,
        client: Option<&ChargedClient>,
    ) -> Self {
        if self.day != day {
            return self.clone();
        }
        let left = allotment.map_or(Credits::MAX, |allotment| {
            let ceiling = match &self.lease {
                Some(_) => Ceiling::Lease,
                None => Ceiling::Allotment,
            };
            self.limit(allotment, ceiling).saturating_sub(self.used)
        });
        let left_to_client = client.and_then(|client| {
            let used = self.client(client.id.as_str())?.used;
            Some(client.cap?.saturating_sub(used))
        });
        let more = amount.min(left).min(left_to_client.unwrap_or(Credits::MAX));
        let add = |used: Credits| used.checked_add(more).unwrap_or(Credits::MAX);
        Self {
            used: add(self.used),
            ..self.clone()
        }
        .with_client(client.map(|client| &client.id), |account| {
            account.used = add(account.used);
        })
    }

    /// The account after a step of one of its clients.
    #[must_use]
    fn with_client(self, id: Option<&ClientId>, step: impl FnOnce(&mut ClientAccount)) -> Self {
        let (Some(id), Some(clients)) = (id, &self.clients) else {
            return self;
        };
        let clients = Some(Rc::new(clients.changed(id.as_str(), step)));
        Self { clients, ..self }
    }

    /// The account with these calls in progress.
    #[must_use]
    pub fn with_slots(&self, slots: Slots) -> Self {
        Self {
            slots,
            lease: self.lease.clone(),
            clients: self.clients.clone(),
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
        self.clients.as_deref()
    }

    /// What a client has used, if it is counted apart.
    #[must_use]
    pub fn client(&self, id: &str) -> Option<ClientAccount> {
        self.clients.as_ref()?.get(id)
    }

    /// As whom a client is counted that asks for this, and what that one has used.
    #[must_use]
    pub fn counted(&self, claim: &ClientClaim) -> (ChargedClient, Option<ClientAccount>) {
        let none = Clients::default();
        self.clients.as_deref().unwrap_or(&none).counted(claim)
    }

    /// As whom the client was charged that asked for this, and what that one has used, in the account right after that.
    #[must_use]
    pub fn charged(&self, claim: &ClientClaim) -> (ChargedClient, ClientAccount) {
        let none = Clients::default();
        self.clients.as_deref().unwrap_or(&none).charged(claim)
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
