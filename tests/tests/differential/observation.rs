//! What clients and upstreams saw, without what differs from run to run.

use host_sim::target::{Exchange, TargetError};

/// What was seen of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Observation {
    /// Why nothing was, if so.
    pub(crate) failed: Option<String>,
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    trailers: Vec<(String, String)>,
    aborted: bool,
    /// What the filter tells of it in the end.
    seen: Option<String>,
    upstream: Option<Forwarded>,
}

/// What the upstream saw.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Forwarded {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// Headers that tell the time or one run from another.
const OF_THE_MOMENT: [&str; 5] = [
    "date",
    "x-envoy-upstream-service-time",
    "x-request-id",
    "x-exchange",
    "connection",
];

impl Observation {
    pub(crate) fn of(outcome: Result<Exchange, TargetError>) -> Self {
        let (failed, mut exchange) = match outcome {
            Ok(exchange) => (None, exchange),
            Err(error) => (Some(error.to_string()), Exchange::default()),
        };
        // Names in order, because each host has an order of its own; the values of a name stay in theirs.
        let lasting = |headers: Vec<(String, String)>| {
            let headers = headers.into_iter();
            let mut kept: Vec<_> = headers
                .filter(|(name, _)| !OF_THE_MOMENT.contains(&name.as_str()))
                .collect();
            kept.sort_by(|(a, _), (b, _)| a.cmp(b));
            kept
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            failed,
            status: exchange.status,
            headers: lasting(exchange.headers),
            body: text(&exchange.body),
            trailers: lasting(exchange.trailers),
            aborted: exchange.aborted,
            seen: exchange.properties.remove("seen"),
            upstream: exchange.upstream.map(|seen| Forwarded {
                method: seen.method,
                path: seen.path,
                headers: lasting(seen.headers),
                body: text(&seen.body),
            }),
        }
    }
}
