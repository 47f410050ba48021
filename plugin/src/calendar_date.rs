//! Dates in the configuration: the day on which something begins.

use jiff::{ToSpan, civil::Date};
use serde::Deserialize;

use crate::day::DayNumber;

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
        let days = i64::from(day.get());
        let date = Date::new(1970, 1, 1).and_then(|first| first.checked_add(days.days()));
        Self(date.unwrap_or(Date::MAX))
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
        let plain = date.len() == 10 && date.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        match date.parse() {
            Ok(parsed) if plain => Ok(Self(parsed)),
            _ => Err(InvalidDate { date }),
        }
    }
}

impl std::fmt::Display for CalendarDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
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
