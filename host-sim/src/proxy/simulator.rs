//! A simulation: a canary VM, then the main thread's and the workers', and the clock, the data and the metrics that they share.

mod builder;
mod calls;
mod engine;
mod error;
mod filter;
mod live;
mod pending;
mod streaming;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;

pub use builder::{Builder, WorkerSeed};
pub use error::{SimulationError, StartError};
pub use live::{CallId, CalloutId, Event};
pub use pending::PendingCall;
pub use streaming::Piece;

use crate::guest::module::Module;
use crate::guest::vm::VmFailure;
use crate::host::shared_data::Written;
use crate::host::trace::TraceEvent;
use crate::host::{Counts, Host};
use crate::http::Proxy;
use crate::http::hidden_body::HiddenBody;
use crate::model::dns::Name;
use crate::model::grpc::{GrpcRequest, GrpcService};
use crate::model::{Exchange, LogLine, Request, Service, UpstreamRequest};
use crate::proxy::chain::{Chain, Filters};
use crate::proxy::worker::Configured;
use calls::{Goal, ScenarioCall};
use engine::Body;
use filter::Filter;

/// A running simulation of Envoy with one plugin.
///
/// ```
/// use host_sim::{Module, Simulator};
/// use host_sim::target::Request;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let module = Module::from_bytes(host_sim::SMALLEST)?;
///
/// let mut simulator = Simulator::builder(&module).workers(2).configuration("{}").start()?;
/// let exchange = simulator.exchange(&Request { path: "/hello".to_owned(), ..Request::default() })?;
/// assert_eq!(exchange.status, 200);
/// assert_eq!(exchange.upstream.map(|seen| seen.path), Some("/hello".to_owned()));
/// # Ok(())
/// # }
/// ```
pub struct Simulator {
    /// First to last.
    filters: Vec<Filter>,
    host: Rc<Host>,
    /// How Envoy is set up around the filters.
    proxy: Rc<Proxy>,
    /// Whether configurations are tried in a canary VM first; of workers with threads of their own somebody else does.
    tries: bool,
    /// The main thread has a VM as well, which never serves a request.
    main: Option<Chain>,
    workers: Vec<Chain>,
    next_worker: usize,
    connections: u64,
    /// Calls whose answers the upstream holds, by the name they were opened under.
    open: BTreeMap<String, Vec<ScenarioCall>>,
    live: live::Live,
    /// A call that may wait for a body that the plugin cannot see.
    hidden_body: Option<HiddenBody>,
}

impl Simulator {
    /// A simulation of this module, with Envoy's defaults and one worker.
    #[must_use]
    pub fn builder(module: &Module) -> Builder {
        Builder::new(module)
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
        let mut calls = Vec::new();
        for request in requests {
            calls.push(ScenarioCall::new(
                self.submit(request, Body::Whole)?,
                request,
            ));
        }
        self.drive(&mut calls, Goal::Ended)?;
        Ok(calls
            .into_iter()
            .filter_map(ScenarioCall::into_exchange)
            .collect())
    }

    /// The last call whose headers the plugin paused with nothing on its way that it may have waited for, and without being shown the body
    /// that it may have waited for either; each only once. Calls from outside tell it as [`Event::BodyHidden`].
    pub fn take_hidden_body(&mut self) -> Option<HiddenBody> {
        self.hidden_body.take()
    }

    /// Gives the running plugin, the first one of several, a new configuration: first a canary VM tries it, then every worker makes
    /// a new root context in its VM. A refused configuration changes nothing. The one that is in force already is not even looked at.
    ///
    /// # Errors
    ///
    /// When the module refuses it or fails on it.
    pub fn configure(&mut self, configuration: &[u8]) -> Result<(), StartError> {
        self.configure_filter(0, configuration)
    }

    /// The same for any filter of the chain, counted from 0. One that does not exist is passed over.
    ///
    /// # Errors
    ///
    /// As [`configure`](Self::configure).
    pub fn configure_filter(
        &mut self,
        filter: usize,
        configuration: &[u8],
    ) -> Result<(), StartError> {
        let mut chains = self.main.iter().chain(&self.workers);
        if chains.all(|chain| chain.filters.configuration(filter) == Some(configuration)) {
            return Ok(());
        }
        let logged = self.host.log_lines().len();
        let outcome = self.try_configure(filter, &configuration.into());
        outcome.map_err(|error| error.since(logged))
    }

    fn try_configure(
        &mut self,
        filter: usize,
        configuration: &Arc<[u8]>,
    ) -> Result<(), StartError> {
        let Some(tried) = self.filters.get(filter) else {
            return Ok(());
        };
        if self.tries {
            tried.try_out(&self.host, configuration)?;
        }
        for chain in self.main.iter_mut().chain(&mut self.workers) {
            let outcome = chain.filters.configure(filter, configuration);
            accepted(&self.host, outcome)?;
        }
        Ok(())
    }

    /// All filters of a new worker, or of the main thread.
    fn chain(&self, label: &str) -> Result<Chain, StartError> {
        let mut filters = Filters::default();
        for filter in &self.filters {
            filter.start(&self.host, label, &filter.configuration, &mut filters)?;
        }
        Ok(Chain::new(filters))
    }

    /// Makes the next `count` conditional writes to shared data meet a conflict, as if another worker had just written the
    /// same value: the key's CAS number moves on and the write is answered `CAS_MISMATCH`.
    pub fn inject_cas_conflicts(&mut self, count: u32) {
        self.host.process.data.borrow_mut().inject_conflicts(count);
    }

    /// The value of a metric under the name that the module defined it by. Of a histogram: how many values it took.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<u64> {
        self.host.process.metrics.borrow().value(name)
    }

    /// A value in shared data under the plugin's `vm_id`.
    #[must_use]
    pub fn shared_data(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.host
            .process
            .data
            .borrow()
            .get(&self.filters.first()?.recipe.identity.vm_id, key)
            .map(|entry| entry.value.clone())
    }

    /// What has been written to shared data, under all keys.
    #[must_use]
    pub fn written(&self) -> Vec<Written> {
        self.host.process.data.borrow().written().collect()
    }

    /// Whether the plugin has ever called a service, asked for a name, or put something into a shared queue.
    #[must_use]
    pub fn has_reached_out(&self) -> bool {
        self.host.has_reached_out()
    }

    /// From now on this service behaves so.
    pub fn serve(&mut self, service: &Service) {
        let mut services = self.host.outside.services.borrow_mut();
        services.insert(service.cluster.clone(), service.behaviour.clone());
    }

    /// How many calls the plugin has made to each cluster behind which there is no service, and which the host therefore refused.
    #[must_use]
    pub fn calls_to_missing_services(&self) -> BTreeMap<String, u64> {
        self.host.outside.missing_services.borrow().clone()
    }

    /// Takes what the service behind a cluster has seen since it was last taken.
    pub fn take_callouts(&mut self, cluster: &str) -> Vec<UpstreamRequest> {
        let mut seen = self.host.outside.callouts.borrow_mut();
        seen.remove(cluster).unwrap_or_default()
    }

    /// Forgets what services have seen, at which nobody will look.
    pub fn forget_callouts(&mut self) {
        self.host.outside.callouts.borrow_mut().clear();
        self.host.outside.grpc_calls.borrow_mut().clear();
    }

    /// From now on this gRPC service behaves so.
    pub fn serve_grpc(&mut self, service: &GrpcService) {
        let mut services = self.host.outside.grpc_services.borrow_mut();
        services.insert(service.cluster.clone(), service.behaviour.clone());
    }

    /// Takes the calls that the gRPC service behind a cluster has seen since they were last taken, with what had been sent by then.
    pub fn take_grpc_calls(&mut self, cluster: &str) -> Vec<GrpcRequest> {
        let mut seen = self.host.outside.grpc_calls.borrow_mut();
        let taken = seen.remove(cluster).unwrap_or_default();
        taken.into_iter().map(|(_, request)| request).collect()
    }

    /// From now on a name resolves to this for `envoy_resolve_dns`, which the plugin is told later. Other names do not exist; addresses
    /// and `localhost` are answered at once.
    pub fn name(&mut self, name: Name) {
        self.host.outside.names.borrow_mut().insert(name);
    }

    /// From now on a filter before the plugin says this about every request (dynamic metadata), as an authentication filter does
    /// about the claims of a token. The value is a JSON object; the plugin reads it as the property
    /// `metadata.filter_metadata.<namespace>`.
    pub fn set_metadata(&mut self, namespace: &str, value: serde_json::Value) {
        let mut metadata = self.host.metadata.borrow_mut();
        metadata.set(namespace.to_owned(), value);
    }

    /// What the module logged, oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<LogLine> {
        self.host.log_lines()
    }

    /// What the module logged, oldest first, each line with the callback in which it did.
    pub(crate) fn log_by_callback(&self) -> Vec<(&'static str, LogLine)> {
        let callbacks = self.host.logged_in();
        callbacks.into_iter().zip(self.host.log_lines()).collect()
    }

    /// Whether the plugin has put something into a shared queue since this was last asked, of which workers with threads of their own
    /// are only told when they [settle](Self::settle).
    #[must_use]
    pub fn has_enqueued(&self) -> bool {
        self.host.take_enqueued()
    }

    /// How often modules and host have called each other since the start, in all VMs.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.host.counts()
    }

    /// Takes the trace of hostcalls and callbacks since it was last taken. Who does not take it says so at the start with
    /// [`Builder::untraced`].
    pub fn take_trace(&mut self) -> Vec<TraceEvent> {
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
        self.workers.get(worker)?.filters.failure()
    }

    /// Why a VM is dead, of the first worker with a dead one.
    #[must_use]
    pub fn any_failure(&self) -> Option<&VmFailure> {
        let mut workers = self.workers.iter();
        workers.find_map(|worker| worker.filters.failure())
    }

    /// Ends the root contexts as Envoy does when it stops.
    pub fn shut_down(&mut self) {
        let chains = self.main.iter_mut().chain(&mut self.workers);
        for vm in chains.flat_map(|chain| chain.filters.vms_mut()) {
            vm.shut_down();
        }
    }
}

fn accepted(host: &Host, outcome: Result<Configured, VmFailure>) -> Result<(), StartError> {
    match outcome {
        Ok(Configured::Accepted) => Ok(()),
        Ok(Configured::Refused) => Err(StartError::Rejected {
            log: host.log_lines(),
            trace: Vec::new(),
        }),
        Err(failure) => Err(StartError::Failed {
            failure,
            log: host.log_lines(),
            trace: Vec::new(),
        }),
    }
}
