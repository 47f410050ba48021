//! One worker: a VM, its root context, and the streams that it serves.
//!
//! The worker asks a stream what is due, makes the callback, hands the answer back, and then does what hostcalls asked for
//! meanwhile; Envoy defers that until the VM has returned, so that nothing is nested in the guest.

use std::rc::Rc;
use std::time::Duration;

use wasmtime::WasmParams;

use crate::abi::{DataStatus, HeadersStatus, TrailersStatus};
use crate::clock::Instant;
use crate::host::Host;
use crate::message::Part;
use crate::module::Module;
use crate::stream::{HttpStream, Next, Side};
use crate::target::{Exchange, FailurePolicy, Upstream};
use crate::vm::{StartError, Vm, VmFailure};
use crate::vm_state::{Deferred, Identity, Root};

/// What streams of all workers have in common.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) failure_policy: FailurePolicy,
    pub(crate) allow_on_headers_stop_iteration: bool,
    pub(crate) upstream: Upstream,
    pub(crate) properties: Vec<String>,
}

/// A worker.
pub(crate) struct Worker {
    vm: Vm,
    root: u32,
    rules: Rc<Rules>,
}

/// What became of a configuration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Configured {
    Accepted,
    Refused,
}

/// How far a stream came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Complete,
    /// This part is held; `moved` says whether anything happened before that.
    Held {
        side: Side,
        part: Part,
        moved: bool,
    },
}

impl Worker {
    /// Starts a VM that has no configuration yet.
    pub(crate) fn start(
        module: &Module,
        host: Rc<Host>,
        identity: Rc<Identity>,
        rules: Rc<Rules>,
        label: String,
    ) -> Result<Self, StartError> {
        Ok(Self {
            vm: Vm::new(module, host, identity, label)?,
            root: 0,
            rules,
        })
    }

    /// Makes a root context for a configuration. If the module refuses it, the old root context stays in force; if it accepts,
    /// the old one is done.
    pub(crate) fn configure(&mut self, configuration: &[u8]) -> Result<Configured, VmFailure> {
        let state = self.vm.store.data_mut();
        let root = state.take_context_id();
        state.roots.insert(root, Root::default());
        let outcome = self.configure_root(root, configuration);
        let state = self.vm.store.data_mut();
        if outcome != Ok(true) {
            state.roots.remove(&root);
            return outcome.map(|_| Configured::Refused);
        }
        let old = std::mem::replace(&mut self.root, root);
        if old != 0 {
            self.retire(old)?;
        }
        Ok(Configured::Accepted)
    }

    /// The plugin's configuration can be read while the context is made and configured, but not while the VM starts.
    fn configure_root(&mut self, root: u32, configuration: &[u8]) -> Result<bool, VmFailure> {
        self.vm.store.data_mut().configuration = Some(configuration.to_vec());
        let created = self.vm.on_context_create(root, 0);
        self.vm.store.data_mut().configuration = None;
        created?;
        self.run_deferred();
        let started = self.vm.on_vm_start(root)?;
        self.run_deferred();
        if !started {
            return Ok(false);
        }
        let size = u32::try_from(configuration.len()).unwrap_or(u32::MAX);
        self.vm.store.data_mut().configuration = Some(configuration.to_vec());
        let accepted = self.vm.on_configure(root, size);
        self.vm.store.data_mut().configuration = None;
        self.run_deferred();
        accepted
    }

    /// Ends the work of a root context: `proxy_on_done`, and `proxy_on_delete` now or when the module says `proxy_done`.
    fn retire(&mut self, root: u32) -> Result<(), VmFailure> {
        let done = self.vm.on_done(root)?;
        if done {
            self.delete_root(root);
        } else if let Some(root) = self.vm.store.data_mut().roots.get_mut(&root) {
            root.pending_done = true;
        }
        self.run_deferred();
        Ok(())
    }

    fn delete_root(&mut self, root: u32) {
        // A VM that fails here is dead, which later streams will notice.
        let _ = self.vm.notify("proxy_on_delete", root);
        self.vm.store.data_mut().roots.remove(&root);
    }

    /// Ends the work of all root contexts.
    pub(crate) fn shut_down(&mut self) {
        let _ = self.retire(self.root);
    }

    /// Why the VM is dead, if it is.
    pub(crate) fn failure(&self) -> Option<&VmFailure> {
        self.vm.failure()
    }

    /// A number for the next stream, and the root context that it belongs to.
    pub(crate) fn next_stream(&mut self) -> (u32, u32) {
        (self.vm.store.data_mut().take_context_id(), self.root)
    }

    /// Opens a stream and shows its request headers.
    pub(crate) fn open(&mut self, id: u32, stream: HttpStream) {
        self.vm.store.data_mut().streams.insert(id, stream);
        let dead = self.vm.failure().is_some();
        if self.vm.on_context_create(id, self.root).is_ok() {
            self.run_deferred();
        } else if !dead && let Some(stream) = self.stream(id) {
            return stream.fail();
        }
        self.show(id, Side::Request, Part::Headers);
    }

    fn stream(&mut self, id: u32) -> Option<&mut HttpStream> {
        self.vm.store.data_mut().streams.get_mut(&id)
    }

    /// Goes on with a stream as far as it goes.
    pub(crate) fn pump(&mut self, id: u32) -> Progress {
        let rules = Rc::clone(&self.rules);
        let mut moved = false;
        loop {
            let Some(stream) = self.stream(id) else {
                return Progress::Complete;
            };
            match stream.next() {
                Next::Complete => return Progress::Complete,
                Next::Held(side, part) => return Progress::Held { side, part, moved },
                Next::Upstream => stream.answer(&rules.upstream),
                Next::Show(side, part) => self.show(id, side, part),
            }
            moved = true;
        }
    }

    /// Makes the callback for one part of a message and takes what it answers.
    fn show(&mut self, id: u32, side: Side, part: Part) {
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
        let parameters = (id, count, u32::from(end));
        let Some((number, responded)) =
            self.answer(id, name, parameters, &format!("{count}, {end}"))
        else {
            return;
        };
        let allowed = self.rules.allow_on_headers_stop_iteration;
        let status = HeadersStatus::from_number(number, allowed, responded);
        if let Some(stream) = self.stream(id) {
            stream.end_headers(side, status);
        }
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
            self.answer(id, name, parameters, &format!("{size}, {end}"))
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
        let Some((number, responded)) = self.answer(id, name, (id, count), &count.to_string())
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
    fn answer<P: WasmParams>(
        &mut self,
        id: u32,
        name: &str,
        parameters: P,
        rest: &str,
    ) -> Option<(u32, bool)> {
        let dead = self.vm.failure().is_some();
        let result = self.vm.callback::<P, u32>(name, id, parameters, rest);
        let responded = self.vm.store.data().responded;
        match (result, self.rules.failure_policy) {
            (Ok(number), _) => {
                self.run_deferred();
                Some((number.unwrap_or(0), responded))
            }
            (Err(_), FailurePolicy::FailOpen) if dead => Some((0, false)),
            (Err(_), _) => {
                self.vm.store.data_mut().deferred.clear();
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
        let deferred = std::mem::take(&mut self.vm.store.data_mut().deferred);
        for action in deferred {
            match action {
                Deferred::Respond(id, local) => {
                    if let Some(stream) = self.stream(id) {
                        stream.local_response(&local);
                        // It passes through the filter before anything else happens.
                        self.pump(id);
                    }
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

    /// Ends a stream and says what was seen of it: log, done, delete, in Envoy's order. The access log is written after the
    /// plugin's own `proxy_on_log`, so properties that it sets there are in it.
    pub(crate) fn close(&mut self, id: u32) -> Exchange {
        self.set_logging(id, true);
        // A VM that fails here is dead, which later streams will notice.
        let _ = self.vm.notify("proxy_on_log", id);
        self.set_logging(id, false);
        self.run_deferred();
        let rules = Rc::clone(&self.rules);
        let exchange = self
            .stream(id)
            .map(|stream| stream.exchange(&rules.properties));
        let _ = self.vm.on_done(id);
        self.run_deferred();
        let _ = self.vm.notify("proxy_on_delete", id);
        self.vm.store.data_mut().streams.remove(&id);
        self.run_deferred();
        exchange.unwrap_or_default()
    }

    fn set_logging(&mut self, id: u32, logging: bool) {
        if let Some(stream) = self.stream(id) {
            stream.logging = logging;
        }
    }

    /// When the next timer of this worker is due.
    pub(crate) fn next_tick(&self) -> Option<Instant> {
        self.vm
            .failure()
            .map_or_else(|| self.due_ticks().map(|(due, _)| due).min(), |_| None)
    }

    fn due_ticks(&self) -> impl Iterator<Item = (Instant, u32)> {
        self.vm
            .store
            .data()
            .roots
            .iter()
            .filter_map(|(id, root)| Some((root.tick?.due, *id)))
    }

    /// Fires the timers that are due at this instant; each is armed again after its callback.
    pub(crate) fn tick(&mut self, now: Instant) {
        let due: Vec<u32> = self
            .due_ticks()
            .filter(|(due, _)| *due <= now)
            .map(|(_, root)| root)
            .collect();
        for root in due {
            // A VM that fails here is dead, which later streams will notice.
            let _ = self.vm.notify("proxy_on_tick", root);
            if let Some(tick) = self
                .vm
                .store
                .data_mut()
                .roots
                .get_mut(&root)
                .and_then(|root| root.tick.as_mut())
            {
                tick.due = now.after(tick.period.max(Duration::from_millis(1)));
            }
            self.run_deferred();
        }
    }
}
