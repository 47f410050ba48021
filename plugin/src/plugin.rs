//! The plugin: what the host calls once for each configuration and worker.

use std::{cell::Cell, rc::Rc, time::Duration};

use proxy_wasm::{
    traits::{Context, HttpContext, RootContext},
    types::{Action, ContextType},
};

use crate::{
    filter::Filter,
    host::{self, Counter, HostSharedData, Level},
    metrics::{Counts, Metric},
    policy::Policy,
    worker::Worker,
};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Plugin { running: None }));
}}

/// Said once by each worker: a client that goes away early looks the same.
const BODIES_MAY_BE_MISSING: &str = "a call that is priced by its records ended before any of its body arrived; if every such call \
     hangs, `allow_on_headers_stop_iteration: true` is missing beside the filter in the proxy's configuration (Envoy 1.35 or later)";

/// How often a worker tells what it has counted and renews its slots. A lease is three of them at least.
const TICK: Duration = Duration::from_secs(1);

/// The plugin: one for each configuration and worker.
struct Plugin {
    running: Option<Rc<Running>>,
}

/// What a configured plugin shares with its calls.
pub(crate) struct Running {
    pub(crate) policy: Rc<Policy>,
    pub(crate) worker: Rc<Worker>,
    counters: Vec<Option<Counter>>,
    /// Whether this worker has said that bodies of held calls may not be arriving.
    warned: Cell<bool>,
}

impl Context for Plugin {}

impl RootContext for Plugin {
    fn on_configure(&mut self, _: usize) -> bool {
        match Policy::from_json(&host::plugin_configuration()) {
            Ok(policy) => {
                host::set_tick_period(TICK);
                let counters = Metric::all()
                    .map(|metric| Counter::define(&metric.name()))
                    .collect();
                self.running = Some(Rc::new(Running {
                    policy: Rc::new(policy),
                    worker: Rc::default(),
                    counters,
                    warned: Cell::new(false),
                }));
                true
            }
            Err(error) => {
                host::log(Level::Error, &error.to_string());
                false
            }
        }
    }

    fn on_tick(&mut self) {
        if let Some(running) = &self.running {
            running.worker.tick(
                running.policy.concurrency.lease,
                host::now(),
                &HostSharedData,
            );
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(match &self.running {
            Some(running) => Box::new(Filter::new(Rc::clone(running))),
            None => Box::new(Unconfigured),
        })
    }
}

impl Running {
    /// Counts what was decided.
    pub(crate) fn count(&self, counts: Counts) {
        for (metric, count) in counts.additions() {
            if let Some(Some(counter)) = self.counters.get(metric.index()) {
                counter.add(count);
            }
        }
    }

    /// A proxy that holds a call at its headers and shows the filter nothing of its body lets it hang until the client gives up.
    pub(crate) fn warn_of_missing_bodies(&self) {
        if !self.warned.replace(true) {
            host::log(Level::Warn, BODIES_MAY_BE_MISSING);
        }
    }
}

/// A call to a plugin that has no configuration, which no host creates; it is refused.
struct Unconfigured;

impl Context for Unconfigured {}

impl HttpContext for Unconfigured {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        if let Err(refused) = host::send_local_response(503, "unconfigured", &[], "", 14) {
            host::log(
                Level::Error,
                &format!("an unconfigured plugin cannot answer: {refused}"),
            );
        }
        Action::Pause
    }
}
