//! The tokens of a JSON text, with the keys and indexes around each.

use super::path::Segment;

/// What walks over a text from its beginning. Of a text that is not JSON it makes sense as far as it is.
pub(super) struct Scanner<'t> {
    text: &'t [u8],
    /// How many bytes have been passed.
    at: usize,
    /// The document and the arrays and objects that are open, the innermost last.
    open: Vec<Level>,
    /// What the last token has closed.
    closed: Option<Level>,
}

/// The document, or an array or object in it.
#[derive(Debug)]
pub(super) struct Level {
    /// Where it begins, in bytes.
    pub(super) start: usize,
    /// Which of its children was the last; the document has but one.
    pub(super) segment: Option<Segment>,
    /// Where the key of that child begins, or its value once that has begun.
    pub(super) child: usize,
    /// What came last in it.
    pub(super) last: Last,
}

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A value or the bracket that opens one: how many arrays and objects are around it, and where it begins.
    Value { depth: usize, start: usize },
    /// A key, or a mark between values or behind them.
    Mark,
}

/// What came last in an array or object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    /// The bracket that opens it.
    Opening,
    Comma,
    Key,
    Colon,
    Value,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        let document = Level {
            start: 0,
            segment: None,
            child: 0,
            last: Last::Colon,
        };
        Self {
            text,
            at: 0,
            open: vec![document],
            closed: None,
        }
    }

    /// The same after all tokens that begin before `end`.
    pub(super) fn until(mut self, end: usize) -> Self {
        while self.next_start() < end && self.step().is_some() {}
        self
    }

    /// Where the next token begins, or the text ends.
    pub(super) fn next_start(&mut self) -> usize {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let space = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\t' | b'\r');
        let spaces = rest.iter().take_while(|byte| space(byte)).count();
        self.at = self.at.saturating_add(spaces);
        self.at
    }

    /// Passes over the next token, unless the text ends before.
    pub(super) fn step(&mut self) -> Option<Token> {
        let start = self.next_start();
        let rest = self.text.get(start..)?;
        let first = rest.first()?;
        self.closed = None;
        let depth = self.open.len().saturating_sub(1);
        let level = self.open.last_mut()?;
        let (mut length, mut token) = (1, Token::Mark);
        match (first, &mut level.segment) {
            (b'{' | b'[', _) => {
                token = level.begin(depth, start);
                let is_array = *first == b'[';
                self.open.push(Level {
                    start,
                    segment: Some(if is_array {
                        Segment::Element(0)
                    } else {
                        Segment::Member(String::new())
                    }),
                    child: start,
                    last: Last::Opening,
                });
            }
            (b'}' | b']', Some(_)) => self.closed = self.open.pop(),
            (b',', segment) => {
                level.last = Last::Comma;
                if let Some(Segment::Element(index)) = segment {
                    *index = index.saturating_add(1);
                }
            }
            (b':', _) => level.last = Last::Colon,
            (b'"', segment) => {
                length = string_length(rest);
                match segment {
                    Some(Segment::Member(key))
                        if matches!(level.last, Last::Opening | Last::Comma) =>
                    {
                        *key = string(rest.get(..length).unwrap_or(rest));
                        level.last = Last::Key;
                        level.child = start;
                    }
                    _ => token = level.begin(depth, start),
                }
            }
            _ => {
                let ends = |byte: &u8| byte.is_ascii_whitespace() || b",:[]{}\"".contains(byte);
                length = rest.iter().position(ends).unwrap_or(rest.len()).max(1);
                token = level.begin(depth, start);
            }
        }
        self.at = start.saturating_add(length);
        Some(token)
    }

    /// The steps from the document to where it is.
    pub(super) fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.open.iter().filter_map(|level| level.segment.as_ref())
    }

    /// The array or object that the last token has closed.
    pub(super) fn take_closed(&mut self) -> Option<Level> {
        self.closed.take()
    }

    /// What is open, with the steps to it from the document.
    pub(super) fn into_open(mut self) -> Option<(Vec<Segment>, Level)> {
        let level = self.open.pop()?;
        let around = self.open.into_iter().filter_map(|level| level.segment);
        Some((around.collect(), level))
    }
}

impl Level {
    /// A value begins in it.
    fn begin(&mut self, depth: usize, start: usize) -> Token {
        self.last = Last::Value;
        self.child = start;
        Token::Value { depth, start }
    }

    /// Whether a value is next, or nothing more.
    pub(super) fn awaits_value(&self) -> bool {
        self.last == Last::Colon || self.is_array() && self.last != Last::Value
    }

    /// Whether it is an array.
    pub(super) fn is_array(&self) -> bool {
        matches!(self.segment, Some(Segment::Element(_)))
    }
}

/// The length of the string at the beginning of a text, with its quotes, as far as it is there.
pub(super) fn string_length(text: &[u8]) -> usize {
    let mut escaped = false;
    let closes = |byte: &u8| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    };
    let inside = text.iter().skip(1).position(closes);
    inside.map_or(text.len(), |length| length.saturating_add(2))
}

/// What a string is, that is given with its quotes; as it is written, if it is none.
pub(super) fn string(text: &[u8]) -> String {
    serde_json::from_slice(text).unwrap_or_else(|_| String::from_utf8_lossy(text).into_owned())
}
