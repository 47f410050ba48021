//! The callback that runs: for whom, what it brings along, and what hostcalls have asked for meanwhile.

use std::sync::Arc;

use super::Deferred;

/// The callback that runs, or ran last.
#[derive(Debug, Default)]
pub(crate) struct Running {
    /// Where it is.
    pub(crate) at: Position,
    /// The plugin configuration while callbacks may read it.
    pub(crate) configuration: Option<Arc<[u8]>>,
    /// Whether it sent a local response, which overrides what it returns.
    pub(crate) responded: bool,
    /// What is done once it has returned.
    pub(crate) deferred: Vec<Deferred>,
}

/// Where a callback is.
#[derive(Debug, Default)]
pub(crate) struct Position {
    /// The handle of the plugin whose callback it is.
    pub(crate) handle: usize,
    /// The context that it was made for.
    pub(crate) context: u32,
    /// The context that hostcalls mean instead.
    pub(crate) effective: Option<u32>,
    /// What a callback of Envoy's own brings along.
    pub(crate) call_data: Vec<u8>,
}
