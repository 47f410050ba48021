//! How a simulation starts: its filters, and their VMs in Envoy's order.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::Builder;
use crate::proxy::chain::Recipe;

use crate::guest::module::Module;
use crate::guest::vm_state::{Identity, Plugin};
use crate::host::Host;
use crate::host::probe::Probe;
use crate::host::shared::ProcessState;
use crate::http::{DEFAULT_BUFFER_LIMIT, Proxy};
use crate::model::PluginSettings;
use crate::proxy::simulator::Simulator;
use crate::proxy::simulator::error::StartError;
use crate::proxy::simulator::filter::Filter;
use crate::proxy::simulator::live::Live;
use crate::proxy::worker::{RELOAD_AFTER, Rules};

impl Builder {
    /// All filters, first to last.
    fn filters(&self) -> Vec<Filter> {
        let first = (&self.module, &self.settings, &self.configuration);
        let others = self.others.iter();
        let all = || std::iter::once(first).chain(others.clone().map(|(m, s, c)| (m, s, c)));
        let named = |name: &str| {
            all()
                .filter(|(_, settings, _)| settings.name == name)
                .count()
        };
        let filter = |(index, (module, settings, configuration)): (
            usize,
            (&Module, &PluginSettings, &Arc<[u8]>),
        )| {
            let number = index.saturating_add(1);
            let label = match settings.name.as_str() {
                _ if self.others.is_empty() => String::new(),
                name if named(name) == 1 => format!("{name} "),
                name => format!("{name} {number} "),
            };
            let mut identity = Identity {
                vm_id: settings.vm_id.clone(),
                vm_configuration: settings.vm_configuration.clone().into_bytes(),
                environment: settings.environment.clone().into_iter().collect(),
                version: self.envoy,
                limits: self.limits,
                capabilities: settings
                    .capabilities
                    .clone()
                    .or_else(|| self.capabilities.clone()),
            };
            // What is said of one filter apart from its settings is said of the first.
            if index == 0 {
                identity.environment.extend(self.environment.clone());
                if let Some(configuration) = &self.vm_configuration {
                    identity.vm_configuration.clone_from(configuration);
                }
            }
            let rules = Rules {
                failure_policy: settings.failure_policy,
                reload_after: settings
                    .reload_after_ms
                    .map_or(RELOAD_AFTER, |ms| Duration::from_millis(ms.into())),
                allow_on_headers_stop_iteration: settings.allow_on_headers_stop_iteration,
                upstream: self.upstream.clone(),
                properties: self.properties.clone(),
            };
            let settings = settings.clone();
            Filter {
                recipe: Recipe {
                    module: module.clone(),
                    identity: Rc::new(identity),
                    plugin: Rc::new(Plugin { settings, label }),
                    rules: Rc::new(rules),
                },
                configuration: Arc::clone(configuration),
            }
        };
        all().enumerate().map(filter).collect()
    }

    /// Starts: the canary first, then the main thread's VM, then the workers'.
    ///
    /// # Errors
    ///
    /// When Envoy would not start with this plugin.
    pub fn start(self) -> Result<Simulator, StartError> {
        let (workers, host) = (self.workers, self.host());
        let mut simulator = self.empty(host);
        match simulator.start_vms(workers) {
            Ok(()) => Ok(simulator),
            Err(error) => Err(error.traced(simulator.take_trace())),
        }
    }

    /// Starts one worker of several, which live on threads of their own and share `process`; nobody tries its configuration before.
    pub(crate) fn start_one(
        self,
        index: usize,
        process: ProcessState,
        probe: Rc<dyn Probe>,
    ) -> Result<Simulator, StartError> {
        /// More connections than a worker has in any exploration.
        const CONNECTIONS: u64 = 1_000_000;
        let host = self.host().on_thread(process, Some(probe));
        let mut simulator = self.empty(host);
        let before = u64::try_from(index).unwrap_or_default();
        simulator.connections = before.saturating_mul(CONNECTIONS).saturating_add(1);
        let worker = simulator.chain(&format!("worker {index} "))?;
        simulator.workers.push(worker);
        Ok(simulator)
    }

    /// Starts with workers that live on threads of their own: the canary and the main thread's VM at once, in the simulation that is
    /// returned, and each of the workers wherever [its seed](WorkerSeed) is taken. They share data, queues and metrics.
    ///
    /// Whoever gives them a new configuration gives it to the first one, which tries it, and then to each of the others. Whoever puts
    /// something into a shared queue may have to tell others ([`Simulator::has_enqueued`]).
    ///
    /// ```
    /// use host_sim::target::Request;
    /// use host_sim::{Module, Simulator};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let module = Module::from_bytes(host_sim::SMALLEST)?;
    /// let (_main, seeds) = Simulator::builder(&module).workers(2).start_threads()?;
    /// let workers = seeds.into_iter().map(|seed| {
    ///     std::thread::spawn(move || {
    ///         let mut worker = seed.start().map_err(|error| error.to_string())?;
    ///         let exchange = worker.exchange(&Request::default());
    ///         exchange.map(|exchange| exchange.status).map_err(|error| error.to_string())
    ///     })
    /// });
    /// for worker in workers.collect::<Vec<_>>() {
    ///     assert_eq!(worker.join().expect("the worker's thread"), Ok(200));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When Envoy would not start with this plugin.
    pub fn start_threads(self) -> Result<(Simulator, Vec<WorkerSeed>), StartError> {
        let process = ProcessState::default();
        let seeds = (0..self.workers).map(|index| WorkerSeed {
            builder: self.clone(),
            index,
            process: process.with_own_words(),
        });
        let seeds = seeds.collect();
        let host = self.host().on_thread(process, None);
        let mut simulator = self.empty(host);
        match simulator.start_vms(0) {
            Ok(()) => Ok((simulator, seeds)),
            Err(error) => Err(error.traced(simulator.take_trace())),
        }
    }

    /// Starts the workers alone: no canary tries the configuration, which somebody has seen to work, and the main thread, which never serves a
    /// request, has no VM.
    ///
    /// # Errors
    ///
    /// When Envoy would not start with this plugin.
    pub fn start_workers(self) -> Result<Simulator, StartError> {
        let (workers, host) = (self.workers, self.host());
        let mut simulator = self.empty(host);
        match simulator.start_worker_vms(workers) {
            Ok(()) => Ok(simulator),
            Err(error) => Err(error.traced(simulator.take_trace())),
        }
    }

    fn host(&self) -> Host {
        let mut host = Host::new(self.clock, self.seed, self.log_level, self.traced).of(self.envoy);
        host.properties.clone_from(&self.attributes);
        host
    }

    /// A simulation without any VM yet.
    fn empty(self, host: Host) -> Simulator {
        let limit = self
            .settings
            .buffer_limit_bytes
            .unwrap_or(DEFAULT_BUFFER_LIMIT);
        let mut simulator = Simulator {
            filters: self.filters(),
            host: Rc::new(host),
            proxy: Rc::new(Proxy {
                version: self.envoy,
                timeouts: self.timeouts,
                upgrades: self.upgrades.clone(),
                connection_manager: self.connection_manager.clone(),
                route: self.route.clone(),
                upstream_http: self.upstream_http,
                buffer_limit: usize::try_from(limit).unwrap_or(usize::MAX),
            }),
            tries: true,
            main: None,
            workers: Vec::new(),
            next_worker: 0,
            connections: 1,
            open: BTreeMap::new(),
            live: Live::default(),
            hidden_body: None,
        };
        for (namespace, value) in self.metadata {
            simulator.set_metadata(&namespace, value);
        }
        for name in self.names {
            simulator.name(name);
        }
        for service in &self.services {
            simulator.serve(service);
        }
        for service in &self.grpc_services {
            simulator.serve_grpc(service);
        }
        simulator
    }
}

/// A worker that is to live on a thread of its own.
#[derive(Clone, Debug)]
pub struct WorkerSeed {
    builder: Builder,
    index: u32,
    process: ProcessState,
}

impl WorkerSeed {
    /// Starts the worker, on the thread that it is to live on.
    ///
    /// # Errors
    ///
    /// When Envoy would not start with this plugin.
    pub fn start(self) -> Result<Simulator, StartError> {
        let several = self.builder.workers > 1;
        let index = u64::from(self.index);
        let mut builder = self.builder;
        builder.seed = builder.seed.wrapping_add(index);
        let host = builder.host().on_thread(self.process, None);
        let mut simulator = builder.empty(host);
        simulator.tries = false;
        // No two connections have the same number.
        simulator.connections = (index << u32::BITS).saturating_add(1);
        let label = if several {
            format!("worker {index} ")
        } else {
            String::new()
        };
        let worker = simulator.chain(&label);
        let worker = worker.map_err(|error| error.traced(simulator.take_trace()))?;
        simulator.workers.push(worker);
        Ok(simulator)
    }
}

impl Simulator {
    fn start_vms(&mut self, workers: u32) -> Result<(), StartError> {
        // Envoy tries each of them by itself first.
        for (index, filter) in self.filters.iter().enumerate() {
            let mut before = self.filters.iter().take(index);
            if !before.any(|other| other.is_same(filter)) {
                filter.try_out(&self.host, &filter.configuration)?;
            }
        }
        self.main = Some(self.chain("main ")?);
        self.start_worker_vms(workers)
    }

    fn start_worker_vms(&mut self, workers: u32) -> Result<(), StartError> {
        for index in 0..workers {
            let label = if workers > 1 {
                format!("worker {index} ")
            } else {
                String::new()
            };
            let worker = self.chain(&label)?;
            self.workers.push(worker);
        }
        Ok(())
    }
}
