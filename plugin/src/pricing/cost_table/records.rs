//! Counting the records of a bulk call in its JSON body.
//!
//! The body is read once, as a stream: nothing is kept but the count. A key counts in every case and as often as it is given,
//! because backends differ in which one they take.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Unexpected};

use super::pointer::{self, InvalidPointer, Tree};
use crate::document::json::Anything;

/// Where records are: the arrays that some JSON Pointers (RFC 6901) name.
#[derive(Debug, Default)]
pub(super) struct Arrays(Counted);

/// Whether the value here is one of the arrays.
type Counted = Tree<bool>;

/// Why the records of a body cannot be counted.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableBody {
    /// It is something else, by its content type or encoding.
    #[error("not JSON by its content-type or content-encoding")]
    ContentType,
    /// It is not text.
    #[error("not UTF-8: {0}")]
    Encoding(#[from] std::str::Utf8Error),
    /// It is not JSON, is nested too deeply, or has something else where the records should be; with line and column.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
}

impl Arrays {
    /// Also counts the elements of the array at `pointer`, to which the keys that are returned lead.
    pub(super) fn insert(&mut self, pointer: &str) -> Result<Vec<String>, InvalidPointer> {
        let keys = pointer::keys(pointer)?;
        if std::mem::replace(self.0.at(&keys), true) {
            return Err(InvalidPointer::Repeated);
        }
        Ok(keys)
    }

    /// The number of records in `body`; an empty one has none.
    pub(super) fn count(&self, body: &[u8]) -> Result<u64, UnreadableBody> {
        if body.is_empty() {
            return Ok(0);
        }
        std::str::from_utf8(body)?;
        let mut json = serde_json::Deserializer::from_slice(body);
        let count = self.0.deserialize(&mut json)?;
        json.end()?;
        Ok(count)
    }
}

impl Counted {
    fn child(&self, place: Option<usize>) -> Option<&Self> {
        self.children.get(place?).map(|child| &child.below)
    }

    /// There are no records in this, unless it is in place of an array.
    fn without_records<E: de::Error>(&self, found: Unexpected<'_>) -> Result<u64, E> {
        if self.here {
            return Err(E::invalid_type(found, &self));
        }
        Ok(0)
    }
}

/// Reads a value, in which it finds so many records.
impl<'de> DeserializeSeed<'de> for &Counted {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> de::Visitor<'de> for &Counted {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of records, or null")
    }

    fn visit_unit<E>(self) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<u64, E> {
        self.without_records(Unexpected::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<u64, E> {
        self.without_records(Unexpected::Signed(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<u64, E> {
        self.without_records(Unexpected::Unsigned(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<u64, E> {
        self.without_records(Unexpected::Float(value))
    }

    // Not the text itself: it is the customer's, and this may be logged.
    fn visit_str<E: de::Error>(self, _: &str) -> Result<u64, E> {
        self.without_records(Unexpected::Other("a string"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<u64, A::Error> {
        let (mut count, mut index) = (0_u64, 0_u64);
        loop {
            let inside = match self.child(self.index(index)) {
                Some(arrays) => elements.next_element_seed(arrays)?,
                None => elements.next_element::<Anything>()?.map(|_| 0),
            };
            let Some(inside) = inside else {
                return Ok(count);
            };
            count = count
                .saturating_add(inside)
                .saturating_add(u64::from(self.here));
            index = index.saturating_add(1);
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<u64, A::Error> {
        let mut count = self.without_records(Unexpected::Map)?;
        while let Some(member) = members.next_key_seed(Key(self))? {
            let inside = match member {
                Some(arrays) => members.next_value_seed(arrays)?,
                None => members.next_value::<Anything>().map(|_| 0)?,
            };
            count = count.saturating_add(inside);
        }
        Ok(count)
    }
}

/// Reads a key, and finds the arrays in its value.
struct Key<'a>(&'a Counted);

impl<'de, 'a> DeserializeSeed<'de> for Key<'a> {
    type Value = Option<&'a Counted>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> de::Visitor<'_> for Key<'a> {
    type Value = Option<&'a Counted>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.child(self.0.key(key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn arrays(pointers: &[&str]) -> Arrays {
        let mut arrays = Arrays::default();
        for pointer in pointers {
            arrays.insert(pointer).unwrap();
        }
        arrays
    }

    #[test]
    fn the_elements_of_all_named_arrays_count() {
        fn check(pointers: &[&str], body: &str, expected: u64) {
            assert_eq!(
                arrays(pointers).count(body.as_bytes()).unwrap(),
                expected,
                "{body}"
            );
        }
        check(&["/ids"], "", 0);
        check(&["/ids"], "{}", 0);
        check(&["/ids"], "[]", 0);
        check(&["/ids"], "7", 0);
        check(&["/ids"], r#"{"ids":null}"#, 0);
        check(&["/ids"], r#"{"ids":[]}"#, 0);
        check(
            &["/ids"],
            r#"{"a":[1,2],"ids":[1,"2",null,[3,4],{"ids":[5,6]}],"b":{"ids":[7]}}"#,
            5,
        );
        check(&["/ids"], r#"{"ids":[1,2],"ids":[3]}"#, 3);
        check(&["/ids"], r#"{"\u0069ds":[1],"IDS":[2]}"#, 2);
        // As Go folds them: the Kelvin sign and the long s.
        check(
            &["/tickets"],
            r#"{"tic\u212aet\u017f":[1],"TICKETS":[2]}"#,
            2,
        );
        check(
            &["/ids", "/ticketIds"],
            r#"{"ids":[1],"ticketIds":[2,3]}"#,
            3,
        );
        check(&[""], " [1, 2, 3] ", 3);
        check(&["", "/1"], "[1,[2,3],[4]]", 5);
        check(&["/01"], "[1,[2,3]]", 0);
        check(&["/a/b"], r#"{"a":{"b":[1,2],"c":[3]},"b":[4]}"#, 2);
        check(&["/0/ids"], r#"[{"ids":[1,2]},{"ids":[3]}]"#, 2);
        check(&["/a~1b", "/~0", "/"], r#"{"a/b":[1],"~":[2],"":[3]}"#, 3);
    }

    #[test]
    fn a_body_that_cannot_be_counted_says_why() {
        fn check(pointer: &str, body: impl AsRef<[u8]>, expected: &str) {
            let error = arrays(&[pointer]).count(body.as_ref()).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
        check("/ids", " ", "EOF while parsing a value at line 1 column 1");
        check(
            "/ids",
            r#"{"ids":[1,2"#,
            "EOF while parsing a list at line 1 column 11",
        );
        check(
            "/ids",
            r#"{"ids":[1]} {"#,
            "trailing characters at line 1 column 13",
        );
        check("/ids", "ids=1&ids=2", "expected value at line 1 column 1");
        check(
            "/ids",
            b"{\"ids\":[\"\xff\"]}",
            "not UTF-8: invalid utf-8 sequence of 1 bytes from index 9",
        );
        check(
            "/ids",
            r#"{"ids":5}"#,
            "invalid type: integer `5`, expected an array of records, or null at line 1 column 8",
        );
        check(
            "/ids",
            r#"{"ids":"secret"}"#,
            "invalid type: a string, expected an array of records, or null at line 1 column 15",
        );
        check(
            "/ids",
            r#"{"ids":{}}"#,
            "invalid type: map, expected an array of records, or null at line 1 column 9",
        );
        check(
            "",
            "true",
            "invalid type: boolean `true`, expected an array of records, or null at line 1 column 4",
        );
        check(
            "/ids",
            "[".repeat(60_000),
            "recursion limit exceeded at line 1 column 128",
        );
        check(
            "/ids",
            format!("{{\"ids\":{}", "[".repeat(60_000)),
            "recursion limit exceeded at line 1 column 134",
        );
    }

    #[test]
    fn a_text_that_names_no_array_is_refused() {
        fn check(pointer: &str, expected: &str) {
            let error = arrays(&["/ids"]).insert(pointer).unwrap_err();
            assert_eq!(error.to_string(), expected, "{pointer}");
        }
        check(
            "ids",
            "a JSON Pointer such as \"/ids\", or \"\" for the body itself",
        );
        check("/a~2", "`~0` for `~` and `~1` for `/` in a JSON Pointer");
        check("/a~", "`~0` for `~` and `~1` for `/` in a JSON Pointer");
        check("/é~é", "`~0` for `~` and `~1` for `/` in a JSON Pointer");
        check(
            &"/a".repeat(101),
            "at most 100 keys in a JSON Pointer, found 101",
        );
        check("/ids", "each array once (keys are compared without case)");
        check("/IDs", "each array once (keys are compared without case)");
    }
}
