//! JSON of which a part is left out while it is read, so that it never takes memory.

use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

/// An object, of which only some members are kept of the object at the end of a way.
pub(super) struct Pruned<'p> {
    /// The members that lead there.
    way: &'p [String],
    /// Whether a member is kept.
    keeps: &'p mut dyn FnMut(&str) -> bool,
}

impl<'p> Pruned<'p> {
    /// A document, if it is an object. Without a way all of it is kept.
    pub(super) fn read(
        bytes: &[u8],
        way: &'p [String],
        keeps: &'p mut dyn FnMut(&str) -> bool,
    ) -> Option<Value> {
        let whole = || serde_json::from_slice(bytes).ok();
        if way.is_empty() {
            return whole();
        }
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let read = Pruned { way, keeps }.deserialize(&mut deserializer);
        let read = read.and_then(|value| deserializer.end().map(|()| value));
        // What stands at the end of the way may be something else.
        read.ok().or_else(whole)
    }
}

impl<'d> DeserializeSeed<'d> for Pruned<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'d>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'d> Visitor<'d> for Pruned<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'d>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut kept = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = match self.way.split_first() {
                None if !(self.keeps)(&name) => {
                    members.next_value::<IgnoredAny>()?;
                    continue;
                }
                Some((next, way)) if *next == name => members.next_value_seed(Pruned {
                    way,
                    keeps: &mut *self.keeps,
                })?,
                _ => members.next_value_seed(Whole)?,
            };
            if kept.insert(name, value).is_some() {
                return Err(A::Error::custom("a member stands there twice"));
            }
        }
        Ok(Value::Object(kept))
    }
}

/// All of a value.
struct Whole;

impl<'d> DeserializeSeed<'d> for Whole {
    type Value = Value;

    fn deserialize<D: Deserializer<'d>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_left_out_at_the_end_of_the_way_alone() {
        let text = r#"{"a": 1, "b": {"c": {"x": 1, "y": {"x": 2}}, "x": 3}, "x": [4]}"#;
        let way = ["b".to_owned(), "c".to_owned()];
        let mut seen = Vec::new();
        let mut keeps = |name: &str| {
            seen.push(name.to_owned());
            name == "y"
        };
        assert_eq!(
            Pruned::read(text.as_bytes(), &way, &mut keeps),
            Some(json!({"a": 1, "b": {"c": {"y": {"x": 2}}, "x": 3}, "x": [4]}))
        );
        assert_eq!(seen, ["x", "y"]);
        let other = r#"{"b": {"c": [1]}}"#;
        assert_eq!(
            Pruned::read(other.as_bytes(), &way, &mut |_| false),
            Some(json!({"b": {"c": [1]}}))
        );
        assert_eq!(Pruned::read(b"{", &way, &mut |_| false), None);
    }
}
