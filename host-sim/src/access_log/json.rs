//! Lines that are JSON objects. A member of an object within is named with a dot, as in `http.method`; the texts of an array make one, with
//! commas between them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::column::{Told, Values};
use super::entry::{Entry, WhyUnread};
use super::fields::Fields;
use super::part::Slot;

/// The names that lines have, with what they stand for. Lines of a log mostly have the same names in the same order.
#[derive(Debug)]
pub(super) struct Names {
    fields: Fields,
    known: Vec<(String, Vec<Slot>)>,
    next: usize,
}

impl Names {
    /// The most names that are remembered.
    const MOST: usize = 256;

    pub(super) fn new(fields: &Fields) -> Self {
        Self {
            fields: fields.clone(),
            known: Vec::new(),
            next: 0,
        }
    }

    /// The entry of a line, written over a spare one if there is any.
    pub(super) fn entry(
        &mut self,
        line: &str,
        replaced: bool,
        spare: &mut Vec<Entry>,
    ) -> Result<Entry, WhyUnread> {
        match self.entry_of(line, replaced, spare) {
            Err(WhyUnread::NotJson { .. }) if line.contains(NOT_AN_ESCAPE) => {
                let (line, lost) = with_bytes(line);
                self.entry_of(&line, replaced | lost, spare)
            }
            entry => entry,
        }
    }

    fn entry_of(
        &mut self,
        line: &str,
        replaced: bool,
        spare: &mut Vec<Entry>,
    ) -> Result<Entry, WhyUnread> {
        self.next = 0;
        let mut values = Values::new(&self.fields);
        values.note_replaced(replaced);
        let read = self.read(serde_json::Deserializer::from_str(line), &mut values);
        read.map_err(|error| WhyUnread::NotJson {
            what: without_place(&error),
            column: error.column().max(1),
        })?;
        values.entry(&self.fields, spare)
    }

    /// All values of a line under their names, for whoever wants to know what there is.
    pub(super) fn pairs(line: &str) -> Option<Vec<(String, String)>> {
        let read =
            serde_json::from_str(line).or_else(|_| serde_json::from_str(&with_bytes(line).0));
        let Value::Object(members) = read.ok()? else {
            return None;
        };
        let mut pairs = Vec::new();
        flatten("", &members, &mut pairs);
        Some(pairs)
    }

    fn read<'l>(
        &mut self,
        mut line: serde_json::Deserializer<impl serde_json::de::Read<'l>>,
        values: &mut Values<'l>,
    ) -> serde_json::Result<()> {
        let object = Object {
            names: self,
            values,
            prefix: "",
        };
        line.deserialize_map(object)?;
        line.end()
    }

    fn slots(&mut self, name: &str) -> &[Slot] {
        let is_next = self
            .known
            .get(self.next)
            .is_some_and(|(known, _)| known == name);
        if !is_next {
            let found = self.known.iter().position(|(known, _)| known == name);
            self.next = found.unwrap_or_else(|| {
                if self.known.len() >= Self::MOST {
                    self.known.clear();
                }
                self.known.push((name.to_owned(), self.fields.slots(name)));
                self.known.len().saturating_sub(1)
            });
        }
        let here = self.next;
        self.next = here.saturating_add(1);
        self.known.get(here).map_or(&[], |(_, slots)| slots)
    }
}

/// What Apache writes into JSON for a byte that is no printable character, and JSON does not know.
const NOT_AN_ESCAPE: &str = "\\x";

/// A line with those bytes themselves, and whether some of them were no UTF-8.
fn with_bytes(line: &str) -> (String, bool) {
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line.as_bytes();
    while let [first, behind @ ..] = rest {
        let escape = match (first, behind) {
            (b'\\', [b'x', a, b, ..]) => std::str::from_utf8(&[*a, *b])
                .ok()
                .and_then(|digits| u8::from_str_radix(digits, 16).ok()),
            _ => None,
        };
        let taken = match (escape, first, behind) {
            (Some(byte), _, _) if byte < b' ' || b"\"\\\x7f".contains(&byte) => {
                bytes.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                4
            }
            (Some(byte), _, _) => {
                bytes.push(byte);
                4
            }
            (None, b'\\', [next, ..]) => {
                bytes.extend_from_slice(&[b'\\', *next]);
                2
            }
            _ => {
                bytes.push(*first);
                1
            }
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    match String::from_utf8(bytes) {
        Ok(line) => (line, false),
        Err(error) => (String::from_utf8_lossy(error.as_bytes()).into_owned(), true),
    }
}

/// What the error says before its line and column.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text.get(..end).unwrap_or_default().to_owned()
}

fn flatten(prefix: &str, members: &Map<String, Value>, pairs: &mut Vec<(String, String)>) {
    for (name, value) in members {
        let name = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            Value::Object(members) => flatten(&name, members, pairs),
            Value::Array(elements) => pairs.push((name, joined(elements))),
            Value::Null => pairs.push((name, String::new())),
            Value::String(text) => pairs.push((name, text.clone())),
            other => pairs.push((name, other.to_string())),
        }
    }
}

/// The values of a header that came several times, as proxies join them.
fn joined(elements: &[Value]) -> String {
    let texts = elements.iter().filter_map(|element| match element {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join(",")
}

struct Object<'n, 'v, 'l> {
    names: &'n mut Names,
    values: &'v mut Values<'l>,
    prefix: &'n str,
}

impl<'l> Visitor<'l> for Object<'_, '_, 'l> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'l>>(self, mut map: A) -> Result<(), A::Error> {
        let Object {
            names,
            values,
            prefix,
        } = self;
        while let Some(name) = map.next_key::<Name<'l>>()? {
            let name = if prefix.is_empty() {
                name.0
            } else {
                Cow::Owned(format!("{prefix}.{}", name.0))
            };
            map.next_value_seed(Member {
                names,
                values,
                name: &name,
            })?;
        }
        Ok(())
    }
}

/// A name, borrowed where it can be.
struct Name<'l>(Cow<'l, str>);

impl<'l> serde::Deserialize<'l> for Name<'l> {
    fn deserialize<D: Deserializer<'l>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfName;
        impl<'l> Visitor<'l> for OfName {
            type Value = Name<'l>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'l str) -> Result<Name<'l>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'l>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(OfName)
    }
}

struct Member<'n, 'v, 'l> {
    names: &'n mut Names,
    values: &'v mut Values<'l>,
    name: &'n str,
}

impl<'l> Member<'_, '_, 'l> {
    fn put(self, told: impl FnOnce() -> Told<'l>) {
        let slots = self.names.slots(self.name);
        if !slots.is_empty() {
            self.values.put(slots, told());
        }
    }

    fn put_text(self, text: impl FnOnce() -> Cow<'l, str>) {
        self.put(|| Told::Text(text()));
    }
}

impl<'l> DeserializeSeed<'l> for Member<'_, '_, 'l> {
    type Value = ();

    fn deserialize<D: Deserializer<'l>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'l> Visitor<'l> for Member<'_, '_, 'l> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, value: &'l str) -> Result<(), E> {
        self.put_text(|| Cow::Borrowed(value));
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.put_text(|| Cow::Owned(value.to_owned()));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.put(|| Told::Number(value));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.put_text(|| Cow::Owned(value.to_string()));
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.put(|| Told::Real(value));
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.put_text(|| Cow::Borrowed(if value { "true" } else { "false" }));
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.put_text(|| Cow::Borrowed(""));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'l>>(self, mut seq: A) -> Result<(), A::Error> {
        if self.names.slots(self.name).is_empty() {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            elements.push(element);
        }
        // The name has been looked up, which makes the next one the next to be expected.
        self.names.next = self.names.next.saturating_sub(1);
        self.put_text(|| Cow::Owned(joined(&elements)));
        Ok(())
    }

    fn visit_map<A: MapAccess<'l>>(self, map: A) -> Result<(), A::Error> {
        let Member {
            names,
            values,
            name,
        } = self;
        Object {
            names,
            values,
            prefix: name,
        }
        .visit_map(map)
    }
}
