//! What the configuration wants said in place of the usual answer.

use serde::{Deserialize, Deserializer, de};

/// An HTTP status that tells a client its call was refused.
///
/// Invariant: from 400 to 599.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusalStatus(u16);

impl RefusalStatus {
    /// The status as a number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl<'de> Deserialize<'de> for RefusalStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = RefusalStatus;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an HTTP status of a refusal, from 400 to 599")
            }

            fn visit_u64<E: de::Error>(self, status: u64) -> Result<RefusalStatus, E> {
                match u16::try_from(status) {
                    Ok(status @ 400..=599) => Ok(RefusalStatus(status)),
                    _ => Err(E::invalid_value(de::Unexpected::Unsigned(status), &self)),
                }
            }
        }

        deserializer.deserialize_u64(Visitor)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for RefusalStatus {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RefusalStatus".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "integer", "minimum": 400, "maximum": 599})
    }
}

/// A configured answer; what is left out is as usual for the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "Answer", deny_unknown_fields)]
pub struct Answer {
    /// The HTTP status, from 400 to 599.
    #[serde(default)]
    pub status: Option<RefusalStatus>,
    /// The `errorCode` of the body.
    #[serde(default)]
    pub error_code: Option<String>,
    /// The sentence in the body.
    #[serde(default)]
    pub message: Option<String>,
}

crate::document::json::objects!(Answer);
