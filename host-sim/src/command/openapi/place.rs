//! A value in a document, which knows where it is.

use std::path::Path;

use super::documents::Documents;
use super::reference::{Reference, escaped};
use super::remark::Where;
use super::tree::{Member, Node, Tree, Value};

/// How many references may lead to another one.
const MOST_REFERENCES: usize = 64;

/// A value in a document, which knows where it is.
#[derive(Clone, Debug)]
pub(crate) struct Place<'d> {
    documents: &'d Documents,
    file: usize,
    node: usize,
    /// The line of its name, if it is a member of an object.
    line: Option<usize>,
    pointer: String,
}

impl<'d> Place<'d> {
    pub(super) fn new(documents: &'d Documents, file: usize, node: usize, pointer: String) -> Self {
        Self {
            documents,
            file,
            node,
            line: None,
            pointer,
        }
    }

    fn tree(&self) -> Option<&'d Tree> {
        self.documents.tree(self.file)
    }

    fn node(&self) -> Option<&'d Node> {
        self.tree()?.node(self.node)
    }

    fn value(&self) -> Option<&'d Value> {
        Some(&self.node()?.value)
    }

    fn child(&self, key: &str, node: usize, line: Option<usize>) -> Self {
        Self {
            node,
            line,
            pointer: format!("{}/{}", self.pointer, escaped(key)),
            ..self.clone()
        }
    }

    fn of_member(&self, member: &Member) -> Self {
        self.child(&member.name, member.node, Some(member.line))
    }

    /// Where it is.
    pub(crate) fn at(&self) -> Where {
        let own = || self.node().map_or(1, |node| node.line);
        Where {
            file: self.documents.path(self.file).to_owned(),
            line: self.line.unwrap_or_else(own),
            pointer: self.pointer.clone(),
        }
    }

    /// The member of this name, if it is an object that has one.
    pub(crate) fn get(&self, name: &str) -> Option<Self> {
        let member = self.tree()?.member(self.node, name)?;
        Some(self.of_member(member))
    }

    /// The members, if it is an object.
    pub(crate) fn members(&self) -> Vec<(&'d str, Self)> {
        let Some(Value::Object(members)) = self.value() else {
            return Vec::new();
        };
        let members = members.iter();
        members
            .map(|member| (member.name.as_str(), self.of_member(member)))
            .collect()
    }

    /// The elements, if it is a list.
    pub(crate) fn items(&self) -> Vec<Self> {
        let Some(Value::List(items)) = self.value() else {
            return Vec::new();
        };
        let items = items.iter().enumerate();
        items
            .map(|(index, node)| self.child(&index.to_string(), *node, None))
            .collect()
    }

    pub(crate) fn is_object(&self) -> bool {
        matches!(self.value(), Some(Value::Object(_)))
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self.value(), Some(Value::List(_)))
    }

    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&'d str> {
        match self.value()? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number as it is written, if it is one.
    pub(crate) fn number(&self) -> Option<&'d str> {
        match self.value()? {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    pub(crate) fn is_true(&self) -> bool {
        matches!(self.value(), Some(Value::Bool(true)))
    }

    /// A text, or whatever else has one, as it would stand in a URL.
    pub(crate) fn scalar(&self) -> Option<String> {
        match self.value()? {
            Value::Text(text) | Value::Number(text) => Some(text.clone()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Null | Value::List(_) | Value::Object(_) => None,
        }
    }

    /// What a message calls it.
    pub(crate) fn shown(&self) -> String {
        match self.value() {
            Some(Value::Text(text)) => format!("{text:?}"),
            Some(Value::Number(number)) => number.clone(),
            Some(Value::Bool(value)) => value.to_string(),
            Some(Value::List(_)) => "a list".to_owned(),
            Some(Value::Object(_)) => "an object".to_owned(),
            Some(Value::Null) | None => "null".to_owned(),
        }
    }

    /// What it refers to (`$ref`), or itself.
    ///
    /// # Errors
    ///
    /// There is nothing to be found there; why.
    pub(crate) fn resolved(&self) -> Result<Self, String> {
        let mut place = self.clone();
        for _ in 0..MOST_REFERENCES {
            let Some(reference) = place.get("$ref").and_then(|reference| reference.text()) else {
                return Ok(place);
            };
            place = place.follow(reference)?;
        }
        Err("the references lead in a circle".to_owned())
    }

    fn follow(&self, text: &str) -> Result<Self, String> {
        let Reference { file, keys } = Reference::read(text, self.path())?;
        let file = file.map_or(Ok(self.file), |file| self.documents.file(&file))?;
        let root = Self::new(self.documents, file, Tree::ROOT, String::new());
        keys.iter().try_fold(root, |place, key| {
            let member = place.get(key);
            let item = || {
                let index = key.parse().ok()?;
                place.items().into_iter().nth(index)
            };
            member
                .or_else(item)
                .ok_or_else(|| format!("`{text}` leads to nothing: there is no `{key}`"))
        })
    }

    fn path(&self) -> &'d Path {
        self.documents.path(self.file)
    }
}
