//! What `proxy_get_property` knows: a path of segments, looked up in the stream and encoded as Envoy encodes it.
//!
//! Strings are raw bytes, integers eight bytes little endian, timestamps and durations nanoseconds, maps lists of pairs. What
//! depends on headers can only be read while the plugin may see those headers, as in Envoy. Attributes that are not here are
//! answered as not found.

use crate::clock::Instant;
use crate::header_map::HeaderMap;
use crate::pairs;
use crate::stream::HttpStream;

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PropertyError {
    /// Nothing of that name, or not now.
    NotFound,
    /// It is there but cannot be expressed as bytes, such as the whole of `request`.
    NotSerializable,
}

/// Everything that properties are about.
pub(crate) struct Properties<'a> {
    pub(crate) plugin_name: &'a str,
    pub(crate) root_id: &'a str,
    pub(crate) vm_id: &'a str,
    pub(crate) stream: Option<&'a HttpStream>,
    pub(crate) now: Instant,
}

impl Properties<'_> {
    /// The value at a path whose segments are separated by zero bytes.
    pub(crate) fn get(&self, path: &[u8]) -> Result<Vec<u8>, PropertyError> {
        if path.is_empty() {
            return Err(PropertyError::NotSerializable);
        }
        let mut segments = path
            .strip_suffix(b"\0")
            .unwrap_or(path)
            .split(|byte| *byte == 0);
        let first = segments.next().unwrap_or_default();
        let rest: Vec<_> = segments.map(String::from_utf8_lossy).collect();
        let rest: Vec<_> = rest.iter().map(AsRef::as_ref).collect();
        match first {
            b"plugin_name" => leaf(&rest, self.plugin_name),
            b"plugin_root_id" => leaf(&rest, self.root_id),
            b"plugin_vm_id" => leaf(&rest, self.vm_id),
            other => self.of_stream(other, &rest),
        }
    }

    fn of_stream(&self, first: &[u8], rest: &[&str]) -> Result<Vec<u8>, PropertyError> {
        let stream = self.stream.ok_or(PropertyError::NotFound)?;
        match (first, rest) {
            (b"request", rest) => self.of_request(stream, rest),
            (b"response", rest) => of_response(stream, rest),
            (b"connection_id", []) | (b"connection", ["id"]) => {
                Ok(stream.connection.to_le_bytes().to_vec())
            }
            (b"connection", ["mtls"]) => Ok(vec![0]),
            (b"source", ["address"]) => Ok(stream.source.clone().into_bytes()),
            (b"source", ["port"]) => {
                let port = stream
                    .source
                    .rsplit(':')
                    .next()
                    .and_then(|port| port.parse::<i64>().ok());
                port.map(|port| port.to_le_bytes().to_vec())
                    .ok_or(PropertyError::NotFound)
            }
            (b"connection" | b"source" | b"upstream" | b"destination", []) => {
                Err(PropertyError::NotSerializable)
            }
            (key, []) => stream
                .filter_state
                .get(key)
                .cloned()
                .ok_or(PropertyError::NotFound),
            _ => Err(PropertyError::NotFound),
        }
    }

    fn of_request(&self, stream: &HttpStream, rest: &[&str]) -> Result<Vec<u8>, PropertyError> {
        let message = &stream.request;
        let headers = (message.headers_visible || stream.logging).then_some(&message.headers);
        let header = |name| {
            headers
                .and_then(|headers| headers.get(name))
                .map(<[u8]>::to_vec)
                .ok_or(PropertyError::NotFound)
        };
        match rest {
            [] => Err(PropertyError::NotSerializable),
            ["headers", rest @ ..] => of_map(headers, rest),
            ["path"] => header(":path"),
            ["url_path"] => header(":path").map(|path| split_query(&path).0),
            ["query"] => header(":path").map(|path| split_query(&path).1),
            ["host"] => header(":authority"),
            ["scheme"] => header(":scheme"),
            ["method"] => header(":method"),
            ["referer"] => header("referer"),
            ["useragent"] => header("user-agent"),
            ["id"] => header("x-request-id"),
            ["protocol"] => Ok(stream.protocol.as_bytes().to_vec()),
            ["time"] => Ok(stream.started.as_nanoseconds().to_le_bytes().to_vec()),
            ["duration"] if stream.logging => {
                let elapsed = self
                    .now
                    .as_nanoseconds()
                    .saturating_sub(stream.started.as_nanoseconds());
                Ok(elapsed.to_le_bytes().to_vec())
            }
            ["size"] => {
                let length = headers.and_then(|headers| headers.text("content-length"));
                let length = length.and_then(|text| text.parse().ok());
                let received = || i64::try_from(message.received).unwrap_or(i64::MAX);
                Ok(length.unwrap_or_else(received).to_le_bytes().to_vec())
            }
            _ => Err(PropertyError::NotFound),
        }
    }
}

fn of_response(stream: &HttpStream, rest: &[&str]) -> Result<Vec<u8>, PropertyError> {
    let held = stream
        .response
        .as_ref()
        .filter(|message| message.headers_visible)
        .map(|message| &message.headers);
    let headers = held.or_else(|| stream.sent_headers().filter(|_| stream.logging));
    let integer = |number: i64| Ok(number.to_le_bytes().to_vec());
    match rest {
        [] => Err(PropertyError::NotSerializable),
        ["headers", rest @ ..] => of_map(headers, rest),
        ["code"] => stream
            .status
            .map_or(Err(PropertyError::NotFound), |status| {
                integer(status.into())
            }),
        ["flags"] => Ok(stream.flags.to_le_bytes().to_vec()),
        ["code_details"] => stream
            .response_details
            .clone()
            .map(String::into_bytes)
            .ok_or(PropertyError::NotFound),
        ["size"] => integer(i64::try_from(stream.sent_bytes()).unwrap_or(i64::MAX)),
        _ => Err(PropertyError::NotFound),
    }
}

fn of_map(map: Option<&HeaderMap>, rest: &[&str]) -> Result<Vec<u8>, PropertyError> {
    match (map, rest) {
        (Some(map), []) => Ok(pairs::encode_map(map)),
        // No entries: the count alone.
        (None, []) => Ok(0_u32.to_le_bytes().to_vec()),
        (Some(map), [name]) => map.joined(name).ok_or(PropertyError::NotFound),
        _ => Err(PropertyError::NotFound),
    }
}

fn leaf(rest: &[&str], value: &str) -> Result<Vec<u8>, PropertyError> {
    if rest.is_empty() {
        Ok(value.as_bytes().to_vec())
    } else {
        Err(PropertyError::NotFound)
    }
}

/// The path before the question mark, and the query behind it up to a fragment.
fn split_query(path: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut halves = path.splitn(2, |byte| *byte == b'?');
    let before = halves.next().unwrap_or_default();
    let query = halves
        .next()
        .unwrap_or_default()
        .split(|byte| *byte == b'#')
        .next()
        .unwrap_or_default();
    (before.to_vec(), query.to_vec())
}
