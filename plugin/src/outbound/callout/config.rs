//! What is configured about the services that the filter calls.

use serde::Deserialize;

/// The name of a cluster or a host.
///
/// Invariant: 1 to 255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct CalloutName(String);

/// A text that cannot name a cluster or a host.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid name {name:?}, expected 1 to 255 visible ASCII characters")]
pub struct InvalidCalloutName {
    /// The text.
    pub name: String,
}

/// The value of a header field (RFC 9110, section 5.5, without what is not ASCII).
///
/// Invariant: at most 4,096 visible ASCII characters and, between them, blanks.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct HeaderValue(String);

/// A text that cannot be the value of a header field. It is not shown: it may be a secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid value of a header field, expected at most 4096 visible ASCII characters and, between them, blanks"
)]
pub struct InvalidHeaderValue;

/// A time-out in milliseconds, from 1 to 60,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub struct TimeoutMs(u32);

/// A number that is no time-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid time-out {milliseconds}, expected 1 to 60000 milliseconds")]
pub struct InvalidTimeout {
    /// The number.
    pub milliseconds: u64,
}

impl CalloutName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CalloutName {
    type Error = InvalidCalloutName;

    fn try_from(name: String) -> Result<Self, InvalidCalloutName> {
        if (1..=255).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self(name))
        } else {
            Err(InvalidCalloutName { name })
        }
    }
}

impl HeaderValue {
    /// The value as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for HeaderValue {
    type Error = InvalidHeaderValue;

    fn try_from(value: String) -> Result<Self, InvalidHeaderValue> {
        let plain = |b: u8| b.is_ascii_graphic() || b == b' ';
        if value.len() <= 4_096 && value.bytes().all(plain) && value.trim() == value {
            Ok(Self(value))
        } else {
            Err(InvalidHeaderValue)
        }
    }
}

impl TimeoutMs {
    /// So many milliseconds, brought into the range.
    #[must_use]
    pub const fn of(milliseconds: u32) -> Self {
        match milliseconds {
            0 => Self(1),
            1..=60_000 => Self(milliseconds),
            _ => Self(60_000),
        }
    }

    /// The time-out.
    #[must_use]
    pub const fn duration(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0 as u64)
    }
}

impl Default for TimeoutMs {
    fn default() -> Self {
        Self::of(1_000)
    }
}

impl TryFrom<u64> for TimeoutMs {
    type Error = InvalidTimeout;

    fn try_from(milliseconds: u64) -> Result<Self, InvalidTimeout> {
        match u32::try_from(milliseconds) {
            Ok(valid @ 1..=60_000) => Ok(Self(valid)),
            _ => Err(InvalidTimeout { milliseconds }),
        }
    }
}

#[cfg(feature = "schema")]
mod schema {
    //! The shapes in the JSON Schema of the configuration.

    use std::borrow::Cow;

    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

    use super::{CalloutName, HeaderValue, TimeoutMs};

    impl JsonSchema for CalloutName {
        fn inline_schema() -> bool {
            true
        }

        fn schema_name() -> Cow<'static, str> {
            "CalloutName".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({"type": "string", "pattern": r"^[!-~]{1,255}$"})
        }
    }

    impl JsonSchema for HeaderValue {
        fn inline_schema() -> bool {
            true
        }

        fn schema_name() -> Cow<'static, str> {
            "HeaderValue".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({"type": "string", "pattern": r"^([!-~]([ -~]*[!-~])?)?$", "maxLength": 4096})
        }
    }

    impl JsonSchema for TimeoutMs {
        fn inline_schema() -> bool {
            true
        }

        fn schema_name() -> Cow<'static, str> {
            "TimeoutMs".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({"type": "integer", "minimum": 1, "maximum": 60_000})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn what_cannot_be_called_is_said() {
        let name = |text: &str| CalloutName::try_from(text.to_owned()).map_err(|e| e.to_string());
        assert_eq!(
            name("alerts.example:8080").unwrap().as_str(),
            "alerts.example:8080"
        );
        assert_eq!(
            name("a b").unwrap_err(),
            "invalid name \"a b\", expected 1 to 255 visible ASCII characters"
        );
        assert_eq!(
            TimeoutMs::try_from(0).unwrap_err().to_string(),
            "invalid time-out 0, expected 1 to 60000 milliseconds"
        );
        assert_eq!(
            TimeoutMs::try_from(60_001).unwrap_err().milliseconds,
            60_001
        );
        assert_eq!(
            TimeoutMs::try_from(250).unwrap().duration().as_millis(),
            250
        );
    }

    #[test]
    fn a_header_cannot_be_smuggled_into_another() {
        let valid = |text: &str| HeaderValue::try_from(text.to_owned()).is_ok();
        assert!(valid("Bearer abc.def") && valid(""));
        assert!(!valid("a\r\nx: y") && !valid(" a") && !valid("a\t") && !valid("ü"));
    }
}
