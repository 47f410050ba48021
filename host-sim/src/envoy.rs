//! What Envoy itself does to requests and responses around the filters: its connection manager, its codecs and its router.
//!
//! Only what a plugin, a client or an upstream can see of a plain configuration is here.

use crate::clock::Instant;
use crate::header_map::HeaderMap;
use crate::message::Frame;
use crate::target::{HttpVersion, Request, Upstream, UpstreamRequest};

/// Envoy's default `per_connection_buffer_limit_bytes`.
pub(crate) const DEFAULT_BUFFER_LIMIT: u32 = 1024 * 1024;

/// The request as the first filter sees it.
pub(crate) fn request(request: &Request, connection: u64) -> (HeaderMap, Vec<Frame>) {
    let mut headers = HeaderMap::of_request();
    headers.add(":authority", &request.authority);
    headers.add(":path", &request.path);
    headers.add(":method", &request.method);
    headers.add(":scheme", "http");
    for (name, value) in &request.headers {
        headers.add(name, value);
    }
    let total: usize = request.body.iter().map(Vec::len).sum();
    let length_given =
        headers.get("content-length").is_some() || headers.get("transfer-encoding").is_some();
    match (request.body.len(), request.http) {
        _ if length_given => {}
        (0, _) => {}
        (1, _) => headers.add("content-length", total.to_string()),
        (_, HttpVersion::One) => headers.add("transfer-encoding", "chunked"),
        (_, HttpVersion::Two) => {}
    }
    headers.set("x-forwarded-proto", "http");
    headers.set(
        "x-request-id",
        format!("00000000-0000-4000-8000-{connection:012x}"),
    );
    (
        headers,
        frames(&request.body, &request.trailers, request.http),
    )
}

/// The frames behind the headers. HTTP/1 learns of the end after the last piece and says so with an empty one; HTTP/2 marks the
/// last piece. A message without a body ends with its headers.
fn frames(body: &[Vec<u8>], trailers: &[(String, String)], http: HttpVersion) -> Vec<Frame> {
    let mut frames: Vec<_> = body
        .iter()
        .filter(|bytes| !bytes.is_empty())
        .map(|bytes| Frame::Data {
            bytes: bytes.clone(),
            end: false,
        })
        .collect();
    if !trailers.is_empty() {
        let mut map = HeaderMap::default();
        for (name, value) in trailers {
            map.add(name, value);
        }
        frames.push(Frame::Trailers(map));
        return frames;
    }
    match (http, frames.last_mut()) {
        (_, None) => {}
        (HttpVersion::One, Some(_)) => frames.push(Frame::Data {
            bytes: Vec::new(),
            end: true,
        }),
        (HttpVersion::Two, Some(Frame::Data { end, .. })) => *end = true,
        (HttpVersion::Two, Some(Frame::Trailers(_))) => {}
    }
    frames
}

/// The upstream's answer as the router hands it to the filters.
pub(crate) fn response(upstream: &Upstream, head: bool) -> (HeaderMap, Vec<Frame>) {
    let mut headers = HeaderMap::default();
    headers.add(":status", upstream.status.to_string());
    for (name, value) in &upstream.headers {
        headers.add(name, value);
    }
    let bodiless = upstream.status == 204 || upstream.status == 304;
    let framed =
        headers.get("content-length").is_some() || headers.get("transfer-encoding").is_some();
    if !framed && !bodiless && upstream.trailers.is_empty() {
        headers.add("content-length", upstream.body.len().to_string());
    }
    headers.set("x-envoy-upstream-service-time", "0");
    if head || bodiless {
        return (headers, Vec::new());
    }
    let body = std::slice::from_ref(&upstream.body);
    (headers, frames(body, &upstream.trailers, HttpVersion::One))
}

/// What the connection manager adds to every response behind the last filter.
pub(crate) fn finish_response(headers: &mut HeaderMap, now: Instant) {
    if headers.get("date").is_none() {
        headers.set(
            "date",
            now.as_timestamp()
                .strftime("%a, %d %b %Y %H:%M:%S GMT")
                .to_string(),
        );
    }
    headers.set("server", "envoy");
}

/// What the router demands of a request behind the last filter.
pub(crate) fn check_request(headers: &HeaderMap) -> Result<(), String> {
    for required in [":method", ":path"] {
        if headers.get(required).is_none() {
            return Err(format!("missing required header: {required}"));
        }
    }
    Ok(())
}

/// The request as the upstream gets it, without a body yet.
pub(crate) fn upstream_request(headers: &HeaderMap) -> UpstreamRequest {
    let mut sent = headers.without_pseudo();
    sent.push((
        "x-envoy-expected-rq-timeout-ms".to_owned(),
        "15000".to_owned(),
    ));
    UpstreamRequest {
        method: headers.text(":method").unwrap_or_default(),
        path: headers.text(":path").unwrap_or_default(),
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
