//! A scenario under every order of events.
//!
//! Envoy's workers run at the same time, and what they share (shared data, queues, metrics) they touch in any order. A scenario that holds once
//! can fail in the one order in a million that a busy night finds. [`Explorer`] runs the `parallel` steps of a scenario in all orders that
//! anybody can tell apart: at each access of a worker to what is shared, any other worker may come first; the upstream may answer the
//! calls in any order, services the callouts, and, where asked for, timers fire, clients leave and bodies arrive in every shape. Where there are too many
//! orders, those that remain are sampled by lot, and the result says so.
//!
//! What is not explored: what one worker does between two callbacks of one event (a response's headers and its body, say), the answers of gRPC services, and
//! the orders within other steps than `parallel`, which take everything in turn.
//!
//! ```
//! use std::path::Path;
//! use host_sim::Module;
//! use host_sim::explore::{Bounds, Explorer};
//! use host_sim::scenario::Scenario;
//!
//! # let module = Module::from_bytes(host_sim::SMALLEST)?;
//! let scenario = Scenario::from_toml(r#"
//! about = "Two calls pass, whichever comes first."
//! workers = 2
//! step = [{ parallel = { count = 2, request = {}, expect = { statuses = { "200" = 2 } } } }]
//! "#, Path::new("two_calls.toml"))?;
//! let explored = Explorer::new(&module, &scenario, Bounds::default()).run(|_| {})?;
//! assert!(explored.complete && explored.failure.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod actor;
mod chooser;
mod error;
mod failure;
mod gate;
mod processor;
mod schedule;
mod scheduled_call;
mod scheduler;
mod search;
mod simplest;
mod target;
mod turns;
mod worker_thread;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::guest::module::Module;
use crate::host::trace::TraceEvent;
use crate::model::envoy_version::EnvoyVersion;
use crate::model::random::Random;
use crate::scenario::report::Report;
use crate::scenario::runner::{self, RunError};
use crate::scenario::sim_target::SimTarget;
use crate::scenario::target::TargetError;
use crate::scenario::{Scenario, Step};
use actor::Actor;
pub use actor::UnknownActor;
use chooser::{Chooser, Course, Stop};
pub use error::ExploreError;
pub use failure::{Failure, Problem};
pub use schedule::{InvalidSchedule, Schedule};
use scheduler::{SchedulerError, Scope};
use search::Search;
use target::ExploringTarget;

/// What is explored, and how far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// After so many schedules the search stops, and as many more are drawn by lot.
    pub schedules: u64,
    /// What the lot follows from.
    pub seed: u64,
    /// The timer of each worker fires once in each `parallel` step, at any time. The clock stands where the next one is due.
    pub ticks: bool,
    /// Request bodies arrive in one piece and in two, and end with the last piece or after it.
    pub shapes: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            schedules: 100_000,
            seed: 0,
            ticks: false,
            shapes: false,
        }
    }
}

/// What came of an exploration.
#[derive(Clone, Debug, Default)]
pub struct Explored {
    /// How many schedules the search ran to their ends. No two of them are the same in all that matters.
    pub schedules: u64,
    /// How many it cut short, because they would have been the same as one before.
    pub cut: u64,
    /// How many were drawn by lot, because there are more than the bound.
    pub drawn: u64,
    /// Whether those were all that there are.
    pub complete: bool,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    /// The first that did not hold, made as simple as it gets.
    pub failure: Option<Failure>,
}

/// What came of one run.
enum Ran {
    Held(Report),
    Failed(Problem),
    Cut,
}

/// Runs a scenario under many schedules.
#[derive(Clone, Debug)]
pub struct Explorer<'a> {
    sim: SimTarget,
    scenario: &'a Scenario,
    bounds: Bounds,
    scope: Scope,
    steps: Arc<Mutex<Vec<String>>>,
    interrupted: Arc<AtomicBool>,
}

impl<'a> Explorer<'a> {
    /// An explorer of this scenario.
    #[must_use]
    pub fn new(module: &Module, scenario: &'a Scenario, bounds: Bounds) -> Self {
        let upstream = scenario.steps().iter().any(|step| match step {
            Step::Parallel(parallel) => parallel.expect.upstream_at_once.is_some(),
            _ => false,
        });
        Self {
            sim: SimTarget::new(module.clone()),
            scenario,
            bounds,
            scope: Scope {
                ticks: bounds.ticks,
                shapes: bounds.shapes,
                upstream,
                symmetry: false,
            },
            steps: Arc::default(),
            interrupted: Arc::default(),
        }
    }

    /// The same with the rules of this version of Envoy.
    #[must_use]
    pub fn with_envoy(mut self, version: EnvoyVersion) -> Self {
        self.sim = self.sim.with_envoy(version);
        self
    }

    /// Stops between two schedules once somebody sets this to true.
    #[must_use]
    pub fn interrupted_by(self, interrupted: Arc<AtomicBool>) -> Self {
        Self {
            interrupted,
            ..self
        }
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Runs all schedules, or as many as the bounds say, until one fails. `progress` is told after each how many there have been.
    ///
    /// Where workers that have done nothing yet serve the same request, orders that differ only in the workers' names are the same.
    ///
    /// # Errors
    ///
    /// When the scenario's files cannot be read, nothing in it is parallel, or the host itself fails.
    pub fn run(&self, progress: impl FnMut(u64) + Send) -> Result<Explored, ExploreError> {
        processor::on_one(|| self.run_here(progress))
    }

    fn run_here(&self, mut progress: impl FnMut(u64)) -> Result<Explored, ExploreError> {
        let mut explorer = Explorer {
            scope: Scope {
                symmetry: true,
                ..self.scope
            },
            ..self.clone()
        };
        match explorer.search(&mut progress)? {
            Some(explored) => Ok(explored),
            None => {
                explorer.scope.symmetry = false;
                let explored = explorer.search(&mut progress)?;
                Ok(explored.unwrap_or_default())
            }
        }
    }

    /// The search; none when workers were taken for the same that are not.
    fn search(&self, mut progress: impl FnMut(u64)) -> Result<Option<Explored>, ExploreError> {
        self.check_parallel()?;
        let mut explored = Explored::default();
        let mut search = Search::all();
        loop {
            let (ran, course) = self.once(Chooser::Search(search), false)?;
            if course.asymmetric {
                return Ok(None);
            }
            let (chooser, actors, preemptions) = course.into_parts();
            match ran {
                Ran::Held(_) => explored.schedules = explored.schedules.saturating_add(1),
                Ran::Cut => explored.cut = explored.cut.saturating_add(1),
                Ran::Failed(problem) => {
                    explored.schedules = explored.schedules.saturating_add(1);
                    let failure = Failure {
                        schedule: self.schedule(actors),
                        preemptions,
                        problem,
                        steps: Vec::new(),
                    };
                    explored.failure = Some(self.simplest(failure)?);
                    return Ok(Some(explored));
                }
            }
            progress(explored.schedules);
            let Chooser::Search(walked) = chooser else {
                return Ok(Some(explored));
            };
            search = walked;
            if !search.advance() {
                explored.complete = true;
                return Ok(Some(explored));
            }
            if self.is_interrupted() {
                explored.interrupted = true;
                return Ok(Some(explored));
            }
            if explored.schedules >= self.bounds.schedules {
                return self.draw(explored, progress).map(Some);
            }
        }
    }

    /// Runs schedules by lot, as many as the search has run.
    fn draw(
        &self,
        mut explored: Explored,
        mut progress: impl FnMut(u64),
    ) -> Result<Explored, ExploreError> {
        for number in 0..self.bounds.schedules {
            if self.is_interrupted() {
                explored.interrupted = true;
                return Ok(explored);
            }
            let seed = self.bounds.seed.wrapping_add(number);
            let (ran, course) = self.once(Chooser::Lot(Random::seeded(seed)), false)?;
            explored.drawn = explored.drawn.saturating_add(1);
            if let Ran::Failed(problem) = ran {
                let (_, actors, preemptions) = course.into_parts();
                let failure = Failure {
                    schedule: self.schedule(actors),
                    preemptions,
                    problem,
                    steps: Vec::new(),
                };
                explored.failure = Some(self.simplest(failure)?);
                return Ok(explored);
            }
            progress(explored.schedules.saturating_add(explored.drawn));
        }
        Ok(explored)
    }

    fn check_parallel(&self) -> Result<(), ExploreError> {
        let mut steps = self.scenario.steps().iter();
        if steps.any(|step| matches!(step, Step::Parallel(_))) {
            return Ok(());
        }
        Err(ExploreError::NothingParallel {
            scenario: self.scenario.path.display().to_string(),
        })
    }

    fn schedule(&self, actors: Vec<Actor>) -> Schedule {
        Schedule {
            ticks: self.bounds.ticks,
            shapes: self.bounds.shapes,
            actors,
        }
    }

    /// Runs one schedule with the rules of a version of Envoy: what was seen, or why the scenario did not come to its end.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and when the schedule names a step that cannot happen.
    pub fn replay(
        module: &Module,
        scenario: &Scenario,
        schedule: &Schedule,
        envoy: EnvoyVersion,
    ) -> Result<Result<Report, String>, ExploreError> {
        let bounds = Bounds {
            ticks: schedule.ticks,
            shapes: schedule.shapes,
            ..Bounds::default()
        };
        let explorer = Explorer::new(module, scenario, bounds).with_envoy(envoy);
        explorer.check_parallel()?;
        let (ran, _) = explorer.once(Chooser::Written(schedule.clone()), true)?;
        Ok(match ran {
            Ran::Held(report) | Ran::Failed(Problem::Differs(report)) => Ok(report),
            Ran::Failed(Problem::Broken(what)) => Err(what),
            Ran::Cut => Ok(Report::default()),
        })
    }

    fn once(&self, chooser: Chooser, traced: bool) -> Result<(Ran, Course), ExploreError> {
        let course = Arc::new(Mutex::new(Course::new(chooser)));
        let target = ExploringTarget {
            sim: self.sim.clone(),
            scope: self.scope,
            course: Arc::clone(&course),
            traced,
            steps: Arc::clone(&self.steps),
        };
        let outcome = runner::run(self.scenario, &target);
        drop(target);
        let ran = match outcome {
            Ok(report) if report.mismatches.is_empty() => Ran::Held(report),
            Ok(report) => Ran::Failed(Problem::Differs(report)),
            Err(RunError::Target {
                source: error @ (TargetError::NotHeld { .. } | TargetError::NotOpen { .. }),
                trace,
                ..
            }) => Ran::Failed(Problem::Broken(broken(&error, &trace))),
            Err(RunError::Target {
                source: TargetError::Host { source, .. },
                trace,
                scenario,
            }) => match source.downcast::<SchedulerError>().map(|error| *error) {
                Ok(SchedulerError::Stop(Stop::Cut)) => Ran::Cut,
                Ok(SchedulerError::Stop(stop @ Stop::Impossible { .. })) => {
                    return Err(ExploreError::Schedule {
                        scenario,
                        message: stop.to_string(),
                    });
                }
                Ok(error) => Ran::Failed(Problem::Broken(broken(&error, &trace))),
                Err(source) => Ran::Failed(Problem::Broken(broken(&source, &trace))),
            },
            Err(error) => return Err(error.into()),
        };
        let course = Arc::into_inner(course)
            .map(|course| course.into_inner().unwrap_or_else(PoisonError::into_inner));
        Ok((ran, course.unwrap_or_else(Course::empty)))
    }
}

fn broken(error: &dyn std::fmt::Display, trace: &[TraceEvent]) -> String {
    let trace: String = trace.iter().map(|line| format!("\n    {line}")).collect();
    format!("{error}{trace}")
}
