//! What is wrong with a text, as the reader finds it: in the words of `serde_json`, which a test compares. What people read is a
//! [`Mistake`](super::Mistake).

use std::fmt;

use serde::de::{Expected, Unexpected};

use super::path::Segment;

/// What is wrong with a JSON text: what was found and expected, in which member, and at which line and column.
#[derive(Debug)]
pub struct Error(Box<Details>);

#[derive(Debug)]
pub(super) struct Details {
    pub(super) problem: Problem,
    /// Line and column, from 1: the column is the number of bytes of the line that had been read.
    position: Option<(usize, usize)>,
    /// How many bytes had been read.
    pub(super) read: usize,
    /// Where the value or the key begins that is wrong, in bytes.
    pub(super) start: Option<usize>,
    /// The members of the object that was expected, where one was.
    pub(super) members: &'static [&'static str],
    /// The members and elements around the place, the innermost first.
    pub(super) path: Vec<Segment>,
}

/// In which way a text is wrong.
#[derive(Debug)]
pub(super) enum Problem {
    /// It is not JSON.
    Syntax(&'static str),
    /// A value is of another type than expected, or not allowed.
    Value {
        /// `type` or `value`.
        what: &'static str,
        found: String,
        expected: String,
    },
    /// A key or a variant that there is not.
    Unknown {
        /// `field` or `variant`.
        what: &'static str,
        found: String,
        known: &'static [&'static str],
    },
    /// A variant that has a value, without one.
    WithoutValue(&'static str),
    /// Something that is no variant: neither a text nor an object with one member.
    NoVariant(&'static [&'static str]),
    /// An object for a variant with more than one member.
    TwoVariants,
    Missing(&'static str),
    Twice(String),
    /// As whoever checks a value says it.
    Other(String),
}

impl Error {
    /// An error after `read` bytes of `text`.
    pub(super) fn after(text: &[u8], read: usize, problem: &'static str) -> Self {
        Self::new(Problem::Syntax(problem)).or_after(text, read)
    }

    #[cold]
    #[inline(never)]
    pub(super) fn new(problem: Problem) -> Self {
        Self(Box::new(Details {
            problem,
            position: None,
            read: 0,
            start: None,
            members: &[],
            path: Vec::new(),
        }))
    }

    /// The same after `read` bytes of `text`, unless its position is known already.
    #[cold]
    #[inline(never)]
    pub(super) fn or_after(mut self, text: &[u8], read: usize) -> Self {
        if self.0.position.is_none() {
            let before = text.get(..read).unwrap_or(text);
            let line_start = before.iter().rposition(|byte| *byte == b'\n');
            let line = before.iter().filter(|byte| **byte == b'\n').count();
            let column = before
                .len()
                .saturating_sub(line_start.map_or(0, |newline| newline.saturating_add(1)));
            self.0.position = Some((line.saturating_add(1), column));
            self.0.read = read;
        }
        self
    }

    /// The same about what begins at `start`, unless it is about something inside.
    #[cold]
    #[inline(never)]
    pub(super) fn starting(mut self, start: usize) -> Self {
        self.0.start.get_or_insert(start);
        self
    }

    /// The same, in the member called `key`, about what begins at `start`.
    #[cold]
    #[inline(never)]
    pub(super) fn in_member(self, key: &str, start: usize) -> Self {
        let mut error = self.starting(start);
        error.0.path.push(Segment::Member(key.to_owned()));
        error
    }

    /// The same, in an element of an array that begins at `start`.
    #[cold]
    #[inline(never)]
    pub(super) fn in_element(self, index: usize, start: usize) -> Self {
        let mut error = self.starting(start);
        error.0.path.push(Segment::Element(index));
        error
    }

    /// The same about what should have been an object with these members.
    #[cold]
    #[inline(never)]
    pub(super) fn such_as(mut self, members: &'static [&'static str]) -> Self {
        self.0.members = members;
        self
    }

    /// Whether the text ends too early.
    #[must_use]
    pub fn is_end(&self) -> bool {
        matches!(self.0.problem, Problem::Syntax(what) if what.starts_with("EOF "))
    }

    pub(super) fn into_details(self) -> Details {
        *self.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.problem {
            Problem::Syntax(what) => f.write_str(what),
            Problem::Value {
                what,
                found,
                expected,
            } => write!(f, "invalid {what}: {found}, expected {expected}"),
            Problem::Unknown { what, found, known } => {
                write!(f, "unknown {what} `{found}`, {}", Choices(known))
            }
            Problem::WithoutValue(expected) => {
                write!(f, "invalid type: unit variant, expected {expected}")
            }
            Problem::NoVariant(_) | Problem::TwoVariants => f.write_str("expected value"),
            Problem::Missing(key) => write!(f, "missing field `{key}`"),
            Problem::Twice(key) => write!(f, "duplicate field `{key}`"),
            Problem::Other(what) => f.write_str(what),
        }?;
        match self.0.position {
            Some((line, column)) => write!(f, " at line {line} column {column}"),
            None => Ok(()),
        }
    }
}

/// Names of which one was expected.
pub(super) struct Choices<'a>(pub(super) &'a [&'a str]);

impl fmt::Display for Choices<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("there are none"),
            [one] => write!(f, "expected `{one}`"),
            [one, other] => write!(f, "expected `{one}` or `{other}`"),
            [first, others @ ..] => {
                write!(f, "expected one of `{first}`")?;
                others.iter().try_for_each(|other| write!(f, ", `{other}`"))
            }
        }
    }
}

impl std::error::Error for Error {}

impl serde::de::Error for Error {
    #[cold]
    #[inline(never)]
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Problem::Other(message.to_string()))
    }

    #[cold]
    #[inline(never)]
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Problem::Value {
            what: "type",
            found: Found(found).to_string(),
            expected: expected.to_string(),
        })
    }

    #[cold]
    #[inline(never)]
    fn unknown_field(found: &str, known: &'static [&'static str]) -> Self {
        Self::new(Problem::Unknown {
            what: "field",
            found: found.to_owned(),
            known,
        })
    }

    #[cold]
    #[inline(never)]
    fn unknown_variant(found: &str, known: &'static [&'static str]) -> Self {
        Self::new(Problem::Unknown {
            what: "variant",
            found: found.to_owned(),
            known,
        })
    }

    #[cold]
    #[inline(never)]
    fn missing_field(field: &'static str) -> Self {
        Self::new(Problem::Missing(field))
    }

    #[cold]
    #[inline(never)]
    fn duplicate_field(field: &'static str) -> Self {
        Self::new(Problem::Twice(field.to_owned()))
    }

    #[cold]
    #[inline(never)]
    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Problem::Value {
            what: "value",
            found: Found(found).to_string(),
            expected: expected.to_string(),
        })
    }
}

/// What was found, in words. Numbers with a fraction come as they are written, in [`Unexpected::Other`]: to print floating point
/// numbers would take 20 KB of code.
struct Found<'a>(Unexpected<'a>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Unexpected::Bool(value) => write!(f, "boolean `{value}`"),
            Unexpected::Unsigned(number) => write!(f, "integer `{number}`"),
            Unexpected::Signed(number) => write!(f, "integer `{number}`"),
            Unexpected::Str(text) => write!(f, "string {text:?}"),
            Unexpected::Unit => f.write_str("null"),
            Unexpected::Seq => f.write_str("sequence"),
            Unexpected::Map => f.write_str("map"),
            Unexpected::Other(what) => f.write_str(what),
            _ => f.write_str("something else"),
        }
    }
}
