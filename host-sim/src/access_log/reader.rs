//! Reads a log entry by entry.

use std::borrow::Cow;
use std::io::{self, BufRead, Read as _};

use super::directives::Directives;
use super::entry::{Entry, Unread, WhyUnread};
use super::fields::Fields;
use super::format::Format;
use super::json::Names;
use super::known::Shape;
use super::layout::Layout;
use super::pieces::{Pieces, Whole};
use super::separated::Table;
use super::source::CutOff;

/// The longest line that is read, in bytes; of a longer one nothing is kept.
pub(super) const LONGEST_LINE: usize = 1 << 20;

/// A log that is being read. It keeps one line at a time.
pub struct Reader<R> {
    input: R,
    line: u64,
    buffer: Vec<u8>,
    pieces: Pieces,
    taken_by: TakenBy,
    spare: Vec<Entry>,
    cut_off: CutOff,
}

enum TakenBy {
    Json(Names),
    Text(Box<Layout>),
    Directives(Directives),
    Table(Box<Table>),
}

impl TakenBy {
    fn new(format: &Format, fields: &Fields) -> Self {
        let fields = &fields.of(format.known);
        match (format.known.shape, format.layout(fields)) {
            (_, Some(layout)) => Self::Text(Box::new(layout)),
            (Shape::Columns, None) => Self::Table(Box::new(Table::new(fields, format.delimiter))),
            (Shape::Directives, None) => Self::Directives(Directives::new(fields)),
            (Shape::Json(_) | Shape::Text { .. }, None) => Self::Json(Names::new(fields)),
        }
    }

    /// The entry of a line; `None` if it is none, nor meant to be one.
    fn entry(
        &mut self,
        line: &str,
        replaced: bool,
        spare: &mut Vec<Entry>,
    ) -> Option<Result<Entry, WhyUnread>> {
        match self {
            Self::Json(names) => Some(names.entry(line, replaced, spare)),
            Self::Text(layout) => Some(layout.entry(line, replaced, spare)),
            Self::Directives(directives) => directives.entry(line, replaced, spare),
            Self::Table(_) => None,
        }
    }
}

impl<R: BufRead> Reader<R> {
    /// A log of this format.
    #[must_use]
    pub fn new(input: R, format: &Format, fields: &Fields) -> Self {
        Self {
            input,
            line: 0,
            buffer: Vec::new(),
            pieces: Pieces::new(&format.wrappers),
            taken_by: TakenBy::new(format, fields),
            spare: Vec::new(),
            cut_off: CutOff::default(),
        }
    }

    /// Of a log that may end before its end: a last line that has none is then no call.
    #[must_use]
    pub fn with_cut_off(mut self, cut_off: CutOff) -> Self {
        self.cut_off = cut_off;
        self
    }

    /// Takes entries that nobody needs any more: the next ones are written over them, which saves making as many again. Those that take much
    /// memory are not kept, so that a few long lines do not make all entries large.
    pub fn take_back(&mut self, entries: impl IntoIterator<Item = Entry>) {
        let entries = entries.into_iter();
        self.spare.extend(entries.filter(Entry::is_small));
    }

    /// The next entry, or the next line that tells of no call; `None` at the end. Empty lines are none.
    ///
    /// # Errors
    ///
    /// When the input fails.
    pub fn next_line(&mut self) -> io::Result<Option<Result<Entry, Unread>>> {
        if let TakenBy::Table(table) = &mut self.taken_by {
            let next = table.next(&mut self.input, &mut self.spare)?;
            let is_cut = table.ended_without_newline() && self.cut_off.is_so();
            return Ok(next.map(|(line, entry, text)| {
                let entry = if is_cut {
                    Err(WhyUnread::CutOff)
                } else {
                    entry
                };
                finished(line, entry, &text)
            }));
        }
        loop {
            self.buffer.clear();
            let limit = u64::try_from(LONGEST_LINE).unwrap_or(u64::MAX);
            let mut limited = self.input.by_ref().take(limit);
            if limited.read_until(b'\n', &mut self.buffer)? == 0 {
                return Ok(None);
            }
            self.line = self.line.saturating_add(1);
            let ended = self.buffer.ends_with(b"\n");
            if !ended && self.buffer.len() >= LONGEST_LINE {
                self.input.skip_until(b'\n')?;
                let why = WhyUnread::TooLong { most: LONGEST_LINE };
                return Ok(Some(Err(Unread::new(self.line, why, &self.buffer))));
            }
            if !ended && self.cut_off.is_so() {
                let unread = Unread::new(self.line, WhyUnread::CutOff, &self.buffer);
                return Ok(Some(Err(unread)));
            }
            let bytes = self.buffer.trim_ascii();
            let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
            if bytes.is_empty() {
                continue;
            }
            // Looked at once as a whole, its texts need not be looked at one by one.
            let (line, replaced) = match std::str::from_utf8(bytes) {
                Ok(line) => (Cow::Borrowed(line), false),
                Err(_) => (String::from_utf8_lossy(bytes), true),
            };
            let whole = self.pieces.whole(&line);
            let entry = match &whole {
                Whole::Line(line) => self.taken_by.entry(line, replaced, &mut self.spare),
                Whole::GoesOn => None,
                Whole::NotWrapped(wrapper) => Some(Err(WhyUnread::NotWrapped(wrapper))),
            };
            if let Some(entry) = entry {
                return Ok(Some(finished(self.line, entry, bytes)));
            }
        }
    }
}

/// An entry or why there is none, with the line that it is about.
fn finished(line: u64, entry: Result<Entry, WhyUnread>, text: &[u8]) -> Result<Entry, Unread> {
    let mut entry = entry.map_err(|why| Unread::new(line, why, text))?;
    if let Some(doubt) = &mut entry.doubt {
        **doubt = Unread::new(line, doubt.why.clone(), text);
    }
    Ok(entry)
}

#[cfg(test)]
mod tests;
