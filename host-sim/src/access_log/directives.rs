//! The extended log file format: lines with values, and lines that begin with `#`, of which `#Fields:` names the values.

use std::borrow::Cow;

use super::column::{Told, Values};
use super::entry::{Entry, WhyUnread};
use super::fields::Fields;
use super::part::Slot;

/// What begins the line that names the values.
const FIELDS: &str = "#Fields:";

/// A log whose columns are named in itself, and may be named anew.
#[derive(Debug)]
pub(super) struct Directives {
    fields: Fields,
    columns: Vec<Vec<Slot>>,
}

impl Directives {
    pub(super) fn new(fields: &Fields) -> Self {
        Self {
            fields: fields.clone(),
            columns: Vec::new(),
        }
    }

    /// The entry of a line; `None` if it is no call but a directive.
    pub(super) fn entry(
        &mut self,
        line: &str,
        replaced: bool,
        spare: &mut Vec<Entry>,
    ) -> Option<Result<Entry, WhyUnread>> {
        if let Some(names) = line.strip_prefix(FIELDS) {
            let names = names.split_whitespace();
            self.columns = names.map(|name| self.fields.slots(name)).collect();
        }
        if line.starts_with('#') {
            return None;
        }
        Some(self.call(line, replaced, spare))
    }

    fn call(&self, line: &str, replaced: bool, spare: &mut Vec<Entry>) -> Result<Entry, WhyUnread> {
        if self.columns.is_empty() {
            return Err(WhyUnread::NotOfFormat {
                missing: FIELDS.to_owned(),
            });
        }
        let found = texts(line).count();
        if found != self.columns.len() {
            return Err(WhyUnread::Columns {
                found,
                expected: self.columns.len(),
            });
        }
        let mut values = Values::new(&self.fields);
        values.note_replaced(replaced);
        for (slots, text) in self.columns.iter().zip(texts(line)) {
            if !slots.is_empty() {
                values.put(slots, Told::Text(Cow::Borrowed(text)));
            }
        }
        values.entry(&self.fields, spare)
    }

    /// The lines of a beginning: all values of each under their names.
    pub(super) fn pairs<'l>(lines: impl Iterator<Item = &'l str>) -> Vec<Vec<(String, String)>> {
        let mut names: Vec<&str> = Vec::new();
        let mut rows = Vec::new();
        for line in lines {
            if let Some(fields) = line.strip_prefix(FIELDS) {
                names = fields.split_whitespace().collect();
            } else if !line.starts_with('#') {
                let pairs = names.iter().zip(texts(line));
                let owned = |(name, text): (&&str, &str)| ((*name).to_owned(), text.to_owned());
                rows.push(pairs.map(owned).collect());
            }
        }
        rows
    }

    /// Whether a line names the values.
    pub(super) fn names_fields(line: &str) -> bool {
        line.starts_with(FIELDS)
    }
}

/// The values of a line, which are apart by tabulators or by blanks.
fn texts(line: &str) -> impl Iterator<Item = &str> {
    let delimiter = if line.contains('\t') { '\t' } else { ' ' };
    line.split(delimiter)
        .filter(move |text| delimiter == '\t' || !text.is_empty())
}
