//! What a simulation is started with: the module, its configurations, Envoy's settings, and what Envoy meets outside.

mod start;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::guest::limits::Limits;
use crate::guest::module::Module;
use crate::model::clock::{DEFAULT_START, Instant};
use crate::model::dns::Name;
use crate::model::envoy_version::EnvoyVersion;
use crate::model::grpc::GrpcService;
use crate::model::usual_answer::UsualAnswer;
use crate::model::{
    ConnectionManager, HttpVersion, LogLevel, PluginSettings, RouteSettings, Service, Timeouts,
    Upstream, UpstreamRequest,
};

pub use start::WorkerSeed;

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
/// # let module = Module::from_bytes(host_sim::SMALLEST)?;
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
    /// Large ones are not copied with it.
    configuration: Arc<[u8]>,
    others: Vec<(Module, PluginSettings, Arc<[u8]>)>,
    vm_configuration: Option<Vec<u8>>,
    environment: Vec<(String, String)>,
    workers: u32,
    upstream: UsualAnswer,
    services: Vec<Service>,
    grpc_services: Vec<GrpcService>,
    names: Vec<Name>,
    metadata: Vec<(String, serde_json::Value)>,
    attributes: BTreeMap<String, Vec<u8>>,
    limits: Limits,
    capabilities: Option<BTreeSet<String>>,
    properties: Vec<String>,
    timeouts: Timeouts,
    upgrades: Vec<String>,
    upstream_http: Option<HttpVersion>,
    envoy: EnvoyVersion,
    connection_manager: ConnectionManager,
    route: RouteSettings,
    clock: Instant,
    seed: u64,
    log_level: LogLevel,
    traced: bool,
}

impl Builder {
    /// The module of the first filter.
    pub(crate) fn module(&self) -> &Module {
        &self.module
    }

    /// The same with another module for the first filter.
    pub(crate) fn of_module(self, module: Module) -> Self {
        Self { module, ..self }
    }

    pub(super) fn new(module: &Module) -> Self {
        Self {
            module: module.clone(),
            settings: PluginSettings::default(),
            configuration: Arc::default(),
            others: Vec::new(),
            vm_configuration: None,
            environment: Vec::new(),
            workers: 1,
            upstream: UsualAnswer::Fixture(Upstream::default()),
            services: Vec::new(),
            grpc_services: Vec::new(),
            names: Vec::new(),
            metadata: Vec::new(),
            attributes: BTreeMap::new(),
            limits: Limits::default(),
            capabilities: None,
            properties: Vec::new(),
            timeouts: Timeouts::default(),
            upgrades: Vec::new(),
            upstream_http: None,
            envoy: EnvoyVersion::NEWEST,
            connection_manager: ConnectionManager::default(),
            route: RouteSettings::default(),
            clock: DEFAULT_START.parse().map_or(
                Instant::from_timestamp(Timestamp::UNIX_EPOCH),
                Instant::from_timestamp,
            ),
            seed: 0,
            log_level: LogLevel::Info,
            traced: true,
        }
    }

    /// Protocols that a client may upgrade its HTTP/1 connection to, as in `websocket`.
    #[must_use]
    pub fn upgrades(mut self, upgrades: Vec<String>) -> Self {
        self.upgrades = upgrades;
        self
    }

    /// The version of Envoy whose rules are followed; the newest by default.
    #[must_use]
    pub fn envoy(mut self, version: EnvoyVersion) -> Self {
        self.envoy = version;
        self
    }

    /// The version of HTTP that the upstream speaks; without it, that of each client.
    #[must_use]
    pub fn upstream_http(mut self, http: Option<HttpVersion>) -> Self {
        self.upstream_http = http;
        self
    }

    /// How the connection manager before the filters is set up.
    #[must_use]
    pub fn connection_manager(mut self, settings: ConnectionManager) -> Self {
        self.connection_manager = settings;
        self
    }

    /// How the route behind the filters is.
    #[must_use]
    pub fn route(mut self, settings: RouteSettings) -> Self {
        self.route = settings;
        self
    }

    /// After what time Envoy gives up.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
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
        self.configuration = configuration.as_ref().into();
        self
    }

    /// The same, not copied.
    #[must_use]
    pub fn shared_configuration(mut self, configuration: &Arc<[u8]>) -> Self {
        self.configuration = Arc::clone(configuration);
        self
    }

    /// Another filter, behind those that there are already: requests come to it after them, answers before. Filters with the same
    /// module, `vm_id`, VM configuration and environment share a VM, as in Envoy; shared data and queues go by the `vm_id` alone.
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
    /// let trace: Vec<_> = simulator.take_trace().iter().map(ToString::to_string).collect();
    /// assert_eq!(
    ///     trace.iter().filter(|line| line.contains("[host->vm]")).collect::<Vec<_>>(),
    ///     [
    ///         "auth [host->vm] proxy_on_request_headers(3, 6, true)",
    ///         "limit [host->vm] proxy_on_request_headers(4, 6, true)",
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
        let configuration = configuration.as_ref().into();
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
    /// # let module = Module::from_bytes(host_sim::SMALLEST)?;
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

    /// The names that `envoy_resolve_dns` finds, as [`Simulator::name`](crate::Simulator::name).
    #[must_use]
    pub fn names(mut self, names: Vec<Name>) -> Self {
        self.names = names;
        self
    }

    /// What a filter before the plugin says about every request, as [`Simulator::set_metadata`](crate::Simulator::set_metadata).
    #[must_use]
    pub fn metadata(mut self, namespace: &str, value: serde_json::Value) -> Self {
        self.metadata.push((namespace.to_owned(), value));
        self
    }

    /// The value of a property of every request, by its path with dots, as in `source.address`, in place of what Envoy would say. The bytes are
    /// what `proxy_get_property` gives: a number takes eight, little endian.
    #[must_use]
    pub fn attribute(mut self, path: &str, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref().to_vec();
        self.attributes.insert(path.to_owned(), value);
        self
    }

    /// How many bytes of memory a VM may use; otherwise as many as WebAssembly has.
    #[must_use]
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.limits.memory = bytes;
        self
    }

    /// How long a callback may take on the machine until it counts as one that never returns: 30 seconds by default. `None` is for ever, as
    /// in Envoy, where a worker that hangs stays so.
    #[must_use]
    pub fn time_limit(mut self, limit: Option<Duration>) -> Self {
        self.limits.time = limit;
        self
    }

    /// How many instructions a callback may execute until it counts as one that never returns; otherwise as many as it likes. What a
    /// plugin does at its start may take thirty times as many.
    #[must_use]
    pub fn instruction_limit(mut self, instructions: u64) -> Self {
        self.limits.instructions = Some(instructions);
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

    /// Writes no trace: [`Simulator::take_trace`](crate::Simulator::take_trace) stays empty, and callbacks and hostcalls take less time.
    #[must_use]
    pub fn untraced(mut self) -> Self {
        self.traced = false;
        self
    }
}
