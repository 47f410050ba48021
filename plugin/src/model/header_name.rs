//! The names of header fields that the configuration gives.

use serde::Deserialize;

/// The name of a header field, in lower case, as HTTP/2 and Envoy spell it.
///
/// Invariant: a token (RFC 9110, section 5.1) that is not one of the fields by which a message is framed or routed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct HeaderName(String);

/// A text that the filter cannot use as the name of a header field.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid header name {name:?}, expected a token of RFC 9110 that does not frame or route the message"
)]
pub struct InvalidHeaderName {
    /// The text.
    pub name: String,
}

impl HeaderName {
    const RESERVED: [&'static str; 9] = [
        "connection",
        "content-length",
        "content-type",
        "host",
        "keep-alive",
        "retry-after",
        "te",
        "transfer-encoding",
        "upgrade",
    ];

    /// A name that the filter itself knows, in lower case.
    pub(crate) fn known(name: &'static str) -> Self {
        Self(name.to_owned())
    }

    /// The name with something before it.
    pub(crate) fn prefixed(&self, prefix: &str) -> Self {
        Self(format!("{prefix}{}", self.0))
    }

    /// The name as text, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for HeaderName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for HeaderName {
    type Error = InvalidHeaderName;

    fn try_from(name: String) -> Result<Self, InvalidHeaderName> {
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        let lower = name.to_ascii_lowercase();
        let usable = (1..=128).contains(&lower.len())
            && lower.bytes().all(token)
            && !Self::RESERVED.contains(&lower.as_str());
        if usable {
            Ok(Self(lower))
        } else {
            Err(InvalidHeaderName { name })
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for HeaderName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "HeaderName".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn fields_that_frame_the_message_cannot_be_taken() {
        for name in ["Content-Length", "", ":path", "a b", "Retry-After"] {
            let error = HeaderName::try_from(name.to_owned()).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "invalid header name {name:?}, expected a token of RFC 9110 that does not frame or route the message"
                )
            );
        }
        assert_eq!(
            HeaderName::try_from("X-Cost".to_owned()).unwrap().as_str(),
            "x-cost"
        );
    }
}
