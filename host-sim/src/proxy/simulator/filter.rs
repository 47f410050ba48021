//! A filter of the chain: what it is started with, and its canary.

use std::rc::Rc;
use std::sync::Arc;

use super::{StartError, accepted};
use crate::guest::module::LoadError;
use crate::guest::vm::VmStartError;
use crate::guest::vm_state::Plugin;
use crate::host::Host;
use crate::proxy::chain::{Filters, Recipe};

/// A filter.
pub(super) struct Filter {
    pub(super) recipe: Recipe,
    /// With which it starts.
    pub(super) configuration: Arc<[u8]>,
}

impl Filter {
    /// One more filter of a thread that traces call so, with this configuration.
    pub(super) fn start(
        &self,
        host: &Rc<Host>,
        label: &str,
        configuration: &Arc<[u8]>,
        filters: &mut Filters,
    ) -> Result<(), StartError> {
        if let Some((module, name)) = self.recipe.module.missing_in(host.version) {
            return Err(StartError::Load(LoadError::UnknownImport { module, name }));
        }
        let mut recipe = self.recipe.clone();
        recipe.plugin = Rc::new(Plugin {
            label: format!("{label}{}", recipe.plugin.label),
            ..Plugin::clone(&recipe.plugin)
        });
        let outcome = filters.add(host, &recipe, configuration);
        let outcome = outcome.map_err(|error| match error {
            VmStartError::Load(error) => StartError::Load(error),
            VmStartError::Failure(failure) => StartError::Failed {
                failure,
                log: host.log_lines(),
                trace: Vec::new(),
            },
        });
        accepted(host, Ok(outcome?))
    }

    /// Tries a configuration in a VM that serves nobody, as Envoy does on its main thread.
    pub(super) fn try_out(
        &self,
        host: &Rc<Host>,
        configuration: &Arc<[u8]>,
    ) -> Result<(), StartError> {
        self.start(host, "canary ", configuration, &mut Filters::default())
    }

    /// Whether all the same is said of another filter, so that Envoy tries it only once.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let (own, others) = (&self.recipe, &other.recipe);
        own.module.is_same(&others.module)
            && own.identity.is_same(&others.identity)
            && own
                .identity
                .shares_context(&own.plugin.settings, &others.plugin.settings)
            && self.configuration == other.configuration
    }
}
