//! Values under named columns, separated by commas, semicolons or tabulators (RFC 4180). Columns may be quoted and go over several
//! lines.

use std::borrow::Cow;
use std::io::{self, BufRead};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::column::{Told, Values};
use super::entry::{Entry, WhyUnread};
use super::fields::Fields;
use super::part::Slot;
use super::reader::LONGEST_LINE;

/// A table.
pub(super) struct Table {
    fields: Fields,
    reader: Reader,
    /// What the columns stand for, once the heading has been read.
    columns: Option<Vec<Vec<Slot>>>,
    output: Vec<u8>,
    ends: Vec<usize>,
    /// Whether the last row came to its end because the input did.
    unended: bool,
}

/// The line on which a row begins, what it tells, and how it begins if that is nothing.
pub(super) type Taken = (u64, Result<Entry, WhyUnread>, Vec<u8>);

/// A row, in the buffers of its table.
struct Row {
    line: u64,
    bytes: usize,
    columns: usize,
    too_long: bool,
}

impl Table {
    pub(super) fn new(fields: &Fields, delimiter: u8) -> Self {
        Self {
            fields: fields.clone(),
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            columns: None,
            output: vec![0; 4096],
            ends: vec![0; 64],
            unended: false,
        }
    }

    /// The next row and the line that it begins on, with how it begins; `None` at the end. A heading is no row.
    pub(super) fn next(
        &mut self,
        input: &mut impl BufRead,
        spare: &mut Vec<Entry>,
    ) -> io::Result<Option<Taken>> {
        if self.columns.is_none() {
            let Some(heading) = self.row(input)? else {
                return Ok(None);
            };
            let names = self.texts(&heading);
            let columns = names.iter().map(|name| {
                self.fields
                    .slots(name.trim_start_matches('\u{feff}').trim())
            });
            self.columns = Some(columns.collect());
        }
        let Some(row) = self.row(input)? else {
            return Ok(None);
        };
        let entry = self.entry(&row, spare);
        let text = match entry {
            Ok(_) => Vec::new(),
            Err(_) => self
                .output
                .get(..row.bytes.min(200))
                .unwrap_or_default()
                .to_vec(),
        };
        Ok(Some((row.line, entry, text)))
    }

    fn entry(&self, row: &Row, spare: &mut Vec<Entry>) -> Result<Entry, WhyUnread> {
        if row.too_long {
            return Err(WhyUnread::TooLong { most: LONGEST_LINE });
        }
        let columns = self.columns.as_deref().unwrap_or_default();
        if row.columns != columns.len() {
            return Err(WhyUnread::Columns {
                found: row.columns,
                expected: columns.len(),
            });
        }
        let mut values = Values::new(&self.fields);
        for (slots, text) in columns.iter().zip(self.texts(row)) {
            if !slots.is_empty() {
                values.note_replaced(matches!(text, Cow::Owned(_)));
                values.put(slots, Told::Text(text));
            }
        }
        values.entry(&self.fields, spare)
    }

    /// The columns of a row, with U+FFFD in place of what is no UTF-8.
    fn texts(&self, row: &Row) -> Vec<Cow<'_, str>> {
        let mut start = 0;
        let mut texts = Vec::with_capacity(row.columns);
        for end in self.ends.get(..row.columns).unwrap_or_default() {
            let bytes = self.output.get(start..*end).unwrap_or_default();
            texts.push(String::from_utf8_lossy(bytes));
            start = *end;
        }
        texts
    }

    /// The rows at the beginning of a table: all values of each under the names of their columns.
    pub(super) fn pairs(delimiter: u8, mut beginning: &[u8]) -> Vec<Vec<(String, String)>> {
        let mut table = Self::new(&Fields::new(&[] as &[&str]), delimiter);
        let mut names: Vec<String> = Vec::new();
        let mut rows = Vec::new();
        while let Ok(Some(row)) = table.row(&mut beginning) {
            let texts = table.texts(&row);
            let texts = texts
                .iter()
                .map(|text| text.trim_start_matches('\u{feff}').trim());
            if names.is_empty() {
                names = texts.map(str::to_owned).collect();
            } else {
                let pairs = names.iter().cloned().zip(texts.map(str::to_owned));
                rows.push(pairs.collect());
            }
        }
        rows
    }

    /// Whether nothing stood behind the last row, not even the end of its line.
    pub(super) fn ended_without_newline(&self) -> bool {
        self.unended
    }

    /// Passes the end of the row before, of which the reader leaves the LF behind a CR, and lines without anything.
    fn pass_line_ends(&mut self, input: &mut impl BufRead) -> io::Result<()> {
        loop {
            let available = input.fill_buf()?;
            let is_end = |byte: &&u8| matches!(**byte, b'\r' | b'\n');
            let ends = available.iter().take_while(is_end);
            let (mut count, mut lines) = (0_usize, 0_u64);
            for end in ends {
                count = count.saturating_add(1);
                lines = lines.saturating_add(u64::from(*end == b'\n'));
            }
            if count == 0 {
                return Ok(());
            }
            self.reader
                .set_line(self.reader.line().saturating_add(lines));
            input.consume(count);
        }
    }

    /// Reads a row, of which no more is kept than a line may be long.
    fn row(&mut self, input: &mut impl BufRead) -> io::Result<Option<Row>> {
        self.pass_line_ends(input)?;
        let mut row = Row {
            line: self.reader.line(),
            bytes: 0,
            columns: 0,
            too_long: false,
        };
        loop {
            let available = input.fill_buf()?;
            self.unended = available.is_empty();
            let (result, read, written, ended) = self.reader.read_record(
                available,
                self.output.get_mut(row.bytes..).unwrap_or_default(),
                self.ends.get_mut(row.columns..).unwrap_or_default(),
            );
            input.consume(read);
            row.bytes = row.bytes.saturating_add(written);
            row.columns = row.columns.saturating_add(ended);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.output.len() >= LONGEST_LINE => {
                    row.too_long = true;
                    row.bytes = 0;
                }
                ReadRecordResult::OutputFull => {
                    self.output.resize(self.output.len().saturating_mul(2), 0);
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() >= 4096 => {
                    row.too_long = true;
                    row.columns = 0;
                }
                ReadRecordResult::OutputEndsFull => {
                    self.ends.resize(self.ends.len().saturating_mul(2), 0);
                }
                ReadRecordResult::Record => return Ok(Some(row)),
                ReadRecordResult::End => return Ok(None),
            }
        }
    }
}
