//! What must be seen of an exchange.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::content::Hex;
use super::json::JsonPattern;
use super::status;
use crate::model::pattern::Pattern;

/// What must be seen of one exchange; what is not given does not matter.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The status code that the client gets.
    #[serde(default, deserialize_with = "status::optional")]
    pub status: Option<u16>,
    /// Whether the client sees the answer cut off; default false.
    #[serde(default)]
    pub reset: bool,
    /// Whether the request reaches the upstream.
    pub upstream: Option<bool>,
    /// Response headers; names are compared without regard to case.
    #[serde(default)]
    pub headers: BTreeMap<String, Pattern>,
    /// The whole response body.
    pub body: Option<Pattern>,
    /// Members of the JSON response body.
    pub body_json: Option<JsonPattern>,
    /// The bytes of the whole response body.
    pub body_hex: Option<Hex>,
    /// Response trailers.
    #[serde(default)]
    pub trailers: BTreeMap<String, Pattern>,
    /// What the upstream sees; implies `upstream = true`.
    pub upstream_request: Option<ExpectUpstream>,
    /// The filter state that an access log would show.
    #[serde(default)]
    pub properties: BTreeMap<String, Pattern>,
    /// `%RESPONSE_CODE_DETAILS%` of the access log.
    pub response_code_details: Option<Pattern>,
    /// `%GRPC_STATUS_NUMBER%` of the access log, which only calls of gRPC have.
    pub grpc_status: Option<Pattern>,
}

/// What must be seen by the upstream.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectUpstream {
    /// The method.
    pub method: Option<String>,
    /// Path and query.
    pub path: Option<Pattern>,
    /// Request headers.
    #[serde(default)]
    pub headers: BTreeMap<String, Pattern>,
    /// The whole request body.
    pub body: Option<Pattern>,
    /// Members of the JSON request body.
    pub body_json: Option<JsonPattern>,
    /// The bytes of the whole request body.
    pub body_hex: Option<Hex>,
}

/// What must be seen of many exchanges at once.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectParallel {
    /// How many answers of each status code; no other may occur.
    #[serde(default)]
    pub statuses: BTreeMap<String, Pattern>,
    /// How many requests reach the upstream.
    pub upstream_calls: Option<Pattern>,
    /// How many of them the upstream has at once at most; only for hosts with
    /// [`Capability::Interleaving`](crate::scenario::target::Capability::Interleaving).
    pub upstream_at_once: Option<Pattern>,
}
