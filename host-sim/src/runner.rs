//! Walks a scenario over a target and collects what differs.
//!
//! This is the one comparison that every host shares, so that "the same on both hosts" means the same code looked. It stops
//! after the first step that goes wrong: what follows would only repeat it.

mod compare;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::report::{Mismatch, Report};
use crate::scenario::{
    Course, Expect, ExpectLog, ExpectParallel, Pattern, Requests, Scenario, ScenarioError, Step,
};
use crate::target::{Exchange, LogLevel, LogLine, Refusal, Session, Started, Target, TargetError};
use compare::Comparison;

/// How long to wait until a request is sent again that may be seen as expected later.
const PAUSE: Duration = Duration::from_millis(100);

/// Why a scenario could not be run to an outcome.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The scenario's files are wrong.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The host failed.
    #[error("{scenario}: {source}{}", trace_of(trace))]
    Target {
        /// The scenario's file.
        scenario: String,
        /// What failed.
        source: TargetError,
        /// Hostcalls and callbacks of the step in which it failed.
        trace: Vec<String>,
    },
}

fn trace_of(trace: &[String]) -> String {
    trace.iter().map(|line| format!("\n    {line}")).collect()
}

/// Runs a scenario on a target.
///
/// # Errors
///
/// When the scenario's files cannot be read, or the host itself fails. Whatever the plugin does is in the report.
pub fn run(scenario: &Scenario, target: &dyn Target) -> Result<Report, RunError> {
    let name = match scenario.path.to_string_lossy() {
        path if path.is_empty() => scenario.about.clone(),
        path => path.into_owned(),
    };
    let mut report = Report {
        scenario: name.clone(),
        target: target.name().to_owned(),
        ..Report::default()
    };
    if let Some(missing) = scenario
        .needs()
        .into_iter()
        .find(|need| !target.supports(*need))
    {
        report.skipped = Some(missing);
        return Ok(report);
    }
    let setup = scenario.setup()?;
    let failed = |source, trace| RunError::Target {
        scenario: name.clone(),
        source,
        trace,
    };
    match (
        target
            .start(&setup)
            .map_err(|source| failed(source, Vec::new()))?,
        &scenario.course,
    ) {
        (Started::Rejected(refusal), Course::Rejected(line)) => {
            report.mismatches = rejection(line, &refusal)
                .into_iter()
                .map(|(what, e, o)| mismatch(None, what, e, o))
                .collect();
            (report.log, report.trace) = (refusal.log, refusal.trace);
        }
        (Started::Rejected(refusal), Course::Steps(_)) => {
            let how = refusal.failure.map(|failure| format!(": {failure}"));
            report.mismatches.push(mismatch(
                None,
                "start",
                "the configuration is accepted",
                format!("it is refused{}", how.unwrap_or_default()),
            ));
            (report.log, report.trace) = (refusal.log, refusal.trace);
        }
        (Started::Running(mut session), Course::Rejected(line)) => {
            report.mismatches.push(mismatch(
                None,
                "rejected",
                format!("the configuration is refused: {line}"),
                "it is accepted",
            ));
            report.trace = session.trace();
            report.log = session.log().map_err(|source| failed(source, Vec::new()))?;
        }
        (Started::Running(mut session), Course::Steps(steps)) => {
            let walk = Walk {
                scenario,
                session: session.as_mut(),
                report: &mut report,
            };
            if let Err(error) = walk.steps(steps) {
                return Err(match error {
                    WalkError::Scenario(error) => RunError::Scenario(error),
                    WalkError::Target(source) => failed(source, session.trace()),
                });
            }
        }
    }
    if let Some(why) = scenario.known_difference.get(target.name()) {
        report.known_difference = Some(why.clone());
        if report.mismatches.is_empty() {
            let expected = format!("some difference, because {why}");
            report.mismatches.push(mismatch(
                None,
                "known_difference",
                expected,
                "none; delete the entry",
            ));
        } else {
            report.mismatches.clear();
        }
    }
    Ok(report)
}

fn mismatch(
    step: Option<usize>,
    what: impl Into<String>,
    expected: impl Into<String>,
    observed: impl Into<String>,
) -> Mismatch {
    Mismatch {
        step,
        what: what.into(),
        expected: expected.into(),
        observed: observed.into(),
    }
}

/// A refused configuration is explained by exactly one line at error level or above; any value is any refusal.
fn rejection(expected: &Pattern, refusal: &Refusal) -> Option<(&'static str, String, String)> {
    if matches!(expected, Pattern::Present) {
        return None;
    }
    let errors: Vec<_> = refusal
        .log
        .iter()
        .filter(|line| line.level >= LogLevel::Error)
        .map(|line| line.text.as_str())
        .collect();
    let mut observed = match errors.as_slice() {
        [line] if expected.allows(&[line]) => return None,
        // A module that dies without a word is explained by how it died, where the host can say.
        [] if refusal
            .failure
            .as_deref()
            .is_some_and(|failure| expected.allows(&[failure])) =>
        {
            return None;
        }
        [] => "no line at error level".to_owned(),
        [line] => format!("{line:?}"),
        lines => format!("{} lines at error level: {lines:?}", lines.len()),
    };
    if let Some(failure) = &refusal.failure {
        observed.push_str(&format!("; {failure}"));
    }
    Some(("rejected", expected.to_string(), observed))
}

enum WalkError {
    Scenario(ScenarioError),
    Target(TargetError),
}

impl From<TargetError> for WalkError {
    fn from(error: TargetError) -> Self {
        Self::Target(error)
    }
}

/// The way through the steps of one scenario.
struct Walk<'a> {
    scenario: &'a Scenario,
    session: &'a mut dyn Session,
    report: &'a mut Report,
}

impl Walk<'_> {
    fn steps(mut self, steps: &[Step]) -> Result<(), WalkError> {
        for (index, step) in steps.iter().enumerate() {
            // What earlier steps did is not what went wrong.
            self.session.trace();
            let mut comparison = Comparison::default();
            self.step(step, &mut comparison)?;
            if comparison.differences.is_empty() {
                continue;
            }
            self.report.mismatches = comparison
                .differences
                .into_iter()
                .map(|difference| {
                    mismatch(
                        Some(index),
                        difference.what,
                        difference.expected,
                        difference.observed,
                    )
                })
                .collect();
            self.report.trace = self.session.trace();
            self.report.log = self.session.log()?;
            return Ok(());
        }
        Ok(())
    }

    fn step(&mut self, step: &Step, comparison: &mut Comparison) -> Result<(), WalkError> {
        match step {
            Step::Exchange { requests, expect } => {
                for round in 1..=requests.repeat {
                    *comparison = self.exchange(requests, expect)?;
                    if !comparison.differences.is_empty() {
                        if requests.repeat > 1 {
                            comparison
                                .note(format!(" (repetition {round} of {})", requests.repeat));
                        }
                        break;
                    }
                    if round < requests.repeat {
                        self.session.trace();
                    }
                }
            }
            Step::Parallel(parallel) => {
                let exchanges = self
                    .session
                    .parallel(&parallel.requests, parallel.connections)?;
                let at_once = self.session.upstream_at_once();
                compare_parallel(&parallel.expect, &exchanges, at_once, comparison);
            }
            Step::Open(open) => {
                self.session
                    .open(&open.call, &open.request, open.count, open.held)?;
            }
            Step::Finish { call, expect } => {
                let exchanges = self.session.finish(call)?;
                compare_finished(expect, &exchanges, comparison);
            }
            Step::Disconnect(call) => self.session.disconnect(call)?,
            Step::Service(service) => self.session.serve(service)?,
            Step::Callouts(expected) => {
                let count = expected.requests.len();
                let seen = self.session.callouts(&expected.cluster, count)?;
                compare::callouts(&expected.requests, &seen, comparison);
            }
            Step::Advance(by) => self.session.advance(*by)?,
            Step::Metrics(metrics) => self.metrics(metrics, comparison)?,
            Step::Configure { config, rejected } => {
                let config = config
                    .resolve(self.scenario.directory())
                    .map_err(|source| {
                        WalkError::Scenario(ScenarioError::Config {
                            path: self.scenario.path.clone(),
                            source,
                        })
                    })?;
                let outcome = self.session.configure(&config)?;
                compare_configure(rejected.as_ref(), &outcome, comparison);
            }
            Step::Log(expected) => compare_log(expected, &self.session.log()?, comparison),
            Step::CasConflicts(count) => self.session.inject_cas_conflicts(*count)?,
        }
        Ok(())
    }

    /// One exchange; where the request may be sent again, the first that is as expected, or the last.
    fn exchange(
        &mut self,
        requests: &Requests,
        expect: &Expect,
    ) -> Result<Comparison, TargetError> {
        let mut left = requests.within;
        loop {
            let exchange = self.session.exchange(&requests.request)?;
            let mut comparison = Comparison::default();
            compare::exchange(expect, &exchange, &mut comparison);
            if comparison.differences.is_empty() || left.is_zero() {
                return Ok(comparison);
            }
            let pause = left.min(PAUSE);
            self.session.advance(pause)?;
            self.session.trace();
            left = left.saturating_sub(pause);
        }
    }

    fn metrics(
        &mut self,
        metrics: &BTreeMap<String, Pattern>,
        comparison: &mut Comparison,
    ) -> Result<(), TargetError> {
        for (name, pattern) in metrics {
            let value = self.session.metric(name)?.unwrap_or(0).to_string();
            comparison.text(format!("metrics.{name:?}"), pattern, &[&value]);
        }
        Ok(())
    }
}

fn compare_parallel(
    expect: &ExpectParallel,
    exchanges: &[Exchange],
    at_once: Option<usize>,
    comparison: &mut Comparison,
) {
    let mut statuses: BTreeMap<String, u64> = BTreeMap::new();
    for exchange in exchanges {
        let count = statuses.entry(exchange.status.to_string()).or_default();
        *count = count.saturating_add(1);
    }
    if !expect.statuses.is_empty() {
        let as_expected = expect.statuses.iter().all(|(status, count)| {
            let observed = statuses.get(status).copied().unwrap_or(0);
            count.allows(&[&observed.to_string()])
        });
        let no_other = statuses
            .keys()
            .all(|status| expect.statuses.contains_key(status));
        if !as_expected || !no_other {
            comparison.differs(
                "parallel.expect.statuses",
                counted(&expect.statuses),
                counted(&statuses),
            );
        }
    }
    let calls = exchanges
        .iter()
        .filter(|exchange| exchange.upstream.is_some())
        .count();
    if let Some(expected) = &expect.upstream_calls {
        comparison.text(
            "parallel.expect.upstream_calls".to_owned(),
            expected,
            &[&calls.to_string()],
        );
    }
    if let Some(expected) = &expect.upstream_at_once {
        let observed = at_once.map(|count| count.to_string());
        let observed: Vec<_> = observed.as_deref().into_iter().collect();
        comparison.text(
            "parallel.expect.upstream_at_once".to_owned(),
            expected,
            &observed,
        );
    }
}

/// As in `10 of 200, 54 of 429`.
fn counted(statuses: &BTreeMap<String, impl fmt::Display>) -> String {
    let counts: Vec<_> = statuses
        .iter()
        .map(|(status, count)| {
            let count = count.to_string();
            format!("{} of {status}", count.trim_matches('"'))
        })
        .collect();
    counts.join(", ")
}

/// Every call of a name is to be seen alike; the first that is not is shown.
fn compare_finished(expect: &Expect, exchanges: &[Exchange], comparison: &mut Comparison) {
    for (index, exchange) in exchanges.iter().enumerate() {
        compare::exchange(expect, exchange, comparison);
        if comparison.differences.is_empty() {
            continue;
        }
        if exchanges.len() > 1 {
            let number = index.saturating_add(1);
            comparison.note(format!(" (call {number} of {})", exchanges.len()));
        }
        return;
    }
}

fn compare_configure(
    rejected: Option<&Pattern>,
    outcome: &Result<(), Refusal>,
    comparison: &mut Comparison,
) {
    match (rejected, outcome) {
        (None, Ok(())) => {}
        (None, Err(refusal)) => {
            let lines = refusal.log.iter().map(ToString::to_string);
            let lines: Vec<_> = lines.chain(refusal.failure.clone()).collect();
            comparison.differs(
                "configure",
                "the configuration is accepted",
                format!("it is refused: {lines:?}"),
            );
        }
        (Some(line), Ok(())) => {
            comparison.differs(
                "configure.rejected",
                format!("the configuration is refused: {line}"),
                "it is accepted",
            );
        }
        (Some(line), Err(refusal)) => {
            if let Some((what, expected, observed)) = rejection(line, refusal) {
                comparison.differs(format!("configure.{what}"), expected, observed);
            }
        }
    }
}

fn compare_log(expected: &ExpectLog, log: &[LogLine], comparison: &mut Comparison) {
    let at_level: Vec<_> = log
        .iter()
        .filter(|line| line.level == expected.level)
        .map(|line| line.text.as_str())
        .collect();
    let found = match &expected.line {
        Pattern::Absent => at_level.is_empty(),
        pattern => at_level.iter().any(|line| pattern.allows(&[line])),
    };
    if !found {
        let wanted = format!("at level {}: {}", expected.level, expected.line);
        let seen = last_lines(&at_level);
        comparison.differs(
            "log",
            wanted,
            format!("at level {}: {seen}", expected.level),
        );
    }
}

/// The last of these lines, as many and as much of them as one can read.
fn last_lines(lines: &[&str]) -> String {
    const LINES: usize = 5;
    const CHARACTERS: usize = 200;
    let skipped = lines.len().saturating_sub(LINES);
    let cut = |line: &&str| {
        let mut start: String = line.chars().take(CHARACTERS).collect();
        if start.len() < line.len() {
            start.push('…');
        }
        start
    };
    let shown: Vec<_> = lines.iter().skip(skipped).map(cut).collect();
    match skipped {
        0 => format!("{shown:?}"),
        _ => format!("{} lines, the last of them {shown:?}", lines.len()),
    }
}

/// What must be seen of one exchange, compared outside of a scenario (for tests written in Rust).
#[must_use]
pub fn compare_exchange(expect: &Expect, exchange: &Exchange) -> Vec<Mismatch> {
    let mut comparison = Comparison::default();
    compare::exchange(expect, exchange, &mut comparison);
    comparison
        .differences
        .into_iter()
        .map(|d| mismatch(None, d.what, d.expected, d.observed))
        .collect()
}
