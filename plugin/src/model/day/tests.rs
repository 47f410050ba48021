//! Days around the world and around the year.

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[track_caller]
fn check(zone: &str, starts_at: &str, now: &str, began: &str, start: &str, hours: u64) {
    let day = Calendar::new(zone, starts_at).unwrap().day(at(now));
    assert_eq!(
        day.number,
        day_number(began.parse().unwrap()),
        "the day of {now}"
    );
    assert_eq!(day.start, at(start), "the start of the day of {now}");
    assert_eq!(
        day.length().get(),
        hours * 3600,
        "the length of the day of {now}"
    );
    assert!(day.contains(at(now)), "{now} is on its day");
}

#[test]
fn a_day_runs_from_midnight_to_midnight_in_its_zone() {
    check(
        "UTC",
        "00:00",
        "2026-11-22T00:00:00Z",
        "2026-11-22",
        "2026-11-22T00:00:00Z",
        24,
    );
    check(
        "UTC",
        "00:00",
        "2026-11-21T23:59:59.999Z",
        "2026-11-21",
        "2026-11-21T00:00:00Z",
        24,
    );
    let la = "America/Los_Angeles";
    check(
        la,
        "00:00",
        "2026-11-22T07:59:59Z",
        "2026-11-21",
        "2026-11-21T08:00:00Z",
        24,
    );
    check(
        la,
        "00:00",
        "2026-11-22T08:00:00Z",
        "2026-11-22",
        "2026-11-22T08:00:00Z",
        24,
    );
    check(
        "Asia/Kolkata",
        "00:00",
        "2026-11-21T18:30:00Z",
        "2026-11-22",
        "2026-11-21T18:30:00Z",
        24,
    );
}

#[test]
fn days_of_a_clock_change_have_23_and_25_hours() {
    let berlin = "Europe/Berlin";
    check(
        berlin,
        "00:00",
        "2026-03-29T12:00:00Z",
        "2026-03-29",
        "2026-03-28T23:00:00Z",
        23,
    );
    check(
        berlin,
        "00:00",
        "2026-10-25T12:00:00Z",
        "2026-10-25",
        "2026-10-24T22:00:00Z",
        25,
    );
}

#[test]
fn a_start_that_the_clocks_skip_or_repeat_still_starts_one_day() {
    let berlin = "Europe/Berlin"; // skips 02:00-03:00 on 2026-03-29, repeats it on 2026-10-25
    check(
        berlin,
        "02:30",
        "2026-03-29T01:29:59Z",
        "2026-03-28",
        "2026-03-28T01:30:00Z",
        24,
    );
    check(
        berlin,
        "02:30",
        "2026-03-29T01:30:00Z",
        "2026-03-29",
        "2026-03-29T01:30:00Z",
        23,
    );
    check(
        berlin,
        "02:30",
        "2026-10-25T00:30:00Z",
        "2026-10-25",
        "2026-10-25T00:30:00Z",
        25,
    );
    check(
        berlin,
        "02:30",
        "2026-10-25T01:30:00Z",
        "2026-10-25",
        "2026-10-25T00:30:00Z",
        25,
    );
}

#[test]
fn a_midnight_that_does_not_exist_begins_the_day_an_hour_later() {
    // Brazil changed its clocks at midnight: 2018-11-04 began at 01:00.
    check(
        "America/Sao_Paulo",
        "00:00",
        "2018-11-04T12:00:00Z",
        "2018-11-04",
        "2018-11-04T03:00:00Z",
        23,
    );
}

#[test]
fn a_date_that_a_zone_skipped_is_no_day() {
    let apia = "Pacific/Apia"; // no 2011-12-30
    check(
        apia,
        "00:00",
        "2011-12-30T09:59:59Z",
        "2011-12-29",
        "2011-12-29T10:00:00Z",
        24,
    );
    check(
        apia,
        "00:00",
        "2011-12-30T10:00:00Z",
        "2011-12-31",
        "2011-12-30T10:00:00Z",
        24,
    );
}

#[test]
fn a_day_may_start_at_another_time_than_midnight() {
    check(
        "UTC",
        "06:30:15",
        "2026-11-22T06:30:14Z",
        "2026-11-21",
        "2026-11-21T06:30:15Z",
        24,
    );
    check(
        "UTC",
        "06:30:15",
        "2026-11-22T06:30:15Z",
        "2026-11-22",
        "2026-11-22T06:30:15Z",
        24,
    );
}

#[test]
fn the_remembered_day_is_left_when_the_clock_leaves_it() {
    let calendar = Calendar::new("UTC", "00:00").unwrap();
    let first = calendar.day(at("2026-11-22T10:00:00Z")).number.get();
    assert_eq!(
        calendar.day(at("2026-11-23T00:00:00Z")).number.get(),
        first + 1
    );
    assert_eq!(
        calendar.day(at("2026-11-21T23:59:59Z")).number.get(),
        first - 1
    );
}

#[test]
fn the_ends_of_time_are_days_too() {
    let calendar = Calendar::new("Pacific/Kiritimati", "23:59").unwrap();
    for now in ["-009990-01-01T00:00:00Z", "9990-01-01T00:00:00Z"] {
        assert!(calendar.day(at(now)).contains(at(now)), "{now}");
    }
    for now in [Timestamp::MIN, Timestamp::MAX] {
        let _ = calendar.day(now); // comes to an end
    }
}

#[test]
fn seconds_to_wait_are_rounded_up() {
    let end = at("2026-11-22T00:00:10Z");
    for (now, seconds) in [
        ("2026-11-22T00:00:00Z", 10),
        ("2026-11-22T00:00:00.000000001Z", 10),
        ("2026-11-22T00:00:09.999Z", 1),
        ("2026-11-22T00:00:10Z", 0),
        ("2026-11-22T00:00:11Z", 0),
    ] {
        assert_eq!(Seconds::between(at(now), end).get(), seconds, "{now}");
    }
}

#[test]
fn what_is_no_zone_or_time_is_named() {
    let error = |zone, time| Calendar::new(zone, time).unwrap_err().to_string();
    assert_eq!(
        error("Mars/Olympus", "00:00"),
        r#"unknown time zone "Mars/Olympus""#
    );
    for time in [
        "",
        "24:00",
        "7:00",
        "07:60",
        "07:00:00:00",
        "07",
        "-1:00",
        "07:00Z",
        "+7:00",
    ] {
        assert_eq!(error("UTC", time), format!("{time:?} is not a time of day"));
    }
}
