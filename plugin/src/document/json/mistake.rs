//! A mistake in a text, for whoever wrote it: where it is, what is there, and what was expected.

use std::borrow::Cow;

use super::{
    message::Message,
    path::{Position, Segment, join},
    place::{Again, Place},
    scanner::string_length,
    variant,
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
    /// What an error in `text` says to people. `again` reads another text in the same way.
    #[cold]
    #[inline(never)]
    pub(super) fn new(text: &[u8], error: &serde_json::Error, again: &Again<'_>) -> Self {
        let message = Message::new(text, error);
        let is_end = message.is_end();
        let (place, message) = variant::find(text, &message, again)
            .unwrap_or_else(|| (Place::of(text, &message, again), message));
        let rest = text.get(place.start..).unwrap_or_default();
        Self {
            what: super::one_line(what(&message, &place, rest)),
            path: join(place.path.iter()),
            position: Position::of(text, place.start),
            is_end,
        }
    }
}

#[inline(never)]
fn what(message: &Message, place: &Place, rest: &[u8]) -> String {
    let words = message.words.as_str();
    if !message.is_data() {
        return syntax(words, rest, place.start == 0);
    }
    let shown = || {
        if is_secret(&place.path) {
            return Cow::from("(not shown)");
        }
        value(rest)
    };
    if let Some(key) = message.name("missing field") {
        return format!("the key `{key}` is missing");
    }
    if let Some(key) = message.name("duplicate field") {
        return format!("key `{key}` given twice: expected once");
    }
    let Some(expected) = message.expected() else {
        return super::cut(words).into_owned();
    };
    let hint = |found| did_you_mean(found, '`', message.known());
    if let Some(found) = message.name("unknown field") {
        let hint = hint(found);
        let found = super::cut(found);
        return format!("unknown key `{found}`: {hint}expected {expected}");
    }
    let shown = shown();
    if let Some(found) = message.name("unknown variant") {
        return format!("{shown}: {}expected {expected}", hint(found));
    }
    if message.is("invalid type: unit variant") {
        return format!("{shown}: expected an object such as {{{shown}: …}}");
    }
    format!("{shown}: expected {}", in_words(expected))
}

/// Whether what is there may be a password.
fn is_secret(path: &[Segment]) -> bool {
    path.iter().any(|segment| {
        matches!(segment, Segment::Member(key) if ["password", "user", "headers"].contains(&key.as_str()))
    })
}

/// The value at the beginning of a text, as it is written; of arrays and objects only those that have nothing in them.
#[inline(never)]
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
        [b'"', ..] => string_length(text),
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
#[inline(never)]
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
        ("number out of range", _) => {
            format!("{}: expected a number that can be read", value(rest))
        }
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
