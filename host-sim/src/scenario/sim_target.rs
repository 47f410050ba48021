//! The simulator as a host for scenarios.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::guest::module::{LoadError, Module};
use crate::guest::vm::VmFailure;
use crate::host::trace::TraceEvent;
use crate::model::clock::DEFAULT_START;
use crate::model::envoy_version::EnvoyVersion;
use crate::model::{Departure, Exchange, LogLine, Request, Service, UpstreamRequest};
use crate::proxy::simulator::{Builder, SimulationError, Simulator, StartError};
use crate::scenario::ConfigText;
use crate::scenario::target::{
    Capability, Holder, Refusal, Session, Setup, Started, Target, TargetError,
};

pub(crate) const NAME: &str = "sim";

/// The target `sim`: a simulator per scenario, all from one compiled module.
#[derive(Clone, Debug)]
pub struct SimTarget {
    module: Module,
    time_limit: Option<Option<Duration>>,
    envoy: EnvoyVersion,
    /// Those of other filters in scenarios, by their files.
    others: Arc<Mutex<BTreeMap<PathBuf, Module>>>,
}

impl SimTarget {
    /// A target that runs this module.
    #[must_use]
    pub fn new(module: Module) -> Self {
        Self {
            module,
            time_limit: None,
            envoy: EnvoyVersion::NEWEST,
            others: Arc::default(),
        }
    }

    /// The same with this limit of time for callbacks, as [`Builder::time_limit`].
    #[must_use]
    pub fn with_time_limit(self, limit: Option<Duration>) -> Self {
        Self {
            time_limit: Some(limit),
            ..self
        }
    }

    /// The same with the rules of this version of Envoy.
    #[must_use]
    pub fn with_envoy(self, version: EnvoyVersion) -> Self {
        Self {
            envoy: version,
            ..self
        }
    }

    /// A simulation of what a scenario sets up.
    pub(crate) fn builder(&self, setup: &Setup) -> Result<Builder, TargetError> {
        let builder = Simulator::builder(&self.module)
            .setup(setup, |file| self.other(file))
            .map_err(|error| failed("loading a module", error))?;
        let builder = match self.time_limit {
            Some(limit) => builder.time_limit(limit),
            None => builder,
        };
        Ok(builder.log_level(setup.log_level).envoy(self.envoy))
    }

    /// The module in another file, compiled once.
    fn other(&self, file: &Path) -> Result<Module, LoadError> {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = others.get(file) {
            return Ok(module.clone());
        }
        let module = Module::from_file(file)?;
        others.insert(file.to_owned(), module.clone());
        Ok(module)
    }
}

struct SimSession {
    simulator: Simulator,
    started_at: Timestamp,
}

pub(crate) fn failed(
    doing: &'static str,
    source: impl std::error::Error + Send + Sync + 'static,
) -> TargetError {
    TargetError::Host {
        target: NAME,
        doing,
        source: Box::new(source),
    }
}

fn failed_exchange(source: SimulationError) -> TargetError {
    match source {
        SimulationError::NotOpen { call } => TargetError::NotOpen { call },
        SimulationError::NotHeld { call } => TargetError::NotHeld { call },
        source => failed("serving a request", source),
    }
}

impl Target for SimTarget {
    fn name(&self) -> &'static str {
        NAME
    }

    fn supports(&self, capability: Capability) -> bool {
        match capability {
            Capability::ManualClock
            | Capability::PinWorker
            | Capability::InjectCasConflict
            | Capability::Reconfigure
            | Capability::Overlap
            | Capability::UpstreamBehaviour
            | Capability::Callouts
            | Capability::GrpcServices
            | Capability::Names
            | Capability::UnfinishedRequests => true,
            // One thread takes its steps in one order; `explore` has others.
            Capability::Interleaving => false,
        }
    }

    fn start(&self, setup: &Setup) -> Result<Started, TargetError> {
        let started_at = started_at(setup);
        match self.builder(setup)?.start() {
            Ok(simulator) => Ok(Started::Running(Box::new(SimSession {
                simulator,
                started_at,
            }))),
            Err(error) => refused("starting the plugin", error).map(Started::Rejected),
        }
    }
}

/// When the clock of what a scenario sets up starts.
pub(crate) fn started_at(setup: &Setup) -> Timestamp {
    start_of(setup.clock)
}

/// When the clock starts: then, if anything is said of it.
pub(crate) fn start_of(clock: Option<Timestamp>) -> Timestamp {
    clock.unwrap_or_else(|| DEFAULT_START.parse().unwrap_or_default())
}

/// How the plugin refused a configuration, which it also does by dying; anything else is a failure of the host.
pub(crate) fn refused(doing: &'static str, error: StartError) -> Result<Refusal, TargetError> {
    match error {
        StartError::Rejected { log, trace } => Ok(Refusal {
            log,
            failure: None,
            trace,
        }),
        StartError::Failed {
            failure: failure @ (VmFailure::Trapped { .. } | VmFailure::Forbidden { .. }),
            log,
            trace,
        } => Ok(Refusal {
            log,
            failure: Some(failure.to_string()),
            trace,
        }),
        error @ (StartError::Load(_) | StartError::Failed { .. }) => Err(failed(doing, error)),
    }
}

impl Session for SimSession {
    fn exchange(&mut self, request: &Request) -> Result<Exchange, TargetError> {
        self.simulator.exchange(request).map_err(failed_exchange)
    }

    fn parallel(
        &mut self,
        requests: &[Request],
        _connections: usize,
    ) -> Result<Vec<Exchange>, TargetError> {
        self.simulator.parallel(requests).map_err(failed_exchange)
    }

    fn open(
        &mut self,
        call: &str,
        request: &Request,
        count: u32,
        held: Holder,
    ) -> Result<(), TargetError> {
        let opened = match held {
            Holder::Upstream => self.simulator.open(call, request, count),
            Holder::Filter => self.simulator.open_held(call, request, count),
        };
        opened.map_err(failed_exchange)
    }

    fn finish(&mut self, call: &str) -> Result<Vec<Exchange>, TargetError> {
        self.simulator.finish(call).map_err(failed_exchange)
    }

    fn disconnect(
        &mut self,
        call: &str,
        departure: Departure,
    ) -> Result<Vec<Exchange>, TargetError> {
        let exchanges = self.simulator.disconnect(call, departure);
        exchanges.map_err(failed_exchange)
    }

    fn serve(&mut self, service: &Service) -> Result<(), TargetError> {
        self.simulator.serve(service);
        Ok(())
    }

    fn callouts(
        &mut self,
        cluster: &str,
        _expected: usize,
    ) -> Result<Vec<UpstreamRequest>, TargetError> {
        Ok(self.simulator.take_callouts(cluster))
    }

    fn advance(&mut self, by: Duration) -> Result<(), TargetError> {
        self.simulator
            .advance(by)
            .map_err(|error| failed("advancing the clock", error))
    }

    fn metric(&mut self, name: &str) -> Result<Option<u64>, TargetError> {
        self.simulator.fire_timers();
        Ok(self.simulator.metric(name))
    }

    fn configure(&mut self, config: &ConfigText) -> Result<Result<(), Refusal>, TargetError> {
        match self.simulator.configure(&config.at(self.started_at)) {
            Ok(()) => Ok(Ok(())),
            Err(error) => refused("configuring the plugin", error).map(Err),
        }
    }

    fn inject_cas_conflicts(&mut self, count: u32) -> Result<(), TargetError> {
        self.simulator.inject_cas_conflicts(count);
        Ok(())
    }

    fn log(&mut self) -> Result<Vec<LogLine>, TargetError> {
        Ok(self.simulator.log())
    }

    fn failure(&mut self) -> Option<String> {
        self.simulator.any_failure().map(ToString::to_string)
    }

    fn trace(&mut self) -> Vec<TraceEvent> {
        self.simulator.take_trace()
    }
}
