//! A value of a line of text, and how it ends.

use super::value::closing;
use crate::access_log::known::Quotes;
use crate::access_log::part::Slot;

/// A value, and what stands before it.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) before: String,
    pub(super) name: String,
    pub(super) manner: Manner,
    pub(super) slots: Vec<Slot>,
}

/// How a value ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Before a blank, or what stands behind it.
    Word,
    /// A word that is a number, or a dash.
    Number,
    /// Before what stands behind it.
    Text,
    /// Before a quotation mark.
    Quoted,
    Captures,
}

impl Piece {
    /// The value at the beginning of a text, and what is behind it.
    pub(super) fn taken<'l>(
        &self,
        text: &'l str,
        after: &str,
        quotes: Quotes,
    ) -> Option<(&'l str, &'l str)> {
        let end = match self.manner {
            Manner::Captures => return None,
            Manner::Quoted => closing(text, quotes)?,
            Manner::Text => {
                // What stands before the next value is not always there behind the last one.
                let whole = text.find(after).filter(|_| !after.is_empty());
                whole.or_else(|| after.chars().next().and_then(|first| text.find(first)))?
            }
            Manner::Word | Manner::Number => {
                let stop = after.bytes().next().unwrap_or(b' ');
                let is_end = |byte: u8| byte == stop || byte == b' ';
                let end = text.bytes().position(is_end).unwrap_or(text.len());
                let ended = text.as_bytes().get(end).is_none_or(|byte| *byte == stop);
                // A word is neither empty nor in quotation marks.
                if !ended || end == 0 || text.starts_with('"') {
                    return None;
                }
                let is_number =
                    |text: &str| text == "-" || text.bytes().all(|byte| byte.is_ascii_digit());
                if self.manner == Manner::Number && !is_number(text.get(..end)?) {
                    return None;
                }
                end
            }
        };
        text.split_at_checked(end)
    }
}
