//! Lasting terms: the limits that an account holder has in periods, and the credits that it has bought once.

use std::{cell::Cell, rc::Rc};

use jiff::Timestamp;

use crate::{
    accounts::{
        account::{LastingClaim, PeriodClaim, PeriodTime, PurchaseClaim},
        statistics::NameHash,
    },
    model::{
        credits::Credits,
        day::{Calendar, Day},
        period::{Period, Shape, Span, Unit},
        purchase::{NamedPurchase, Purchases},
        terms::{Model, Terms},
    },
};

/// The limits that an account holder has in periods, and its purchases.
#[derive(Debug, Default)]
pub struct LastingTerms {
    periods: Vec<PeriodLimit>,
    purchases: Purchases,
}

/// The limit of a holder in one period.
#[derive(Debug)]
struct PeriodLimit {
    period: Rc<Period>,
    /// What it is called in records.
    id: u32,
    limit: Credits,
    /// The week or month in which the holder called last: the next one is looked for once.
    latest: Cell<Option<Span>>,
}

impl LastingTerms {
    /// These limits and purchases; `None` where there are none.
    #[must_use]
    pub fn of(
        limits: impl IntoIterator<Item = (Rc<Period>, Credits)>,
        purchases: Purchases,
    ) -> Option<Box<Self>> {
        let limits = limits.into_iter().map(|(period, limit)| PeriodLimit {
            id: id(&period),
            period,
            limit,
            latest: Cell::default(),
        });
        let periods: Vec<_> = limits.collect();
        let is_nothing = periods.is_empty() && purchases.is_empty();
        (!is_nothing).then(|| Box::new(Self { periods, purchases }))
    }

    /// What a call asks at `now`, on this day of `calendar` and under these terms of it; `enforced` unless its holder is never refused.
    ///
    /// Under the legacy model there are no credits: periods that count them count nothing, and purchases are kept.
    #[must_use]
    pub fn claim(
        &self,
        terms: Terms,
        day: Day,
        calendar: &Calendar,
        now: Timestamp,
        enforced: bool,
    ) -> LastingClaim {
        let in_credits = terms.model != Model::Legacy;
        let periods = self.periods.iter();
        let periods = periods.filter(|limit| in_credits || limit.period.unit == Unit::Requests);
        let usable = self.purchases.on(day.number).filter(|_| in_credits);
        LastingClaim {
            periods: periods
                .map(|limit| limit.claim(calendar, now, enforced))
                .collect(),
            purchases: usable.map(claimed).collect(),
            day: terms.total,
        }
    }

    /// The purchases, those first that are used first.
    #[must_use]
    pub fn purchases(&self) -> &Purchases {
        &self.purchases
    }
}

impl PeriodLimit {
    fn claim(&self, calendar: &Calendar, now: Timestamp, enforced: bool) -> PeriodClaim {
        let Period { name, unit, .. } = &*self.period;
        PeriodClaim {
            id: self.id,
            name: name.clone(),
            limit: self.limit.get(),
            enforced,
            unit: *unit,
            time: self.time(calendar, now),
            counted: None,
        }
    }

    fn time(&self, calendar: &Calendar, now: Timestamp) -> PeriodTime {
        let shape = self.period.shape;
        if let Shape::Rolling(window) = shape {
            return PeriodTime::Rolling(window, window.step_at(now));
        }
        let known = self.latest.get().filter(|span| span.contains(now));
        let calendar = self.period.calendar.as_ref().unwrap_or(calendar);
        let span = known.or_else(|| shape.span(now, calendar));
        self.latest.set(span);
        let whole = Span {
            start: Timestamp::MIN,
            end: Timestamp::MAX,
        };
        PeriodTime::Calendar(span.unwrap_or(whole), now.as_second())
    }
}

/// What stands for a period in a record. One that counts something else, or in other steps, is another one; a week or month that begins on
/// another day is the same.
fn id(period: &Period) -> u32 {
    let length = match period.shape {
        Shape::Month(_) => 0,
        Shape::Week(_) => 7,
        Shape::Rolling(window) => window.length().get(),
    };
    let rolling = matches!(period.shape, Shape::Rolling(_));
    let (name, unit) = (&period.name, period.unit.name());
    NameHash::of(&format!("{name} {unit} {rolling} {length}")).get()
}

/// What stands for a purchase in a record.
#[must_use]
pub fn purchase_id(name: &str) -> u32 {
    NameHash::of(name).get()
}

/// What a call asks of a purchase.
fn claimed(purchase: &NamedPurchase) -> PurchaseClaim {
    PurchaseClaim {
        id: purchase_id(&purchase.name),
        credits: purchase.purchase.credits,
    }
}
