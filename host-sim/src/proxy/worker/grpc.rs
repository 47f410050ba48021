//! What comes back from a worker's gRPC calls and streams, in root contexts.

use std::rc::Rc;

use super::Worker;
use crate::guest::vm_state::CallStatus;
use crate::host::grpc_call::{GrpcCall, GrpcEvent};
use crate::model::clock::Instant;

impl Worker {
    /// Sends what the plugin has sent, and tells it what has come back. Says whether there was anything.
    pub(crate) fn deliver_grpc(&mut self) -> bool {
        if self.vm.failure().is_some() {
            return false;
        }
        let state = self.vm.store.data_mut();
        let host = Rc::clone(&state.host);
        let now = host.clock.get();
        let services = host.outside.grpc_services.borrow();
        let mut due = Vec::new();
        for (token, call) in &mut state.outbound.grpc_calls {
            if let Some(behaviour) = services.get(&call.cluster) {
                call.go_on(behaviour, now);
                if GrpcCall::reaches(behaviour) {
                    let mut seen = host.outside.grpc_calls.borrow_mut();
                    let seen = seen.entry(call.cluster.clone()).or_default();
                    let key = (state.number, *token);
                    match seen.iter_mut().find(|(other, _)| *other == key) {
                        Some((_, seen)) => seen.clone_from(&call.request),
                        None if call.seen => {}
                        None => seen.push((key, call.request.clone())),
                    }
                    call.seen = true;
                }
            }
            due.extend(call.take_event().map(|event| (*token, call.root, event)));
        }
        drop(services);
        let any = !due.is_empty();
        for (token, root, event) in due {
            self.tell_grpc(token, root, event);
        }
        any
    }

    fn tell_grpc(&mut self, token: u32, root: u32, event: GrpcEvent) {
        let state = self.vm.store.data_mut();
        // The callback for another may have cancelled it, and Envoy cancels the calls of a root context that is gone.
        let Some(call) = state.outbound.grpc_calls.get(&token) else {
            return;
        };
        let streams = call.streams;
        if !state.roots.contains_key(&root) {
            state.outbound.grpc_calls.remove(&token);
            return;
        }
        let over = !streams || matches!(event, GrpcEvent::Close { .. });
        let (name, number) = match &event {
            GrpcEvent::InitialMetadata(map) => {
                ("proxy_on_grpc_receive_initial_metadata", map.len())
            }
            GrpcEvent::Message(bytes) => (
                "proxy_on_grpc_receive",
                u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            ),
            GrpcEvent::TrailingMetadata(map) => {
                ("proxy_on_grpc_receive_trailing_metadata", map.len())
            }
            GrpcEvent::Close { status, message } => {
                if let Some(root) = state.roots.get_mut(&root) {
                    root.status = CallStatus {
                        code: *status,
                        message: message.clone(),
                    };
                }
                ("proxy_on_grpc_close", *status)
            }
        };
        state.outbound.grpc_event = Some(event);
        // A VM that fails here is dead, which later streams will notice.
        let _ = self.vm.callback::<_, ()>(
            name,
            root,
            (root, token, number),
            format_args!("{token}, {number}"),
        );
        let state = self.vm.store.data_mut();
        state.outbound.grpc_event = None;
        if let Some(root) = state.roots.get_mut(&root) {
            root.status.message.clear();
        }
        if let Some(call) = state.outbound.grpc_calls.get_mut(&token).filter(|_| over) {
            call.closed_there = true;
            // Of a stream that the plugin has not closed, the plugin still has to do so.
            if !streams || call.closed_here {
                state.outbound.grpc_calls.remove(&token);
            }
        }
        self.run_deferred();
    }

    /// When Envoy gives up the first of the gRPC calls that hang.
    pub(crate) fn next_grpc(&self) -> Option<Instant> {
        if self.vm.failure().is_some() {
            return None;
        }
        let calls = self.vm.store.data().outbound.grpc_calls.values();
        calls.filter_map(GrpcCall::gives_up).min()
    }
}
