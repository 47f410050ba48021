//! How simulations fail.

use crate::guest::module::LoadError;
use crate::guest::vm::VmFailure;
use crate::host::trace::TraceEvent;
use crate::http::hidden_body::HiddenBody;
use crate::http::message::Part;
use crate::http::stream::Side;
use crate::model::{LogLine, Request};

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
        /// Hostcalls and callbacks of a start; those of a reconfiguration are the simulator's.
        trace: Vec<TraceEvent>,
    },
    /// The module failed before it was configured.
    #[error("{failure}")]
    Failed {
        /// How.
        failure: VmFailure,
        /// What it logged.
        log: Vec<LogLine>,
        /// Hostcalls and callbacks of a start; those of a reconfiguration are the simulator's.
        trace: Vec<TraceEvent>,
    },
}

/// Why an exchange came to no end.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// The plugin paused a message and nothing can resume it. In Envoy the client would wait for its idle timeout.
    #[error(
        "{method} {path} hangs: the plugin paused the {what} and nothing that could resume it is left to happen{}",
        hidden.as_ref().map(|hidden| format!("; {}", hidden.why())).unwrap_or_default()
    )]
    Hang {
        /// The request's method.
        method: String,
        /// The request's path.
        path: String,
        /// What is held.
        what: &'static str,
        /// The call whose body the plugin may wait for in vain, if there is one.
        hidden: Option<HiddenBody>,
    },
    /// The module did not return from a callback. In Envoy that worker would never do anything again.
    #[error("{0}; in Envoy that worker would never do anything again")]
    NeverReturns(VmFailure),
    /// The module did something on which the whole of Envoy crashes.
    #[error("{0}")]
    Crashes(VmFailure),
    /// A call was to go on that is not open.
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
    /// There is no such worker.
    #[error("worker {worker} does not exist, there are {workers}")]
    NoSuchWorker {
        /// The worker that was asked for.
        worker: u32,
        /// How many there are.
        workers: usize,
    },
}

impl StartError {
    /// Keeps of an error's log only what is new.
    pub(super) fn since(self, logged: usize) -> Self {
        match self {
            Self::Rejected { mut log, trace } => Self::Rejected {
                log: log.split_off(logged.min(log.len())),
                trace,
            },
            Self::Failed {
                failure,
                mut log,
                trace,
            } => Self::Failed {
                failure,
                log: log.split_off(logged.min(log.len())),
                trace,
            },
            Self::Load(error) => Self::Load(error),
        }
    }

    /// Adds what was done until then.
    pub(super) fn traced(mut self, done: Vec<TraceEvent>) -> Self {
        match &mut self {
            Self::Rejected { trace, .. } | Self::Failed { trace, .. } => *trace = done,
            Self::Load(_) => {}
        }
        self
    }
}

impl SimulationError {
    /// A request that hangs because this part is held.
    pub(super) fn hang(request: &Request, side: Side, part: Part) -> Self {
        let what = match (side, part) {
            (Side::Request, Part::Headers) => "request headers",
            (Side::Request, Part::Body) => "request body",
            (Side::Request, Part::Trailers) => "request trailers",
            (Side::Response, Part::Headers) => "response headers",
            (Side::Response, Part::Body) => "response body",
            (Side::Response, Part::Trailers) => "response trailers",
        };
        Self::Hang {
            method: request.method.clone(),
            path: request.path.clone(),
            what,
            hidden: None,
        }
    }

    /// The same, since the plugin may wait for a body that it cannot see.
    pub(super) fn because_of(mut self, body: Option<HiddenBody>) -> Self {
        if let Self::Hang { hidden, .. } = &mut self {
            *hidden = body;
        }
        self
    }
}
