//! The schema in `envoy/` is the one of the code, and it accepts the example and refuses what the filter refuses.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

use std::{fs, path::PathBuf};

use api_credits::config::schema::schema;
use serde_json::{Value, json};

fn envoy(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../envoy")
        .join(file)
}

fn example() -> Value {
    serde_json::from_str(&fs::read_to_string(envoy("filter.json")).unwrap()).unwrap()
}

#[test]
fn the_schema_for_operators_is_the_one_of_the_code() {
    let current = format!("{:#}\n", schema().as_value());
    let path = envoy("filter.schema.json");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &current).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == current,
        "envoy/filter.schema.json is out of date: run with BLESS=1 to renew it"
    );
}

#[test]
fn the_schema_accepts_the_example_and_refuses_what_the_filter_refuses() {
    let validator = jsonschema::validator_for(schema().as_value()).unwrap();
    let example = example();
    assert!(validator.is_valid(&example));
    let changes = [
        ("/orgs", json!({})),
        ("/identity", json!({"cookie": "org"})),
        ("/editions/Free/base", json!(-1)),
        ("/organizations/7/edition", json!(7)),
        ("/strangers", json!("allow")),
        ("/response_headers/cost", json!("not a token")),
        ("/costs/default", json!(0.5)),
        ("/costs/rules/0/cost", json!({"tiers": {}})),
        ("/costs/rules/0/operations", json!(["get /a"])),
        ("/costs/rules/0/operations", json!(["GET a"])),
        ("/costs/rules/0/name", json!("a/b")),
        ("/day/starts_at", json!("24:00")),
        ("/day/starts_at", json!("8:00")),
        ("/day/time_zone", json!("Mars Olympus")),
        ("/refunds", json!({"statuses": [200]})),
        ("/refunds", json!({"statuses": [503, 503]})),
        ("/editions/Free/concurrency", json!(0)),
        (
            "/costs/rules/0/cost",
            json!({"per_record": {"arrays": ["ids"], "credits": 1}}),
        ),
        (
            "/costs/rules/0/cost",
            json!({"per_record": {"arrays": ["/a~2"], "credits": 1}}),
        ),
        ("/$schema", json!(7)),
    ];
    for (pointer, value) in changes {
        let mut changed = example.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        changed.pointer_mut(parent).unwrap()[key] = value;
        assert!(!validator.is_valid(&changed), "{pointer}");
        let policy = api_credits::decide::policy::Policy::from_json(changed.to_string().as_bytes());
        assert!(policy.is_err(), "{pointer}");
    }
}
