//! What a host must be able to do so that scenarios can run on it.
//!
//! The simulator implements [`Target`] in this crate; a test package can implement it for a real proxy. Nothing here says
//! what is right or wrong: a target only acts and observes, and the [runner](crate::scenario::runner) compares.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

pub use crate::host::trace::{HostcallOutcome, TraceEvent, TraceKind};
pub use crate::model::dns::Name;
pub use crate::model::{
    AnswerOverride, BrokenOff, CidrRange, CommonHttpOptions, ConnectionManager, Departure,
    ErrorCode, EscapedSlashes, Exchange, FailurePolicy, Http1Options, HttpVersion,
    InternalAddressConfig, LogLevel, LogLine, PluginSettings, Request, RetryPolicy, RouteSettings,
    ServerHeaderTransformation, Service, ServiceAnswer, ServiceBehaviour, ServiceFunction,
    Timeouts, Underscores, Upstream, UpstreamBehaviour, UpstreamRequest, octets,
};

use crate::model::grpc::GrpcService;
use crate::scenario::ConfigText;

/// A host that can run scenarios.
pub trait Target: Send + Sync {
    /// How reports and `known_difference` call this host: `sim`, `envoy`.
    fn name(&self) -> &'static str;

    /// Whether this host can do what only some hosts can. A scenario that needs more is reported as skipped.
    fn supports(&self, capability: Capability) -> bool;

    /// Starts a host with the scenario's plugin, configuration and upstream.
    ///
    /// # Errors
    ///
    /// When the host itself is broken or missing. A refused configuration is an observation, not an error.
    fn start(&self, setup: &Setup) -> Result<Started, TargetError>;
}

/// What became of a start.
pub enum Started {
    /// The plugin accepted its configuration.
    Running(Box<dyn Session>),
    /// The plugin refused its configuration, or failed before it had one.
    Rejected(Refusal),
}

/// How a plugin refused a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// What the plugin logged, oldest first, without the host's own prefix.
    pub log: Vec<LogLine>,
    /// How the VM died, if that is why and the host can say.
    pub failure: Option<String>,
    /// Hostcalls and callbacks until then; empty where the host cannot say.
    pub trace: Vec<TraceEvent>,
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running(_) => f.write_str("Running"),
            Self::Rejected(refusal) => f.debug_tuple("Rejected").field(refusal).finish(),
        }
    }
}

/// A running host: one per scenario, ended by dropping it.
pub trait Session {
    /// Sends one request and waits for its whole answer.
    ///
    /// # Errors
    ///
    /// When there is no answer: the host died, or the request hangs and nobody can ever resume it.
    fn exchange(&mut self, request: &Request) -> Result<Exchange, TargetError>;

    /// Sends all requests at the same time over this many connections and waits for all answers, which come back in the
    /// order of the requests.
    ///
    /// # Errors
    ///
    /// As [`exchange`](Self::exchange).
    fn parallel(
        &mut self,
        requests: &[Request],
        connections: usize,
    ) -> Result<Vec<Exchange>, TargetError>;

    /// How many of the calls of the last [`parallel`](Self::parallel) the upstream had at once at most; `None` where nobody can say.
    fn upstream_at_once(&self) -> Option<usize> {
        None
    }

    /// Sends the request `count` times. With [`Holder::Upstream`], waits for each until the upstream has all of it and holds its
    /// answer, or until it was answered without the upstream; with [`Holder::Filter`], until the plugin has it. Later steps know
    /// these calls by this name.
    ///
    /// # Errors
    ///
    /// When somebody else holds a call, and when the host died or has no [`Capability::Overlap`].
    fn open(
        &mut self,
        call: &str,
        request: &Request,
        count: u32,
        held: Holder,
    ) -> Result<(), TargetError> {
        let _ = (call, request, count, held);
        Err(TargetError::unsupported(Capability::Overlap))
    }

    /// Sends what is missing of [unfinished](Request::unfinished) requests, lets the upstream go on with the open calls of this name and waits for their whole answers, in the order of opening.
    /// The calls are gone then.
    ///
    /// # Errors
    ///
    /// When no such call is open, and as [`exchange`](Self::exchange) and [`open`](Self::open).
    fn finish(&mut self, call: &str) -> Result<Vec<Exchange>, TargetError> {
        let _ = call;
        Err(TargetError::unsupported(Capability::Overlap))
    }

    /// The clients of the open calls of this name leave. Waits until the host has noticed, which is when the calls' access log is
    /// written. Says what was seen of the calls, in the order of opening; of an answer only what clients get that
    /// [still read](Departure::still_reads) means anything.
    ///
    /// # Errors
    ///
    /// When no such call is open, and as [`open`](Self::open).
    fn disconnect(
        &mut self,
        call: &str,
        departure: Departure,
    ) -> Result<Vec<Exchange>, TargetError> {
        let _ = (call, departure);
        Err(TargetError::unsupported(Capability::Overlap))
    }

    /// Lets this much time pass, counted from the end of the previous step.
    ///
    /// # Errors
    ///
    /// When the host died.
    fn advance(&mut self, by: Duration) -> Result<(), TargetError>;

    /// The value of a metric under the name that the module defined it by; `None` when there is no such metric (yet). Where nothing
    /// happens between steps, timers fire first: a plugin may gather what it counts until its next tick.
    ///
    /// # Errors
    ///
    /// When the host cannot be asked.
    fn metric(&mut self, name: &str) -> Result<Option<u64>, TargetError>;

    /// Gives the running plugin a new configuration. The inner error says how the plugin refused it.
    ///
    /// # Errors
    ///
    /// When the host died or has no [`Capability::Reconfigure`].
    fn configure(&mut self, config: &ConfigText) -> Result<Result<(), Refusal>, TargetError>;

    /// Makes the next `count` conditional writes to shared data meet a conflict, as if another worker had been faster.
    ///
    /// # Errors
    ///
    /// When the host has no [`Capability::InjectCasConflict`].
    fn inject_cas_conflicts(&mut self, count: u32) -> Result<(), TargetError>;

    /// From now on this service, one of [`Setup::services`], behaves so.
    ///
    /// # Errors
    ///
    /// When the host died or has no [`Capability::Callouts`].
    fn serve(&mut self, service: &Service) -> Result<(), TargetError> {
        let _ = service;
        Err(TargetError::unsupported(Capability::Callouts))
    }

    /// What the service behind a cluster has seen since the previous call of `callouts` for it, oldest first. A host that
    /// runs by itself is asked again until there are `expected` of them, or for five seconds.
    ///
    /// # Errors
    ///
    /// As [`serve`](Self::serve).
    fn callouts(
        &mut self,
        cluster: &str,
        expected: usize,
    ) -> Result<Vec<UpstreamRequest>, TargetError> {
        let _ = (cluster, expected);
        Err(TargetError::unsupported(Capability::Callouts))
    }

    /// What the plugin logged so far, oldest first, without the host's own prefix.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    fn log(&mut self) -> Result<Vec<LogLine>, TargetError>;

    /// Whether to look at metrics or the log again, after so many looks that did not show what is expected. A host whose workers run on by
    /// themselves waits a little and says yes, for as long as they may take; where nothing happens between steps, a look shows all.
    ///
    /// # Errors
    ///
    /// When the host died.
    fn looks_again(&mut self, looks: u32) -> Result<bool, TargetError> {
        let _ = looks;
        Ok(false)
    }

    /// How a VM of the plugin has died, if one is dead now and the host can say.
    fn failure(&mut self) -> Option<String> {
        None
    }

    /// Hostcalls and callbacks since the previous call of `trace`; empty where the host cannot say.
    fn trace(&mut self) -> Vec<TraceEvent>;
}

/// Who holds an open call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// The upstream, which does not go on before it is told to.
    #[default]
    Upstream,
    /// The plugin, which has paused the request or its answer.
    Filter,
}

/// Something that only some hosts can do. The capabilities that a scenario needs follow from its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// Start at a given instant instead of now.
    ManualClock,
    /// Say which worker serves a request.
    PinWorker,
    /// Make conditional writes to shared data fail.
    InjectCasConflict,
    /// Give the running plugin a new configuration.
    Reconfigure,
    /// Hold calls open while other steps go on.
    Overlap,
    /// Say what the upstream does with a single request.
    UpstreamBehaviour,
    /// Provide services that the plugin calls itself.
    Callouts,
    /// Choose the order in which workers take their steps, down to their accesses to what they share.
    Interleaving,
    /// Provide gRPC services that the plugin calls itself.
    GrpcServices,
    /// Say what names resolve to when the plugin asks.
    Names,
    /// Keep the end of a request's body back.
    UnfinishedRequests,
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ManualClock => "manual-clock",
            Self::PinWorker => "pin-worker",
            Self::InjectCasConflict => "inject-cas-conflict",
            Self::Reconfigure => "reconfigure",
            Self::Overlap => "overlap",
            Self::UpstreamBehaviour => "upstream-behaviour",
            Self::Callouts => "callouts",
            Self::Interleaving => "interleaving",
            Self::GrpcServices => "grpc-services",
            Self::Names => "names",
            Self::UnfinishedRequests => "unfinished-requests",
        })
    }
}

/// Why a target could not act or observe. A plugin that misbehaves is an observation, not one of these.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The host failed.
    #[error("{target} failed while {doing}: {source}")]
    Host {
        /// The target's name.
        target: &'static str,
        /// What was being done, as in "starting the host".
        doing: &'static str,
        /// Why it failed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The scenario needs something that this host cannot do.
    #[error("{target} cannot do `{capability}`")]
    Unsupported {
        /// The target's name.
        target: &'static str,
        /// What it cannot do.
        capability: Capability,
    },
    /// A step names a call that is not open.
    #[error("no call `{call}` is open")]
    NotOpen {
        /// The name.
        call: String,
    },
    /// A call was opened for the plugin to hold, and the plugin does not.
    #[error(
        "the plugin does not hold the call `{call}`: it goes on to the upstream or to the client"
    )]
    NotHeld {
        /// The name.
        call: String,
    },
}

impl TargetError {
    /// What the default methods of [`Session`] answer.
    fn unsupported(capability: Capability) -> Self {
        Self::Unsupported {
            target: "this host",
            capability,
        }
    }
}

/// A filter of the chain.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The file of its module; without one, the module that the host is for.
    pub module: Option<PathBuf>,
    /// Envoy's own settings of the plugin.
    pub plugin: PluginSettings,
    /// The plugin's configuration; [`ConfigText::at`] gives the bytes once the host's start is known.
    pub config: ConfigText,
}

/// Everything that a host needs to know before the first request. By default: one filter, one worker, an upstream that answers 200.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The filters, first to last.
    pub filters: Vec<Filter>,
    /// Dynamic metadata of every request, by namespace: what filters before the first one say.
    pub metadata: BTreeMap<String, serde_json::Value>,
    /// Worker threads (`envoy --concurrency`).
    pub workers: u32,
    /// What the upstream answers to every request.
    pub upstream: Upstream,
    /// The services that the plugin calls itself; only for hosts with [`Capability::Callouts`].
    pub services: Vec<Service>,
    /// The gRPC services that the plugin calls itself; only for hosts with [`Capability::GrpcServices`].
    pub grpc_services: Vec<GrpcService>,
    /// What names resolve to for the plugin; only for hosts with [`Capability::Names`].
    pub names: Vec<Name>,
    /// Keys of the filter state (without the prefix `wasm.`) that some step looks at.
    pub properties: Vec<String>,
    /// When the host's clock starts; only for hosts with [`Capability::ManualClock`].
    pub clock: Option<Timestamp>,
    /// Whether the plugin will get new configurations, for which Envoy must be told to expect them.
    pub reconfigures: bool,
    /// Whether a filter behind the last one answers some requests ([`UpstreamBehaviour::Neighbour`]).
    pub neighbours: bool,
    /// Protocols that a client may upgrade its HTTP/1 connection to, as in `websocket`.
    pub upgrades: Vec<String>,
    /// After what time the host gives up.
    pub timeouts: Timeouts,
    /// How the connection manager before the filters is set up.
    pub connection_manager: ConnectionManager,
    /// How the route behind them is.
    pub route: RouteSettings,
    /// From which level on the host writes what the plugin logs, which is what `proxy_get_log_level` tells the plugin.
    pub log_level: LogLevel,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            filters: vec![Filter::default()],
            metadata: BTreeMap::new(),
            workers: 1,
            upstream: Upstream::default(),
            services: Vec::new(),
            grpc_services: Vec::new(),
            names: Vec::new(),
            properties: Vec::new(),
            clock: None,
            reconfigures: false,
            neighbours: false,
            upgrades: Vec::new(),
            timeouts: Timeouts::default(),
            connection_manager: ConnectionManager::default(),
            route: RouteSettings::default(),
            log_level: LogLevel::Debug,
        }
    }
}
