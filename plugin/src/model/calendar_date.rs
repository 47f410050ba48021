//! Dates in the configuration: the day on which something begins.

use jiff::{Timestamp, civil::Date, tz::Offset};
use serde::Deserialize;

use crate::model::day::DayNumber;

/// A date of the calendar, written `2025-10-06`. Which instant it begins at is for a data centre's calendar to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct CalendarDate(Date);

/// A text that is no date.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid date {date:?}, expected one such as \"2025-10-06\"")]
pub struct InvalidDate {
    /// The text.
    pub date: String,
}

impl CalendarDate {
    /// The date of a day; the last one that there is for days beyond it.
    #[must_use]
    pub fn of(day: DayNumber) -> Self {
        let midnight = i64::from(day.get()).saturating_mul(86_400);
        let midnight = Timestamp::from_second(midnight).unwrap_or(Timestamp::MAX);
        Self(Offset::UTC.to_datetime(midnight).date())
    }

    /// How many days later `other` is; less than nothing if it is earlier.
    #[must_use]
    pub fn days_until(self, other: Self) -> i32 {
        let days = other.0.duration_since(self.0).as_hours() / 24;
        i32::try_from(days).unwrap_or(i32::MAX)
    }

    /// The date.
    #[must_use]
    pub const fn get(self) -> Date {
        self.0
    }
}

impl TryFrom<String> for CalendarDate {
    type Error = InvalidDate;

    fn try_from(date: String) -> Result<Self, InvalidDate> {
        parse(&date).map(Self).ok_or(InvalidDate { date })
    }
}

impl std::fmt::Display for CalendarDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let date = self.0;
        write!(
            f,
            "{:04}-{:02}-{:02}",
            date.year(),
            date.month(),
            date.day()
        )
    }
}

/// `YYYY-MM-DD`. Not by `jiff`, which knows many other ways to write a date: 10 KB of code.
fn parse(text: &str) -> Option<Date> {
    let number = |digits: &str| {
        let all = digits.bytes().all(|b| b.is_ascii_digit());
        all.then(|| digits.parse::<i16>().ok()).flatten()
    };
    let (year, rest) = text.split_at_checked(4)?;
    let (month, day) = rest.strip_prefix('-')?.split_at_checked(2)?;
    let day = day.strip_prefix('-').filter(|day| day.len() == 2)?;
    let two = |digits| i8::try_from(number(digits)?).ok();
    Date::new(number(year)?, two(month)?, two(day)?).ok()
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for CalendarDate {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CalendarDate".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_date_is_a_day_that_exists() {
        let parse =
            |text: &str| CalendarDate::try_from(text.to_owned()).map(|date| date.to_string());
        assert_eq!(parse("2025-10-06"), Ok("2025-10-06".to_owned()));
        for text in [
            "2025-02-29",
            "06.10.2025",
            "2025-10-06T00:00:00Z",
            "20251006",
            "",
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("invalid date {text:?}, expected one such as \"2025-10-06\"")
            );
        }
    }
}
