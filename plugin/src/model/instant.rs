//! Instants as programs read them.

use jiff::{Timestamp, tz::Offset};

/// `at` to the second as RFC 3339 in UTC: `2026-11-30T12:00:00Z`. In numbers and not by `jiff`, whose printers are 60 KB of code.
#[must_use]
pub fn rfc3339(at: Timestamp) -> String {
    let at = Offset::UTC.to_datetime(at);
    let (year, month, day) = (at.year(), at.month(), at.day());
    let (hour, minute, second) = (at.hour(), at.minute(), at.second());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn an_instant_is_told_to_the_second() {
        for (millisecond, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (1_796_040_059_999, "2026-11-30T12:00:59Z"),
        ] {
            let at = Timestamp::from_millisecond(millisecond).unwrap();
            assert_eq!(rfc3339(at), text);
        }
    }
}
