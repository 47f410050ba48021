//! Data centres: where an organization's days are counted, and from when on its calls are.

use jiff::Timestamp;

use crate::model::{calendar_date::CalendarDate, day::Calendar};

/// What the data centre is called of organizations that state none.
pub const DEFAULT_NAME: &str = "default";

/// A data centre.
#[derive(Debug)]
pub struct DataCenter {
    /// Its name: a key of `data_centers`, or `default`.
    pub name: String,
    /// Its days.
    pub calendar: Calendar,
    /// When its organizations move from limits to credits; `None` for one that has always counted credits.
    pub moves_at: Option<Timestamp>,
    /// When the transition was complete everywhere: who signs up from then on never had a limit.
    pub completed_at: Option<Timestamp>,
}

impl DataCenter {
    /// A data centre whose organizations move to credits on the day `credits_from`, and everywhere on the day `completed_on` at the
    /// latest. Both days begin by `calendar`.
    #[must_use]
    pub fn new(
        name: String,
        calendar: Calendar,
        credits_from: Option<CalendarDate>,
        completed_on: Option<CalendarDate>,
    ) -> Self {
        let begins = |date: CalendarDate| calendar.start_of(date.get());
        let (from, completed_at) = (credits_from.map(begins), completed_on.map(begins));
        let moves_at = match (from, completed_at) {
            (Some(from), Some(completed)) => Some(from.min(completed)),
            (from, completed) => from.or(completed),
        };
        Self {
            name,
            calendar,
            moves_at,
            completed_at,
        }
    }
}
