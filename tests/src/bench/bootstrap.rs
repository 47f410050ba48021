//! The configuration of Envoy with one filter: as little else as possible, and the same for every row.
//!
//! Envoy answers every call itself, with a `direct_response`. The response takes the same way back through the filters as an
//! upstream's, and what is left out is what no filter changes: a second connection, which would only add to the noise.

use serde_json::{Value, json};

/// The answer to every call that reaches the router, of the size of a small record.
const BODY: &str = r#"{"id":"4711","subject":"The printer is on fire","status":"Open","priority":"High","assigneeId":"1892000000056007"}"#;

/// The whole document. Envoy listens on free ports of 127.0.0.1.
#[must_use]
pub fn bootstrap(filter: Option<&Value>) -> Value {
    let router = json!({
        "name": "router",
        "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
    });
    // Whoever is answered before the end of the body is hung up on.
    let buffer = json!({
        "name": "buffer",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer",
            "max_request_bytes": 1_048_576,
        },
    });
    let filters: Vec<_> = filter.into_iter().chain([&buffer, &router]).collect();
    let manager = json!({
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "api",
            "http_filters": filters,
            "route_config": { "virtual_hosts": [{
                "name": "api",
                "domains": ["*"],
                "routes": [{
                    "match": { "prefix": "/" },
                    "direct_response": { "status": 200, "body": { "inline_string": BODY } },
                    "response_headers_to_add": [
                        { "header": { "key": "content-type", "value": "application/json" } },
                        { "header": { "key": "cache-control", "value": "no-store" } },
                        { "header": { "key": "vary", "value": "accept-encoding, authorization" } },
                    ],
                }],
            }] },
        },
    });
    let anywhere = json!({ "socket_address": { "address": "127.0.0.1", "port_value": 0 } });
    json!({
        "admin": { "address": anywhere },
        "static_resources": { "listeners": [{
            "name": "api",
            "address": anywhere,
            "filter_chains": [{ "filters": [manager] }],
        }] },
    })
}
