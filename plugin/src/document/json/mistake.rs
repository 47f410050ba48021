//! A mistake in a text, for whoever wrote it: where it is, what is there, and what was expected.

use std::borrow::Cow;

use super::{
    Error,
    error::{Choices, Details, Problem},
    path::{Position, Segment, join},
};
use crate::document::choice::did_you_mean;

/// A mistake in a JSON text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at `{path}` ({position}): {what}")]
pub struct Mistake {
    /// Where: a path such as `costs.rules[3].cost`, `.` for the document itself.
    pub path: String,
    /// What is there, and what was expected.
    pub what: String,
    /// Where in the text.
    pub position: Position,
    /// Whether the text ends too early.
    pub is_end: bool,
}

impl Mistake {
    /// What an error in `text` says to people.
    #[cold]
    #[inline(never)]
    pub(super) fn new(text: &[u8], error: Error) -> Self {
        let is_end = error.is_end();
        let mut details = error.into_details();
        let start = start(text, &details);
        if matches!(details.problem, Problem::WithoutValue(_)) && !details.path.is_empty() {
            details.path.remove(0);
        }
        Self {
            what: super::one_line(what(text, &details, start)),
            path: join(details.path.iter().rev()),
            position: Position::of(text, start),
            is_end,
        }
    }
}

/// What is wrong begins here, in bytes.
fn start(text: &[u8], details: &Details) -> usize {
    let read = details.read;
    match &details.problem {
        Problem::Syntax(what) if what.starts_with("EOF ") => text.len(),
        Problem::Syntax("trailing comma") => {
            let before = text.get(..read).unwrap_or(text);
            let comma = before.iter().rposition(|byte| *byte == b',');
            comma.unwrap_or(read)
        }
        Problem::Syntax(_) => read.saturating_sub(1),
        Problem::Twice(key) => {
            let before = text.get(..read).unwrap_or(text).trim_ascii_end();
            before
                .len()
                .saturating_sub(key.len())
                .saturating_sub(r#""""#.len())
        }
        _ => details.start.unwrap_or(read.saturating_sub(1)),
    }
}

fn what(text: &[u8], details: &Details, start: usize) -> String {
    let rest = text.get(start..).unwrap_or_default();
    let shown = || {
        if is_secret(&details.path) {
            return Cow::from("(not shown)");
        }
        value(rest)
    };
    match &details.problem {
        Problem::Syntax(what) => syntax(what, rest, start == 0),
        Problem::Value { .. } if !details.members.is_empty() => {
            let first = details.members.iter().find(|key| !key.starts_with('$'));
            let first = first.copied().unwrap_or_default();
            format!("{}: expected an object such as {{\"{first}\": …}}", shown())
        }
        Problem::Value { expected, .. } => format!("{}: expected {}", shown(), in_words(expected)),
        Problem::Unknown { what, found, known } => {
            let choices = Choices(known);
            let hint = did_you_mean(found, '`', known.iter().copied());
            if *what == "field" {
                let found = super::cut(found);
                return format!("unknown key `{found}`: {hint}{choices}");
            }
            format!("{}: {hint}{choices}", shown())
        }
        Problem::WithoutValue(_) => {
            let variant = shown();
            format!("{variant}: expected an object such as {{{variant}: …}}")
        }
        Problem::NoVariant(known) => format!("{}: {}", shown(), Choices(known)),
        Problem::TwoVariants => "more than one key: expected exactly one".to_owned(),
        Problem::Missing(key) => format!("the key `{key}` is missing"),
        Problem::Twice(key) => format!("key `{key}` given twice: expected once"),
        Problem::Other(what) => match what.rsplit_once(", expected ") {
            Some((_, expected)) => format!("{}: expected {expected}", shown()),
            None => super::cut(what).into_owned(),
        },
    }
}

/// Whether what is there may be a password.
fn is_secret(path: &[Segment]) -> bool {
    path.iter().any(|segment| {
        matches!(segment, Segment::Member(key) if ["password", "user", "headers"].contains(&key.as_str()))
    })
}

/// The value at the beginning of a text, as it is written; of arrays and objects only those that have nothing in them.
fn value(text: &[u8]) -> Cow<'_, str> {
    let end = match text {
        [b'{', rest @ ..] | [b'[', rest @ ..] => {
            let inside = rest.trim_ascii_start();
            return match (text.first(), inside.first()) {
                (Some(b'{'), Some(b'}')) => "{}".into(),
                (Some(b'['), Some(b']')) => "[]".into(),
                (Some(b'{'), _) => "an object".into(),
                _ => "an array".into(),
            };
        }
        [b'"', rest @ ..] => {
            let mut escaped = false;
            let closes = |byte: &u8| {
                let closes = *byte == b'"' && !escaped;
                escaped = *byte == b'\\' && !escaped;
                closes
            };
            let length = rest.iter().position(closes);
            length.map_or(text.len(), |length| length.saturating_add(2))
        }
        _ => {
            let ends = |byte: &u8| byte.is_ascii_whitespace() || b",]}:".contains(byte);
            text.iter().position(ends).unwrap_or(text.len())
        }
    };
    let shown = text.get(..end).unwrap_or(text);
    match super::cut(&String::from_utf8_lossy(shown)) {
        Cow::Borrowed(whole) => whole.to_owned().into(),
        Cow::Owned(cut) => cut.into(),
    }
}

/// What serde calls what it expected, as JSON calls it.
fn in_words(expected: &str) -> Cow<'_, str> {
    let whole = |least: u8, most: u64| format!("a whole number from {least} to {most}").into();
    match expected {
        "u8" => whole(0, u8::MAX.into()),
        "u16" => whole(0, u16::MAX.into()),
        "u32" => whole(0, u32::MAX.into()),
        "u64" => whole(0, u64::MAX),
        "a nonzero u64" => whole(1, u64::MAX),
        "a boolean" => "`true` or `false`".into(),
        "a sequence" => "an array".into(),
        "a map" => "an object".into(),
        "unit" => "nothing but the name itself, as a string".into(),
        _ if expected.starts_with("struct ") => "an object".into(),
        _ => expected.into(),
    }
}

/// What is wrong with a text that is not JSON, from the place on where it is wrong.
fn syntax(what: &str, rest: &[u8], from_the_beginning: bool) -> String {
    let word = |b: &u8| !(b.is_ascii_alphanumeric() || *b == b'_');
    let length = rest.iter().position(word).unwrap_or(rest.len()).max(1);
    let found = String::from_utf8_lossy(rest);
    let end = found
        .char_indices()
        .map(|(at, _)| at)
        .find(|at| *at >= length);
    let found = super::cut(found.get(..end.unwrap_or(found.len())).unwrap_or_default());
    let is_end = what.starts_with("EOF ");
    match (what, rest) {
        (_, [b'/', b'/' | b'*', ..] | [b'#', ..]) if !what.ends_with("a string") || what.starts_with("key") => {
            "a comment, and JSON has no comments: remove it".to_owned()
        }
        ("expected value", [0xef, 0xbb, 0xbf, ..]) => {
            "a byte order mark: save the file as UTF-8 without one".to_owned()
        }
        ("EOF while parsing a value", _) if from_the_beginning => {
            "the text is empty: expected an object".to_owned()
        }
        ("EOF while parsing a list", _) => "the text ends within an array: a `]` is missing".to_owned(),
        ("EOF while parsing an object", _) => {
            "the text ends within an object: a `}` is missing".to_owned()
        }
        ("EOF while parsing a string", _) => {
            "the text ends within a string: a `\"` is missing".to_owned()
        }
        _ if is_end => "the text ends where a value was expected".to_owned(),
        ("trailing comma", _) => {
            "a comma with nothing behind it, and JSON has no trailing commas: remove it".to_owned()
        }
        ("trailing characters", _) => {
            format!("`{found}` after the end of the document: expected nothing more")
        }
        ("key must be a string", _) => format!("`{found}`: expected a key in double quotes"),
        ("expected value" | "expected ident", [b'\'', ..]) => {
            "`'`: expected a value (JSON strings are in double quotes)".to_owned()
        }
        ("expected value" | "expected ident", _) => {
            format!("`{found}`: expected a value (text is in double quotes)")
        }
        ("invalid number", _) => format!(
            "`{found}`: expected a number as JSON has them, without leading zeros and with a digit on each side of a point"
        ),
        ("invalid escape", _) => {
            "an escape that JSON does not have: a backslash itself is `\\\\`".to_owned()
        }
        ("recursion limit exceeded", _) => {
            "arrays and objects inside each other: expected at most 127".to_owned()
        }
        ("invalid unicode code point", _) => "not UTF-8".to_owned(),
        _ if what.starts_with("control character") => {
            "a line break or another control character in a string: write it as an escape such as `\\n`"
                .to_owned()
        }
        _ if what.starts_with("expected ") => format!("`{found}`: {what}"),
        _ => what.to_owned(),
    }
}
