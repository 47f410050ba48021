//! A worker whose upstream and whose services are outside of the simulation.

use std::time::Duration;

use super::Worker;
use crate::host::callout::Fate;
use crate::model::{ServiceBehaviour, Upstream, UpstreamRequest};

/// A callout that somebody outside is to answer.
#[derive(Debug)]
pub(crate) struct Unsent {
    pub(crate) token: u32,
    pub(crate) cluster: String,
    pub(crate) request: UpstreamRequest,
    pub(crate) timeout: Option<Duration>,
}

impl Worker {
    /// Callouts that nobody has taken yet. Envoy gives them up after their time-out.
    pub(crate) fn take_unsent(&mut self) -> Vec<Unsent> {
        let state = self.vm.store.data_mut();
        let now = state.host.clock.get();
        let mut taken = Vec::new();
        for (token, callout) in &mut state.outbound.callouts {
            if !matches!(callout.fate, Fate::Unsent) {
                continue;
            }
            if let Some(reply) = callout.refused() {
                callout.fate = Fate::Answered(reply);
                continue;
            }
            callout.fate = Fate::Hangs(callout.gives_up(now));
            taken.push(Unsent {
                token: *token,
                cluster: callout.cluster.clone(),
                request: callout.request.clone(),
                timeout: callout.timeout(),
            });
        }
        taken
    }

    /// The answer to a callout, or that the service cannot be reached.
    pub(crate) fn answer_callout(&mut self, token: u32, answer: Option<&Upstream>) {
        let state = self.vm.store.data_mut();
        let date = state.host.dates.of(state.host.clock.get());
        let version = state.host.version;
        // One that has timed out or was cancelled is gone.
        let Some(callout) = state.outbound.callouts.get_mut(&token) else {
            return;
        };
        callout.is_answered(answer, (&date, version));
    }

    /// The service of the simulation gets a callout, and its answer is there.
    pub(crate) fn send_callout(&mut self, token: u32) {
        let state = self.vm.store.data_mut();
        if let Some(callout) = state.outbound.callouts.get_mut(&token) {
            callout.send(&state.host);
        }
    }

    /// Whether the service of the simulation never answers a callout. If so, it has seen it.
    pub(crate) fn hangs_callout(&mut self, token: u32) -> bool {
        let state = self.vm.store.data_mut();
        let Some(callout) = state.outbound.callouts.get_mut(&token) else {
            return false;
        };
        let services = state.host.outside.services.borrow();
        let hangs = matches!(services.get(&callout.cluster), Some(ServiceBehaviour::Hang));
        drop(services);
        if hangs {
            callout.send(&state.host);
        }
        hangs
    }

    /// By which the process knows the VM.
    pub(crate) fn vm_number(&self) -> u32 {
        self.vm.store.data().number
    }

    /// How much memory the VM has, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        let memory = self.vm.store.data().memory.exported;
        memory.map_or(0, |memory| memory.data_size(&self.vm.store))
    }

    /// How much fuel its callbacks have taken, if the module is metered.
    pub(crate) fn fuel_used(&self) -> Option<u64> {
        let left = self.vm.store.get_fuel().ok()?;
        Some(u64::MAX.saturating_sub(left))
    }
}
