//! Structs that are JSON objects and nothing else.

use std::fmt;

use serde::{
    Deserializer,
    de::{MapAccess, Visitor},
};

/// A deserializer that takes no array where a struct is expected, as serde's derived code would, and says which members it may have.
pub(crate) struct Object<D>(pub(crate) D);

/// What is said and done where a struct is expected.
struct Members<V> {
    visitor: V,
    known: &'static [&'static str],
}

/// Reads these structs from objects alone. Each derives `Deserialize` with `#[serde(remote = "…")]` and its own name in it, by which
/// serde makes a function of what would have been the implementation.
macro_rules! objects {
    ($($object:ty),+ $(,)?) => {$(
        impl<'de> serde::Deserialize<'de> for $object {
            #[inline(never)]
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <$object>::deserialize($crate::document::json::Object(deserializer))
            }
        }
    )+};
}

pub(crate) use objects;

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Object<D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Members { visitor, known })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Members<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.known.iter().find(|key| !key.starts_with('$'));
        match first {
            Some(first) => write!(f, "an object such as {{\"{first}\": …}}"),
            None => f.write_str("an object"),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(members)
    }
}
