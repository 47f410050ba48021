//! Why a configuration was refused: one line that names the place, the value and what was expected.
//!
//! Parsing and validation report the same kind of place (a JSON path such as `costs.rules[3].operations[0]`), so an operator need
//! not know which of the two found the mistake.

use crate::json;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The text is not the JSON that was expected: syntax, an unknown or missing key, a wrong type.
    #[error("invalid configuration at `{}`: {}", .0.path(), .0)]
    Json(#[from] json::Error),
    /// The JSON is well-formed, but a value contradicts another or makes no sense.
    #[error("invalid configuration at `{path}`: {value}: expected {expected}")]
    Invalid {
        /// Where: a JSON path.
        path: String,
        /// The offending value, as JSON or as words that name it.
        value: String,
        /// What would be right there.
        expected: String,
    },
}

impl ConfigError {
    /// An error at `path` about `value`, where `expected` would be right.
    #[cold]
    #[inline(never)]
    pub(crate) fn invalid(
        path: impl Into<String>,
        value: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self::Invalid {
            path: path.into(),
            value: value.into(),
            expected: expected.into(),
        }
    }
}
