//! Another filter between the last one and the router, which answers some requests by itself: Envoy's Lua filter.

use host_sim::target::Upstream;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde_json::{Value, json};

/// The header that says what it answers.
pub(super) const NEIGHBOUR: &str = "x-neighbour";

/// The element of `http_filters`.
pub(super) fn filter() -> Value {
    json!({
        "name": "envoy.filters.http.lua",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": { "inline_string": include_str!("neighbour.lua") },
        },
    })
}

/// What the header says of this answer.
pub(super) fn told(answer: &Upstream) -> String {
    let encoded = |bytes: &[u8]| percent_encode(bytes, NON_ALPHANUMERIC).to_string();
    let mut told = format!(":status={}", answer.status);
    for (name, value) in &answer.headers {
        told.push_str(&format!("&{name}={}", encoded(value.as_bytes())));
    }
    if !answer.body.is_empty() {
        told.push_str(&format!("&body={}", encoded(&answer.body)));
    }
    told
}
