//! Which lines of a module's source were executed, and how often.
//!
//! Blocks of code are counted while the module runs ([`Module::covered`](crate::Module::covered)), and its DWARF says to which lines they
//! belong. A line of which the compiler has made no code is not listed. Within a function of the module a line counts as often as the block of
//! it that was executed most; copies of a line in several functions, as where one is inlined or generic, are added up. A block whose last
//! part is never reached, because a function in it traps, counts as a whole.

mod functions;
mod lcov;
mod lines;

use std::collections::BTreeMap;

use crate::guest::instrument::counters::Block;
use crate::guest::symbols::Symbols;
use functions::functions;
use lines::Lines;

/// Why there is no coverage.
#[derive(Debug, thiserror::Error)]
pub enum CoverageError {
    /// The module was not loaded for it.
    #[error("nothing was counted: the module was not loaded for that")]
    NotCounted,
    /// Nothing says to which lines the code belongs.
    #[error("the module has no source lines (DWARF sections such as .debug_line)")]
    NoDwarf,
    /// The DWARF cannot be read.
    #[error("the DWARF of the module cannot be read: {0}")]
    BadDwarf(String),
}

impl From<gimli::Error> for CoverageError {
    fn from(error: gimli::Error) -> Self {
        Self::BadDwarf(error.to_string())
    }
}

/// What was executed of a module's source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Its files, by the paths that the compiler wrote down.
    pub files: BTreeMap<String, FileCoverage>,
}

/// What was executed of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileCoverage {
    /// How often each line was, of those with code.
    pub lines: BTreeMap<u32, u64>,
    /// Its functions, in order.
    pub functions: Vec<FunctionCoverage>,
}

/// A function of the source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FunctionCoverage {
    /// Where it begins.
    pub line: u32,
    /// Its name, demangled.
    pub name: String,
    /// How often it was called.
    pub count: u64,
}

/// How many there are, and how many of them were executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Executed at least once.
    pub hit: usize,
    /// All.
    pub all: usize,
}

impl Share {
    fn of(counts: impl Iterator<Item = u64>) -> Self {
        counts.fold(Self::default(), |share, count| Self {
            hit: share.hit.saturating_add(usize::from(count > 0)),
            all: share.all.saturating_add(1),
        })
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            hit: self.hit.saturating_add(other.hit),
            all: self.all.saturating_add(other.all),
        }
    }

    /// In percent; 100 of nothing.
    #[must_use]
    pub fn percent(self) -> f64 {
        if self.all == 0 {
            return 100.0;
        }
        // Numbers beyond 2^53 do not occur.
        self.hit as f64 * 100.0 / self.all as f64
    }
}

impl FileCoverage {
    /// Of its lines with code.
    #[must_use]
    pub fn line_share(&self) -> Share {
        Share::of(self.lines.values().copied())
    }

    /// Of its functions.
    #[must_use]
    pub fn function_share(&self) -> Share {
        Share::of(self.functions.iter().map(|function| function.count))
    }
}

impl Coverage {
    pub(crate) fn of(
        symbols: &Symbols,
        blocks: &[Block],
        counts: &[u64],
    ) -> Result<Self, CoverageError> {
        let (dwarf, start) = symbols.dwarf().ok_or(CoverageError::NoDwarf)?;
        let counted = Counted {
            blocks,
            counts,
            start,
        };
        let lines = Lines::read(&dwarf, &counted)?;
        let mut files: BTreeMap<String, FileCoverage> = BTreeMap::new();
        for (path, line, count) in lines.counts(&counted) {
            let file = files.entry(path.to_owned()).or_default();
            file.lines.insert(line, count);
        }
        for (path, function) in functions(&dwarf, symbols, &lines, &counted)? {
            let file = files.entry(path).or_default();
            file.functions.push(function);
        }
        Ok(Self { files })
    }

    /// That of some files alone, by their paths.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&str) -> bool) -> Self {
        let files = self.files.iter().filter(|(path, _)| keep(path));
        Self {
            files: files
                .map(|(path, file)| (path.clone(), file.clone()))
                .collect(),
        }
    }

    /// Of all lines with code.
    #[must_use]
    pub fn line_share(&self) -> Share {
        let shares = self.files.values().map(FileCoverage::line_share);
        shares.fold(Share::default(), Share::and)
    }

    /// Of all functions.
    #[must_use]
    pub fn function_share(&self) -> Share {
        let shares = self.files.values().map(FileCoverage::function_share);
        shares.fold(Share::default(), Share::and)
    }
}

/// Blocks with how often they were executed.
struct Counted<'c> {
    blocks: &'c [Block],
    counts: &'c [u64],
    /// Where addresses of DWARF begin in the file.
    start: u64,
}

impl Counted<'_> {
    /// The blocks that have code between two addresses of DWARF, each with its function and its count.
    fn between(&self, from: u64, to: u64) -> impl Iterator<Item = (u32, u64)> {
        let (from, to) = (
            from.saturating_add(self.start),
            to.saturating_add(self.start),
        );
        let first = self
            .blocks
            .partition_point(|block| block.places.end <= from);
        let blocks = self.blocks.get(first..).unwrap_or_default();
        let counts = self.counts.get(first..).unwrap_or_default();
        let counted = blocks.iter().zip(counts);
        counted
            .take_while(move |(block, _)| block.places.start < to)
            .filter(move |(block, _)| block.code.start < to && from < block.code.end)
            .map(|(block, count)| (block.function, *count))
    }

    /// The functions of the module.
    fn functions(&self) -> Vec<Function> {
        let mut functions: Vec<Function> = Vec::new();
        for (block, count) in self.blocks.iter().zip(self.counts) {
            let (from, to) = (
                block.places.start.saturating_sub(self.start),
                block.places.end.saturating_sub(self.start),
            );
            match functions.last_mut() {
                Some(last) if last.number == block.function => last.to = to,
                _ => functions.push(Function {
                    number: block.function,
                    from,
                    to,
                    count: *count,
                }),
            }
        }
        functions
    }

    /// The function whose code is at this address or begins right behind it.
    fn at(&self, address: u64) -> Option<u32> {
        let place = address.saturating_add(self.start);
        let behind = self
            .blocks
            .partition_point(|block| block.places.end <= place);
        let block = self.blocks.get(behind)?;
        let is_near = block.places.start <= place.saturating_add(DECLARATIONS);
        is_near.then_some(block.function)
    }
}

/// A function of the module.
struct Function {
    number: u32,
    /// Addresses of DWARF.
    from: u64,
    to: u64,
    /// How often it was called.
    count: u64,
}

/// The most bytes that a function has before its code: its size and its variables.
const DECLARATIONS: u64 = 64;
