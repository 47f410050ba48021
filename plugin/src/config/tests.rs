//! Configurations that are refused, each with its whole error line.

use super::*;
use crate::{cost_table::Fallback, credits::Credits};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn base() -> serde_json::Value {
    serde_json::json!({
        "identity": {"header": "orgId"},
        "editions": {"Free": {"base": 5000}, "Pro": {"base": 10, "per_agent": 5, "additional_max": 100}},
        "organizations": {"7": {"edition": "Free"}},
        "costs": {"default": 1, "rules": []},
    })
}

/// The error of a configuration, without line and column, which depend on the order of the members.
#[track_caller]
fn error(config: &str) -> String {
    let error = Policy::from_json(config.as_bytes())
        .unwrap_err()
        .to_string();
    match error.rsplit_once(" at line ") {
        Some((text, _position)) => text.to_owned(),
        None => error,
    }
}

/// The error of the configuration in which the member at a JSON Pointer is `value`.
#[track_caller]
fn check(pointer: &str, value: serde_json::Value, expected: &str) {
    let mut config = base();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    config.pointer_mut(parent).unwrap()[key] = value;
    assert_eq!(error(&config.to_string()), expected);
}

#[test]
fn the_base_of_these_tests_is_accepted() {
    let policy = Policy::from_json(base().to_string().as_bytes()).unwrap();
    assert_eq!(
        policy.organizations["7"].allotment.total(),
        Credits::new(5000).unwrap()
    );
    assert_eq!(policy.identity.as_str(), "request\0headers\0orgid");
}

#[test]
fn an_error_tells_line_and_column() {
    let at = |text: &str| Policy::from_json(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(
        at("{\n  \"identity\": {\"header\": \"orgId\"},\n  \"day\": {\"zone\": \"UTC\"}\n}"),
        "invalid configuration at `day.zone`: unknown field `zone`, expected `time_zone` or `starts_at` at line 3 column 16"
    );
    assert_eq!(
        at("{\n  \"identity\": {\"header\": \"orgId\"},\n}"),
        "invalid configuration at `.`: trailing comma at line 3 column 1"
    );
}

#[test]
fn text_that_is_not_one_json_document() {
    assert_eq!(
        error(""),
        "invalid configuration at `.`: EOF while parsing a value"
    );
    assert_eq!(
        error(&format!("{0} {0}", base())),
        "invalid configuration at `.`: trailing characters"
    );
}

#[test]
fn keys_that_are_unknown_missing_or_given_twice() {
    check(
        "/orgs",
        serde_json::json!(1),
        "invalid configuration at `orgs`: unknown field `orgs`, expected one of `namespace`, `identity`, `attributes`, `directory`, `day`, `data_centers`, `transition`, `editions`, `organizations`, `strangers`, `anonymous`, `costs`, `response_headers`, `refusals`, `refunds`, `concurrency`, `engine`, `enforcement`, `usage`, `warnings`",
    );
    check(
        "/organizations/7",
        serde_json::json!({"edition": "Free", "agent": 3}),
        "invalid configuration at `organizations.7.agent`: unknown field `agent`, expected one of `edition`, `agents`, `light_agents`, `additional`, `data_center`, `signed_up`, `legacy_limit`, `concurrency`, `enforcement`",
    );
    assert_eq!(
        error("{}"),
        "invalid configuration at `.`: missing field `identity`"
    );
    let twice = base()
        .to_string()
        .replace(r#""7":"#, r#""7":{"edition":"Pro"},"7":"#);
    assert_eq!(
        error(&twice),
        "invalid configuration at `organizations`: key `7` given twice, expected once"
    );
}

#[test]
fn values_of_the_wrong_type() {
    check(
        "/editions/Free/base",
        serde_json::json!(-5),
        "invalid configuration at `editions.Free.base`: invalid type: integer `-5`, expected a whole number of credits from 0 to 999999999999999",
    );
    check(
        "/organizations/7/agents",
        serde_json::json!("12"),
        "invalid configuration at `organizations.7.agents`: invalid type: string \"12\", expected a whole number of agents from 0 to 4294967295",
    );
    check(
        "/organizations/7,8",
        serde_json::json!({"edition": "Free"}),
        "invalid configuration at `organizations.7,8`: invalid organization id \"7,8\", expected 1 to 128 visible ASCII characters without `,`, `/`, `\"` and `\\`, other than `.` and `..`",
    );
}

#[test]
fn parts_that_contradict_each_other() {
    check(
        "/organizations/7/edition",
        serde_json::json!("Gold"),
        "invalid configuration at `organizations.7.edition`: \"Gold\": expected one of the `editions`: \"Free\", \"Pro\"",
    );
    check(
        "/organizations/7",
        serde_json::json!({"edition": "Pro", "additional": 101}),
        "invalid configuration at `organizations.7.additional`: 101: expected at most 100, the edition's `additional_max`",
    );
}

#[test]
fn an_allotment_that_overflows() {
    let mut config = base();
    config["editions"]["Free"] =
        serde_json::json!({"base": 999_999_999_999_999_u64, "per_agent": 2});
    config["organizations"]["7"]["agents"] = serde_json::json!(3);
    assert_eq!(
        error(&config.to_string()),
        "invalid configuration at `organizations.7`: 3 agents and 0 additional credits: expected an allotment of at most 999999999999999 credits a day"
    );
}

#[test]
fn days_that_cannot_be() {
    check(
        "/day",
        serde_json::json!({"time_zone": "Mars/Olympus"}),
        "invalid configuration at `day.time_zone`: \"Mars/Olympus\": expected the IANA name of a time zone, such as \"America/Los_Angeles\"",
    );
    check(
        "/day",
        serde_json::json!({"starts_at": "25:00"}),
        "invalid configuration at `day.starts_at`: \"25:00\": expected a time of day from \"00:00\" to \"23:59:59\"",
    );
}

#[test]
fn data_centres_and_transitions_that_cannot_be() {
    check(
        "/organizations/7/data_center",
        serde_json::json!("MARS"),
        "invalid configuration at `organizations.7.data_center`: \"MARS\": expected one of the `data_centers`: ",
    );
    check(
        "/data_centers",
        serde_json::json!({"EU": {"time_zone": "Europe/Atlantis"}}),
        "invalid configuration at `data_centers.EU.time_zone`: \"Europe/Atlantis\": expected the IANA name of a time zone, such as \"America/Los_Angeles\"",
    );
    check(
        "/transition",
        serde_json::json!({"completed_on": "30.10.2025"}),
        "invalid configuration at `transition.completed_on`: invalid date \"30.10.2025\", expected one such as \"2025-10-06\"",
    );
    check(
        "/editions/Pro/legacy_limit",
        serde_json::json!({"per_agent": 1, "minimum": 2}),
        "invalid configuration at `editions.Pro.legacy_limit.minimum`: unknown field `minimum`, expected one of `per_agent`, `min`, `max`",
    );
}

#[test]
fn outsiders_and_headers_that_cannot_be() {
    check(
        "/strangers",
        serde_json::json!({"share": {"edition": "Gold"}}),
        "invalid configuration at `strangers.share.edition`: \"Gold\": expected one of the `editions`: \"Free\", \"Pro\"",
    );
    check(
        "/strangers",
        serde_json::json!("allow"),
        "invalid configuration at `strangers`: unknown variant `allow`, expected `refuse` or `share`",
    );
    check(
        "/anonymous",
        serde_json::json!({"refuse": {"status": 200}}),
        "invalid configuration at `anonymous.refuse.status`: invalid value: integer `200`, expected an HTTP status of a refusal, from 400 to 599",
    );
    check(
        "/identity",
        serde_json::json!({"property": []}),
        "invalid configuration at `identity.property`: []: expected the segments of a property's path, at least one, none empty and none with a NUL",
    );
    check(
        "/response_headers",
        serde_json::json!({"cost": "X-Credits", "remaining": "x-credits"}),
        "invalid configuration at `response_headers`: \"x-credits\" twice: expected a name of its own for each field",
    );
}

#[test]
fn an_engine_that_cannot_be() {
    let engine = |member: &str, value: serde_json::Value| {
        let resp = serde_json::json!({"cluster": "e"});
        let mut engine = serde_json::json!({"transport": {"resp": resp}, "envoys": 2});
        engine[member] = value;
        engine
    };
    for (member, value, expected) in [
        (
            "envoys",
            serde_json::json!(0),
            "invalid configuration at `engine.envoys`: 0: expected from 1 to 1000",
        ),
        (
            "idle_seconds",
            serde_json::json!(3601),
            "invalid configuration at `engine.idle_seconds`: 3601: expected from 1 to 3600",
        ),
        (
            "lease",
            serde_json::json!(0),
            "invalid configuration at `engine.lease`: 0: expected at least 1 credit",
        ),
        (
            "deadline_ms",
            serde_json::json!(0),
            "invalid configuration at `engine.deadline_ms`: invalid time-out 0, expected 1 to 60000 milliseconds",
        ),
        (
            "when_down",
            serde_json::json!("open"),
            "invalid configuration at `engine.when_down`: unknown variant `open`, expected one of `refuse`, `allow`, `local`",
        ),
        (
            "transport",
            serde_json::json!({"resp": {"cluster": "e", "user": "u"}}),
            "invalid configuration at `engine.transport.resp.user`: a user without a password: expected `password` beside it",
        ),
        (
            "transport",
            serde_json::json!({"resp": {"cluster": "e", "password": ""}}),
            "invalid configuration at `engine.transport.resp.password`: invalid user or password of 0 bytes, expected 1 to 1024",
        ),
    ] {
        check("/engine", engine(member, value), expected);
    }
}

#[test]
fn the_module_that_reads_no_bodies_refuses_prices_per_record_unless_told_what_becomes_of_them() {
    let mut config = base();
    let read = |config: &serde_json::Value| {
        let policy = Policy::from_json_without_bodies(config.to_string().as_bytes());
        policy.map(|policy| policy.costs.body().unread)
    };
    assert_eq!(read(&config).unwrap(), Some(Fallback::Refuse));
    config["costs"]["rules"] = serde_json::json!([
        {"name": "one", "operations": ["GET /one"], "cost": 2},
        {"name": "bulk", "operations": ["POST /bulk"], "cost": {"per_record": {"arrays": ["/ids"], "credits": 1}}},
    ]);
    assert_eq!(
        read(&config).unwrap_err().to_string(),
        "invalid configuration at `costs.rules[1].cost`: {\"per_record\": …}: expected a price that needs no body, because this module \
         (api_credits_headers.wasm) reads none: load api_credits.wasm, or say in `costs.body.unread` what becomes of such calls here"
    );
    config["costs"]["body"] = serde_json::json!({"unread": {"charge": 40}});
    let charged = Fallback::Charge(Credits::new(40).unwrap());
    assert_eq!(read(&config).unwrap(), Some(charged));
    let policy = Policy::from_json(config.to_string().as_bytes()).unwrap();
    assert_eq!(policy.costs.body().unread, None);
}
