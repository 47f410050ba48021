//! Why a scenario cannot be explored.

use crate::scenario::runner::RunError;

/// Why a scenario cannot be explored.
#[derive(Debug, thiserror::Error)]
pub enum ExploreError {
    /// Its files are wrong, or the host failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Nothing in it happens at the same time.
    #[error(
        "{scenario}: no step is `parallel`, expected at least one: its requests are what is explored"
    )]
    NothingParallel {
        /// The scenario's file.
        scenario: String,
    },
    /// The schedule does not fit the scenario.
    #[error("{scenario}: {message}")]
    Schedule {
        /// The scenario's file.
        scenario: String,
        /// What does not fit.
        message: String,
    },
}
