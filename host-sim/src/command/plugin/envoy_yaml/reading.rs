//! Messages of an Envoy configuration, read as Protocol Buffers read JSON: names in `snake_case` or `camelCase`, numbers as texts too, one
//! value where a list is expected. What comes out is in one form.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use strsim::osa_distance;

use super::document::{Document, below};
use super::schema::{Kind, Message};

/// Of how many letters of a key one may be wrong for another one to be meant.
const RIGHT_LETTERS: usize = 3;

/// Reads messages, and takes note of what is not simulated.
#[derive(Debug)]
pub(super) struct Reading<'d> {
    document: &'d Document,
    /// What a filter could notice and is not simulated, by its line.
    unsimulated: BTreeSet<(usize, String)>,
}

impl<'d> Reading<'d> {
    pub(super) fn new(document: &'d Document) -> Self {
        Self {
            document,
            unsimulated: BTreeSet::new(),
        }
    }

    /// Takes note once that something is not simulated.
    pub(super) fn note(&mut self, pointer: &str, what: &str) {
        let line = self.document.line(pointer);
        self.unsimulated.insert((line, what.to_owned()));
    }

    /// What has been taken note of, in the order in which it is in the file.
    pub(super) fn into_unsimulated(self) -> impl Iterator<Item = (usize, String)> {
        self.unsimulated.into_iter()
    }

    /// The simulated members of a message, by their names in `snake_case`.
    pub(super) fn message(
        &mut self,
        value: &Value,
        pointer: &str,
        message: &Message,
    ) -> anyhow::Result<Map<String, Value>> {
        let members = match value {
            Value::Object(members) => members,
            Value::Null => return Ok(Map::new()),
            other => return Err(self.wrong(pointer, other, &format!("a {}", message.name))),
        };
        let mut read = Map::new();
        for (key, value) in members {
            if key == "@type" {
                continue;
            }
            let pointer = below(pointer, key);
            let known = message.names().find(|name| is_spelling(name, key));
            let Some(name) = known else {
                return Err(self.unknown(&pointer, key, message));
            };
            if value.is_null() {
                continue;
            }
            match message.fields.iter().find(|(field, _)| *field == name) {
                Some((_, kind)) => {
                    let value = self.value(value, &pointer, kind)?;
                    read.insert(name.to_owned(), value);
                }
                None if message.unsimulated.contains(&name) => {
                    self.note(&pointer, &format!("`{name}` of {}", message.name));
                }
                None => {}
            }
        }
        Ok(read)
    }

    fn value(&mut self, value: &Value, pointer: &str, kind: &Kind) -> anyhow::Result<Value> {
        let expected = match kind {
            Kind::Any => return Ok(value.clone()),
            Kind::Message(message) => {
                return self.message(value, pointer, message).map(Value::Object);
            }
            Kind::List(kind) => return self.list(value, pointer, kind),
            Kind::Flag => match flag(value) {
                Some(flag) => return Ok(Value::from(flag)),
                None => "true or false".to_owned(),
            },
            Kind::Number => match number(value) {
                Some(number) => return Ok(Value::from(number)),
                None => "a whole number from 0 on".to_owned(),
            },
            Kind::Text => match value {
                Value::String(_) => return Ok(value.clone()),
                _ => "a text, in quotation marks".to_owned(),
            },
            Kind::Duration => match seconds(value) {
                Some(duration) => return Ok(Value::from(duration)),
                None => "a duration in seconds, as in `0.5s`".to_owned(),
            },
            Kind::Words(words) => match word(value, words) {
                Some(word) => return Ok(Value::from(word)),
                None => format!("one of {}", words.join(", ")),
            },
        };
        Err(self.wrong(pointer, value, &expected))
    }

    /// A list, or one value in place of one.
    fn list(&mut self, value: &Value, pointer: &str, kind: &Kind) -> anyhow::Result<Value> {
        let Value::Array(items) = value else {
            let only = self.value(value, pointer, kind)?;
            return Ok(Value::Array(vec![only]));
        };
        let items = items.iter().enumerate();
        let items = items.filter(|(_, item)| !item.is_null());
        let read = items.map(|(index, item)| {
            let pointer = below(pointer, &index.to_string());
            self.value(item, &pointer, kind)
        });
        read.collect::<anyhow::Result<_>>().map(Value::Array)
    }

    fn wrong(&self, pointer: &str, value: &Value, expected: &str) -> anyhow::Error {
        let key = pointer.rsplit('/').next().unwrap_or_default();
        let value = match value {
            Value::Object(_) => "a message".to_owned(),
            Value::Array(_) => "a list".to_owned(),
            other => format!("`{other}`"),
        };
        let message = format!("`{key}` is {value}, expected {expected}");
        self.document.error(pointer, message)
    }

    fn unknown(&self, pointer: &str, key: &str, message: &Message) -> anyhow::Error {
        let distance = |name: &&str| osa_distance(name, key).min(osa_distance(&camel(name), key));
        let nearest = message.names().min_by_key(distance);
        let meant = nearest.filter(|name| distance(name) <= key.len() / RIGHT_LETTERS);
        let hint = meant.map_or_else(String::new, |name| format!(", did you mean `{name}`?"));
        let message = format!("{} has no key `{key}`{hint}", message.name);
        self.document.error(pointer, message)
    }
}

/// Whether this key is a name in `snake_case` or in `camelCase`.
pub(super) fn is_spelling(name: &str, key: &str) -> bool {
    name == key || name.contains('_') && camel(name) == key
}

fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let mut camel = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut letters = part.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

/// A member of an object that is not read by a schema.
pub(super) fn member<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    let mut members = object.iter();
    let found = members.find(|(key, _)| is_spelling(name, key));
    found.map(|(_, value)| value)
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" => Some(true),
            "false" | "f" | "no" | "n" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A number, or a text that says one without a fraction.
fn number(value: &Value) -> Option<u32> {
    let text = match value {
        Value::Number(number) => return u32::try_from(number.as_u64()?).ok(),
        Value::String(text) => text,
        _ => return None,
    };
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let number: f64 = text.parse().ok()?;
    // `{:.0}` of a whole number is the number itself.
    let whole = number.fract() == 0.0 && number >= 0.0;
    whole.then(|| format!("{number:.0}"))?.parse().ok()
}

/// A duration as a text, which may also be said as seconds and nanoseconds.
fn seconds(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            let number = text.strip_suffix('s')?;
            let starts = number.starts_with(|first: char| first.is_ascii_digit());
            let is_number = number
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.');
            (starts && is_number && number.parse::<f64>().is_ok()).then(|| text.clone())
        }
        Value::Object(parts) => {
            let part = |name| match parts.get(name) {
                Some(value) => number(value),
                None => Some(0),
            };
            let (seconds, nanoseconds) = (part("seconds")?, part("nanos")?);
            Some(format!("{seconds}.{nanoseconds:09}s"))
        }
        _ => None,
    }
}

/// A word in any case, or by its number.
fn word(value: &Value, words: &[&'static str]) -> Option<&'static str> {
    match value {
        Value::Number(index) => words.get(usize::try_from(index.as_u64()?).ok()?).copied(),
        Value::String(text) => {
            let mut words = words.iter();
            words.find(|word| word.eq_ignore_ascii_case(text)).copied()
        }
        _ => None,
    }
}
