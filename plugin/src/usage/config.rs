//! What is configured about usage details and warnings.

use serde::Deserialize;

use super::warnings::Thresholds;

/// The usage details: where organizations see them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
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
#[serde(deny_unknown_fields, default)]
pub struct WarningsConfig {
    /// At which percentages, each once a day; none turns warnings off.
    pub at_percent: Thresholds,
    /// Who is told beside the log.
    pub webhook: Option<WebhookConfig>,
}

/// An HTTP server that is told of warnings with a `POST` of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// The name of its cluster in the proxy's configuration.
    pub cluster: CalloutName,
    /// The host that it is called by (`:authority`).
    pub authority: CalloutName,
    /// The path that is called.
    pub path: WebhookPath,
    /// How long it may take, in milliseconds.
    #[serde(default)]
    pub timeout_ms: TimeoutMs,
}

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

/// The name of a cluster or a host, for calls of the filter's own.
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

impl UsagePath {
    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
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

impl TimeoutMs {
    /// The time-out.
    #[must_use]
    pub const fn duration(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0 as u64)
    }
}

impl Default for TimeoutMs {
    fn default() -> Self {
        Self(1_000)
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
mod schema;
#[cfg(test)]
mod tests;
