//! What a scenario sets up, as a simulation.

use crate::clock::DEFAULT_START;
use crate::simulator::Builder;
use crate::target::Setup;

impl Builder {
    /// Everything that a scenario sets up.
    #[must_use]
    pub fn setup(self, setup: &Setup) -> Self {
        let default = DEFAULT_START.parse().unwrap_or_default();
        let started_at = setup.clock.unwrap_or(default);
        self.settings(setup.plugin.clone())
            .configuration(setup.config.at(started_at))
            .workers(setup.workers)
            .upstream(setup.upstream.clone())
            .services(setup.services.clone())
            .properties(setup.properties.clone())
            .clock(started_at)
    }
}
