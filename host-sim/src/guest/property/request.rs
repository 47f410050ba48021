//! `request.*`.

use super::encoding::{empty_map, integer, size, text};
use super::{Found, NOT_FOUND, NOT_SERIALIZABLE, PropertyError};
use crate::abi::pairs;
use crate::http::header_map::HeaderMap;
use crate::http::stream::HttpStream;
use crate::model::clock::Instant;

pub(super) fn get(stream: &HttpStream, rest: &[&str], now: Instant) -> Found {
    let message = &stream.request;
    let headers = (message.headers_visible || stream.logging).then_some(&message.headers);
    let header = |name| {
        let found = headers.and_then(|headers| headers.get(name));
        found.map(<[u8]>::to_vec).ok_or(PropertyError::NotFound)
    };
    match rest {
        [] => NOT_SERIALIZABLE,
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
        ["protocol"] => text(stream.protocol),
        ["time"] => integer(stream.started.as_nanoseconds()),
        ["duration"] if stream.logging => integer(
            now.as_nanoseconds()
                .saturating_sub(stream.started.as_nanoseconds()),
        ),
        // What the client says it is, or else what has come so far.
        ["size"] => {
            let length = headers.and_then(|headers| headers.number::<u64>("content-length"));
            match length {
                Some(length) => integer(length),
                None => size(message.received),
            }
        }
        ["total_size"] => {
            let of_headers = headers.map_or(0, HeaderMap::byte_size);
            let received = u64::try_from(message.received).unwrap_or(u64::MAX);
            integer(received.saturating_add(of_headers.into()))
        }
        _ => NOT_FOUND,
    }
}

/// A map of headers or trailers, or the values of one name with commas between them.
pub(super) fn of_map(map: Option<&HeaderMap>, rest: &[&str]) -> Found {
    match (map, rest) {
        (Some(map), []) if map.len() > 0 => {
            let mut encoded = Vec::new();
            pairs::encode(map.iter(), &mut encoded);
            Ok(encoded)
        }
        (_, []) => empty_map(),
        (Some(map), [name]) => map.joined(name).ok_or(PropertyError::NotFound),
        _ => NOT_FOUND,
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
