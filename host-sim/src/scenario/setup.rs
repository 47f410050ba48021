//! What a scenario sets up, as a simulation.

use std::path::Path;

use crate::guest::module::{LoadError, Module};
use crate::model::clock::DEFAULT_START;
use crate::proxy::simulator::Builder;
use crate::scenario::target::Setup;

impl Builder {
    /// Everything that a scenario sets up. Modules of its own, which its filters name by their files, are had from `load`.
    ///
    /// # Errors
    ///
    /// When one of them cannot be loaded.
    pub fn setup(
        mut self,
        setup: &Setup,
        mut load: impl FnMut(&Path) -> Result<Module, LoadError>,
    ) -> Result<Self, LoadError> {
        let default = DEFAULT_START.parse().unwrap_or_default();
        let started_at = setup.clock.unwrap_or(default);
        let under_test = self.module().clone();
        for (index, filter) in setup.filters.iter().enumerate() {
            let module = match &filter.module {
                Some(file) => load(file)?,
                None => under_test.clone(),
            };
            let configuration = filter.config.at(started_at);
            if index == 0 {
                self = self.of_module(module);
                self = self.settings(filter.plugin.clone());
                self = self.configuration(configuration);
            } else {
                self = self.filter(&module, filter.plugin.clone(), configuration);
            }
        }
        for (namespace, value) in &setup.metadata {
            self = self.metadata(namespace, value.clone());
        }
        Ok(self
            .workers(setup.workers)
            .upstream(setup.upstream.clone())
            .services(setup.services.clone())
            .grpc_services(setup.grpc_services.clone())
            .names(setup.names.clone())
            .properties(setup.properties.clone())
            .timeouts(setup.timeouts)
            .upgrades(setup.upgrades.clone())
            .connection_manager(setup.connection_manager.clone())
            .route(setup.route.clone())
            .clock(started_at))
    }
}
