//! `response.*`.

use super::encoding::{integer, size, text};
use super::request::of_map;
use super::{Found, NOT_FOUND, NOT_SERIALIZABLE};
use crate::http::header_map::HeaderMap;
use crate::http::stream::HttpStream;

pub(super) fn get(stream: &HttpStream, rest: &[&str]) -> Found {
    let response = stream.response.as_ref();
    let held = response
        .filter(|message| message.headers_visible)
        .map(|message| &message.headers);
    let headers = held.or_else(|| stream.sent_headers().filter(|_| stream.logging));
    let trailers = response
        .filter(|message| message.trailers_visible || stream.logging)
        .and_then(|message| message.trailers.as_ref());
    match rest {
        [] => NOT_SERIALIZABLE,
        ["headers", rest @ ..] => of_map(headers, rest),
        ["trailers", rest @ ..] => of_map(trailers, rest),
        ["code"] => stream.status.map_or(NOT_FOUND, integer),
        ["grpc_status"] => stream
            .grpc_status_of(headers, trailers)
            .map_or(NOT_FOUND, integer),
        ["flags"] => integer(stream.flags),
        ["code_details"] => stream.response_details.as_deref().map_or(NOT_FOUND, text),
        ["backend_latency"] if stream.logging => {
            stream.backend_latency().map_or(NOT_FOUND, integer)
        }
        ["size"] => size(stream.sent_bytes()),
        ["total_size"] => {
            let of_map = |map: Option<&HeaderMap>| map.map_or(0, HeaderMap::byte_size);
            let sent = u64::try_from(stream.sent_bytes()).unwrap_or(u64::MAX);
            let maps = of_map(headers).saturating_add(of_map(trailers));
            integer(sent.saturating_add(maps.into()))
        }
        _ => NOT_FOUND,
    }
}
