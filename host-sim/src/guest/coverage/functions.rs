//! The functions of a module's source, also those that were inlined: entries of DWARF.

use std::collections::{BTreeMap, BTreeSet};

use gimli::constants::{
    DW_AT_abstract_origin, DW_AT_decl_file, DW_AT_decl_line, DW_AT_linkage_name, DW_AT_name,
    DW_AT_specification, DW_TAG_inlined_subroutine, DW_TAG_subprogram,
};
use gimli::{
    AttributeValue, DebugInfoOffset, DebuggingInformationEntry, DwAt, Dwarf, Unit, UnitOffset,
};

use super::lines::{Lines, path_of};
use super::{Counted, CoverageError, FunctionCoverage};
use crate::guest::symbols::{Slice, Symbols, demangled};

type Entry<'d> = DebuggingInformationEntry<Slice<'d>>;

/// An entry: the number of its unit, and where it is in it.
type Key = (usize, UnitOffset);

/// How far one entry may refer to another, which refers to another.
const FARTHEST: usize = 8;

/// What entries say of a function.
#[derive(Clone, Default)]
struct Details {
    name: Option<String>,
    /// As linkers know it.
    is_whole: bool,
    path: Option<String>,
    line: Option<u32>,
}

/// All functions with code, by file and line, with how often they were called.
pub(super) fn functions(
    dwarf: &Dwarf<Slice<'_>>,
    symbols: &Symbols,
    lines: &Lines,
    counted: &Counted<'_>,
) -> Result<Vec<(String, FunctionCoverage)>, CoverageError> {
    let mut units = Vec::new();
    let mut headers = dwarf.units();
    while let Some(header) = headers.next()? {
        units.push(dwarf.unit(header)?);
    }
    let reading = Reading { dwarf, units };
    let mut known: BTreeMap<Key, Details> = BTreeMap::new();
    let mut counts: BTreeMap<(String, u32, String), u64> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut count = |path: &str, line: u32, name: String, count: u64| {
        let sum = counts.entry((path.to_owned(), line, name)).or_default();
        *sum = sum.saturating_add(count);
    };
    for (number, unit) in reading.units.iter().enumerate() {
        let mut entries = unit.entries();
        while let Some(entry) = entries.next_dfs()? {
            let is_whole = entry.tag() == DW_TAG_subprogram;
            if !is_whole && entry.tag() != DW_TAG_inlined_subroutine {
                continue;
            }
            let Some((from, to)) = reading.first_range(unit, entry)? else {
                continue;
            };
            let Some((function, calls)) = counted.between(from, to).next() else {
                continue;
            };
            let key = (number, entry.offset());
            let details = match known.get(&key) {
                Some(details) => details.clone(),
                None => reading.details(key)?,
            };
            known.insert(key, details.clone());
            let name = match details.name {
                Some(name) if details.is_whole || !is_whole => name,
                _ if is_whole => symbols.name(function),
                _ => continue,
            };
            let place = details.path.as_deref().zip(details.line);
            let place = place.or_else(|| lines.first_in(from, to));
            if let Some((path, line)) = place {
                count(path, line, name, calls);
                if is_whole {
                    seen.insert(function);
                }
            }
        }
    }
    // Compilers that are to write down no more than lines leave out functions into which nothing is inlined.
    for function in counted.functions() {
        if let Some((path, line)) = lines.first_in(function.from, function.to)
            && !seen.contains(&function.number)
        {
            let name = symbols.name(function.number);
            count(path, line, name, function.count);
        }
    }
    let of = |((path, line, name), count)| (path, FunctionCoverage { line, name, count });
    Ok(counts.into_iter().map(of).collect())
}

struct Reading<'r, 'd> {
    dwarf: &'r Dwarf<Slice<'d>>,
    units: Vec<Unit<Slice<'d>>>,
}

impl<'d> Reading<'_, 'd> {
    /// The lowest addresses of its code, if it has any.
    fn first_range(
        &self,
        unit: &Unit<Slice<'d>>,
        entry: &Entry<'d>,
    ) -> Result<Option<(u64, u64)>, CoverageError> {
        let mut ranges = self.dwarf.die_ranges(unit, entry)?;
        let mut first: Option<(u64, u64)> = None;
        while let Some(range) = ranges.next()? {
            // Where a linker has left the code of a function out, it begins at 0 or at the end of all addresses.
            if range.begin > 0 && range.begin < range.end {
                let range = (range.begin, range.end);
                first = Some(first.map_or(range, |first| first.min(range)));
            }
        }
        Ok(first)
    }

    /// What an entry says, and those to which it refers.
    fn details(&self, key: Key) -> Result<Details, CoverageError> {
        let mut details = Details::default();
        let mut next = Some(key);
        for _ in 0..FARTHEST {
            let Some((number, offset)) = next else { break };
            let Some(unit) = self.units.get(number) else {
                break;
            };
            let entry = unit.entry(offset)?;
            self.add(&mut details, unit, &entry)?;
            let reference = [DW_AT_abstract_origin, DW_AT_specification]
                .into_iter()
                .find_map(|name| entry.attr_value(name));
            next = match reference {
                Some(AttributeValue::UnitRef(offset)) => Some((number, offset)),
                Some(AttributeValue::DebugInfoRef(offset)) => self.find(offset),
                _ => None,
            };
        }
        Ok(details)
    }

    fn add(
        &self,
        details: &mut Details,
        unit: &Unit<Slice<'d>>,
        entry: &Entry<'d>,
    ) -> Result<(), CoverageError> {
        let text = |name: DwAt| -> Result<Option<String>, CoverageError> {
            let Some(value) = entry.attr_value(name) else {
                return Ok(None);
            };
            let text = self.dwarf.attr_string(unit, value)?;
            Ok(Some(text.to_string_lossy().into_owned()))
        };
        if !details.is_whole {
            if let Some(name) = text(DW_AT_linkage_name)? {
                details.name = Some(demangled(&name));
                details.is_whole = true;
            } else if details.name.is_none() {
                details.name = text(DW_AT_name)?;
            }
        }
        if let (None, Some(AttributeValue::FileIndex(file)), Some(program)) = (
            &details.path,
            entry.attr_value(DW_AT_decl_file),
            &unit.line_program,
        ) {
            details.path = Some(path_of(self.dwarf, unit, program.header(), file)?);
        }
        let line = entry.attr_value(DW_AT_decl_line);
        let line = line.and_then(|line| u32::try_from(line.udata_value()?).ok());
        details.line = details.line.or(line);
        Ok(())
    }

    /// The unit with this place, and where it is in it.
    fn find(&self, offset: DebugInfoOffset) -> Option<Key> {
        let mut units = self.units.iter().enumerate();
        units.find_map(|(number, unit)| Some((number, offset.to_unit_offset(&unit.header)?)))
    }
}
