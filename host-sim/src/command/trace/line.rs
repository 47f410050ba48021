//! A line of a trace, taken apart for programs.

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
    #[serde(skip_serializing_if = "str::is_empty")]
    outcome: &'a str,
}

impl<'a> TraceLine<'a> {
    /// Takes a line apart.
    pub(super) fn parse(line: &'a str) -> Self {
        let kinds = [
            ("[vm->host] ", "hostcall"),
            ("[host->vm] ", "callback"),
            ("[host<-vm] ", "return"),
        ];
        let found = kinds
            .iter()
            .find_map(|(mark, kind)| Some((*kind, line.split_once(mark)?)));
        let of_crash = [("[request] ", "request"), ("[backtrace] ", "backtrace")];
        for (mark, kind) in of_crash {
            if let Some((vm, outcome)) = line.split_once(mark) {
                return Self {
                    vm: vm.trim(),
                    kind,
                    function: "",
                    arguments: "",
                    outcome: outcome.trim(),
                };
            }
        }
        let Some((kind, (vm, rest))) = found else {
            return Self {
                vm: "",
                kind: "note",
                function: line,
                arguments: "",
                outcome: "",
            };
        };
        let end = rest.find(['(', ' ']).unwrap_or(rest.len());
        let (function, rest) = rest.split_at(end);
        let (arguments, outcome) = match rest.strip_prefix('(') {
            Some(rest) => rest
                .rsplit_once(") ->")
                .or_else(|| rest.rsplit_once(") !!"))
                .unwrap_or_else(|| (rest.strip_suffix(')').unwrap_or(rest), "")),
            None => (
                "",
                rest.trim_start()
                    .trim_start_matches("-> ")
                    .trim_start_matches("!! "),
            ),
        };
        Self {
            vm: vm.trim(),
            kind,
            function,
            arguments,
            outcome: outcome.trim(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: (&str, &str, &str, &str, &str)) {
        let TraceLine {
            vm,
            kind,
            function,
            arguments,
            outcome,
        } = TraceLine::parse(line);
        assert_eq!((vm, kind, function, arguments, outcome), expected, "{line}");
    }

    #[test]
    fn lines_are_taken_apart() {
        check(
            "worker 1 [vm->host] proxy_get_header_map_value(request_headers, \"a) -> b\") -> OK \"c\"",
            (
                "worker 1",
                "hostcall",
                "proxy_get_header_map_value",
                "request_headers, \"a) -> b\"",
                "OK \"c\"",
            ),
        );
        check(
            "[host->vm] proxy_on_request_headers(2, 5, true)",
            ("", "callback", "proxy_on_request_headers", "2, 5, true", ""),
        );
        check(
            "[host<-vm] proxy_on_request_headers -> Continue",
            ("", "return", "proxy_on_request_headers", "", "Continue"),
        );
        check(
            "[host<-vm] proxy_on_log",
            ("", "return", "proxy_on_log", "", ""),
        );
        check("anything", ("", "note", "anything", "", ""));
    }
}
