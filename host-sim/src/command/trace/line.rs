//! A line of a trace, for programs.

use host_sim::{TraceEvent, TraceKind};
use serde::Serialize;

/// A line of a trace.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct TraceLine<'a> {
    /// Whose it is, when there are several VMs: `worker 0`, `main`, `canary`.
    #[serde(skip_serializing_if = "str::is_empty")]
    vm: &'a str,
    /// `hostcall`, `callback`, `return`; of a crash `request` and `backtrace`; `note` for anything else.
    kind: &'static str,
    /// The function.
    #[serde(skip_serializing_if = "str::is_empty")]
    function: &'a str,
    /// Its arguments, as they are shown.
    #[serde(skip_serializing_if = "str::is_empty")]
    arguments: &'a str,
    /// What came of it, as it is shown.
    #[serde(skip_serializing_if = "String::is_empty")]
    outcome: String,
}

impl<'a> TraceLine<'a> {
    /// A line that is about no event.
    pub(super) fn note(text: &'a str) -> Self {
        Self {
            vm: "",
            kind: "note",
            function: text,
            arguments: "",
            outcome: String::new(),
        }
    }

    pub(super) fn of(event: &'a TraceEvent) -> Self {
        let (kind, function, arguments, outcome) = match &event.kind {
            TraceKind::Hostcall {
                function,
                arguments,
                outcome,
            } => (
                "hostcall",
                function.as_str(),
                arguments.as_str(),
                outcome.to_string(),
            ),
            TraceKind::Callback {
                function,
                arguments,
            } => (
                "callback",
                function.as_str(),
                arguments.as_str(),
                String::new(),
            ),
            TraceKind::Return { function, result } => (
                "return",
                function.as_str(),
                "",
                result.clone().unwrap_or_default(),
            ),
            TraceKind::Failure { function, reason } => {
                ("return", function.as_str(), "", reason.clone())
            }
            TraceKind::Request(request) => ("request", "", "", request.clone()),
            TraceKind::Frame(frame) => ("backtrace", "", "", frame.trim().to_owned()),
            _ => ("note", "", "", event.to_string()),
        };
        Self {
            vm: &event.vm,
            kind,
            function,
            arguments,
            outcome,
        }
    }
}
