//! Lines that are JSON objects. A member of an object within is named with a dot, as in `http.method`.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::column::{Slot, Told, Values};
use super::entry::{Entry, WhyUnread};
use super::fields::Fields;

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
        line: &[u8],
        spare: &mut Vec<Entry>,
    ) -> Result<Entry, WhyUnread> {
        self.next = 0;
        let mut values = Values::new(&self.fields);
        // Looked at once as a whole, its texts need not be looked at one by one. One that is no text is read up to where it is none.
        let read = match std::str::from_utf8(line) {
            Ok(line) => self.read(serde_json::Deserializer::from_str(line), &mut values),
            Err(_) => self.read(serde_json::Deserializer::from_slice(line), &mut values),
        };
        read.map_err(|error| WhyUnread::NotJson {
            what: without_place(&error),
            column: error.column().max(1),
        })?;
        values.entry(spare)
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

    /// The names of the lines that have been read.
    pub(super) fn known(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(|(name, _)| name.as_str())
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

/// What the error says before its line and column.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text.get(..end).unwrap_or_default().to_owned()
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
        self.put_text(|| Cow::Owned(value.to_string()));
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
        while seq.next_element::<IgnoredAny>()?.is_some() {}
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
