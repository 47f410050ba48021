//! How much a VM may use: memory, and instructions in one callback.
//!
//! Envoy 1.40 limits neither by itself. A module that asks for too much memory dies there by the memory of the machine, and one
//! that never returns takes its worker with it; a test wants to hear of both.

use wasmtime::ResourceLimiter;

/// How many instructions a callback may execute unless the simulation is told otherwise; a second or so.
const DEFAULT_INSTRUCTIONS: u64 = 1_000_000_000;

/// What a VM may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes of memory.
    pub(crate) memory: usize,
    /// Instructions of WebAssembly (wasmtime's fuel) from a callback to its return.
    pub(crate) instructions: u64,
}

impl Limits {
    /// How many times as long a callback may take at the start: a configuration may be megabytes long.
    const AT_THE_START: u64 = 30;

    /// How many instructions this callback may execute.
    pub(crate) fn instructions_of(self, callback: &str) -> u64 {
        match callback {
            "proxy_on_vm_start" | "proxy_on_configure" => {
                self.instructions.saturating_mul(Self::AT_THE_START)
            }
            _ => self.instructions,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: usize::MAX,
            instructions: DEFAULT_INSTRUCTIONS,
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
            limit: limits.memory,
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
        self.refused |= !allowed;
        Ok(allowed)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        _desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(true)
    }
}
