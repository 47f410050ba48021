//! How long a call took, in whatever way logs write it.

use std::time::Duration;

use super::column::Told;
use super::part::Unit;

/// A number of these units, or a text that says its own, as `4.0s`, `12ms` and `1m2.5s` do; nothing for anything else, negative numbers
/// among it.
pub(super) fn read(told: &Told<'_>, unit: Unit) -> Option<Duration> {
    match told {
        Told::Number(number) => Some(whole(*number, unit)),
        Told::Real(number) => of_seconds(number / unit.per_second()),
        Told::Text(text) => {
            // HAProxy puts a + before the time of a call that was logged before its end.
            let text = text.trim_start_matches('+');
            if let Ok(number) = text.parse() {
                return Some(whole(number, unit));
            }
            match text.parse::<f64>() {
                Ok(number) => of_seconds(number / unit.per_second()),
                Err(_) => with_units(text),
            }
        }
    }
}

fn whole(number: u64, unit: Unit) -> Duration {
    match unit {
        Unit::Seconds => Duration::from_secs(number),
        Unit::Milliseconds => Duration::from_millis(number),
        Unit::Microseconds => Duration::from_micros(number),
        Unit::Nanoseconds => Duration::from_nanos(number),
    }
}

/// To the nanosecond, as far as a float tells: 0.022 s are 22 ms.
fn of_seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

/// Numbers with units, one behind the other, as Go writes durations.
fn with_units(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut whole = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, behind) = rest.split_at_checked(digits)?;
        let behind = behind.trim_start();
        let letters = behind
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(letters)?;
        let seconds = match unit.trim_end() {
            "h" => 3600.0,
            "m" | "min" => 60.0,
            "s" | "sec" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" | "μs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        let number: f64 = number.parse().ok()?;
        whole = whole.checked_add(of_seconds(number * seconds)?)?;
        rest = behind;
    }
    Some(whole)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[test]
    fn durations_are_read_however_they_are_written() {
        let text = |text: &str, unit| read(&Told::Text(Cow::Borrowed(text)), unit);
        let nanoseconds = |number| Some(Duration::from_nanos(number));
        for (written, unit, expected) in [
            ("4.0", Unit::Seconds, nanoseconds(4_000_000_000)),
            ("0.022", Unit::Seconds, nanoseconds(22_000_000)),
            ("40", Unit::Milliseconds, nanoseconds(40_000_000)),
            ("+40", Unit::Milliseconds, nanoseconds(40_000_000)),
            ("40", Unit::Microseconds, nanoseconds(40_000)),
            ("40", Unit::Nanoseconds, nanoseconds(40)),
            ("4.0s", Unit::Milliseconds, nanoseconds(4_000_000_000)),
            ("0.022s", Unit::Nanoseconds, nanoseconds(22_000_000)),
            ("12ms", Unit::Seconds, nanoseconds(12_000_000)),
            ("12 ms", Unit::Seconds, nanoseconds(12_000_000)),
            ("3µs", Unit::Seconds, nanoseconds(3_000)),
            ("1m2.5s", Unit::Seconds, nanoseconds(62_500_000_000)),
            ("-1", Unit::Seconds, None),
            ("NaN", Unit::Seconds, None),
            ("soon", Unit::Seconds, None),
            ("4 days", Unit::Seconds, None),
            ("s", Unit::Seconds, None),
        ] {
            assert_eq!(text(written, unit), expected, "{written} {unit:?}");
        }
        assert_eq!(
            read(&Told::Real(4.5), Unit::Seconds),
            nanoseconds(4_500_000_000)
        );
        assert_eq!(read(&Told::Number(7), Unit::Nanoseconds), nanoseconds(7));
    }
}
