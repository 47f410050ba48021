//! A simulation: a canary VM, then the workers, and the clock, the data and the metrics that they share.

use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{DEFAULT_START, Instant};
use crate::envoy::DEFAULT_BUFFER_LIMIT;
use crate::host::Host;
use crate::message::Part;
use crate::module::{LoadError, Module};
use crate::stream::{HttpStream, Side};
use crate::target::{
    Exchange, FailurePolicy, LogLevel, LogLine, PluginSettings, Request, Upstream,
};
use crate::vm::{StartError as VmStartError, VmFailure};
use crate::vm_state::Identity;
use crate::worker::{Configured, Progress, Rules, Worker};

/// How long a held request waits for a timer before it counts as hanging (Envoy's default `stream_idle_timeout`).
const IDLE_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// A running simulation of Envoy with one plugin.
///
/// ```
/// use host_sim::{Module, Simulator};
/// use host_sim::target::Request;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let module = Module::from_bytes(br#"(module
///     (memory (export "memory") 1)
///     (func (export "proxy_abi_version_0_2_1"))
///     (func (export "malloc") (param i32) (result i32) i32.const 1024))"#)?;
///
/// let mut simulator = Simulator::builder(&module).workers(2).configuration("{}").start()?;
/// let exchange = simulator.exchange(&Request { path: "/hello".to_owned(), ..Request::default() })?;
/// assert_eq!(exchange.status, 200);
/// assert_eq!(exchange.upstream.map(|seen| seen.path), Some("/hello".to_owned()));
/// # Ok(())
/// # }
/// ```
pub struct Simulator {
    module: Module,
    host: Rc<Host>,
    identity: Rc<Identity>,
    rules: Rc<Rules>,
    buffer_limit: usize,
    workers: Vec<Worker>,
    next_worker: usize,
    connections: u64,
}

/// Why a plugin does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Envoy would not load the module.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The module refused its configuration.
    #[error("the module refused its configuration")]
    Rejected {
        /// What it logged.
        log: Vec<LogLine>,
    },
    /// The module failed before it was configured.
    #[error("{failure}")]
    Failed {
        /// How.
        failure: VmFailure,
        /// What it logged.
        log: Vec<LogLine>,
    },
    /// The settings ask for something that host-sim cannot do.
    #[error("host-sim does not implement {0} yet")]
    Unimplemented(&'static str),
}

/// Why an exchange came to no end.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// The plugin paused a message and nothing can resume it. In Envoy the client would wait for its idle timeout.
    #[error(
        "{method} {path} hangs: the plugin paused the {what} and nothing that could resume it is left to happen"
    )]
    Hang {
        /// The request's method.
        method: String,
        /// The request's path.
        path: String,
        /// What is held.
        what: &'static str,
    },
    /// The module needs something that host-sim cannot do.
    #[error("{0}")]
    Unimplemented(VmFailure),
    /// There is no such worker.
    #[error("worker {worker} does not exist, there are {workers}")]
    NoSuchWorker {
        /// The worker that was asked for.
        worker: u32,
        /// How many there are.
        workers: usize,
    },
}

/// What a simulation is started with.
#[derive(Clone, Debug)]
pub struct Builder {
    module: Module,
    settings: PluginSettings,
    configuration: Vec<u8>,
    vm_configuration: Vec<u8>,
    environment: Vec<(String, String)>,
    workers: u32,
    upstream: Upstream,
    properties: Vec<String>,
    clock: Instant,
    seed: u64,
    log_level: LogLevel,
}

impl Simulator {
    /// A simulation of this module, with Envoy's defaults and one worker.
    #[must_use]
    pub fn builder(module: &Module) -> Builder {
        Builder {
            module: module.clone(),
            settings: PluginSettings::default(),
            configuration: Vec::new(),
            vm_configuration: Vec::new(),
            environment: Vec::new(),
            workers: 1,
            upstream: Upstream::default(),
            properties: Vec::new(),
            clock: DEFAULT_START.parse().map_or(
                Instant::from_timestamp(Timestamp::UNIX_EPOCH),
                Instant::from_timestamp,
            ),
            seed: 0,
            log_level: LogLevel::Info,
        }
    }

    /// Sends one request and sees it to its end. Workers take turns unless the request names one.
    ///
    /// # Errors
    ///
    /// When it hangs, or needs what host-sim cannot do.
    pub fn exchange(&mut self, request: &Request) -> Result<Exchange, SimulationError> {
        let mut exchanges = self.parallel(std::slice::from_ref(request))?;
        Ok(exchanges.pop().unwrap_or_default())
    }

    /// Sends requests at the same time: the request headers of all are shown first, in order, and then one after the other
    /// goes on. Answers come back in the order of the requests.
    ///
    /// # Errors
    ///
    /// When one hangs, or needs what host-sim cannot do.
    pub fn parallel(&mut self, requests: &[Request]) -> Result<Vec<Exchange>, SimulationError> {
        let mut open = Vec::new();
        for request in requests {
            open.push(self.open(request)?);
        }
        let mut exchanges = vec![None; requests.len()];
        let patience = self.host.clock.get().after(IDLE_TIMEOUT);
        loop {
            let mut stuck = None;
            let mut moved = false;
            for ((slot, (worker, id)), request) in exchanges.iter_mut().zip(&open).zip(requests) {
                let Some(worker) = self.workers.get_mut(*worker).filter(|_| slot.is_none()) else {
                    continue;
                };
                match worker.pump(*id) {
                    Progress::Complete => *slot = Some(worker.close(*id)),
                    Progress::Held {
                        side,
                        part,
                        moved: this,
                    } => {
                        stuck = Some(hang(request, side, part));
                        moved |= this;
                    }
                }
                moved |= slot.is_some();
            }
            self.check_implemented()?;
            let Some(stuck) = stuck else {
                return Ok(exchanges.into_iter().flatten().collect());
            };
            // One that moved may have resumed one before it; otherwise only timers can.
            if moved {
                continue;
            }
            let Some(due) = self.next_tick().filter(|due| *due <= patience) else {
                return Err(stuck);
            };
            self.host.clock.set(due.max(self.host.clock.get()));
            self.tick(due);
        }
    }

    fn open(&mut self, request: &Request) -> Result<(usize, u32), SimulationError> {
        let workers = self.workers.len();
        let index = match request.worker {
            Some(worker) => usize::try_from(worker).unwrap_or(usize::MAX),
            None => {
                let turn = self.next_worker;
                self.next_worker = turn.saturating_add(1).checked_rem(workers).unwrap_or(0);
                turn
            }
        };
        let worker = self
            .workers
            .get_mut(index)
            .ok_or(SimulationError::NoSuchWorker {
                worker: request.worker.unwrap_or(0),
                workers,
            })?;
        let connection = self.connections;
        self.connections = connection.saturating_add(1);
        let (id, root) = worker.next_stream();
        worker.open(
            id,
            HttpStream::new(
                request,
                root,
                self.buffer_limit,
                connection,
                self.host.clock.get(),
            ),
        );
        Ok((index, id))
    }

    fn check_implemented(&self) -> Result<(), SimulationError> {
        for worker in &self.workers {
            if let Some(failure @ VmFailure::Unimplemented { .. }) = worker.failure() {
                return Err(SimulationError::Unimplemented(failure.clone()));
            }
        }
        Ok(())
    }

    fn next_tick(&self) -> Option<Instant> {
        self.workers.iter().filter_map(Worker::next_tick).min()
    }

    fn tick(&mut self, now: Instant) {
        for worker in &mut self.workers {
            worker.tick(now);
        }
    }

    /// Lets time pass: the clock moves from timer to timer, and each fires at its instant.
    ///
    /// # Errors
    ///
    /// When a timer's callback needs what host-sim cannot do.
    pub fn advance(&mut self, by: Duration) -> Result<(), SimulationError> {
        let end = self.host.clock.get().after(by);
        while let Some(due) = self.next_tick().filter(|due| *due <= end) {
            self.host.clock.set(due.max(self.host.clock.get()));
            self.tick(due);
            self.check_implemented()?;
        }
        self.host.clock.set(end);
        Ok(())
    }

    /// Gives the running plugin a new configuration: first a canary VM tries it, then every worker makes a new root context in
    /// its VM. A refused configuration changes nothing.
    ///
    /// # Errors
    ///
    /// When the module refuses it or fails on it.
    pub fn configure(&mut self, configuration: &[u8]) -> Result<(), StartError> {
        let logged = self.host.log_lines().len();
        let outcome = self.try_configure(configuration);
        outcome.map_err(|error| since(logged, error))
    }

    fn try_configure(&mut self, configuration: &[u8]) -> Result<(), StartError> {
        self.canary(configuration)?;
        for worker in &mut self.workers {
            // Envoy passes over VMs that have failed.
            if worker.failure().is_none() {
                let outcome = worker.configure(configuration);
                accepted(&self.host, outcome)?;
            }
        }
        Ok(())
    }

    /// Tries a configuration in a VM of its own, which is then thrown away.
    fn canary(&self, configuration: &[u8]) -> Result<(), StartError> {
        let mut canary = self.worker("canary ".to_owned())?;
        accepted(&self.host, canary.configure(configuration))
    }

    fn worker(&self, label: String) -> Result<Worker, StartError> {
        let (host, identity, rules) = (
            Rc::clone(&self.host),
            Rc::clone(&self.identity),
            Rc::clone(&self.rules),
        );
        Worker::start(&self.module, host, identity, rules, label).map_err(|error| match error {
            VmStartError::Load(error) => StartError::Load(error),
            VmStartError::Failure(failure) => StartError::Failed {
                failure,
                log: self.host.log_lines(),
            },
        })
    }

    /// Makes the next `count` conditional writes to shared data meet a conflict, as if another worker had just written the
    /// same value: the key's CAS number moves on and the write is answered `CAS_MISMATCH`.
    pub fn inject_cas_conflicts(&mut self, count: u32) {
        self.host.shared_data.borrow_mut().inject_conflicts(count);
    }

    /// The value of a metric under the name that the module defined it by. Of a histogram: how many values it took.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<u64> {
        self.host.metrics.borrow().value(name)
    }

    /// A value in shared data under the plugin's `vm_id`.
    #[must_use]
    pub fn shared_data(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.host
            .shared_data
            .borrow()
            .get(&self.identity.vm_id, key)
            .map(|entry| entry.value.clone())
    }

    /// What the module logged, oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<LogLine> {
        self.host.log_lines()
    }

    /// Takes the trace of hostcalls and callbacks since it was last taken.
    pub fn take_trace(&mut self) -> Vec<String> {
        self.host.take_trace()
    }

    /// The time on the simulation's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.host.clock.get().as_timestamp()
    }

    /// Why the VM of a worker is dead, if it is.
    #[must_use]
    pub fn failure(&self, worker: usize) -> Option<&VmFailure> {
        self.workers.get(worker).and_then(Worker::failure)
    }

    /// Ends the root contexts as Envoy does when it stops.
    pub fn shut_down(&mut self) {
        for worker in &mut self.workers {
            worker.shut_down();
        }
    }
}

/// Keeps of an error's log only what is new.
fn since(logged: usize, error: StartError) -> StartError {
    match error {
        StartError::Rejected { mut log } => StartError::Rejected {
            log: log.split_off(logged.min(log.len())),
        },
        StartError::Failed { failure, mut log } => StartError::Failed {
            failure,
            log: log.split_off(logged.min(log.len())),
        },
        other => other,
    }
}

fn accepted(host: &Host, outcome: Result<Configured, VmFailure>) -> Result<(), StartError> {
    match outcome {
        Ok(Configured::Accepted) => Ok(()),
        Ok(Configured::Refused) => Err(StartError::Rejected {
            log: host.log_lines(),
        }),
        Err(failure) => Err(StartError::Failed {
            failure,
            log: host.log_lines(),
        }),
    }
}

fn hang(request: &Request, side: Side, part: Part) -> SimulationError {
    let what = match (side, part) {
        (Side::Request, Part::Headers) => "request headers",
        (Side::Request, Part::Body) => "request body",
        (Side::Request, Part::Trailers) => "request trailers",
        (Side::Response, Part::Headers) => "response headers",
        (Side::Response, Part::Body) => "response body",
        (Side::Response, Part::Trailers) => "response trailers",
    };
    SimulationError::Hang {
        method: request.method.clone(),
        path: request.path.clone(),
        what,
    }
}

impl Builder {
    /// Envoy's own settings of the plugin.
    #[must_use]
    pub fn settings(mut self, settings: PluginSettings) -> Self {
        self.settings = settings;
        self
    }

    /// The plugin's configuration.
    #[must_use]
    pub fn configuration(mut self, configuration: impl AsRef<[u8]>) -> Self {
        self.configuration = configuration.as_ref().to_vec();
        self
    }

    /// The VM's configuration.
    #[must_use]
    pub fn vm_configuration(mut self, configuration: impl AsRef<[u8]>) -> Self {
        self.vm_configuration = configuration.as_ref().to_vec();
        self
    }

    /// The environment that the module sees (`vm_config.environment_variables`).
    #[must_use]
    pub fn environment(mut self, variables: Vec<(String, String)>) -> Self {
        self.environment = variables;
        self
    }

    /// How many workers; at least one.
    #[must_use]
    pub fn workers(mut self, workers: u32) -> Self {
        self.workers = workers.max(1);
        self
    }

    /// What the upstream answers.
    #[must_use]
    pub fn upstream(mut self, upstream: Upstream) -> Self {
        self.upstream = upstream;
        self
    }

    /// The keys of the filter state (without `wasm.`) that exchanges report.
    #[must_use]
    pub fn properties(mut self, keys: Vec<String>) -> Self {
        self.properties = keys;
        self
    }

    /// When the clock starts; otherwise at noon of 2026-11-22 UTC.
    #[must_use]
    pub fn clock(mut self, start: Timestamp) -> Self {
        self.clock = Instant::from_timestamp(start);
        self
    }

    /// What the module's random numbers follow from.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The level that modules are told is logged; lines below it are dropped. Envoy's default is info.
    #[must_use]
    pub fn log_level(mut self, level: LogLevel) -> Self {
        self.log_level = level;
        self
    }

    /// Starts: the canary first, then the workers.
    ///
    /// # Errors
    ///
    /// When Envoy would not start with this plugin.
    pub fn start(self) -> Result<Simulator, StartError> {
        if self.settings.failure_policy == FailurePolicy::FailReload {
            return Err(StartError::Unimplemented("the failure policy FAIL_RELOAD"));
        }
        let limit = self
            .settings
            .buffer_limit_bytes
            .unwrap_or(DEFAULT_BUFFER_LIMIT);
        let rules = Rules {
            failure_policy: self.settings.failure_policy,
            allow_on_headers_stop_iteration: self.settings.allow_on_headers_stop_iteration,
            upstream: self.upstream,
            properties: self.properties,
        };
        let identity = Identity {
            name: self.settings.name,
            root_id: self.settings.root_id,
            vm_id: self.settings.vm_id,
            vm_configuration: self.vm_configuration,
            environment: self.environment,
        };
        let mut simulator = Simulator {
            module: self.module,
            host: Rc::new(Host::new(self.clock, self.seed, self.log_level)),
            identity: Rc::new(identity),
            rules: Rc::new(rules),
            buffer_limit: usize::try_from(limit).unwrap_or(usize::MAX),
            workers: Vec::new(),
            next_worker: 0,
            connections: 1,
        };
        simulator.canary(&self.configuration)?;
        for index in 0..self.workers {
            let label = if self.workers > 1 {
                format!("worker {index} ")
            } else {
                String::new()
            };
            let mut worker = simulator.worker(label)?;
            accepted(&simulator.host, worker.configure(&self.configuration))?;
            simulator.workers.push(worker);
        }
        Ok(simulator)
    }
}
