//! What all VMs of one simulation share: the data that Envoy keeps per process, and what a test observes of them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;

use crate::clock::Instant;
use crate::grpc::{GrpcBehaviour, GrpcRequest};
use crate::metadata::Metadata;
use crate::metrics::Metrics;
use crate::random::Random;
use crate::shared_data::SharedData;
use crate::shared_queue::SharedQueues;
use crate::target::{LogLevel, LogLine, ServiceBehaviour, UpstreamRequest};

/// A gRPC call of a VM with this number under this token, as the service saw it.
type SeenGrpc = ((u32, u32), GrpcRequest);

/// The shared part of a simulation. It lives on one thread, so that every run is the same.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) shared_data: RefCell<SharedData>,
    pub(crate) shared_queues: RefCell<SharedQueues>,
    pub(crate) metrics: RefCell<Metrics>,
    pub(crate) random: RefCell<Random>,
    pub(crate) clock: Cell<Instant>,
    /// What filters before the plugin say about every request.
    pub(crate) metadata: RefCell<Metadata>,
    /// What the services do, by cluster.
    pub(crate) services: RefCell<BTreeMap<String, ServiceBehaviour>>,
    /// What they have seen and nobody has looked at yet, by cluster.
    pub(crate) callouts: RefCell<BTreeMap<String, Vec<UpstreamRequest>>>,
    /// What the gRPC services do, by cluster.
    pub(crate) grpc_services: RefCell<BTreeMap<String, GrpcBehaviour>>,
    /// The calls that they have seen and nobody has looked at yet, by cluster, each with its VM's number and its token.
    pub(crate) grpc_calls: RefCell<BTreeMap<String, Vec<SeenGrpc>>>,
    /// What modules are told is logged; lower lines are dropped.
    pub(crate) log_level: LogLevel,
    /// Whether anybody reads the trace. If not, none is written.
    pub(crate) traced: bool,
    vms: Cell<u32>,
    log: RefCell<Vec<LogLine>>,
    trace: RefCell<Vec<String>>,
    counts: Cell<Counts>,
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
            shared_data: RefCell::default(),
            shared_queues: RefCell::default(),
            metrics: RefCell::default(),
            random: RefCell::new(Random::seeded(seed)),
            clock: Cell::new(start),
            metadata: RefCell::default(),
            services: RefCell::default(),
            callouts: RefCell::default(),
            grpc_services: RefCell::default(),
            grpc_calls: RefCell::default(),
            log_level,
            traced,
            vms: Cell::default(),
            log: RefCell::default(),
            trace: RefCell::default(),
            counts: Cell::default(),
        }
    }

    /// A number for a new VM; no two have the same.
    pub(crate) fn number_vm(&self) -> u32 {
        let number = self.vms.get();
        self.vms.set(number.saturating_add(1));
        number
    }

    pub(crate) fn log(&self, level: LogLevel, text: String) {
        if level >= self.log_level {
            self.log.borrow_mut().push(LogLine { level, text });
        }
    }

    pub(crate) fn log_lines(&self) -> Vec<LogLine> {
        self.log.borrow().clone()
    }

    pub(crate) fn take_log(&self) -> Vec<LogLine> {
        self.log.take()
    }

    /// Writes a line of the trace, if anybody reads it: only then is it put together.
    pub(crate) fn trace(&self, line: fmt::Arguments<'_>) {
        if self.traced {
            self.trace.borrow_mut().push(line.to_string());
        }
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

    pub(crate) fn take_trace(&self) -> Vec<String> {
        self.trace.take()
    }
}
