//! The clock of a simulation: it stands still until somebody advances it.

use std::time::Duration;

use jiff::Timestamp;

/// Nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(u64);

impl Instant {
    /// The nearest instant from 1970 to 2554 that the ABI can express.
    pub(crate) fn from_timestamp(timestamp: Timestamp) -> Self {
        Self(u64::try_from(timestamp.as_nanosecond().max(0)).unwrap_or(u64::MAX))
    }

    pub(crate) fn as_nanoseconds(self) -> u64 {
        self.0
    }

    pub(crate) fn as_timestamp(self) -> Timestamp {
        Timestamp::from_nanosecond(i128::from(self.0)).unwrap_or(Timestamp::MAX)
    }

    pub(crate) fn after(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

/// When a simulation starts unless it is told otherwise.
pub(crate) const DEFAULT_START: &str = "2026-11-22T12:00:00Z";
