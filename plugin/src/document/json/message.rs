//! What `serde_json` says is wrong.

use serde_json::error::Category;

/// What is wrong with a text, in the words of `serde_json` and without the place.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) category: Category,
    pub(super) words: String,
    /// How many bytes had been read.
    pub(super) read: usize,
}

impl Message {
    /// What an error in `text` says.
    pub(super) fn new(text: &[u8], error: &serde_json::Error) -> Self {
        let mut words = error.to_string();
        let (line, column) = (error.line(), error.column());
        let place = format!(" at line {line} column {column}");
        if let Some(length) = words.len().checked_sub(place.len())
            && words.ends_with(&place)
        {
            words.truncate(length);
        }
        let before = line.saturating_sub(1);
        let lines = text.split_inclusive(|byte| *byte == b'\n').take(before);
        let start: usize = lines.map(<[u8]>::len).sum();
        Self {
            category: error.classify(),
            words,
            read: start.saturating_add(column).min(text.len()),
        }
    }

    /// Whether the text ends too early.
    pub(super) fn is_end(&self) -> bool {
        self.category == Category::Eof
    }

    /// Whether it is about what the text means, and not about the text.
    pub(super) fn is_data(&self) -> bool {
        self.category == Category::Data
    }

    /// Whether it begins so.
    pub(super) fn is(&self, beginning: &str) -> bool {
        self.words.starts_with(beginning)
    }

    /// The name in it, which `beginning` is in front of.
    pub(super) fn name(&self, beginning: &str) -> Option<&str> {
        let expected = self.words.rsplit_once(", expected ");
        let found = expected.map_or(self.words.as_str(), |(found, _)| found);
        found
            .strip_prefix(beginning)?
            .strip_prefix(" `")?
            .strip_suffix('`')
    }

    /// What was expected.
    pub(super) fn expected(&self) -> Option<&str> {
        self.words
            .rsplit_once(", expected ")
            .map(|(_, expected)| expected)
    }

    /// The names of which one was expected.
    pub(super) fn known(&self) -> impl Iterator<Item = &str> + Clone {
        let names = self.expected().unwrap_or_default().split('`');
        names.skip(1).step_by(2)
    }
}
