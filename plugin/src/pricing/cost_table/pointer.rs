//! JSON Pointers (RFC 6901), as a tree that a document is read along.

use super::folding::{self, fold};

/// The most keys in a pointer: no body that can be read is nested more deeply (the reader's own limit is 128).
const MAX_DEPTH: usize = 100;

/// Some pointers, with something at the end of each.
#[derive(Debug, Default)]
pub(super) struct Tree<T> {
    /// What is for the value here.
    pub(super) here: T,
    pub(super) children: Vec<Child<T>>,
}

#[derive(Debug)]
pub(super) struct Child<T> {
    /// As the pointer has it.
    pub(super) text: String,
    /// As it is compared without case.
    key: String,
    /// The key as the index of an element.
    index: Option<u64>,
    pub(super) below: Tree<T>,
}

/// Why a text is no pointer; reads as what was expected.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidPointer {
    /// Neither empty nor absolute.
    #[error("a JSON Pointer such as \"/ids\", or \"\" for the body itself")]
    Relative,
    /// `~` without `0` or `1`.
    #[error("`~0` for `~` and `~1` for `/` in a JSON Pointer")]
    Escape,
    /// Deeper than [`MAX_DEPTH`].
    #[error("at most {MAX_DEPTH} keys in a JSON Pointer, found {0}")]
    TooDeep(usize),
    /// The array is named already.
    #[error("each array once (keys are compared without case)")]
    Repeated,
}

/// The keys of a pointer.
pub(super) fn keys(pointer: &str) -> Result<Vec<String>, InvalidPointer> {
    if pointer.is_empty() {
        return Ok(Vec::new());
    }
    let path = pointer.strip_prefix('/').ok_or(InvalidPointer::Relative)?;
    let keys = path
        .split('/')
        .map(unescape)
        .collect::<Result<Vec<_>, _>>()?;
    if keys.len() > MAX_DEPTH {
        return Err(InvalidPointer::TooDeep(keys.len()));
    }
    Ok(keys)
}

/// A reference token of a JSON Pointer as the key that it stands for (RFC 6901, section 4).
fn unescape(token: &str) -> Result<String, InvalidPointer> {
    let mut parts = token.split('~');
    let mut key = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (character, rest) = match part.split_at_checked(1) {
            Some(("0", rest)) => ('~', rest),
            Some(("1", rest)) => ('/', rest),
            _ => return Err(InvalidPointer::Escape),
        };
        key.push(character);
        key.push_str(rest);
    }
    Ok(key)
}

impl<T: Default> Tree<T> {
    /// What is at the end of these keys; keys that differ in case alone are the same.
    pub(super) fn at(&mut self, keys: &[String]) -> &mut T {
        let Some((key, keys)) = keys.split_first() else {
            return &mut self.here;
        };
        let known = self.children.iter().position(|child| child.is_at(key));
        let place = known.unwrap_or(self.children.len());
        if known.is_none() {
            let index = key.parse().ok();
            self.children.push(Child {
                text: key.clone(),
                key: fold(key),
                index: index.filter(|index: &u64| index.to_string() == *key),
                below: Self::default(),
            });
        }
        #[expect(
            clippy::indexing_slicing,
            reason = "the child at `place` was found or pushed above"
        )]
        self.children[place].below.at(keys)
    }
}

impl<T> Tree<T> {
    /// Where the child is among the others whose key some backend takes this one for.
    pub(super) fn key(&self, key: &str) -> Option<usize> {
        let folded = (!key.is_ascii()).then(|| fold(key));
        let is = |child: &Child<T>| {
            key.eq_ignore_ascii_case(&child.key) || folded.as_ref() == Some(&child.key)
        };
        self.children.iter().position(is)
    }

    /// Where the child is among the others that is for the element with this index.
    pub(super) fn index(&self, index: u64) -> Option<usize> {
        self.children
            .iter()
            .position(|child| child.index == Some(index))
    }
}

impl<T> Child<T> {
    fn is_at(&self, key: &str) -> bool {
        folding::is(key, &self.key)
    }

    /// Whether it is for elements of an array as well.
    pub(super) fn is_index(&self) -> bool {
        self.index.is_some()
    }
}
