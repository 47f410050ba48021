//! The text of a JSON document, read from its beginning to its end.
//!
//! Nothing here depends on what is read into. What is wrong is said in the words of `serde_json`, and after as many bytes.

use std::borrow::Cow;

use serde::de::{Error as _, Expected, Unexpected};

use super::Error;

/// A text that is being read. Reading goes forward only.
#[derive(Debug)]
pub(crate) struct Reader<'de> {
    text: &'de [u8],
    /// How many bytes have been read.
    read: usize,
    /// How many arrays and objects may still be entered.
    depth: u8,
    /// The members of the outermost object that mean something, if not all do.
    only: Option<&'static [&'static str]>,
}

/// What a value is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Bool,
    Number,
    Text,
    Array,
    Object,
}

/// A number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number<'de> {
    /// A whole number.
    Unsigned(u64),
    /// A negative whole number.
    Signed(i64),
    /// Any other, as it is written.
    Other(&'de str),
}

impl<'de> Reader<'de> {
    /// One more than the arrays and objects that may be inside each other.
    const DEPTH: u8 = 128;

    pub(crate) fn new(text: &'de [u8]) -> Self {
        Self {
            text,
            read: 0,
            depth: Self::DEPTH,
            only: None,
        }
    }

    pub(super) fn only(mut self, members: &'static [&'static str]) -> Self {
        self.only = Some(members);
        self
    }

    /// Nothing but white space follows.
    pub(crate) fn end(&mut self) -> Result<(), Error> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.wrong_ahead("trailing characters")),
        }
    }

    /// What the next value is.
    pub(crate) fn kind(&mut self) -> Result<Kind, Error> {
        match self.peek() {
            Some(b'n') => Ok(Kind::Null),
            Some(b't' | b'f') => Ok(Kind::Bool),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b'"') => Ok(Kind::Text),
            Some(b'[') => Ok(Kind::Array),
            Some(b'{') => Ok(Kind::Object),
            Some(_) => Err(self.wrong_ahead("expected value")),
            None => Err(self.wrong_ahead("EOF while parsing a value")),
        }
    }

    pub(crate) fn null(&mut self) -> Result<(), Error> {
        self.word(b"null")
    }

    pub(crate) fn bool(&mut self) -> Result<bool, Error> {
        let value = self.byte() == Some(b't');
        self.word(if value { b"true" } else { b"false" })?;
        Ok(value)
    }

    pub(crate) fn number(&mut self) -> Result<Number<'de>, Error> {
        let start = self.read;
        let negative = self.byte() == Some(b'-');
        if negative {
            self.step();
        }
        let mut whole = Some(0_u64);
        match self.next() {
            None => return Err(self.wrong("EOF while parsing a value")),
            Some(b'0') if matches!(self.byte(), Some(b'0'..=b'9')) => {
                return Err(self.wrong_ahead("invalid number"));
            }
            Some(first @ b'0'..=b'9') => {
                let mut digit = first;
                loop {
                    let value = u64::from(digit.wrapping_sub(b'0'));
                    whole = whole
                        .and_then(|whole| whole.checked_mul(10))
                        .and_then(|whole| whole.checked_add(value));
                    match self.byte() {
                        Some(next @ b'0'..=b'9') => digit = next,
                        _ => break,
                    }
                    self.step();
                }
            }
            Some(_) => return Err(self.wrong("invalid number")),
        }
        if self.byte() == Some(b'.') {
            whole = None;
            self.step();
            if !self.digits() {
                return Err(self.wrong_ahead(match self.byte() {
                    Some(_) => "invalid number",
                    None => "EOF while parsing a value",
                }));
            }
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            whole = None;
            self.step();
            if matches!(self.byte(), Some(b'+' | b'-')) {
                self.step();
            }
            match self.next() {
                Some(b'0'..=b'9') => self.digits(),
                Some(_) => return Err(self.wrong("invalid number")),
                None => return Err(self.wrong("EOF while parsing a value")),
            };
        }
        let signed = whole.and_then(|whole| 0_i64.checked_sub_unsigned(whole));
        Ok(match (negative, whole, signed) {
            (false, Some(whole), _) => Number::Unsigned(whole),
            (true, _, Some(signed)) if signed < 0 => Number::Signed(signed),
            _ => {
                let written = self.text.get(start..self.read).unwrap_or_default();
                Number::Other(std::str::from_utf8(written).unwrap_or_default())
            }
        })
    }

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

    /// The array or object begins that is next.
    pub(crate) fn enter(&mut self) -> Result<(), Error> {
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 0 {
            return Err(self.wrong_ahead("recursion limit exceeded"));
        }
        self.step();
        Ok(())
    }

    /// Whether another element follows; if none does, the array ends. `first` is for this reader alone.
    pub(crate) fn next_element(&mut self, first: &mut bool) -> Result<bool, Error> {
        let wrong = match (self.peek(), std::mem::take(first)) {
            (Some(b']'), _) => return Ok(false),
            (Some(_), true) => return Ok(true),
            (Some(b','), false) => {
                self.step();
                match self.peek() {
                    Some(b']') => "trailing comma",
                    Some(_) => return Ok(true),
                    None => "EOF while parsing a value",
                }
            }
            (Some(_), false) => "expected `,` or `]`",
            (None, _) => "EOF while parsing a list",
        };
        Err(self.wrong_ahead(wrong))
    }

    /// Whether another member follows, whose key is next; if none does, the object ends. `first` is for this reader alone.
    pub(crate) fn next_member(&mut self, first: &mut bool) -> Result<bool, Error> {
        let wrong = match (self.peek(), std::mem::take(first)) {
            (Some(b'}'), _) => return Ok(false),
            (Some(b'"'), true) => return Ok(true),
            (Some(_), true) => "key must be a string",
            (Some(b','), false) => {
                self.step();
                match self.peek() {
                    Some(b'"') => return Ok(true),
                    Some(b'}') => "trailing comma",
                    Some(_) => "key must be a string",
                    None => "EOF while parsing a value",
                }
            }
            (Some(_), false) => "expected `,` or `}`",
            (None, _) => "EOF while parsing an object",
        };
        Err(self.wrong_ahead(wrong))
    }

    /// The colon between a key and its value.
    pub(crate) fn colon(&mut self) -> Result<(), Error> {
        match self.peek() {
            Some(b':') => {
                self.step();
                Ok(())
            }
            Some(_) => Err(self.wrong_ahead("expected `:`")),
            None => Err(self.wrong_ahead("EOF while parsing an object")),
        }
    }

    /// The array or object that was entered ends here.
    pub(crate) fn leave(&mut self, end: u8) -> Result<(), Error> {
        self.depth = self.depth.saturating_add(1);
        let list = end == b']';
        match self.peek() {
            Some(found) if found == end => {
                self.step();
                Ok(())
            }
            Some(b',') if !list => Err(self.wrong_ahead("trailing comma")),
            Some(_) => Err(self.wrong_ahead("trailing characters")),
            None if list => Err(self.wrong_ahead("EOF while parsing a list")),
            None => Err(self.wrong_ahead("EOF while parsing an object")),
        }
    }

    /// Reads the next value, whatever it is.
    pub(crate) fn pass_over(&mut self) -> Result<(), Error> {
        let mut first = true;
        match self.kind()? {
            Kind::Null => self.null(),
            Kind::Bool => self.bool().map(drop),
            Kind::Number => self.number().map(drop),
            Kind::Text => self.text().map(drop),
            Kind::Array => {
                self.enter()?;
                while self.next_element(&mut first)? {
                    self.pass_over()?;
                }
                self.leave(b']')
            }
            Kind::Object => {
                self.enter()?;
                while self.next_member(&mut first)? {
                    self.text()?;
                    self.colon()?;
                    self.pass_over()?;
                }
                self.leave(b'}')
            }
        }
    }

    /// Whether the member called `key`, whose value is next, is one that means nothing.
    pub(super) fn is_idle(&mut self, key: &str) -> bool {
        let Some(only) = self.only else {
            return false;
        };
        let key_end = self.read;
        let null = self.colon().is_ok() && self.peek() == Some(b'n');
        self.read = key_end;
        let outermost = self.depth == Self::DEPTH.saturating_sub(1);
        outermost && (null || !only.contains(&key))
    }

    /// The error that the next value is of a type that is not `expected`.
    pub(crate) fn unexpected(&mut self, expected: &dyn Expected) -> Error {
        self.found(expected).unwrap_or_else(|wrong| wrong)
    }

    fn found(&mut self, expected: &dyn Expected) -> Result<Error, Error> {
        let error = match self.kind()? {
            Kind::Null => {
                self.null()?;
                Error::invalid_type(Unexpected::Unit, expected)
            }
            Kind::Bool => Error::invalid_type(Unexpected::Bool(self.bool()?), expected),
            Kind::Number => self.number()?.unexpected(expected),
            Kind::Text => Error::invalid_type(Unexpected::Str(&self.text()?), expected),
            Kind::Array => Error::invalid_type(Unexpected::Seq, expected),
            Kind::Object => Error::invalid_type(Unexpected::Map, expected),
        };
        Ok(self.here(error))
    }

    /// The error that what has been read is `found` and not `expected`.
    pub(crate) fn mistyped(&self, found: Unexpected<'_>, expected: &dyn Expected) -> Error {
        self.here(Error::invalid_type(found, expected))
    }

    /// The error at what has been read, unless it is at a place already.
    pub(crate) fn here(&self, error: Error) -> Error {
        error.or_after(self.text, self.read)
    }

    /// The byte that makes what has been read wrong is the last one.
    pub(super) fn wrong(&self, what: &str) -> Error {
        Error::after(self.text, self.read, what)
    }

    /// It is the next one, if there is one.
    pub(super) fn wrong_ahead(&self, what: &str) -> Error {
        let ahead = self.read.saturating_add(1).min(self.text.len());
        Error::after(self.text, ahead, what)
    }

    /// The next byte that is no white space.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.byte() {
            self.step();
        }
        self.byte()
    }

    fn byte(&self) -> Option<u8> {
        self.text.get(self.read).copied()
    }

    pub(super) fn step(&mut self) {
        self.read = self.read.saturating_add(1);
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.byte()?;
        self.step();
        Some(byte)
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Error> {
        for expected in word {
            match self.next() {
                Some(found) if found == *expected => {}
                Some(_) => return Err(self.wrong("expected ident")),
                None => return Err(self.wrong("EOF while parsing a value")),
            }
        }
        Ok(())
    }

    /// Any number of digits; whether there was one.
    fn digits(&mut self) -> bool {
        let mut any = false;
        while let Some(b'0'..=b'9') = self.byte() {
            self.step();
            any = true;
        }
        any
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

impl Number<'_> {
    /// The error that it is not `expected`.
    pub(crate) fn unexpected(self, expected: &dyn Expected) -> Error {
        match self {
            Self::Unsigned(number) => Error::invalid_type(Unexpected::Unsigned(number), expected),
            Self::Signed(number) => Error::invalid_type(Unexpected::Signed(number), expected),
            Self::Other(written) => {
                let found = format!("floating point `{written}`");
                Error::invalid_type(Unexpected::Other(&found), expected)
            }
        }
    }
}
