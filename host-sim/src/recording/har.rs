//! HAR files, which browsers and debugging proxies write (HTTP Archive 1.2, by its common use).

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{Call, Message, Recording, RecordingError, invalid};
use crate::model::HttpVersion;

#[derive(Deserialize)]
struct Har {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    /// Not looked into yet: one that cannot be read says nothing of the others.
    #[serde(deserialize_with = "Option::deserialize")]
    entries: Option<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    started_date_time: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    request: Request,
    #[serde(default, deserialize_with = "or_default")]
    response: Response,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    #[serde(default, deserialize_with = "or_default")]
    method: String,
    #[serde(default, deserialize_with = "or_default")]
    url: String,
    #[serde(default, deserialize_with = "or_default")]
    http_version: String,
    #[serde(default, deserialize_with = "or_default")]
    headers: Vec<Pair>,
    post_data: Option<PostData>,
}

#[derive(Deserialize)]
struct Pair {
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    value: String,
}

#[derive(Deserialize)]
struct PostData {
    text: Option<String>,
    encoding: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    params: Vec<Pair>,
}

#[derive(Default, Deserialize)]
struct Response {
    #[serde(default, deserialize_with = "or_default")]
    status: i64,
    #[serde(default, deserialize_with = "or_default")]
    headers: Vec<Pair>,
    #[serde(default, deserialize_with = "or_default")]
    content: Content,
}

#[derive(Default, Deserialize)]
struct Content {
    size: Option<i64>,
    text: Option<String>,
    encoding: Option<String>,
}

/// What some programs write as null is as if it were not there.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Reads a file.
pub(super) fn read(bytes: &[u8], path: &Path) -> Result<Recording, RecordingError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let har: Har = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let key = error.path().to_string();
        if key == "." {
            let text = error.inner().to_string();
            if text.starts_with("missing field `log`") {
                return RecordingError::Unknown {
                    path: path.to_owned(),
                    message: "this is neither a HAR file (`log.entries`) nor what a tap filter writes (`http_buffered_trace` and its kin)".to_owned(),
                };
            }
        }
        invalid(path, key, error.inner())
    })?;
    let mut recording = Recording::default();
    if har.log.entries.is_none() {
        let file = path.display();
        recording
            .skipped
            .push(format!("{file}: `log.entries` is null"));
    }
    for (index, entry) in har.log.entries.into_iter().flatten().enumerate() {
        let source = format!("{}, log.entries[{index}]", path.display());
        let entry = serde_path_to_error::deserialize(entry).map_err(|error| {
            let (key, error) = (error.path().to_string(), error.into_inner());
            format!("{source}: at `{key}`: {error}")
        });
        match entry.and_then(|entry| call(entry, source)) {
            Ok(call) => recording.calls.push(call),
            Err(why) => recording.skipped.push(why),
        }
    }
    Ok(recording)
}

fn call(entry: Entry, source: String) -> Result<Call, String> {
    let Entry {
        started_date_time,
        request,
        response,
    } = entry;
    let shown = shown(&request.url);
    let skipped = |why: &str| Err(format!("{source}: {} {shown}: {why}", request.method));
    if request.method.is_empty() || request.url.is_empty() {
        return Err(format!("{source}: its request has no method or no address"));
    }
    let Some((scheme, rest)) = request.url.split_once("://") else {
        return skipped("this is no address of HTTP");
    };
    if !matches!(scheme, "http" | "https") {
        return skipped("this is no call of HTTP");
    }
    let rest = rest.split('#').next().unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = match path {
        "" => "/".to_owned(),
        query if query.starts_with('?') => format!("/{query}"),
        path => path.to_owned(),
    };
    let Ok(status) = u16::try_from(response.status) else {
        return skipped("its answer has no status");
    };
    if !(200..=999).contains(&status) {
        return skipped("it was never answered, or became another protocol");
    }
    let body = match request.post_data.map(bytes_of).transpose() {
        Ok(body) => body,
        Err(why) => return skipped(&why),
    };
    let answered = match content(response.content) {
        Ok(body) => body,
        Err(why) => return skipped(&why),
    };
    let head =
        |names: [(&str, &str); 4]| names.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let pseudo = head([
        (":method", &request.method),
        (":path", &path),
        (":authority", authority),
        (":scheme", scheme),
    ]);
    let version = request.http_version.to_ascii_lowercase();
    let two = ["h2", "http/2", "http/2.0", "h3", "http/3"].contains(&version.as_str());
    let status = (":status".to_owned(), status.to_string());
    Ok(Call {
        when: started_date_time.and_then(|when| when.parse::<Timestamp>().ok()),
        http: if two {
            HttpVersion::Two
        } else {
            HttpVersion::One
        },
        request: Message {
            headers: [pseudo.to_vec(), fields(request.headers)].concat(),
            body: Some(body.into_iter().collect()),
            ..Message::default()
        },
        response: Some(Message {
            // The content of a HAR file is not encoded any more.
            headers: [vec![status], fields(response.headers)]
                .concat()
                .into_iter()
                .filter(|(name, _)| name != "content-encoding")
                .collect(),
            body: answered.map(|body| vec![body]),
            ..Message::default()
        }),
        source,
        behind: None,
    })
}

/// The beginning of an address, without what may be secret in it.
fn shown(url: &str) -> String {
    let end = url.find(['?', '#', ';']).unwrap_or(url.len());
    let url = url.get(..end).unwrap_or_default();
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), url),
    };
    let host = rest.find('/').unwrap_or(rest.len());
    let userinfo = rest.get(..host).and_then(|authority| authority.rfind('@'));
    let start = userinfo.map_or(0, |at| at.saturating_add(1));
    let rest = rest.get(start..).unwrap_or_default();
    scheme.chars().chain(rest.chars()).take(100).collect()
}

fn fields(pairs: Vec<Pair>) -> Vec<(String, String)> {
    let field = |pair: Pair| (pair.name.to_ascii_lowercase(), pair.value);
    let of_http = |(name, _): &(String, String)| !name.starts_with(':');
    pairs.into_iter().map(field).filter(of_http).collect()
}

/// A body; what was sent as a form may be told by its fields alone.
fn bytes_of(data: PostData) -> Result<Vec<u8>, String> {
    match data.text {
        Some(text) if !text.is_empty() || data.params.is_empty() => {
            decoded(text, data.encoding.as_deref())
        }
        _ => {
            let field = |pair: &Pair| {
                let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
                format!("{}={}", escaped(&pair.name), escaped(&pair.value))
            };
            let form = data.params.iter().map(field).collect::<Vec<_>>().join("&");
            Ok(form.into_bytes())
        }
    }
}

fn content(content: Content) -> Result<Option<Vec<u8>>, String> {
    match content.text {
        Some(text) => decoded(text, content.encoding.as_deref()).map(Some),
        None if content.size == Some(0) => Ok(Some(Vec::new())),
        None => Ok(None),
    }
}

fn decoded(text: String, encoding: Option<&str>) -> Result<Vec<u8>, String> {
    if encoding != Some("base64") {
        return Ok(text.into_bytes());
    }
    let bytes = STANDARD.decode(&text);
    bytes.map_err(|error| format!("its content is no base64: {error}"))
}
