//! What is left of a day's credits.

use jiff::Timestamp;

use super::{
    client::ClientBalance,
    credits::Credits,
    day::{Day, Seconds},
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
    /// What the call's client has used of it; `None` where clients are not told apart.
    pub client: Option<Box<ClientBalance>>,
}

impl Balance {
    /// The time until the credits are there again, rounded up.
    #[must_use]
    pub fn resets_in(&self, now: Timestamp) -> Seconds {
        Seconds::between(now, self.day.end)
    }
}
