use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn period(config: &str) -> Result<Period, String> {
    let config: PeriodConfig = serde_json::from_str(config).map_err(|error| error.to_string())?;
    let period = config.into_period(PolicyName::known("p"));
    period.map_err(|error| format!("{:?}: {error}", error.key()))
}

fn span(config: &str, now: &str) -> String {
    let day = Calendar::new("America/New_York", "06:00").unwrap();
    let period = period(config).unwrap();
    let calendar = period.calendar.as_ref().unwrap_or(&day);
    let span = period.shape.span(now.parse().unwrap(), calendar).unwrap();
    assert!(span.contains(now.parse().unwrap()));
    format!("{} {}", span.start, span.end)
}

#[test]
fn a_month_begins_when_its_first_day_does_for_the_organization() {
    let first = r#"{"month_from":1}"#;
    // 05:59 and 06:00 in New York; the clocks go back on 1 November.
    let (before, after) = ("2026-11-01T10:59:59Z", "2026-11-01T11:00:00Z");
    let october = "2026-10-01T10:00:00Z 2026-11-01T11:00:00Z";
    assert_eq!(span(first, before), october);
    assert_eq!(
        span(first, after),
        "2026-11-01T11:00:00Z 2026-12-01T11:00:00Z"
    );
}

#[test]
fn a_month_from_a_day_that_a_month_lacks_begins_on_its_last_one() {
    let last = r#"{"month_from":31,"time_zone":"UTC"}"#;
    for (now, expected) in [
        (
            "2026-02-27T23:59:59Z",
            "2026-01-31T00:00:00Z 2026-02-28T00:00:00Z",
        ),
        (
            "2026-02-28T00:00:00Z",
            "2026-02-28T00:00:00Z 2026-03-31T00:00:00Z",
        ),
        (
            "2026-12-30T12:00:00Z",
            "2026-11-30T00:00:00Z 2026-12-31T00:00:00Z",
        ),
        (
            "2026-12-31T12:00:00Z",
            "2026-12-31T00:00:00Z 2027-01-31T00:00:00Z",
        ),
        (
            "2027-01-01T12:00:00Z",
            "2026-12-31T00:00:00Z 2027-01-31T00:00:00Z",
        ),
    ] {
        assert_eq!(span(last, now), expected, "{now}");
    }
}

#[test]
fn a_week_begins_on_its_day_in_its_zone() {
    let sunday = r#"{"week_from":"sunday","time_zone":"Europe/Berlin"}"#;
    // On Sunday 29 March 2026 the clocks go forward, so that this week has an hour less.
    let week = "2026-03-28T23:00:00Z 2026-04-04T22:00:00Z";
    assert_eq!(span(sunday, "2026-03-28T23:00:00Z"), week);
    assert_eq!(span(sunday, "2026-04-04T21:59:59Z"), week);
    let monday = r#"{"week_from":"monday","time_zone":"UTC"}"#;
    let week = "2026-11-30T00:00:00Z 2026-12-07T00:00:00Z";
    assert_eq!(span(monday, "2026-11-30T00:00:00Z"), week);
    assert_eq!(span(monday, "2026-12-06T23:59:59Z"), week);
}

#[test]
fn what_was_used_in_a_rolling_period_is_free_after_its_length_and_a_twentieth_at_the_latest() {
    let period = period(r#"{"seconds":60,"unit":"requests","limit":600}"#).unwrap();
    assert_eq!(period.unit, Unit::Requests);
    let Shape::Rolling(window) = period.shape else {
        panic!("{period:?}");
    };
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    for (used, free) in [
        ("2026-11-30T12:00:00Z", "2026-11-30T12:01:03Z"),
        ("2026-11-30T12:00:02.999Z", "2026-11-30T12:01:03Z"),
        ("2026-11-30T12:00:03Z", "2026-11-30T12:01:06Z"),
    ] {
        assert_eq!(
            window.freed_at(window.step_at(at(used))),
            at(free),
            "{used}"
        );
    }
    assert_eq!(window.freed_at(u64::MAX), Timestamp::MAX);
}

#[test]
fn a_period_that_cannot_be_says_what_is_wrong_with_it() {
    let error = |config: &str| period(config).unwrap_err();
    assert_eq!(
        error(r#"{"month_from":32}"#),
        r#"Some("month_from"): invalid value 32, expected a day of the month from 1 to 31"#
    );
    assert_eq!(
        error(r#"{"seconds":0}"#),
        r#"Some("seconds"): invalid value 0, expected from 1 to 2678400 seconds"#
    );
    assert_eq!(
        error(r#"{"week_from":"monday","time_zone":"Mars/Base"}"#),
        r#"Some("time_zone"): unknown time zone "Mars/Base""#
    );
    for kind in ["{}", r#"{"month_from":1,"seconds":5}"#] {
        let expected = "None: expected exactly one of `month_from`, `week_from` and `seconds`";
        assert_eq!(error(kind), expected);
    }
    assert_eq!(
        error(r#"{"seconds":5,"time_zone":"UTC"}"#),
        r#"Some("time_zone"): expected none, because `seconds` are the same everywhere"#
    );
    assert!(error(r#"{"week_from":"someday"}"#).starts_with("unknown variant `someday`"));
}
