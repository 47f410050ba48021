//! How the configuration wants refusals to look.

use serde::Deserialize;

use super::Answer;

/// How refusals look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "Refusals", deny_unknown_fields, default)]
pub struct Refusals {
    /// The form of the body.
    pub format: Format,
    /// The answer to a call that costs more than the credits of a whole day, with 402 unless stated otherwise.
    pub exceeds_allotment: Answer,
}

crate::document::json::objects!(Refusals);

/// The form of a refusal's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// `{"errorCode":"THRESHOLD_EXCEEDED","message":…}` as `application/json`.
    #[default]
    Vendor,
    /// `application/problem+json` (RFC 9457).
    Problem,
}
