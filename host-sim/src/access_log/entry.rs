//! What one line of an access log says of a call, and why a line says nothing.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

/// A call, as a log tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// When it came.
    pub started: Timestamp,
    /// How long it took, if the log says so.
    pub duration: Option<Duration>,
    /// Its method.
    pub method: String,
    /// Its path and query.
    pub path: String,
    /// What was answered; 0 when the client had gone away before that, and 200 where the log does not say.
    pub status: u16,
    /// The values that were asked for, in the order of [`Fields::new`](super::Fields::new); `None` where the line has none.
    pub values: Vec<Option<String>>,
    /// What of the line could not be read, although the call could.
    pub doubt: Option<Box<Unread>>,
}

impl Entry {
    /// Whether it takes no more memory than most.
    pub(super) fn is_small(&self) -> bool {
        const USUAL: usize = 512;
        let values = self.values.iter().flatten();
        values
            .chain([&self.path])
            .all(|text| text.capacity() <= USUAL)
    }
}

/// A line that tells of no call, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Which one, counted from 1.
    pub line: u64,
    /// Why.
    pub why: WhyUnread,
    /// How it begins.
    pub text: String,
}

/// Why a line tells of no call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhyUnread {
    /// It is no JSON object.
    #[error("not JSON: {what} at column {column}")]
    NotJson {
        /// What is wrong.
        what: String,
        /// Where, counted from 1.
        column: usize,
    },
    /// It ends, or differs from the format, before everything was found.
    #[error("not of this format: {missing} is missing")]
    NotOfFormat {
        /// What was expected next.
        missing: String,
    },
    /// It is not in the wrapper of the lines before it.
    #[error("not in the wrapper of {0}")]
    NotWrapped(&'static str),
    /// A quotation mark that a client sent makes it unclear where values begin.
    #[error("a quotation mark inside a value makes it unclear which value is which")]
    Ambiguous,
    /// It has another number of columns than the heading.
    #[error("{found} column{}, and the heading has {expected}", if *.found == 1 { "" } else { "s" })]
    Columns {
        /// How many it has.
        found: usize,
        /// How many the heading has.
        expected: usize,
    },
    /// What matters of it is not UTF-8.
    #[error("not UTF-8")]
    NotText,
    /// The log was cut off in the middle of it.
    #[error("the log is cut off here")]
    CutOff,
    /// It is longer than lines of logs are.
    #[error("longer than {most} bytes")]
    TooLong {
        /// The longest that is read.
        most: usize,
    },
    /// Something is not there without which there is no call.
    #[error("no {what}")]
    Missing {
        /// What.
        what: &'static str,
    },
    /// A value is not what it should be.
    #[error("invalid {what} {value:?}, expected {expected}")]
    Invalid {
        /// What it should tell.
        what: &'static str,
        /// The value.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
}

impl Unread {
    /// The most of a line that is kept, in characters.
    const SHOWN: usize = 160;

    pub(super) fn new(line: u64, why: WhyUnread, text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        // Whatever is in a log may reach a terminal, which takes some characters for orders.
        let harmless = |c: char| {
            if c.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        };
        let mut shown: String = text.chars().take(Self::SHOWN).map(harmless).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        Self {
            line,
            why,
            text: shown,
        }
    }

    /// A doubt about a line whose number and text follow.
    pub(super) fn of_doubt(why: WhyUnread) -> Self {
        Self {
            line: 0,
            why,
            text: String::new(),
        }
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for Unread {}
