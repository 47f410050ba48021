//! Why a configuration was refused: for each mistake one line that names the place, the value and what was expected.
//!
//! Parsing and validation report the same kind of place (a JSON path such as `costs.rules[3].operations[0]`, with line and column of
//! the text), so an operator need not know which of the two found the mistake. Of mistakes in the JSON and its shapes the first one
//! is reported, because what comes after it cannot be trusted; of mistakes in what it means, all are.
//!
//! Each mistake is a line of its own at level `error` in the proxy's log, and each line begins with `invalid configuration at`: log
//! shippers split at line ends and `grep` finds lines, so that one entry of several lines would lose all but the first.

use std::fmt;

use crate::document::json::{self, Position, cut};

/// Something in a configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid configuration at {}", self.place())]
pub struct ConfigError {
    /// Where: a JSON path.
    path: String,
    /// What is there, and what would be right.
    what: String,
    /// Where in the text, once that is known.
    position: Option<Position>,
}

/// Everything that is wrong with a configuration, or the first of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors {
    listed: Vec<ConfigError>,
    /// How many others there are.
    more: usize,
}

impl ConfigError {
    /// An error at `path` about `value`, as JSON or as words that name it, where `expected` would be right.
    #[cold]
    pub(crate) fn invalid(
        path: impl Into<String>,
        value: impl Into<String>,
        expected: impl fmt::Display,
    ) -> Self {
        Self::unexpected(path.into(), &value.into(), &expected)
    }

    // Once for all types.
    #[cold]
    #[inline(never)]
    fn unexpected(path: String, value: &str, expected: &dyn fmt::Display) -> Self {
        Self::new(path, format!("{}: expected {expected}", cut(value)))
    }

    /// An error at `path`, in these words.
    #[cold]
    pub(crate) fn new(path: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            what: json::one_line(what.into()),
            position: None,
        }
    }

    /// The line for the log if it is only suspicious.
    #[must_use]
    pub fn as_doubt(&self) -> String {
        format!("suspicious configuration at {}", self.place())
    }

    /// The same with its line and column in the `text` of the configuration.
    #[must_use]
    pub(crate) fn in_text(self, text: &[u8]) -> Self {
        Self {
            position: self
                .position
                .or_else(|| Position::of_path(text, &self.path)),
            ..self
        }
    }

    fn place(&self) -> String {
        let Self { path, what, .. } = self;
        match self.position {
            Some(position) => format!("`{path}` ({position}): {what}"),
            None => format!("`{path}`: {what}"),
        }
    }
}

impl ConfigErrors {
    /// The most that are listed; the others are counted.
    const MOST: usize = 20;

    /// Adds an error.
    #[cold]
    #[inline(never)]
    pub fn add(&mut self, error: ConfigError) {
        if self.listed.len() < Self::MOST {
            self.listed.push(error);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// What came of a check; an error is added to these.
    pub fn take<T, E: Into<Self>>(&mut self, outcome: Result<T, E>) -> Option<T> {
        match outcome {
            Ok(good) => Some(good),
            Err(errors) => {
                self.add_all(errors.into());
                None
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn add_all(&mut self, errors: Self) {
        errors.listed.into_iter().for_each(|error| self.add(error));
        self.more = self.more.saturating_add(errors.more);
    }

    /// Nothing, unless there is an error.
    ///
    /// # Errors
    /// When there is one: all of them.
    pub fn into_result(self) -> Result<(), Self> {
        if self.listed.is_empty() {
            Ok(())
        } else {
            Err(self)
        }
    }

    /// The same with their lines and columns in the `text` of the configuration, in that order.
    #[must_use]
    pub(crate) fn in_text(self, text: &[u8]) -> Self {
        // They are few, and the sort of the standard library is 7 KB of code.
        let mut listed = Vec::<ConfigError>::new();
        for error in self.listed {
            let error = error.in_text(text);
            let place = listed.partition_point(|before| before.position <= error.position);
            listed.insert(place, error);
        }
        Self { listed, ..self }
    }

    /// The errors that are listed.
    #[must_use]
    pub fn listed(&self) -> &[ConfigError] {
        &self.listed
    }

    /// A line for each, and one for those that are not listed.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let more = (self.more > 0).then(|| {
            format!(
                "invalid configuration: {} mistakes more than these",
                self.more
            )
        });
        self.listed.iter().map(ConfigError::to_string).chain(more)
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.lines().collect();
        f.write_str(&lines.join("\n"))
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self {
            listed: vec![error],
            more: 0,
        }
    }
}

impl From<json::Mistake> for ConfigError {
    fn from(mistake: json::Mistake) -> Self {
        Self {
            path: mistake.path,
            what: mistake.what,
            position: Some(mistake.position),
        }
    }
}
