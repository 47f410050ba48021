//! Configurations that are refused, each with its whole error line.

use super::*;
use crate::{model::credits::Credits, pricing::cost_table::Fallback};
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
    let lines = error.lines().map(|line| {
        let (before, rest) = line.split_once(" (line ").unwrap();
        format!("{before}{}", rest.split_once(')').unwrap().1)
    });
    lines.collect::<Vec<_>>().join("\n")
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
        "invalid configuration at `day.zone` (line 3 column 11): unknown key `zone`: did you mean `time_zone`? expected `time_zone` or `starts_at`"
    );
    assert_eq!(
        at("{\n  \"identity\": {\"header\": \"orgId\"},\n}"),
        "invalid configuration at `.` (line 2 column 34): a comma with nothing behind it, and JSON has no trailing commas: remove it"
    );
}

#[test]
fn an_error_is_one_line_whatever_is_in_a_key() {
    let told = Policy::from_json(br#"{"identity\n": {}}"#).unwrap_err();
    let told = told.to_string();
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(
        told.contains(r"unknown key `identity\n`: did you mean `identity`?"),
        "{told}"
    );
}

#[test]
fn text_that_is_not_one_json_document() {
    assert_eq!(
        error(""),
        "invalid configuration at `.`: the text is empty: expected an object"
    );
    assert_eq!(
        error(&format!("{0} {0}", base())),
        "invalid configuration at `.`: `{` after the end of the document: expected nothing more"
    );
}

#[test]
fn keys_that_are_unknown_missing_or_given_twice() {
    check(
        "/orgs",
        serde_json::json!(1),
        "invalid configuration at `orgs`: unknown key `orgs`: did you mean `organizations`? expected one of `$schema`, `namespace`, `identity`, `attributes`, `clients`, `directory`, `day`, `periods`, `data_centers`, `transition`, `editions`, `organizations`, `strangers`, `anonymous`, `costs`, `response_headers`, `access_log`, `refusals`, `refunds`, `concurrency`, `engine`, `enforcement`, `usage`, `operators`, `usage_events`, `warnings`",
    );
    check(
        "/organizations/7",
        serde_json::json!({"edition": "Free", "agent": 3}),
        "invalid configuration at `organizations.7.agent`: unknown key `agent`: did you mean `agents`? expected one of `edition`, `agents`, `light_agents`, `additional`, `data_center`, `signed_up`, `legacy_limit`, `concurrency`, `enforcement`, `clients`, `period_limits`, `purchases`",
    );
    assert_eq!(
        error("{}"),
        "invalid configuration at `.`: the key `identity` is missing"
    );
    let twice = base()
        .to_string()
        .replace(r#""7":"#, r#""7":{"edition":"Pro"},"7":"#);
    assert_eq!(
        error(&twice),
        "invalid configuration at `organizations.7`: \"7\": expected each key once"
    );
}

#[test]
fn values_of_the_wrong_type() {
    check(
        "/editions/Free/base",
        serde_json::json!(-5),
        "invalid configuration at `editions.Free.base`: -5: expected a whole number of credits from 0 to 999999999999999",
    );
    check(
        "/organizations/7/agents",
        serde_json::json!("12"),
        "invalid configuration at `organizations.7.agents`: \"12\": expected a whole number of agents from 0 to 4294967295",
    );
    check(
        "/organizations/7,8",
        serde_json::json!({"edition": "Free"}),
        "invalid configuration at `organizations[\"7,8\"]`: \"7,8\": expected 1 to 128 visible ASCII characters without `,`, `/`, `\"` and `\\`, other than `.` and `..`",
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
        "invalid configuration at `organizations.7.data_center`: \"MARS\": expected one of the `data_centers`, of which there are none",
    );
    check(
        "/data_centers",
        serde_json::json!({"EU": {"time_zone": "Europe/Atlantis"}}),
        "invalid configuration at `data_centers.EU.time_zone`: \"Europe/Atlantis\": expected the IANA name of a time zone, such as \"America/Los_Angeles\"",
    );
    check(
        "/transition",
        serde_json::json!({"completed_on": "30.10.2025"}),
        "invalid configuration at `transition.completed_on`: \"30.10.2025\": expected one such as \"2025-10-06\"",
    );
    check(
        "/editions/Pro/legacy_limit",
        serde_json::json!({"per_agent": 1, "minimum": 2}),
        "invalid configuration at `editions.Pro.legacy_limit.minimum`: unknown key `minimum`: did you mean `min`? expected one of `per_agent`, `min`, `max`",
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
        "invalid configuration at `strangers`: \"allow\": expected `refuse` or `share`",
    );
    check(
        "/anonymous",
        serde_json::json!({"refuse": {"status": 200}}),
        "invalid configuration at `anonymous.refuse.status`: 200: expected an HTTP status of a refusal, from 400 to 599",
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
            "invalid configuration at `engine.deadline_ms`: 0: expected 1 to 60000 milliseconds",
        ),
        (
            "when_down",
            serde_json::json!("open"),
            "invalid configuration at `engine.when_down`: \"open\": expected one of `refuse`, `allow`, `local`",
        ),
        (
            "transport",
            serde_json::json!({"resp": {"cluster": "e", "user": "u"}}),
            "invalid configuration at `engine.transport.resp.user`: a user without a password: expected `password` or `password_variable` beside it",
        ),
        (
            "transport",
            serde_json::json!({"resp": {"cluster": "e", "password": "p", "password_variable": "P"}}),
            "invalid configuration at `engine.transport.resp.password_variable`: a second password: \
             expected either `password` or `password_variable`",
        ),
        (
            "transport",
            serde_json::json!({"resp": {"cluster": "e", "password_variable": "NOBODY_HAS_SET_THIS"}}),
            "invalid configuration at `engine.transport.resp.password_variable`: \"NOBODY_HAS_SET_THIS\": expected a variable of the VM's \
             environment: `\"environment_variables\": {\"host_env_keys\": [\"NOBODY_HAS_SET_THIS\"]}` in `vm_config`, and the variable in the \
             proxy's own",
        ),
        (
            "transport",
            serde_json::json!({"resp": {"cluster": "e", "password_variable": "A B"}}),
            "invalid configuration at `engine.transport.resp.password_variable`: \"A B\": expected 1 to 128 letters, digits and `_`",
        ),
        (
            "transport",
            serde_json::json!({"resp": {"cluster": "e", "password": ""}}),
            "invalid configuration at `engine.transport.resp.password`: (not shown): expected 1 to 1024",
        ),
    ] {
        check("/engine", engine(member, value), expected);
    }
}

#[test]
fn the_module_that_reads_no_bodies_refuses_prices_per_record_unless_told_what_becomes_of_them() {
    let mut config = base();
    let read = |config: &serde_json::Value| {
        let accepted = super::read(config.to_string().as_bytes(), Bodies::Unread);
        accepted.map(|accepted| accepted.policy.costs.body().unread)
    };
    assert_eq!(read(&config).unwrap(), Some(Fallback::Refuse));
    config["costs"]["rules"] = serde_json::json!([
        {"name": "one", "operations": ["GET /one"], "cost": 2},
        {"name": "bulk", "operations": ["POST /bulk"], "cost": {"per_record": {"arrays": ["/ids"], "credits": 1}}},
    ]);
    assert_eq!(
        read(&config).unwrap_err().to_string(),
        "invalid configuration at `costs.rules[1].cost` (line 1 column 90): {\"per_record\": …}: expected a price that needs no body, because this module \
         (api_credits_headers.wasm) reads none: load api_credits.wasm, or say in `costs.body.unread` how such calls are treated here"
    );
    config["costs"]["body"] = serde_json::json!({"unread": {"charge": 40}});
    let charged = Fallback::Charge(Credits::new(40).unwrap());
    assert_eq!(read(&config).unwrap(), Some(charged));
    let policy = Policy::from_json(config.to_string().as_bytes()).unwrap();
    assert_eq!(policy.costs.body().unread, None);
}

#[test]
fn all_that_contradicts_something_is_told_at_once_in_the_order_of_the_text() {
    let config = r#"{
  "identity": {"header": "orgId"},
  "refunds": {"statuses": [503, 200, 503, 99]},
  "day": {"time_zone": "America/Los_Angles", "starts_at": "24:00"},
  "concurrency": {"groups": {"exports": 0}},
  "editions": {"Free": {"base": 5, "concurrency": 0}, "Pro": {"base": 10, "additional_max": 100}},
  "organizations": {
    "a.b": {"edition": "Fre"},
    "7": {"edition": "Pro", "additional": 101},
    "8": {"edition": "Pro", "data_center": "EU", "concurrency": 0}
  },
  "strangers": {"share": {"edition": "pro"}},
  "costs": {
    "default": 1,
    "rules": [
      {"name": "default", "operations": ["GET /a", "GET b"], "cost": 1, "group": "export"},
      {"name": "usage", "operations": ["GET /usage/cost"], "cost": {"tiers": {"query": "", "steps": [], "beyond": 1}}}
    ]
  },
  "usage": {"path": "/usage"}
}"#;
    let errors = Policy::from_json(config.as_bytes()).unwrap_err();
    let expected = [
        "`refunds.statuses[1]` (line 3 column 33): 200: expected a status that says that the call failed, from 400 to 599",
        "`refunds.statuses[2]` (line 3 column 38): 503: expected each status once",
        "`refunds.statuses[3]` (line 3 column 43): 99: expected a status that says that the call failed, from 400 to 599",
        "`day.time_zone` (line 4 column 24): \"America/Los_Angles\": expected the IANA name of a time zone, such as \"America/Los_Angeles\"",
        "`concurrency.groups.exports` (line 5 column 41): 0: expected at least 1 call in progress (leave it out for no limit)",
        "`editions.Free.concurrency` (line 6 column 51): 0: expected at least 1 call in progress (leave it out for no limit)",
        "`organizations[\"a.b\"].edition` (line 8 column 24): \"Fre\": did you mean \"Free\"? expected one of the `editions`: \"Free\", \"Pro\"",
        "`organizations.7.additional` (line 9 column 43): 101: expected at most 100, the edition's `additional_max`",
        "`organizations.8.data_center` (line 10 column 44): \"EU\": expected one of the `data_centers`, of which there are none",
        "`organizations.8.concurrency` (line 10 column 65): 0: expected at least 1 call in progress (leave it out for no limit)",
        "`strangers.share.edition` (line 12 column 38): \"pro\": did you mean \"Pro\"? expected one of the `editions`: \"Free\", \"Pro\"",
        "`costs.rules[0].name` (line 16 column 16): \"default\": expected another name: this is what calls without a rule are listed under",
        "`costs.rules[0].operations[1]` (line 16 column 52): \"GET b\": expected a path template that starts with `/`, found `b`",
        "`costs.rules[0].group` (line 16 column 82): \"export\": did you mean \"exports\"? expected one of the `concurrency.groups`: \"exports\"",
        "`costs.rules[1].operations[0]` (line 17 column 40): \"GET /usage/cost\": expected an operation that is not below `usage.path` (\"/usage\"), which the filter answers itself, free of charge",
        "`costs.rules[1].cost.tiers.query` (line 17 column 88): \"\": expected the name of a query parameter",
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|line| format!("invalid configuration at {line}"))
        .collect();
    let lines: Vec<_> = errors.lines().collect();
    assert_eq!(lines, expected);
}

#[test]
fn a_time_of_day_and_a_zone_are_each_told() {
    check(
        "/data_centers",
        serde_json::json!({"EU": {"time_zone": "Europe/Berlin", "starts_at": "24:00"}, "US": {"time_zone": "Mars"}}),
        "invalid configuration at `data_centers.EU.starts_at`: \"24:00\": expected a time of day from \"00:00\" to \"23:59:59\"\n\
         invalid configuration at `data_centers.US.time_zone`: \"Mars\": expected the IANA name of a time zone, such as \"America/Los_Angeles\"",
    );
}

#[test]
fn what_is_wrong_many_times_is_told_twenty_times_and_counted() {
    let mut config = base();
    for number in 100..150 {
        config["organizations"][number.to_string()] = serde_json::json!({"edition": "Gold"});
    }
    let errors = Policy::from_json(config.to_string().as_bytes()).unwrap_err();
    let lines: Vec<_> = errors.lines().collect();
    assert_eq!(lines.len(), 21);
    assert_eq!(
        lines[20],
        "invalid configuration: 30 mistakes more than these"
    );
}

#[test]
fn an_attribute_that_can_name_nothing_and_a_source_that_is_removed_are_refused() {
    check(
        "/attributes",
        serde_json::json!({"edition": {"header": "x-edition"}, "data_center": {"header": "x-dc"}}),
        "invalid configuration at `attributes.data_center`: there are no `data_centers` that it could name: expected some, or no such attribute",
    );
    check(
        "/response_headers",
        serde_json::json!({"cost": "OrgId"}),
        "invalid configuration at `identity.header`: \"orgid\": expected another field than those of `response_headers`, which clients cannot set",
    );
}

#[test]
fn what_is_probably_not_meant_is_a_doubt() {
    fn doubts(change: impl FnOnce(&mut serde_json::Value)) -> Vec<String> {
        let mut config = base();
        change(&mut config);
        let accepted = super::read(config.to_string().as_bytes(), Bodies::Read).unwrap();
        let doubts = accepted.doubts.into_iter().map(|line| {
            let (before, rest) = line.split_once(" (line ").unwrap();
            format!("{before}{}", rest.split_once(')').unwrap().1)
        });
        doubts.collect()
    }
    assert_eq!(doubts(|_| {}), Vec::<String>::new());
    let check = |pointer: &str, value: serde_json::Value, expected: &str| {
        let found = doubts(|config| {
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            config.pointer_mut(parent).unwrap()[key] = value;
        });
        assert_eq!(found, [format!("suspicious configuration at {expected}")]);
    };
    check(
        "/concurrency",
        serde_json::json!({"groups": {"exports": 4}}),
        "`concurrency.groups.exports`: no rule is in this group, so that it limits nothing",
    );
    check(
        "/data_centers",
        serde_json::json!({"EU": {"time_zone": "Europe/Berlin"}}),
        "`data_centers.EU`: no organization is in this data centre, and no call can state that one is",
    );
    check(
        "/organizations",
        serde_json::json!({}),
        "`organizations`: there are none, and neither `directory` nor `attributes` tells of others: every call that states one is refused",
    );
    check(
        "/warnings",
        serde_json::json!({"at_percent": [], "webhook": {"cluster": "a", "authority": "a", "path": "/"}}),
        "`warnings.webhook`: it is never called, because `warnings.at_percent` has no percentages",
    );
    check(
        "/attributes",
        serde_json::json!({"edition": {"header": "ORGID"}}),
        "`attributes.edition`: it is read from where the organization is stated",
    );
    check(
        "/costs/rules",
        serde_json::json!([{"name": "a", "operations": ["GET /a"], "cost": 5000}, {"name": "b", "operations": ["GET /b"], "cost": 5001}]),
        "`costs.rules[1].cost`: at least 5001, and no organization here has more than 5000 credits a day: such calls are always refused",
    );
    let late = doubts(|config| {
        config["data_centers"] =
            serde_json::json!({"EU": {"time_zone": "UTC", "credits_from": "2025-10-31"}});
        config["organizations"]["7"]["data_center"] = "EU".into();
        config["transition"] = serde_json::json!({"completed_on": "2025-10-30"});
    });
    assert_eq!(
        late,
        [
            "suspicious configuration at `data_centers.EU.credits_from`: it has no effect, because `transition.completed_on` (2025-10-30) is before it"
        ]
    );
}

#[test]
fn the_example_is_summed_up_and_gives_no_doubts() {
    let example = include_bytes!("../../../envoy/filter.json");
    let accepted = super::read(example, Bodies::Read).unwrap();
    assert_eq!(accepted.doubts, Vec::<String>::new());
    assert_eq!(
        accepted.summary,
        "2 organizations of 7 editions; identified by the header \"orgid\"; 7 prices for 291 operations, otherwise 1; \
         days in America/Los_Angeles from 00:00; usage details at /.well-known/api-credits"
    );
}
