//! Limits that may follow the size of an organization.

use serde::{Deserialize, Deserializer, de, de::value::MapAccessDeserializer};

use crate::model::{agents::Agents, credits::Credits};

/// A limit of credits or of calls: a number, or one that follows the organization's agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScaledLimit {
    /// So much.
    Fixed(Credits),
    /// So much for each agent, within bounds.
    PerAgent(PerAgentLimit),
}

/// A limit by the number of agents: `clamp(per_agent x agents, min, max)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PerAgentLimit {
    /// For each agent that is not a light agent.
    pub per_agent: Credits,
    /// The least, however few agents there are.
    #[serde(default)]
    pub min: Credits,
    /// The most, however many agents there are; at least `min`.
    #[serde(default = "unbounded")]
    pub max: Credits,
}

fn unbounded() -> Credits {
    Credits::MAX
}

impl ScaledLimit {
    /// The limit of an organization with `agents`.
    #[must_use]
    pub fn of(self, agents: Agents) -> Credits {
        match self {
            Self::Fixed(limit) => limit,
            Self::PerAgent(PerAgentLimit {
                per_agent,
                min,
                max,
            }) => per_agent
                .saturating_mul(u64::from(agents.get()))
                .max(min)
                .min(max),
        }
    }
}

impl<'de> Deserialize<'de> for ScaledLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = ScaledLimit;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a whole number or {\"per_agent\": …, \"min\": …, \"max\": …}")
            }

            fn visit_u64<E: de::Error>(self, limit: u64) -> Result<ScaledLimit, E> {
                Credits::new(limit)
                    .map(ScaledLimit::Fixed)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(limit), &self))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<ScaledLimit, A::Error> {
                let limit = PerAgentLimit::deserialize(MapAccessDeserializer::new(map))?;
                if limit.min > limit.max {
                    let message = format!(
                        "invalid bounds: min {} and max {}, expected min to be at most max",
                        limit.min, limit.max
                    );
                    return Err(de::Error::custom(message));
                }
                Ok(ScaledLimit::PerAgent(limit))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for ScaledLimit {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ScaledLimit".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let number = Credits::json_schema(generator);
        let per_agent = generator.subschema_for::<PerAgentLimit>();
        schemars::json_schema!({"anyOf": [number, per_agent]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn limit(json: &str, agents: u32) -> u64 {
        let limit: ScaledLimit = serde_json::from_str(json).unwrap();
        limit
            .of(serde_json::from_str(&agents.to_string()).unwrap())
            .get()
    }

    #[test]
    fn a_limit_is_a_number_or_follows_the_agents_within_bounds() {
        assert_eq!(limit("5000", 100), 5000);
        let clamped = r#"{"per_agent": 1000, "min": 15000, "max": 100000}"#;
        for (agents, calls) in [
            (0, 15_000),
            (15, 15_000),
            (16, 16_000),
            (100, 100_000),
            (u32::MAX, 100_000),
        ] {
            assert_eq!(limit(clamped, agents), calls, "{agents} agents");
        }
        assert_eq!(limit(r#"{"per_agent": 10}"#, 7), 70);
    }

    #[test]
    fn what_is_no_limit_is_told_what_one_is() {
        let error = |json: &str| {
            serde_json::from_str::<ScaledLimit>(json)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            error("\"5000\""),
            "invalid type: string \"5000\", expected a whole number or {\"per_agent\": …, \"min\": …, \"max\": …} at line 1 column 6"
        );
        assert_eq!(
            error(r#"{"per_agent": 1, "min": 2, "max": 1}"#),
            "invalid bounds: min 2 and max 1, expected min to be at most max at line 1 column 36"
        );
    }
}
