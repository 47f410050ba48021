//! Values under named columns, separated by commas, semicolons or tabulators (RFC 4180). Columns may be quoted and go over several
//! lines.

use std::borrow::Cow;
use std::io::{self, BufRead};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::column::{Slot, Told, Values};
use super::entry::{Entry, WhyUnread};
use super::fields::Fields;
use super::reader::LONGEST_LINE;

/// A table.
pub(super) struct Table {
    fields: Fields,
    reader: Reader,
    /// What the columns stand for, once the heading has been read.
    columns: Option<Vec<Vec<Slot>>>,
    output: Vec<u8>,
    ends: Vec<usize>,
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
            let names = self.texts(&heading).unwrap_or_default();
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
        let texts = self.texts(row).ok_or(WhyUnread::NotText)?;
        let mut values = Values::new(&self.fields);
        for (slots, text) in columns.iter().zip(texts) {
            if !slots.is_empty() {
                values.put(slots, Told::Text(Cow::Borrowed(text)));
            }
        }
        values.entry(spare)
    }

    fn texts(&self, row: &Row) -> Option<Vec<&str>> {
        let mut start = 0;
        let mut texts = Vec::with_capacity(row.columns);
        for end in self.ends.get(..row.columns)? {
            texts.push(std::str::from_utf8(self.output.get(start..*end)?).ok()?);
            start = *end;
        }
        Some(texts)
    }

    /// Reads a row, of which no more is kept than a line may be long.
    fn row(&mut self, input: &mut impl BufRead) -> io::Result<Option<Row>> {
        let mut row = Row {
            line: self.reader.line(),
            bytes: 0,
            columns: 0,
            too_long: false,
        };
        loop {
            let available = input.fill_buf()?;
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
