//! A module in its VM: how it is loaded and instrumented, what it imports, and what its hostcalls do.

pub mod coverage;
pub(crate) mod crash;
mod engine;
mod foreign_function;
pub(crate) mod hostcalls;
pub(crate) mod imports;
mod instrument;
pub(crate) mod limits;
pub(crate) mod module;
mod property;
mod refused;
pub mod symbols;
pub(crate) mod vm;
pub(crate) mod vm_state;
