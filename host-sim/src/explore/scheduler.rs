//! All workers of a simulation, each on a thread of its own, and the scheduler that lets one of them run at a time.

mod clock;
mod events;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::actor::Actor;
use super::chooser::{Candidate, Course, Stop};
use super::scheduled_call::{ScheduledCall, State};
use super::turns::Turns;
use super::worker_thread::{Gone, Message, WorkerThread};
use crate::host::access::{Access, Kind, Resource};
use crate::host::shared::ProcessState;
use crate::model::{Departure, Request};
use crate::proxy::simulator::{Builder, CalloutId, SimulationError, Simulator, StartError};

/// What the scheduler lets happen besides calls, and what counts as touched.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scope {
    /// Each worker's timer fires once at any time.
    pub(crate) ticks: bool,
    /// Bodies arrive in every shape.
    pub(crate) shapes: bool,
    /// Somebody looks at how many calls the upstream has at once.
    pub(crate) upstream: bool,
    /// Of orders that differ only in the names of workers, one is enough.
    pub(crate) symmetry: bool,
}

/// Why the scheduler does not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SchedulerError {
    #[error(transparent)]
    Simulation(#[from] SimulationError),
    #[error(transparent)]
    Stop(#[from] Stop),
    #[error(transparent)]
    Gone(#[from] Gone),
    #[error("{method} {path} hangs: nothing that could end it is left to happen")]
    Hangs { method: String, path: String },
}

/// The workers.
pub(super) struct Scheduler {
    threads: Vec<WorkerThread>,
    pub(super) process: ProcessState,
    scope: Scope,
    course: Arc<Mutex<Course>>,
    pub(super) calls: Vec<ScheduledCall>,
    /// Who is in the middle of a callback on each worker, and what it touches first when it goes on.
    under_way: Vec<Option<(Actor, Access)>>,
    /// Callouts that no service has answered, by worker and number.
    callouts: BTreeMap<(usize, usize), CalloutId>,
    called_out: Vec<usize>,
    /// The workers whose timers may still fire in this step.
    ticks: Vec<bool>,
    /// The most calls that the upstream had at once.
    pub(super) at_once: usize,
    next_worker: usize,
    /// The numbers of each worker's VMs.
    vms: Vec<Vec<u32>>,
    turns: Turns,
    /// No worker has done anything yet, so that all are the same.
    fresh: bool,
}

impl Scheduler {
    /// Starts all workers.
    pub(super) fn start(
        builder: &Builder,
        workers: u32,
        scope: Scope,
        course: Arc<Mutex<Course>>,
    ) -> Result<Result<Self, StartError>, Gone> {
        let process = ProcessState::default();
        let (mut threads, mut vms) = (Vec::new(), Vec::new());
        for index in 0..usize::try_from(workers).unwrap_or(1) {
            match WorkerThread::start(builder.clone(), index, process.clone())? {
                Ok(thread) => {
                    vms.push(thread.call(|simulator| simulator.vm_numbers())?);
                    threads.push(thread);
                }
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(Self {
            under_way: threads.iter().map(|_| None).collect(),
            called_out: vec![0; threads.len()],
            ticks: vec![false; threads.len()],
            threads,
            process,
            scope,
            course,
            calls: Vec::new(),
            callouts: BTreeMap::new(),
            at_once: 0,
            next_worker: 0,
            vms,
            turns: Turns::default(),
            fresh: true,
        }))
    }

    /// A call of this request, which has not begun; its place among the calls.
    pub(super) fn take(&mut self, request: &Request) -> usize {
        let turn = self.next_worker;
        let worker = match request.worker {
            Some(worker) => usize::try_from(worker).unwrap_or(usize::MAX),
            None => {
                self.next_worker = turn
                    .saturating_add(1)
                    .checked_rem(self.threads.len())
                    .unwrap_or(0);
                turn
            }
        };
        self.calls.push(ScheduledCall::new(request.clone(), worker));
        self.calls.len().saturating_sub(1)
    }

    /// Lets everything happen in the order that is chosen, until nothing is left.
    pub(super) fn explore(&mut self) -> Result<(), SchedulerError> {
        self.at_once = 0;
        if self.scope.ticks {
            self.make_ticks_due()?;
        }
        if self.scope.shapes {
            self.choose_shapes()?;
        }
        if self.scope.symmetry && std::mem::take(&mut self.fresh) {
            self.turns = Turns::of(&self.calls, self.threads.len());
        }
        let driven = self.drive(true);
        self.turns = Turns::default();
        self.ticks.fill(false);
        driven
    }

    /// Lets everything happen until nothing is left that could without the clock, and then lets that move as far as it must.
    pub(super) fn settle(&mut self) -> Result<(), SchedulerError> {
        self.fresh = false;
        self.drive(false)
    }

    fn drive(&mut self, explored: bool) -> Result<(), SchedulerError> {
        loop {
            while self.step(explored)? {}
            let waiting = self
                .calls
                .iter()
                .find(|scheduled| !scheduled.has_ended() && !scheduled.held);
            let Some(waiting) = waiting else {
                return Ok(());
            };
            let (method, path) = (waiting.request.method.clone(), waiting.request.path.clone());
            let due = self
                .next_due()?
                .ok_or(SchedulerError::Hangs { method, path })?;
            self.pass_to(due)?;
        }
    }

    /// Takes one step. Says whether there was any.
    fn step(&mut self, explored: bool) -> Result<bool, SchedulerError> {
        let candidates = self.candidates();
        let chosen = match explored {
            true => self.course().choose(&candidates)?,
            false => (!candidates.is_empty()).then_some(0),
        };
        let Some(candidate) = chosen.and_then(|chosen| candidates.get(chosen)) else {
            return Ok(false);
        };
        let Some(worker) = candidate.worker else {
            return Ok(false);
        };
        let before = self.at_upstream();
        let first = match self.under_way.get_mut(worker).and_then(Option::take) {
            Some((_, access)) => {
                self.thread(worker)?.go()?;
                Some(access)
            }
            None => {
                let work = self.work_of(candidate.actor);
                self.thread(worker)?.begin(work, explored)?;
                None
            }
        };
        let (touched, outcome) = match self.thread(worker)?.next()? {
            Message::Reached { touched, next } => {
                if let Some(place) = self.under_way.get_mut(worker) {
                    *place = Some((candidate.actor, next));
                }
                (touched, None)
            }
            Message::Done { touched, outcome } => (touched, Some(outcome?)),
        };
        let under_way = outcome.is_none();
        if let Some(outcome) = outcome {
            self.note(worker, candidate.actor, outcome)?;
        }
        let after = self.at_upstream();
        self.at_once = self.at_once.max(after);
        if explored {
            let turn = self.turns.took(worker, first.as_ref(), &self.calls);
            let first = first.filter(|_| !touched.missed);
            let touched = first.into_iter().chain(touched.besides);
            let mut touched: Vec<_> = touched.chain(turn).collect();
            if self.turns.are_mistaken() {
                self.course().asymmetric = true;
            }
            // The most at once is the same whichever of several comes first, or leaves first.
            let kind = match after.cmp(&before) {
                Ordering::Greater => Some(Kind::Add),
                Ordering::Less => Some(Kind::Take),
                Ordering::Equal => None,
            };
            if let Some(kind) = kind.filter(|_| self.scope.upstream) {
                touched.push(Access {
                    resource: Resource::Upstream,
                    kind,
                });
            }
            self.course().took(touched, under_way);
        }
        Ok(true)
    }

    fn at_upstream(&self) -> usize {
        let calls = self.calls.iter();
        calls.filter(|scheduled| scheduled.is_at_upstream()).count()
    }

    fn course(&self) -> std::sync::MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn thread(&self, worker: usize) -> Result<&WorkerThread, Gone> {
        self.threads.get(worker).ok_or(Gone)
    }

    /// In which shape each request arrives.
    fn choose_shapes(&mut self) -> Result<(), SchedulerError> {
        for index in 0..self.calls.len() {
            let Some(scheduled) = self.calls.get(index) else {
                continue;
            };
            let mut shapes = scheduled.shapes();
            if !matches!(scheduled.state, State::New) || shapes.len() == 1 {
                continue;
            }
            let number = index.saturating_add(1);
            let candidates: Vec<_> = (0..shapes.len())
                .map(|shape| Candidate {
                    actor: Actor::Shape(number, shape),
                    worker: None,
                    under_way: false,
                })
                .collect();
            let chosen = self.course().choose(&candidates)?.unwrap_or_default();
            self.course().took(Vec::new(), false);
            if let Some(scheduled) = self.calls.get_mut(index)
                && chosen < shapes.len()
            {
                scheduled.request = shapes.swap_remove(chosen);
            }
        }
        Ok(())
    }

    /// The client of a call leaves.
    pub(super) fn leave(
        &mut self,
        index: usize,
        departure: Departure,
    ) -> Result<(), SchedulerError> {
        let Some(scheduled) = self.calls.get_mut(index) else {
            return Ok(());
        };
        scheduled.held = false;
        scheduled.departure = departure;
        let worker = scheduled.worker;
        let actor = Actor::Leave(index.saturating_add(1));
        let work = self.work_of(actor);
        let thread = self.thread(worker)?;
        thread.begin(work, false)?;
        if let Message::Done { outcome, .. } = thread.next()? {
            self.note(worker, actor, outcome?)?;
        }
        Ok(())
    }

    /// Does the same on every worker and says what each answers.
    pub(super) fn each<R: Send + 'static>(
        &self,
        work: impl Fn(&mut Simulator) -> R + Clone + Send + 'static,
    ) -> Result<Vec<R>, Gone> {
        self.threads
            .iter()
            .map(|thread| thread.call(work.clone()))
            .collect()
    }
}
