//! The answers to a worker's callouts, which come back in root contexts.

use std::rc::Rc;

use super::Worker;
use crate::guest::vm_state::CallStatus;
use crate::host::callout::Fate;
use crate::model::clock::Instant;

/// What `proxy_get_status` says of an answer that broke off.
const BROKEN_CONNECTION: u32 = 11;

impl Worker {
    /// Whether anything that the plugin has called out is on its way, or a name is looked up for it.
    pub(crate) fn has_called_out(&self) -> bool {
        let state = self.vm.store.data();
        !state.outbound.is_empty()
    }

    /// Sends what the plugin has called out, and gives it every answer that is there. Says whether there was any.
    pub(crate) fn deliver_callouts(&mut self) -> bool {
        if self.vm.failure().is_some() {
            return false;
        }
        let state = self.vm.store.data_mut();
        let host = Rc::clone(&state.host);
        for callout in state.outbound.callouts.values_mut() {
            if matches!(callout.fate, Fate::Unsent) {
                callout.send(&host);
            }
        }
        self.deliver_answers()
    }

    /// Gives the plugin every answer that is there, a time-out among them. Says whether there was any.
    pub(super) fn deliver_answers(&mut self) -> bool {
        let state = self.vm.store.data_mut();
        let host = Rc::clone(&state.host);
        let now = host.clock.get();
        for callout in state.outbound.callouts.values_mut() {
            if callout.is_tried_again(now) {
                callout.send(&host);
            }
        }
        let due: Vec<_> = state
            .outbound
            .callouts
            .iter()
            .filter_map(|(token, callout)| Some((*token, callout.root, callout.outcome(now)?)))
            .collect();
        let any = !due.is_empty();
        for (token, root, outcome) in due {
            let state = self.vm.store.data_mut();
            state.outbound.callouts.remove(&token);
            // Envoy cancels the callouts of a root context that is gone.
            if !state.roots.contains_key(&root) {
                continue;
            }
            if outcome.is_err()
                && let Some(root) = state.roots.get_mut(&root)
            {
                root.status = CallStatus {
                    code: BROKEN_CONNECTION,
                    message: "reset".to_owned(),
                };
            }
            state.outbound.reply = outcome.ok();
            let (headers, body) = state.outbound.reply.as_ref().map_or((0, 0), |reply| {
                let body = u32::try_from(reply.body.len()).unwrap_or(u32::MAX);
                (reply.headers.len(), body)
            });
            // A VM that fails here is dead, which later streams will notice.
            let _ = self.vm.callback::<_, ()>(
                "proxy_on_http_call_response",
                root,
                (root, token, headers, body, 0_u32),
                format_args!("{token}, {headers}, {body}, 0"),
            );
            let state = self.vm.store.data_mut();
            state.outbound.reply = None;
            if let Some(root) = state.roots.get_mut(&root) {
                root.status.message.clear();
            }
            self.run_deferred();
        }
        any
    }

    /// When Envoy gives up the first of the callouts that hang.
    pub(crate) fn next_callout(&self) -> Option<Instant> {
        if self.vm.failure().is_some() {
            return None;
        }
        let callouts = self.vm.store.data().outbound.callouts.values();
        callouts
            .filter_map(|callout| match callout.fate {
                Fate::Hangs(until) | Fate::Stalls(until) => until,
                Fate::Unsent | Fate::Answered(_) | Fate::Broken => None,
            })
            .min()
    }
}
