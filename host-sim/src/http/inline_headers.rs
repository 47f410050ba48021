//! The header names that hold one value in Envoy ("inline" headers): adding to one appends to its value after a comma.
//!
//! Observed on Envoy 1.40 by adding two values to each of a hundred well-known names.

/// In requests and in responses.
const BOTH: &[&str] = &[
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-envoy-decorator-operation",
    "x-request-id",
];

/// In requests only.
const REQUEST: &[&str] = &[
    ":authority",
    ":method",
    ":path",
    ":protocol",
    ":scheme",
    "accept",
    "accept-encoding",
    "access-control-request-headers",
    "access-control-request-method",
    "access-control-request-private-network",
    "authorization",
    "cdn-loop",
    "expect",
    "grpc-accept-encoding",
    "grpc-timeout",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "origin",
    "pragma",
    "referer",
    "te",
    "user-agent",
    "x-client-trace-id",
    "x-envoy-max-retries",
    "x-envoy-original-path",
    "x-envoy-retry-on",
    "x-envoy-upstream-rq-timeout-ms",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
];

/// In responses only.
const RESPONSE: &[&str] = &[
    ":status",
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "age",
    "date",
    "etag",
    "expires",
    "grpc-message",
    "grpc-status",
    "last-modified",
    "location",
    "proxy-status",
    "server",
    "vary",
    "x-envoy-ratelimited",
    "x-envoy-upstream-service-time",
];

/// What a map is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum MapOf {
    Request,
    Response,
    #[default]
    Trailers,
}

impl MapOf {
    /// Whether a name in lower case holds one value only.
    pub(crate) fn holds_one(self, name: &[u8]) -> bool {
        let own = match self {
            Self::Request => REQUEST,
            Self::Response => RESPONSE,
            Self::Trailers => return false,
        };
        own.iter().chain(BOTH).any(|known| known.as_bytes() == name)
    }
}
