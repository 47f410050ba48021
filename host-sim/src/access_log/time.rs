//! The time of a call, in whatever way logs write it.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// From here on a number cannot be seconds: milliseconds, microseconds and nanoseconds follow by a thousand each.
const MOST_SECONDS: f64 = 1e11;

/// RFC 3339, the time of NCSA logs, or a number since 1970; without a zone it is UTC.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    let text = text.trim_start_matches('[').trim_end_matches(']');
    match text.as_bytes() {
        [_, _, b'/', ..] | [_, b'/', ..] => ncsa(text),
        [_, _, _, _, b'-', ..] => rfc3339(text),
        _ => number(text),
    }
}

fn rfc3339(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })
}

/// `22/Nov/2026:12:00:00 +0000`.
fn ncsa(text: &str) -> Option<Timestamp> {
    let with_zone = jiff::fmt::strtime::parse("%d/%b/%Y:%H:%M:%S %z", text);
    with_zone.ok()?.to_timestamp().ok()
}

fn number(text: &str) -> Option<Timestamp> {
    let mut seconds: f64 = text.parse().ok()?;
    for _ in 0..3 {
        if seconds.abs() >= MOST_SECONDS {
            seconds /= 1e3;
        }
    }
    // To the microsecond, which is what a float of this size tells.
    let microseconds = (seconds * 1e6).round();
    (microseconds.abs() < 1e18)
        .then(|| Timestamp::from_microsecond(microseconds as i64).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_however_they_are_written() {
        let noon: Timestamp = "2026-11-22T12:00:00.25Z".parse().unwrap();
        for text in [
            "2026-11-22T12:00:00.250Z",
            "2026-11-22T13:00:00.25+01:00",
            "2026-11-22 12:00:00.25",
            "1795348800.250",
            "1795348800250",
            "1795348800250000",
            "1795348800250000000",
        ] {
            assert_eq!(read(text), Some(noon), "{text}");
        }
        let whole: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        assert_eq!(read("[22/Nov/2026:04:00:00 -0800]"), Some(whole));
        for text in [
            "",
            "-",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "32/Nov/2026:00:00:00 +0000",
            "inf",
            "NaN",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
