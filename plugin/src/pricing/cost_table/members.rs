//! Members of JSON bodies that prices depend on.
//!
//! A body is read once for all the members that the rules of a table name. Backends differ in which of two members of the same name they
//! take, and whether they mind its case; so a member has all the values that any backend may see, and is surely there only if every
//! key that leads to it is given once, as the rule has it.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess};

use super::pointer::{self, Child, InvalidPointer, Tree};
use super::records::UnreadableBody;
use crate::document::json::Anything;

/// More values of one member than any honest client sends: beyond them it may be anything.
const MAX_VALUES: usize = 16;

/// The most members that the rules of a table can name, so that no body takes long to be compared with them.
pub(super) const MAX_MEMBERS: usize = 64;

/// The members that the rules of a table name, each with its number.
#[derive(Debug, Default)]
pub(super) struct Members {
    tree: Node,
    count: usize,
}

type Node = Tree<Option<usize>>;

/// All that a member may be.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Member {
    pub(super) values: Vec<Given>,
    /// Whether every backend sees one of them.
    pub(super) surely: bool,
}

/// What a member is given.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Given {
    Null,
    Flag(bool),
    /// As it would be as a double, and whether it is written as a whole number.
    Number(f64, bool),
    Text(String),
    /// An array, an object, or something else that some backends make any value of.
    Odd,
}

impl Member {
    /// Whether there may be something there.
    pub(super) fn is_given(&self) -> bool {
        self.values
            .iter()
            .any(|given| !matches!(given, Given::Null))
    }
}

/// The members of a body.
#[derive(Debug, Default)]
pub(super) struct Read(Vec<Member>);

impl Members {
    /// The number of the member at `pointer`, and the keys that lead there.
    ///
    /// # Errors
    ///
    /// The text is no pointer.
    pub(super) fn insert(&mut self, pointer: &str) -> Result<usize, InvalidPointer> {
        let keys = pointer::keys(pointer)?;
        let next = self.count;
        let number = *self.tree.at(&keys).get_or_insert(next);
        self.count = self.count.max(number.saturating_add(1));
        Ok(number)
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The members of a body; an empty one has none.
    ///
    /// # Errors
    ///
    /// The body is not JSON.
    pub(super) fn read(&self, body: &[u8]) -> Result<Read, UnreadableBody> {
        let mut read = Read(Vec::new());
        if body.is_empty() {
            return Ok(read);
        }
        read.0.resize(self.count, Member::default());
        let mut json = serde_json::Deserializer::from_slice(std::str::from_utf8(body)?.as_bytes());
        let place = Place {
            node: &self.tree,
            surely: true,
            is_root: true,
            read: &mut read,
        };
        place.deserialize(&mut json)?;
        json.end()?;
        Ok(read)
    }
}

impl Read {
    /// Whether there was no body.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The member with this number.
    pub(super) fn member(&self, number: usize) -> Option<&Member> {
        self.0.get(number)
    }

    fn give(&mut self, node: &Node, given: Given, surely: bool) {
        let Some(member) = node.here.and_then(|number| self.0.get_mut(number)) else {
            return;
        };
        member.surely |= surely;
        match member.values.len() {
            0..MAX_VALUES => member.values.push(given),
            _ => member.values = vec![Given::Odd],
        }
    }

    /// Some backends may see anything there and below.
    fn doubt(&mut self, node: &Node) {
        self.give(node, Given::Odd, false);
        for child in &node.children {
            self.doubt(&child.below);
        }
    }

    /// What is there and below need not be what counts.
    fn unsettle(&mut self, node: &Node) {
        if let Some(member) = node.here.and_then(|number| self.0.get_mut(number)) {
            member.surely = false;
        }
        for child in &node.children {
            self.unsettle(&child.below);
        }
    }
}

/// A value of a body that is being read.
struct Place<'m, 'r> {
    node: &'m Node,
    /// Whether every backend sees it here.
    surely: bool,
    /// Whether it is all of the body: then it is a message or none, and an array is a batch.
    is_root: bool,
    read: &'r mut Read,
}

impl Place<'_, '_> {
    /// There is this in place of whatever is asked for below.
    fn give(self, given: Given) {
        if given != Given::Null && !self.is_root {
            for child in &self.node.children {
                self.read.doubt(&child.below);
            }
        }
        self.read.give(self.node, given, self.surely);
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> de::Visitor<'de> for Place<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.give(Given::Null);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.give(Given::Flag(value));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.give(Given::Number(value as f64, true));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.give(Given::Number(value as f64, true));
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.give(Given::Number(value, false));
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.give(Given::Text(value.to_owned()));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Self {
            node,
            surely,
            is_root,
            read,
        } = self;
        read.give(node, Given::Odd, surely);
        // Parameters by position, or an object that some make of a list.
        let named = |child: &&Child<Option<usize>>| !child.is_index() && !is_root;
        for child in node.children.iter().filter(named) {
            read.doubt(&child.below);
        }
        let mut index = 0_u64;
        loop {
            let child = node.index(index).and_then(|at| node.children.get(at));
            let element = match child {
                Some(child) => elements.next_element_seed(Place {
                    node: &child.below,
                    surely,
                    is_root: false,
                    read,
                })?,
                None => elements.next_element::<Anything>()?.map(|_| ()),
            };
            if element.is_none() {
                return Ok(());
            }
            index = index.saturating_add(1);
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Self {
            node, surely, read, ..
        } = self;
        read.give(node, Given::Odd, surely);
        let mut seen = 0_u64;
        while let Some(key) = members.next_key_seed(Key(node))? {
            let Some((place, exactly)) = key else {
                members.next_value::<Anything>()?;
                continue;
            };
            let Some(child) = node.children.get(place) else {
                continue;
            };
            let bit = 1_u64.rotate_left((place % 64) as u32);
            let again = seen & bit != 0;
            seen |= bit;
            members.next_value_seed(Place {
                node: &child.below,
                surely: surely && exactly && !again,
                is_root: false,
                read,
            })?;
            if again {
                read.unsettle(&child.below);
            }
        }
        Ok(())
    }
}

/// Reads a key: which child is meant, and whether it is the very key.
struct Key<'m>(&'m Node);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<(usize, bool)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl de::Visitor<'_> for Key<'_> {
    type Value = Option<(usize, bool)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        let place = self.0.key(key);
        let child = place.and_then(|at| Some((at, self.0.children.get(at)?)));
        Ok(child.map(|(at, child)| (at, child.text == key)))
    }
}

/// The elements of a body that is an array; `None` for anything else. The body is JSON, as [`Members::read`] has found.
pub(super) fn elements(body: &[u8]) -> Option<Vec<&[u8]>> {
    let inside = body.trim_ascii().strip_prefix(b"[")?.strip_suffix(b"]")?;
    let mut elements = Vec::new();
    let (mut start, mut depth, mut text, mut escaped) = (0, 0_usize, false, false);
    for (at, byte) in inside.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if text => escaped = true,
            b'"' => text = !text,
            _ if text => {}
            b'[' | b'{' => depth = depth.saturating_add(1),
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                elements.push(inside.get(start..at).unwrap_or_default());
                start = at.saturating_add(1);
            }
            _ => {}
        }
    }
    let last = inside.get(start..).unwrap_or_default();
    if !last.trim_ascii().is_empty() {
        elements.push(last);
    }
    Some(elements)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// What the member at this pointer may be, and whether it surely is there.
    fn member(pointer: &str, body: &str) -> (Vec<Given>, bool) {
        let mut members = Members::default();
        members.insert("/other").unwrap();
        let number = members.insert(pointer).unwrap();
        let read = members.read(body.as_bytes()).unwrap();
        let member = read.member(number).cloned().unwrap_or_default();
        (member.values, member.surely)
    }

    fn text(text: &str) -> Given {
        Given::Text(text.to_owned())
    }

    #[test]
    fn a_member_is_found_by_its_pointer() {
        let name = |body: &str| member("/params/name", body);
        assert_eq!(name(""), (vec![], false));
        assert_eq!(name("{}"), (vec![], false));
        assert_eq!(name(r#"{"params":null}"#), (vec![], false));
        assert_eq!(
            name(r#"{"a":{"name":1},"params":{"x":[{"name":2}],"name":"search"}}"#),
            (vec![text("search")], true)
        );
        assert_eq!(
            name(r#"{"p\u0061rams":{"n\u0061me":"se\u0061rch"}}"#),
            (vec![text("search")], true)
        );
        assert_eq!(
            member("/a~1b/~0", r#"{"a/b":{"~":true}}"#),
            (vec![Given::Flag(true)], true)
        );
        assert_eq!(
            member("/list/1", "{\"list\":[1,2.0]}"),
            (vec![Given::Number(2.0, false)], true)
        );
        assert_eq!(
            member("/list/1", r#"{"list":{"1":-3}}"#),
            (vec![Given::Number(-3.0, true)], true)
        );
    }

    #[test]
    fn what_backends_differ_in_is_not_sure() {
        let name = |body: &str| member("/params/name", body);
        let check = |body: &str, expected: &[Given]| {
            assert_eq!(name(body), (expected.to_vec(), false), "{body}");
        };
        let (a, b) = (text("a"), text("b"));
        check(
            r#"{"params":{"name":"a","name":"b"}}"#,
            &[a.clone(), b.clone()],
        );
        check(
            r#"{"params":{"name":"a"},"params":{"name":"b"}}"#,
            &[a.clone(), b.clone()],
        );
        check(
            r#"{"params":{"name":"a"},"params":{}}"#,
            std::slice::from_ref(&a),
        );
        check(
            r#"{"params":{},"PARAMS":{"name":"a"}}"#,
            std::slice::from_ref(&a),
        );
        check(r#"{"params":{"Name":"a"}}"#, &[a]);
        // The Kelvin sign and the like fold as well.
        check(r#"{"param\u017f":{"name":"b"}}"#, &[b]);
        // By position.
        check(r#"{"params":["a"]}"#, &[Given::Odd]);
        check(r#"{"params":"{\"name\":\"a\"}"}"#, &[Given::Odd]);
        assert_eq!(
            name(r#"{"params":{"name":["a"]}}"#),
            (vec![Given::Odd], true)
        );
        let many = r#""name":1,"#.repeat(20);
        assert_eq!(
            name(&format!("{{\"params\":{{{many}\"x\":0}}}}")).0.first(),
            Some(&Given::Odd)
        );
    }

    #[test]
    fn what_is_no_json_is_unreadable() {
        let members = Members::default();
        for body in [
            "{",
            "{} {}",
            "{'a':1}",
            "{\"a\":\"\\ud800\"}",
            "a=1",
            "// x\n{}",
            "{\"a\":1,}",
            "NaN",
        ] {
            assert!(members.read(body.as_bytes()).is_err(), "{body}");
        }
        assert!(members.read("[".repeat(200).as_bytes()).is_err());
        assert!(members.read(b"{\"a\":\"\xff\"}").is_err());
    }

    #[test]
    fn an_array_is_taken_apart() {
        let of = |body: &'static str| {
            let elements = elements(body.as_bytes())?;
            let text = |part: &[u8]| String::from_utf8(part.to_vec()).unwrap();
            Some(elements.into_iter().map(text).collect::<Vec<_>>())
        };
        assert_eq!(of("{}"), None);
        assert_eq!(of("\"[1]\""), None);
        assert_eq!(of(" [ ] "), Some(vec![]));
        assert_eq!(
            of(r#"[{"a":[1,2]},"a,]\"[",[3,[4]]]"#),
            Some(vec![
                r#"{"a":[1,2]}"#.to_owned(),
                r#""a,]\"[""#.to_owned(),
                "[3,[4]]".to_owned()
            ])
        );
    }
}
