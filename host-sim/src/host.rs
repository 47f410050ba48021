//! What all VMs of one simulation share: the data that Envoy keeps per process, and what a test observes of them.

pub(crate) mod access;
pub(crate) mod callout;
pub(crate) mod grpc_call;
pub(crate) mod metrics;
pub(crate) mod probe;
pub mod profile;
pub(crate) mod shared;
pub(crate) mod shared_data;
pub(crate) mod shared_queue;
pub(crate) mod trace;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::host::access::Access;
use crate::host::probe::Probe;
use crate::host::profile::{Profile, Profiler};
use crate::host::shared::ProcessState;
use crate::host::trace::{TraceEvent, TraceKind};
use crate::http::date::HttpDates;
use crate::model::clock::Instant;
use crate::model::dns::Names;
use crate::model::envoy_version::EnvoyVersion;
use crate::model::grpc::{GrpcBehaviour, GrpcRequest};
use crate::model::metadata::Metadata;
use crate::model::random::Random;
use crate::model::{LogLevel, LogLine, ServiceBehaviour, UpstreamRequest};

/// A gRPC call of a VM with this number under this token, as the service saw it.
type SeenGrpc = ((u32, u32), GrpcRequest);

/// The shared part of a simulation. It lives on one thread, so that every run is the same.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) version: EnvoyVersion,
    /// What it shares with those on other threads.
    pub(crate) process: ProcessState,
    pub(crate) random: RefCell<Random>,
    pub(crate) clock: Cell<Instant>,
    pub(crate) dates: HttpDates,
    /// What filters before the plugin say about every request.
    pub(crate) metadata: RefCell<Metadata>,
    /// Properties of every request that have values of a test's own, by their paths with dots.
    pub(crate) properties: BTreeMap<String, Vec<u8>>,
    /// What is beyond the proxy.
    pub(crate) outside: Outside,
    /// What modules are told is logged; lower lines are dropped.
    pub(crate) log_level: LogLevel,
    /// Whether anybody reads the trace. If not, none is written.
    pub(crate) traced: bool,
    /// Who is asked before its VMs touch what others share.
    probe: Option<Rc<dyn Probe>>,
    /// Whether other workers live on other threads.
    threads: bool,
    /// Whether something was put into a shared queue, and nobody has looked since.
    enqueued: Cell<bool>,
    /// Whether anything was logged that nobody has taken.
    logged: Cell<bool>,
    /// Whether a VM has ever called a service or put something into a queue.
    reached_out: Cell<bool>,
    /// In which callback each line was logged.
    logged_in: RefCell<Vec<&'static str>>,
    callback: Cell<&'static str>,
    counts: Cell<Counts>,
    /// Whoever draws up where the VMs spend their time.
    profiler: RefCell<Option<Box<Profiler>>>,
}

/// The services and names that there are, and what has been asked of them.
#[derive(Debug, Default)]
pub(crate) struct Outside {
    /// What the services do, by cluster.
    pub(crate) services: RefCell<BTreeMap<String, ServiceBehaviour>>,
    /// How many calls went to clusters behind which nothing is.
    pub(crate) missing_services: RefCell<BTreeMap<String, u64>>,
    /// What they have seen and nobody has looked at yet, by cluster.
    pub(crate) callouts: RefCell<BTreeMap<String, Vec<UpstreamRequest>>>,
    /// What the gRPC services do, by cluster.
    pub(crate) grpc_services: RefCell<BTreeMap<String, GrpcBehaviour>>,
    /// The calls that they have seen and nobody has looked at yet, by cluster, each with its VM's number and its token.
    pub(crate) grpc_calls: RefCell<BTreeMap<String, Vec<SeenGrpc>>>,
    /// What names resolve to.
    pub(crate) names: RefCell<Names>,
}

/// How often modules and host have called each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls of the host into modules.
    pub callbacks: u64,
    /// Calls of modules into the host.
    pub hostcalls: u64,
}

impl Host {
    pub(crate) fn new(start: Instant, seed: u64, log_level: LogLevel, traced: bool) -> Self {
        Self {
            version: EnvoyVersion::NEWEST,
            process: ProcessState::default(),
            random: RefCell::new(Random::seeded(seed)),
            clock: Cell::new(start),
            dates: HttpDates::default(),
            metadata: RefCell::default(),
            properties: BTreeMap::new(),
            outside: Outside::default(),
            log_level,
            traced,
            probe: None,
            threads: false,
            enqueued: Cell::default(),
            logged: Cell::default(),
            reached_out: Cell::default(),
            logged_in: RefCell::default(),
            callback: Cell::default(),
            counts: Cell::default(),
            profiler: RefCell::default(),
        }
    }

    /// The same of this version.
    pub(crate) fn of(self, version: EnvoyVersion) -> Self {
        Self { version, ..self }
    }

    /// The part of one thread: what it shares with others, and where it stops before it touches that.
    pub(crate) fn on_thread(self, process: ProcessState, probe: Option<Rc<dyn Probe>>) -> Self {
        Self {
            process,
            probe,
            threads: true,
            ..self
        }
    }

    /// A number for a new VM; no two have the same.
    pub(crate) fn number_vm(&self) -> u32 {
        let mut vms = self.process.vms.borrow_mut();
        let number = *vms;
        *vms = number.saturating_add(1);
        number
    }

    /// A VM is about to touch what others share.
    pub(crate) fn reach(&self, access: impl FnOnce() -> Access) {
        if let Some(probe) = self.watching() {
            probe.reach(access());
        }
    }

    /// A plugin has called a service that there is not.
    pub(crate) fn miss_service(&self, cluster: &str) {
        let mut missing = self.outside.missing_services.borrow_mut();
        let count = missing.entry(cluster.to_owned()).or_default();
        *count = count.saturating_add(1);
    }

    /// What a VM last stopped for may have come to nothing, and would have whatever others had done before.
    pub(crate) fn miss_if(&self, missed: impl FnOnce() -> bool) {
        if let Some(probe) = self.watching().filter(|_| missed()) {
            probe.miss();
        }
    }

    /// A VM touches what others share without being stopped.
    pub(crate) fn touch(&self, access: impl FnOnce() -> Access) {
        if let Some(probe) = self.watching() {
            probe.touch(access());
        }
    }

    fn watching(&self) -> Option<&dyn Probe> {
        self.probe.as_deref().filter(|probe| probe.watches())
    }

    /// Whether somebody is still to be told of a shared queue before anything comes from outside. Of several threads each asks for its
    /// own VMs alone.
    pub(crate) fn is_queue_ready(&self, vm: u32) -> bool {
        let queues = self.process.queues.borrow();
        if self.threads {
            queues.is_ready_for(vm)
        } else {
            queues.is_ready()
        }
    }

    /// Something was put into a shared queue.
    pub(crate) fn note_enqueued(&self) {
        self.enqueued.set(true);
        self.reach_out();
    }

    /// A VM calls a service, or somebody beyond its own calls.
    pub(crate) fn reach_out(&self) {
        self.reached_out.set(true);
    }

    /// Whether any has.
    pub(crate) fn has_reached_out(&self) -> bool {
        self.reached_out.get()
    }

    /// Whether something was put into a shared queue since this was last asked.
    pub(crate) fn take_enqueued(&self) -> bool {
        self.enqueued.take()
    }

    /// Everybody has been told of what was put into shared queues; whoever is gone is not told any more.
    pub(crate) fn forget_queues(&self) {
        if !self.threads {
            self.process.queues.borrow_mut().forget_ready();
        }
    }

    pub(crate) fn log(&self, level: LogLevel, text: String) {
        if level >= self.log_level {
            self.logged.set(true);
            self.process.log.borrow_mut().push(LogLine { level, text });
            self.logged_in.borrow_mut().push(self.callback.get());
        }
    }

    /// The callback in which each line was logged, oldest first; of a simulation without threads.
    pub(crate) fn logged_in(&self) -> Vec<&'static str> {
        self.logged_in.borrow().clone()
    }

    /// A callback begins, or one goes on again. Says which one was under way.
    pub(crate) fn enter_callback(&self, name: &'static str) -> &'static str {
        self.callback.replace(name)
    }

    pub(crate) fn log_lines(&self) -> Vec<LogLine> {
        self.process.log.borrow().clone()
    }

    pub(crate) fn has_logged(&self) -> bool {
        self.logged.get()
    }

    pub(crate) fn take_log(&self) -> Vec<LogLine> {
        self.logged.set(false);
        self.logged_in.take();
        self.process.log.take()
    }

    /// Writes down what happened in a VM, if anybody reads the trace: only then is it put together.
    pub(crate) fn trace(&self, vm: &str, kind: impl FnOnce() -> TraceKind) {
        if self.traced {
            let vm = vm.trim_end().to_owned();
            let event = TraceEvent { vm, kind: kind() };
            self.process.trace.borrow_mut().push(event);
        }
    }

    /// Writes down the end of a VM, of which somebody may ask where nobody reads the trace; there are not many then.
    pub(crate) fn trace_end(&self, vm: &str, kind: impl FnOnce() -> TraceKind) {
        /// More events than those about a few ends.
        const MOST: usize = 1000;
        let mut trace = self.process.trace.borrow_mut();
        if self.traced || trace.len() < MOST {
            let vm = vm.trim_end().to_owned();
            trace.push(TraceEvent { vm, kind: kind() });
        }
    }

    /// From now on a profile is drawn up.
    pub(crate) fn start_profile(&self) {
        self.profiler.replace(Some(Box::new(Profiler::new())));
    }

    pub(crate) fn take_profile(&self) -> Option<Profile> {
        let profiler = self.profiler.take()?;
        Some(profiler.into_profile())
    }

    /// Tells whoever draws up a profile, if anybody does.
    pub(crate) fn profile<T>(&self, note: impl FnOnce(&mut Profiler) -> T) -> Option<T> {
        self.profiler.borrow_mut().as_deref_mut().map(note)
    }

    pub(crate) fn is_profiled(&self) -> bool {
        self.profiler.borrow().is_some()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts.get()
    }

    pub(crate) fn count_callback(&self) {
        let counts = self.counts.get();
        self.counts.set(Counts {
            callbacks: counts.callbacks.saturating_add(1),
            ..counts
        });
    }

    pub(crate) fn count_hostcall(&self) {
        let counts = self.counts.get();
        self.counts.set(Counts {
            hostcalls: counts.hostcalls.saturating_add(1),
            ..counts
        });
    }

    pub(crate) fn take_trace(&self) -> Vec<TraceEvent> {
        self.process.trace.take()
    }
}
