//! Numbers and times as people read them.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// A whole number with commas between the thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in (0..digits.len()).rev().zip(digits.chars()) {
        grouped.push(digit);
        if place > 0 && place.is_multiple_of(3) {
            grouped.push(',');
        }
    }
    grouped
}

/// So many of something.
pub(super) fn count(number: u64, one: &str, several: &str) -> String {
    let what = if number == 1 { one } else { several };
    format!("{} {what}", grouped(number))
}

/// How long something lasts, in the unit in which people would say it.
pub(super) fn lasting(duration: SignedDuration) -> String {
    let seconds = u64::try_from(duration.as_secs()).unwrap_or(0);
    let half = |unit: u64| unit.div_euclid(2);
    let rounded = |unit: u64| seconds.saturating_add(half(unit)).div_euclid(unit);
    match seconds {
        0..120 => count(seconds, "second", "seconds"),
        120..7200 => count(rounded(60), "minute", "minutes"),
        7200..172_800 => count(rounded(3600), "hour", "hours"),
        _ => count(rounded(86_400), "day", "days"),
    }
}

/// The zone in which times are told, and what it is called.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    zone: TimeZone,
    pub(super) name: String,
}

impl Zone {
    /// The zone of this name; UTC if there is none such.
    pub(super) fn named(name: Option<&str>) -> Self {
        let found = name.and_then(|name| Some((TimeZone::get(name).ok()?, name)));
        found.map_or_else(Self::default, |(zone, name)| Self {
            zone,
            name: name.to_owned(),
        })
    }

    /// An instant, to the minute, with the day of the week.
    pub(super) fn minute(&self, at: Timestamp) -> String {
        self.written(at, "%a %Y-%m-%d %H:%M")
    }

    /// An instant, to the second.
    pub(super) fn time(&self, at: Timestamp) -> String {
        self.written(at, "%Y-%m-%d %H:%M:%S")
    }

    pub(super) fn written(&self, at: Timestamp, format: &str) -> String {
        at.to_zoned(self.zone.clone()).strftime(format).to_string()
    }

    /// How many seconds it is ahead of UTC at an instant.
    pub(super) fn ahead(&self, at: Timestamp) -> i64 {
        self.zone.to_offset(at).seconds().into()
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self {
            zone: TimeZone::UTC,
            name: "UTC".to_owned(),
        }
    }
}

impl Serialize for Zone {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
        for (seconds, text) in [
            (0, "0 seconds"),
            (119, "119 seconds"),
            (120, "2 minutes"),
            (86_399, "24 hours"),
            (604_799, "7 days"),
        ] {
            assert_eq!(lasting(SignedDuration::from_secs(seconds)), text);
        }
        assert_eq!(count(1, "line", "lines"), "1 line");
        assert_eq!(count(2000, "line", "lines"), "2,000 lines");
    }
}
