//! Servers of Redis's protocol (RESP2) that a plugin calls, as a test describes them: what they answer to a command, and how they fail.
//!
//! They stand behind a cluster with `envoy.upstreams.http.tcp`, whose connections carry the body of a callout and nothing else: Envoy ends
//! its half of the connection after it, and takes what comes back until the other half ends for the body of an answer with status 200.
//! So a server that hangs up at once has answered, and one that says nothing in time has not sent as much as a header
//! (`tcp_conn_pool.cc`, `upstream_request.cc`).

use std::collections::BTreeMap;

use crate::model::pattern::Pattern;

/// What such a server does from now on.
#[derive(Clone, Debug)]
pub enum RespBehaviour {
    /// It gives each command of a callout the first reply that fits, and otherwise an error.
    Replies(Vec<RespReply>),
    /// It says this, whatever it is asked: a broken reply, or none.
    Says(Vec<u8>),
    /// It refuses connections.
    Unreachable,
    /// It takes commands and never answers, until the caller's time-out ends the wait.
    Hang,
}

/// One reply of a server.
#[derive(Clone, Debug)]
pub struct RespReply {
    /// What the words of the command must be, by their place; the command itself is at 0.
    pub words: BTreeMap<usize, Pattern>,
    /// What it says, as it goes over the line. `{6}` is the word at place 6 of the command.
    pub text: String,
}

impl RespBehaviour {
    /// Everything that it says to a callout with this body; `None` where it says nothing at all.
    #[must_use]
    pub fn answer(&self, body: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Says(bytes) => Some(bytes.clone()),
            Self::Replies(replies) => {
                let replies = commands(body).into_iter().map(|command| match command {
                    Ok(words) => reply(replies, &words),
                    Err(NoCommand) => "-ERR Protocol error\r\n".to_owned(),
                });
                Some(replies.collect::<String>().into_bytes())
            }
            Self::Unreachable | Self::Hang => None,
        }
    }
}

/// The reply to one command.
fn reply(replies: &[RespReply], words: &[&[u8]]) -> String {
    let words: Vec<_> = words
        .iter()
        .map(|word| String::from_utf8_lossy(word))
        .collect();
    let word = |place: usize| words.get(place).map(AsRef::as_ref);
    let fits = |reply: &&RespReply| {
        let mut patterns = reply.words.iter();
        patterns.all(|(place, pattern)| pattern.allows(word(*place).as_slice()))
    };
    let Some(fitting) = replies.iter().find(fits) else {
        let command = word(0).unwrap_or_default();
        return format!("-ERR unknown command '{command}'\r\n");
    };
    let mut text = fitting.text.clone();
    for (place, word) in words.iter().enumerate() {
        text = text.replace(&format!("{{{place}}}"), word);
    }
    text
}

/// Bytes that are no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no command, which is an array of bulk strings")]
pub struct NoCommand;

/// The commands in what a client sends, each with its words, up to the first that cannot be read as one.
///
/// ```
/// use host_sim::resp::{NoCommand, commands};
///
/// let sent = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\nnonsense";
/// assert_eq!(commands(sent), [Ok(vec![&b"GET"[..], b"a"]), Err(NoCommand)]);
/// ```
#[must_use]
pub fn commands(mut sent: &[u8]) -> Vec<Result<Vec<&[u8]>, NoCommand>> {
    let mut commands = Vec::new();
    while !sent.is_empty() {
        let command = command(&mut sent).ok_or(NoCommand);
        let ends = command.is_err();
        commands.push(command);
        if ends {
            break;
        }
    }
    commands
}

/// The words of one command, which are taken from the bytes.
fn command<'a>(bytes: &mut &'a [u8]) -> Option<Vec<&'a [u8]>> {
    let count: usize = line(bytes)?.strip_prefix('*')?.parse().ok()?;
    let mut words = Vec::new();
    for _ in 0..count {
        let length: usize = line(bytes)?.strip_prefix('$')?.parse().ok()?;
        let (word, rest) = bytes.split_at_checked(length)?;
        words.push(word);
        *bytes = rest.strip_prefix(b"\r\n")?;
    }
    Some(words)
}

/// The text up to the next line's end, which are taken from the bytes.
fn line<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let length = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let (line, rest) = bytes.split_at_checked(length)?;
    *bytes = rest.strip_prefix(b"\r\n")?;
    std::str::from_utf8(line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> RespBehaviour {
        let reply = |words: &[(usize, &str)], text: &str| RespReply {
            words: words
                .iter()
                .map(|(place, word)| (*place, Pattern::Exactly((*word).to_owned())))
                .collect(),
            text: text.to_owned(),
        };
        RespBehaviour::Replies(vec![
            reply(&[(0, "AUTH"), (1, "secret")], "+OK\r\n"),
            reply(&[(0, "EVAL"), (2, "0")], "*2\r\n:{3}\r\n:7\r\n"),
        ])
    }

    fn said(body: &str) -> String {
        String::from_utf8(server().answer(body.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn each_command_gets_the_first_reply_that_fits() {
        let auth = "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n";
        let eval = "*4\r\n$4\r\nEVAL\r\n$4\r\nx\r\ny\r\n$1\r\n0\r\n$2\r\n42\r\n";
        assert_eq!(said(auth), "+OK\r\n");
        assert_eq!(
            said(&format!("{auth}{eval}{eval}")),
            "+OK\r\n*2\r\n:42\r\n:7\r\n*2\r\n:42\r\n:7\r\n"
        );
        assert_eq!(
            said("*2\r\n$4\r\nAUTH\r\n$1\r\nx\r\n"),
            "-ERR unknown command 'AUTH'\r\n"
        );
        assert_eq!(said(""), "");
    }

    #[test]
    fn what_is_no_command_is_the_last_that_is_answered() {
        let eval = "*4\r\n$4\r\nEVAL\r\n$0\r\n\r\n$1\r\n0\r\n$1\r\n1\r\n";
        for garbage in ["PING\r\n", "*1\r\n$9\r\nPING\r\n", "*1\r\n$4\r\nPINGED\r\n"] {
            assert_eq!(
                said(&format!("{eval}{garbage}")),
                "*2\r\n:1\r\n:7\r\n-ERR Protocol error\r\n"
            );
        }
    }
}
