//! Instants and lengths of time as an organization reads them: in its own zone, and in words.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use crate::model::day::Seconds;

/// An instant in a time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// RFC 3339, with the zone's offset at that instant: `2026-11-23T00:00:00-08:00`. For programs.
    pub rfc3339: String,
    /// `Monday, 23 November 2026`.
    pub date: String,
    /// `00:00`, or `00:00:30` where there are seconds.
    pub time: String,
    /// `UTC−08:00`, with a minus sign; `UTC` where there is no offset.
    pub offset: String,
}

const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

impl LocalTime {
    /// `instant`, to the second, in `zone`.
    #[must_use]
    pub fn new(instant: Timestamp, zone: &TimeZone) -> Self {
        let instant = Timestamp::from_second(instant.as_second()).unwrap_or(instant);
        let offset = zone.to_offset(instant);
        let local = offset.to_datetime(instant);
        let weekday = name(&WEEKDAYS, local.date().weekday().to_monday_zero_offset());
        let month = name(&MONTHS, local.month().saturating_sub(1));
        let mut time = format!("{:02}:{:02}", local.hour(), local.minute());
        if local.second() != 0 {
            time.push_str(&format!(":{:02}", local.second()));
        }
        Self {
            rfc3339: rfc3339(local, offset.seconds()),
            date: format!("{weekday}, {} {month} {}", local.day(), local.year()),
            time,
            offset: utc(offset.seconds()),
        }
    }
}

fn rfc3339(local: DateTime, offset: i32) -> String {
    let (year, month, day) = (local.year(), local.month(), local.day());
    let (hour, minute, second) = (local.hour(), local.minute(), local.second());
    let sign = if offset < 0 { '-' } else { '+' };
    let minutes = offset.unsigned_abs() / 60;
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{sign}{:02}:{:02}",
        minutes / 60,
        minutes % 60
    )
}

fn name(names: &[&'static str], index: i8) -> &'static str {
    let index = usize::try_from(index).ok();
    index.and_then(|index| names.get(index)).unwrap_or(&"")
}

fn utc(seconds: i32) -> String {
    if seconds == 0 {
        return "UTC".to_owned();
    }
    let sign = if seconds < 0 { '\u{2212}' } else { '+' };
    let minutes = seconds.unsigned_abs() / 60;
    format!("UTC{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// A length of time in words, rounded up to whole minutes: `5 h 12 min`, `12 min`.
#[must_use]
pub fn in_words(length: Seconds) -> String {
    let minutes = length.get().div_ceil(60);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours @ 48.., _) => {
            let hours = hours.saturating_add(u64::from(!minutes.is_multiple_of(60)));
            match hours % 24 {
                0 => format!("{} days", hours / 24),
                rest => format!("{} days {rest} h", hours / 24),
            }
        }
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZoneDatabase;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn an_instant_is_told_in_the_zone() {
        let check = |instant: &str, zone: &str, expected: [&str; 4]| {
            let zone = TimeZoneDatabase::bundled().get(zone).unwrap();
            let local = LocalTime::new(instant.parse().unwrap(), &zone);
            let told = [&local.rfc3339, &local.date, &local.time, &local.offset];
            assert_eq!(told, expected.each_ref());
        };
        check(
            "2026-11-23T08:00:00Z",
            "America/Los_Angeles",
            [
                "2026-11-23T00:00:00-08:00",
                "Monday, 23 November 2026",
                "00:00",
                "UTC\u{2212}08:00",
            ],
        );
        check(
            "2026-07-01T12:34:56.789Z",
            "Asia/Kolkata",
            [
                "2026-07-01T18:04:56+05:30",
                "Wednesday, 1 July 2026",
                "18:04:56",
                "UTC+05:30",
            ],
        );
        check(
            "2026-01-04T00:00:00Z",
            "UTC",
            [
                "2026-01-04T00:00:00+00:00",
                "Sunday, 4 January 2026",
                "00:00",
                "UTC",
            ],
        );
    }

    #[test]
    fn the_ends_of_time_can_be_told() {
        let zone = TimeZoneDatabase::bundled().get("Asia/Tokyo").unwrap();
        for instant in [Timestamp::MIN, Timestamp::MAX] {
            assert!(!LocalTime::new(instant, &zone).rfc3339.is_empty());
        }
    }

    #[test]
    fn a_length_of_time_is_rounded_up_to_minutes() {
        for (seconds, words) in [
            (0, "0 min"),
            (1, "1 min"),
            (60, "1 min"),
            (61, "2 min"),
            (3_599, "1 h"),
            (3_601, "1 h 1 min"),
            (90_000, "25 h"),
        ] {
            assert_eq!(in_words(Seconds::new(seconds)), words, "{seconds} s");
        }
    }

    #[test]
    fn a_long_time_is_told_in_days() {
        for (seconds, expected) in [
            (47 * 3_600 + 59 * 60, "47 h 59 min"),
            (48 * 3_600, "2 days"),
            (623_000, "7 days 6 h"),
            (7 * 86_400 - 60, "7 days"),
        ] {
            assert_eq!(in_words(Seconds::new(seconds)), expected);
        }
    }
}
