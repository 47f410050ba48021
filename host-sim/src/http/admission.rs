//! What is done to a request before the first filter: the codec and the connection manager refuse it, or change it and let it in
//! (`ConnectionManagerImpl::ActiveStream::decodeHeaders`).

use std::net::IpAddr;

use itoa::Buffer;

use super::codec::{self, Limits, Refusal};
use super::forwarded;
use super::header_map::HeaderMap;
use super::message::Frame;
use super::path::{self, Normalized};
use super::{Proxy, connection, is_grpc, is_upgrade, tokens};
use crate::model::envoy_version::EnvoyVersion;
use crate::model::{ConnectionManager, HttpVersion, Request, Underscores, octets};

/// A request at the first filter, or at the client again.
#[derive(Debug)]
pub(crate) struct Admission {
    /// The headers as the first filter sees them, or, of one that is refused, as the log does.
    pub(crate) headers: HeaderMap,
    pub(crate) frames: Vec<Frame>,
    /// Whom `x-forwarded-for` names as the client, if it counts.
    pub(crate) client: Option<IpAddr>,
    /// Whether the client goes on in another protocol, so that what comes behind the headers is no body.
    pub(crate) is_upgraded: bool,
    /// Whether the connection is closed behind the answer.
    pub(crate) closes: bool,
    pub(crate) refusal: Option<Refusal>,
}

/// Lets a request in; `streams` says that its body comes later, if it has one, and that its headers are all that its client sent.
pub(crate) fn admit(request: &Request, connection: u64, streams: bool, proxy: &Proxy) -> Admission {
    let rules = &proxy.connection_manager;
    let mut admission = Admission {
        headers: HeaderMap::of_request(),
        frames: Vec::new(),
        client: None,
        is_upgraded: false,
        closes: request.http_10,
        refusal: None,
    };
    if let Err(refusal) = codec::check(request, limits(rules, proxy.version)) {
        admission.refusal = Some(refusal);
        return admission;
    }
    let own = fill(&mut admission.headers, request, rules);
    frame(&mut admission, request, streams);
    if let Err(refusal) = manage(&mut admission, request, connection, own, proxy) {
        admission.refusal = Some(refusal);
    }
    admission
}

fn limits(rules: &ConnectionManager, version: EnvoyVersion) -> Limits {
    let common = &rules.common_http_protocol_options;
    let kib = usize::try_from(rules.max_request_headers_kb).unwrap_or(usize::MAX);
    Limits {
        version,
        bytes: kib.saturating_mul(1024),
        headers: usize::try_from(common.max_headers_count).unwrap_or(usize::MAX),
        underscores: common.headers_with_underscores_action,
        allow_chunked_length: rules.http_protocol_options.allow_chunked_length,
        accept_http_10: rules.http_protocol_options.accept_http_10,
    }
}

/// What of a request's own headers is there to be looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Own {
    /// Any that is about the connection alone.
    of_connection: bool,
    /// Any that is for Envoy alone.
    for_envoy: bool,
    /// `x-forwarded-proto`.
    scheme: bool,
    expect: bool,
}

/// Takes the headers over as the codec does.
fn fill(headers: &mut HeaderMap, request: &Request, rules: &ConnectionManager) -> Own {
    let mut own = Own::default();
    let address = codec::whole_address(&request.path).filter(|_| request.method != "CONNECT");
    let (scheme, authority, path) = match &address {
        Some((scheme, authority, path)) => (scheme.as_str(), *authority, *path),
        None => ("http", request.authority.as_str(), request.path.as_str()),
    };
    if !request.hostless || address.is_some() {
        headers.insert(":authority", authority);
    }
    if request.method != "CONNECT" {
        headers.insert(":path", if path.is_empty() { "/" } else { path });
    }
    headers.insert(":method", &request.method);
    let scheme = request.scheme.as_deref().unwrap_or(scheme);
    headers.insert(":scheme", scheme.to_ascii_lowercase());
    // Over HTTP/2 cookies come in several fields, which the codec puts together behind the others (RFC 9113, section 8.2.3).
    let two = request.http == HttpVersion::Two;
    let is_crumb = |name: &str| two && name.eq_ignore_ascii_case("cookie");
    let drops = rules
        .common_http_protocol_options
        .headers_with_underscores_action
        == Underscores::DropHeader;
    let mut crumbs = Vec::new();
    for (name, value) in &request.headers {
        if is_crumb(name) {
            crumbs.push(value.as_str());
            continue;
        }
        // Of both, `:authority` counts.
        if drops && name.contains('_')
            || two && !request.hostless && name.eq_ignore_ascii_case("host")
        {
            continue;
        }
        note(&mut own, name);
        headers.add(name, octets::bytes(value));
    }
    if !crumbs.is_empty() {
        headers.add("cookie", octets::bytes(&crumbs.join("; ")));
    }
    own
}

/// Takes note of a header that something has to be done about.
fn note(own: &mut Own, name: &str) {
    // The lengths of the names tell nearly all others apart.
    match name.len() {
        2 => own.of_connection |= name.eq_ignore_ascii_case("te"),
        6 => own.expect |= name.eq_ignore_ascii_case("expect"),
        7 => own.of_connection |= name.eq_ignore_ascii_case("upgrade"),
        10 => {
            own.of_connection |=
                name.eq_ignore_ascii_case("connection") || name.eq_ignore_ascii_case("keep-alive");
        }
        16 => own.of_connection |= name.eq_ignore_ascii_case("proxy-connection"),
        17 if name.eq_ignore_ascii_case("x-forwarded-proto") => own.scheme = true,
        17 => own.of_connection |= name.eq_ignore_ascii_case("transfer-encoding"),
        _ => {}
    }
    own.for_envoy |= forwarded::is_for_envoy(name);
}

/// Says how long the body is where the client does, and what comes behind the headers.
fn frame(admission: &mut Admission, request: &Request, streams: bool) {
    let headers = &mut admission.headers;
    let total: usize = request.body.iter().map(Vec::len).sum();
    let is_chunked = headers.get("transfer-encoding").is_some();
    if is_chunked {
        headers.remove("content-length");
    }
    let framed = is_chunked || headers.get("content-length").is_some();
    let bodiless = ["GET", "HEAD", "DELETE", "CONNECT"].contains(&request.method.as_str());
    match (request.body.len(), request.http) {
        _ if framed || streams || request.unfinished || !request.trailers.is_empty() => {}
        (0, _) if bodiless => {}
        (0 | 1, _) => headers.insert("content-length", Buffer::new().format(total)),
        _ => {}
    }
    admission.frames = if request.unfinished {
        pieces(&request.body)
    } else {
        frames(&request.body, &request.trailers, request.http)
    };
}

/// What the connection manager does.
fn manage(
    admission: &mut Admission,
    request: &Request,
    connection: u64,
    own: Own,
    proxy: &Proxy,
) -> Result<(), Refusal> {
    let rules = &proxy.connection_manager;
    let headers = &mut admission.headers;
    let one = request.http == HttpVersion::One;
    if one && own.of_connection {
        let keeps = request.http_10
            && headers.get("connection").is_some_and(|value| {
                tokens(value).any(|token| token.eq_ignore_ascii_case(b"keep-alive"))
            });
        let closes = connection::strip(headers)?;
        admission.closes = closes || request.http_10 && !keeps;
    }
    if own.expect
        && headers
            .get("expect")
            .is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"))
    {
        headers.remove("expect");
    }
    if request.http_10 && headers.get(":authority").is_none() {
        let default = &rules.http_protocol_options.default_host_for_http_10;
        if !default.is_empty() {
            headers.set(":authority", default);
        }
    }
    if headers.get(":authority").is_none() {
        return Err(Refusal::by_manager(400, "missing_host_header"));
    }
    let path = headers.get(":path").unwrap_or_default();
    if path.first().is_some_and(|first| *first != b'/') {
        return Err(Refusal::by_manager(404, "absolute_path_rejected"));
    }
    if request.method == "QUERY"
        && proxy.version.knows_query()
        && headers.get("content-type").is_none()
    {
        return Err(Refusal::by_manager(400, "query_missing_content_type"));
    }
    normalize_path(headers, rules, proxy.version)?;
    normalize_host(headers, rules);
    let origin = forwarded::apply(headers, rules, own.for_envoy);
    admission.client = origin.named;
    // A client that speaks HTTP/2, or names a whole address, says it itself.
    if own.scheme
        && one
        && codec::whole_address(&request.path).is_none()
        && request.scheme.is_none()
    {
        let secure = headers
            .get("x-forwarded-proto")
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"https"));
        if secure {
            headers.set(":scheme", "https");
        }
    }
    let has_id = headers.get("x-request-id").is_some_and(|id| !id.is_empty());
    if rules.generate_request_id != Some(false) && (!has_id || origin.has_new_id(rules)) {
        headers.set("x-request-id", request_id(connection));
    }
    if !rules.via.is_empty() {
        headers.add("via", &rules.via);
    }
    if one && is_upgrade(headers) {
        upgrade(admission, proxy)?;
    }
    // Nothing says how long that is either.
    if request.method == "CONNECT" {
        admission.closes = true;
    }
    Ok(())
}

fn normalize_path(
    headers: &mut HeaderMap,
    rules: &ConnectionManager,
    version: EnvoyVersion,
) -> Result<(), Refusal> {
    const DETAILS: &str = "path_normalization_failed";
    let Some(path) = headers.get(":path") else {
        return Ok(());
    };
    match path::normalize(path, rules, version) {
        Normalized::Same => Ok(()),
        Normalized::Changed(path) => {
            headers.set(":path", path);
            Ok(())
        }
        Normalized::Redirected(path) if !is_grpc(headers) => {
            let mut refusal = Refusal::by_manager(307, DETAILS);
            refusal.answer.headers = vec![(b"location".to_vec(), path)];
            Err(refusal)
        }
        Normalized::Redirected(_) | Normalized::Refused => Err(Refusal::by_manager(400, DETAILS)),
    }
}

fn normalize_host(headers: &mut HeaderMap, rules: &ConnectionManager) {
    if !rules.strip_any_host_port && !rules.strip_trailing_host_dot {
        return;
    }
    let Some(authority) = headers.text(":authority") else {
        return;
    };
    let mut host = authority.as_ref();
    let mut port = "";
    // That of an address of IPv6 is behind its brackets.
    let colon = host
        .rfind(':')
        .filter(|at| host.rfind(']').is_none_or(|end| end < *at));
    if let Some(at) = colon {
        let is_port = host
            .get(at.saturating_add(1)..)
            .is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
        if is_port {
            (host, port) = host.split_at(at);
        }
    }
    if rules.strip_any_host_port {
        port = "";
    }
    if rules.strip_trailing_host_dot {
        host = host.strip_suffix('.').unwrap_or(host);
    }
    let normalized = format!("{host}{port}");
    if normalized != authority {
        headers.set(":authority", normalized);
    }
}

/// The client goes on in another protocol, if the listener allows it.
fn upgrade(admission: &mut Admission, proxy: &Proxy) -> Result<(), Refusal> {
    let headers = &mut admission.headers;
    let asked = headers.get("upgrade").unwrap_or_default();
    let allowed = proxy
        .upgrades
        .iter()
        .any(|upgrade| asked.eq_ignore_ascii_case(upgrade.as_bytes()));
    if !allowed {
        return Err(Refusal {
            closes: true,
            ..Refusal::by_manager(403, "upgrade_failed")
        });
    }
    admission.is_upgraded = true;
    admission.closes = true;
    // An empty piece comes at once, which is not the last.
    admission.frames = vec![Frame::Data {
        bytes: Vec::new(),
        end: false,
    }];
    Ok(())
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

/// The pieces of a body, none of which is the last.
fn pieces<'b>(body: impl IntoIterator<Item = &'b Vec<u8>>) -> Vec<Frame> {
    let pieces = body.into_iter().filter(|bytes| !bytes.is_empty());
    let piece = |bytes: &Vec<u8>| Frame::Data {
        bytes: bytes.clone(),
        end: false,
    };
    pieces.map(piece).collect()
}

/// The frames behind the headers. HTTP/1 learns of the end after the last piece and says so with an empty one; HTTP/2 marks the
/// last piece. A message without a body ends with its headers. Over HTTP/1 Envoy passes over trailers unless it is told otherwise.
pub(super) fn frames<'b>(
    body: impl IntoIterator<Item = &'b Vec<u8>>,
    trailers: &[(String, String)],
    http: HttpVersion,
) -> Vec<Frame> {
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
        map.add(name, octets::bytes(value));
    }
    Frame::Trailers(map)
}
