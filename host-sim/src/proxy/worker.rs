//! A VM of one worker, the filters that live in it, their root contexts, and the streams that they serve.
//!
//! The worker makes the callback for what is due of a stream, hands the answer back, and then does what hostcalls asked for
//! meanwhile; Envoy defers that until the VM has returned, so that nothing is nested in the guest.

mod callouts;
mod dns;
mod grpc;
mod handles;
mod live;
mod queues;
mod reload;
mod roots;
mod timers;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use wasmtime::WasmParams;

use crate::abi::{AbiVersion, DataStatus, HeadersStatus, TrailersStatus};
use crate::guest::module::Module;
use crate::guest::vm::{Vm, VmFailure};
use crate::guest::vm_state::Deferred;
use crate::http::hidden_body::HiddenBody;
use crate::http::message::Part;
use crate::http::stream::{HttpStream, Side};
use crate::model::FailurePolicy;
use crate::model::clock::Instant;
use crate::model::usual_answer::UsualAnswer;
use handles::PluginHandle;
pub(crate) use reload::RELOAD_AFTER;

/// What streams of all workers have in common.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) failure_policy: FailurePolicy,
    /// How long a VM must have been loaded before it is loaded anew.
    pub(crate) reload_after: Duration,
    pub(crate) allow_on_headers_stop_iteration: bool,
    pub(crate) upstream: UsualAnswer,
    pub(crate) properties: Vec<String>,
}

/// A VM of a worker thread.
pub(crate) struct Worker {
    vm: Vm,
    module: Module,
    /// The filters that live in it.
    handles: Vec<PluginHandle>,
    /// Streams whose VM is gone. Nothing is called for them any more.
    orphans: BTreeMap<u32, Box<HttpStream>>,
    /// Whether a callback has acted upon another stream than its own, and nobody has looked since.
    stirred: bool,
}

/// What became of a configuration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Configured {
    Accepted,
    Refused,
}

impl Worker {
    /// Why the VM is dead, if it is.
    pub(crate) fn failure(&self) -> Option<&VmFailure> {
        self.vm.failure()
    }

    /// Opens a stream and shows its request headers.
    pub(crate) fn open(&mut self, id: u32, stream: Box<HttpStream>) {
        let root = stream.root;
        self.vm.store.data_mut().streams.insert(id, stream);
        let dead = self.vm.failure().is_some();
        if self.vm.on_context_create(id, root).is_ok() {
            self.run_deferred();
        } else if !dead && let Some(stream) = self.stream(id) {
            return stream.fail();
        }
        self.show(id, Side::Request, Part::Headers);
    }

    /// Opens a stream whose VM is gone. Nothing is called for it.
    pub(crate) fn open_orphan(&mut self, id: u32, stream: Box<HttpStream>) {
        self.orphans.insert(id, stream);
        self.show(id, Side::Request, Part::Headers);
    }

    /// Takes a stream of which the VM never hears.
    pub(crate) fn take_unheard(&mut self, id: u32, stream: Box<HttpStream>) {
        self.orphans.insert(id, stream);
    }

    /// Makes a context for a stream that never reached this filter and is over.
    pub(crate) fn open_unseen(&mut self, id: u32, stream: Box<HttpStream>) {
        let root = stream.root;
        self.vm.store.data_mut().streams.insert(id, stream);
        // A VM that fails here is dead, which later streams will notice.
        let _ = self.vm.on_context_create(id, root);
        self.run_deferred();
    }

    pub(crate) fn now(&self) -> Instant {
        self.vm.store.data().host.clock.get()
    }

    pub(crate) fn is_queue_ready(&self) -> bool {
        let state = self.vm.store.data();
        state.host.is_queue_ready(state.number)
    }

    /// The part of a stream that this filter has.
    pub(crate) fn stream(&mut self, id: u32) -> Option<&mut HttpStream> {
        match self.orphans.get_mut(&id) {
            Some(orphan) => Some(orphan),
            None => self
                .vm
                .store
                .data_mut()
                .streams
                .get_mut(&id)
                .map(AsMut::as_mut),
        }
    }

    /// Shows all that is due of a stream which no other filter has a part of.
    fn show_all(&mut self, id: u32) {
        let sides = [Side::Response, Side::Request];
        while let Some(stream) = self.stream(id).filter(|stream| !stream.is_over()) {
            let mut due = sides.into_iter();
            let due = due.find_map(|side| Some((side, stream.next_part(side)?)));
            let Some((side, part)) = due else {
                return;
            };
            self.show(id, side, part);
        }
    }

    /// Makes the callback for one part of a message and takes what it answers.
    pub(crate) fn show(&mut self, id: u32, side: Side, part: Part) {
        match part {
            Part::Headers => self.show_headers(id, side),
            Part::Body => self.show_body(id, side),
            Part::Trailers => self.show_trailers(id, side),
        }
    }

    fn show_headers(&mut self, id: u32, side: Side) {
        let Some(message) = self.stream(id).and_then(|stream| stream.message_mut(side)) else {
            return;
        };
        let (count, end) = message.begin_headers();
        let name = match side {
            Side::Request => "proxy_on_request_headers",
            Side::Response => "proxy_on_response_headers",
        };
        // The first ABI does not say whether the headers are all.
        let answer = if self.module.abi() == AbiVersion::V0_1_0 {
            self.answer(id, name, (id, count), format_args!("{count}"))
        } else {
            let parameters = (id, count, u32::from(end));
            self.answer(id, name, parameters, format_args!("{count}, {end}"))
        };
        let Some((number, responded)) = answer else {
            return;
        };
        let rules = self.rules_of(id);
        let allowed = rules.is_some_and(|rules| rules.allow_on_headers_stop_iteration);
        let status = HeadersStatus::from_number(number, allowed, responded);
        if let Some(stream) = self.stream(id) {
            stream.end_headers(side, status);
            if number == 1
                && !(allowed || responded || end)
                && let Some(message) = stream.message_mut(side)
            {
                message.hide_body();
            }
        }
    }

    /// The call whose body the filter cannot see while it pauses the headers, unless it may wait for something else that it has called.
    pub(crate) fn take_hidden_body(&mut self, id: u32) -> Option<HiddenBody> {
        if self.has_called_out() {
            return None;
        }
        self.stream(id)?.take_hidden_body()
    }

    fn show_body(&mut self, id: u32, side: Side) {
        let Some((size, end)) = self.stream(id).and_then(|stream| stream.begin_body(side)) else {
            return;
        };
        let name = match side {
            Side::Request => "proxy_on_request_body",
            Side::Response => "proxy_on_response_body",
        };
        let parameters = (id, size, u32::from(end));
        let Some((number, responded)) =
            self.answer(id, name, parameters, format_args!("{size}, {end}"))
        else {
            return;
        };
        if let Some(stream) = self.stream(id) {
            stream.end_body(side, DataStatus::from_number(number, responded));
        }
    }

    fn show_trailers(&mut self, id: u32, side: Side) {
        let Some(message) = self.stream(id).and_then(|stream| stream.message_mut(side)) else {
            return;
        };
        let count = message.begin_trailers();
        let name = match side {
            Side::Request => "proxy_on_request_trailers",
            Side::Response => "proxy_on_response_trailers",
        };
        let Some((number, responded)) = self.answer(id, name, (id, count), format_args!("{count}"))
        else {
            return;
        };
        if let Some(stream) = self.stream(id) {
            stream.end_trailers(side, TrailersStatus::from_number(number, responded));
        }
    }

    /// Makes a callback and does what hostcalls asked for meanwhile, which in Envoy comes before what the callback returns.
    /// Says what it returned (a missing callback lets everything pass) and whether a local response overrides that; `None`
    /// when the stream has failed with the VM.
    ///
    /// The stream in whose callback the VM dies always fails. Later callbacks of others pass or fail as the policy says.
    fn answer<P: WasmParams + 'static>(
        &mut self,
        id: u32,
        name: &'static str,
        parameters: P,
        rest: fmt::Arguments<'_>,
    ) -> Option<(u32, bool)> {
        let dead = self.is_dead(id);
        let result = if dead {
            None
        } else {
            self.vm.callback::<P, u32>(name, id, parameters, rest).ok()
        };
        let responded = self.vm.store.data().running.responded;
        let policy = self.rules_of(id).map(|rules| rules.failure_policy);
        match (result, policy.unwrap_or_default()) {
            (Some(number), _) => {
                self.run_deferred();
                Some((number.unwrap_or(0), responded))
            }
            (None, FailurePolicy::FailOpen) if dead => Some((0, false)),
            (None, _) => {
                if !dead {
                    self.vm.store.data_mut().running.deferred.clear();
                }
                let stream = self.stream(id)?;
                if stream.failure_answered {
                    // The answer to the failure itself passes unseen.
                    return Some((0, false));
                }
                stream.fail();
                None
            }
        }
    }

    /// Does what hostcalls asked for during the callback that has just returned.
    fn run_deferred(&mut self) {
        let state = self.vm.store.data_mut();
        let deferred = std::mem::take(&mut state.running.deferred);
        let current = state.running.at.context;
        for action in deferred {
            self.stirred |= action.stream() != Some(current);
            match action {
                Deferred::Respond(id, local) => {
                    if let Some(stream) = self.stream(id) {
                        stream.local_response(&local);
                        // It passes through the filter before anything else happens; among several, who drives them sees to it.
                        if !stream.is_linked() {
                            self.show_all(id);
                        }
                    }
                }
                Deferred::Resume(id, Side::Response) if self.awaits_response(id) => {
                    self.vm.fail(VmFailure::Crash {
                        reason: "the module resumed a response that has not started",
                    });
                }
                Deferred::Resume(id, side) => {
                    if let Some(stream) = self.stream(id) {
                        stream.resume(side);
                    }
                }
                Deferred::Reset(id, of) => {
                    if let Some(stream) = self.stream(id) {
                        stream.reset(of);
                    }
                }
                Deferred::Delete(root) => self.delete_root(root),
            }
        }
    }

    /// The plugin logs a stream that is over.
    pub(crate) fn log(&mut self, id: u32) {
        if !self.is_dead(id) {
            self.set_logging(id, true);
            // A VM that fails here is dead, which later streams will notice.
            let _ = self.vm.notify("proxy_on_log", id);
            self.set_logging(id, false);
            self.run_deferred();
        }
    }

    /// The plugin is done with a stream.
    pub(crate) fn forget(&mut self, id: u32) {
        if !self.is_dead(id) {
            let _ = self.vm.on_done(id);
            self.run_deferred();
            let _ = self.vm.notify("proxy_on_delete", id);
        }
        self.orphans.remove(&id);
        self.vm.store.data_mut().streams.remove(&id);
        self.run_deferred();
        let _ = self.retire_idle();
    }

    /// Whether a callback has acted upon another stream than its own since this was last asked.
    pub(crate) fn has_stirred(&mut self) -> bool {
        std::mem::take(&mut self.stirred)
    }

    fn awaits_response(&mut self, id: u32) -> bool {
        self.stream(id)
            .is_some_and(|stream| stream.awaits_response())
    }

    fn set_logging(&mut self, id: u32, logging: bool) {
        if let Some(stream) = self.stream(id) {
            stream.logging = logging;
        }
    }
}
