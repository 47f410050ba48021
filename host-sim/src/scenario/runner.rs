//! Walks a scenario over a target and collects what differs.
//!
//! This is the one comparison that every host shares, so that "the same on both hosts" means the same code looked. It stops
//! after the first step that goes wrong: what follows would only repeat it.

mod compare;
pub(crate) mod invariants;
mod outcome;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::host::trace::TraceEvent;
use crate::model::Exchange;
use crate::model::pattern::Pattern;
use crate::scenario::report::{Line, Mismatch, Report};
use crate::scenario::target::{Session, Started, Target, TargetError};
use crate::scenario::{Course, Expect, ExpectLine, Requests, Scenario, ScenarioError, Step};
use compare::Comparison;
use outcome::{compare_configure, compare_finished, compare_log, compare_parallel, rejection};

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
        trace: Vec<TraceEvent>,
    },
}

fn trace_of(trace: &[TraceEvent]) -> String {
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
                exchanges: Vec::new(),
                open: BTreeSet::new(),
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
    for mismatch in &mut report.mismatches {
        let line = scenario.line_of(mismatch.step, &mismatch.what);
        mismatch.line = line.map(|(number, text)| Line {
            number,
            text: text.to_owned(),
        });
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
        line: None,
    }
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
    /// Those of the step, if anybody looks at them.
    exchanges: Vec<Exchange>,
    /// Calls that are in progress.
    open: BTreeSet<String>,
}

impl Walk<'_> {
    fn steps(mut self, steps: &[Step]) -> Result<(), WalkError> {
        for (index, step) in steps.iter().enumerate() {
            // What earlier steps did is not what went wrong.
            self.session.trace();
            let mut comparison = Comparison::default();
            self.exchanges.clear();
            self.step(step, &mut comparison)?;
            if comparison.differences.is_empty() {
                self.invariants(&mut comparison)?;
            }
            if comparison.differences.is_empty() {
                continue;
            }
            self.report.answer = comparison.answer;
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

    /// What must hold after every step.
    fn invariants(&mut self, comparison: &mut Comparison) -> Result<(), TargetError> {
        let all = &self.scenario.invariants;
        if all.is_empty() {
            return Ok(());
        }
        let mut broken = invariants::of_exchanges(all, &self.exchanges);
        if let Some(failure) = self.session.failure() {
            broken.extend(invariants::of_failure(all, &failure));
        }
        if all.iter().any(|invariant| invariant.log.is_some()) {
            broken.extend(invariants::of_log(all, &self.session.log()?));
        }
        if self.open.is_empty() {
            // Where workers run on by themselves, what is counted comes a little later.
            let mut looks = 1;
            broken.extend(loop {
                let broken = invariants::of_metrics(all, |name| self.session.metric(name))?;
                if broken.is_empty() || !self.session.looks_again(looks)? {
                    break broken;
                }
                looks = looks.saturating_add(1);
            });
        }
        for one in broken {
            comparison.differs(one.what, one.expected, one.observed);
        }
        if !comparison.differences.is_empty() {
            comparison.answer = self.exchanges.last().cloned().map(Box::new);
        }
        Ok(())
    }

    /// Keeps what was seen for the invariants, if there are any.
    fn note(&mut self, exchanges: &[Exchange]) {
        if !self.scenario.invariants.is_empty() {
            self.exchanges.extend_from_slice(exchanges);
        }
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
                self.note(&exchanges);
                let at_once = self.session.upstream_at_once();
                compare_parallel(&parallel.expect, &exchanges, at_once, comparison);
            }
            Step::Open(open) => {
                self.open.insert(open.call.clone());
                self.session
                    .open(&open.call, &open.request, open.count, open.held)?;
            }
            Step::Finish { call, expect } => {
                let exchanges = self.session.finish(call)?;
                self.open.remove(call);
                self.note(&exchanges);
                compare_finished(expect, &exchanges, comparison);
            }
            Step::Disconnect(left) => {
                let mut exchanges = self.session.disconnect(&left.call, left.departure)?;
                if !left.departure.still_reads() {
                    let gone = exchanges.into_iter().map(Exchange::without_answer);
                    exchanges = gone.collect();
                }
                self.open.remove(&left.call);
                self.note(&exchanges);
                compare_finished(&left.expect, &exchanges, comparison);
            }
            Step::Service(service) => self.session.serve(service)?,
            Step::Callouts(expected) => {
                let count = expected.requests.len();
                let seen = self.session.callouts(&expected.cluster, count)?;
                compare::callouts(&expected.requests, &seen, comparison);
            }
            Step::Advance(by) => self.session.advance(*by)?,
            Step::Metrics(metrics) => {
                *comparison = self.seen(|session| compare_metrics(metrics, session))?;
            }
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
            Step::Log(expected) => {
                let look = |session: &mut dyn Session| {
                    let mut comparison = Comparison::default();
                    compare_log(expected, &session.log()?, &mut comparison);
                    Ok(comparison)
                };
                *comparison = match expected.line {
                    ExpectLine::Logged(_) => self.seen(look)?,
                    // What has been logged stays so.
                    ExpectLine::Absent(_) => look(self.session)?,
                };
            }
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
            self.note(std::slice::from_ref(&exchange));
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

    /// What a look at the host comes to; where its workers run on by themselves, the first that is as expected, or the last.
    fn seen(
        &mut self,
        look: impl Fn(&mut dyn Session) -> Result<Comparison, TargetError>,
    ) -> Result<Comparison, TargetError> {
        let mut looks = 1;
        loop {
            let comparison = look(self.session)?;
            if comparison.differences.is_empty() || !self.session.looks_again(looks)? {
                return Ok(comparison);
            }
            looks = looks.saturating_add(1);
        }
    }
}

fn compare_metrics(
    metrics: &BTreeMap<String, Pattern>,
    session: &mut dyn Session,
) -> Result<Comparison, TargetError> {
    let mut comparison = Comparison::default();
    for (name, pattern) in metrics {
        let value = session.metric(name)?.unwrap_or(0).to_string();
        comparison.text(format!("metrics.{name:?}"), pattern, &[&value]);
    }
    Ok(comparison)
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
