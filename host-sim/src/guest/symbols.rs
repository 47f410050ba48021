//! Names and source lines of a module's code: from its DWARF, otherwise from its name section, otherwise from what it imports and
//! exports.
//!
//! Addresses in DWARF count from where the content of the code section begins
//! (<https://yurydelendik.github.io/webassembly-dwarf/>, "Code addresses"), those of engines and of Envoy's log from where the file begins.

mod binary;
mod demangle;
mod dwarf;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use binary::Binary;
pub(crate) use demangle::demangled;
use dwarf::Dwarf;
pub(crate) use dwarf::Slice;

/// Why a module's names cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SymbolsError {
    /// The bytes are no module.
    #[error("not a WebAssembly module: {0}")]
    NotWasm(String),
    /// The module that is to have the names is another one.
    #[error(
        "its code is not that of the filter: expected the same module before its names were stripped"
    )]
    OtherCode,
}

/// A place in the source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file, as the compiler wrote it down.
    pub file: String,
    /// Counted from 1.
    pub line: u32,
    /// Counted from 1.
    pub column: Option<u32>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        match self.column {
            Some(column) => write!(f, ":{column}"),
            None => Ok(()),
        }
    }
}

/// A function that was at some point of its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallSite {
    /// The function, demangled.
    pub function: String,
    /// Where it was, if that is known.
    pub place: Option<Place>,
}

impl fmt::Display for CallSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.function)?;
        match &self.place {
            Some(place) => write!(f, " ({place})"),
            None => Ok(()),
        }
    }
}

/// What is known of the source of a module.
#[derive(Debug)]
pub struct Symbols {
    binary: Binary,
    names: BTreeMap<u32, String>,
    /// Those functions whose names the compiler has written down.
    stated: BTreeSet<u32>,
    dwarf: Option<Dwarf>,
    /// What has been looked up, by its offset in the code.
    known: Mutex<BTreeMap<u64, Vec<CallSite>>>,
}

impl Symbols {
    /// What a module itself says, which may be in the text format.
    ///
    /// # Errors
    ///
    /// The bytes are no module.
    pub fn of(module: &[u8]) -> Result<Self, SymbolsError> {
        let binary = Binary::read(module)?;
        Ok(Self {
            names: binary.names().clone(),
            stated: binary.stated().clone(),
            dwarf: Dwarf::of(&binary),
            binary,
            known: Mutex::default(),
        })
    }

    /// What a module says together with a twin of it, from which nothing was stripped.
    ///
    /// # Errors
    ///
    /// The bytes are no modules, or the code of the twin is different.
    pub fn with_twin(module: &[u8], twin: &[u8]) -> Result<Self, SymbolsError> {
        let mut symbols = Self::of(module)?;
        let twin = Binary::read(twin)?;
        if symbols.binary.code() != twin.code() {
            return Err(SymbolsError::OtherCode);
        }
        symbols.names.extend(twin.names().clone());
        symbols.stated.extend(twin.stated());
        symbols.dwarf = Dwarf::of(&twin).or(symbols.dwarf);
        Ok(symbols)
    }

    /// What the function with this number is called, imported ones first.
    #[must_use]
    pub fn name(&self, function: u32) -> String {
        match self.names.get(&function) {
            Some(name) => name.clone(),
            None => format!("function {function}"),
        }
    }

    /// Whether the compiler can have called a function so; it can if it has written no name down.
    #[must_use]
    pub fn may_be_called(&self, function: u32, name: &str) -> bool {
        !self.stated.contains(&function) || self.name(function) == demangled(name)
    }

    /// Its DWARF, and where in the file the code is whose addresses begin there with 0.
    pub(crate) fn dwarf(&self) -> Option<(gimli::Dwarf<Slice<'_>>, u64)> {
        let dwarf = self.dwarf.as_ref()?;
        Some((dwarf.borrow(), self.binary.code_start()))
    }

    /// The number of the function whose code is at this offset in the file.
    #[must_use]
    pub fn function_at(&self, offset: u64) -> Option<u32> {
        self.binary.function_at(offset)
    }

    /// Whether there is a name section, with the name of a function in it: then Envoy logs backtraces.
    #[must_use]
    pub fn has_names(&self) -> bool {
        !self.stated.is_empty()
    }

    /// Whether the module tells source lines: it has DWARF.
    #[must_use]
    pub fn has_lines(&self) -> bool {
        self.dwarf.is_some()
    }

    /// What is at these offsets in the file: of each the innermost function first, and then those into which it was inlined. Empty
    /// where there is no code.
    #[must_use]
    pub fn call_sites(&self, offsets: &[u64]) -> Vec<Vec<CallSite>> {
        let start = self.binary.code_start();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let new: Vec<u64> = offsets
            .iter()
            .map(|offset| offset.saturating_sub(start))
            .filter(|address| !known.contains_key(address))
            .collect();
        let looked_up = match &self.dwarf {
            Some(dwarf) if !new.is_empty() => dwarf.call_sites(&new),
            _ => Vec::new(),
        };
        known.extend(new.into_iter().zip(looked_up));
        let of = |offset: &u64| {
            let Some(function) = self.function_at(*offset) else {
                return Vec::new();
            };
            let mut sites = known
                .get(&offset.saturating_sub(start))
                .cloned()
                .unwrap_or_default();
            if sites.is_empty() {
                sites.push(CallSite {
                    function: String::new(),
                    place: None,
                });
            }
            // The outermost is the module's function, of which DWARF may tell no more than the last part of its name.
            if let Some(site) = sites.last_mut()
                && (site.function.is_empty() || self.stated.contains(&function))
            {
                site.function = self.name(function);
            }
            sites
        };
        offsets.iter().map(of).collect()
    }
}

/// How a function on the stack is written, which is at this offset in the module's file: on the first line itself, and on the others
/// those into which it was inlined.
#[must_use]
pub fn frame_lines(number: usize, offset: u64, sites: &[CallSite]) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, site) in sites.iter().enumerate() {
        lines.push(match index {
            0 => format!("{number:>3}: {offset:#x} {site}"),
            _ => format!("     inlined into {site}"),
        });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_name_section_hides_no_more_than_its_rest() {
        let mut module = wat::parse_str("(module (func) (func) (func (export \"out\")))").unwrap();
        // Two names are promised, and of the second there is only the number.
        module.extend(b"\x00\x0c\x04name\x01\x05\x02\x00\x01a\x01");
        let symbols = Symbols::of(&module).unwrap();
        assert_eq!(
            [0, 1, 2].map(|number| symbols.name(number)),
            ["a", "function 1", "out"]
        );
        assert!(symbols.has_names() && !symbols.has_lines());
    }

    #[test]
    fn offsets_outside_of_functions_are_nowhere() {
        let module = wat::parse_str("(module (func nop) (func nop))").unwrap();
        let symbols = Symbols::of(&module).unwrap();
        let end = u64::try_from(module.len()).unwrap();
        for offset in [0, 8, end, u64::MAX] {
            assert_eq!(symbols.function_at(offset), None, "{offset}");
            assert_eq!(symbols.call_sites(&[offset]), [vec![]], "{offset}");
        }
        let last = end.saturating_sub(1);
        assert_eq!(symbols.function_at(last), Some(1));
        let sites = symbols.call_sites(&[last]);
        let lines: Vec<_> = sites
            .iter()
            .flat_map(|sites| frame_lines(0, last, sites))
            .collect();
        assert_eq!(lines, [format!("  0: {last:#x} function 1")]);
    }
}
