//! The JSON Schema of the configuration, generated from the types that read it, for editors and for checks before a deployment.

use schemars::{Schema, generate::SchemaSettings};
use serde_json::{Value, json};

use super::Config;

/// The schema (JSON Schema, draft 2020-12). What it cannot express, such as two operations that are the same, the filter still checks.
#[must_use]
pub fn schema() -> Schema {
    let mut schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<Config>();
    for (place, value) in defaults() {
        if let Some(key) = schema.pointer_mut(place).and_then(Value::as_object_mut) {
            key.insert("default".to_owned(), value);
        }
    }
    schema
}

/// What a key is that is left out, where the types do not tell the schema by themselves.
fn defaults() -> Vec<(&'static str, Value)> {
    let refused = || json!("refuse");
    vec![
        ("/properties/anonymous", json!({"refuse": {}})),
        ("/properties/enforcement", json!("enforce")),
        ("/properties/namespace", json!("default")),
        ("/properties/strangers", json!({"refuse": {}})),
        ("/$defs/BodyConfig/properties/too_large", refused()),
        ("/$defs/BodyConfig/properties/unreadable", refused()),
        (
            "/$defs/DirectoryConfig/properties/path",
            json!("/organizations/{id}"),
        ),
        ("/$defs/DirectoryConfig/properties/timeout_ms", json!(250)),
        ("/$defs/DirectoryConfig/properties/when_down", refused()),
        ("/$defs/Edition/properties/per_agent", json!(0)),
        ("/$defs/EngineConfig/properties/deadline_ms", json!(50)),
        ("/$defs/EngineConfig/properties/lease", json!(1_000)),
        ("/$defs/EngineConfig/properties/when_down", refused()),
        ("/$defs/Organization/properties/additional", json!(0)),
        ("/$defs/Organization/properties/agents", json!(0)),
        ("/$defs/Organization/properties/light_agents", json!(0)),
        ("/$defs/PerRecordConfig/properties/at_least", json!(0)),
        ("/$defs/Refusals/properties/format", json!("vendor")),
        (
            "/$defs/ResponseHeaders/properties/cost",
            json!("x-rate-limit-request-weight-v3"),
        ),
        (
            "/$defs/ResponseHeaders/properties/remaining",
            json!("x-rate-limit-remaining-v3"),
        ),
        (
            "/$defs/ResponseHeaders/properties/policy_name",
            json!("daily"),
        ),
        (
            "/$defs/UsageConfig/properties/path",
            json!("/.well-known/api-credits"),
        ),
        (
            "/$defs/WarningsConfig/properties/at_percent",
            json!([50, 80, 90, 100]),
        ),
        ("/$defs/WebhookConfig/properties/timeout_ms", json!(1_000)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Something with every object in it whose keys have defaults, and where in it an object of each kind is.
    fn whole() -> Value {
        json!({
            "identity": {"header": "orgId"},
            "day": {"time_zone": "UTC"},
            "editions": {"Pro": {"base": 10, "legacy_limit": {"per_agent": 1}}},
            "organizations": {"7": {"edition": "Pro"}},
            "data_centers": {"EU": {"time_zone": "UTC"}},
            "directory": {"cluster": "d", "authority": "d"},
            "engine": {"transport": {"resp": {"cluster": "e"}}, "envoys": 2},
            "warnings": {"webhook": {"cluster": "w", "authority": "w", "path": "/"}},
            "operators": {"identity": {"header": "x-operator"}, "values": ["yes"]},
            "usage_events": {"webhook": {"cluster": "u", "authority": "u", "path": "/"}},
            "usage": {}, "refunds": {}, "refusals": {}, "response_headers": {}, "concurrency": {},
            "costs": {"default": 1, "body": {}, "rules": [
                {"name": "a", "operations": ["POST /a"], "cost": {"per_record": {"arrays": ["/a"], "credits": 1}}}
            ]},
        })
    }

    const PLACES: [(&str, &str); 23] = [
        ("", ""),
        ("BodyConfig", "/costs/body"),
        ("ConcurrencyConfig", "/concurrency"),
        ("CostsConfig", "/costs"),
        ("DataCenterConfig", "/data_centers/EU"),
        ("DayConfig", "/day"),
        ("DirectoryConfig", "/directory"),
        ("Edition", "/editions/Pro"),
        ("EngineConfig", "/engine"),
        ("OperatorsConfig", "/operators"),
        ("Organization", "/organizations/7"),
        ("PerAgentLimit", "/editions/Pro/legacy_limit"),
        ("PerRecordConfig", "/costs/rules/0/cost/per_record"),
        ("Refunds", "/refunds"),
        ("Refusals", "/refusals"),
        ("RespConfig", "/engine/transport/resp"),
        ("ResponseHeaders", "/response_headers"),
        ("RuleConfig", "/costs/rules/0"),
        ("UsageConfig", "/usage"),
        ("UsageEventsConfig", "/usage_events"),
        ("WarningsConfig", "/warnings"),
        ("WebhookConfig", "/warnings/webhook"),
        ("Answer", "/refusals/exceeds_allotment"),
    ];

    #[test]
    fn a_default_means_the_same_as_nothing() {
        let schema = schema();
        let read = |config: &Value| {
            let config = config.to_string();
            let read: Config = serde_json::from_str(&config).unwrap_or_else(|error| {
                panic!("{config}: {error}");
            });
            format!("{read:?}")
        };
        let mut checked = 0;
        for (name, place) in PLACES {
            let properties = match name {
                "" => "/properties".to_owned(),
                name => format!("/$defs/{name}/properties"),
            };
            let properties = schema.pointer(&properties).and_then(Value::as_object);
            for (key, property) in properties.unwrap_or_else(|| panic!("no {name}")) {
                let Some(default) = property.get("default") else {
                    continue;
                };
                let mut config = whole();
                if place == "/refusals/exceeds_allotment" {
                    config["refusals"]["exceeds_allotment"] = json!({});
                }
                let without = {
                    let at = config.pointer_mut(place).and_then(Value::as_object_mut);
                    at.unwrap_or_else(|| panic!("no {place}")).remove(key);
                    read(&config)
                };
                let at = config.pointer_mut(place).and_then(Value::as_object_mut);
                at.unwrap_or_else(|| panic!("no {place}"))
                    .insert(key.clone(), default.clone());
                assert_eq!(read(&config), without, "{name}.{key}: {default}");
                checked += 1;
            }
        }
        assert!(checked > 50, "{checked}");
        for (place, _) in defaults() {
            assert!(schema.pointer(place).is_some(), "{place}");
        }
    }
}
