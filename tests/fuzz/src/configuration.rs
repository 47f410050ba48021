//! Configurations of the filter.

use std::sync::LazyLock;

use api_credits::config::{Bodies, read};
use serde_json::Value;

/// The schema that editors check a configuration against.
static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("../../../envoy/filter.schema.json")).unwrap();
    jsonschema::validator_for(&schema).unwrap()
});

/// What the filter accepts is JSON by another reader as well, fits the schema, and is understood in the same way when that reader has
/// written it anew. What it refuses, it refuses with lines that each name a place.
pub fn configuration(data: &[u8]) {
    let accepted = match read(data, Bodies::Read) {
        Ok(accepted) => accepted,
        Err(errors) => {
            let text = errors.to_string();
            assert!(!text.is_empty());
            for line in text.lines() {
                let is_error =
                    line.starts_with("invalid configuration at `") || line.starts_with("and ");
                assert!(is_error, "{line}");
                assert!(line.len() < 2_000, "{} bytes in a line", line.len());
            }
            return;
        }
    };
    let value: Value = serde_json::from_slice(data).expect("what the filter accepts is JSON");
    if let Err(error) = SCHEMA.validate(&value) {
        panic!(
            "accepted, although the schema says at {}: {error}",
            error.instance_path()
        );
    }
    let again = read(value.to_string().as_bytes(), Bodies::Read).expect("the same written anew");
    assert_eq!(accepted.summary, again.summary);
    let rules = |policy: &api_credits::decide::policy::Policy| policy.costs.rules().to_vec();
    // In the order of the text, in which serde_json does not keep the members of objects.
    assert_eq!(rules(&accepted.policy), rules(&again.policy));
    assert_eq!(
        accepted.policy.organizations.len(),
        again.policy.organizations.len()
    );
    for (id, holder) in &accepted.policy.organizations {
        assert_eq!(holder.allotment, again.policy.organizations[id].allotment);
    }
}
