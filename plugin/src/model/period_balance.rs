//! What is left in a period.

use jiff::Timestamp;

use crate::model::{day::Seconds, period::Unit, policy_name::PolicyName};

/// What is left in a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeriodBalance {
    /// What the period is called.
    pub name: PolicyName,
    /// What it counts.
    pub unit: Unit,
    /// The most that may be used in it.
    pub limit: u64,
    /// What is used in it.
    pub used: u64,
    /// When something of it is free again: the end of a week or month, or when what was used first in a rolling period is over.
    pub resets_at: Timestamp,
    /// How long it is.
    pub length: Seconds,
}

impl PeriodBalance {
    /// What is left.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    /// The time until something of it is free again, rounded up.
    #[must_use]
    pub fn resets_in(&self, now: Timestamp) -> Seconds {
        Seconds::between(now, self.resets_at)
    }
}
