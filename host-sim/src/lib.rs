//! Runs proxy-wasm modules as Envoy does, without Envoy.
//!
//! # Layout
//!
//! - [`scenario`] is the test language: what a plugin is given and what a client, an upstream or an operator then sees.
//! - [`target`] is what a host must be able to do so that scenarios can run on it.
//! - [`runner`] walks a scenario over a target; it is the one comparison that every host shares.
//! - [`report`] says what differed.

pub mod report;
pub mod runner;
pub mod scenario;
pub mod target;
