//! What a phase came to, compared with what it must have come to.

use super::phases::read;
use super::suite::{Expectation, ExpectedHeaders, Immediate, Invocation, Matcher, What};
use super::{Test, TestError};
use crate::host::trace::{HostcallOutcome, TraceEvent, TraceKind};
use crate::model::{Exchange, LogLine, octets};
use crate::scenario::report::{Line, Mismatch, Report};

/// What is seen after a phase.
pub(super) struct Observed {
    pub(super) headers: Option<Vec<(String, String)>>,
    pub(super) body: Vec<u8>,
    pub(super) log: Vec<String>,
    /// Why the call is over, if it is and the plugin did not answer it.
    pub(super) closed: Option<String>,
    pub(super) immediate: Option<Answered>,
}

/// An answer of the plugin's.
pub(super) struct Answered {
    status: u64,
    grpc_status: String,
    details: String,
}

/// Everything that differs in a test.
pub(super) struct Check<'t> {
    test: &'t Test,
    mismatches: Vec<Mismatch>,
    trace: Vec<TraceEvent>,
}

/// Headers that Envoy sets or needs, whatever a plugin does.
const OF_ENVOY: [&str; 13] = [
    ":authority",
    ":method",
    ":path",
    ":scheme",
    ":status",
    "content-length",
    "content-type",
    "date",
    "server",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
    "x-envoy-",
];

impl<'t> Check<'t> {
    pub(super) fn new(test: &'t Test) -> Self {
        Self {
            test,
            mismatches: Vec::new(),
            trace: Vec::new(),
        }
    }

    pub(super) fn differs(&mut self, what: &str, line: usize, expected: String, observed: String) {
        let text = line
            .checked_sub(1)
            .and_then(|index| self.test.lines.get(index));
        self.mismatches.push(Mismatch {
            step: None,
            what: what.to_owned(),
            expected,
            observed,
            line: text.map(|text| Line {
                number: line,
                text: text.trim().to_owned(),
            }),
        });
    }

    pub(super) fn into_report(
        self,
        answer: Option<Exchange>,
        log: Vec<LogLine>,
        trace: Vec<TraceEvent>,
    ) -> Report {
        let differs = !self.mismatches.is_empty();
        Report {
            scenario: format!("{}: {}", self.test.file.display(), self.test.name()),
            target: crate::scenario::sim_target::NAME.to_owned(),
            answer: answer.map(Box::new).filter(|_| differs),
            trace: if differs {
                [self.trace, trace].concat()
            } else {
                Vec::new()
            },
            log: if differs { log } else { Vec::new() },
            mismatches: self.mismatches,
            ..Report::default()
        }
    }

    /// The plugin's own answer, which the trace tells.
    pub(super) fn immediate(
        &mut self,
        trace: Vec<TraceEvent>,
        exchange: Option<&Exchange>,
    ) -> Option<Answered> {
        let answer = trace.iter().rev().find_map(|event| {
            let TraceKind::Hostcall {
                function,
                arguments,
                outcome: HostcallOutcome::Answered { status: done, .. },
            } = &event.kind
            else {
                return None;
            };
            if function != "proxy_send_local_response" || done != "OK" {
                return None;
            }
            let (status, rest) = arguments.split_once(", ")?;
            let (_, grpc_status) = rest.rsplit_once(", ")?;
            Some(Answered {
                status: status.parse().ok()?,
                grpc_status: grpc_status.to_owned(),
                details: exchange?.response_code_details.clone().unwrap_or_default(),
            })
        });
        self.trace.extend(trace);
        answer
    }

    /// What was logged.
    pub(super) fn side_effects(
        &mut self,
        phase: &str,
        expected: &Expectation,
        log: &[String],
    ) -> Result<(), TestError> {
        let lines: Vec<_> = log.iter().map(|line| line.as_bytes()).collect();
        for matcher in &expected.log {
            self.matcher(&format!("{phase}.log"), matcher, &lines, "")?;
        }
        Ok(())
    }

    /// All of a phase.
    pub(super) fn phase(
        &mut self,
        phase: &str,
        invocation: &Invocation,
        observed: &Observed,
    ) -> Result<(), TestError> {
        let expected = &invocation.result;
        self.answer(phase, invocation, observed)?;
        self.headers(phase, &expected.headers, observed)?;
        for matcher in &expected.body {
            self.matcher(&format!("{phase}.body"), matcher, &[&observed.body], "")?;
        }
        self.side_effects(phase, expected, &observed.log)
    }

    fn answer(
        &mut self,
        phase: &str,
        invocation: &Invocation,
        observed: &Observed,
    ) -> Result<(), TestError> {
        let what = format!("{phase}.immediate");
        match (&invocation.result.immediate, &observed.immediate) {
            (None, None) => {
                if let Some(why) = &observed.closed {
                    self.differs(
                        phase,
                        invocation.line,
                        "it goes on".to_owned(),
                        format!("Envoy has ended the call: {why}"),
                    );
                }
                Ok(())
            }
            (None, Some(answer)) => {
                let observed = format!("the plugin answers {}", answer.status);
                self.differs(
                    &what,
                    invocation.line,
                    "no answer of the plugin's".to_owned(),
                    observed,
                );
                Ok(())
            }
            (Some(expected), None) => {
                let why = match &observed.closed {
                    Some(why) => format!("none; Envoy has ended the call: {why}"),
                    None => "none".to_owned(),
                };
                self.differs(
                    &what,
                    expected.line,
                    "an answer of the plugin's".to_owned(),
                    why,
                );
                Ok(())
            }
            (Some(expected), Some(answer)) => self.answers(&what, expected, answer, observed),
        }
    }

    fn answers(
        &mut self,
        what: &str,
        expected: &Immediate,
        answer: &Answered,
        observed: &Observed,
    ) -> Result<(), TestError> {
        if let Some(status) = expected
            .http_status
            .filter(|status| *status != answer.status)
        {
            self.differs(
                &format!("{what}.http_status"),
                expected.line,
                status.to_string(),
                answer.status.to_string(),
            );
        }
        if let Some(status) = expected.grpc_status {
            // -1, which stands for none, is a number without a sign there.
            let given = answer.grpc_status.parse::<i32>().unwrap_or_default();
            if u64::from(given.cast_unsigned()) != status {
                self.differs(
                    &format!("{what}.grpc_status"),
                    expected.line,
                    status.to_string(),
                    answer.grpc_status.clone(),
                );
            }
        }
        if let Some(details) = &expected.details
            && details.replace(' ', "_") != answer.details
        {
            let seen = format!("{:?}, as Envoy writes it", answer.details);
            self.differs(
                &format!("{what}.details"),
                expected.line,
                format!("{details:?}"),
                seen,
            );
        }
        for matcher in &expected.body {
            self.matcher(&format!("{what}.body"), matcher, &[&observed.body], "")?;
        }
        self.headers(what, &expected.headers, observed)
    }

    fn headers(
        &mut self,
        phase: &str,
        expected: &ExpectedHeaders,
        observed: &Observed,
    ) -> Result<(), TestError> {
        let nothing = Vec::new();
        let held = observed.headers.is_none();
        let headers = observed.headers.as_ref().unwrap_or(&nothing);
        let all = |name: &str| -> Vec<&str> {
            let of_name = headers.iter().filter(|(other, _)| other == name);
            of_name.map(|(_, value)| value.as_str()).collect()
        };
        for (name, value, line) in &expected.has {
            let values = all(name);
            let joined = |with: &str| octets::bytes(&values.join(with)).into_owned();
            if !values.is_empty() && (joined(", ") == *value || joined(",") == *value) {
                continue;
            }
            let seen = match values.as_slice() {
                [] if held => "nothing: the headers have not gone on".to_owned(),
                [] => "absent".to_owned(),
                values => format!("{:?}", values.join(", ")),
            };
            let value = String::from_utf8_lossy(value);
            self.differs(
                &format!("{phase}.has_header.{name}"),
                *line,
                format!("{value:?}"),
                seen,
            );
        }
        for (name, line) in &expected.no {
            let values = all(name);
            if values.is_empty() {
                continue;
            }
            let seen = format!("{:?}{}", values.join(", "), of_envoy(name));
            self.differs(
                &format!("{phase}.no_header.{name}"),
                *line,
                "absent".to_owned(),
                seen,
            );
        }
        let lines: Vec<_> = {
            let mut names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            let line = |name: &str| format!("{name}: {}", all(name).join(", "));
            names.into_iter().map(line).collect()
        };
        let lines: Vec<_> = lines.iter().map(|line| octets::bytes(line)).collect();
        let lines: Vec<_> = lines.iter().map(AsRef::as_ref).collect();
        for matcher in &expected.serialized {
            let matching = lines.iter().find(|line| {
                matches(&matcher.what, self.test, matcher.line, line).unwrap_or(false)
            });
            let name = matching.and_then(|line| {
                String::from_utf8_lossy(line)
                    .split_once(": ")
                    .map(|(name, _)| name.to_owned())
            });
            let note = name
                .filter(|_| matcher.invert)
                .map(|name| of_envoy(&name))
                .unwrap_or_default();
            self.matcher(&format!("{phase}.headers"), matcher, &lines, note)?;
        }
        Ok(())
    }

    fn matcher(
        &mut self,
        what: &str,
        matcher: &Matcher,
        texts: &[&[u8]],
        note: &str,
    ) -> Result<(), TestError> {
        let mut found = false;
        for text in texts {
            found |= matches(&matcher.what, self.test, matcher.line, text)?;
        }
        if found != matcher.invert {
            return Ok(());
        }
        let wanted = match &matcher.what {
            What::Exact(source) => {
                let bytes = read(self.test, source, matcher.line)?;
                format!("{:?}", String::from_utf8_lossy(&bytes))
            }
            What::Regex(_, source) => format!("matching {source:?}"),
        };
        let expected = if matcher.invert {
            format!("none of {wanted}")
        } else {
            wanted
        };
        let seen: Vec<_> = texts
            .iter()
            .map(|text| String::from_utf8_lossy(text))
            .collect();
        let seen = match seen.as_slice() {
            [] => "none".to_owned(),
            [text] => format!("{text:?}"),
            texts => format!("{texts:?}"),
        };
        self.differs(what, matcher.line, expected, format!("{seen}{note}"));
        Ok(())
    }
}

fn matches(what: &What, test: &Test, line: usize, text: &[u8]) -> Result<bool, TestError> {
    Ok(match what {
        What::Exact(source) => read(test, source, line)? == text,
        What::Regex(regex, _) => regex.is_match(text),
    })
}

/// What is said of a header that is there, and not by the plugin's doing.
fn of_envoy(name: &str) -> &'static str {
    let is_known = OF_ENVOY.iter().any(|known| match known.strip_suffix('-') {
        Some(_) => name.starts_with(known),
        None => name == *known,
    });
    if is_known {
        "; Envoy sets this header itself, other than Google's runner"
    } else {
        ""
    }
}
