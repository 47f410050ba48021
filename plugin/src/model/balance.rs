//! What is left of a day's credits.

use jiff::Timestamp;

use super::{
    client::ClientBalance,
    credits::Credits,
    day::{Day, Seconds},
    period::Unit,
    period_balance::PeriodBalance,
};

/// What is left of a day's credits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// The credits of the day.
    pub allotment: Credits,
    /// What of them was left after the decision.
    pub remaining: Credits,
    /// The day.
    pub day: Day,
    /// What is left beside the day; `None` where nothing is counted there.
    pub beside: Option<Box<BesideDay>>,
}

/// What is left beside the day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BesideDay {
    /// What the call's client has used of the day; `None` where clients are not told apart.
    pub client: Option<ClientBalance>,
    /// What is left in each period that has a limit.
    pub periods: Vec<PeriodBalance>,
}

impl BesideDay {
    /// These; `None` where there is nothing.
    #[must_use]
    pub fn of(client: Option<ClientBalance>, periods: Vec<PeriodBalance>) -> Option<Box<Self>> {
        let is_nothing = client.is_none() && periods.is_empty();
        (!is_nothing).then(|| Box::new(Self { client, periods }))
    }
}

impl Balance {
    /// What the call's client has used of the day; `None` where clients are not told apart.
    #[must_use]
    pub fn client(&self) -> Option<&ClientBalance> {
        self.beside.as_ref()?.client.as_ref()
    }

    /// What is left in each period that has a limit.
    #[must_use]
    pub fn periods(&self) -> &[PeriodBalance] {
        let beside = self.beside.as_deref();
        beside.map_or(&[], |beside| &beside.periods)
    }

    /// The credits that the call's organization and client have left: in the day, of the client's cap and in every period that counts
    /// credits.
    #[must_use]
    pub fn spendable(&self) -> Credits {
        let client = self.client().and_then(ClientBalance::remaining);
        let left = self.remaining.min(client.unwrap_or(Credits::MAX));
        let periods = self
            .periods()
            .iter()
            .filter(|period| period.unit == Unit::Credits);
        periods.fold(left, |left, period| {
            left.min(Credits::saturating(period.remaining()))
        })
    }

    /// The time until the credits are there again, rounded up.
    #[must_use]
    pub fn resets_in(&self, now: Timestamp) -> Seconds {
        Seconds::between(now, self.day.end)
    }
}
