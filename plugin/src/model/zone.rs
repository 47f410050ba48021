//! Time zones by their IANA names: of each what its clocks do from 2010 on (`build/zones.rs` makes the tables).

use jiff::tz::TimeZone;

include!(concat!(env!("OUT_DIR"), "/zones.rs"));

/// What every file begins with: a part for 32-bit systems with one type, UTC, and nothing else in it (RFC 9636, section 3.1).
const BEGINNING: &[u8; 51] = b"TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0";

/// The time zone of this name, in whatever case; `None` if there is none.
#[must_use]
pub fn of(name: &str) -> Option<TimeZone> {
    if name.eq_ignore_ascii_case("UTC") {
        return Some(TimeZone::UTC);
    }
    // What systems say that do not know theirs; its clocks are those of UTC.
    if name.eq_ignore_ascii_case("Etc/Unknown") {
        return Some(TimeZone::unknown());
    }
    let mut names = NAMES.lines().zip(&PLACES);
    let (name, place) = names.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    let [start, end] = *STARTS.get(usize::from(*place)..)?.first_chunk::<2>()?;
    let file = FILES.get(usize::from(start)..usize::from(end))?;
    TimeZone::tzif(name, &[BEGINNING, file].concat()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::{Timestamp, ToSpan as _, tz::TimeZoneDatabase};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// In every zone, at all times at which its clocks change, or have changed, and halfway between them.
    #[test]
    fn from_2010_on_every_zone_is_as_in_the_database() {
        let database = TimeZoneDatabase::bundled();
        let (from, to): (Timestamp, Timestamp) = (
            "2010-01-01T00:00:00Z".parse().unwrap(),
            "2100-01-01T00:00:00Z".parse().unwrap(),
        );
        let mut zones = 0;
        for name in database.available() {
            let (expected, zone) = (database.get(name.as_str()).unwrap(), of(name.as_str()));
            let zone = zone.unwrap_or_else(|| panic!("{name} is missing"));
            assert_eq!(zone.iana_name(), expected.iana_name());
            let changes = expected
                .following(from)
                .take_while(|change| change.timestamp() < to);
            let changes = changes.map(|change| change.timestamp());
            let mut last = from;
            for change in changes.chain([to]) {
                let halfway = last + (change.duration_since(last) / 2);
                for time in [last, halfway, change - 1.second()] {
                    assert_eq!(
                        zone.to_offset(time),
                        expected.to_offset(time),
                        "{name} at {time}"
                    );
                }
                last = change;
            }
            zones += 1;
        }
        assert!(zones > 500, "{zones}");
    }

    #[test]
    fn names_are_found_in_any_case_and_nothing_else_is() {
        for (name, known) in [
            ("europe/BERLIN", Some("Europe/Berlin")),
            ("utc", Some("UTC")),
            ("Asia/Calcutta", Some("Asia/Calcutta")),
            ("Europe/Berlin\n", None),
            ("Europe", None),
            ("", None),
        ] {
            let zone = of(name);
            assert_eq!(
                zone.as_ref().and_then(|zone| zone.iana_name()),
                known,
                "{name:?}"
            );
        }
    }

    #[test]
    fn an_unknown_zone_has_the_clocks_of_utc() {
        let zone = of("etc/UNKNOWN").unwrap();
        assert_eq!(zone, TimeZone::unknown());
        let time = Timestamp::UNIX_EPOCH;
        assert_eq!(zone.to_offset(time), TimeZone::UTC.to_offset(time));
    }
}
