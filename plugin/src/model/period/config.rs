//! What is configured about a period.

use serde::Deserialize;

use super::{Period, Shape, Unit, Window};
use crate::model::{
    day::{Calendar, CalendarError},
    policy_name::PolicyName,
    scaled_limit::ScaledLimit,
};

/// A period beside the day, with exactly one of `month_from`, `week_from` and `seconds`. A call is admitted by the day and by every period in
/// which its organization has a limit, or not at all.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "PeriodConfig", deny_unknown_fields, default)]
#[derive(Default)]
pub struct PeriodConfig {
    /// A month: the day of the month on which it begins, from 1 to 31; a month with fewer days begins it on its last one.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 31)))]
    pub month_from: Option<u8>,
    /// A week: the day on which it begins.
    pub week_from: Option<Weekday>,
    /// Any span of so many seconds, from 1 to 2678400 (31 days), such as any 18000 (5 hours); or a short-term limit, such as any 60. What was
    /// used counts for that long and up to a twentieth longer.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 2_678_400)))]
    pub seconds: Option<u64>,
    /// The time zone in which a month or week begins at midnight, by its IANA name; left out, it begins when that day does for the
    /// organization.
    #[cfg_attr(
        feature = "schema",
        schemars(regex(pattern = r"^[A-Za-z][A-Za-z0-9_+/-]*$"))
    )]
    pub time_zone: Option<String>,
    /// What is counted.
    pub unit: Unit,
    /// The limit of each organization for which neither it nor its edition has one in `period_limits`; left out, it has none.
    pub limit: Option<ScaledLimit>,
}

crate::document::json::objects!(PeriodConfig);

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// A period that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPeriod {
    /// Not one kind of period.
    #[error("expected exactly one of `month_from`, `week_from` and `seconds`")]
    Kind,
    /// Not a day of a month.
    #[error("invalid value {0}, expected a day of the month from 1 to 31")]
    MonthFrom(u8),
    /// A rolling period of no length, or too long.
    #[error("invalid value {0}, expected from 1 to {longest} seconds", longest = Window::LONGEST)]
    Seconds(u64),
    /// A rolling period in a time zone.
    #[error("expected none, because `seconds` are the same everywhere")]
    RollingZone,
    /// Not a time zone.
    #[error(transparent)]
    TimeZone(#[from] CalendarError),
}

impl InvalidPeriod {
    /// The key that is wrong; `None` for all together.
    #[must_use]
    pub const fn key(&self) -> Option<&'static str> {
        match self {
            Self::Kind => None,
            Self::MonthFrom(_) => Some("month_from"),
            Self::Seconds(_) => Some("seconds"),
            Self::RollingZone | Self::TimeZone(_) => Some("time_zone"),
        }
    }
}

impl PeriodConfig {
    /// The period called `name`.
    ///
    /// # Errors
    /// When it cannot be.
    pub fn into_period(self, name: PolicyName) -> Result<Period, InvalidPeriod> {
        let shape = match (self.month_from, self.week_from, self.seconds) {
            (Some(day), None, None) => {
                let from = i8::try_from(day).ok().filter(|day| (1..=31).contains(day));
                Shape::Month(from.ok_or(InvalidPeriod::MonthFrom(day))?)
            }
            (None, Some(day), None) => Shape::Week(day as u8),
            (None, None, Some(seconds)) => {
                let window = Window::of_seconds(seconds);
                Shape::Rolling(window.ok_or(InvalidPeriod::Seconds(seconds))?)
            }
            _ => return Err(InvalidPeriod::Kind),
        };
        if matches!(shape, Shape::Rolling(_)) && self.time_zone.is_some() {
            return Err(InvalidPeriod::RollingZone);
        }
        let calendar = self.time_zone.map(|zone| Calendar::new(&zone, "00:00"));
        Ok(Period {
            name,
            shape,
            unit: self.unit,
            limit: self.limit,
            calendar: calendar.transpose()?,
        })
    }
}
