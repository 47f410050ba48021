//! The calls in progress, in the order in which they end.

use std::cmp::Ordering;

use jiff::Timestamp;

use crate::proxy::simulator::PendingCall;

/// A call that is to end.
#[derive(Debug)]
pub(super) struct Departure {
    pub(super) at: Timestamp,
    pub(super) number: u64,
    pub(super) organization: usize,
    /// `None` when the plugin has answered it long ago.
    pub(super) call: Option<ReplayedCall>,
}

#[derive(Debug)]
pub(super) struct ReplayedCall {
    pub(super) pending: PendingCall,
    pub(super) status: Option<u16>,
    /// The headers of the answer that say what the call costs.
    pub(super) settled: Vec<(String, String)>,
    pub(super) came: Came,
}

/// When a call came, and on which of its organization's days.
#[derive(Clone, Copy, Debug)]
pub(super) struct Came {
    pub(super) at: Timestamp,
    pub(super) day: usize,
    /// Whether the plugin neither let it go on nor answered it.
    pub(super) held: bool,
    /// Whether it was sent without a body.
    pub(super) bare: bool,
    /// Whether the log does not tell what its answer said of its cost.
    pub(super) unsettled: bool,
    /// What it would have cost, of one that was only not refused.
    pub(super) price: Option<u64>,
}

impl Ord for Departure {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Departure {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Departure {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Departure {}
