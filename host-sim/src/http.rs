//! Envoy's HTTP rules: what its codecs, its connection manager and its router do to requests and answers around the filters. No VM is in
//! here, and no clock runs.
//!
//! Every rule was observed on Envoy 1.40 with one listener, one route and one cluster; names of Envoy's own code are given where it says more.
//! A request comes in by [`admission`], with the help of [`codec`], [`connection`], [`forwarded`] and [`path`]; it goes on by [`outgoing`],
//! which reads what the router is asked for ([`asked`], [`retry`]). Answers come back by [`answer`].

pub(crate) mod admission;
pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod codec;
mod connection;
pub(crate) mod date;
pub(crate) mod filter_state;
pub(crate) mod flag;
mod forwarded;
pub(crate) mod framing;
pub(crate) mod header_map;
pub(crate) mod hidden_body;
mod inline_headers;
pub(crate) mod local_response;
pub(crate) mod message;
pub(crate) mod outgoing;
mod path;
pub(crate) mod response_timeouts;
pub(crate) mod retry;
pub(crate) mod stream;

use crate::model::envoy_version::EnvoyVersion;
use crate::model::{ConnectionManager, HttpVersion, RouteSettings, Timeouts};
use header_map::HeaderMap;

/// Envoy's default `per_connection_buffer_limit_bytes`.
pub(crate) const DEFAULT_BUFFER_LIMIT: u32 = 1024 * 1024;

/// How Envoy is set up around the filters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxy {
    pub(crate) version: EnvoyVersion,
    pub(crate) timeouts: Timeouts,
    /// Protocols that a client may upgrade to.
    pub(crate) upgrades: Vec<String>,
    pub(crate) connection_manager: ConnectionManager,
    pub(crate) route: RouteSettings,
    /// The version of HTTP that the upstream speaks, if not the client's.
    pub(crate) upstream_http: Option<HttpVersion>,
    /// How many bytes of a message may wait.
    pub(crate) buffer_limit: usize,
}

/// Whether local responses to this request are gRPC-shaped (`Grpc::Common::isGrpcRequestHeaders`).
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get("content-type") else {
        return false;
    };
    let rest = content_type.strip_prefix(b"application/grpc");
    headers.get(":path").is_some()
        && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"+"))
}

/// `request.protocol`.
pub(crate) fn protocol(http: HttpVersion, http_10: bool) -> &'static str {
    match http {
        HttpVersion::One if http_10 => "HTTP/1.0",
        HttpVersion::One => "HTTP/1.1",
        HttpVersion::Two => "HTTP/2",
    }
}

/// The parts of a value between commas, without the blanks around them.
fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let parts = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    parts.filter(|part| !part.is_empty())
}

/// Whether a request asks to go on in another protocol (`Utility::isUpgrade`).
pub(crate) fn is_upgrade(headers: &HeaderMap) -> bool {
    let Some(connection) = headers.get("connection") else {
        return false;
    };
    headers.get("upgrade").is_some()
        && tokens(connection).any(|token| token.eq_ignore_ascii_case(b"upgrade"))
}

/// Whether a byte can be part of a name (RFC 9110, section 5.6.2).
fn is_token_byte(byte: u8) -> bool {
    // One look at a mask of bits, where a search takes many.
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// Whether a value can be sent: control characters other than the tab cannot.
fn is_value(value: &[u8]) -> bool {
    // All of them are looked at, many at once, which takes fewer instructions than to stop at the first.
    let is_sent = |byte: &u8| (*byte == b'\t') | ((*byte >= b' ') & (*byte != 0x7f));
    value.iter().fold(true, |all, byte| all & is_sent(byte))
}
