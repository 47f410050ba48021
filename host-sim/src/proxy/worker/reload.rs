//! A new VM in place of one that has failed (`PluginConfig::maybeReloadHandleIfNeeded` in Envoy's `wasm.cc`).

use std::rc::Rc;
use std::time::Duration;

use super::{Configured, Worker};
use crate::guest::vm::VmFailure;
use crate::model::FailurePolicy;
use crate::model::clock::Instant;

/// How long a VM must have been loaded before it is loaded anew, unless `reload_config.backoff` says otherwise: Envoy's default base
/// interval. To the base interval Envoy adds up to half of it at random; here it is never more than the base.
pub(crate) const RELOAD_AFTER: Duration = Duration::from_secs(1);

impl Worker {
    /// Before a stream is opened: whether this filter's VM has trapped, its policy is to reload it and it has not just been loaded.
    /// If so, it counts as loaded now.
    pub(crate) fn is_due_for_reload(&mut self, handle: usize, now: Instant) -> bool {
        let trapped = matches!(
            self.vm.failure(),
            Some(VmFailure::Trapped { .. } | VmFailure::Forbidden { .. })
        );
        let Some(handle) = self.handles.get_mut(handle).filter(|_| trapped) else {
            return false;
        };
        let due = handle.loaded.after(handle.rules.reload_after) <= now
            && handle.rules.failure_policy == FailurePolicy::FailReload;
        if due {
            handle.loaded = now;
        }
        due
    }

    /// A new VM for this filter, and its handle there. Shared data and metrics are the process's and stay; streams of the old VM go on without one.
    /// When the new VM does not come up, there is none.
    ///
    /// Unlike in Envoy, the two VMs number their contexts together, so that traces stay unambiguous.
    pub(crate) fn renewed(&mut self, handle: usize) -> Option<(Self, usize)> {
        let state = self.vm.store.data();
        let (host, identity) = (Rc::clone(&state.host), Rc::clone(&state.identity));
        let plugin = Rc::clone(&self.handle(handle)?.plugin);
        let mut fresh = Self::start(&self.module, host, identity, plugin).ok()?;
        let numbers = fresh.vm.store.data_mut();
        numbers.number_contexts_with(self.vm.store.data());
        let handle = self.move_to(handle, &mut fresh)?;
        Some((fresh, handle))
    }

    /// Takes a filter out of this VM, which has failed, into one that runs. Says which handle it has there.
    pub(crate) fn move_to(&mut self, handle: usize, other: &mut Self) -> Option<usize> {
        let moving = self.handle(handle)?.clone();
        let joined = other.join(&moving.plugin, &moving.rules, &moving.configuration);
        let Ok((place, Configured::Accepted)) = joined else {
            return None;
        };
        for (id, mut stream) in self.take_streams(handle) {
            stream.handle = place;
            other.orphans.insert(id, stream);
        }
        Some(place)
    }

    /// Whether nothing can be called for this stream any more.
    pub(super) fn is_dead(&self, id: u32) -> bool {
        self.vm.failure().is_some() || self.orphans.contains_key(&id)
    }
}
