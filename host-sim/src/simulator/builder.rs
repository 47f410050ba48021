//! What a simulation is started with: the module, its configurations, Envoy's settings, and what Envoy meets outside.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::Simulator;
use super::error::StartError;
use super::filter::Filter;
use crate::clock::{DEFAULT_START, Instant};
use crate::dns::Name;
use crate::envoy::DEFAULT_BUFFER_LIMIT;
use crate::explore::Gate;
use crate::grpc::GrpcService;
use crate::host::Host;
use crate::limits::Limits;
use crate::module::Module;
use crate::shared::Commons;
use crate::target::{LogLevel, PluginSettings, Service, Upstream, UpstreamRequest};
use crate::usual_answer::UsualAnswer;
use crate::vm_state::Identity;
use crate::worker::{RELOAD_AFTER, Rules};

/// What a simulation is started with.
///
/// ```
/// use std::time::Duration;
///
/// use host_sim::grpc::{GrpcAnswer, GrpcBehaviour, GrpcService};
/// use host_sim::target::{FailurePolicy, PluginSettings, Request, Service, ServiceBehaviour, Upstream};
/// use host_sim::{Module, Simulator};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let module = Module::from_bytes(br#"(module
/// #     (memory (export "memory") 1)
/// #     (func (export "proxy_abi_version_0_2_1"))
/// #     (func (export "malloc") (param i32) (result i32) i32.const 1024))"#)?;
/// let mut simulator = Simulator::builder(&module)
///     .settings(PluginSettings { failure_policy: FailurePolicy::FailOpen, ..PluginSettings::default() })
///     .configuration(r#"{ "limit": 2 }"#)
///     .workers(2)
///     .clock("2026-11-22T23:59:59Z".parse()?)
///     .upstream(Upstream { body: b"hello".to_vec(), ..Upstream::default() })
///     .services(vec![Service { cluster: "directory".to_owned(), behaviour: ServiceBehaviour::Hang }])
///     .grpc_services(vec![GrpcService {
///         cluster: "quota".to_owned(),
///         behaviour: GrpcBehaviour::Answers([("quota.Quota/Take".to_owned(), GrpcAnswer::error(8, "none left"))].into()),
///     }])
///     .metadata("jwt", serde_json::json!({ "plan": "free" }))
///     .memory_limit(16 * 1024 * 1024)
///     .start()?;
///
/// // Two calls whose answers the upstream holds, while midnight passes.
/// simulator.open("slow", &Request::default(), 2)?;
/// simulator.advance(Duration::from_secs(1))?;
/// for exchange in simulator.finish("slow")? {
///     assert_eq!((exchange.status, exchange.body), (200, b"hello".to_vec()));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    pub(super) module: Module,
    settings: PluginSettings,
    configuration: Vec<u8>,
    others: Vec<(Module, PluginSettings, Vec<u8>)>,
    vm_configuration: Option<Vec<u8>>,
    environment: Vec<(String, String)>,
    workers: u32,
    upstream: UsualAnswer,
    services: Vec<Service>,
    grpc_services: Vec<GrpcService>,
    names: Vec<Name>,
    metadata: Vec<(String, serde_json::Value)>,
    limits: Limits,
    capabilities: Option<BTreeSet<String>>,
    properties: Vec<String>,
    clock: Instant,
    seed: u64,
    log_level: LogLevel,
    traced: bool,
}

impl Builder {
    pub(super) fn new(module: &Module) -> Self {
        Self {
            module: module.clone(),
            settings: PluginSettings::default(),
            configuration: Vec::new(),
            others: Vec::new(),
            vm_configuration: None,
            environment: Vec::new(),
            workers: 1,
            upstream: UsualAnswer::Fixture(Upstream::default()),
            services: Vec::new(),
            grpc_services: Vec::new(),
            names: Vec::new(),
            metadata: Vec::new(),
            limits: Limits::default(),
            capabilities: None,
            properties: Vec::new(),
            clock: DEFAULT_START.parse().map_or(
                Instant::from_timestamp(Timestamp::UNIX_EPOCH),
                Instant::from_timestamp,
            ),
            seed: 0,
            log_level: LogLevel::Info,
            traced: true,
        }
    }

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

    /// Another filter, behind those that there are already: requests come to it after them, answers before. It has a VM of its own,
    /// also where Envoy would let filters with the same `vm_id`, module and VM configuration share one; shared data and queues go
    /// by the `vm_id`, as in Envoy.
    ///
    /// ```
    /// use host_sim::target::{PluginSettings, Request};
    /// use host_sim::{Module, Simulator};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let module = Module::from_bytes(br#"(module
    /// #     (memory (export "memory") 1)
    /// #     (func (export "proxy_abi_version_0_2_1"))
    /// #     (func (export "malloc") (param i32) (result i32) i32.const 1024)
    /// #     (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) i32.const 0))"#)?;
    /// # let (auth, limit) = (module.clone(), module);
    /// let named = |name: &str| PluginSettings { name: name.to_owned(), ..PluginSettings::default() };
    /// let mut simulator = Simulator::builder(&auth)
    ///     .settings(named("auth"))
    ///     .filter(&limit, named("limit"), r#"{ "daily": 2 }"#)
    ///     .start()?;
    ///
    /// simulator.take_trace();
    /// simulator.exchange(&Request::default())?;
    /// let trace = simulator.take_trace();
    /// assert_eq!(
    ///     trace.iter().filter(|line| line.contains("[host->vm]")).collect::<Vec<_>>(),
    ///     [
    ///         "auth [host->vm] proxy_on_request_headers(2, 6, true)",
    ///         "limit [host->vm] proxy_on_request_headers(2, 6, true)",
    ///     ]
    /// );
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn filter(
        mut self,
        module: &Module,
        settings: PluginSettings,
        configuration: impl AsRef<[u8]>,
    ) -> Self {
        let configuration = configuration.as_ref().to_vec();
        self.others.push((module.clone(), settings, configuration));
        self
    }

    /// The VM's configuration.
    #[must_use]
    pub fn vm_configuration(mut self, configuration: impl AsRef<[u8]>) -> Self {
        self.vm_configuration = Some(configuration.as_ref().to_vec());
        self
    }

    /// The environment that the module sees (`vm_config.environment_variables`), besides that of its settings.
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
        self.upstream = UsualAnswer::Fixture(upstream);
        self
    }

    /// What the upstream answers, as a function of the request as it left the filters. It may be asked on other threads, and may call
    /// whomever it likes, such as a real server.
    ///
    /// ```
    /// use host_sim::target::{Request, Upstream};
    /// use host_sim::{Module, Simulator};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let module = Module::from_bytes(br#"(module
    /// #     (memory (export "memory") 1)
    /// #     (func (export "proxy_abi_version_0_2_1"))
    /// #     (func (export "malloc") (param i32) (result i32) i32.const 1024))"#)?;
    /// let mut simulator = Simulator::builder(&module)
    ///     .upstream_fn(|request| Upstream { body: request.path.clone().into_bytes(), ..Upstream::default() })
    ///     .start()?;
    /// let exchange = simulator.exchange(&Request { path: "/echo".to_owned(), ..Request::default() })?;
    /// assert_eq!(exchange.body, b"/echo");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn upstream_fn(
        mut self,
        answer: impl Fn(&UpstreamRequest) -> Upstream + Send + Sync + 'static,
    ) -> Self {
        self.upstream = UsualAnswer::Function(Arc::new(answer));
        self
    }

    /// The services that the plugin can call, each behind a cluster.
    #[must_use]
    pub fn services(mut self, services: Vec<Service>) -> Self {
        self.services = services;
        self
    }

    /// The gRPC services that the plugin can call, each behind a cluster.
    #[must_use]
    pub fn grpc_services(mut self, services: Vec<GrpcService>) -> Self {
        self.grpc_services = services;
        self
    }

    /// The names that `envoy_resolve_dns` finds, as [`Simulator::name`].
    #[must_use]
    pub fn names(mut self, names: Vec<Name>) -> Self {
        self.names = names;
        self
    }

    /// What a filter before the plugin says about every request, as [`Simulator::set_metadata`].
    #[must_use]
    pub fn metadata(mut self, namespace: &str, value: serde_json::Value) -> Self {
        self.metadata.push((namespace.to_owned(), value));
        self
    }

    /// How many bytes of memory a VM may use; otherwise as many as WebAssembly has.
    #[must_use]
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.limits.memory = bytes;
        self
    }

    /// How many instructions a callback may execute until it counts as one that never returns; otherwise a thousand million, which
    /// takes a second or so.
    #[must_use]
    pub fn instruction_limit(mut self, instructions: u64) -> Self {
        self.limits.instructions = instructions;
        self
    }

    /// The only hostcalls and callbacks that are allowed (`capability_restriction_config`), such as `proxy_log`, `fd_write` and
    /// `proxy_on_request_headers`. Other hostcalls are refused, other callbacks never made.
    #[must_use]
    pub fn capabilities<'c>(mut self, allowed: impl IntoIterator<Item = &'c str>) -> Self {
        self.capabilities = Some(allowed.into_iter().map(str::to_owned).collect());
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

    /// Writes no trace: [`Simulator::take_trace`] stays empty, and callbacks and hostcalls take less time.
    #[must_use]
    pub fn untraced(mut self) -> Self {
        self.traced = false;
        self
    }

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
            (&Module, &PluginSettings, &Vec<u8>),
        )| {
            let number = index.saturating_add(1);
            let label = match settings.name.as_str() {
                _ if self.others.is_empty() => String::new(),
                name if named(name) == 1 => format!("{name} "),
                name => format!("{name} {number} "),
            };
            let mut identity = Identity {
                name: settings.name.clone(),
                root_id: settings.root_id.clone(),
                vm_id: settings.vm_id.clone(),
                vm_configuration: settings.vm_configuration.clone().into_bytes(),
                environment: settings.environment.clone().into_iter().collect(),
                limits: self.limits,
                capabilities: self.capabilities.clone(),
            };
            // What is said of one filter apart from its settings is said of the first.
            if index == 0 {
                identity.environment.extend(self.environment.clone());
                if let Some(configuration) = &self.vm_configuration {
                    identity.vm_configuration.clone_from(configuration);
                }
            }
            Filter {
                module: module.clone(),
                identity: Rc::new(identity),
                rules: Rc::new(Rules {
                    failure_policy: settings.failure_policy,
                    reload_after: settings
                        .reload_after_ms
                        .map_or(RELOAD_AFTER, |ms| Duration::from_millis(ms.into())),
                    allow_on_headers_stop_iteration: settings.allow_on_headers_stop_iteration,
                    upstream: self.upstream.clone(),
                    properties: self.properties.clone(),
                }),
                label,
                configuration: configuration.clone(),
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

    /// Starts one worker of several, which live on threads of their own and share `commons`; nobody tries its configuration before.
    pub(crate) fn start_one(
        self,
        index: usize,
        commons: Commons,
        gate: Rc<Gate>,
    ) -> Result<Simulator, StartError> {
        /// More connections than a worker has in any exploration.
        const CONNECTIONS: u64 = 1_000_000;
        let host = self.host().on_thread(commons, gate);
        let mut simulator = self.empty(host);
        let before = u64::try_from(index).unwrap_or_default();
        simulator.connections = before.saturating_mul(CONNECTIONS).saturating_add(1);
        let worker = simulator.chain(&format!("worker {index} "))?;
        simulator.workers.push(worker);
        Ok(simulator)
    }

    fn host(&self) -> Host {
        Host::new(self.clock, self.seed, self.log_level, self.traced)
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
            buffer_limit: usize::try_from(limit).unwrap_or(usize::MAX),
            main: None,
            workers: Vec::new(),
            next_worker: 0,
            connections: 1,
            open: BTreeMap::new(),
            live: super::live::Live::default(),
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

impl Simulator {
    fn start_vms(&mut self, workers: u32) -> Result<(), StartError> {
        // Envoy tries each of them by itself first.
        self.chain("canary ")?;
        self.main = Some(self.chain("main ")?);
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
