//! What differed when a scenario ran on a target, written so that a person sees at once what to look at.

mod answer;

use std::fmt;

use similar::TextDiff;

use crate::host::trace::TraceEvent;
use crate::model::{Exchange, LogLine};
use crate::scenario::explanation::Explanation;
use crate::scenario::target::Capability;
use answer::Answer;

/// The outcome of one scenario on one target.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The scenario's file, or its sentence when it has none.
    pub scenario: String,
    /// The target's name.
    pub target: String,
    /// What differed, in the first step that went wrong; what follows it would only repeat it. Empty means good.
    pub mismatches: Vec<Mismatch>,
    /// What was seen of the exchange that went wrong, if it was one.
    pub answer: Option<Box<Exchange>>,
    /// Hostcalls and callbacks of the step that went wrong; only `{:#}` shows them.
    pub trace: Vec<TraceEvent>,
    /// What the plugin logged until then.
    pub log: Vec<LogLine>,
    /// What the target cannot do; nothing was run.
    pub skipped: Option<Capability>,
    /// Why the target is known to behave differently; it did, as it must.
    pub known_difference: Option<String>,
}

impl Report {
    /// Whether nothing speaks against the plugin (and the scenario was run at all).
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.mismatches.is_empty() && self.skipped.is_none()
    }
}

/// One thing that was not as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The step, counted from 0 as in error messages; `None` for the start.
    pub step: Option<usize>,
    /// What was looked at, as in `expect.headers.retry-after`.
    pub what: String,
    /// What it may be.
    pub expected: String,
    /// What it was.
    pub observed: String,
    /// The line of the scenario that says so.
    pub line: Option<Line>,
}

/// A line of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Counted from 1.
    pub number: usize,
    /// What it says, without blanks around it.
    pub text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CHARACTERS: usize = 120;
        let shown: String = self.text.chars().take(CHARACTERS).collect();
        let rest = if shown.len() < self.text.len() {
            "…"
        } else {
            ""
        };
        write!(f, "line {}: {shown}{rest}", self.number)
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step {
            Some(step) => writeln!(f, "  step[{step}].{}", self.what)?,
            None => writeln!(f, "  {}", self.what)?,
        }
        if let Some(line) = &self.line {
            writeln!(f, "    {line}")?;
        }
        if self.expected.contains('\n') && self.observed.contains('\n') {
            let diff = TextDiff::from_lines(&self.expected, &self.observed);
            for line in diff
                .unified_diff()
                .header("expected", "observed")
                .to_string()
                .lines()
            {
                writeln!(f, "    {line}")?;
            }
            return Ok(());
        }
        writeln!(f, "    expected: {}", self.expected)?;
        writeln!(f, "    observed: {}", self.observed)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(capability) = self.skipped {
            return writeln!(
                f,
                "skipped  {} ({} cannot do `{capability}`)",
                self.scenario, self.target
            );
        }
        if self.mismatches.is_empty() {
            return match &self.known_difference {
                Some(why) => writeln!(
                    f,
                    "differs  {} (as known of {}: {why})",
                    self.scenario, self.target
                ),
                None => writeln!(f, "ok       {}", self.scenario),
            };
        }
        writeln!(f, "MISMATCH {} on {}", self.scenario, self.target)?;
        for mismatch in &self.mismatches {
            write!(f, "{mismatch}")?;
        }
        if let Some(exchange) = &self.answer {
            writeln!(f, "  what the client got:")?;
            for line in Answer(exchange).to_string().lines() {
                writeln!(f, "    {line}")?;
            }
        }
        if !self.trace.is_empty() && f.alternate() {
            writeln!(f, "  what the module and the host did in this step:")?;
            for line in self.trace.iter().filter(|line| !line.is_of_crash()) {
                writeln!(f, "    {line}")?;
            }
        }
        if !self.log.is_empty() {
            writeln!(f, "  what the module logged so far:")?;
            for line in &self.log {
                writeln!(f, "    {line}")?;
            }
        }
        if let Some(explanation) = Explanation::of(&self.trace, &self.log) {
            for line in explanation.to_string().lines() {
                writeln!(f, "  {line}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::trace::{HostcallOutcome, TraceKind};
    use crate::model::LogLevel;

    fn report() -> Report {
        Report {
            scenario: "a.toml".to_owned(),
            target: "sim".to_owned(),
            ..Report::default()
        }
    }

    #[test]
    fn good_ones_take_one_line() {
        assert_eq!(report().to_string(), "ok       a.toml\n");
        let skipped = Report {
            skipped: Some(Capability::PinWorker),
            ..report()
        };
        assert_eq!(
            skipped.to_string(),
            "skipped  a.toml (sim cannot do `pin-worker`)\n"
        );
        let differs = Report {
            known_difference: Some("no trailers".to_owned()),
            ..report()
        };
        assert_eq!(
            differs.to_string(),
            "differs  a.toml (as known of sim: no trailers)\n"
        );
    }

    #[test]
    fn a_mismatch_shows_the_difference_the_answer_and_the_log_and_more_if_asked() {
        let mismatch = |what: &str, expected: &str, observed: &str| Mismatch {
            step: Some(1),
            what: what.to_owned(),
            expected: expected.to_owned(),
            observed: observed.to_owned(),
            line: Some(Line {
                number: 5,
                text: "expect = {".to_owned(),
            }),
        };
        let report = Report {
            mismatches: vec![
                mismatch("expect.status", "200", "429"),
                mismatch("expect.body", "a\nb\n", "a\nc\n"),
            ],
            answer: Some(Box::new(Exchange {
                status: 429,
                headers: vec![("x-left".to_owned(), "0".to_owned())],
                body: b"a\nc\n".to_vec(),
                ..Exchange::default()
            })),
            trace: vec![TraceEvent {
                vm: String::new(),
                kind: TraceKind::Hostcall {
                    function: "proxy_done".to_owned(),
                    arguments: String::new(),
                    outcome: HostcallOutcome::Answered {
                        status: "OK".to_owned(),
                        detail: String::new(),
                    },
                },
            }],
            log: vec![LogLine {
                level: LogLevel::Warn,
                text: "careful".to_owned(),
            }],
            ..report()
        };
        let (before, trace, log) = (
            "MISMATCH a.toml on sim\n  step[1].expect.status\n    line 5: expect = {\n    expected: 200\n    observed: 429\n  \
             step[1].expect.body\n    line 5: expect = {\n    --- expected\n    +++ observed\n    @@ -1,2 +1,2 @@\n     a\n    -b\n    +c\n  \
             what the client got:\n    429\n    x-left: 0\n    \n    a\n    c\n",
            "  what the module and the host did in this step:\n    [vm->host] proxy_done() -> OK\n",
            "  what the module logged so far:\n    [warn] careful\n",
        );
        assert_eq!(report.to_string(), format!("{before}{log}"));
        assert_eq!(format!("{report:#}"), format!("{before}{trace}{log}"));
    }
}
