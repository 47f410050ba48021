//! Periods: what may be used in a time other than the day, such as a month of 2,000,000 credits or 600 requests in any minute.
//!
//! A week or a month begins where one of its days does. A rolling period is any span of its length: what was used counts until that much
//! time has passed, by steps of a twentieth, so that never more is used in the length than the limit, and what was used is free again
//! after the length and a twentieth of it at the latest. Time is an argument: nothing here reads a clock.

use jiff::{Timestamp, civil::Date};

use crate::model::{
    calendar_date::CalendarDate,
    day::{Calendar, DayNumber, Seconds},
    policy_name::PolicyName,
    scaled_limit::ScaledLimit,
};

mod config;

pub use config::{InvalidPeriod, PeriodConfig};

/// A period, of which each organization may have a limit.
#[derive(Debug)]
pub struct Period {
    /// What it is called in configurations, header fields, problem details and usage details.
    pub name: PolicyName,
    /// Which time it is.
    pub shape: Shape,
    /// What is counted.
    pub unit: Unit,
    /// The limit of whoever has none of its own; `None` for any amount.
    pub limit: Option<ScaledLimit>,
    /// By which it begins; `None` for the calendar of the organization's data centre.
    pub calendar: Option<Calendar>,
}

/// Which time a period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A month that begins on this day of each calendar month, from 1 to 31; on the last day of a month that has fewer.
    Month(i8),
    /// A week that begins on this day, from 0 for Monday to 6 for Sunday.
    Week(u8),
    /// Any span of this length.
    Rolling(Window),
}

/// What a period counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// The credits that calls cost.
    #[default]
    Credits,
    /// Calls that are admitted, whatever they cost. Calls that are exempt are not among them.
    Requests,
}

impl Unit {
    /// The unit's name in usage details.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Credits => "credits",
            Self::Requests => "requests",
        }
    }
}

/// One week or month: its two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its first instant.
    pub start: Timestamp,
    /// The first instant of the next one.
    pub end: Timestamp,
}

impl Span {
    /// Whether `now` is in it.
    #[must_use]
    pub fn contains(&self, now: Timestamp) -> bool {
        self.start <= now && now < self.end
    }
}

/// The length of a rolling period.
///
/// Invariant: from 1 second to [`Window::LONGEST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window(u32);

impl Window {
    /// The longest one, in seconds: 31 days.
    pub const LONGEST: u32 = 31 * 86_400;
    /// In how many steps what was used becomes free again.
    pub const STEPS: u64 = 20;
    /// The milliseconds of a step of a window of one second.
    const STEP: u64 = 1_000 / Self::STEPS;

    /// A rolling period of so many seconds, if it can be.
    #[must_use]
    pub fn of_seconds(seconds: u64) -> Option<Self> {
        let seconds = u32::try_from(seconds).ok()?;
        (1..=Self::LONGEST)
            .contains(&seconds)
            .then_some(Self(seconds))
    }

    /// Its length.
    #[must_use]
    pub fn length(self) -> Seconds {
        Seconds::new(self.0.into())
    }

    fn step(self) -> u64 {
        u64::from(self.0).saturating_mul(Self::STEP)
    }

    /// The number of the step that `now` is in, counted from 1970.
    #[must_use]
    pub fn step_at(self, now: Timestamp) -> u64 {
        let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or_default();
        milliseconds.checked_div(self.step()).unwrap_or_default()
    }

    /// When what was used in this step is free again.
    #[must_use]
    pub fn freed_at(self, step: u64) -> Timestamp {
        let steps = step.saturating_add(Self::STEPS).saturating_add(1);
        let milliseconds = i64::try_from(steps.saturating_mul(self.step()));
        let freed = milliseconds.map(Timestamp::from_millisecond);
        freed.ok().and_then(Result::ok).unwrap_or(Timestamp::MAX)
    }
}

impl Shape {
    /// The week or month that `now` is in, whose days are those of `calendar`; `None` for a rolling period.
    #[must_use]
    pub fn span(self, now: Timestamp, calendar: &Calendar) -> Option<Span> {
        let today = calendar.day(now).number;
        let (first, next) = match self {
            Self::Rolling(_) => return None,
            Self::Week(begins_on) => week(today, begins_on),
            Self::Month(begins_on) => month(CalendarDate::of(today).get(), begins_on),
        };
        Some(Span {
            start: calendar.start_of(first),
            end: calendar.start_of(next),
        })
    }
}

/// The first day of the week that `today` is in, and of the next one.
fn week(today: DayNumber, begins_on: u8) -> (Date, Date) {
    // 1970-01-01 was a Thursday.
    let weekday = today.get().saturating_add(3).rem_euclid(7);
    let since = weekday.saturating_sub(begins_on.into()).rem_euclid(7);
    let first = today.get().saturating_sub(since);
    let date = |number| CalendarDate::of(DayNumber::new(number)).get();
    (date(first), date(first.saturating_add(7)))
}

/// The first day of the month that `today` is in, and of the next one.
fn month(today: Date, begins_on: i8) -> (Date, Date) {
    let this = nth(today.year(), today.month(), begins_on);
    let (year, month) = (today.year(), today.month());
    if today < this {
        let before = match month {
            1 => nth(year.saturating_sub(1), 12, begins_on),
            month => nth(year, month.saturating_sub(1), begins_on),
        };
        return (before, this);
    }
    let next = match month {
        12 => nth(year.saturating_add(1), 1, begins_on),
        month => nth(year, month.saturating_add(1), begins_on),
    };
    (this, next)
}

/// The day of this number in a month, or its last one.
fn nth(year: i16, month: i8, day: i8) -> Date {
    let first = Date::new(year, month, 1).unwrap_or(Date::MAX);
    let last = first.days_in_month();
    Date::new(year, month, day.min(last)).unwrap_or(first)
}

#[cfg(test)]
mod tests;
