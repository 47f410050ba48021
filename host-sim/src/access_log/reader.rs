//! Reads a log entry by entry.

use std::io::{self, BufRead, Read as _};

use super::entry::{Entry, Unread, WhyUnread};
use super::fields::Fields;
use super::format::Format;
use super::json::Names;
use super::separated::Table;
use super::text::Layout;

/// The longest line that is read, in bytes; of a longer one nothing is kept.
pub(super) const LONGEST_LINE: usize = 1 << 20;

/// A log that is being read. It keeps one line at a time.
pub struct Reader<R> {
    input: R,
    line: u64,
    buffer: Vec<u8>,
    taken_by: TakenBy,
    spare: Vec<Entry>,
}

enum TakenBy {
    Json(Names),
    Text(Layout),
    Table(Box<Table>),
}

impl<R: BufRead> Reader<R> {
    /// A log of this format.
    #[must_use]
    pub fn new(input: R, format: Format, fields: &Fields) -> Self {
        Self {
            input,
            line: 0,
            buffer: Vec::new(),
            taken_by: match format {
                Format::Json => TakenBy::Json(Names::new(fields)),
                Format::EnvoyText => TakenBy::Text(Layout::envoy(fields)),
                Format::Combined => TakenBy::Text(Layout::ncsa(fields)),
                Format::Separated(delimiter) => {
                    TakenBy::Table(Box::new(Table::new(fields, delimiter)))
                }
            },
            spare: Vec::new(),
        }
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
            return Ok(
                next.map(|(line, entry, text)| entry.map_err(|why| Unread::new(line, why, &text)))
            );
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
            let line = self.buffer.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let entry = match &mut self.taken_by {
                TakenBy::Json(names) => names.entry(line, &mut self.spare),
                TakenBy::Text(layout) => layout.entry(line, &mut self.spare),
                TakenBy::Table(_) => return Ok(None),
            };
            return Ok(Some(entry.map_err(|why| Unread::new(self.line, why, line))));
        }
    }
}

#[cfg(test)]
mod tests;
