//! Why a forecast cannot be made.

use crate::proxy::simulator::SimulationError;

/// Why a replay stops.
#[derive(Debug, thiserror::Error)]
pub enum ForecastError {
    /// The simulation came to its end.
    #[error("{call}: {source}")]
    Simulation {
        /// At which call, and when that came.
        call: String,
        /// What happened.
        source: Box<SimulationError>,
    },
    /// The module died, after which every call is answered 503.
    #[error("{call}: {failure}{}", place.iter().map(|line| format!("\n{line}")).collect::<String>())]
    Died {
        /// At which call, and when that came.
        call: String,
        /// How.
        failure: String,
        /// The functions that were on the stack, the innermost first.
        place: Vec<String>,
    },
}
