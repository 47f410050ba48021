//! What goes into a phase: bodies in pieces, and the request.

use std::fs;

use crate::model::{HttpVersion, Request};
use crate::service_extensions::suite::{Chunking, Source};
use crate::service_extensions::{Test, TestError, beside};

/// More bytes of a body than this are not made up for a header that says there are so many.
const MOST_FILLED: usize = 1024 * 1024;

/// The bytes of a source.
pub(in crate::service_extensions) fn read(
    test: &Test,
    source: &Source,
    line: usize,
) -> Result<Vec<u8>, TestError> {
    match source {
        Source::Content(bytes) => Ok(bytes.clone()),
        Source::File(path, line_of_file) => {
            let path = beside(&test.file, path);
            fs::read(&path).map_err(|error| TestError::Input {
                file: test.file.clone(),
                line: (*line_of_file).max(line),
                message: format!("{}: {error}", path.display()),
            })
        }
    }
}

/// Cuts a body as Google's runner does: into pieces of one length, of which the last may be shorter.
pub(super) fn cut(content: Vec<u8>, chunking: Option<Chunking>) -> Vec<Vec<u8>> {
    let length = match chunking {
        None => return vec![content],
        Some(Chunking::Count(count)) => content.len().div_ceil(count).max(1),
        Some(Chunking::Size(size)) => size,
    };
    if content.is_empty() {
        return vec![content];
    }
    content.chunks(length).map(<[u8]>::to_vec).collect()
}

/// A body for headers that speak of one where the test has none.
pub(super) fn filler(
    headers: &mut [(String, String)],
    body: &[Vec<Vec<u8>>],
    is_absent: bool,
) -> Option<Vec<u8>> {
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse::<usize>().ok());
    let there: usize = body.iter().flatten().map(Vec::len).sum();
    match length? {
        length if is_absent && length > 0 && length <= MOST_FILLED => Some(vec![b'x'; length]),
        length if length != there => {
            // An upstream that lies about its length is cut off, and the test is about something else.
            for (_, value) in headers
                .iter_mut()
                .filter(|(name, _)| name == "content-length")
            {
                *value = there.to_string();
            }
            None
        }
        _ => None,
    }
}

/// The request with these headers.
pub(super) fn request(headers: &[(String, String)], has_body: bool) -> Request {
    let default = Request::default();
    let value = |name: &str| {
        let mut all = headers.iter().filter(|(other, _)| other == name);
        all.next().map(|(_, value)| value.clone())
    };
    let method = if has_body { "POST" } else { "GET" };
    let is_apart = |name: &str| name.starts_with(':') || name == "host";
    Request {
        method: value(":method").unwrap_or_else(|| method.to_owned()),
        path: value(":path").unwrap_or(default.path),
        authority: value(":authority")
            .or_else(|| value("host"))
            .unwrap_or(default.authority),
        scheme: value(":scheme"),
        headers: headers
            .iter()
            .filter(|(name, _)| !is_apart(name))
            .cloned()
            .collect(),
        http: HttpVersion::Two,
        ..Request::default()
    }
}
