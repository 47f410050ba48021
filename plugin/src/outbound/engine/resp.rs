//! RESP2, the protocol of Redis and Valkey: commands as they are sent and replies as they come back.
//!
//! Several commands go in one call, and their replies come back one after another
//! (<https://redis.io/docs/latest/develop/reference/protocol-spec/>). A call that broke off leaves half a reply, which is told from a
//! wrong one: nothing that is not a whole reply is ever believed.

/// A reply to one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// A status, as in `+OK`.
    Status(String),
    /// An error, as in `-READONLY You can't write against a read only replica.`
    Error(String),
    /// A whole number.
    Number(i64),
    /// Bytes; `None` for the null string.
    Bytes(Option<Vec<u8>>),
    /// Several replies; `None` for the null array.
    List(Option<Vec<Reply>>),
}

impl Reply {
    /// What the reply says is wrong, if it is an error.
    #[must_use]
    pub(super) fn error(&self) -> Option<&str> {
        match self {
            Self::Error(text) => Some(text),
            _ => None,
        }
    }

    /// The replies that it is a list of.
    #[must_use]
    pub(super) fn list(&self) -> Option<&[Self]> {
        match self {
            Self::List(Some(items)) => Some(items),
            _ => None,
        }
    }

    /// The whole number that it is.
    #[must_use]
    pub(super) fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The text that it is.
    #[must_use]
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Bytes(Some(bytes)) => String::from_utf8(bytes.clone()).ok(),
            Self::Status(text) => Some(text.clone()),
            _ => None,
        }
    }

    /// The numbers of a reply that is a list of nothing else.
    #[must_use]
    pub(super) fn numbers(&self) -> Option<Vec<i64>> {
        self.list()?.iter().map(Self::number).collect()
    }
}

/// Bytes that are no replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoReply {
    /// They end within a reply.
    #[error("the replies break off after {bytes} bytes")]
    BrokenOff {
        /// How many there are.
        bytes: usize,
    },
    /// They are something else.
    #[error("byte {at} of the replies begins nothing that RESP2 knows")]
    Garbage {
        /// Where, counted from 0.
        at: usize,
    },
}

/// Appends a command with its arguments.
pub(super) fn put_command(out: &mut Vec<u8>, arguments: &[&[u8]]) {
    let number = |sign: u8, number: usize, out: &mut Vec<u8>| {
        out.push(sign);
        out.extend(number.to_string().bytes());
        out.extend(*b"\r\n");
    };
    number(b'*', arguments.len(), out);
    for argument in arguments {
        number(b'$', argument.len(), out);
        out.extend(*argument);
        out.extend(*b"\r\n");
    }
}

/// The replies that `bytes` are, to the last byte.
///
/// # Errors
/// When they break off, or are no replies.
pub(super) fn read_replies(bytes: &[u8]) -> Result<Vec<Reply>, NoReply> {
    let mut reader = Reader { bytes, at: 0 };
    let mut replies = Vec::new();
    while reader.at < bytes.len() {
        replies.push(reader.reply(0)?);
    }
    Ok(replies)
}

/// Replies are as deep as this at the most; ours are lists of numbers.
const DEEPEST: u8 = 8;

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn reply(&mut self, depth: u8) -> Result<Reply, NoReply> {
        let start = self.at;
        let line = self.line()?;
        let garbage = NoReply::Garbage { at: start };
        let (kind, rest) = line.split_first().ok_or(garbage)?;
        let text = || String::from_utf8_lossy(rest).into_owned();
        let number = || std::str::from_utf8(rest).ok()?.parse::<i64>().ok();
        Ok(match kind {
            b'+' => Reply::Status(text()),
            b'-' => Reply::Error(text()),
            b':' => Reply::Number(number().ok_or(garbage)?),
            b'$' => match number().ok_or(garbage)? {
                -1 => Reply::Bytes(None),
                length => Reply::Bytes(Some(self.exactly(length, start)?)),
            },
            b'*' if depth < DEEPEST => match number().ok_or(garbage)? {
                -1 => Reply::List(None),
                length => {
                    let length = size(length).ok_or(garbage)?;
                    let mut items = Vec::new();
                    for _ in 0..length {
                        items.push(self.reply(depth.saturating_add(1))?);
                    }
                    Reply::List(Some(items))
                }
            },
            _ => return Err(garbage),
        })
    }

    /// The bytes up to the next CR LF, which are passed.
    fn line(&mut self) -> Result<&[u8], NoReply> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest
            .windows(2)
            .position(|pair| pair == b"\r\n")
            .ok_or(self.broken_off())?;
        self.at = self.at.saturating_add(length).saturating_add(2);
        Ok(rest.get(..length).unwrap_or_default())
    }

    /// So many bytes, and the CR LF after them.
    fn exactly(&mut self, length: i64, start: usize) -> Result<Vec<u8>, NoReply> {
        let garbage = NoReply::Garbage { at: start };
        let length = size(length).ok_or(garbage)?;
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let (found, rest) = rest.split_at_checked(length).ok_or(self.broken_off())?;
        match rest {
            [b'\r', b'\n', ..] => {}
            [] | [b'\r'] => return Err(self.broken_off()),
            _ => return Err(garbage),
        }
        self.at = self.at.saturating_add(length).saturating_add(2);
        Ok(found.to_vec())
    }

    fn broken_off(&self) -> NoReply {
        NoReply::BrokenOff {
            bytes: self.bytes.len(),
        }
    }
}

/// A length in bytes or items; `None` if it is negative. One that no memory could hold is one that the bytes end before.
fn size(length: i64) -> Option<usize> {
    let length = u64::try_from(length).ok()?;
    Some(usize::try_from(length).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn numbers(numbers: &[i64]) -> Reply {
        Reply::List(Some(numbers.iter().copied().map(Reply::Number).collect()))
    }

    #[test]
    fn a_command_is_a_list_of_its_arguments() {
        let mut out = Vec::new();
        put_command(&mut out, &[b"AUTH", b"us\r\ner", b""]);
        put_command(&mut out, &[b"SELECT", b"3"]);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "*3\r\n$4\r\nAUTH\r\n$6\r\nus\r\ner\r\n$0\r\n\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"
        );
    }

    #[test]
    fn replies_come_one_after_another() {
        assert_eq!(
            read_replies(
                b"+OK\r\n*3\r\n:1\r\n:-7\r\n:0\r\n$3\r\na\r\n\r\n$-1\r\n*-1\r\n*0\r\n-ERR no\r\n"
            ),
            Ok(vec![
                Reply::Status("OK".to_owned()),
                numbers(&[1, -7, 0]),
                Reply::Bytes(Some(b"a\r\n".to_vec())),
                Reply::Bytes(None),
                Reply::List(None),
                numbers(&[]),
                Reply::Error("ERR no".to_owned()),
            ])
        );
        assert_eq!(read_replies(b""), Ok(Vec::new()));
    }

    #[test]
    fn every_beginning_of_a_reply_breaks_off() {
        let whole = b"*3\r\n:12\r\n$4\r\nab\r\n\r\n+fine\r\n";
        assert!(read_replies(whole).is_ok());
        for bytes in 1..whole.len() {
            let half = whole.get(..bytes).unwrap();
            assert_eq!(
                read_replies(half),
                Err(NoReply::BrokenOff { bytes }),
                "{bytes}"
            );
        }
    }

    #[test]
    fn what_is_no_reply_is_garbage() {
        for (bytes, at) in [
            (b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), 0),
            (b":1\r\n\r\n", 4),
            (b":one\r\n", 0),
            (b":9223372036854775808\r\n", 0),
            (b"$-2\r\n", 0),
            (b"$1\r\nab\r\n", 0),
            (
                b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
                32,
            ),
            (b"%1\r\n", 0),
        ] {
            assert_eq!(
                read_replies(bytes),
                Err(NoReply::Garbage { at }),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn a_length_that_nobody_could_mean_takes_no_memory() {
        assert_eq!(
            read_replies(b"*9000000000000000000\r\n"),
            Err(NoReply::BrokenOff { bytes: 22 })
        );
        assert_eq!(
            read_replies(b"$9000000000000000000\r\n"),
            Err(NoReply::BrokenOff { bytes: 22 })
        );
    }
}
