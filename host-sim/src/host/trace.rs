//! What modules and their host say to each other, event by event, for whoever wants to know.

use std::fmt;

/// Something that happened between a VM and its host. It is shown as a line of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceEvent {
    /// What the VM is called, when there are several: `worker 0`, `main`, `canary`.
    pub vm: String,
    /// What happened.
    pub kind: TraceKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TraceKind {
    /// The module has called the host.
    Hostcall {
        /// The hostcall.
        function: String,
        /// Its arguments, as they are shown.
        arguments: String,
        /// What it was answered.
        outcome: HostcallOutcome,
    },
    /// The host calls the module.
    Callback {
        /// The callback.
        function: String,
        /// Its arguments, as they are shown.
        arguments: String,
    },
    /// A callback has returned.
    Return {
        /// The callback.
        function: String,
        /// What it returned, as it is shown; `None` if nothing.
        result: Option<String>,
    },
    /// The module has failed in a callback, and is never called again.
    Failure {
        /// The callback.
        function: String,
        /// What the engine or the host says.
        reason: String,
    },
    /// In which request that was, as in `GET /things (host api.example)`.
    Request(String),
    /// A function that was on the stack then, the innermost first, with what is known of its source.
    Frame(String),
}

/// What a hostcall was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostcallOutcome {
    /// A status.
    Answered {
        /// Its name, as in `NOT_FOUND`, or its number where it has none.
        status: String,
        /// What the module got besides, or, in brackets, why it got nothing.
        detail: String,
    },
    /// The module fails on it.
    Fatal(String),
}

impl TraceEvent {
    /// Whether it is there for an [`Explanation`](crate::Explanation), which shows it at its end.
    #[must_use]
    pub fn is_of_crash(&self) -> bool {
        matches!(self.kind, TraceKind::Request(_) | TraceKind::Frame(_))
    }
}

impl fmt::Display for TraceEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.vm.is_empty() {
            write!(f, "{} ", self.vm)?;
        }
        match &self.kind {
            TraceKind::Hostcall {
                function,
                arguments,
                outcome,
            } => write!(f, "[vm->host] {}", shown(function, arguments, outcome)),
            TraceKind::Callback {
                function,
                arguments,
            } => write!(f, "[host->vm] {function}({arguments})"),
            TraceKind::Return {
                function,
                result: Some(result),
            } => write!(f, "[host<-vm] {function} -> {result}"),
            TraceKind::Return { function, .. } => write!(f, "[host<-vm] {function}"),
            TraceKind::Failure { function, reason } => {
                write!(f, "[host<-vm] {function} !! {reason}")
            }
            TraceKind::Request(request) => write!(f, "[request] {request}"),
            TraceKind::Frame(frame) => write!(f, "[backtrace] {frame}"),
        }
    }
}

/// A hostcall with its answer.
pub(crate) fn shown(function: &str, arguments: &str, outcome: &HostcallOutcome) -> String {
    let mark = match outcome {
        HostcallOutcome::Answered { .. } => "->",
        HostcallOutcome::Fatal(_) => "!!",
    };
    format!("{function}({arguments}) {mark} {outcome}")
}

impl fmt::Display for HostcallOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered { status, detail } if detail.is_empty() => f.write_str(status),
            Self::Answered { status, detail } => write!(f, "{status} {detail}"),
            Self::Fatal(error) => f.write_str(error),
        }
    }
}
