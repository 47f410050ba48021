//! The body behind a head.

/// How long the line of a chunk's size, or one of a trailer, may be.
const LONGEST_LINE: usize = 64 * 1024;

/// A body that cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// What is still to come of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decoder {
    /// This many bytes; none if it is over.
    Length(u64),
    /// The size of a chunk.
    Size,
    /// This much of a chunk.
    Chunk(u64),
    /// The line break behind a chunk.
    ChunkEnd,
    /// Trailers, over which Envoy passes.
    Trailers,
    /// Everything until the connection ends.
    UntilEnd,
}

impl Decoder {
    /// Whether nothing more comes.
    pub(super) fn is_over(self) -> bool {
        self == Self::Length(0)
    }

    /// Takes what is there of the body from the front of a buffer.
    pub(super) fn take(&mut self, buffer: &mut Vec<u8>) -> Result<Vec<u8>, Malformed> {
        let mut body = Vec::new();
        let mut rest = buffer.as_slice();
        while let Some((next, bytes, left)) = self.step(rest)? {
            body.extend_from_slice(bytes);
            rest = left;
            *self = next;
        }
        let taken = buffer.len().saturating_sub(rest.len());
        buffer.drain(..taken);
        Ok(body)
    }

    /// What is to come next, what is of the body, and what is left; nothing if more bytes are needed.
    #[expect(clippy::type_complexity, reason = "it is taken apart at once")]
    fn step<'b>(&self, bytes: &'b [u8]) -> Result<Option<(Self, &'b [u8], &'b [u8])>, Malformed> {
        const NONE: &[u8] = &[];
        Ok(match *self {
            Self::Length(0) => None,
            _ if bytes.is_empty() => None,
            Self::UntilEnd => Some((Self::UntilEnd, bytes, NONE)),
            Self::Length(left) => {
                let (body, rest, left) = some(bytes, left);
                Some((Self::Length(left), body, rest))
            }
            Self::Chunk(left) => {
                let (body, rest, left) = some(bytes, left);
                let next = match left {
                    0 => Self::ChunkEnd,
                    left => Self::Chunk(left),
                };
                Some((next, body, rest))
            }
            Self::ChunkEnd => match bytes {
                [b'\r', b'\n', rest @ ..] => Some((Self::Size, NONE, rest)),
                [b'\r'] => None,
                _ => return Err(Malformed),
            },
            Self::Size => {
                let Some((line, rest)) = line(bytes)? else {
                    return Ok(None);
                };
                let line = line.strip_suffix(b"\r").ok_or(Malformed)?;
                let size = line.split(|byte| *byte == b';').next();
                let next = match number(size.unwrap_or_default())? {
                    0 => Self::Trailers,
                    size => Self::Chunk(size),
                };
                Some((next, NONE, rest))
            }
            Self::Trailers => {
                let Some((line, rest)) = line(bytes)? else {
                    return Ok(None);
                };
                let next = match line {
                    b"" | b"\r" => Self::Length(0),
                    _ => Self::Trailers,
                };
                Some((next, NONE, rest))
            }
        })
    }
}

/// At most this many bytes, the others, and how many are missing.
fn some(bytes: &[u8], wanted: u64) -> (&[u8], &[u8], u64) {
    let most = usize::try_from(wanted).unwrap_or(usize::MAX);
    let (taken, rest) = bytes.split_at(most.min(bytes.len()));
    let missing = wanted.saturating_sub(u64::try_from(taken.len()).unwrap_or(u64::MAX));
    (taken, rest, missing)
}

/// The bytes before the first line break and those behind it.
#[expect(clippy::type_complexity, reason = "it is taken apart at once")]
fn line(bytes: &[u8]) -> Result<Option<(&[u8], &[u8])>, Malformed> {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    if end.unwrap_or(bytes.len()) > LONGEST_LINE {
        return Err(Malformed);
    }
    let parts = end.and_then(|end| bytes.split_at_checked(end));
    Ok(parts.map(|(line, rest)| (line, rest.get(1..).unwrap_or_default())))
}

fn number(digits: &[u8]) -> Result<u64, Malformed> {
    let digits = std::str::from_utf8(digits).map_err(|_| Malformed)?;
    let digits = digits.trim_end_matches([' ', '\t']);
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(Malformed);
    }
    u64::from_str_radix(digits, 16).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a body whose bytes come one at a time, and what is left of them.
    fn decoded(mut decoder: Decoder, bytes: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Malformed> {
        let (mut buffer, mut body) = (Vec::new(), Vec::new());
        for byte in bytes {
            buffer.push(*byte);
            body.extend(decoder.take(&mut buffer)?);
        }
        assert!(decoder.is_over() || decoder == Decoder::UntilEnd);
        Ok((body, buffer))
    }

    #[test]
    fn bodies_are_taken_out_of_what_comes() {
        for (decoder, bytes, body, rest) in [
            (Decoder::Length(2), "hi!", "hi", "!"),
            (Decoder::UntilEnd, "hi!", "hi!", ""),
            (Decoder::Size, "2\r\nhi\r\n0\r\n\r\n!", "hi", "!"),
            (
                Decoder::Size,
                "0001;a=b\r\nh\r\n1 \r\ni\r\n00;c\r\nx: y\r\n\r\n!",
                "hi",
                "!",
            ),
            (
                Decoder::Size,
                "A\r\n0123456789\r\n0\r\n\n",
                "0123456789",
                "",
            ),
        ] {
            let expected = Ok((body.as_bytes().to_vec(), rest.as_bytes().to_vec()));
            assert_eq!(decoded(decoder, bytes.as_bytes()), expected, "{bytes:?}");
        }
        for bytes in [
            "zz\r\n",
            "2\nhi",
            "2\r\nhi!",
            "-1\r\n",
            "\r\n",
            "11111111111111111\r\n",
        ] {
            assert_eq!(
                decoded(Decoder::Size, bytes.as_bytes()),
                Err(Malformed),
                "{bytes:?}"
            );
        }
    }
}
