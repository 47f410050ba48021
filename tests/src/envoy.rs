//! Scenarios on the real Envoy: one process per scenario, on ports that the system picks, gone when the scenario is.

mod access_log;
mod bootstrap;
mod filter;
mod log;
mod named;
mod process;
mod session;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use host_sim::scenario::ConfigText;
use host_sim::target::{Capability, LogLine, Refusal, Setup, Started, Target, TargetError};
use jiff::Timestamp;
use tokio::runtime::Runtime;

use crate::artifacts::Artifacts;
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
        let started_at = Timestamp::now();
        let config = text(&setup.config, started_at)?;
        let folder = tempfile::Builder::new()
            .prefix("api-credits-test-")
            .tempdir()?;
        let access_log = folder.path().join("access.log");
        let filter = Filter {
            settings: setup.plugin.clone(),
            module: self.artifacts.module.clone(),
        };
        let (filter, delivery) = if setup.reconfigures {
            let delivery = Delivery::new(filter, folder.path())?;
            delivery.deliver(&config)?;
            (delivery.discovery(), Some(delivery))
        } else {
            (filter.fixed(&config), None)
        };
        let bootstrap = Bootstrap {
            setup,
            filter,
            upstream: &upstream,
            services: &services,
            access_log: &access_log,
        }
        .render();
        let envoy = &self.artifacts.envoy;
        match Process::launch(envoy, folder, &bootstrap, setup.workers).await? {
            Launch::Ready(process) => {
                if delivery.is_some() && process.deliveries().await?.refused > 0 {
                    return Ok(Served::Rejected(log::plugin_lines(&process.log()?)));
                }
                let world = World {
                    process,
                    upstream,
                    services,
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
            Capability::Reconfigure
            | Capability::Overlap
            | Capability::UpstreamBehaviour
            | Capability::Callouts => true,
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
