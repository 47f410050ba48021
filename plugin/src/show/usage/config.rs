//! What is configured about usage details and warnings.

use serde::Deserialize;

use super::warnings::Thresholds;
use crate::outbound::webhook::WebhookConfig;

/// The usage details: where organizations see them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "UsageConfig", deny_unknown_fields, default)]
pub struct UsageConfig {
    /// The path that the filter answers itself, free of charge; `/.well-known/api-credits` unless stated otherwise. Below it lies
    /// `/cost`, the price of a call.
    pub path: UsagePath,
    /// The name of the product, for the page's heading.
    pub title: Option<String>,
}

/// Warnings of organizations that have used much of their day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "WarningsConfig", deny_unknown_fields, default)]
pub struct WarningsConfig {
    /// At which percentages, each once a day; none turns warnings off.
    pub at_percent: Thresholds,
    /// Who is told beside the log.
    pub webhook: Option<WebhookConfig>,
}

crate::document::json::objects!(UsageConfig, WarningsConfig);

/// The path of the usage details.
///
/// Invariant: absolute, of visible ASCII segments that mean the same to every proxy: none empty, none of dots, nothing escaped.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct UsagePath(String);

/// A text that cannot be the path of the usage details.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid path {path:?}, expected one such as \"/.well-known/api-credits\", of at most 256 visible ASCII characters, without a \
     query, escapes, `\"` and `\\`, and without empty or dot segments"
)]
pub struct InvalidUsagePath {
    /// The text.
    pub path: String,
}

impl UsagePath {
    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl UsagePath {
    /// Where operators look, unless stated otherwise.
    #[must_use]
    pub fn operators() -> Self {
        Self("/api-credits".to_owned())
    }
}

impl Default for UsagePath {
    fn default() -> Self {
        Self("/.well-known/api-credits".to_owned())
    }
}

impl TryFrom<String> for UsagePath {
    type Error = InvalidUsagePath;

    fn try_from(path: String) -> Result<Self, InvalidUsagePath> {
        let plain = |b: u8| b.is_ascii_graphic() && !b"?#%\"\\".contains(&b);
        let segment = |segment: &str| !matches!(segment, "" | "." | "..");
        let usable = path.len() <= 256
            && path.bytes().all(plain)
            && path
                .strip_prefix('/')
                .is_some_and(|rest| rest.split('/').all(segment));
        if usable {
            Ok(Self(path))
        } else {
            Err(InvalidUsagePath { path })
        }
    }
}

#[cfg(feature = "schema")]
mod schema;
#[cfg(test)]
mod tests;
