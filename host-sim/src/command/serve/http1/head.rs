//! Heads of requests and answers.

use host_sim::target::{Request, UpstreamRequest, octets};
use http::StatusCode;

use super::decoder::Decoder;

/// What a refusal of the simulation needs to see of a head that is far too large.
const FAR_TOO_LARGE: usize = 8 * 1024 * 1024;

/// Fields of a head.
type Fields = Vec<(String, String)>;

/// A head that cannot be read.
struct Malformed;

/// The request of a head. One that Envoy's parser does not understand has no method, so that the simulation refuses it.
pub(super) fn request(head: &[u8]) -> Request {
    if head.len() > FAR_TOO_LARGE {
        return Request {
            headers: vec![("x".to_owned(), "x".repeat(FAR_TOO_LARGE))],
            ..Request::default()
        };
    }
    parse_request(head).unwrap_or_else(|Malformed| Request {
        method: String::new(),
        ..Request::default()
    })
}

fn parse_request(head: &[u8]) -> Result<Request, Malformed> {
    let (first, rest) = first_line(head);
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let method_end = first.iter().position(blank).unwrap_or(first.len());
    let (method, first) = first.split_at(method_end);
    let first = first.trim_ascii();
    let version_begin = first.iter().rposition(blank);
    let (target, version) = first.split_at(version_begin.unwrap_or(first.len()));
    let (target, version) = (target.trim_ascii_end(), version.trim_ascii_start());
    let mut request = Request {
        method: octets::text(method),
        path: octets::text(target),
        hostless: true,
        http_10: match version {
            b"HTTP/1.1" => false,
            [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] => {
                if !major.is_ascii_digit() || !minor.is_ascii_digit() {
                    return Err(Malformed);
                }
                true
            }
            b"" => true,
            _ => return Err(Malformed),
        },
        ..Request::default()
    };
    for (name, value) in fields(rest)? {
        if name != "host" {
            request.headers.push((name, value));
        } else if request.hostless {
            request.hostless = false;
            request.authority = value;
        } else {
            // A name that holds one value has them all in it.
            request.authority.push(',');
            request.authority.push_str(&value);
        }
    }
    Ok(request)
}

/// What comes behind the head of a request that is not refused.
pub(super) fn body_of_request(headers: &Fields) -> Decoder {
    if last(headers, "transfer-encoding").is_some() {
        return Decoder::Size;
    }
    let length = last(headers, "content-length").and_then(|length| length.parse().ok());
    Decoder::Length(length.unwrap_or(0))
}

/// The status and the headers of an answer's head; no status if there is none.
pub(super) fn answer(head: &[u8]) -> (u16, Fields) {
    let (first, rest) = first_line(head);
    let status = match first {
        [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            b'0'..=b'9',
            b'.',
            b'0'..=b'9',
            b' ',
            rest @ ..,
        ] => {
            let digits = rest.split(|byte| *byte == b' ').next();
            let digits = std::str::from_utf8(digits.unwrap_or_default());
            let digits = digits.unwrap_or_default();
            digits.parse().unwrap_or(0)
        }
        _ => 0,
    };
    match fields(rest) {
        Ok(fields) => (status, fields),
        Err(Malformed) => (0, Vec::new()),
    }
}

/// What comes behind the head of an answer.
pub(super) fn body_of_answer(status: u16, headers: &Fields, to_head: bool) -> Decoder {
    if to_head || matches!(status, 204 | 304) {
        return Decoder::Length(0);
    }
    if is_chunked(headers) {
        return Decoder::Size;
    }
    match last(headers, "content-length").and_then(|length| length.parse().ok()) {
        Some(length) => Decoder::Length(length),
        None => Decoder::UntilEnd,
    }
}

/// Whether a body goes in chunks.
pub(super) fn is_chunked(headers: &[(String, String)]) -> bool {
    last(headers, "transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
}

/// Whether the connection is closed behind the message.
pub(super) fn closes(headers: &[(String, String)]) -> bool {
    let connection = last(headers, "connection").unwrap_or_default();
    let mut tokens = connection.split(',').map(str::trim);
    tokens.any(|token| token.eq_ignore_ascii_case("close"))
}

/// The last value of a name in lower case.
pub(super) fn last<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    let mut headers = headers.iter().rev();
    let found = headers.find(|(other, _)| other == name);
    found.map(|(_, value)| value.as_str())
}

fn first_line(head: &[u8]) -> (&[u8], &[u8]) {
    let end = head.iter().position(|byte| *byte == b'\n');
    let (line, rest) = head.split_at(end.unwrap_or(head.len()));
    (line.trim_ascii_end(), rest.get(1..).unwrap_or_default())
}

/// Names in lower case and values. A line that begins with a blank goes on with the one before it.
fn fields(head: &[u8]) -> Result<Fields, Malformed> {
    let mut joined: Vec<Vec<u8>> = Vec::new();
    for line in head.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // Lone ones count for nothing.
        let line: Vec<u8> = line.iter().copied().filter(|byte| *byte != b'\r').collect();
        match (line.first(), joined.last_mut()) {
            (None, _) => {}
            (Some(b' ' | b'\t'), Some(before)) => before.extend(line),
            (Some(b' ' | b'\t'), None) => return Err(Malformed),
            (Some(_), _) => joined.push(line),
        }
    }
    let field = |line: Vec<u8>| {
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = colon
            .and_then(|at| line.split_at_checked(at))
            .ok_or(Malformed)?;
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        let name = octets::text(name).to_ascii_lowercase();
        Ok((name, octets::text(value)))
    };
    joined.into_iter().map(field).collect()
}

/// The head of an answer on the wire.
pub(super) fn write_answer(status: u16, headers: &[(String, String)]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} {}\r\n", reason(status)).into_bytes();
    write_fields(&mut head, headers);
    head
}

/// The head of a request on the wire.
pub(super) fn write_request(request: &UpstreamRequest, headers: &[(String, String)]) -> Vec<u8> {
    let mut head = request.method.clone().into_bytes();
    head.push(b' ');
    head.extend_from_slice(&octets::bytes(&request.path));
    head.extend_from_slice(b" HTTP/1.1\r\n");
    write_fields(&mut head, headers);
    head
}

fn write_fields(head: &mut Vec<u8>, headers: &[(String, String)]) {
    for (name, value) in headers {
        head.extend_from_slice(&octets::bytes(name));
        head.extend_from_slice(b": ");
        head.extend_from_slice(&octets::bytes(value));
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
}

/// A chunk on the wire; an empty one would be the last.
pub(super) fn write_chunk(bytes: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

/// The last chunk, without trailers.
pub(super) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Envoy's words for a status (`CodeUtility::toString`).
fn reason(status: u16) -> &'static str {
    let known = StatusCode::from_u16(status).ok();
    match status {
        599 => "Last Unassigned Server Error Code",
        _ => known
            .and_then(|status| status.canonical_reason())
            .unwrap_or("Unknown"),
    }
}
