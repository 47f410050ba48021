//! What Envoy's tap filter writes as JSON: whole calls (`http_buffered_trace`), or their pieces (`http_streamed_trace_segment`), one
//! document behind the other in a file.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;

use super::{Call, Message, Recording, RecordingError, invalid};
use crate::model::octets;

/// One document.
#[derive(Deserialize)]
struct Wrapper {
    http_buffered_trace: Option<Buffered>,
    http_streamed_trace_segment: Option<Segment>,
    socket_buffered_trace: Option<serde::de::IgnoredAny>,
    socket_streamed_trace_segment: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Buffered {
    request: Option<Whole>,
    response: Option<Whole>,
}

#[derive(Deserialize)]
struct Whole {
    #[serde(default)]
    headers: Vec<Header>,
    body: Option<Body>,
    #[serde(default)]
    trailers: Vec<Header>,
    headers_received_time: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Segment {
    /// A number of 64 bits, in quotation marks.
    #[serde(default)]
    trace_id: String,
    request_headers: Option<Map>,
    request_body_chunk: Option<Body>,
    request_trailers: Option<Map>,
    response_headers: Option<Map>,
    response_body_chunk: Option<Body>,
    response_trailers: Option<Map>,
}

#[derive(Deserialize)]
struct Map {
    #[serde(default)]
    headers: Vec<Header>,
}

#[derive(Deserialize)]
struct Header {
    key: String,
    #[serde(default)]
    value: String,
    #[serde(default)]
    raw_value: Bytes,
}

#[derive(Deserialize)]
struct Body {
    as_bytes: Option<Bytes>,
    as_string: Option<String>,
    #[serde(default)]
    truncated: bool,
}

/// Bytes in base64.
#[derive(Default, Deserialize)]
#[serde(try_from = "String")]
struct Bytes(Vec<u8>);

impl TryFrom<String> for Bytes {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bytes = STANDARD.decode(&text);
        bytes
            .map(Self)
            .map_err(|error| format!("{text:?} is no base64: {error}"))
    }
}

/// Whether a file begins as the taps of Envoy do.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    const NAMES: [&str; 4] = [
        "\"http_buffered_trace\"",
        "\"http_streamed_trace_segment\"",
        "\"socket_buffered_trace\"",
        "\"socket_streamed_trace_segment\"",
    ];
    let text = bytes.trim_ascii_start().strip_prefix(b"{");
    let text = text.unwrap_or_default().trim_ascii_start();
    NAMES.iter().any(|name| text.starts_with(name.as_bytes()))
}

/// Reads a file.
pub(super) fn read(bytes: &[u8], path: &Path) -> Result<Recording, RecordingError> {
    let mut recording = Recording::default();
    let mut streamed: BTreeMap<String, Call> = BTreeMap::new();
    let mut documents =
        serde_json::Deserializer::from_slice(bytes).into_iter::<serde::de::IgnoredAny>();
    let mut number = 0_usize;
    let mut before = 0;
    while let Some(document) = documents.next() {
        document.map_err(|error| invalid(path, ".".to_owned(), &error))?;
        let end = documents.byte_offset();
        let text = bytes.get(before..end).unwrap_or_default();
        let wrapper = parse(text, lines(bytes, before), path)?;
        before = end;
        number = number.saturating_add(1);
        let source = path.display().to_string();
        match wrapper {
            Wrapper {
                http_buffered_trace: Some(trace),
                ..
            } => match call(trace, source) {
                Ok(call) => recording.calls.push(call),
                Err(why) => recording.skipped.push(why),
            },
            Wrapper {
                http_streamed_trace_segment: Some(segment),
                ..
            } => {
                let call = streamed.entry(segment.trace_id.clone()).or_default();
                call.source = source;
                add(segment, call);
            }
            Wrapper {
                socket_buffered_trace: Some(_),
                ..
            }
            | Wrapper {
                socket_streamed_trace_segment: Some(_),
                ..
            } => {
                return Err(RecordingError::Unknown {
                    path: path.to_owned(),
                    message: "this is the tap of a transport socket, which knows no HTTP; expected that of the HTTP filter `envoy.filters.http.tap`".to_owned(),
                });
            }
            _ => {
                return Err(RecordingError::Unknown {
                    path: path.to_owned(),
                    message: format!(
                        "document {number} is no trace of a tap, expected `http_buffered_trace` or `http_streamed_trace_segment`"
                    ),
                });
            }
        }
    }
    for call in streamed.into_values() {
        if call.request.headers.is_empty() {
            recording.skipped.push(headless(&call.source));
        } else {
            recording.calls.push(call);
        }
    }
    Ok(recording)
}

/// How many lines there are before a place.
fn lines(bytes: &[u8], before: usize) -> usize {
    let before = bytes.get(..before).unwrap_or_default();
    before.iter().filter(|byte| **byte == b'\n').count()
}

fn parse(text: &[u8], lines_before: usize, path: &Path) -> Result<Wrapper, RecordingError> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let key = error.path().to_string();
        match invalid(path, key, error.inner()) {
            RecordingError::Invalid {
                path,
                line,
                column,
                key,
                message,
            } => RecordingError::Invalid {
                line: line.saturating_add(lines_before),
                path,
                column,
                key,
                message,
            },
            other => other,
        }
    })
}

fn headless(source: &str) -> String {
    format!("{source}: the tap saw an answer and no request: a filter before it gave it")
}

fn call(trace: Buffered, source: String) -> Result<Call, String> {
    let Some(request) = trace.request.filter(|request| !request.headers.is_empty()) else {
        return Err(headless(&source));
    };
    Ok(Call {
        when: request.headers_received_time,
        request: message(request),
        response: trace
            .response
            .map(message)
            .filter(|response| !response.headers.is_empty()),
        source,
        ..Call::default()
    })
}

fn message(whole: Whole) -> Message {
    let mut message = Message {
        headers: fields(whole.headers),
        trailers: fields(whole.trailers),
        // A body that is not there is empty.
        body: Some(Vec::new()),
        truncated: false,
    };
    if let Some(body) = whole.body {
        take(body, &mut message);
    }
    message
}

fn add(segment: Segment, call: &mut Call) {
    let (request, response) = (&mut call.request, &mut call.response);
    request.body.get_or_insert_default();
    if let Some(map) = segment.request_headers {
        request.headers = fields(map.headers);
    }
    if let Some(body) = segment.request_body_chunk {
        take(body, request);
    }
    if let Some(map) = segment.request_trailers {
        request.trailers = fields(map.headers);
    }
    let Segment {
        response_headers,
        response_body_chunk,
        response_trailers,
        ..
    } = segment;
    if response_headers.is_none() && response_body_chunk.is_none() && response_trailers.is_none() {
        return;
    }
    let response = response.get_or_insert_default();
    response.body.get_or_insert_default();
    if let Some(map) = response_headers {
        response.headers = fields(map.headers);
    }
    if let Some(body) = response_body_chunk {
        take(body, response);
    }
    if let Some(map) = response_trailers {
        response.trailers = fields(map.headers);
    }
}

fn take(body: Body, message: &mut Message) {
    message.truncated |= body.truncated;
    let bytes = match (body.as_bytes, body.as_string) {
        (Some(Bytes(bytes)), _) => bytes,
        (None, Some(text)) => text.into_bytes(),
        (None, None) => Vec::new(),
    };
    if !bytes.is_empty() {
        message.body.get_or_insert_default().push(bytes);
    }
}

fn fields(headers: Vec<Header>) -> Vec<(String, String)> {
    let field = |header: Header| {
        let value = match header.raw_value {
            Bytes(raw) if header.value.is_empty() => octets::text(&raw),
            _ => header.value,
        };
        (header.key.to_ascii_lowercase(), value)
    };
    headers.into_iter().map(field).collect()
}
