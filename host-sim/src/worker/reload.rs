//! A new VM in place of one that has failed (`PluginConfig::maybeReloadHandleIfNeeded` in Envoy's `wasm.cc`).

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use super::{Configured, Worker};
use crate::clock::Instant;
use crate::module::Module;
use crate::stream::HttpStream;
use crate::target::FailurePolicy;
use crate::vm::{Vm, VmFailure};

/// How long a VM must have been loaded before it is loaded anew, unless `reload_config.backoff` says otherwise: Envoy's default base
/// interval. To the base interval Envoy adds up to half of it at random; here it is never more than the base.
pub(crate) const RELOAD_AFTER: Duration = Duration::from_secs(1);

/// What a worker needs to start its VM once more.
pub(super) struct Reload {
    pub(super) module: Module,
    pub(super) label: String,
    /// The configuration in force.
    pub(super) configuration: Vec<u8>,
    /// When a VM was last started here, or was tried to be.
    pub(super) loaded: Instant,
    /// Streams whose VM is gone. Nothing is called for them any more.
    pub(super) orphans: BTreeMap<u32, HttpStream>,
}

impl Worker {
    /// Before a stream is opened: if the VM has trapped, the policy is to reload it and it has not just been loaded, a new one
    /// takes its place. Shared data and metrics are the process's and stay; streams of the old VM go on without one. When the
    /// new VM does not come up, the old one stays.
    ///
    /// Unlike in Envoy, the new VM's contexts are numbered after the old one's, so that traces stay unambiguous.
    pub(crate) fn reload_if_due(&mut self, now: Instant) {
        let trapped = matches!(
            self.vm.failure(),
            Some(VmFailure::Trapped { .. } | VmFailure::Forbidden { .. })
        );
        let due = self.reload.loaded.after(self.rules.reload_after) <= now;
        if !trapped || !due || self.rules.failure_policy != FailurePolicy::FailReload {
            return;
        }
        self.reload.loaded = now;
        let state = self.vm.store.data();
        let (host, identity) = (Rc::clone(&state.host), Rc::clone(&state.identity));
        let Ok(mut fresh) = Vm::new(
            &self.reload.module,
            host,
            identity,
            self.reload.label.clone(),
        ) else {
            return;
        };
        fresh.store.data_mut().number_contexts_after(state);
        let mut failed = std::mem::replace(&mut self.vm, fresh);
        let old_root = std::mem::take(&mut self.root);
        let configuration = self.reload.configuration.clone();
        if self.configure(&configuration) == Ok(Configured::Accepted) {
            let streams = std::mem::take(&mut failed.store.data_mut().streams);
            self.reload.orphans.extend(streams);
        } else {
            self.vm = failed;
            self.root = old_root;
        }
    }

    /// Whether nothing can be called for this stream any more.
    pub(super) fn is_dead(&self, id: u32) -> bool {
        self.vm.failure().is_some() || self.reload.orphans.contains_key(&id)
    }

    /// The configuration in force, or to be in force once the VM is started anew.
    pub(crate) fn configuration(&self) -> &[u8] {
        &self.reload.configuration
    }

    /// A new configuration for a VM that has failed takes effect when the VM is started anew.
    pub(crate) fn configure_later(&mut self, configuration: &[u8]) {
        self.reload.configuration = configuration.to_vec();
    }
}
