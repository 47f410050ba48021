//! What Envoy's codecs refuse before its connection manager sees it. Over HTTP/1 the client is told; over HTTP/2 its stream is reset, or its
//! connection closed, and no filter ever hears of it.

use super::flag::Flag;
use super::local_response::LocalResponse;
use super::{is_token_byte, is_value, tokens};
use crate::model::envoy_version::EnvoyVersion;
use crate::model::{HttpVersion, Request, Underscores};

/// How a request is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What the client is told, and the details; without a status it is told nothing.
    pub(crate) answer: LocalResponse,
    pub(crate) flags: u64,
    /// Whether the connection is closed.
    pub(crate) closes: bool,
    /// Whether filters log it.
    pub(crate) is_logged: bool,
}

impl Refusal {
    /// An answer of the codec of HTTP/1.
    fn by_codec(status: u32, body: &str, details: &str) -> Self {
        Self {
            answer: LocalResponse::by_envoy(status, body, details),
            flags: Flag::DownstreamProtocolError.bit(),
            closes: true,
            is_logged: true,
        }
    }

    fn bad(details: &str) -> Self {
        Self::by_codec(400, "Bad Request", details)
    }

    /// A refusal of headers by the codec of HTTP/1.
    pub(super) fn codec_of_one(details: &str) -> Self {
        Self::bad(details)
    }

    fn too_large(details: &str) -> Self {
        Self::by_codec(431, "Request Header Fields Too Large", details)
    }

    /// An answer of the connection manager.
    pub(super) fn by_manager(status: u32, details: &str) -> Self {
        Self {
            answer: LocalResponse::by_envoy(status, "", details),
            flags: 0,
            closes: status == 400,
            is_logged: true,
        }
    }

    /// A reset of the codec of HTTP/2.
    fn reset(flag: Flag, details: &str) -> Self {
        Self {
            answer: LocalResponse::by_envoy(0, "", details),
            flags: flag.bit(),
            closes: false,
            is_logged: false,
        }
    }
}

/// What limits the codec has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) version: EnvoyVersion,
    pub(super) bytes: usize,
    pub(super) headers: usize,
    pub(super) underscores: Underscores,
    pub(super) allow_chunked_length: bool,
    pub(super) accept_http_10: bool,
}

/// The methods that the parser of HTTP/1 knows; it knows neither others nor any in lower case.
const METHODS: [&str; 35] = [
    "ACL",
    "BIND",
    "CHECKOUT",
    "CONNECT",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MOVE",
    "MSEARCH",
    "NOTIFY",
    "OPTIONS",
    "PATCH",
    "POST",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "PUT",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "SOURCE",
    "SUBSCRIBE",
    "TRACE",
    "UNBIND",
    "UNLINK",
    "UNLOCK",
    "UNSUBSCRIBE",
];

/// Checks a request as the codec of its version does.
pub(super) fn check(request: &Request, limits: Limits) -> Result<(), Refusal> {
    match request.http {
        HttpVersion::One => check_one(request, limits),
        HttpVersion::Two => check_two(request, limits),
    }
}

fn check_one(request: &Request, limits: Limits) -> Result<(), Refusal> {
    const ERROR: &str = "http1.codec_error";
    let method = request.method.as_str();
    if !METHODS.contains(&method) || method == "QUERY" && !limits.version.knows_query() {
        return Err(Refusal::bad(ERROR));
    }
    let size = SizeOne::of(request);
    if size.bytes > limits.bytes {
        return Err(Refusal::too_large("http1.headers_too_large"));
    }
    check_target(&request.method, request.path.as_bytes())?;
    let (mut lengths, mut codings, mut coding) = (0_u32, 0_u32, None);
    for (name, value) in &request.headers {
        let (name, value) = (name.as_bytes(), value.as_bytes());
        if name.is_empty() || !name.iter().all(|byte| is_token_byte(*byte)) {
            return Err(Refusal::bad(ERROR));
        }
        if !is_value(value) {
            return Err(Refusal::bad("http1.invalid_characters"));
        }
        if name.contains(&b'_') && limits.underscores == Underscores::RejectRequest {
            return Err(Refusal::bad("http1.unexpected_underscore"));
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            lengths = lengths.saturating_add(1);
            let digits = std::str::from_utf8(value).unwrap_or_default();
            let is_number = digits.parse::<u64>().is_ok() && value.iter().all(u8::is_ascii_digit);
            if lengths > 1 || !is_number {
                return Err(Refusal::bad(ERROR));
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            codings = codings.saturating_add(1);
            coding = Some(value);
        }
    }
    if size.headers > limits.headers {
        return Err(Refusal::too_large("http1.too_many_headers"));
    }
    if request.http_10 && !limits.accept_http_10 {
        return Err(Refusal::by_codec(426, "Upgrade Required", "low_version"));
    }
    match coding {
        Some(coding) if codings > 1 || !coding.eq_ignore_ascii_case(b"chunked") => {
            let details = "http1.invalid_transfer_encoding";
            return Err(Refusal::by_codec(501, "Not Implemented", details));
        }
        Some(_) if lengths > 0 && !limits.allow_chunked_length => {
            let details = "http1.content_length_and_chunked_not_allowed";
            return Err(Refusal::bad(details));
        }
        _ => {}
    }
    if !request.hostless && !is_authority(request.authority.as_bytes()) {
        return Err(Refusal::bad("http.invalid_authority"));
    }
    Ok(())
}

/// Whether this can be a host, with a port.
fn is_authority(authority: &[u8]) -> bool {
    let is_part =
        |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@[]".contains(byte);
    authority.iter().all(is_part)
}

/// How large the head of a request is over HTTP/1.
struct SizeOne {
    bytes: usize,
    headers: usize,
}

impl SizeOne {
    fn of(request: &Request) -> Self {
        // The first line's ` `, ` HTTP/1.1` and line break, and the empty line.
        let line = request.method.len().saturating_add(request.path.len());
        let mut size = Self {
            bytes: line.saturating_add(14),
            headers: 0,
        };
        let mut add = |name: usize, value: usize| {
            let line = name.saturating_add(value).saturating_add(4);
            size.bytes = size.bytes.saturating_add(line);
            size.headers = size.headers.saturating_add(1);
        };
        if !request.hostless {
            add("host".len(), request.authority.len());
        }
        for (name, value) in &request.headers {
            add(name.len(), value.len());
        }
        size
    }
}

/// The target of a request: a path, `*`, or a whole address.
fn check_target(method: &str, target: &[u8]) -> Result<(), Refusal> {
    const ERROR: &str = "http1.codec_error";
    let connect = method == "CONNECT";
    // What would end the line, or is no character at all.
    if target
        .iter()
        .any(|byte| *byte == 0x7f || (*byte < b' ' && !b"\t\n\x0c\r".contains(byte)))
    {
        return Err(Refusal::bad("http1.invalid_characters"));
    }
    if !target.iter().all(|byte| (b'!'..=b'~').contains(byte)) {
        return Err(Refusal::bad(ERROR));
    }
    match target.first() {
        Some(b'/') if !connect => return Ok(()),
        Some(b'*') if method == "OPTIONS" => return Ok(()),
        Some(b'/' | b'*') => return Err(Refusal::bad("http1.invalid_url")),
        Some(_) if connect => return Ok(()),
        _ => {}
    }
    let (scheme, rest) = match target.windows(3).position(|part| part == b"://") {
        Some(at) => (
            target.get(..at).unwrap_or_default(),
            target.get(at.saturating_add(3)..).unwrap_or_default(),
        ),
        None => return Err(Refusal::bad(ERROR)),
    };
    let is_scheme = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
    if !is_scheme {
        return Err(Refusal::bad(ERROR));
    }
    let host = rest.split(|byte| matches!(byte, b'/' | b'?')).next();
    if host.is_none_or(<[u8]>::is_empty) {
        return Err(Refusal::bad("http1.invalid_url"));
    }
    if ![&b"http"[..], b"https"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
    {
        return Err(Refusal::bad("http1.invalid_scheme"));
    }
    Ok(())
}

/// A target that is a whole address, taken apart: its scheme, its authority without a user, and the path.
pub(super) fn whole_address(target: &str) -> Option<(String, &str, &str)> {
    let (scheme, rest) = target
        .split_once("://")
        .filter(|_| !target.starts_with('/'))?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at_checked(end)?;
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    Some((scheme.to_ascii_lowercase(), host, path))
}

fn check_two(request: &Request, limits: Limits) -> Result<(), Refusal> {
    let invalid = || Refusal::reset(Flag::DownstreamProtocolError, "http2.invalid.header.field");
    let violation = || {
        let details = "http2.violation.of.messaging.rule";
        Refusal::reset(Flag::DownstreamProtocolError, details)
    };
    let path = request.path.as_bytes();
    let authority = request.authority.as_bytes();
    let is_method = !request.method.is_empty() && request.method.bytes().all(is_token_byte);
    let is_path = !path.is_empty() && path.iter().all(|byte| *byte > b' ' && *byte != 0x7f);
    let is_authority = request.hostless
        || !authority.is_empty() && is_authority(authority) && !authority.contains(&b'@');
    let connect = request.method == "CONNECT";
    if !is_method || !connect && !is_path || !is_authority {
        return Err(invalid());
    }
    let mut size = [":method", ":scheme", ":path", ":authority", "http"]
        .map(str::len)
        .iter()
        .sum::<usize>();
    for part in [&request.method, &request.path, &request.authority] {
        size = size.saturating_add(part.len());
    }
    let mut has_host = !request.hostless;
    for (name, value) in &request.headers {
        size = size.saturating_add(name.len()).saturating_add(value.len());
        has_host |= name.eq_ignore_ascii_case("host");
        let of_connection = [
            "connection",
            "keep-alive",
            "proxy-connection",
            "transfer-encoding",
            "upgrade",
        ];
        let is_name = !name.is_empty() && name.bytes().all(is_token_byte);
        let is_refused = of_connection
            .iter()
            .any(|refused| name.eq_ignore_ascii_case(refused))
            || name.eq_ignore_ascii_case("te") && value != "trailers"
            || name.eq_ignore_ascii_case("content-length")
                && (value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()));
        if !is_name || !is_value(value.as_bytes()) || is_refused {
            return Err(invalid());
        }
    }
    if size > limits.bytes {
        let details = "http2.header_list_size_too_large";
        return Err(Refusal::reset(Flag::DownstreamRemoteReset, details));
    }
    if request.headers.len().saturating_add(4) > limits.headers {
        return Err(Refusal::reset(
            Flag::DownstreamRemoteReset,
            "http2.too_many_headers",
        ));
    }
    let is_rooted = path.first() == Some(&b'/') || path == b"*" && request.method == "OPTIONS";
    if !has_host || !connect && !is_rooted {
        return Err(violation());
    }
    Ok(())
}

/// Whether `Connection` of a request closes its connection behind the answer.
pub(super) fn closes(value: &[u8]) -> bool {
    tokens(value).any(|token| token.eq_ignore_ascii_case(b"close"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            version: EnvoyVersion::NEWEST,
            bytes: 60 * 1024,
            headers: 100,
            underscores: Underscores::Allow,
            allow_chunked_length: false,
            accept_http_10: false,
        }
    }

    fn refused(request: &Request) -> Option<(u32, String)> {
        let refusal = check(request, limits()).err()?;
        Some((refusal.answer.status, refusal.answer.details))
    }

    #[test]
    fn targets_are_paths_or_whole_addresses() {
        for (method, path, expected) in [
            ("GET", "/a^|{}", None),
            ("GET", "/a#b", None),
            ("OPTIONS", "*", None),
            ("GET", "http://x", None),
            ("GET", "HTTP://u@x/a", None),
            ("CONNECT", "a:80", None),
            ("GET", "*", Some("http1.invalid_url")),
            ("GET", "http:///a", Some("http1.invalid_url")),
            ("GET", "foo://x/y", Some("http1.invalid_scheme")),
            ("GET", "", Some("http1.codec_error")),
            ("GET", "a", Some("http1.codec_error")),
            ("GET", "?a", Some("http1.codec_error")),
            ("GET", "/a b", Some("http1.codec_error")),
            ("GET", "/\u{e9}", Some("http1.codec_error")),
            ("GET", "/a\u{7f}", Some("http1.invalid_characters")),
            ("get", "/", Some("http1.codec_error")),
            ("M-SEARCH", "/", Some("http1.codec_error")),
        ] {
            let request = Request {
                method: method.to_owned(),
                path: path.to_owned(),
                ..Request::default()
            };
            let expected = expected.map(|details| (400, details.to_owned()));
            assert_eq!(refused(&request), expected, "{method} {path:?}");
        }
    }

    #[test]
    fn the_head_of_a_request_has_at_most_sixty_kibibytes_and_a_hundred_headers() {
        let with = |headers: Vec<(String, String)>, http| Request {
            authority: "a".to_owned(),
            headers,
            http,
            ..Request::default()
        };
        let big = |size: usize| vec![("x-big".to_owned(), "a".repeat(size))];
        let many = |count: usize| {
            let header = |index| (format!("x-{index}"), "1".to_owned());
            (0..count).map(header).collect::<Vec<_>>()
        };
        let one = HttpVersion::One;
        assert_eq!(refused(&with(big(61_404), one)), None);
        let too_large = Some((431, "http1.headers_too_large".to_owned()));
        assert_eq!(refused(&with(big(61_405), one)), too_large);
        assert_eq!(refused(&with(many(99), one)), None);
        let too_many = Some((431, "http1.too_many_headers".to_owned()));
        assert_eq!(refused(&with(many(100), one)), too_many);
        let two = HttpVersion::Two;
        assert_eq!(refused(&with(big(61_397), two)), None);
        let too_large = Some((0, "http2.header_list_size_too_large".to_owned()));
        assert_eq!(refused(&with(big(61_398), two)), too_large);
        assert_eq!(refused(&with(many(96), two)), None);
        let too_many = Some((0, "http2.too_many_headers".to_owned()));
        assert_eq!(refused(&with(many(97), two)), too_many);
    }
}
