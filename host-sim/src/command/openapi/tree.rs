//! A YAML or JSON text as a tree, of which every part knows its line.
//!
//! Nodes lie in one list, so that an alias (`*name`) is the node itself once more: a document never becomes larger than it is written.

use std::ops::Range;

/// A text as a tree.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    /// Names that are there twice in one object, and the lines of the second ones.
    pub(crate) repeated: Vec<(String, usize)>,
}

/// A value in a text.
#[derive(Debug)]
pub(crate) struct Node {
    /// Where it begins, counted from 1.
    pub(crate) line: usize,
    /// Where it is in the text, in bytes; empty in YAML.
    pub(crate) bytes: Range<usize>,
    pub(crate) value: Value,
}

/// What a value is; lists and objects hold the numbers of other nodes.
#[derive(Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// As it is written.
    Number(String),
    Text(String),
    List(Vec<usize>),
    Object(Vec<Member>),
}

/// A member of an object.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// The line of its name.
    pub(crate) line: usize,
    pub(crate) node: usize,
}

impl Tree {
    /// The number of the outermost value.
    pub(crate) const ROOT: usize = 0;

    pub(crate) fn node(&self, number: usize) -> Option<&Node> {
        self.nodes.get(number)
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Adds a value; its number.
    pub(super) fn add(&mut self, line: usize, value: Value) -> usize {
        let number = self.nodes.len();
        self.nodes.push(Node {
            line,
            bytes: 0..0,
            value,
        });
        number
    }

    pub(super) fn node_mut(&mut self, number: usize) -> Option<&mut Node> {
        self.nodes.get_mut(number)
    }

    /// Adds a member to an object. Of two with one name the last one counts, as in most readers.
    pub(super) fn add_member(&mut self, object: usize, member: Member) {
        let Some(Node {
            value: Value::Object(members),
            ..
        }) = self.nodes.get_mut(object)
        else {
            return;
        };
        if let Some(known) = members.iter_mut().find(|known| known.name == member.name) {
            self.repeated.push((member.name.clone(), member.line));
            *known = member;
        } else {
            members.push(member);
        }
    }

    /// A member of an object.
    pub(crate) fn member(&self, object: usize, name: &str) -> Option<&Member> {
        match &self.node(object)?.value {
            Value::Object(members) => members.iter().find(|member| member.name == name),
            _ => None,
        }
    }
}
