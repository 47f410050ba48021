//! What there is to say of a place in a document.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// A place in a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
pub(crate) struct Where {
    /// The file.
    pub(crate) file: PathBuf,
    /// The line in it, counted from 1.
    pub(crate) line: usize,
    /// The JSON Pointer (RFC 6901) to it in that file.
    pub(crate) pointer: String,
}

/// Something that the reader of a document has to know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Remark {
    pub(crate) place: Where,
    pub(crate) text: String,
    /// Whether something of the document is lost. Otherwise it is only written in another way.
    pub(crate) is_loss: bool,
}

impl Remark {
    /// Something of the document is lost.
    pub(crate) fn loss(place: Where, text: impl Into<String>) -> Self {
        Self {
            place,
            text: text.into(),
            is_loss: true,
        }
    }

    /// Something is written in another way than in the document.
    pub(crate) fn note(place: Where, text: impl Into<String>) -> Self {
        Self {
            is_loss: false,
            ..Self::loss(place, text)
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Where {
            file,
            line,
            pointer,
        } = &self.place;
        write!(f, "{}:{line}: {} (#{pointer})", file.display(), self.text)
    }
}
