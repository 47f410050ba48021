//! Envoy with its plugins: workers that drive streams through a chain of VMs, and the simulator around them.

mod chain;
pub(crate) mod simulator;
mod worker;
