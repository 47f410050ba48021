//! YAML as Envoy reads it (`ValueUtil::loadFromYaml`), which is neither YAML 1.1 nor 1.2.
//!
//! Of plain scalars only words of YAML 1.1, nulls and whole numbers below 2^53 are anything but texts; `010` is eight and `1.5` a text. Of a
//! key that is given twice the last counts, `<<` is a key like others, keys with the tag `!ignore` hold anchors, and only the first document
//! counts. Every rule was observed on Envoy 1.40.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use serde_json::{Map, Value};

use crate::command::diagnostic::Pointed;

/// How deep a document may be.
const DEEPEST: usize = 100;

/// How many values a document may have, with those that aliases repeat.
const MOST_VALUES: usize = 1_000_000;

/// A document, and where in its file each value is.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) value: Value,
    file: PathBuf,
    text: String,
    /// By JSON pointer; line and column from 1.
    places: BTreeMap<String, (usize, usize)>,
}

impl Document {
    /// # Errors
    ///
    /// When the text is no YAML.
    pub(super) fn parse(file: &Path, text: String) -> anyhow::Result<Self> {
        let mut composer = Composer {
            parser: Parser::new_from_str(&text),
            anchors: BTreeMap::new(),
            places: BTreeMap::new(),
            values: 0,
        };
        let composed = composer.document();
        let places = std::mem::take(&mut composer.places);
        drop(composer);
        match composed {
            Ok(value) => Ok(Self {
                value,
                file: file.to_owned(),
                text,
                places,
            }),
            Err((at, message)) => Err(Pointed::new(file, text, at, message, "here").into()),
        }
    }

    /// Where a value is, or whatever it is in.
    fn place(&self, pointer: &str) -> Option<(usize, usize)> {
        let mut pointer = pointer;
        loop {
            if let Some(place) = self.places.get(pointer) {
                return Some(*place);
            }
            pointer = pointer.rsplit_once('/')?.0;
        }
    }

    /// An error about the value at a JSON pointer.
    pub(super) fn error(&self, pointer: &str, message: String) -> anyhow::Error {
        match self.place(pointer) {
            Some(at) => Pointed::new(&self.file, self.text.clone(), at, message, "here").into(),
            None => anyhow!("{}: {message}", self.file.display()),
        }
    }

    /// The line of the value at a JSON pointer.
    pub(super) fn line(&self, pointer: &str) -> usize {
        self.place(pointer).map_or(1, |(line, _)| line)
    }
}

/// A key's JSON pointer below another one.
pub(super) fn below(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

type Misread = ((usize, usize), String);

/// Builds values of what a parser sees.
struct Composer<'t> {
    parser: Parser<'t, StrInput<'t>>,
    anchors: BTreeMap<usize, Value>,
    places: BTreeMap<String, (usize, usize)>,
    values: usize,
}

impl<'t> Composer<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), Misread> {
        let misread = |error: ScanError| (place(*error.marker()), error.info().to_owned());
        match self.parser.next_event() {
            Some(event) => event.map_err(misread),
            None => Err(((1, 1), "the document has no end".to_owned())),
        }
    }

    /// The first document.
    fn document(&mut self) -> Result<Value, Misread> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
                Event::StreamEnd | Event::DocumentEnd => return Ok(Value::Null),
                event => return self.value(event, span, "", 0),
            }
        }
    }

    fn value(
        &mut self,
        event: Event<'t>,
        span: Span,
        pointer: &str,
        depth: usize,
    ) -> Result<Value, Misread> {
        let at = place(span.start);
        self.places.entry(pointer.to_owned()).or_insert(at);
        self.count(1, at)?;
        if depth > DEEPEST {
            return Err((at, format!("values are more than {DEEPEST} deep")));
        }
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (anchor, scalar(&text, style, tag.as_deref()))
            }
            Event::SequenceStart(anchor, _) => {
                let mut items = Vec::new();
                loop {
                    let (event, span) = self.next()?;
                    if matches!(event, Event::SequenceEnd) {
                        break;
                    }
                    let pointer = below(pointer, &items.len().to_string());
                    items.push(self.value(event, span, &pointer, depth.saturating_add(1))?);
                }
                (anchor, Value::Array(items))
            }
            Event::MappingStart(anchor, _) => {
                (anchor, Value::Object(self.mapping(pointer, depth)?))
            }
            Event::Alias(anchor) => {
                let value = self.anchors.get(&anchor).cloned();
                let value = value.ok_or_else(|| (at, "the alias is part of itself".to_owned()))?;
                self.count(size(&value), at)?;
                (0, value)
            }
            other => return Err((at, format!("a value is expected, not {other:?}"))),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }

    fn mapping(&mut self, pointer: &str, depth: usize) -> Result<Map<String, Value>, Misread> {
        let mut members = Map::new();
        loop {
            let (event, span) = self.next()?;
            let at = place(span.start);
            let (key, ignored) = match event {
                Event::MappingEnd => return Ok(members),
                Event::Scalar(text, _, anchor, tag) => {
                    if anchor > 0 {
                        self.anchors.insert(anchor, Value::from(text.as_ref()));
                    }
                    let is_ignored = tag.is_some_and(|tag| tag.suffix == "ignore");
                    (text.into_owned(), is_ignored)
                }
                Event::Alias(anchor) => match self.anchors.get(&anchor) {
                    Some(Value::String(key)) => (key.clone(), false),
                    _ => return Err((at, "a key is a text".to_owned())),
                },
                _ => return Err((at, "a key is a text".to_owned())),
            };
            let pointer = below(pointer, &key);
            // The place of a value is its key's.
            self.places.insert(pointer.clone(), at);
            let (event, span) = self.next()?;
            let value = self.value(event, span, &pointer, depth.saturating_add(1))?;
            if !ignored {
                members.insert(key, value);
            }
        }
    }

    fn count(&mut self, more: usize, at: (usize, usize)) -> Result<(), Misread> {
        self.values = self.values.saturating_add(more);
        if self.values > MOST_VALUES {
            return Err((at, format!("there are more than {MOST_VALUES} values")));
        }
        Ok(())
    }
}

fn place(marker: Marker) -> (usize, usize) {
    (marker.line(), marker.col().saturating_add(1))
}

/// How many values are in a value.
fn size(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(size).sum::<usize>().saturating_add(1),
        Value::Object(members) => members.values().map(size).sum::<usize>().saturating_add(1),
        _ => 1,
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    // A tag of any kind makes it as good as plain.
    if style != ScalarStyle::Plain && tag.is_none() {
        return Value::from(text);
    }
    if let Some(flag) = flag(text) {
        return Value::from(flag);
    }
    if text.is_empty() || text == "~" || in_any_case(text, "null") {
        return Value::Null;
    }
    whole_number(text).map_or_else(|| Value::from(text), Value::from)
}

fn flag(text: &str) -> Option<bool> {
    const WORDS: [(&str, bool); 8] = [
        ("true", true),
        ("false", false),
        ("yes", true),
        ("no", false),
        ("on", true),
        ("off", false),
        ("y", true),
        ("n", false),
    ];
    let found = WORDS.iter().find(|(word, _)| in_any_case(text, word));
    found.map(|(_, flag)| *flag)
}

/// Whether this is the word in lower case, in upper case, or with a capital.
fn in_any_case(text: &str, word: &str) -> bool {
    text == word
        || text == word.to_ascii_uppercase()
        || text.eq_ignore_ascii_case(word)
            && text.starts_with(|first: char| first.is_ascii_uppercase())
            && text.get(1..) == word.get(1..)
}

/// A whole number in the notation of C, if it is below 2^53.
fn whole_number(text: &str) -> Option<i64> {
    const LIMIT: i64 = 1 << 53;
    let (negative, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text),
    };
    let hexadecimal = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"));
    let (digits, radix) = match hexadecimal {
        Some(digits) => (digits, 16),
        None if digits.len() > 1 && digits.starts_with('0') => (digits, 8),
        None => (digits, 10),
    };
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let number = i64::from_str_radix(digits, radix).ok()?;
    let number = if negative {
        number.checked_neg()?
    } else {
        number
    };
    (number.checked_abs()? < LIMIT).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> Value {
        let parsed = Document::parse(Path::new("envoy.yaml"), text.to_owned());
        parsed.unwrap().value
    }

    /// What Envoy 1.40 shows of them in its `/server_info`, as metadata of its node.
    #[test]
    fn plain_scalars_are_what_envoy_takes_them_for() {
        for (text, expected) in [
            ("010", json!(8)),
            ("-010", json!(-8)),
            ("08", json!("08")),
            ("0o10", json!("0o10")),
            ("0X1F", json!(31)),
            ("-0x10", json!(-16)),
            ("+3", json!(3)),
            ("-0", json!(0)),
            ("00", json!(0)),
            ("1_0", json!("1_0")),
            ("1:30", json!("1:30")),
            ("3.0", json!("3.0")),
            ("1e3", json!("1e3")),
            ("9007199254740991", json!(9_007_199_254_740_991_i64)),
            ("9007199254740992", json!("9007199254740992")),
            ("123456789012345678901", json!("123456789012345678901")),
            (".inf", json!(".inf")),
            ("2020-01-01", json!("2020-01-01")),
            ("Yes", json!(true)),
            ("yEs", json!("yEs")),
            ("N", json!(false)),
            ("OFF", json!(false)),
            ("~", Value::Null),
            ("NULL", Value::Null),
            ("", Value::Null),
            ("'12'", json!("12")),
            ("\"yes\"", json!("yes")),
            ("''", json!("")),
            ("!!str 12", json!(12)),
            ("!!int '3'", json!(3)),
        ] {
            assert_eq!(
                read(&format!("a: {text}")),
                json!({ "a": expected }),
                "{text}"
            );
        }
    }

    #[test]
    fn structure_is_read_as_envoy_reads_it() {
        for (text, expected) in [
            ("a: 1\na: 2", json!({ "a": 2 })),
            (
                "<<: { a: 1 }\n12: b",
                json!({ "<<": { "a": 1 }, "12": "b" }),
            ),
            (
                "!ignore x: &x [1]\na: *x\nb: *x",
                json!({ "a": [1], "b": [1] }),
            ),
            ("a: 1\n---\na: 2", json!({ "a": 1 })),
            (
                "a: |\n  b\n  c\nd: >-\n  e\n  f",
                json!({ "a": "b\nc\n", "d": "e f" }),
            ),
            ("", Value::Null),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_yaml_or_far_too_much_is_an_error() {
        let bomb = (1..12).fold("a0: &a0 [x, x]".to_owned(), |text, level: u32| {
            let before = level - 1;
            let aliases = format!("*a{before}, ").repeat(10);
            format!("{text}\na{level}: &a{level} [{aliases}]")
        });
        for (text, expected) in [
            ("a: [".to_owned(), "did not find expected node content"),
            ("? [a]\n: b".to_owned(), "a key is a text"),
            ("a: &a [*a]".to_owned(), "the alias is part of itself"),
            ("[".repeat(150), "more than 100 deep"),
            (bomb, "more than 1000000 values"),
        ] {
            let error = Document::parse(Path::new("envoy.yaml"), text).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
