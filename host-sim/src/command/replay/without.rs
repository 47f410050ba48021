//! JSON that is written again while it is read, without some of an object's members, so that no tree of it takes memory.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Write;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer as _};
use serde_json::Serializer;
use serde_transcode::Transcoder;

/// An object, of which all but the members of these names are written.
pub(super) struct Without<'w, W> {
    pub(super) names: &'w BTreeSet<&'w str>,
    pub(super) serializer: &'w mut Serializer<W>,
}

impl<'d, W: Write> DeserializeSeed<'d> for Without<'_, W> {
    type Value = ();

    fn deserialize<D: Deserializer<'d>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'d, W: Write> Visitor<'d> for Without<'_, W> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'d>>(self, mut members: A) -> Result<(), A::Error> {
        let mut written = self
            .serializer
            .serialize_map(None)
            .map_err(A::Error::custom)?;
        while let Some(name) = members.next_key::<String>()? {
            if self.names.contains(name.as_str()) {
                members.next_value::<IgnoredAny>()?;
            } else {
                written.serialize_key(&name).map_err(A::Error::custom)?;
                members.next_value_seed(Written(&mut written))?;
            }
        }
        written.end().map_err(A::Error::custom)
    }
}

/// A member's value, which is written as it is read.
struct Written<'w, M>(&'w mut M);

impl<'d, M: SerializeMap> DeserializeSeed<'d> for Written<'_, M> {
    type Value = ();

    fn deserialize<D: Deserializer<'d>>(self, deserializer: D) -> Result<(), D::Error> {
        let value = Transcoder::new(deserializer);
        self.0.serialize_value(&value).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_but_some_members_are_written_as_they_stand() {
        let text = r#"{"b": {"x": [1, -2, 3.5, true, null, "\u00e9\n"]}, "a": 1, "c": {"a": 2}}"#;
        let mut written = Vec::new();
        let mut serializer = Serializer::new(&mut written);
        let without = Without {
            names: &BTreeSet::from(["a"]),
            serializer: &mut serializer,
        };
        let read = without.deserialize(&mut serde_json::Deserializer::from_str(text));
        assert!(read.is_ok());
        let written = String::from_utf8(written).unwrap();
        let expected = r#"{"b":{"x":[1,-2,3.5,true,null,"é\n"]},"c":{"a":2}}"#;
        assert_eq!(written, expected);
    }
}
