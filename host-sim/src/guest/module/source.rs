//! What a module was compiled from, and what is known of that.

use std::sync::{Mutex, OnceLock, PoisonError};

use crate::guest::coverage::{Coverage, CoverageError};
use crate::guest::instrument::Places;
use crate::guest::instrument::counters::Block;
use crate::guest::symbols::{Symbols, SymbolsError};

/// What a module was compiled from.
#[derive(Debug)]
pub(crate) struct Source {
    code: Box<[u8]>,
    symbols: OnceLock<Option<Symbols>>,
    /// Where code was before more was put into it; nothing if none was.
    places: Option<Places>,
    /// What is counted.
    blocks: Vec<Block>,
    /// How often, in VMs that have ended.
    counts: Mutex<Vec<u64>>,
}

impl Source {
    pub(crate) fn of(code: &[u8]) -> Self {
        Self {
            code: code.into(),
            symbols: OnceLock::new(),
            places: None,
            blocks: Vec::new(),
            counts: Mutex::default(),
        }
    }

    /// That of a module into which more was put.
    pub(crate) fn woven(code: &[u8], places: Places, blocks: Vec<Block>) -> Self {
        Self {
            places: Some(places),
            counts: vec![0; blocks.len()].into(),
            blocks,
            ..Self::of(code)
        }
    }

    /// The same with the names of a twin; it is not counted.
    pub(crate) fn with_twin(&self, twin: &[u8]) -> Result<Self, SymbolsError> {
        let symbols = Symbols::with_twin(&self.code, twin)?;
        Ok(Self {
            symbols: Some(symbols).into(),
            ..Self::of(&self.code)
        })
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.code == other.code
    }

    /// Names and source lines, which are read when they are first asked for.
    pub(crate) fn symbols(&self) -> Option<&Symbols> {
        let read = || Symbols::of(&self.code).ok();
        self.symbols.get_or_init(read).as_ref()
    }

    /// Where the code that an engine has at this offset is in the module's own file.
    pub(crate) fn original(&self, offset: u64) -> Option<u64> {
        match &self.places {
            Some(places) => places.original(offset),
            None => Some(offset),
        }
    }

    /// A VM has ended, and its counters were these.
    pub(crate) fn add(&self, counted: impl Iterator<Item = u64>) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for (count, more) in counts.iter_mut().zip(counted) {
            *count = count.saturating_add(more);
        }
    }

    pub(crate) fn counts(&self) -> Vec<u64> {
        self.counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn code(&self) -> &[u8] {
        &self.code
    }

    pub(crate) fn coverage(&self) -> Result<Coverage, CoverageError> {
        if self.blocks.is_empty() {
            return Err(CoverageError::NotCounted);
        }
        let symbols = self.symbols().ok_or(CoverageError::NoDwarf)?;
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        Coverage::of(symbols, &self.blocks, &counts)
    }
}
