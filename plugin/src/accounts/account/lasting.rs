//! What of an account outlasts its day: what was used in its periods, and of its purchases.
//!
//! | bytes | what |
//! |---|---|
//! | 0 | number of periods |
//! | then of each | its id (4), 0 for a week or month or 1 for a rolling period, and: |
//! | a week or month | its first second since 1970 (8), what was used in it (8) |
//! | a rolling period | its latest step (8), how many steps follow (1), what was used in each, the latest first (8 each) |
//! | then 1 | number of purchases |
//! | then of each | its id (4), what was used of it before the day (8), and on the day (8) |
//! | then, where there are purchases | the day's own credits when a call was last admitted (8), the day before this one on which anything was used (4), and what purchases paid on it (8) |

use std::rc::Rc;

use super::{
    NotAdmitted,
    periods::{Counter, PeriodAccount, PeriodClaim},
    purchases::{PurchaseAccount, PurchaseClaim},
};
use crate::model::{credits::Credits, day::DayNumber, period_balance::PeriodBalance};

/// The most entries of each kind that a record holds. Those that no call asks for any more make room first.
const MOST: usize = 64;

/// No day.
const NEVER: DayNumber = DayNumber::new(i32::MIN);

/// What of an account outlasts its day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lasting {
    periods: Vec<PeriodAccount>,
    /// Those that were used first before the others.
    purchases: Vec<PurchaseAccount>,
    /// The day's own credits when a call was last admitted; 0 where there were no purchases.
    day: Credits,
    /// The last day before this one on which anything was used, and what purchases paid on it.
    closed: Option<(DayNumber, Credits)>,
}

/// What a call asks of the periods and purchases of its organization.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastingClaim {
    /// The periods that count it.
    pub periods: Vec<PeriodClaim>,
    /// The purchases that may pay for it, those first that are used first.
    pub purchases: Vec<PurchaseClaim>,
    /// The credits of the day that are used before any purchase is.
    pub day: Credits,
}

impl Lasting {
    /// What was used in a period, as of the time at which `claim` is made.
    #[must_use]
    pub fn period(&self, claim: &PeriodClaim) -> Counter {
        let known = self.periods.iter().find(|known| known.id == claim.id);
        let Some(known) = known else {
            return Counter::unused(&claim.time);
        };
        let mut counter = known.counter.clone();
        counter.roll_to(&claim.time);
        counter
    }

    /// What is left in the periods that count a call.
    #[must_use]
    pub fn balances(&self, claim: &LastingClaim) -> Vec<PeriodBalance> {
        let periods = claim.periods.iter();
        let balance = |period: &PeriodClaim| period.balance(&self.period(period));
        periods.map(balance).collect()
    }

    /// What was used of a purchase.
    #[must_use]
    pub fn purchase(&self, id: u32) -> PurchaseAccount {
        let known = self.purchases.iter().find(|known| known.id == id);
        known.copied().unwrap_or(PurchaseAccount::unused(id))
    }

    /// What purchases add to the day's credits: what was left of them when it began, and what was used today of those that cannot be used
    /// any more.
    #[must_use]
    pub fn purchased(&self, claims: &[PurchaseClaim]) -> Credits {
        let usable = claims.iter().fold(Credits::ZERO, |sum, claim| {
            let left = claim.credits.saturating_sub(self.purchase(claim.id).before);
            sum.saturating_add(left)
        });
        usable.saturating_add(self.used_elsewhere(claims))
    }

    /// What was used today of purchases other than these.
    fn used_elsewhere(&self, claims: &[PurchaseClaim]) -> Credits {
        let others = self.purchases.iter();
        let others = others.filter(|known| claims.iter().all(|claim| claim.id != known.id));
        others.fold(Credits::ZERO, |sum, known| sum.saturating_add(known.today))
    }

    /// Counts a call that costs so much in each period.
    pub(super) fn admit(&self, claim: &LastingClaim, cost: Credits) -> Result<Self, NotAdmitted> {
        let mut admitted = self.clone();
        for (index, period) in claim.periods.iter().enumerate() {
            let amount = period.amount(cost);
            admitted.begin(claim, period);
            let mut known = admitted.periods.iter_mut();
            let Some(known) = known.find(|known| known.id == period.id) else {
                continue;
            };
            known.counter.roll_to(&period.time);
            if let Some(short) = period.lacks(&known.counter, index, amount) {
                return Err(NotAdmitted::Period(short));
            }
            known.counter.add(amount);
        }
        Ok(admitted)
    }

    /// Begins to count a period, if that was not counted.
    fn begin(&mut self, claim: &LastingClaim, period: &PeriodClaim) {
        let id = period.id;
        if self.periods.iter().any(|known| known.id == id) {
            return;
        }
        let is_asked = |id| claim.periods.iter().any(|period| period.id == id);
        make_room(&mut self.periods, |known| is_asked(known.id));
        let counter = Counter::unused(&period.time);
        self.periods.push(PeriodAccount { id, counter });
    }

    /// Notes in `claim` where the call that it was made for was counted, which is now.
    pub(super) fn note_places(&self, claim: &mut LastingClaim) {
        for period in &mut claim.periods {
            let known = self.periods.iter().find(|known| known.id == period.id);
            period.counted = known.map(|known| known.counter.place());
        }
    }

    /// After a call that was counted by `claim` has cost so much more, or less. What it was counted in and is over stays.
    #[must_use]
    pub(super) fn corrected(&self, claim: &LastingClaim, step: Step) -> Self {
        let mut corrected = self.clone();
        for period in claim.periods.iter().filter(|period| period.is_corrected()) {
            let mut known = corrected.periods.iter_mut();
            let known = known.find(|known| known.id == period.id);
            let used = known
                .zip(period.counted)
                .and_then(|(known, place)| known.counter.at(place, &period.time));
            if let Some(used) = used {
                *used = match step {
                    Step::More(amount) => used.saturating_add(amount.get()),
                    Step::Less(amount) => used.saturating_sub(amount.get()),
                };
            }
        }
        corrected
    }

    /// How much more a call can cost that was counted by `claim`, as far as it is still counted.
    #[must_use]
    pub(super) fn left(&self, claim: &LastingClaim) -> Credits {
        let corrected = claim.periods.iter().filter(|period| period.is_corrected());
        let left = corrected.filter_map(|period| {
            let mut counter = self.period(period);
            counter.at(period.counted?, &period.time)?;
            (period.enforced).then(|| period.limit.saturating_sub(counter.used()))
        });
        left.min().map_or(Credits::MAX, Credits::saturating)
    }

    /// With so much of the day used, of which purchases pay what is beyond the day's own credits.
    pub(super) fn paying(mut self, claim: &LastingClaim, used: Credits) -> Self {
        if !claim.purchases.is_empty() || !self.purchases.is_empty() {
            self.day = claim.day;
        }
        let mut beyond = used
            .saturating_sub(claim.day)
            .saturating_sub(self.used_elsewhere(&claim.purchases));
        for purchase in &claim.purchases {
            let known = self.purchase(purchase.id);
            let left = purchase.credits.saturating_sub(known.before);
            let today = beyond.min(left);
            beyond = beyond.saturating_sub(today);
            if today != known.today {
                self.put_purchase(claim, PurchaseAccount { today, ..known });
            }
        }
        self
    }

    /// What purchases pay of the day.
    #[must_use]
    pub fn paid_by_purchases(&self) -> Credits {
        self.used_elsewhere(&[])
    }

    /// With so much of the day used after a correction: the purchases that were used last get back what the day's own credits pay again, and
    /// more is paid by those that `claim` knows. The day's credits are those of the latest call, not those by which the corrected one came.
    pub(super) fn repaying(mut self, claim: &LastingClaim, used: Credits) -> Self {
        let beyond = used.saturating_sub(self.day);
        let paid = self.paid_by_purchases();
        let mut back = paid.saturating_sub(beyond);
        for known in self.purchases.iter_mut().rev() {
            let amount = back.min(known.today);
            known.today = known.today.saturating_sub(amount);
            back = back.saturating_sub(amount);
        }
        let mut more = beyond.saturating_sub(paid);
        for purchase in &claim.purchases {
            let known = self.purchase(purchase.id);
            let amount = more.min(purchase.credits.saturating_sub(known.used()));
            more = more.saturating_sub(amount);
            if !amount.is_zero() {
                let today = known.today.saturating_add(amount);
                self.put_purchase(claim, PurchaseAccount { today, ..known });
            }
        }
        self
    }

    /// With so much given back to the purchases of `claim` that paid it on `day`, which is over, to the one that was used last first; nothing of
    /// a day before the last one, and no more than purchases paid on it.
    pub(super) fn giving_back(
        mut self,
        claim: &LastingClaim,
        day: DayNumber,
        amount: Credits,
    ) -> Self {
        let Some((_, paid)) = self.closed.filter(|(closed, _)| *closed == day) else {
            return self;
        };
        let mut amount = amount.min(paid);
        self.closed = Some((day, paid.saturating_sub(amount)));
        let ids = claim.purchases.iter().rev().map(|purchase| purchase.id);
        for id in ids {
            if let Some(known) = self.purchases.iter_mut().find(|known| known.id == id) {
                let back = amount.min(known.before);
                known.before = known.before.saturating_sub(back);
                amount = amount.saturating_sub(back);
            }
        }
        self
    }

    fn put_purchase(&mut self, claim: &LastingClaim, account: PurchaseAccount) {
        let same = self
            .purchases
            .iter_mut()
            .find(|known| known.id == account.id);
        if let Some(known) = same {
            *known = account;
            return;
        }
        let is_asked = |id| claim.purchases.iter().any(|purchase| purchase.id == id);
        make_room(&mut self.purchases, |known| is_asked(known.id));
        self.purchases.push(account);
    }

    /// On another day than this one: what was used of purchases was used before it.
    #[must_use]
    pub(super) fn on_another_day(&self, former: DayNumber) -> Rc<Self> {
        Rc::new(Self {
            periods: self.periods.clone(),
            purchases: self
                .purchases
                .iter()
                .map(PurchaseAccount::on_another_day)
                .collect(),
            day: self.day,
            closed: (!self.day.is_zero()).then(|| (former, self.paid_by_purchases())),
        })
    }

    /// How many bytes it takes in a record.
    pub(super) fn length(&self) -> usize {
        let periods = self.periods.iter().map(PeriodAccount::length);
        let purchases = self.purchases.len().saturating_mul(PurchaseAccount::LENGTH);
        let purchases = purchases.saturating_add(if self.day.is_zero() { 0 } else { 20 });
        periods
            .sum::<usize>()
            .saturating_add(purchases)
            .saturating_add(2)
    }

    /// Writes it as a part of a record.
    pub(super) fn write(&self, record: &mut Vec<u8>) {
        record.push(count(self.periods.len()));
        for period in &self.periods {
            period.write(record);
        }
        record.push(count(self.purchases.len()));
        for purchase in &self.purchases {
            purchase.write(record);
        }
        if !self.day.is_zero() {
            record.extend_from_slice(&self.day.get().to_le_bytes());
            let (day, paid) = self.closed.unwrap_or((NEVER, Credits::ZERO));
            record.extend_from_slice(&day.get().to_le_bytes());
            record.extend_from_slice(&paid.get().to_le_bytes());
        }
    }

    /// What a record holds; `None` if the bytes are something else.
    pub(super) fn of(mut bytes: &[u8]) -> Option<Self> {
        let mut lasting = Self::default();
        for _ in 0..take::<1>(&mut bytes)?[0] {
            lasting.periods.push(PeriodAccount::read(&mut bytes)?);
        }
        for _ in 0..take::<1>(&mut bytes)?[0] {
            lasting.purchases.push(PurchaseAccount::read(&mut bytes)?);
        }
        if !bytes.is_empty() {
            lasting.day = Credits::new(take_number(&mut bytes)?)?;
            let day = DayNumber::new(i32::from_le_bytes(take(&mut bytes)?));
            let paid = Credits::new(take_number(&mut bytes)?)?;
            lasting.closed = (day != NEVER).then_some((day, paid));
        }
        bytes.is_empty().then_some(lasting)
    }
}

/// By how much what a call has cost is corrected.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// So much more.
    More(Credits),
    /// So much less.
    Less(Credits),
}

fn count(entries: usize) -> u8 {
    u8::try_from(entries).unwrap_or(u8::MAX)
}

/// Of as many entries as there may be, the first one goes that is not kept.
fn make_room<T>(entries: &mut Vec<T>, is_kept: impl Fn(&T) -> bool) {
    if entries.len() >= MOST {
        let place = entries.iter().position(|entry| !is_kept(entry));
        entries.remove(place.unwrap_or_default());
    }
}

/// The first `N` of the bytes, which the others follow.
pub(super) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*first)
}

/// A number of eight bytes, which others follow.
pub(super) fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    take(bytes).map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests;
