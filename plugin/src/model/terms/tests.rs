//! The transition, over dates, zones, and days of 23 and 25 hours.

use super::*;
use crate::model::{calendar_date::CalendarDate, day::Calendar};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn date(text: &str) -> CalendarDate {
    CalendarDate::try_from(text.to_owned()).unwrap()
}

fn credits(amount: u64) -> Credits {
    Credits::new(amount).unwrap()
}

/// One organization: 81,000 credits, a limit of 50,000 or 120,000 calls.
struct Case {
    zone: &'static str,
    starts_at: &'static str,
    from: Option<&'static str>,
    completed: Option<&'static str>,
    signed_up: Option<&'static str>,
    paid: bool,
    limit: Option<u64>,
}

const US: Case = Case {
    zone: "America/Los_Angeles",
    starts_at: "00:00",
    from: Some("2025-10-06"),
    completed: Some("2025-10-30"),
    signed_up: None,
    paid: true,
    limit: Some(50_000),
};

#[track_caller]
fn check(case: &Case, now: &str, expected: (&str, u64)) {
    let calendar = Calendar::new(case.zone, case.starts_at).unwrap();
    let data_center = DataCenter::new(
        "x".to_owned(),
        calendar,
        case.from.map(date),
        case.completed.map(date),
    );
    let standing = Standing {
        credits: credits(81_000),
        legacy_limit: case.limit.map(credits),
        paid: case.paid,
        signed_up: case
            .signed_up
            .map(|day| data_center.calendar.start_of(date(day).get())),
    };
    let terms = Schedule::new(&standing, &data_center).at(now.parse().unwrap());
    assert_eq!(
        (terms.model.name(), terms.total.get()),
        expected,
        "at {now}"
    );
}

#[test]
fn a_data_centre_moves_where_its_day_begins() {
    // 00:00 in Los Angeles is 07:00 UTC in October.
    check(&US, "2025-10-06T06:59:59.999Z", ("legacy", 50_000));
    check(&US, "2025-10-06T07:00:00Z", ("grandfathered", 81_000));
    let india = Case {
        zone: "Asia/Kolkata",
        from: Some("2025-10-08"),
        ..US
    };
    check(&india, "2025-10-07T18:29:59Z", ("legacy", 50_000));
    check(&india, "2025-10-07T18:30:00Z", ("grandfathered", 81_000));
}

#[test]
fn a_data_centre_moves_on_days_of_23_and_25_hours_too() {
    let spring = Case {
        zone: "Europe/Berlin",
        from: Some("2025-03-30"),
        ..US
    };
    check(&spring, "2025-03-29T22:59:59Z", ("legacy", 50_000));
    check(&spring, "2025-03-29T23:00:00Z", ("grandfathered", 81_000));
    let day_after = Case {
        zone: "Europe/Berlin",
        from: Some("2025-03-31"),
        ..US
    };
    check(&day_after, "2025-03-30T21:59:59Z", ("legacy", 50_000)); // after 23 hours
    check(
        &day_after,
        "2025-03-30T22:00:00Z",
        ("grandfathered", 81_000),
    );
    let autumn = Case {
        zone: "Europe/Berlin",
        from: Some("2025-10-27"),
        ..US
    };
    check(&autumn, "2025-10-26T22:59:59Z", ("legacy", 50_000)); // after 25 hours
    check(&autumn, "2025-10-26T23:00:00Z", ("grandfathered", 81_000));
}

#[test]
fn a_data_centre_whose_day_starts_late_moves_late() {
    let late = Case {
        zone: "UTC",
        starts_at: "06:00",
        ..US
    };
    check(&late, "2025-10-06T05:59:59Z", ("legacy", 50_000));
    check(&late, "2025-10-06T06:00:00Z", ("grandfathered", 81_000));
}

#[test]
fn whoever_paid_before_gets_whichever_is_higher() {
    let generous = Case {
        limit: Some(120_000),
        ..US
    };
    check(&generous, "2025-10-06T06:00:00Z", ("legacy", 120_000));
    check(
        &generous,
        "2025-10-06T08:00:00Z",
        ("grandfathered", 120_000),
    );
    check(
        &generous,
        "2027-01-01T00:00:00Z",
        ("grandfathered", 120_000),
    );
    let unpaid = Case {
        paid: false,
        limit: Some(120_000),
        ..US
    };
    check(&unpaid, "2025-10-06T06:00:00Z", ("legacy", 120_000));
    check(&unpaid, "2025-10-06T08:00:00Z", ("credits", 81_000));
}

#[test]
fn who_signs_up_after_the_transition_never_had_a_limit() {
    let last = Case {
        signed_up: Some("2025-10-29"),
        ..US
    };
    check(&last, "2025-11-01T00:00:00Z", ("grandfathered", 81_000));
    let first = Case {
        signed_up: Some("2025-10-30"),
        limit: Some(120_000),
        ..US
    };
    check(&first, "2025-11-01T00:00:00Z", ("credits", 81_000));
}

#[test]
fn a_data_centre_without_a_date_moves_when_the_transition_is_complete() {
    let none = Case { from: None, ..US };
    check(&none, "2025-10-30T06:59:59Z", ("legacy", 50_000));
    check(&none, "2025-10-30T07:00:00Z", ("grandfathered", 81_000));
    let late = Case {
        from: Some("2026-01-01"),
        ..US
    };
    check(&late, "2025-10-30T06:59:59Z", ("legacy", 50_000));
    check(&late, "2025-10-30T07:00:00Z", ("grandfathered", 81_000));
}

#[test]
fn where_nothing_ever_changed_credits_have_always_been() {
    let plain = Case {
        from: None,
        completed: None,
        limit: None,
        ..US
    };
    check(&plain, "1970-01-01T00:00:00Z", ("credits", 81_000));
    let kept = Case {
        from: None,
        completed: None,
        limit: Some(120_000),
        ..US
    };
    check(&kept, "1970-01-01T00:00:00Z", ("grandfathered", 120_000));
    let no_limit = Case { limit: None, ..US };
    check(&no_limit, "2025-01-01T00:00:00Z", ("credits", 81_000));
}

#[test]
fn under_the_old_model_every_call_that_costs_anything_costs_one() {
    for (price, legacy) in [(0, 0), (1, 1), (100, 1)] {
        assert_eq!(Model::Legacy.cost(credits(price)), credits(legacy));
        assert_eq!(Model::Grandfathered.cost(credits(price)), credits(price));
    }
}

#[test]
fn overage_is_a_share_of_the_total_rounded_down() {
    for (total, percent, most) in [
        (10, 20, 12),
        (9, 20, 10),
        (1, 99, 1),
        (100, 0, 100),
        (1_000, 1_000, 11_000),
        (Credits::MAX.get(), 1_000, Credits::MAX.get()),
    ] {
        let terms = Terms::new(Model::Credits, credits(total)).with_overage(percent);
        assert_eq!(terms.most(), credits(most), "{percent} % of {total}");
        assert_eq!(terms.total, credits(total));
    }
}

#[test]
fn only_what_is_beyond_the_total_is_overage() {
    let terms = Terms::new(Model::Credits, credits(10)).with_overage(50);
    let overage = |before, after| terms.overage_between(credits(before), credits(after)).get();
    assert_eq!(
        [
            overage(0, 10),
            overage(8, 13),
            overage(11, 15),
            overage(13, 11)
        ],
        [0, 3, 4, 0]
    );
}
