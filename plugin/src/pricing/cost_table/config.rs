//! The `costs` object of the configuration, as it is written.
//!
//! These types only say what can be written down; whether it makes sense is checked when the table is compiled. Both report JSON
//! paths, which is why the enums are externally tagged and why a `cost` is read by hand: serde's untagged and flattened forms lose the path.

mod settle;
mod when;

pub use settle::{SettleConfig, SettlePlace};
pub use when::{GraphqlCondition, MemberValue, OperationType, PropertyCondition, When};

use std::num::NonZeroU64;

use serde::{Deserialize, Deserializer, de};

use crate::model::credits::Credits;

/// What calls cost.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "CostsConfig", deny_unknown_fields)]
pub struct CostsConfig {
    /// Credits of a call that no rule prices.
    pub default: Credits,
    /// How the bodies of calls with a price per record are read.
    #[serde(default)]
    pub body: BodyConfig,
    /// The prices. Their order does not matter: the most specific operation wins.
    #[serde(default)]
    pub rules: Vec<RuleConfig>,
}

/// How the bodies of calls with a price per record are read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "BodyConfig", deny_unknown_fields, default)]
pub struct BodyConfig {
    /// The longest body that is read, in bytes: from 1 to 16777216, by default 65536.
    pub max_bytes: u32,
    /// How long a call waits for its body to be complete, in seconds: from 1 to 3600, by default 60. Then it is refused with 408.
    pub timeout_seconds: u32,
    /// What of a call is held until its body is there.
    pub hold: Hold,
    /// How a call with a longer body is treated; by default it is refused.
    pub too_large: Fallback,
    /// How a call is treated whose records cannot be counted: the body is not JSON, by its content type or by itself, or what should
    /// be an array is not. By default it is refused.
    pub unreadable: Fallback,
    /// How a call with a price per record is treated in `api_credits_headers.wasm`, the module that reads no bodies, where it has
    /// one. Without this, that module refuses a configuration that has such prices. `api_credits.wasm` reads the bodies, and ignores it.
    pub unread: Option<Fallback>,
}

/// What of a call is held until its body is there and paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// All of it: no upstream sees anything of a call that is refused. Beside the filter, the proxy's configuration needs
    /// `allow_on_headers_stop_iteration: true` (Envoy 1.35 or later).
    #[default]
    Head,
    /// Its body alone, for proxies that cannot set that switch, such as those of Istio and Envoy Gateway. The upstream sees the head of
    /// a call that is refused later, and never any of its body. A call that is answered before, or whose client goes away before, costs as
    /// much as one without records, and its body goes nowhere.
    Body,
}

/// How a call whose records cannot be counted is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// The call is refused and costs nothing.
    Refuse,
    /// The call costs these credits.
    Charge(Credits),
}

/// One price and the operations that have it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "RuleConfig", deny_unknown_fields)]
pub struct RuleConfig {
    /// What usage details and logs call it: 1 to 64 letters, digits, spaces, `_`, `.` and `-`.
    #[cfg_attr(
        feature = "schema",
        schemars(regex(pattern = r"^[A-Za-z0-9 _.-]{1,64}$"))
    )]
    pub name: String,
    /// Operations such as `GET /tickets/{ticketId}`: an upper-case method or `*`, a space, and a path template. `{name}` and `*` stand
    /// for one segment, `**` at the end for any number of them, and one `{name}` may have text around it in its segment.
    #[cfg_attr(
        feature = "schema",
        schemars(inner(regex(pattern = r"^(\*|[A-Z][A-Z0-9-]*) /[^\s?#]*$")))
    )]
    pub operations: Vec<String>,
    /// Only for calls that are like this: `"*"` is any value, anything else is the value itself. All must hold. A name with a string is a
    /// query parameter; `headers` with an object are request headers, `properties` with a list are properties such as the claims of a
    /// token, `body` with an object are members of a JSON body, and `graphql` is the operation of a GraphQL call. A header is only as true as whoever sets it: what clients can set must not make a call cheaper.
    #[serde(default)]
    pub when: When,
    /// What such a call costs.
    pub cost: CostConfig,
    /// The group in which such calls are in progress: a key of `concurrency.groups`, which gives it a limit of its own.
    #[serde(default)]
    pub group: Option<String>,
    /// Where the upstream states what the call did cost: the name of a response header, or an object with `header`, `trailer` or `body`, and
    /// `per_1000` for what is not stated in credits; `cost` is then the estimate that is charged before the call is forwarded. A whole
    /// number in any notation (`5`, `5.0`, `5e0`); anything else, such as `5.5` or two values, leaves the estimate and is counted by
    /// `api_credits.costs.unreadable`.
    #[serde(default)]
    pub settle_from: Option<SettleConfig>,
}

/// What a call costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CostConfig {
    /// Always the same.
    Fixed(Credits),
    /// By the value of a query parameter.
    Tiers(TiersConfig),
    /// By the number of records in the body.
    PerRecord(PerRecordConfig),
}

/// A price by the value of a query parameter, such as the depth of a list. A call without the parameter is on the first step; a value
/// that is not a whole number costs as much as the most expensive step.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "TiersConfig", deny_unknown_fields)]
pub struct TiersConfig {
    /// The name of the query parameter.
    pub query: String,
    /// The steps, in ascending order.
    pub steps: Vec<StepConfig>,
    /// Credits of a call beyond the last step.
    pub beyond: Credits,
}

/// One step of a price by the value of a query parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "StepConfig", deny_unknown_fields)]
pub struct StepConfig {
    /// The largest value on this step.
    pub up_to: u64,
    /// What a call on this step costs.
    pub credits: Credits,
}

/// A price by the number of records in the JSON body of a call.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "PerRecordConfig", deny_unknown_fields)]
pub struct PerRecordConfig {
    /// Where the records are: JSON Pointers (RFC 6901) to arrays in the body, `""` for the body itself. The elements of all of them
    /// count; an array that is absent or null has none.
    #[cfg_attr(
        feature = "schema",
        schemars(inner(regex(pattern = r"^(/([^/~]|~[01])*)*$")))
    )]
    pub arrays: Vec<String>,
    /// Credits for each group of records.
    pub credits: Credits,
    /// The number of records in a group, by default 1; a group that is not full counts as one.
    #[serde(default = "one")]
    pub records: NonZeroU64,
    /// The least that a call costs, however few its records; by default 0.
    #[serde(default)]
    pub at_least: Credits,
}

crate::document::json::objects!(
    CostsConfig,
    BodyConfig,
    RuleConfig,
    TiersConfig,
    StepConfig,
    PerRecordConfig
);

fn one() -> NonZeroU64 {
    NonZeroU64::MIN
}

impl Default for BodyConfig {
    fn default() -> Self {
        Self {
            max_bytes: 65_536,
            timeout_seconds: 60,
            hold: Hold::Head,
            too_large: Fallback::Refuse,
            unreadable: Fallback::Refuse,
            unread: None,
        }
    }
}

impl<'de> Deserialize<'de> for CostConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = CostConfig;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(
                    f,
                    "a whole number of credits from 0 to {}, {{\"tiers\": …}} or {{\"per_record\": …}}",
                    Credits::MAX
                )
            }

            fn visit_u64<E: de::Error>(self, amount: u64) -> Result<CostConfig, E> {
                Credits::new(amount)
                    .map(CostConfig::Fixed)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(amount), &self))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<CostConfig, A::Error> {
                let cost = match map.next_key()? {
                    Some(CostKey::Tiers) => CostConfig::Tiers(map.next_value()?),
                    Some(CostKey::PerRecord) => CostConfig::PerRecord(map.next_value()?),
                    None => return Err(de::Error::invalid_length(0, &self)),
                };
                match map.next_key::<de::IgnoredAny>()? {
                    Some(_) => Err(de::Error::invalid_length(2, &self)),
                    None => Ok(cost),
                }
            }
        }

        /// The one key of a price that is not always the same.
        #[derive(Deserialize)]
        #[serde(field_identifier, rename_all = "snake_case")]
        enum CostKey {
            Tiers,
            PerRecord,
        }

        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for CostConfig {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CostConfig".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let fixed = generator.subschema_for::<Credits>();
        let tiers = generator.subschema_for::<TiersConfig>();
        let per_record = generator.subschema_for::<PerRecordConfig>();
        schemars::json_schema!({
            "description": "What a call costs: always the same, by the value of a query parameter, or by the number of records in its body.",
            "oneOf": [
                fixed,
                {"type": "object", "properties": {"tiers": tiers}, "required": ["tiers"], "additionalProperties": false},
                {"type": "object", "properties": {"per_record": per_record}, "required": ["per_record"], "additionalProperties": false}
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{config_error::ConfigError, json};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[derive(Debug, Deserialize)]
    struct Document {
        costs: CostsConfig,
    }

    fn parse(costs: &str) -> Result<CostsConfig, String> {
        let text = format!("{{\"costs\":{costs}}}");
        let document: Result<Document, _> = json::read(text.as_bytes());
        let costs = document.map(|document| document.costs);
        costs.map_err(|error| ConfigError::from(error).to_string())
    }

    fn rule(rest: &str) -> String {
        format!(r#"{{"default":1,"rules":[{{"name":"a","operations":["GET /a"],{rest}}}]}}"#)
    }

    #[test]
    fn every_part_has_its_default() {
        let costs = parse(r#"{"default":1}"#).unwrap();
        assert_eq!(
            costs.body,
            BodyConfig {
                max_bytes: 65_536,
                timeout_seconds: 60,
                hold: Hold::Head,
                too_large: Fallback::Refuse,
                unreadable: Fallback::Refuse,
                unread: None
            }
        );
        assert_eq!(costs.rules, []);
        let costs = parse(&rule(
            r#""cost":{"per_record":{"arrays":["/ids"],"credits":6}}"#,
        ))
        .unwrap();
        let per_record = PerRecordConfig {
            arrays: vec!["/ids".to_owned()],
            credits: Credits::saturating(6),
            records: NonZeroU64::MIN,
            at_least: Credits::ZERO,
        };
        assert_eq!(costs.rules[0].cost, CostConfig::PerRecord(per_record));
        assert_eq!(costs.rules[0].when, When::default());
    }

    #[test]
    fn a_fallback_refuses_or_charges() {
        let costs = parse(r#"{"default":1,"body":{"max_bytes":10,"too_large":{"charge":500},"unreadable":"refuse"}}"#).unwrap();
        let too_large = Fallback::Charge(Credits::saturating(500));
        assert_eq!(
            costs.body,
            BodyConfig {
                max_bytes: 10,
                timeout_seconds: 60,
                hold: Hold::Head,
                too_large,
                unreadable: Fallback::Refuse,
                unread: None
            }
        );
    }

    #[test]
    fn every_mistake_is_named_with_its_place() {
        fn check(costs: &str, expected: &str) {
            assert_eq!(parse(costs).unwrap_err(), expected, "{costs}");
        }
        check(
            "{}",
            "invalid configuration at `costs` (line 1 column 10): the key `default` is missing",
        );
        check(
            r#"{"default":1,"rule":[]}"#,
            "invalid configuration at `costs.rule` (line 1 column 23): unknown key `rule`: did you mean `rules`? expected one of `default`, `body`, `rules`",
        );
        check(
            r#"{"default":1,"body":{"too_large":"pass"}}"#,
            "invalid configuration at `costs.body.too_large` (line 1 column 43): \"pass\": expected `refuse` or `charge`",
        );
        check(
            &rule(r#""cost":0.5"#),
            "invalid configuration at `costs.rules[0].cost` (line 1 column 75): 0.5: expected a whole number of credits from 0 to \
             999999999999999, {\"tiers\": …} or {\"per_record\": …}",
        );
        check(
            &rule(r#""cost":1000000000000000"#),
            "invalid configuration at `costs.rules[0].cost` (line 1 column 75): 1000000000000000: expected a whole number of credits from 0 to \
             999999999999999, {\"tiers\": …} or {\"per_record\": …}",
        );
        check(
            &rule(r#""cost":{}"#),
            "invalid configuration at `costs.rules[0].cost` (line 1 column 75): {}: expected a whole number of credits from 0 to \
             999999999999999, {\"tiers\": …} or {\"per_record\": …}",
        );
        check(
            &rule(r#""cost":{"tier":{}}"#),
            "invalid configuration at `costs.rules[0].cost.tier` (line 1 column 76): unknown key `tier`: did you mean `tiers`? expected `tiers` or `per_record`",
        );
        check(
            &rule(r#""cost":{"tiers":{"query":"from","steps":[],"beyond":9},"per_record":{}}"#),
            "invalid configuration at `costs.rules[0].cost` (line 1 column 75): an object: expected a whole number of credits from 0 to \
             999999999999999, {\"tiers\": …} or {\"per_record\": …}",
        );
        check(
            &rule(
                r#""cost":{"tiers":{"query":"from","steps":[{"up_to":1,"credits":1}],"beyond":"9"}}"#,
            ),
            "invalid configuration at `costs.rules[0].cost.tiers.beyond` (line 1 column 143): \"9\": expected a whole number of credits from 0 to \
             999999999999999",
        );
        check(
            &rule(
                r#""cost":{"tiers":{"query":"from","steps":[{"up_to":-1,"credits":1}],"beyond":9}}"#,
            ),
            "invalid configuration at `costs.rules[0].cost.tiers.steps[0].up_to` (line 1 column 118): -1: expected a whole number from 0 to 18446744073709551615",
        );
        check(
            &rule(r#""cost":{"per_record":{"arrays":["/ids"],"credits":1,"records":0}}"#),
            "invalid configuration at `costs.rules[0].cost.per_record.records` (line 1 column 130): 0: expected a whole number from 1 to 18446744073709551615",
        );
        check(
            &rule(r#""when":{"include":1},"cost":1"#),
            "invalid configuration at `costs.rules[0].when.include` (line 1 column 86): 1: expected a string",
        );
        check(
            &rule(r#""when":{"header":{"x":"1"}},"cost":1"#),
            "invalid configuration at `costs.rules[0].when.header` (line 1 column 85): unknown key `header`: did you mean `headers`? expected one of `query`, `headers`, `properties`, `body`, `graphql`",
        );
        check(
            &rule(r#""when":{"headers":["x"]},"cost":1"#),
            "invalid configuration at `costs.rules[0].when.headers` (line 1 column 86): (not shown): expected an object of names and their values, or a string for the query parameter of this name",
        );
        check(
            &rule(r#""when":{"properties":{"x":"1"}},"cost":1"#),
            "invalid configuration at `costs.rules[0].when.properties` (line 1 column 89): an object: expected an array of conditions such as {\"property\": [\"metadata\", …], \"value\": …}, or a string for the query parameter of this name",
        );
        check(
            &rule(r#""when":{"body":{"/a":1.5}},"cost":1"#),
            "invalid configuration at `costs.rules[0].when.body[\"/a\"]` (line 1 column 89): 1.5: expected a string, a whole number, `true` or `false`",
        );
        check(
            &rule(r#""when":{"graphql":{"type":"fragment"}},"cost":1"#),
            "invalid configuration at `costs.rules[0].when.graphql.type` (line 1 column 94): \"fragment\": expected one of `query`, `mutation`, `subscription`",
        );
        check(
            &rule(r#""cost":1,"settle_from":5"#),
            "invalid configuration at `costs.rules[0].settle_from` (line 1 column 91): 5: expected the name of a response header, {\"header\": …}, {\"trailer\": …} or {\"body\": …}",
        );
        check(
            &rule(r#""cost":1,"settle_from":{"trailers":"x"}"#),
            "invalid configuration at `costs.rules[0].settle_from.trailers` (line 1 column 92): unknown key `trailers`: did you mean `trailer`? expected one of `header`, `trailer`, `body`, `per_1000`",
        );
    }
}
