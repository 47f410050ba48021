//! Calls that somebody recorded, as scenarios: what Envoy's tap filter wrote, and HAR files of browsers and proxies.
//!
//! A tap before the plugin sees what clients sent and what they got; one behind it what the upstream got and answered. With both, a scenario has all
//! of it; with one, or a HAR file, the upstream is taken to have answered what the client got. Calls become steps in the order of
//! their times, since a plugin may count. What differs from call to call whatever a plugin does, such as `date` and `x-request-id`, is left out.
//!
//! ```
//! use std::path::Path;
//! use host_sim::recording::{Options, Recording};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let har = r#"{ "log": { "entries": [{
//!     "startedDateTime": "2026-11-22T12:00:00Z",
//!     "request": { "method": "GET", "url": "http://api.example/a?b=c", "headers": [{ "name": "orgId", "value": "7" }] },
//!     "response": { "status": 204, "headers": [], "content": {} }
//! }] } }"#;
//! let recording = Recording::read(har.as_bytes(), Path::new("calls.har"))?;
//! let scenario = recording.scenario(&Options::default());
//! assert!(scenario.contains("path = \"/a?b=c\""), "{scenario}");
//! # Ok(())
//! # }
//! ```

mod har;
mod headers;
mod scenario;
mod secret_name;
mod secrets;
mod tap;

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::model::HttpVersion;

/// Recorded calls.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    calls: Vec<Call>,
    skipped: Vec<String>,
}

/// What a scenario of a recording is to have besides the calls.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What the file of the plugin's configuration is called in the scenario.
    pub config_file: Option<String>,
    /// Whether the clock starts at the first call, and moves between calls. Only the simulator can do that.
    pub times: bool,
    /// Only calls of this host.
    pub host: Option<String>,
    /// Response headers of which nothing is expected, in lower case.
    pub without_headers: Vec<String>,
}

/// Why a file cannot be read as a recording.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// It is not JSON, or not such JSON.
    #[error("{}:{line}:{column}: at `{key}`: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// The place in the JSON document; `.` for all of it.
        key: String,
        /// What is wrong, and what was expected.
        message: String,
    },
    /// It is no recording of HTTP.
    #[error("{}: {message}", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// What it is, and what was expected.
        message: String,
    },
}

/// One call.
#[derive(Clone, Debug, Default)]
struct Call {
    /// Where it was recorded.
    source: String,
    when: Option<Timestamp>,
    http: HttpVersion,
    request: Message,
    /// `None` if there was none.
    response: Option<Message>,
    /// What a tap behind the plugin saw of it.
    behind: Option<Behind>,
}

/// What a tap behind the plugin saw of a call.
#[derive(Clone, Debug)]
enum Behind {
    /// Nothing: the plugin answered it.
    Nothing,
    /// What went to the upstream, and what it answered.
    Upstream(Box<(Message, Option<Message>)>),
}

/// Which of the two a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Request,
    Response,
}

/// A request or an answer.
#[derive(Clone, Debug, Default)]
struct Message {
    /// Names in lower case, those with a colon included.
    headers: Vec<(String, String)>,
    /// The body in the pieces that are known; `None` if it was not recorded.
    body: Option<Vec<Vec<u8>>>,
    /// Whether only the beginning of the body was recorded.
    truncated: bool,
    trailers: Vec<(String, String)>,
}

impl Message {
    fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter().filter(|(other, _)| other == name);
        all.next().map(|(_, value)| value.as_str())
    }

    fn bytes(&self) -> Vec<u8> {
        self.body.iter().flatten().flatten().copied().collect()
    }
}

impl Recording {
    /// Reads a file's bytes; `path` is for messages.
    ///
    /// # Errors
    ///
    /// When it is neither what Envoy's tap filter writes in a JSON format nor a HAR file.
    pub fn read(bytes: &[u8], path: &Path) -> Result<Self, RecordingError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let beginning = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        match beginning {
            Some(b'{') => {}
            None => {
                return Err(RecordingError::Unknown {
                    path: path.to_owned(),
                    message: "the file is empty".to_owned(),
                });
            }
            Some(_) => {
                return Err(RecordingError::Unknown {
                    path: path.to_owned(),
                    message: "this is not JSON; expected a HAR file, or what a tap filter writes with `format: JSON_BODY_AS_BYTES`".to_owned(),
                });
            }
        }
        if tap::is_one(bytes) {
            tap::read(bytes, path)
        } else {
            har::read(bytes, path)
        }
    }

    /// Adds the calls of another file.
    pub fn add(&mut self, other: Self) {
        self.calls.extend(other.calls);
        self.skipped.extend(other.skipped);
    }

    /// Joins what a tap behind the plugin saw, by `x-request-id`: a call of which it saw nothing was answered by the plugin.
    pub fn with_behind(&mut self, behind: Self) {
        let id = |call: &Call| call.request.header("x-request-id").map(str::to_owned);
        // Of retries and of ids that clients repeat, each call has its own, in their order.
        let mut seen = std::collections::BTreeMap::<_, std::collections::VecDeque<_>>::new();
        for call in behind.calls {
            match id(&call) {
                Some(id) => seen.entry(id).or_default().push_back(call),
                None => self.skipped.push(format!(
                    "{}: a call behind the plugin without `x-request-id`, by which calls are joined",
                    call.source
                )),
            }
        }
        for call in &mut self.calls {
            let Some(id) = id(call) else {
                self.skipped.push(format!(
                    "{}: what is behind the plugin is not joined, as the call has no `x-request-id`",
                    call.source
                ));
                continue;
            };
            let found = seen
                .get_mut(&id)
                .and_then(std::collections::VecDeque::pop_front);
            call.behind = Some(match found {
                Some(found) => Behind::Upstream(Box::new((found.request, found.response))),
                None => Behind::Nothing,
            });
        }
        let left = seen.into_values().flatten();
        self.skipped.extend(
            left.map(|call| format!("{}: no tap before the plugin saw this call", call.source)),
        );
    }

    /// How many calls there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Which calls cannot be in a scenario, and why.
    #[must_use]
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// Takes secrets out of headers and addresses: passwords, tokens, keys and cookies become `secret-1` and so on, the same one each time. Says where
    /// there were any: names of headers, `the query` and `the authority`. Bodies stay as they are.
    pub fn take_secrets_out(&mut self) -> Vec<String> {
        let mut secrets = secrets::Secrets::new();
        self.each_message(|message, side| secrets.take_out(message, side));
        // What is known of one call may have been copied in another.
        self.each_message(|message, _| secrets.take_copies_out(message));
        secrets.into_places()
    }

    /// All requests and answers, before the plugin and behind it.
    fn each_message(&mut self, mut of: impl FnMut(&mut Message, Side)) {
        for call in &mut self.calls {
            let behind = match &mut call.behind {
                Some(Behind::Upstream(seen)) => {
                    let (request, response) = &mut **seen;
                    [Some(request), response.as_mut()]
                }
                _ => [None, None],
            };
            let before = [Some(&mut call.request), call.response.as_mut()];
            for pair in [before, behind] {
                for (message, side) in pair.into_iter().zip([Side::Request, Side::Response]) {
                    message.into_iter().for_each(|message| of(message, side));
                }
            }
        }
    }

    /// The scenario of these calls, as the text of its file.
    #[must_use]
    pub fn scenario(&self, options: &Options) -> String {
        scenario::write(self, options)
    }
}

/// What is wrong with a JSON document.
fn invalid(path: &Path, key: String, error: &serde_json::Error) -> RecordingError {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    RecordingError::Invalid {
        path: path.to_owned(),
        line: error.line(),
        column: error.column(),
        key,
        message: message.to_owned(),
    }
}
