//! Corrections: what a call has cost in the end, given back or charged wherever the call was counted.

use std::rc::Rc;

use super::{Account, Ceiling, ChargedClient, Lasting, LastingClaim, Parts, lasting::Step};
use crate::model::{credits::Credits, day::DayNumber};

/// As what a call was counted beside its organization's day, so that it can be corrected there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountedAs {
    /// Its client; `None` where clients are not told apart.
    pub client: Option<ChargedClient>,
    /// What it asked of periods and purchases, and where that was counted; `None` where there are neither.
    pub lasting: Option<Rc<LastingClaim>>,
    /// What of its cost purchases paid.
    pub purchased: Credits,
}

impl CountedAs {
    /// As what a call was counted that took the account from `before` to `after`.
    #[must_use]
    pub fn new(
        client: Option<ChargedClient>,
        lasting: Option<Rc<LastingClaim>>,
        before: &Account,
        after: &Account,
    ) -> Self {
        let mut lasting = lasting;
        let mut purchased = Credits::ZERO;
        if let (Some(claim), Some(counted)) = (&mut lasting, after.lasting()) {
            counted.note_places(Rc::make_mut(claim));
            let paid = before.lasting().map(Lasting::paid_by_purchases);
            let paid = paid.unwrap_or_default();
            purchased = counted.paid_by_purchases().saturating_sub(paid);
        }
        Self {
            client,
            lasting,
            purchased,
        }
    }

    /// The same as of another time, at which `now` is what a call asks of the periods.
    #[must_use]
    pub fn at(mut self, now: Option<Rc<LastingClaim>>) -> Self {
        if let (Some(claim), Some(now)) = (&mut self.lasting, now) {
            let claim = Rc::make_mut(claim);
            for period in &mut claim.periods {
                let same = now.periods.iter().find(|other| other.id == period.id);
                period.time = same.map_or(period.time, |same| same.time);
            }
        }
        self
    }
}

impl Account {
    /// Gives back what was charged on `day`, wherever it was counted; nothing of a day, week or month that has passed.
    #[must_use]
    pub fn refund(&self, day: DayNumber, amount: Credits, counted_as: &CountedAs) -> Self {
        let corrected = self.corrected(counted_as, Step::Less(amount));
        if self.day != day {
            return corrected.giving_back(counted_as, day, amount);
        }
        Self {
            used: self.used.saturating_sub(amount),
            ..corrected
        }
        .repaying(counted_as)
        .with_client(
            counted_as.client.as_ref().map(|client| &client.id),
            |account| {
                account.used = account.used.saturating_sub(amount);
            },
        )
    }

    /// Charges more for a call of `day` that was charged already: as much of `amount` as is left of the allotment, to its client and in its
    /// periods; nothing if that day has passed.
    #[must_use]
    pub fn charge_more(
        &self,
        day: DayNumber,
        amount: Credits,
        allotment: Option<Credits>,
        counted_as: &CountedAs,
    ) -> Self {
        if self.day != day {
            return self.clone();
        }
        let claim = counted_as.lasting.as_deref();
        let left = allotment.map_or(Credits::MAX, |allotment| {
            let ceiling = match &self.lease {
                Some(_) => Ceiling::Lease,
                None => Ceiling::Allotment,
            };
            let purchased = claim.map_or(Credits::ZERO, |claim| self.purchased(claim));
            self.limit(allotment.saturating_add(purchased), ceiling)
                .saturating_sub(self.used)
        });
        let client = counted_as.client.as_ref();
        let left_to_client = client.and_then(|client| {
            let used = self.client(client.id.as_str())?.used;
            Some(client.cap?.saturating_sub(used))
        });
        let in_periods = claim.zip(self.lasting());
        let in_periods = in_periods.map_or(Credits::MAX, |(claim, lasting)| lasting.left(claim));
        let more = amount
            .min(left)
            .min(left_to_client.unwrap_or(Credits::MAX))
            .min(in_periods);
        Self {
            used: self.used.saturating_add(more),
            ..self.corrected(counted_as, Step::More(more))
        }
        .repaying(counted_as)
        .with_client(client.map(|client| &client.id), |account| {
            account.used = account.used.saturating_add(more);
        })
    }

    /// The account after a correction, in its periods, of what a call has cost.
    fn corrected(&self, counted_as: &CountedAs, step: Step) -> Self {
        let corrected = self.lasting().zip(counted_as.lasting.as_deref());
        match corrected.map(|(lasting, claim)| lasting.corrected(claim, step)) {
            None => self.clone(),
            Some(lasting) => self.clone().with_lasting(lasting),
        }
    }

    fn with_lasting(self, lasting: Lasting) -> Self {
        let clients = self.parts.as_ref().and_then(|parts| parts.clients.clone());
        Self {
            parts: Parts::some(clients, Some(Rc::new(lasting))),
            ..self
        }
    }

    /// The account after purchases pay for what of its day they have to.
    #[must_use]
    fn repaying(self, counted_as: &CountedAs) -> Self {
        match (self.lasting(), &counted_as.lasting) {
            (Some(lasting), Some(claim)) => {
                let lasting = lasting.clone().repaying(claim, self.used);
                self.with_lasting(lasting)
            }
            _ => self,
        }
    }

    /// The account after purchases got back what they had paid of this on a day that is over.
    #[must_use]
    fn giving_back(self, counted_as: &CountedAs, day: DayNumber, amount: Credits) -> Self {
        let amount = amount.min(counted_as.purchased);
        match (self.lasting(), &counted_as.lasting) {
            (Some(lasting), Some(claim)) if !amount.is_zero() => {
                let lasting = lasting.clone().giving_back(claim, day, amount);
                self.with_lasting(lasting)
            }
            _ => self,
        }
    }
}
