//! Which headers of a recorded call a scenario has.

/// Headers of a connection, and those that follow from a message's body and its version of HTTP.
const OF_THE_WIRE: [&str; 8] = [
    "connection",
    "content-length",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
];

/// Whether a client sent it, and not Envoy or the wire.
pub(super) fn is_of_client(name: &str) -> bool {
    !name.starts_with(':')
        && !OF_THE_WIRE.contains(&name)
        && !name.starts_with("x-envoy-")
        && !["x-request-id", "x-forwarded-proto"].contains(&name)
}

/// Whether an upstream sent it, as far as anybody can tell.
pub(super) fn is_of_upstream(name: &str) -> bool {
    !name.starts_with(':')
        && !OF_THE_WIRE.contains(&name)
        && name != "x-envoy-upstream-service-time"
}

/// Whether it is the same whenever the call is repeated.
pub(super) fn is_lasting(name: &str) -> bool {
    is_of_upstream(name) && !["date", "server", "x-request-id", "via"].contains(&name)
}
