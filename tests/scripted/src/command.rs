//! What the plugin can be told.

use std::fmt;
use std::time::Duration;

use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, MapType, MetricType, Status};

/// One line of the configuration.
pub(crate) struct Command {
    pub(crate) callback: String,
    name: String,
    words: Vec<Vec<u8>>,
    line: String,
}

/// What comes of a command.
pub(crate) enum Outcome {
    /// The message is held.
    Pauses,
    /// This is to be told.
    Gives(String),
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl Command {
    /// Reads a line; one of less than two words is none.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (callback, name) = (words.next()?, words.next()?);
        Some(Self {
            callback: callback.to_owned(),
            name: name.to_owned(),
            words: words.map(unescape).collect(),
            line: line.trim().to_owned(),
        })
    }

    fn bytes(&self, index: usize) -> &[u8] {
        self.words.get(index).map(Vec::as_slice).unwrap_or_default()
    }

    fn text(&self, index: usize) -> String {
        String::from_utf8_lossy(self.bytes(index)).into_owned()
    }

    fn number<N: std::str::FromStr + Default>(&self, index: usize) -> N {
        self.text(index).parse().unwrap_or_default()
    }

    /// The words from here on that are pairs, as in `x-a=1`.
    fn pairs(&self, from: usize) -> Vec<(String, Vec<u8>)> {
        let words = self.words.iter().skip(from);
        let pairs = words.filter_map(|word| {
            let at = word.iter().position(|byte| *byte == b'=')?;
            let (name, value) = word.split_at(at);
            let name = String::from_utf8_lossy(name).into_owned();
            Some((name, value.get(1..)?.to_vec()))
        });
        pairs.collect()
    }

    fn map(&self) -> MapType {
        match self.bytes(0) {
            b"request" => MapType::HttpRequestHeaders,
            b"response" => MapType::HttpResponseHeaders,
            _ => MapType::HttpCallResponseHeaders,
        }
    }

    fn buffer(&self) -> BufferType {
        match self.bytes(0) {
            b"request" => BufferType::HttpRequestBody,
            b"response" => BufferType::HttpResponseBody,
            _ => BufferType::HttpCallResponseBody,
        }
    }

    /// Does it.
    pub(crate) fn execute(&self) -> Outcome {
        let result = match self.name.as_str() {
            "pause" => return Outcome::Pauses,
            "respond" => {
                let _ = self.respond();
                return Outcome::Pauses;
            }
            "get" => hostcalls::get_map_value_bytes(self.map(), &self.text(1)).map(found),
            "map" => hostcalls::get_map_bytes(self.map()).map(|map| {
                let shown = map
                    .iter()
                    .map(|(name, value)| format!("{name}={}", shown(value)));
                shown.collect::<Vec<_>>().join("|")
            }),
            "set" => {
                let value = Some(self.bytes(2));
                done(hostcalls::set_map_value_bytes(
                    self.map(),
                    &self.text(1),
                    value,
                ))
            }
            "add" => done(hostcalls::add_map_value_bytes(
                self.map(),
                &self.text(1),
                self.bytes(2),
            )),
            "remove" => done(hostcalls::set_map_value_bytes(
                self.map(),
                &self.text(1),
                None,
            )),
            "property" => {
                let path = self.text(0);
                hostcalls::get_property(path.split('.').collect()).map(found)
            }
            "body" => hostcalls::get_buffer(self.buffer(), 0, usize::MAX).map(found),
            "call" => self.call(),
            "resume" => done(match self.bytes(0) {
                b"response" => hostcalls::resume_http_response(),
                _ => hostcalls::resume_http_request(),
            }),
            "count" => hostcalls::define_metric(MetricType::Counter, &self.text(0))
                .and_then(|id| hostcalls::increment_metric(id, self.number(1)))
                .map(|()| "done".to_owned()),
            #[expect(clippy::panic, reason = "it is told to")]
            "trap" => panic!("told to"),
            other => Ok(format!("unknown: {other}")),
        };
        Outcome::Gives(result.unwrap_or_else(|status| format!("{status:?}")))
    }

    fn respond(&self) -> Result<(), Status> {
        let pairs = self.pairs(2);
        let headers: Vec<_> = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, std::str::from_utf8(value).unwrap_or_default()));
        let body = Some(self.bytes(1)).filter(|body| !body.is_empty() && *body != b"-");
        hostcalls::send_http_response(self.number(0), headers.collect(), body)
    }

    fn call(&self) -> Result<String, Status> {
        let (body, headers): (Vec<_>, Vec<_>) = self
            .pairs(2)
            .into_iter()
            .partition(|(name, _)| name == "body");
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| {
                (
                    name.as_str(),
                    std::str::from_utf8(value).unwrap_or_default(),
                )
            })
            .collect();
        let body = body.first().map(|(_, body)| body.as_slice());
        let timeout = Duration::from_millis(self.number(1));
        hostcalls::dispatch_http_call(&self.text(0), headers, body, Vec::new(), timeout)
            .map(|_| "sent".to_owned())
    }
}

fn done(result: Result<(), Status>) -> Result<String, Status> {
    result.map(|()| "done".to_owned())
}

fn found(value: Option<Vec<u8>>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| shown(&value))
}

fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// A word with the bytes that `%20` and the like stand for.
fn unescape(word: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = word;
    while let Some((before, behind)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let digits = behind.get(..2);
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(b'%');
                rest = behind;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}
