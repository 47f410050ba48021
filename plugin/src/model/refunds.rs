//! Refunds: which endings of a call give its credits back.
//!
//! What a failed call costs is explicit and configurable. A refund is for what the platform demonstrably caused, and only that: a
//! response with one of `statuses`, or one for which no upstream was asked. A client that went away, broke the protocol or lied about
//! a length has paid, and so has one that chose its own [deadline](DEADLINES).
//!
//! How a client leaves does not tell who caused it: Envoy 1.40 notes nothing of an HTTP/3 departure, nor of an HTTP/2 `RST_STREAM` with
//! `NO_ERROR`. But whatever Envoy itself ends with an answer has a status (the property `response.code`), and nobody's departure has one.

use serde::Deserialize;

/// Which endings are refunded.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "Refunds", deny_unknown_fields, default)]
pub struct Refunds {
    /// Responses with these statuses, from 400 to 599; `[]` for none.
    #[cfg_attr(
        feature = "schema",
        schemars(
            with = "std::collections::BTreeSet<u16>",
            inner(range(min = 400, max = 599))
        )
    )]
    pub statuses: Vec<u16>,
    /// Calls that the filter saw no response to, if the proxy ended them with one of `statuses`, or because it was overloaded.
    pub no_response: bool,
    /// Calls that somebody behind this filter refused or redirected before any upstream was asked: another filter, the route, or this
    /// filter in another proxy. What a route, a cache or another filter answers with success is not refunded.
    pub no_upstream: bool,
}

crate::document::json::objects!(Refunds);

impl Default for Refunds {
    fn default() -> Self {
        Self {
            statuses: vec![502, 503, 504],
            no_response: true,
            no_upstream: true,
        }
    }
}

/// The request headers by which a call states its own deadline, in lower case (Envoy, "Timeouts" of the router filter and of
/// `RouteAction.MaxStreamDuration`). Envoy removes the `x-envoy-` ones of clients that are not internal.
pub const DEADLINES: [&str; 5] = [
    "grpc-timeout",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-stream-duration-ms",
];
