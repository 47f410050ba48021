//! One worker: a VM, its root context, and the streams that it serves.
//!
//! The worker asks a stream what is due, makes the callback, hands the answer back, and then does what hostcalls asked for
//! meanwhile; Envoy defers that until the VM has returned, so that nothing is nested in the guest.

use std::rc::Rc;
use std::time::Duration;

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
        state.configuration = Some(configuration.to_vec());
        let outcome = self.configure_root(root, configuration.len());
        let state = self.vm.store.data_mut();
        state.configuration = None;
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

    fn configure_root(&mut self, root: u32, size: usize) -> Result<bool, VmFailure> {
        self.vm.on_context_create(root, 0)?;
        self.run_deferred();
        let started = self.vm.on_vm_start(root)?;
        self.run_deferred();
        if !started {
            return Ok(false);
        }
        let accepted = self
            .vm
            .on_configure(root, u32::try_from(size).unwrap_or(u32::MAX))?;
        self.run_deferred();
        Ok(accepted)
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
        if self.vm.on_context_create(id, self.root).is_ok() {
            self.run_deferred();
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
        self.run_deferred();
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
        let result = self
            .vm
            .callback(name, id, parameters, &format!("{count}, {end}"));
        let Some(number) = self.settle_failure(id, result) else {
            return;
        };
        let allowed = self.rules.allow_on_headers_stop_iteration;
        let status = HeadersStatus::from_number(number, allowed, self.vm.store.data().responded);
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
        let result = self
            .vm
            .callback(name, id, parameters, &format!("{size}, {end}"));
        let Some(number) = self.settle_failure(id, result) else {
            return;
        };
        let status = DataStatus::from_number(number, self.vm.store.data().responded);
        if let Some(stream) = self.stream(id) {
            stream.end_body(side, status);
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
        let result = self.vm.callback(name, id, (id, count), &count.to_string());
        let Some(number) = self.settle_failure(id, result) else {
            return;
        };
        let status = TrailersStatus::from_number(number, self.vm.store.data().responded);
        if let Some(stream) = self.stream(id) {
            stream.end_trailers(side, status);
        }
    }

    /// What a callback answered; a missing one lets everything pass. A dead VM lets everything pass or fails the stream, as
    /// the policy says; `None` when it failed.
    fn settle_failure(&mut self, id: u32, result: Result<Option<u32>, VmFailure>) -> Option<u32> {
        match (result, self.rules.failure_policy) {
            (Ok(number), _) => Some(number.unwrap_or(0)),
            (Err(_), FailurePolicy::FailOpen) => {
                self.vm.store.data_mut().responded = false;
                Some(0)
            }
            (Err(_), FailurePolicy::FailClosed | FailurePolicy::FailReload) => {
                self.vm.store.data_mut().deferred.clear();
                let stream = self.stream(id)?;
                if stream.failure_answered {
                    // The answer to the failure itself passes unseen.
                    self.vm.store.data_mut().responded = false;
                    return Some(0);
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

    /// Ends a stream and says what was seen of it: log, done, delete, in Envoy's order. The access log is written before the
    /// plugin's own `proxy_on_log`, so properties that it sets there come too late.
    pub(crate) fn close(&mut self, id: u32) -> Exchange {
        let rules = Rc::clone(&self.rules);
        let exchange = self
            .stream(id)
            .map(|stream| stream.exchange(&rules.properties))
            .unwrap_or_default();
        if let Some(stream) = self.stream(id) {
            stream.logging = true;
        }
        // A VM that fails here is dead, which later streams will notice.
        let _ = self.vm.notify("proxy_on_log", id);
        if let Some(stream) = self.stream(id) {
            stream.logging = false;
        }
        self.run_deferred();
        let _ = self.vm.on_done(id);
        self.run_deferred();
        let _ = self.vm.notify("proxy_on_delete", id);
        self.vm.store.data_mut().streams.remove(&id);
        self.run_deferred();
        exchange
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
