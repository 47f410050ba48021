//! The text of a JSON document, read from its beginning to its end.
//!
//! Nothing here depends on what is read into. What is wrong is said in the words of `serde_json`, and after as many bytes.

use serde::de::{Error as _, Expected, Unexpected};

use super::{Error, error::Problem};

mod number;
mod text;

pub(crate) use number::Number;

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

    /// The next value is of this kind.
    #[inline(never)]
    pub(crate) fn require(&mut self, kind: Kind, expected: &dyn Expected) -> Result<(), Error> {
        if self.kind()? == kind {
            return Ok(());
        }
        Err(self.unexpected(expected))
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
    pub(super) fn wrong(&self, what: &'static str) -> Error {
        Error::after(self.text, self.read, what)
    }

    /// It is the next one, if there is one.
    pub(super) fn wrong_ahead(&self, what: &'static str) -> Error {
        self.ahead(Error::new(Problem::Syntax(what)))
    }

    /// The error at the next byte, if there is one.
    pub(super) fn ahead(&self, error: Error) -> Error {
        let ahead = self.read.saturating_add(1).min(self.text.len());
        error.or_after(self.text, ahead)
    }

    /// Where the next value or key begins, in bytes.
    #[inline(never)]
    pub(super) fn next_start(&mut self) -> usize {
        self.peek();
        self.read
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
}
