//! Webhooks: what is configured about HTTP services that take a `POST`.

use serde::Deserialize;

use crate::{
    document::unique_map::UniqueMap,
    model::header_name::HeaderName,
    outbound::{
        callout::{CalloutName, HeaderValue, Service, TimeoutMs},
        outbox::{Outbox, Retries},
    },
};

/// An HTTP service that takes a `POST`, and answers 2xx if it has accepted it. No call waits for it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "WebhookConfig", deny_unknown_fields)]
pub struct WebhookConfig {
    /// The name of its cluster in the proxy's configuration.
    pub cluster: CalloutName,
    /// The host that it is called by (`:authority`).
    pub authority: CalloutName,
    /// The path that is called.
    pub path: WebhookPath,
    /// Header fields of every call, such as `authorization`.
    #[serde(default)]
    pub headers: UniqueMap<HeaderName, HeaderValue>,
    /// How long an answer may take, in milliseconds.
    #[serde(default)]
    pub timeout_ms: TimeoutMs,
}

crate::document::json::objects!(WebhookConfig);

/// The path of a webhook, with a query if it takes one.
///
/// Invariant: absolute, at most 2,048 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct WebhookPath(String);

/// A text that cannot be the path of a webhook.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid path {path:?}, expected `/` and at most 2047 more visible ASCII characters")]
pub struct InvalidWebhookPath {
    /// The text.
    pub path: String,
}

impl WebhookConfig {
    /// The outbox of the webhook, empty, which sends bodies of this media type.
    #[must_use]
    pub fn into_outbox(self, content_type: &'static str, retries: Retries) -> Outbox {
        let service = Service {
            cluster: self.cluster,
            authority: self.authority,
            headers: self.headers.into_inner().into_iter().collect(),
            timeout: self.timeout_ms,
        };
        Outbox::new(service, self.path, content_type, retries)
    }
}

impl WebhookPath {
    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for WebhookPath {
    type Error = InvalidWebhookPath;

    fn try_from(path: String) -> Result<Self, InvalidWebhookPath> {
        let visible = path.bytes().all(|b| b.is_ascii_graphic());
        if path.starts_with('/') && path.len() <= 2_048 && visible {
            Ok(Self(path))
        } else {
            Err(InvalidWebhookPath { path })
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for WebhookPath {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "WebhookPath".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": r"^/[!-~]*$", "maxLength": 2048})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_path_is_absolute() {
        let path = |path: &str| WebhookPath::try_from(path.to_owned()).map_err(|e| e.to_string());
        assert_eq!(path("/hook?team=api").unwrap().as_str(), "/hook?team=api");
        assert_eq!(
            path("hook").unwrap_err(),
            "invalid path \"hook\", expected `/` and at most 2047 more visible ASCII characters"
        );
    }
}
