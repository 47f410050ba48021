//! API credits for Envoy: the policy core, and the proxy-wasm filter around it.

pub mod config_error;
pub mod cost_table;
pub mod credits;
