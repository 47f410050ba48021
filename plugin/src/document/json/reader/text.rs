//! Texts, and the escapes in them.

use std::borrow::Cow;

use super::{Error, Reader};

impl<'de> Reader<'de> {
    pub(crate) fn text(&mut self) -> Result<Cow<'de, str>, Error> {
        self.step();
        let mut escaped = Vec::new();
        loop {
            let start = self.read;
            let rest = self.text.get(start..).unwrap_or_default();
            let plain = rest
                .iter()
                .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
            let plain = plain.unwrap_or(rest.len());
            self.read = start.saturating_add(plain);
            let piece = rest.get(..plain).unwrap_or_default();
            let Some(byte) = self.byte() else {
                return Err(self.wrong("EOF while parsing a string"));
            };
            self.step();
            match byte {
                b'"' if escaped.is_empty() => return self.utf8(piece).map(Cow::Borrowed),
                b'"' => {
                    escaped.extend_from_slice(piece);
                    return self.utf8(&escaped).map(|text| Cow::Owned(text.to_owned()));
                }
                b'\\' => {
                    escaped.extend_from_slice(piece);
                    let character = self.escape()?;
                    let mut bytes = [0; 4];
                    escaped.extend_from_slice(character.encode_utf8(&mut bytes).as_bytes());
                }
                _ => {
                    return Err(self.wrong(
                        "control character (\\u0000-\\u001F) found while parsing a string",
                    ));
                }
            }
        }
    }

    /// What has been read, up to a quote, as text.
    fn utf8<'t>(&self, text: &'t [u8]) -> Result<&'t str, Error> {
        std::str::from_utf8(text).map_err(|error| {
            let good = error.valid_up_to();
            let rest = text.len().saturating_sub(good);
            let good = self.read.saturating_sub(rest);
            Error::after(self.text, good, "invalid unicode code point")
        })
    }

    /// The character that an escape stands for, whose backslash has been read.
    fn escape(&mut self) -> Result<char, Error> {
        Ok(match self.next() {
            Some(plain @ (b'"' | b'\\' | b'/')) => char::from(plain),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.code_point(),
            Some(_) => return Err(self.wrong("invalid escape")),
            None => return Err(self.wrong("EOF while parsing a string")),
        })
    }

    /// The character of `\uXXXX`, or of two of them that are surrogates.
    fn code_point(&mut self) -> Result<char, Error> {
        const LONE: &str = "lone leading surrogate in hex escape";
        let first = self.hex()?;
        if let Some(character) = char::from_u32(first) {
            return Ok(character);
        }
        if first >= 0xdc00 {
            return Err(self.wrong(LONE));
        }
        for expected in b"\\u" {
            match self.next() {
                Some(found) if found == *expected => {}
                Some(_) => return Err(self.wrong("unexpected end of hex escape")),
                None => return Err(self.wrong("EOF while parsing a string")),
            }
        }
        let second = self.hex()?;
        let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400);
        let high = first.wrapping_sub(0xd800).wrapping_shl(10);
        low.and_then(|low| char::from_u32(high.wrapping_add(low).wrapping_add(0x10000)))
            .ok_or_else(|| self.wrong(LONE))
    }

    fn hex(&mut self) -> Result<u32, Error> {
        let end = self.read.saturating_add(4);
        let Some(digits) = self.text.get(self.read..end) else {
            self.read = self.text.len();
            return Err(self.wrong("EOF while parsing a string"));
        };
        self.read = end;
        let mut value = 0_u32;
        for digit in digits {
            let digit = char::from(*digit).to_digit(16);
            let digit = digit.ok_or_else(|| self.wrong("invalid escape"))?;
            value = value.wrapping_shl(4) | digit;
        }
        Ok(value)
    }
}
