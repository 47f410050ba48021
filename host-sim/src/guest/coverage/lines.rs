//! Which code belongs to which line: the line tables of DWARF.

use std::collections::BTreeMap;

use gimli::{Dwarf, LineProgramHeader, Unit};

use super::{Counted, CoverageError};
use crate::guest::symbols::Slice;

/// The line tables of a module.
#[derive(Default)]
pub(super) struct Lines {
    paths: Vec<String>,
    numbers: BTreeMap<String, usize>,
    /// In the order of their addresses.
    rows: Vec<Row>,
}

/// Code of a line.
#[derive(Clone, Copy)]
struct Row {
    /// Addresses of DWARF.
    from: u64,
    to: u64,
    path: usize,
    line: u32,
}

impl Lines {
    pub(super) fn read(
        dwarf: &Dwarf<Slice<'_>>,
        counted: &Counted<'_>,
    ) -> Result<Self, CoverageError> {
        let mut lines = Self::default();
        let mut units = dwarf.units();
        while let Some(header) = units.next()? {
            let unit = dwarf.unit(header)?;
            lines.read_unit(dwarf, &unit, counted)?;
        }
        lines.rows.sort_by_key(|row| row.from);
        Ok(lines)
    }

    fn read_unit(
        &mut self,
        dwarf: &Dwarf<Slice<'_>>,
        unit: &Unit<Slice<'_>>,
        counted: &Counted<'_>,
    ) -> Result<(), CoverageError> {
        let Some(program) = unit.line_program.clone() else {
            return Ok(());
        };
        let mut files = BTreeMap::new();
        let mut rows = program.rows();
        // The row before, and the sequence's rows, which count if there is a function where they begin: linkers move those of
        // functions that are not in the module to an address out of the way.
        let mut last: Option<(u64, u64, Option<u32>)> = None;
        let mut sequence: Vec<Row> = Vec::new();
        let mut start = None;
        while let Some((header, row)) = rows.next_row()? {
            let address = row.address();
            if let Some((from, file, Some(line))) = last
                && from < address
            {
                let path = match files.get(&file) {
                    Some(path) => *path,
                    None => {
                        let path = self.number(path_of(dwarf, unit, header, file)?);
                        files.insert(file, path);
                        path
                    }
                };
                sequence.push(Row {
                    from,
                    to: address,
                    path,
                    line,
                });
            }
            start.get_or_insert(address);
            last = Some((address, row.file_index(), line_of(row)));
            if row.end_sequence() {
                if start.is_some_and(|start| start > 0 && counted.at(start).is_some()) {
                    self.rows.append(&mut sequence);
                }
                sequence.clear();
                (last, start) = (None, None);
            }
        }
        Ok(())
    }

    fn number(&mut self, path: String) -> usize {
        let next = self.paths.len();
        let paths = &mut self.paths;
        *self.numbers.entry(path).or_insert_with_key(|path| {
            paths.push(path.clone());
            next
        })
    }

    /// Each line with code, by its file, and how often it was executed.
    pub(super) fn counts(&self, counted: &Counted<'_>) -> Vec<(&str, u32, u64)> {
        let mut most: BTreeMap<(usize, u32), BTreeMap<u32, u64>> = BTreeMap::new();
        for row in &self.rows {
            for (function, count) in counted.between(row.from, row.to) {
                let functions = most.entry((row.path, row.line)).or_default();
                let most = functions.entry(function).or_default();
                *most = count.max(*most);
            }
        }
        let of = |((path, line), functions): ((usize, u32), BTreeMap<u32, u64>)| {
            let path = self.paths.get(path)?;
            let sum = functions
                .values()
                .fold(0, |sum: u64, count| sum.saturating_add(*count));
            Some((path.as_str(), line, sum))
        };
        most.into_iter().filter_map(of).collect()
    }

    /// The file and the line of the first code between two addresses that belongs to any.
    pub(super) fn first_in(&self, from: u64, to: u64) -> Option<(&str, u32)> {
        // Rows do not overlap.
        let first = self.rows.partition_point(|row| row.to <= from);
        let row = self.rows.get(first).filter(|row| row.from < to)?;
        let path = self.paths.get(row.path)?;
        Some((path.as_str(), row.line))
    }
}

/// Its line; none for code that the compiler has added.
fn line_of(row: &gimli::LineRow) -> Option<u32> {
    u32::try_from(row.line()?.get()).ok()
}

/// The path of a file of this unit.
pub(super) fn path_of(
    dwarf: &Dwarf<Slice<'_>>,
    unit: &Unit<Slice<'_>>,
    header: &LineProgramHeader<Slice<'_>>,
    file: u64,
) -> Result<String, CoverageError> {
    let Some(file) = header.file(file) else {
        return Ok("(unknown)".to_owned());
    };
    let text = |value| -> Result<String, CoverageError> {
        Ok(dwarf
            .attr_string(unit, value)?
            .to_string_lossy()
            .into_owned())
    };
    let mut path = String::new();
    if let Some(folder) = &unit.comp_dir {
        path.push_str(&folder.to_string_lossy());
    }
    if let Some(folder) = file.directory(header) {
        path = joined(&path, &text(folder)?);
    }
    Ok(plain(&joined(&path, &text(file.path_name())?)))
}

/// A path below a folder, unless it begins at the root.
fn joined(folder: &str, path: &str) -> String {
    let is_absolute = path.starts_with('/') || path.get(1..3).is_some_and(|drive| drive == ":\\");
    if folder.is_empty() || is_absolute {
        path.to_owned()
    } else {
        format!("{}/{path}", folder.trim_end_matches('/'))
    }
}

/// The same path without `.` and `..` in it.
fn plain(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." if parts
                .last()
                .is_some_and(|last| !last.is_empty() && *last != "..") =>
            {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_and_made_plain() {
        assert_eq!(joined("/a/", "b/c.rs"), "/a/b/c.rs");
        assert_eq!(joined("/a", "/b/c.rs"), "/b/c.rs");
        assert_eq!(joined("", "b.rs"), "b.rs");
        assert_eq!(plain("/a/./b/../../c.rs"), "/c.rs");
        assert_eq!(plain("../a.rs"), "../a.rs");
    }
}
