//! The whole document, member by member.

use super::*;
use crate::show::usage::details::tests::{grandfathered, legacy, ordinary, shared, with_clients};
use serde_json::json;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn document(details: &Details) -> serde_json::Value {
    serde_json::from_str(&text(&Document::from(details))).unwrap()
}

#[test]
fn an_ordinary_day() {
    let expected = serde_json::json!({
        "organization": "2389290",
        "edition": "Professional",
        "dataCenter": "US",
        "model": "credits",
        "enforced": true,
        "limit": 85_000,
        "used": 55_348,
        "remaining": 29_652,
        "percentageUsed": 65.1,
        "resetsAt": "2026-11-23T00:00:00-08:00",
        "resetsInSeconds": 18_720,
        "day": {
            "startsAt": "2026-11-22T00:00:00-08:00",
            "endsAt": "2026-11-23T00:00:00-08:00",
            "timeZone": "America/Los_Angeles",
        },
        "allotment": {
            "base": {"allotted": 75_000, "used": 55_348},
            "variable": {"allotted": 6_000, "used": 0},
            "additional": {"allotted": 4_000, "used": 0},
        },
        "plan": {"agents": 12, "lightAgents": 3, "creditsPerAgent": 500, "additionalCreditsMax": 20_000},
        "concurrency": {"limit": 15, "inProgress": 2},
        "operations": [
            {"rule": "list", "calls": 1_100, "credits": 55_000},
            {"rule": "single action", "calls": 348, "credits": 348},
            {"rule": "(a former rule)", "calls": 2, "credits": 10},
        ],
        "notItemized": 0,
        "refunds": {"calls": 1, "credits": 10},
        "refusals": [{"reason": "daily_credits", "calls": 2}, {"reason": "body_too_large", "calls": 1}],
        "runsOutAt": null,
        "history": [],
        "asOf": "2026-11-22T18:48:00-08:00",
    });
    assert_eq!(document(&ordinary()), expected);
}

#[test]
fn a_higher_api_limit_is_kept() {
    let document = document(&grandfathered());
    assert_eq!(document["model"], "grandfathered");
    assert_eq!(document["legacyLimit"], 100_000);
    let expected = serde_json::json!({
        "base": {"allotted": 75_000, "used": 75_000},
        "variable": {"allotted": 6_000, "used": 6_000},
        "additional": {"allotted": 4_000, "used": 4_000},
        "grandfathered": {"allotted": 15_000, "used": 1_000},
    });
    assert_eq!(document["allotment"], expected);
}

#[test]
fn under_the_legacy_model_there_is_the_limit_alone() {
    let document = document(&legacy());
    assert_eq!(document["model"], "legacy");
    assert_eq!(document["limit"], 15_000);
    let expected = serde_json::json!({"limit": {"allotted": 15_000, "used": 1_448}});
    assert_eq!(document["allotment"], expected);
}

#[test]
fn what_is_not_known_is_left_out() {
    let mut details = ordinary();
    details.data_center = None;
    details.plan = Default::default();
    details.concurrency = None;
    let document = document(&details);
    assert_eq!(document["plan"], serde_json::json!({}));
    for member in ["dataCenter", "concurrency", "legacyLimit"] {
        assert_eq!(document.get(member), None, "{member}");
    }
}

#[test]
fn a_percentage_is_a_number_with_one_decimal_at_the_most() {
    use crate::model::credits::Credits;
    for (used, expected) in [
        (0, "0"),
        (634, "63.4"),
        (999, "99.9"),
        (1000, "100"),
        (1201, "120.1"),
        (3, "0.3"),
    ] {
        let percentage = Percentage::of(Credits::saturating(used), Credits::saturating(1000));
        assert_eq!(text(&OneDecimal(percentage)), expected);
    }
}

#[test]
fn a_day_that_several_servers_share() {
    let document = document(&shared());
    assert_eq!(
        document["elsewhere"],
        serde_json::json!({"used": 20_348, "reserved": 1_652, "ageSeconds": 1})
    );
    let number = |member: &str| document[member].as_u64().unwrap();
    assert_eq!((number("used"), number("remaining")), (55_348, 28_000));
}

#[test]
fn clients_and_the_days_before_are_told_where_there_are_any() {
    let document = document(&with_clients());
    let list = |calls, credits| json!([{"rule": "list", "calls": calls, "credits": credits}]);
    assert_eq!(
        document["clients"],
        json!([
            {"client": "importer", "cap": 60_000, "used": 50_100, "remaining": 9_900, "refused": 3,
             "operations": list(1_000, 50_000), "notItemized": 100},
            {"client": "ann@acme.example", "used": 5_000, "refused": 0,
             "operations": list(100, 5_000), "notItemized": 0},
        ])
    );
    assert_eq!(
        document["history"],
        json!([
            {"date": "2026-11-19", "calls": 1, "credits": 7, "refused": 0,
             "operations": [{"rule": "(a former rule)", "calls": 1, "credits": 7}]},
            {"date": "2026-11-21", "calls": 2, "credits": 100, "refused": 1, "operations": list(2, 100),
             "clients": [{"client": "importer", "used": 100, "refused": 0, "operations": list(2, 100), "notItemized": 0}]},
        ])
    );
}
