//! Scenarios on the real Envoy: one process per scenario, on ports that the system picks, gone when the scenario is.

mod access_log;
mod bootstrap;
mod filter;
mod log;
mod named;
mod neighbour;
mod process;
mod routing;
mod session;
mod world;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use host_sim::scenario::ConfigText;
use host_sim::target::{self, Capability, LogLine, Refusal, Setup, Started, Target, TargetError};
use jiff::Timestamp;
use tokio::runtime::Runtime;

use crate::artifacts::Artifacts;
use crate::grpc::GrpcServer;
use crate::service::Service;
use crate::upstream::Upstream;
use bootstrap::Bootstrap;
use filter::{Delivery, Filter};
use process::{Launch, Process};
pub use session::EnvoySession;
use world::World;

/// The real Envoy as a host for scenarios.
#[derive(Debug)]
pub struct EnvoyTarget {
    artifacts: Artifacts,
    runtime: Arc<Runtime>,
}

/// What became of a start.
#[derive(Debug)]
pub enum Served {
    /// Envoy serves.
    Running(Box<EnvoySession>),
    /// The plugin refused its configuration or died, and Envoy with it; this is what the plugin logged.
    Rejected(Vec<LogLine>),
}

impl EnvoyTarget {
    /// A host that runs this module in this Envoy.
    ///
    /// # Errors
    ///
    /// When the system has no threads to give.
    pub fn new(artifacts: Artifacts) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        Ok(Self {
            artifacts,
            runtime: Arc::new(runtime),
        })
    }

    /// Starts Envoy and waits until it serves or has refused its configuration.
    ///
    /// # Errors
    ///
    /// When Envoy does neither.
    pub fn serve(&self, setup: &Setup) -> anyhow::Result<Served> {
        self.runtime.block_on(self.launch(setup))
    }

    async fn launch(&self, setup: &Setup) -> anyhow::Result<Served> {
        let upstream = Upstream::start(&setup.upstream)
            .await
            .context("cannot start the upstream")?;
        let mut services = BTreeMap::new();
        for service in &setup.services {
            let started = Service::start(&service.behaviour)
                .await
                .with_context(|| format!("cannot start the service `{}`", service.cluster))?;
            services.insert(service.cluster.clone(), started);
        }
        let mut grpc_services = BTreeMap::new();
        for service in &setup.grpc_services {
            let started = GrpcServer::start(&service.behaviour)
                .await
                .with_context(|| format!("cannot start the service `{}`", service.cluster))?;
            grpc_services.insert(service.cluster.clone(), started);
        }
        let started_at = Timestamp::now();
        let folder = tempfile::Builder::new()
            .prefix("api-credits-test-")
            .tempdir()?;
        let access_log = folder.path().join("access.log");
        let mut filters = Vec::new();
        let mut delivery = None;
        for (index, source) in setup.filters.iter().enumerate() {
            let config = text(&source.config, started_at)?;
            let filter = Filter {
                name: match index {
                    0 => filter::NAME.to_owned(),
                    _ => format!("{}_{index}", filter::NAME),
                },
                settings: source.plugin.clone(),
                module: self.module(source, folder.path())?,
            };
            // The first one gets new configurations.
            if setup.reconfigures && index == 0 {
                let of_first = Delivery::new(filter, folder.path())?;
                of_first.deliver(&config)?;
                filters.push(of_first.discovery());
                delivery = Some(of_first);
            } else {
                filters.push(filter.fixed(&config));
            }
        }
        let bootstrap = Bootstrap {
            setup,
            filters,
            upstream: &upstream,
            services: &services,
            grpc_services: &grpc_services,
            access_log: &access_log,
        }
        .render();
        let envoy = &self.artifacts.envoy;
        match Process::launch(envoy, folder, &bootstrap, setup.workers, setup.log_level).await? {
            Launch::Ready(process) => {
                if delivery.is_some() && process.deliveries().await?.refused > 0 {
                    return Ok(Served::Rejected(log::plugin_lines(&process.log()?)));
                }
                let world = World {
                    process,
                    upstream,
                    services,
                    _grpc_services: grpc_services,
                    delivery,
                    started_at,
                };
                let session = EnvoySession::new(Arc::clone(&self.runtime), world, &access_log);
                Ok(Served::Running(Box::new(session)))
            }
            Launch::Ended { log } => {
                let lines = log::plugin_lines(&log);
                anyhow::ensure!(
                    log.contains("Unable to create Wasm plugin"),
                    "Envoy did not start:\n{log}"
                );
                Ok(Served::Rejected(lines))
            }
        }
    }
}

impl EnvoyTarget {
    /// The file of a filter's module. One that is written as text goes to this folder as Envoy loads it.
    fn module(&self, filter: &target::Filter, folder: &Path) -> anyhow::Result<PathBuf> {
        let Some(file) = &filter.module else {
            return Ok(self.artifacts.module.clone());
        };
        let place = || file.display().to_string();
        if file.extension().is_none_or(|extension| extension != "wat") {
            return file.canonicalize().with_context(place);
        }
        let name = file.file_name().with_context(place)?;
        let module = folder.join(name).with_extension("wasm");
        std::fs::write(&module, wat::parse_file(file).with_context(place)?)?;
        Ok(module)
    }
}

/// The configuration for a host that was started then.
fn text(config: &ConfigText, started_at: Timestamp) -> anyhow::Result<String> {
    String::from_utf8(config.at(started_at)).context("the configuration is not UTF-8")
}

impl Target for EnvoyTarget {
    fn name(&self) -> &'static str {
        NAME
    }

    fn supports(&self, capability: Capability) -> bool {
        match capability {
            // The clock is the real one, and the kernel deals connections out to the workers.
            Capability::ManualClock | Capability::PinWorker => false,
            // Other workers cause real conflicts; nobody can order one.
            Capability::InjectCasConflict => false,
            // Envoy asks the machine's own name servers.
            Capability::Names => false,
            Capability::Reconfigure
            | Capability::Overlap
            | Capability::UpstreamBehaviour
            | Capability::Callouts
            | Capability::GrpcServices
            | Capability::UnfinishedRequests => true,
            // It takes its steps in whatever order it likes.
            Capability::Interleaving => false,
        }
    }

    fn start(&self, setup: &Setup) -> Result<Started, TargetError> {
        match self.serve(setup).map_err(failed("starting Envoy"))? {
            Served::Running(session) => Ok(Started::Running(session)),
            Served::Rejected(log) => Ok(Started::Rejected(refusal(log))),
        }
    }
}

/// Envoy says in its own words how a VM died, which are no other host's.
fn refusal(log: Vec<LogLine>) -> Refusal {
    Refusal {
        log,
        ..Refusal::default()
    }
}

const NAME: &str = "envoy";

/// Turns an error's whole chain into the one kind of error that a target has.
fn failed(doing: &'static str) -> impl Fn(anyhow::Error) -> TargetError {
    // `{:#}` is the chain on one line.
    move |error| TargetError::Host {
        target: NAME,
        doing,
        source: format!("{error:#}").into(),
    }
}
