//! The calendar day in which credits are counted.
//!
//! A day begins at a time of day in an IANA time zone and ends where the next one begins, so that a day across a change to or from
//! summer time has 23 or 25 hours. Time is an argument: nothing here reads a clock.

use std::{cell::Cell, time::Duration};

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, Time, date},
    tz::TimeZone,
};

use crate::model::{credits::Credits, zone};

/// The number of a day: days since 1970-01-01 of the local date on which it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayNumber(i32);

impl DayNumber {
    /// The day with this number; any number is a day.
    #[must_use]
    pub const fn new(number: i32) -> Self {
        Self(number)
    }

    /// Days since 1970-01-01, as stored in an account's record.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }
}

/// A length of time in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(u64);

impl Seconds {
    /// `seconds` of time.
    #[must_use]
    pub const fn new(seconds: u64) -> Self {
        Self(seconds)
    }

    /// The time from `from` until `to`, rounded up, so that whoever waits that long is never too early; nothing if it has passed.
    #[must_use]
    pub fn between(from: Timestamp, to: Timestamp) -> Self {
        let begun = i64::from(to.subsec_nanosecond() > from.subsec_nanosecond());
        let left = to.as_second().saturating_sub(from.as_second());
        Self(u64::try_from(left.saturating_add(begun)).unwrap_or_default())
    }

    /// The instant so long after `start`; the end of time if that is beyond it.
    #[must_use]
    pub fn after(self, start: Timestamp) -> Timestamp {
        after(start, Duration::from_secs(self.0))
    }

    /// The number of seconds.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// The instant `length` after `start`; the end of time if that is beyond it.
///
/// In numbers and not by `jiff`'s arithmetic, whose errors, which are never shown, are 30 KB of code.
#[must_use]
pub fn after(start: Timestamp, length: Duration) -> Timestamp {
    let nanoseconds = u32::try_from(start.subsec_nanosecond()).unwrap_or_default();
    let length = length.saturating_add(Duration::from_nanos(nanoseconds.into()));
    let rest = i32::try_from(length.subsec_nanos()).unwrap_or_default();
    let seconds = start.as_second().saturating_add_unsigned(length.as_secs());
    Timestamp::new(seconds, rest).unwrap_or(Timestamp::MAX)
}

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// One day: its number and its two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Which day it is.
    pub number: DayNumber,
    /// The first instant of the day.
    pub start: Timestamp,
    /// The first instant of the next day: when the credits are there again.
    pub end: Timestamp,
}

impl Day {
    /// How long the day is: 23, 24 or 25 hours in most zones.
    #[must_use]
    pub fn length(&self) -> Seconds {
        Seconds::between(self.start, self.end)
    }

    /// When `total` is used up, if it is used as it has been since the day began; `None` if that is not before its end, or has been.
    #[must_use]
    pub fn runs_out_at(&self, used: Credits, total: Credits, now: Timestamp) -> Option<Timestamp> {
        if used.is_zero() || used >= total {
            return None;
        }
        let since = u128::from(Seconds::between(self.start, now).get());
        let whole = since
            .saturating_mul(u128::from(total.get()))
            .checked_div(u128::from(used.get()))?;
        let whole = Duration::from_secs(u64::try_from(whole).ok()?);
        Some(after(self.start, whole)).filter(|at| *at < self.end)
    }

    /// Whether `now` is on this day.
    #[must_use]
    pub fn contains(&self, now: Timestamp) -> bool {
        self.start <= now && now < self.end
    }
}

/// Which day it is at an instant, in one time zone.
#[derive(Debug)]
pub struct Calendar {
    zone: TimeZone,
    starts_at: Time,
    // Requests come in the order of time, nearly all of them on the day of the one before: time-zone arithmetic is done once a day.
    latest: Cell<Option<Day>>,
}

/// A calendar that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// Not a zone of the IANA time-zone database.
    #[error("unknown time zone {zone:?}")]
    UnknownTimeZone {
        /// The name given.
        zone: String,
    },
    /// Not a time of day.
    #[error("{starts_at:?} is not a time of day")]
    NotATimeOfDay {
        /// The text given.
        starts_at: String,
    },
}

impl Calendar {
    /// The calendar of `zone` (an IANA name, such as `America/Los_Angeles`), with days that begin at `starts_at` (`HH:MM` or
    /// `HH:MM:SS`, local time).
    ///
    /// # Errors
    /// When there is no such zone, or `starts_at` is not a time of day.
    pub fn new(zone: &str, starts_at: &str) -> Result<Self, CalendarError> {
        let time_zone = zone::of(zone).ok_or_else(|| CalendarError::UnknownTimeZone {
            zone: zone.to_owned(),
        })?;
        let time = parse_time_of_day(starts_at).ok_or_else(|| CalendarError::NotATimeOfDay {
            starts_at: starts_at.to_owned(),
        })?;
        Ok(Self {
            zone: time_zone,
            starts_at: time,
            latest: Cell::new(None),
        })
    }

    /// The time zone.
    #[must_use]
    pub fn time_zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The day that `now` is on.
    #[must_use]
    pub fn day(&self, now: Timestamp) -> Day {
        if let Some(day) = self.latest.get()
            && day.contains(now)
        {
            return day;
        }
        let day = self.find(now);
        self.latest.set(Some(day));
        day
    }

    /// The day of `now` began on the latest local date, not after tomorrow's, whose beginning is not after `now`.
    fn find(&self, now: Timestamp) -> Day {
        let today = self.zone.to_datetime(now).date();
        let after = |date: Date| date.tomorrow().unwrap_or(Date::MAX);
        let mut first = after(today);
        while self.start_of(first) > now && first > Date::MIN {
            first = first.yesterday().unwrap_or(Date::MIN);
        }
        // A date that a zone skipped (Samoa had no 2011-12-30) begins when the next one does: such a day has no instant.
        let mut next = after(first);
        while self.start_of(next) <= now && next < Date::MAX {
            next = after(next);
        }
        Day {
            number: day_number(first),
            start: self.start_of(first),
            end: self.start_of(next),
        }
    }

    /// When the day of `date` begins. A time of day that a change of the clocks skips is moved forward, one that comes twice counts
    /// the first time.
    #[must_use]
    pub fn start_of(&self, date: Date) -> Timestamp {
        self.zone
            .to_timestamp(date.to_datetime(self.starts_at))
            .unwrap_or(if date < EPOCH {
                Timestamp::MIN
            } else {
                Timestamp::MAX
            })
    }
}

const EPOCH: Date = date(1970, 1, 1);

fn day_number(date: Date) -> DayNumber {
    let since: SignedDuration = date.duration_since(EPOCH);
    let days = since.as_hours().div_euclid(24);
    DayNumber(i32::try_from(days).unwrap_or(i32::MAX))
}

/// `HH:MM` or `HH:MM:SS`, two digits each.
fn parse_time_of_day(text: &str) -> Option<Time> {
    let mut parts = text.split(':');
    let mut part = || -> Option<Option<i8>> {
        let Some(digits) = parts.next() else {
            return Some(None);
        };
        let two = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
        two.then(|| digits.parse().ok())
    };
    let (hour, minute) = (part()??, part()??);
    let second = part()?.unwrap_or(0);
    if parts.next().is_some() {
        return None;
    }
    Time::new(hour, minute, second, 0).ok()
}

#[cfg(test)]
mod tests;
