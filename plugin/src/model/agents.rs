//! Agents: the people of an organization for whom it has credits.

use serde::{Deserialize, Deserializer, de};

/// A number of agents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agents(u32);

impl Agents {
    /// So many agents, as many as can be counted where there are more.
    #[must_use]
    pub fn saturating(number: u64) -> Self {
        Self(u32::try_from(number).unwrap_or(u32::MAX))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl std::fmt::Display for Agents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Agents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Agents;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "a whole number of agents from 0 to {}", u32::MAX)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Agents, E> {
                u32::try_from(number)
                    .map(Agents)
                    .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))
            }
        }

        deserializer.deserialize_u64(Visitor)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Agents {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Agents".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "integer", "minimum": 0, "maximum": u32::MAX})
    }
}
