//! Terms: under which model an organization's calls are counted, and how many credits a day it has under it.
//!
//! Which terms apply follows from the clock, so that they change at the right instant without a restart, and always where a day
//! begins, so that no day mixes two units.

use jiff::Timestamp;

use crate::model::{credits::Credits, data_center::DataCenter};

/// A way of counting calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// Every call counts 1 against the organization's API limit.
    Legacy,
    /// Every call costs credits.
    Credits,
    /// Every call costs credits, and the organization, which was there and paid before, has its API limit's number of them if that is
    /// higher.
    Grandfathered,
}

impl Model {
    /// The model's name in usage details.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Credits => "credits",
            Self::Grandfathered => "grandfathered",
        }
    }

    /// The model of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Legacy, Self::Credits, Self::Grandfathered];
        all.into_iter().find(|model| model.name() == name)
    }

    /// What a call costs under this model whose price in credits is `price`. Exempt calls are free under each.
    #[must_use]
    pub fn cost(self, price: Credits) -> Credits {
        match self {
            Self::Legacy => price.min(Credits::ONE),
            Self::Credits | Self::Grandfathered => price,
        }
    }
}

/// The model, and what a day gives under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How calls are counted.
    pub model: Model,
    /// The credits (or calls) of a day.
    pub total: Credits,
    /// How many more may be used before calls are refused.
    pub overage: Credits,
}

impl Terms {
    /// Terms without overage.
    #[must_use]
    pub const fn new(model: Model, total: Credits) -> Self {
        Self {
            model,
            total,
            overage: Credits::ZERO,
        }
    }

    /// What may be used before calls are refused.
    #[must_use]
    pub fn most(&self) -> Credits {
        self.total.checked_add(self.overage).unwrap_or(Credits::MAX)
    }

    /// With an overage of so many percent of the total, rounded down.
    #[must_use]
    pub fn with_overage(self, percent: u64) -> Self {
        let overage = u128::from(self.total.get()).saturating_mul(u128::from(percent)) / 100;
        let overage = u64::try_from(overage).unwrap_or(u64::MAX);
        Self {
            overage: Credits::saturating(overage),
            ..self
        }
    }

    /// With so many credits of purchases beside the day's own.
    #[must_use]
    pub fn with_purchased(self, purchased: Credits) -> Self {
        Self {
            total: self.total.saturating_add(purchased),
            ..self
        }
    }

    /// How much of what was used, from `before` to `after`, is overage.
    #[must_use]
    pub fn overage_between(&self, before: Credits, after: Credits) -> Credits {
        after.saturating_sub(before.max(self.total))
    }
}

/// What the terms of an organization follow from.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// Its allotment of credits.
    pub credits: Credits,
    /// Its API limit of the old model, if it had one.
    pub legacy_limit: Option<Credits>,
    /// Whether its edition is paid for.
    pub paid: bool,
    /// When the day of its sign-up began; `None` for one that was there before all this.
    pub signed_up: Option<Timestamp>,
}

/// The terms of an organization, past and future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    until: Option<(Timestamp, Terms)>,
    then: Terms,
}

impl Schedule {
    /// The schedule of an organization of this `standing` in `data_center`.
    ///
    /// Who signed up before the transition was complete has a limit until the data centre moves; whoever of them pays then gets
    /// whichever is higher. Who signs up later has credits from the first call on.
    #[must_use]
    pub fn new(standing: &Standing, data_center: &DataCenter) -> Self {
        let credits = Terms::new(Model::Credits, standing.credits);
        let newcomer = match (standing.signed_up, data_center.completed_at) {
            (Some(signed_up), Some(completed)) => signed_up >= completed,
            _ => false,
        };
        let Some(limit) = standing.legacy_limit.filter(|_| !newcomer) else {
            return Self::always(credits);
        };
        let higher = Terms::new(Model::Grandfathered, standing.credits.max(limit));
        let then = if standing.paid { higher } else { credits };
        let legacy = Terms::new(Model::Legacy, limit);
        Self {
            until: data_center.moves_at.map(|moves_at| (moves_at, legacy)),
            then,
        }
    }

    /// The same terms at all times.
    #[must_use]
    pub fn always(terms: Terms) -> Self {
        Self {
            until: None,
            then: terms,
        }
    }

    /// The same with an overage of so many percent.
    #[must_use]
    pub fn with_overage(self, percent: u64) -> Self {
        Self {
            until: self
                .until
                .map(|(until, terms)| (until, terms.with_overage(percent))),
            then: self.then.with_overage(percent),
        }
    }

    /// The terms at `now`.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Terms {
        match self.until {
            Some((until, terms)) if now < until => terms,
            _ => self.then,
        }
    }
}

#[cfg(test)]
mod tests;
