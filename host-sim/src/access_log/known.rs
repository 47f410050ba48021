//! What is known of a format: how its lines are made, and what its names stand for.

use super::part::{Kind, Part};

/// A format that is known by name.
#[derive(Debug)]
pub(super) struct Known {
    /// As `--format` names it.
    pub(super) name: &'static str,
    /// As people name it.
    pub(super) title: &'static str,
    pub(super) shape: Shape,
    /// What its names stand for, of each kind the surest first.
    pub(super) names: &'static [(&'static str, Part)],
    /// Statuses that were never sent: the client had gone away.
    pub(super) departed: &'static [u16],
}

/// How lines are made.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// JSON objects. A line is of this format if it has one name of each of these groups.
    Json(&'static [&'static [&'static str]]),
    /// A line of text, in which `<name>` is a value, `<name*>` one that may have blanks in it, and `<{}>` what HAProxy has captured.
    Text {
        line: &'static str,
        /// How many values there must be.
        required: usize,
        quotes: Quotes,
    },
    /// Values under a heading, separated by one character.
    Columns,
    /// Values whose names stand in lines that begin with `#Fields:`.
    Directives,
}

/// What a quotation mark inside a quoted value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quotes {
    /// `\"`, `\x22` or `\\`, as nginx and Apache write it.
    Escaped,
    /// `#22`, as HAProxy writes it.
    Hashed,
    /// Like one that ends the value: whoever sends one can make a line look as if it had more values than it has.
    Bare,
}

impl Known {
    /// What a time of this format is, if that is the same for all of its times.
    pub(super) fn time_is(&self) -> Option<Part> {
        let mut times = self.names.iter().map(|(_, part)| *part);
        times.find(|part| part.kind() == Kind::Time && *part != Part::Date)
    }
}
