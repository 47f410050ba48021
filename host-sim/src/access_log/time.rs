//! The time of a call, in whatever way logs write it.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::column::Told;

/// From here on a number cannot be seconds: milliseconds, microseconds and nanoseconds follow by a thousand each.
const MOST_SECONDS: f64 = 1e11;

/// What a time says of its zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    /// It is written in it.
    Written,
    /// It is a number of seconds, which have none.
    Epoch,
    /// Nothing: it is that of whoever wrote it.
    Unsaid,
}

/// RFC 3339, the time of NCSA logs, or a number since 1970; one that does not say its zone is of this one.
pub(super) fn read(told: &Told<'_>, zone: &TimeZone) -> Option<Timestamp> {
    match told {
        Told::Text(text) => of_text(text, zone),
        Told::Number(whole) => of_whole(*whole),
        Told::Real(seconds) => number(*seconds),
    }
}

fn of_text(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim_start_matches('[').trim_end_matches(']');
    match text.as_bytes() {
        [_, _, b'/', ..] | [_, b'/', ..] => ncsa(text, zone),
        [_, _, _, _, b'-', ..] => rfc3339(text, zone),
        // As Go's loggers write it.
        [_, _, _, _, b'/', ..] => rfc3339(&text.replace('/', "-"), zone),
        _ => match text.parse() {
            Ok(whole) => of_whole(whole),
            Err(_) => number(text.parse().ok()?),
        },
    }
}

/// What a time as it is written says of its zone.
pub(super) fn zone_of(text: &str) -> Zone {
    let text = text.trim_start_matches('[').trim_end_matches(']');
    if text.parse::<f64>().is_ok() {
        return Zone::Epoch;
    }
    // A time of the day stands before its zone.
    let of_day = text.find(':').and_then(|at| text.get(at..));
    let says = |text: &str| text.ends_with(['Z', 'z']) || text.contains(['+', '-']);
    match of_day.is_some_and(says) {
        true => Zone::Written,
        false => Zone::Unsaid,
    }
}

fn rfc3339(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        zone.to_timestamp(civil).ok()
    })
}

/// `22/Nov/2026:12:00:00 +0000`, with or without parts of a second, and with or without a zone.
fn ncsa(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut parts = text.splitn(3, '/');
    let day = parts.next()?.parse().ok()?;
    let month = parts.next()?;
    let month = MONTHS.iter().position(|name| *name == month)?;
    let month = i8::try_from(month).ok()?.checked_add(1)?;
    let (year, of_day) = parts.next()?.split_once(':')?;
    let year = year.parse().ok()?;
    let (of_day, offset) = match of_day.split_once(' ') {
        Some((of_day, offset)) => (of_day, Some(offset)),
        None => (of_day, None),
    };
    let mut parts = of_day.splitn(3, ':');
    let hour = parts.next()?.parse().ok()?;
    let minute = parts.next()?.parse().ok()?;
    let seconds = parts.next()?;
    let (second, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let second = second.parse().ok()?;
    let nanosecond = nanoseconds(fraction)?;
    let civil = DateTime::new(year, month, day, hour, minute, second, nanosecond).ok()?;
    let Some(offset) = offset else {
        return zone.to_timestamp(civil).ok();
    };
    let utc = TimeZone::UTC.to_timestamp(civil).ok()?;
    let (sign, digits) = offset.split_at_checked(1)?;
    let (hours, minutes) = digits.split_at_checked(2)?;
    let hours: i64 = hours.parse().ok()?;
    let minutes: i64 = minutes.trim_start_matches(':').parse().ok()?;
    let seconds = hours
        .checked_mul(3600)?
        .checked_add(minutes.checked_mul(60)?)?;
    let ahead = jiff::SignedDuration::from_secs(seconds);
    match sign {
        "+" => utc.checked_sub(ahead).ok(),
        "-" => utc.checked_add(ahead).ok(),
        _ => None,
    }
}

/// The digits behind the point.
fn nanoseconds(fraction: &str) -> Option<i32> {
    let mut nanoseconds = 0_i32;
    let mut unit = 100_000_000_i32;
    for digit in fraction.chars() {
        let digit = i32::try_from(digit.to_digit(10)?).ok()?;
        nanoseconds = nanoseconds.checked_add(digit.checked_mul(unit)?)?;
        unit = unit.checked_div(10)?;
    }
    Some(nanoseconds)
}

/// A whole number, to the nanosecond.
fn of_whole(whole: u64) -> Option<Timestamp> {
    let whole = i64::try_from(whole).ok()?;
    match whole {
        0..100_000_000_000 => Timestamp::from_second(whole).ok(),
        100_000_000_000..100_000_000_000_000 => Timestamp::from_millisecond(whole).ok(),
        100_000_000_000_000..100_000_000_000_000_000 => Timestamp::from_microsecond(whole).ok(),
        _ => Timestamp::from_nanosecond(i128::from(whole)).ok(),
    }
}

fn number(mut seconds: f64) -> Option<Timestamp> {
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
    use std::borrow::Cow;

    use super::*;

    fn read(text: &str) -> Option<Timestamp> {
        super::read(&Told::Text(Cow::Borrowed(text)), &TimeZone::UTC)
    }

    #[test]
    fn times_are_read_however_they_are_written() {
        let noon: Timestamp = "2026-11-22T12:00:00.25Z".parse().unwrap();
        for text in [
            "2026-11-22T12:00:00.250Z",
            "2026-11-22T13:00:00.25+01:00",
            "2026-11-22T13:00:00.25+0100",
            "2026-11-22 12:00:00.25",
            "2026-11-22 12:00:00,250",
            "2026/11/22 12:00:00.25",
            "22/Nov/2026:12:00:00.250",
            "22/Nov/2026:13:00:00.25 +0100",
            "1795348800.250",
            "1795348800250",
            "1795348800250000",
            "1795348800250000000",
        ] {
            assert_eq!(read(text), Some(noon), "{text}");
        }
        let whole: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        assert_eq!(read("[22/Nov/2026:04:00:00 -0800]"), Some(whole));
        let odd: Timestamp = "2026-11-22T06:30:00Z".parse().unwrap();
        assert_eq!(read("22/Nov/2026:12:00:00 +0530"), Some(odd));
        let number = |told: Told<'_>| super::read(&told, &TimeZone::UTC);
        assert_eq!(number(Told::Number(1_795_348_800_250)), Some(noon));
        assert_eq!(number(Told::Real(1_795_348_800.25)), Some(noon));
        for text in [
            "",
            "-",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "32/Nov/2026:00:00:00 +0000",
            "22/Now/2026:00:00:00 +0000",
            "22/Nov/2026:00:00:00 UTC",
            "inf",
            "NaN",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_without_a_zone_is_of_the_one_that_is_said() {
        let zone = TimeZone::get("America/Los_Angeles").unwrap();
        let noon: Timestamp = "2026-11-22T20:00:00Z".parse().unwrap();
        for text in ["22/Nov/2026:12:00:00.000", "2026-11-22 12:00:00"] {
            let told = Told::Text(Cow::Borrowed(text));
            assert_eq!(super::read(&told, &zone), Some(noon), "{text}");
            assert_eq!(zone_of(text), Zone::Unsaid, "{text}");
        }
        for text in [
            "22/Nov/2026:12:00:00 -0800",
            "2026-11-22T20:00:00Z",
            "2026-11-22T12:00:00-08:00",
        ] {
            assert_eq!(zone_of(text), Zone::Written, "{text}");
        }
        assert_eq!(zone_of("1795348800.250"), Zone::Epoch);
    }
}
