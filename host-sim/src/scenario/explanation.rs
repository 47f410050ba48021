//! Why a VM died, in the words of whoever has to mend the module.
//!
//! A trap says next to nothing: "unreachable", or the SDK's "unexpected status: 2". What explains it is the hostcall before it and
//! the rule of Envoy's that it met, and both are in the trace.

use std::fmt;

use crate::host::trace::{HostcallOutcome, TraceEvent, TraceKind, shown};
use crate::model::LogLine;

/// What is known of a death.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The callback in which it happened.
    pub callback: String,
    /// What the engine or the host says.
    pub failure: String,
    /// The last hostcall before it, with what it was answered; writing to the log does not count.
    pub hostcall: Option<String>,
    /// The status that it was answered, as its name.
    pub status: Option<String>,
    /// What the module wrote while it panicked.
    pub panic: Option<String>,
    /// The rule of Envoy's that the hostcall met.
    pub rule: Option<&'static str>,
    /// The request in whose callback it was, as in `GET /things (host api.example)`.
    pub request: Option<String>,
    /// The functions on the stack, the innermost first, with what is known of their source; see [`symbols`](crate::guest::symbols).
    pub backtrace: Vec<String>,
}

impl Explanation {
    /// The first death in a trace; `None` when every callback returned.
    #[must_use]
    pub fn of(trace: &[TraceEvent], log: &[LogLine]) -> Option<Self> {
        let died = |event: &TraceEvent| matches!(event.kind, TraceKind::Failure { .. });
        let died = trace.iter().position(died)?;
        let (before, behind) = trace.split_at_checked(died)?;
        let (failure, behind) = behind.split_first()?;
        let TraceKind::Failure { function, reason } = &failure.kind else {
            return None;
        };
        let of_vm = |event: &&TraceEvent| event.vm == failure.vm;
        let hostcall = before
            .iter()
            .rev()
            .filter(of_vm)
            .take_while(|event| !matches!(event.kind, TraceKind::Callback { .. }))
            .find_map(Hostcall::of);
        let panic = log
            .iter()
            .rev()
            .map(|line| line.text.as_str())
            .find(|text| text.contains("panicked at") || text.starts_with("panic:"));
        let behind = || behind.iter().take_while(of_vm).map(|event| &event.kind);
        let request = behind().find_map(|kind| match kind {
            TraceKind::Request(request) => Some(request.clone()),
            _ => None,
        });
        let backtrace = behind().filter_map(|kind| match kind {
            TraceKind::Frame(frame) => Some(frame.clone()),
            _ => None,
        });
        Some(Self {
            callback: function.clone(),
            failure: reason.clone(),
            hostcall: hostcall.map(|hostcall| hostcall.shown()),
            status: hostcall.map(|hostcall| hostcall.status.to_owned()),
            panic: panic.map(str::to_owned),
            rule: hostcall.and_then(Hostcall::rule),
            request,
            backtrace: backtrace.collect(),
        })
    }

    /// The functions that were on the stack, the innermost first, as lines; none where nobody can say.
    #[must_use]
    pub fn into_backtrace(self) -> Vec<String> {
        self.backtrace
    }
}

/// A hostcall that was answered.
#[derive(Clone, Copy)]
struct Hostcall<'a> {
    function: &'a str,
    arguments: &'a str,
    outcome: &'a HostcallOutcome,
    status: &'a str,
    detail: &'a str,
}

impl<'a> Hostcall<'a> {
    /// One that may explain something; writing to the log does not.
    fn of(event: &'a TraceEvent) -> Option<Self> {
        let TraceKind::Hostcall {
            function,
            arguments,
            outcome,
        } = &event.kind
        else {
            return None;
        };
        let (status, detail) = match outcome {
            HostcallOutcome::Answered { status, detail } => (status.as_str(), detail.as_str()),
            HostcallOutcome::Fatal(_) => ("", ""),
        };
        let writes = ["proxy_log", "fd_write", "proc_exit"].contains(&function.as_str());
        (!writes).then_some(Self {
            function,
            arguments,
            outcome,
            status,
            detail,
        })
    }

    fn shown(&self) -> String {
        shown(self.function, self.arguments, self.outcome)
    }

    /// The rule that it met, if it was answered with something other than OK.
    fn rule(self) -> Option<&'static str> {
        // Numbers that mean nothing are answered so at any time.
        if self.status == "BAD_ARGUMENT" && self.detail.starts_with("(unknown ") {
            return None;
        }
        let rule = match (self.function, self.status) {
            (_, "" | "OK") => return None,
            (_, "INVALID_MEMORY_ACCESS") => {
                "every pointer and length must lie in the module's memory, and its allocator must give memory for what the host returns"
            }
            (name, "BAD_ARGUMENT") if name.contains("_header_map_") => {
                "a header map can be used from its own callback on until that part has passed: request headers are gone once they were \
             continued (proxy_continue_stream forgets them at once) or answered locally, response headers do not exist before \
             proxy_on_response_headers, trailers not before their callback or the end of the body; in proxy_on_log maps are only read, \
             and in a root context there are none"
            }
            (name, "NOT_FOUND") if name.contains("_header_map_") => {
                "a header that is not there is NOT_FOUND, and so is every header of a map that does not exist in proxy_on_log"
            }
            ("proxy_set_buffer_bytes", _) => {
                "a body can be edited in its own body callback only, and only at its front (start 0) or behind its end"
            }
            ("proxy_get_buffer_bytes", "NOT_FOUND") => {
                "the configuration can be read in proxy_on_configure only, and the body of a callout in proxy_on_http_call_response only"
            }
            ("proxy_set_property", "NOT_FOUND") => {
                "properties are set on requests: a root context (configure, tick, callouts without proxy_set_effective_context) has none"
            }
            ("proxy_get_property", _) => {
                "properties are there by phase: those of the response once there is one, sizes and durations once they are known; a whole map cannot be had"
            }
            ("proxy_increment_metric", "BAD_ARGUMENT") => {
                "counters go up by 1 or more (0 is refused as well), and histograms only record"
            }
            ("proxy_get_metric", "BAD_ARGUMENT") => "a histogram has no value",
            ("proxy_define_metric", "BAD_ARGUMENT") => {
                "there are counters (0), gauges (1) and histograms (2)"
            }
            (name, "NOT_FOUND") if name.ends_with("_metric") => {
                "metrics are known by the id that proxy_define_metric gave in this VM"
            }
            ("proxy_http_call", "BAD_ARGUMENT") => {
                "a callout needs a cluster that Envoy knows and :authority, :method and :path"
            }
            ("proxy_set_shared_data", "CAS_MISMATCH") => {
                "another worker has written since the value was read; read it again"
            }
            ("proxy_set_effective_context", "BAD_ARGUMENT") => {
                "only contexts that exist can be effective; a request's is gone after proxy_on_delete"
            }
            ("proxy_done", "NOT_FOUND") => {
                "proxy_done ends what a root context's proxy_on_done has left pending; requests cannot wait"
            }
            ("proxy_continue_stream" | "proxy_close_stream", "UNIMPLEMENTED") => {
                "an HTTP filter continues and closes requests and responses (0 and 1) only"
            }
            ("proxy_call_foreign_function", "NOT_FOUND") => "Envoy has no such foreign function",
            (name, "NOT_FOUND") if name.ends_with("_shared_queue") => {
                "queues are known by the number that registering or resolving them gave"
            }
            _ => return None,
        };
        Some(rule)
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the module died: {}", self.failure)?;
        if let Some(panic) = &self.panic {
            writeln!(f, "it wrote: {}", panic.trim_end())?;
        }
        match &self.hostcall {
            Some(hostcall) => writeln!(f, "its last hostcall: {hostcall}")?,
            None => writeln!(f, "it had made no hostcall in this callback")?,
        }
        if let Some(request) = &self.request {
            writeln!(f, "its request: {request}")?;
        }
        let without_type = |panic: &str| panic.contains("missing ContextType on root_context");
        if self.panic.as_deref().is_some_and(without_type) {
            writeln!(
                f,
                "this is how the Rust SDK panics at the first request when the root context has no `get_type` that says \
                 `Some(ContextType::HttpContext)`"
            )?;
        }
        let status = self.status.as_deref();
        let number = status.and_then(number);
        let unexpected = self.panic.as_deref().and_then(|panic| {
            let (_, rest) = panic.split_once("unexpected status: ")?;
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<u32>().ok()
        });
        if let (Some(number), Some(status)) = (number, status)
            && unexpected == Some(number)
        {
            writeln!(
                f,
                "`unexpected status: {number}` is how the Rust SDK panics on {status}, which it does not expect from this call"
            )?;
        }
        if let Some(rule) = self.rule {
            writeln!(f, "Envoy's rule: {rule}")?;
        }
        if !self.backtrace.is_empty() {
            writeln!(f, "its backtrace, the innermost function first:")?;
            for line in &self.backtrace {
                writeln!(f, "{line}")?;
            }
        }
        Ok(())
    }
}

fn number(status: &str) -> Option<u32> {
    Some(match status {
        "OK" => 0,
        "NOT_FOUND" => 1,
        "BAD_ARGUMENT" => 2,
        "SERIALIZATION_FAILURE" => 3,
        "PARSE_FAILURE" => 4,
        "INVALID_MEMORY_ACCESS" => 6,
        "EMPTY" => 7,
        "CAS_MISMATCH" => 8,
        "INTERNAL_FAILURE" => 10,
        "UNIMPLEMENTED" => 12,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LogLevel;

    fn event(vm: &str, kind: TraceKind) -> TraceEvent {
        let vm = vm.to_owned();
        TraceEvent { vm, kind }
    }

    fn callback(function: &str, arguments: &str) -> TraceEvent {
        let (function, arguments) = (function.to_owned(), arguments.to_owned());
        event(
            "",
            TraceKind::Callback {
                function,
                arguments,
            },
        )
    }

    fn returned(function: &str) -> TraceEvent {
        let (function, result) = (function.to_owned(), None);
        event("", TraceKind::Return { function, result })
    }

    fn trapped(function: &str) -> TraceEvent {
        let reason = format!("{function} trapped: unreachable");
        let function = function.to_owned();
        event("", TraceKind::Failure { function, reason })
    }

    fn hostcall(vm: &str, function: &str, arguments: &str, answer: (&str, &str)) -> TraceEvent {
        let (status, detail) = (answer.0.to_owned(), answer.1.to_owned());
        event(
            vm,
            TraceKind::Hostcall {
                function: function.to_owned(),
                arguments: arguments.to_owned(),
                outcome: HostcallOutcome::Answered { status, detail },
            },
        )
    }

    #[test]
    fn a_panic_of_the_sdk_is_explained_by_its_last_hostcall() {
        let map = "proxy_get_header_map_value";
        let arguments = "request_headers, \"a\"";
        let refused = ("BAD_ARGUMENT", "(request_headers cannot be used now)");
        let trace = [
            callback("proxy_on_request_headers", "2, 5, true"),
            hostcall("", map, arguments, ("OK", "\"b\"")),
            returned("proxy_on_request_headers"),
            callback("proxy_on_response_headers", "2, 5, true"),
            hostcall(
                "worker 1",
                "proxy_done",
                "",
                ("NOT_FOUND", "(nothing is pending)"),
            ),
            hostcall("", map, arguments, refused),
            hostcall("", "proxy_log", "critical, \"panicked\"", ("OK", "")),
            trapped("proxy_on_response_headers"),
        ];
        let log = [LogLine {
            level: LogLevel::Critical,
            text: "panicked at hostcalls.rs:207:21:\nunexpected status: 2".to_owned(),
        }];
        assert_eq!(
            Explanation::of(&trace, &log).unwrap().to_string(),
            "the module died: proxy_on_response_headers trapped: unreachable\n\
             it wrote: panicked at hostcalls.rs:207:21:\nunexpected status: 2\n\
             its last hostcall: proxy_get_header_map_value(request_headers, \"a\") -> BAD_ARGUMENT (request_headers cannot be used now)\n\
             `unexpected status: 2` is how the Rust SDK panics on BAD_ARGUMENT, which it does not expect from this call\n\
             Envoy's rule: a header map can be used from its own callback on until that part has passed: request headers are gone once they were \
             continued (proxy_continue_stream forgets them at once) or answered locally, response headers do not exist before \
             proxy_on_response_headers, trailers not before their callback or the end of the body; in proxy_on_log maps are only read, \
             and in a root context there are none\n"
        );
    }

    #[test]
    fn a_root_context_without_a_type_is_explained() {
        let trace = [
            callback("proxy_on_context_create", "2, 1"),
            trapped("proxy_on_context_create"),
        ];
        let log = [LogLine {
            level: LogLevel::Critical,
            text: "panicked at dispatcher.rs:201:21:\nmissing ContextType on root_context"
                .to_owned(),
        }];
        assert_eq!(
            Explanation::of(&trace, &log).unwrap().to_string(),
            "the module died: proxy_on_context_create trapped: unreachable\n\
             it wrote: panicked at dispatcher.rs:201:21:\nmissing ContextType on root_context\n\
             it had made no hostcall in this callback\n\
             this is how the Rust SDK panics at the first request when the root context has no `get_type` that says \
             `Some(ContextType::HttpContext)`\n"
        );
    }

    #[test]
    fn without_a_hostcall_there_is_no_rule() {
        let trace = [
            hostcall("", "proxy_done", "", ("NOT_FOUND", "(nothing is pending)")),
            callback("proxy_on_tick", "1"),
            trapped("proxy_on_tick"),
        ];
        assert_eq!(
            Explanation::of(&trace, &[]).unwrap().to_string(),
            "the module died: proxy_on_tick trapped: unreachable\nit had made no hostcall in this callback\n"
        );
    }

    #[test]
    fn the_living_need_no_explanation() {
        let trace = [callback("proxy_on_tick", "1"), returned("proxy_on_tick")];
        assert_eq!(Explanation::of(&trace, &[]), None);
    }
}
