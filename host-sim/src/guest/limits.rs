//! How much a VM may use: memory, tables, and time in one callback.
//!
//! Envoy 1.40 limits memory and tables as V8 does, and time not at all: a module that never returns takes its worker with it, of which a
//! test wants to hear.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// How many bytes of memory V8 gives: 16,384 pages.
pub(crate) const MOST_MEMORY: usize = 16_384 * 65_536;

/// How many pages that is.
pub(crate) const MOST_PAGES: u64 = 16_384;

/// How many elements of a table V8 gives.
pub(crate) const MOST_ELEMENTS: usize = 10_000_000;

/// How long a callback may take unless the simulation is told otherwise.
const DEFAULT_TIME: Duration = Duration::from_secs(30);

/// What a VM may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes of memory.
    pub(crate) memory: usize,
    /// Instructions of WebAssembly (wasmtime's fuel) from a callback to its return.
    pub(crate) instructions: Option<u64>,
    /// How long it may take on the machine.
    pub(crate) time: Option<Duration>,
}

impl Limits {
    /// How many times as long a callback may take at the start: a configuration may be megabytes long.
    const AT_THE_START: u64 = 30;

    /// How many instructions this callback may execute.
    pub(crate) fn instructions_of(self, callback: &str) -> u64 {
        let instructions = self.instructions.unwrap_or(u64::MAX);
        match callback {
            "proxy_on_vm_start" | "proxy_on_configure" => {
                instructions.saturating_mul(Self::AT_THE_START)
            }
            _ => instructions,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: MOST_MEMORY,
            instructions: None,
            time: Some(DEFAULT_TIME),
        }
    }
}

/// The guard of a VM's memory, which knows whether it ever said no.
#[derive(Debug)]
pub(crate) struct MemoryGuard {
    limit: usize,
    refused: bool,
}

impl MemoryGuard {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limit: limits.memory.min(MOST_MEMORY),
            refused: false,
        }
    }

    /// The limit, if the guest wanted more.
    pub(crate) fn refused(&self) -> Option<usize> {
        self.refused.then_some(self.limit)
    }
}

impl ResourceLimiter for MemoryGuard {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let allowed = desired <= self.limit;
        // What V8 refuses is no news.
        self.refused |= !allowed && self.limit < MOST_MEMORY;
        Ok(allowed)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= MOST_ELEMENTS)
    }
}
