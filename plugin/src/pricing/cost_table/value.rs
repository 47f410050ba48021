//! A value that a condition asks for.

use super::folding::{self, fold};

/// A value, and how it is compared without case.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) folded: String,
}

impl Value {
    pub(super) fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            folded: fold(text),
        }
    }

    /// Whether some backend takes a value for this one: without case, without blanks around it, as one of a list.
    pub(super) fn may_be(&self, value: &str) -> bool {
        let is = |value: &str| {
            let value = value.split('\0').next().unwrap_or_default();
            folding::is(value, &self.folded) || folding::is(value.trim(), &self.folded)
        };
        is(value) || (value.contains(',') && value.split(',').any(is))
    }
}
