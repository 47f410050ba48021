//! What is wrong with a text, and where.

use std::fmt;

use serde::de::{Expected, Unexpected};

/// What is wrong with a JSON text: what was found and expected, in which member, and at which line and column.
#[derive(Debug)]
pub struct Error(Box<Details>);

#[derive(Debug)]
struct Details {
    message: String,
    /// Line and column, from 1: the column is the number of bytes of the line that had been read.
    position: Option<(usize, usize)>,
    /// The members and elements around the place, the innermost first.
    path: Vec<Segment>,
}

#[derive(Debug)]
enum Segment {
    Member(String),
    Element(usize),
}

impl Error {
    /// An error after `read` bytes of `text`.
    pub(super) fn after(text: &[u8], read: usize, message: &str) -> Self {
        Self::new(message.to_owned()).or_after(text, read)
    }

    /// A member or variant that there is not; in the words of serde.
    #[cold]
    #[inline(never)]
    fn unknown(what: &str, found: &str, known: &[&str]) -> Self {
        let quoted: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
        let expected = match quoted.as_slice() {
            [] => format!("there are no {what}s"),
            [one] => format!("expected {one}"),
            [one, other] => format!("expected {one} or {other}"),
            all => format!("expected one of {}", all.join(", ")),
        };
        Self::new(format!("unknown {what} `{found}`, {expected}"))
    }

    fn new(message: String) -> Self {
        Self(Box::new(Details {
            message,
            position: None,
            path: Vec::new(),
        }))
    }

    #[cold]
    #[inline(never)]
    /// The same after `read` bytes of `text`, unless its position is known already.
    pub(super) fn or_after(mut self, text: &[u8], read: usize) -> Self {
        if self.0.position.is_none() {
            let read = text.get(..read).unwrap_or(text);
            let line_start = read.iter().rposition(|byte| *byte == b'\n');
            let line = read.iter().filter(|byte| **byte == b'\n').count();
            let column = read
                .len()
                .saturating_sub(line_start.map_or(0, |newline| newline.saturating_add(1)));
            self.0.position = Some((line.saturating_add(1), column));
        }
        self
    }

    pub(super) fn without_position(mut self) -> Self {
        self.0.position = None;
        self
    }

    /// The same, in the member called `key`.
    #[cold]
    #[inline(never)]
    pub(super) fn in_member(mut self, key: &str) -> Self {
        self.0.path.push(Segment::Member(key.to_owned()));
        self
    }

    /// The same, in an element of an array.
    #[cold]
    #[inline(never)]
    pub(super) fn in_element(mut self, index: usize) -> Self {
        self.0.path.push(Segment::Element(index));
        self
    }

    /// Whether the text ends too early.
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.0.message.starts_with("EOF ")
    }

    /// Where it is: a JSON path such as `costs.rules[3].cost`, `.` for the document itself.
    #[must_use]
    pub fn path(&self) -> String {
        let mut path = String::new();
        for segment in self.0.path.iter().rev() {
            match segment {
                Segment::Element(index) => path.push_str(&format!("[{index}]")),
                Segment::Member(key) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(key);
                }
            }
        }
        if path.is_empty() {
            path.push('.');
        }
        path
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match self.0.position {
            Some((line, column)) => write!(f, " at line {line} column {column}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

impl serde::de::Error for Error {
    #[cold]
    #[inline(never)]
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    #[cold]
    #[inline(never)]
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!(
            "invalid type: {}, expected {expected}",
            Found(found)
        ))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::unknown("field", field, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::unknown("variant", variant, expected)
    }

    #[cold]
    #[inline(never)]
    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("missing field `{field}`"))
    }

    #[cold]
    #[inline(never)]
    fn duplicate_field(field: &'static str) -> Self {
        Self::new(format!("duplicate field `{field}`"))
    }

    #[cold]
    #[inline(never)]
    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!(
            "invalid value: {}, expected {expected}",
            Found(found)
        ))
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
            Unexpected::UnitVariant => f.write_str("unit variant"),
            Unexpected::NewtypeVariant => f.write_str("newtype variant"),
            Unexpected::Other(what) => f.write_str(what),
            _ => f.write_str("something else"),
        }
    }
}
