//! How much of a body its receiver takes: what `content-length` promises, and how a body is treated that breaks the promise.
//!
//! A filter that changes the size of a body and leaves `content-length` as it is makes Envoy 1.40 send both as they are. What
//! happens then is the receiver's doing, an upstream's or a client's. Over HTTP/1 the rest of a body that is too long is no part of
//! the message, and for the rest of one that is too short the receiver waits in vain. Over HTTP/2 such a message is malformed
//! (RFC 9113, section 8.1.1): the receiver resets the stream with `PROTOCOL_ERROR`, and nothing of the frame that shows it counts.

use crate::http::header_map::HeaderMap;
use crate::model::HttpVersion;

/// What a receiver expects of a body.
#[derive(Debug)]
pub(crate) struct Framing {
    http: HttpVersion,
    /// How many bytes are still to come; unknown without `content-length`.
    left: Option<usize>,
    /// Whether it takes no body at all, whatever comes.
    bodiless: bool,
}

/// How a body breaks the promise of its `content-length`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breach {
    /// The receiver waits for bytes that never come.
    Starved,
    /// The receiver resets the stream.
    Malformed,
}

impl Framing {
    /// What these headers promise. A chunked body has no `content-length`: Envoy sends none in chunks that has one.
    pub(crate) fn of(headers: &HeaderMap, http: HttpVersion) -> Self {
        Self {
            http,
            left: headers.number("content-length"),
            bodiless: false,
        }
    }

    /// Anything may come.
    pub(crate) fn open(http: HttpVersion) -> Self {
        Self {
            http,
            left: None,
            bodiless: false,
        }
    }

    /// Nothing is to come, and what comes is no part of the message.
    pub(crate) fn without_body(http: HttpVersion) -> Self {
        Self {
            bodiless: true,
            ..Self::open(http)
        }
    }

    /// Whether the receiver has all of it, although nobody has said that it ends.
    pub(crate) fn is_complete(&self) -> bool {
        self.http == HttpVersion::One && (self.bodiless || self.left == Some(0))
    }

    /// Leaves of these bytes what the receiver takes; `end` says that no more come.
    pub(crate) fn take(&mut self, bytes: &mut Vec<u8>, end: bool) -> Result<(), Breach> {
        if self.bodiless {
            bytes.clear();
        }
        let Some(left) = &mut self.left else {
            return Ok(());
        };
        match self.http {
            HttpVersion::One => {
                bytes.truncate(*left);
                *left = left.saturating_sub(bytes.len());
                if end && *left > 0 {
                    return Err(Breach::Starved);
                }
            }
            HttpVersion::Two => {
                let fits = bytes.len() <= *left && (!end || bytes.len() == *left);
                if !fits {
                    bytes.clear();
                    return Err(Breach::Malformed);
                }
                *left = left.saturating_sub(bytes.len());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How these pieces are treated, the last of which is the end.
    fn taken(
        headers: &[(&str, &str)],
        http: HttpVersion,
        pieces: &[&str],
    ) -> (String, Result<(), Breach>) {
        let mut map = HeaderMap::default();
        for (name, value) in headers {
            map.add(name, value);
        }
        let mut framing = Framing::of(&map, http);
        let mut body = Vec::new();
        let mut outcome = Ok(());
        let mut pieces = pieces.iter().peekable();
        while let Some(piece) = pieces.next() {
            let mut bytes = piece.as_bytes().to_vec();
            outcome = framing.take(&mut bytes, pieces.peek().is_none());
            body.extend(bytes);
            if outcome.is_err() {
                break;
            }
        }
        (String::from_utf8(body).unwrap(), outcome)
    }

    #[test]
    fn receivers_take_what_was_promised() {
        use HttpVersion::{One, Two};
        let five = &[("content-length", "5")][..];
        let chunked = &[("transfer-encoding", "chunked")][..];
        let nonsense = &[("content-length", "five")][..];
        for (headers, http, pieces, body, outcome) in [
            (five, One, &["hel", "lo"][..], "hello", Ok(())),
            (five, Two, &["hel", "lo"], "hello", Ok(())),
            (five, One, &["hello", " you", ""], "hello", Ok(())),
            (
                five,
                Two,
                &["hel", "lo you", ""],
                "hel",
                Err(Breach::Malformed),
            ),
            (five, One, &["hel"], "hel", Err(Breach::Starved)),
            (five, Two, &["he", "l"], "he", Err(Breach::Malformed)),
            (chunked, One, &["hel"], "hel", Ok(())),
            (nonsense, One, &["hel"], "hel", Ok(())),
            (&[], Two, &["hel"], "hel", Ok(())),
        ] {
            assert_eq!(
                taken(headers, http, pieces),
                (body.to_owned(), outcome),
                "{headers:?} over {http:?}, {pieces:?}"
            );
        }
    }
}
