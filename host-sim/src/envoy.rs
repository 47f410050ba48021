//! What Envoy itself does to requests and responses around the filters: its connection manager, its codecs and its router.
//!
//! Observed on Envoy 1.40 with one listener and one cluster. Only what a plugin, a client or an upstream can see of a plain configuration is here.

use itoa::Buffer;

use crate::header_map::HeaderMap;
use crate::local_response::LocalResponse;
use crate::message::Frame;
use crate::target::{HttpVersion, Request, Upstream, UpstreamRequest};

/// Envoy's default `per_connection_buffer_limit_bytes`.
pub(crate) const DEFAULT_BUFFER_LIMIT: u32 = 1024 * 1024;

/// The request as the first filter sees it; `streams` says that its body comes later, if it has one.
pub(crate) fn request(
    request: &Request,
    connection: u64,
    streams: bool,
) -> (HeaderMap, Vec<Frame>) {
    let mut headers = HeaderMap::of_request();
    headers.insert(":authority", &request.authority);
    headers.insert(":path", &request.path);
    headers.insert(":method", &request.method);
    headers.insert(":scheme", "http");
    // Over HTTP/2 cookies come in several fields, which the codec puts together behind the others (RFC 9113, section 8.2.3).
    let is_crumb =
        |name: &str| request.http == HttpVersion::Two && name.eq_ignore_ascii_case("cookie");
    for (name, value) in &request.headers {
        if !is_crumb(name) && !is_from_inside(name) {
            headers.add(name, value);
        }
    }
    if request.http == HttpVersion::Two {
        let crumbs = request.headers.iter().filter(|(name, _)| is_crumb(name));
        let crumbs: Vec<_> = crumbs.map(|(_, value)| value.as_str()).collect();
        if !crumbs.is_empty() {
            headers.add("cookie", crumbs.join("; "));
        }
    }
    let total: usize = request.body.iter().map(Vec::len).sum();
    let framed =
        headers.get("content-length").is_some() || headers.get("transfer-encoding").is_some();
    let bodiless = ["GET", "HEAD", "DELETE", "CONNECT"].contains(&request.method.as_str());
    match (request.body.len(), request.http) {
        _ if framed || streams => {}
        (_, HttpVersion::One) if request.unfinished => {
            headers.insert("transfer-encoding", "chunked");
        }
        _ if request.unfinished || !request.trailers.is_empty() => {}
        (0, _) if bodiless => {}
        (0 | 1, _) => headers.insert("content-length", Buffer::new().format(total)),
        (_, HttpVersion::One) => headers.insert("transfer-encoding", "chunked"),
        (_, HttpVersion::Two) => {}
    }
    headers.set("x-forwarded-proto", "http");
    headers.set("x-request-id", request_id(connection));
    let frames = if request.unfinished {
        pieces(&request.body)
    } else {
        frames(&request.body, &request.trailers, request.http)
    };
    (headers, frames)
}

/// An id that nobody else has: a UUID of version 4 with the number of the connection at its end.
fn request_id(connection: u64) -> [u8; 36] {
    let mut id = *b"00000000-0000-4000-8000-000000000000";
    let mut rest = connection;
    for digit in id.iter_mut().rev().take(12) {
        let value = u8::try_from(rest & 0xf).unwrap_or(0);
        *digit = match value {
            0..=9 => b'0'.saturating_add(value),
            _ => b'a'.saturating_add(value.saturating_sub(10)),
        };
        rest >>= 4;
    }
    id
}

/// Headers that clients from outside may not send, so that Envoy takes them away before the first filter
/// (`ConnectionManagerUtility::mutateRequestHeaders`).
const FROM_INSIDE: [&str; 16] = [
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-force-trace",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-internal",
    "x-envoy-ip-tags",
    "x-envoy-max-retries",
    "x-envoy-original-url",
    "x-envoy-retriable-header-names",
    "x-envoy-retriable-status-codes",
    "x-envoy-retry-grpc-on",
    "x-envoy-retry-on",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-rq-timeout-ms",
    "x-forwarded-client-cert",
];

fn is_from_inside(name: &str) -> bool {
    let starts = name
        .get(..2)
        .is_some_and(|start| start.eq_ignore_ascii_case("x-"));
    starts
        && FROM_INSIDE
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether a client upgrades its connection to one of these protocols. What comes behind the headers is no body then, so that nothing
/// says how long it is.
pub(crate) fn upgrade(headers: &mut HeaderMap, upgrades: &[String]) -> bool {
    if upgrades.is_empty() {
        return false;
    }
    let says = |name: &str, what: &str| {
        let value = headers.text(name).unwrap_or_default();
        value
            .split(',')
            .any(|token| token.trim().eq_ignore_ascii_case(what))
    };
    let upgrades =
        says("connection", "upgrade") && upgrades.iter().any(|upgrade| says("upgrade", upgrade));
    if upgrades {
        headers.remove("content-length");
        headers.remove("transfer-encoding");
    }
    upgrades
}

/// What follows the headers of such a request at once: an empty piece, which is not the last.
pub(crate) fn upgraded() -> Vec<Frame> {
    vec![Frame::Data {
        bytes: Vec::new(),
        end: false,
    }]
}

/// The pieces of a body, none of which is the last.
fn pieces(body: &[Vec<u8>]) -> Vec<Frame> {
    let pieces = body.iter().filter(|bytes| !bytes.is_empty());
    let piece = |bytes: &Vec<u8>| Frame::Data {
        bytes: bytes.clone(),
        end: false,
    };
    pieces.map(piece).collect()
}

/// How a message ends whose end has been kept back: with these trailers, or with an empty piece of its body.
pub(crate) fn end(trailers: &[(String, String)], http: HttpVersion) -> Frame {
    if trailers.is_empty() || http == HttpVersion::One {
        return Frame::Data {
            bytes: Vec::new(),
            end: true,
        };
    }
    let mut map = HeaderMap::default();
    for (name, value) in trailers {
        map.add(name, value);
    }
    Frame::Trailers(map)
}

/// The frames behind the headers. HTTP/1 learns of the end after the last piece and says so with an empty one; HTTP/2 marks the
/// last piece. A message without a body ends with its headers. Over HTTP/1 Envoy passes over trailers unless it is told otherwise.
fn frames(body: &[Vec<u8>], trailers: &[(String, String)], http: HttpVersion) -> Vec<Frame> {
    let mut frames = pieces(body);
    if !trailers.is_empty() && http == HttpVersion::Two {
        frames.push(end(trailers, http));
        return frames;
    }
    match (http, frames.last_mut()) {
        (_, None) => {}
        (HttpVersion::One, Some(_)) => frames.push(end(&[], http)),
        (HttpVersion::Two, Some(Frame::Data { end, .. })) => *end = true,
        (HttpVersion::Two, Some(Frame::Trailers(_))) => {}
    }
    frames
}

/// The upstream's answer as the router hands it to the filters. The upstream speaks the client's version of HTTP and sends a
/// date, as servers do.
pub(crate) fn response(
    upstream: &Upstream,
    head: bool,
    http: HttpVersion,
    streams: bool,
    date: &str,
) -> (HeaderMap, Vec<Frame>) {
    let mut headers = HeaderMap::of_response();
    headers.insert(":status", Buffer::new().format(upstream.status));
    for (name, value) in &upstream.headers {
        headers.add(name, value);
    }
    let bodiless = upstream.status == 204 || upstream.status == 304;
    let framed =
        headers.get("content-length").is_some() || headers.get("transfer-encoding").is_some();
    let unframed =
        http == HttpVersion::Two && (upstream.body.is_empty() || !upstream.trailers.is_empty());
    if streams && !framed && !bodiless && http == HttpVersion::One {
        headers.insert("transfer-encoding", "chunked");
    } else if !streams && !framed && !bodiless && !unframed {
        headers.insert("content-length", Buffer::new().format(upstream.body.len()));
    }
    if headers.get("date").is_none() {
        headers.insert("date", date);
    }
    headers.set("x-envoy-upstream-service-time", "0");
    if head || bodiless {
        return (headers, Vec::new());
    }
    let body = std::slice::from_ref(&upstream.body);
    (headers, frames(body, &upstream.trailers, http))
}

/// What the connection manager adds to every response behind the last filter.
pub(crate) fn finish_response(headers: &mut HeaderMap, date: &str) {
    if headers.get("date").is_none() {
        headers.insert("date", date);
    }
    if headers.get("server") != Some(b"envoy") {
        headers.set("server", "envoy");
    }
}

/// The headers that a client gets: over HTTP/1 the codec says how long the body is when nobody else does.
pub(crate) fn on_the_wire(
    headers: &HeaderMap,
    http: HttpVersion,
    only: bool,
    head: bool,
) -> Vec<(String, String)> {
    let mut sent = framed_once(headers);
    let status = headers.text(":status").unwrap_or_default();
    let bodiless = status == "204" || status == "304";
    if http == HttpVersion::One && headers.get("content-length").is_none() && !bodiless {
        let (name, value) = if only && !head {
            ("content-length", "0")
        } else {
            ("transfer-encoding", "chunked")
        };
        if sent.iter().all(|(sent, _)| sent != name) {
            sent.push((name.to_owned(), value.to_owned()));
        }
    }
    sent
}

/// All headers but the pseudo-headers. Where there are both, `content-length` counts, and the body does not come in chunks.
fn framed_once(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut sent = headers.without_pseudo();
    if headers.get("content-length").is_some() {
        sent.retain(|(name, _)| name != "transfer-encoding");
    }
    sent
}

/// What becomes of a request behind the last filter when headers are missing that the router needs.
pub(crate) fn check_request(headers: &HeaderMap) -> Result<(), LocalResponse> {
    if headers.get(":path").is_none() {
        return Err(LocalResponse::by_envoy(404, "", "route_not_found"));
    }
    if headers.get(":method").is_none() {
        let details = "filter_removed_required_request_headers{missing_required_header:_:method}";
        return Err(LocalResponse::by_envoy(
            503,
            "missing required header: :method",
            details,
        ));
    }
    Ok(())
}

/// The request as the upstream gets it, without a body yet; `only` says that there will be none. Over HTTP/1 the codec says how long the body is when nobody else does.
pub(crate) fn upstream_request(
    headers: &HeaderMap,
    http: HttpVersion,
    only: bool,
) -> UpstreamRequest {
    let mut sent = framed_once(headers);
    let method = headers.text(":method").unwrap_or_default().into_owned();
    let bodiless = ["GET", "HEAD", "DELETE", "TRACE", "CONNECT"].contains(&method.as_str());
    let framed =
        headers.get("content-length").is_some() || headers.get("transfer-encoding").is_some();
    if http == HttpVersion::One && !framed && !(only && bodiless) {
        let (name, value) = if only {
            ("content-length", "0")
        } else {
            ("transfer-encoding", "chunked")
        };
        sent.push((name.to_owned(), value.to_owned()));
    }
    if let (HttpVersion::One, Some(authority)) = (http, headers.text(":authority")) {
        sent.insert(0, ("host".to_owned(), authority.into_owned()));
    }
    UpstreamRequest {
        method,
        path: headers.text(":path").unwrap_or_default().into_owned(),
        headers: sent,
        body: Vec::new(),
    }
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
pub(crate) fn protocol(http: HttpVersion) -> &'static str {
    match http {
        HttpVersion::One => "HTTP/1.1",
        HttpVersion::Two => "HTTP/2",
    }
}

/// Where the client of a connection is.
pub(crate) fn source_address(connection: u64) -> String {
    let port = connection
        .checked_rem(20_000)
        .unwrap_or(0)
        .saturating_add(40_000);
    format!("127.0.0.1:{port}")
}
