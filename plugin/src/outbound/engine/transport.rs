//! Transports: how messages reach Redis or Valkey, and what comes back from there.
//!
//! Over RESP, one call carries many commands to a cluster whose connections carry the body as it is and nothing else
//! (`envoy.upstreams.http.tcp`; `envoy/engine.yaml`): Envoy ends its half of the connection, the engine runs the commands, answers and
//! closes. The status of such a call is always 200, and one that gets no answer in time has no headers at all. Over Webdis, an HTTP
//! gateway in front of Redis, each message is a call of its own.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::{
    failure::Failure,
    message::{Heard, Message},
    resp::{self, NoReply},
};
use crate::document::json;
use crate::model::header_name::HeaderName;
use crate::outbound::callout::{Callout, CalloutName, HeaderValue, Reply};

/// How the engine is reached.
#[derive(Clone, Debug)]
pub enum Transport {
    /// Raw RESP.
    Resp(RespTransport),
    /// Through Webdis.
    Webdis(WebdisTransport),
}

/// Redis or Valkey itself.
#[derive(Clone, Debug)]
pub struct RespTransport {
    /// The name of its cluster in the proxy's configuration.
    pub cluster: CalloutName,
    /// What every call begins with: `AUTH` and `SELECT`, as far as they are configured. Not shown: there is a password in it.
    pub prelude: Vec<Vec<String>>,
}

/// Webdis.
#[derive(Clone, Debug)]
pub struct WebdisTransport {
    /// The name of its cluster in the proxy's configuration.
    pub cluster: CalloutName,
    /// The host that it is called by (`:authority`).
    pub authority: CalloutName,
    /// Header fields of every call, such as `authorization`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The number of the database.
    pub database: u32,
}

/// What Webdis answers.
#[derive(Deserialize)]
#[serde(remote = "Webdis")]
struct Webdis {
    #[serde(rename = "EVAL")]
    eval: Vec<WebdisItem>,
}

crate::document::json::objects!(Webdis);

enum WebdisItem {
    Number(i64),
    /// `false`, before the text of an error.
    Failed,
    Text(String),
}

impl<'de> Deserialize<'de> for WebdisItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = WebdisItem;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number, a text, or `false` before the text of an error")
            }

            fn visit_bool<E>(self, _: bool) -> Result<WebdisItem, E> {
                Ok(WebdisItem::Failed)
            }

            fn visit_i64<E>(self, number: i64) -> Result<WebdisItem, E> {
                Ok(WebdisItem::Number(number))
            }

            fn visit_u64<E>(self, number: u64) -> Result<WebdisItem, E> {
                Ok(WebdisItem::Number(
                    i64::try_from(number).unwrap_or(i64::MAX),
                ))
            }

            fn visit_str<E>(self, text: &str) -> Result<WebdisItem, E> {
                Ok(WebdisItem::Text(text.to_owned()))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl Transport {
    /// How many messages a call carries at the most.
    #[must_use]
    pub const fn most(&self) -> usize {
        match self {
            Self::Resp(_) => 100,
            Self::Webdis(_) => 1,
        }
    }

    /// The name of the cluster.
    #[must_use]
    pub fn cluster(&self) -> &str {
        match self {
            Self::Resp(resp) => resp.cluster.as_str(),
            Self::Webdis(webdis) => webdis.cluster.as_str(),
        }
    }

    /// The call that carries the messages, [`Self::most`] at the most.
    #[must_use]
    pub fn callout(&self, messages: &[Message], script: &str, timeout: Duration) -> Callout {
        let commands: Vec<_> = messages.iter().map(|m| m.command(script)).collect();
        self.call(&commands, timeout)
    }

    /// The call that carries these commands.
    pub(super) fn call(&self, commands: &[Vec<&str>], timeout: Duration) -> Callout {
        let (authority, body) = match self {
            Self::Resp(resp) => (resp.cluster.as_str(), resp.body(commands)),
            Self::Webdis(webdis) => (webdis.authority.as_str(), webdis.body(commands)),
        };
        let mut headers = vec![
            (":method".to_owned(), "POST".to_owned()),
            (":path".to_owned(), "/".to_owned()),
            (":authority".to_owned(), authority.to_owned()),
        ];
        if let Self::Webdis(webdis) = self {
            let configured = webdis.headers.iter();
            headers.extend(configured.map(|(n, v)| (n.as_str().to_owned(), v.as_str().to_owned())));
        }
        Callout {
            cluster: self.cluster().to_owned(),
            headers,
            body,
            timeout,
        }
    }

    /// What the engine answers to the messages of one call, one by one.
    ///
    /// # Errors
    /// When it does not answer all of them.
    pub fn answers(&self, messages: &[Message], reply: Reply<'_>) -> Result<Vec<Heard>, Failure> {
        let replies = self.replies(messages.len(), reply)?;
        let read = |(message, reply): (&Message, &resp::Reply)| {
            let numbers = reply.numbers()?;
            message.answer(&numbers)
        };
        messages
            .iter()
            .zip(&replies)
            .map(|pair| read(pair).ok_or_else(|| Failure::Garbage("not seven numbers".to_owned())))
            .collect()
    }

    /// The replies to so many commands of one call, one by one.
    ///
    /// # Errors
    /// When there are not as many, or one of them is an error.
    pub(super) fn replies(
        &self,
        commands: usize,
        reply: Reply<'_>,
    ) -> Result<Vec<resp::Reply>, Failure> {
        match reply.status {
            Some(200) => {}
            None | Some(504) => return Err(Failure::TimedOut),
            Some(status) => {
                let text: String = String::from_utf8_lossy(reply.body)
                    .chars()
                    .take(200)
                    .collect();
                return Err(match status {
                    502 | 503 => Failure::Unreachable(format!("{status}: {text}")),
                    401 | 403 => Failure::Denied(format!("{status}: {text}")),
                    _ => Failure::Garbage(format!("{status}: {text}")),
                });
            }
        }
        match self {
            Self::Resp(resp) => resp.replies(commands, reply.body),
            Self::Webdis(_) => webdis_reply(reply.body).map(|reply| vec![reply]),
        }
    }
}

impl RespTransport {
    fn body(&self, commands: &[Vec<&str>]) -> Vec<u8> {
        let mut body = Vec::new();
        for command in &self.prelude {
            let command: Vec<_> = command.iter().map(String::as_bytes).collect();
            resp::put_command(&mut body, &command);
        }
        for command in commands {
            let command: Vec<_> = command.iter().map(|part| part.as_bytes()).collect();
            resp::put_command(&mut body, &command);
        }
        body
    }

    fn replies(&self, commands: usize, body: &[u8]) -> Result<Vec<resp::Reply>, Failure> {
        let mut replies = resp::read_replies(body).map_err(|error| match error {
            NoReply::BrokenOff { .. } => Failure::BrokenOff(error.to_string()),
            NoReply::Garbage { .. } => Failure::Garbage(error.to_string()),
        })?;
        let error = replies.iter().find_map(resp::Reply::error);
        if let Some(text) = error {
            return Err(Failure::of_error(text));
        }
        let expected = self.prelude.len().saturating_add(commands);
        if replies.len() < expected {
            let text = format!("{} of {expected} replies", replies.len());
            return Err(Failure::BrokenOff(text));
        }
        if replies.len() > expected {
            // Which of them answers what, nobody knows.
            let text = format!("{} replies instead of {expected}", replies.len());
            return Err(Failure::Garbage(text));
        }
        Ok(replies.split_off(self.prelude.len()))
    }
}

impl WebdisTransport {
    /// A command as Webdis reads it: its parts between slashes, percent-encoded.
    fn body(&self, commands: &[Vec<&str>]) -> Vec<u8> {
        let mut body = self.database.to_string();
        for part in commands.iter().flatten() {
            body.push('/');
            encode(&mut body, part);
        }
        body.into_bytes()
    }
}

/// What Webdis answers to a command, as the engine itself would have replied.
fn webdis_reply(body: &[u8]) -> Result<resp::Reply, Failure> {
    let garbage = |text: &str| Failure::Garbage(text.chars().take(200).collect());
    let answer: Webdis = json::read(body).map_err(|error| {
        if error.is_end {
            Failure::BrokenOff(error.to_string())
        } else {
            garbage(&String::from_utf8_lossy(body))
        }
    })?;
    if let [WebdisItem::Failed, WebdisItem::Text(error)] = answer.eval.as_slice() {
        return Err(Failure::of_error(error));
    }
    let items = answer.eval.into_iter().filter_map(|item| match item {
        WebdisItem::Number(number) => Some(resp::Reply::Number(number)),
        WebdisItem::Text(text) => Some(resp::Reply::Bytes(Some(text.into_bytes()))),
        WebdisItem::Failed => None,
    });
    Ok(resp::Reply::List(Some(items.collect())))
}

/// Percent-encodes whatever is not unreserved (RFC 3986, section 2.3), the full stop too, by which Webdis finds the format.
fn encode(out: &mut String, part: &str) {
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
            out.push('%');
            out.push(digit(byte >> 4).to_ascii_uppercase());
            out.push(digit(byte & 15).to_ascii_uppercase());
        }
    }
}
