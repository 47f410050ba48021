//! One scenario that was made up, from a start of its own to its end.

use std::collections::BTreeMap;
use std::time::Duration;

use super::act::Act;
use super::fault::Fault;
use super::{Base, Fuzzer};
use crate::guest::vm::VmFailure;
use crate::model::{Departure, Exchange, Request};
use crate::proxy::simulator::{Builder, SimulationError, Simulator, StartError};
use crate::scenario::Invariant;
use crate::scenario::runner::invariants::{self, Broken};

/// How often a scenario is repeated to see whether memory grows.
const REPETITIONS: usize = 64;

/// The longest time that passes in a step that is repeated.
const LONGEST: Duration = Duration::from_secs(60);

/// More time than this does not pass in one scenario.
const MOST_TIME: Duration = Duration::from_secs(90_000);

/// What came of it.
#[derive(Default)]
pub(super) struct Execution {
    pub(super) fault: Option<Fault>,
    /// How many calls were made.
    pub(super) calls: u64,
    /// Whether each new configuration was accepted, in their order.
    pub(super) accepted: Vec<bool>,
}

impl Execution {
    /// Runs these steps after a start.
    pub(super) fn of(base: &Base, acts: &[Act], fuzzer: &Fuzzer) -> Self {
        let mut execution = Self::default();
        let Some(simulator) = started(base, fuzzer, &mut execution) else {
            return execution;
        };
        let mut run = Run {
            simulator,
            invariants: &base.scenario.invariants,
            open: BTreeMap::new(),
            passed: Duration::ZERO,
            execution,
        };
        run.all(acts);
        run.end();
        run.simulator.shut_down();
        run.check_failure();
        run.execution
    }
}

/// What memory does when the same steps are repeated: a plugin that keeps something of each call takes more each time, and in the end all of it.
pub(super) fn growth(base: &Base, acts: &[Act], fuzzer: &Fuzzer) -> Execution {
    let mut execution = Execution::default();
    let Some(simulator) = started(base, fuzzer, &mut execution) else {
        return execution;
    };
    let mut run = Run {
        simulator,
        invariants: &[],
        open: BTreeMap::new(),
        passed: Duration::ZERO,
        execution,
    };
    // What ticks every second would tick for days.
    let shorter = |act: &Act| match act {
        Act::Advance(by) => Act::Advance((*by).min(LONGEST)),
        act => act.clone(),
    };
    let acts: Vec<_> = acts.iter().map(shorter).collect();
    let mut seen = Vec::new();
    for quarter in 0..5 {
        // The first one warms up.
        for _ in 0..REPETITIONS.div_euclid(4) {
            run.passed = Duration::ZERO;
            run.all(&acts);
            run.end();
            if run.execution.fault.is_some() {
                // Whether repeating it breaks the plugin is another question, which mutations ask.
                run.execution.fault = None;
                return run.execution;
            }
        }
        seen.push(run.size());
        let grew = seen
            .last_chunk()
            .is_none_or(|[before, after]| after.0 > before.0 || after.1 > before.1);
        if quarter > 0 && !grew {
            return run.execution;
        }
    }
    let every = |size: fn(&(usize, usize)) -> usize| {
        seen.windows(2)
            .all(|pair| matches!(pair, [before, after] if size(after) > size(before)))
    };
    let (first, last) = (
        seen.first().copied().unwrap_or_default(),
        seen.last().copied().unwrap_or_default(),
    );
    if every(|size| size.0) {
        run.execution.fault = Some(Fault::Leak(format!(
            "memory grows: the same steps {REPETITIONS} times more took it from {} to {} bytes, and it had grown in each quarter of them",
            first.0, last.0
        )));
    } else if every(|size| size.1) {
        run.execution.fault = Some(Fault::Leak(format!(
            "shared data grows: the same steps {REPETITIONS} times more took it from {} to {} keys, which nobody can delete",
            first.1, last.1
        )));
    }
    run.execution
}

fn builder(base: &Base, fuzzer: &Fuzzer) -> Option<Builder> {
    let builder = fuzzer.target.builder(&base.setup).ok()?;
    // Instructions are the same on every machine, and time is not.
    Some(
        builder
            .untraced()
            .time_limit(None)
            .instruction_limit(fuzzer.settings.instructions),
    )
}

fn started(base: &Base, fuzzer: &Fuzzer, execution: &mut Execution) -> Option<Simulator> {
    match builder(base, fuzzer)?.start() {
        Ok(simulator) => Some(simulator),
        Err(error) => {
            execution.fault = Some(Fault::Died(error.to_string()));
            None
        }
    }
}

struct Run<'b> {
    simulator: Simulator,
    invariants: &'b [Invariant],
    /// Calls in progress, with their versions of HTTP.
    open: BTreeMap<u32, Request>,
    /// How much time has passed.
    passed: Duration,
    execution: Execution,
}

impl Run<'_> {
    /// Up to the first fault.
    fn all(&mut self, acts: &[Act]) {
        for act in acts {
            self.act(act);
            if self.execution.fault.is_some() {
                return;
            }
        }
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Call(request) => {
                self.count(1);
                let seen = self.simulator.parallel(std::slice::from_ref(request));
                self.seen(seen);
            }
            Act::Calls(requests) => {
                self.count(requests.len());
                let seen = self.simulator.parallel(requests);
                self.seen(seen);
            }
            Act::Open(number, request) => {
                if self.open.contains_key(number) {
                    return;
                }
                self.count(1);
                let opened = self.simulator.open(&number.to_string(), request, 1);
                self.open.insert(*number, (**request).clone());
                self.seen(opened.map(|()| Vec::new()));
            }
            Act::Finish(number) => {
                if self.open.remove(number).is_some() {
                    let seen = self.simulator.finish(&number.to_string());
                    self.seen(seen);
                }
            }
            Act::Leave(number, departure) => {
                let Some(request) = self.open.remove(number) else {
                    return;
                };
                let departure = possible(*departure, &request);
                let seen = self.simulator.disconnect(&number.to_string(), departure);
                let seen = seen.map(|seen| {
                    if departure.still_reads() {
                        seen
                    } else {
                        Vec::new()
                    }
                });
                self.seen(seen);
            }
            Act::Advance(by) => {
                self.passed = self.passed.saturating_add(*by);
                if self.passed > MOST_TIME {
                    return;
                }
                let advanced = self.simulator.advance(*by);
                self.seen(advanced.map(|()| Vec::new()));
            }
            Act::Service(service) => self.simulator.serve(service),
            Act::Configure(text) => match self.simulator.configure(text.as_bytes()) {
                Ok(()) => {
                    self.execution.accepted.push(true);
                    self.check_failure();
                }
                Err(StartError::Rejected { .. }) => self.execution.accepted.push(false),
                Err(error) => {
                    // A scenario that expects it to be accepted fails.
                    self.execution.accepted.push(true);
                    self.execution.fault = Some(match error {
                        StartError::Failed {
                            failure: VmFailure::Endless { callback, .. },
                            ..
                        } => endless(&callback),
                        error => Fault::Died(error.to_string()),
                    });
                }
            },
            Act::CasConflicts(count) => self.simulator.inject_cas_conflicts(*count),
        }
    }

    fn count(&mut self, calls: usize) {
        let calls = u64::try_from(calls).unwrap_or(u64::MAX);
        self.execution.calls = self.execution.calls.saturating_add(calls);
    }

    /// All open calls come to their ends, and what is counted is looked at.
    fn end(&mut self) {
        let open: Vec<_> = self.open.keys().copied().collect();
        for number in open {
            if self.execution.fault.is_some() {
                return;
            }
            self.act(&Act::Finish(number));
        }
        if self.execution.fault.is_none() && !self.invariants.is_empty() {
            let broken = invariants::of_log(self.invariants, &self.simulator.log());
            self.note(broken);
        }
    }

    fn seen(&mut self, outcome: Result<Vec<Exchange>, SimulationError>) {
        self.check_failure();
        match outcome {
            Ok(exchanges) => self.check(&exchanges),
            Err(error) if self.execution.fault.is_none() => {
                self.execution.fault = match error {
                    SimulationError::Hang { what, hidden, .. } => {
                        let hidden = hidden.map(|hidden| format!("; {}", hidden.why()));
                        let hidden = hidden.unwrap_or_default();
                        Some(Fault::Forgotten(format!(
                            "a call hangs: the plugin paused the {what} and nothing that could resume it is left to happen{hidden}"
                        )))
                    }
                    SimulationError::NeverReturns(VmFailure::Endless { callback, .. }) => {
                        Some(endless(&callback))
                    }
                    SimulationError::NeverReturns(failure) | SimulationError::Crashes(failure) => {
                        Some(Fault::Died(failure.to_string()))
                    }
                    _ => None,
                };
            }
            Err(_) => {}
        }
    }

    fn check(&mut self, exchanges: &[Exchange]) {
        if self.invariants.is_empty() || self.execution.fault.is_some() {
            return;
        }
        let broken = invariants::of_exchanges(self.invariants, exchanges);
        self.note(broken);
        let counts = self
            .invariants
            .iter()
            .any(|invariant| !invariant.metrics.is_empty());
        if counts && self.open.is_empty() {
            self.simulator.fire_timers();
            let value = |name: &str| Ok::<_, std::convert::Infallible>(self.simulator.metric(name));
            let broken = invariants::of_metrics(self.invariants, value).unwrap_or_default();
            self.note(broken);
        }
    }

    fn note(&mut self, broken: Vec<Broken>) {
        let first = broken
            .into_iter()
            .next()
            .filter(|_| self.execution.fault.is_none());
        if let Some(Broken {
            what,
            expected,
            observed,
        }) = first
        {
            self.execution.fault = Some(Fault::Broken {
                what,
                expected,
                observed,
            });
        }
    }

    fn check_failure(&mut self) {
        if self.execution.fault.is_some() {
            return;
        }
        self.execution.fault = self.simulator.any_failure().map(|failure| match failure {
            VmFailure::Endless { callback, .. } => endless(callback),
            failure => Fault::Died(failure.to_string()),
        });
    }

    /// Bytes of memory, and keys of shared data.
    fn size(&self) -> (usize, usize) {
        let memory = self.simulator.memory_bytes().into_iter().sum();
        (memory, self.simulator.written().len())
    }
}

fn endless(callback: &str) -> Fault {
    Fault::Endless(format!("{callback} does not return"))
}

/// The departure that this call's version of HTTP has.
pub(super) fn possible(departure: Departure, request: &Request) -> Departure {
    match departure.only_over() {
        Some(http) if http != request.http => Departure::Usual,
        _ => departure,
    }
}
