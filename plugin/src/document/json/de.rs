//! The reader as serde's deserializer: which of serde's visits a value is.

use std::borrow::Cow;

use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::{
    Error,
    error::Problem,
    reader::{Kind, Number, Reader},
};

/// The elements of an array.
struct Elements<'r, 'de> {
    reader: &'r mut Reader<'de>,
    first: bool,
    index: usize,
}

/// The members of an object.
struct Members<'r, 'de> {
    reader: &'r mut Reader<'de>,
    first: bool,
    /// The member whose value is next.
    key: String,
    /// Where its key begins, in bytes.
    key_start: usize,
}

/// The one member of an object that stands for a variant with a value.
struct Tagged<'r, 'de> {
    reader: &'r mut Reader<'de>,
    tag: String,
    variants: &'static [&'static str],
}

/// A text that is a key or a variant.
struct Name<'a>(&'a str);

/// A text that stands for a variant without a value.
struct Untagged<'r, 'de> {
    reader: &'r Reader<'de>,
    tag: Cow<'de, str>,
    /// Where it begins, in bytes.
    start: usize,
}

impl<'de> Reader<'de> {
    /// Visits an array that is next.
    #[inline(never)]
    fn visit_array<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        self.enter()?;
        let elements = Elements {
            reader: self,
            first: true,
            index: 0,
        };
        let visited = visitor.visit_seq(elements);
        self.visited(visited, b']')
    }

    /// Visits an object that is next.
    #[inline(never)]
    fn visit_object<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        self.enter()?;
        let members = Members {
            reader: self,
            first: true,
            key: String::new(),
            key_start: 0,
        };
        let visited = visitor.visit_map(members);
        self.visited(visited, b'}')
    }

    /// What came of a visit to an array or object, which ends with `end`.
    fn visited<T>(&mut self, visited: Result<T, Error>, end: u8) -> Result<T, Error> {
        let left = self.leave(end);
        let visited = visited.map_err(|wrong| self.here(wrong))?;
        left.map(|()| visited)
    }

    #[inline(never)]
    fn visit_number<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        let visited = match self.number()? {
            Number::Unsigned(number) => visitor.visit_u64(number),
            Number::Signed(number) => visitor.visit_i64(number),
            other @ Number::Other(_) => Err(other.unexpected(&visitor)),
        };
        visited.map_err(|wrong| self.here(wrong))
    }

    #[inline(never)]
    fn visit_text<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, Error> {
        let text = self.text()?;
        visitor.visit_str(&text).map_err(|wrong| self.here(wrong))
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.kind()? {
            Kind::Number => self.visit_number(visitor),
            Kind::Text => self.visit_text(visitor),
            Kind::Array => self.visit_array(visitor),
            Kind::Object => self.visit_object(visitor),
            Kind::Bool => self.deserialize_bool(visitor),
            Kind::Null => self.deserialize_unit(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.require(Kind::Bool, &visitor)?;
        let value = self.bool()?;
        visitor.visit_bool(value).map_err(|wrong| self.here(wrong))
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.require(Kind::Number, &visitor)?;
        self.visit_number(visitor)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_u64(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.require(Kind::Text, &visitor)?;
        self.visit_text(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.peek() == Some(b'n') {
            self.null()?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.require(Kind::Null, &visitor)?;
        self.null()?;
        visitor.visit_unit().map_err(|wrong| self.here(wrong))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.require(Kind::Array, &visitor)?;
        self.visit_array(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.require(Kind::Object, &visitor)?;
        self.visit_object(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.require(Kind::Object, &visitor)
            .map_err(|wrong| wrong.such_as(fields))?;
        self.visit_object(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.kind()? {
            Kind::Text => {
                let start = self.next_start();
                let tag = self.text()?;
                let reader = self;
                visitor.visit_enum(Untagged { reader, tag, start })
            }
            Kind::Object => {
                self.enter()?;
                let tagged = Tagged {
                    reader: self,
                    tag: String::new(),
                    variants,
                };
                let value = visitor.visit_enum(tagged)?;
                match self.peek() {
                    Some(b'}') => self.leave(b'}').map(|()| value),
                    Some(_) => Err(self.here(Error::new(Problem::TwoVariants))),
                    None => Err(self.wrong("EOF while parsing an object")),
                }
            }
            _ => Err(self.ahead(Error::new(Problem::NoVariant(variants)))),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.pass_over()?;
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u128 f32 f64 char bytes byte_buf unit_struct tuple tuple_struct
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        if !self.reader.next_element(&mut self.first)? {
            return Ok(None);
        }
        let index = self.index;
        self.index = index.saturating_add(1);
        let start = self.reader.next_start();
        seed.deserialize(&mut *self.reader)
            .map(Some)
            .map_err(|wrong| wrong.in_element(index, start))
    }
}

impl Members<'_, '_> {
    /// The next key is in `self.key`, if there is one.
    fn next(&mut self) -> Result<bool, Error> {
        while self.reader.next_member(&mut self.first)? {
            self.key_start = self.reader.next_start();
            self.key.clear();
            self.key.push_str(&self.reader.text()?);
            if !self.reader.is_idle(&self.key) {
                return Ok(true);
            }
            self.reader.colon()?;
            self.reader.pass_over()?;
        }
        Ok(false)
    }
}

impl<'de> MapAccess<'de> for Members<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        if !self.next()? {
            return Ok(None);
        }
        seed.deserialize(Name(&self.key))
            .map(Some)
            .map_err(|wrong| wrong.in_member(&self.key, self.key_start))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        self.reader.colon()?;
        let start = self.reader.next_start();
        seed.deserialize(&mut *self.reader)
            .map_err(|wrong| wrong.in_member(&self.key, start))
    }
}

impl<'de> EnumAccess<'de> for Tagged<'_, 'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(mut self, seed: V) -> Result<(V::Value, Self), Error> {
        match self.reader.peek() {
            Some(b'"') => {}
            Some(b'}') => {
                let nothing = Error::new(Problem::NoVariant(self.variants));
                return Err(self.reader.ahead(nothing));
            }
            Some(_) => return Err(self.reader.wrong_ahead("key must be a string")),
            None => return Err(self.reader.wrong_ahead("EOF while parsing an object")),
        }
        let start = self.reader.next_start();
        self.tag = self.reader.text()?.into_owned();
        let variant = seed.deserialize(Name(&self.tag));
        let variant = variant.map_err(|wrong| self.reader.here(wrong.starting(start)))?;
        self.reader.colon()?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Tagged<'_, 'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        let start = self.reader.next_start();
        de::Deserialize::deserialize(self.reader)
            .map_err(|wrong: Error| wrong.in_member(&self.tag, start))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        let start = self.reader.next_start();
        seed.deserialize(self.reader)
            .map_err(|wrong| wrong.in_member(&self.tag, start))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.reader.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.reader.deserialize_map(visitor)
    }
}

impl<'de> EnumAccess<'de> for Untagged<'_, 'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let variant = seed.deserialize(Name(&self.tag));
        let variant = variant.map_err(|wrong| self.reader.here(wrong))?;
        Ok((variant, self))
    }
}

impl Untagged<'_, '_> {
    fn without_value(&self, expected: &'static str) -> Error {
        Error::new(Problem::WithoutValue(expected)).in_member(&self.tag, self.start)
    }
}

impl<'de> VariantAccess<'de> for Untagged<'_, 'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Error> {
        Err(self.without_value("newtype variant"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        Err(self.without_value("tuple variant"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        Err(self.without_value("struct variant"))
    }
}

impl<'de> Deserializer<'de> for Name<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct seq tuple tuple_struct map struct enum identifier
    }
}
