//! All workers of a simulation, each on a thread of its own, and the scheduler that lets one of them run at a time.

mod clock;
mod events;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::actor::Actor;
use super::chooser::{Candidate, Course, Stop};
use super::flight::{Flight, State};
use super::seat::{Gone, Message, Seat};
use super::turns::Turns;
use crate::host::access::{Access, Kind, Resource};
use crate::host::shared::Commons;
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

/// Why the crew does not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CrewError {
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
pub(super) struct Crew {
    seats: Vec<Seat>,
    pub(super) commons: Commons,
    scope: Scope,
    course: Arc<Mutex<Course>>,
    pub(super) flights: Vec<Flight>,
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

impl Crew {
    /// Starts all workers.
    pub(super) fn start(
        builder: &Builder,
        workers: u32,
        scope: Scope,
        course: Arc<Mutex<Course>>,
    ) -> Result<Result<Self, StartError>, Gone> {
        let commons = Commons::default();
        let (mut seats, mut vms) = (Vec::new(), Vec::new());
        for index in 0..usize::try_from(workers).unwrap_or(1) {
            match Seat::start(builder.clone(), index, commons.clone())? {
                Ok(seat) => {
                    vms.push(seat.call(|simulator| simulator.vm_numbers())?);
                    seats.push(seat);
                }
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(Self {
            under_way: seats.iter().map(|_| None).collect(),
            called_out: vec![0; seats.len()],
            ticks: vec![false; seats.len()],
            seats,
            commons,
            scope,
            course,
            flights: Vec::new(),
            callouts: BTreeMap::new(),
            at_once: 0,
            next_worker: 0,
            vms,
            turns: Turns::default(),
            fresh: true,
        }))
    }

    /// A call of this request, which has not begun; its place among the flights.
    pub(super) fn take(&mut self, request: &Request) -> usize {
        let turn = self.next_worker;
        let worker = match request.worker {
            Some(worker) => usize::try_from(worker).unwrap_or(usize::MAX),
            None => {
                self.next_worker = turn
                    .saturating_add(1)
                    .checked_rem(self.seats.len())
                    .unwrap_or(0);
                turn
            }
        };
        self.flights.push(Flight::new(request.clone(), worker));
        self.flights.len().saturating_sub(1)
    }

    /// Lets everything happen in the order that is chosen, until nothing is left.
    pub(super) fn explore(&mut self) -> Result<(), CrewError> {
        self.at_once = 0;
        if self.scope.ticks {
            self.make_ticks_due()?;
        }
        if self.scope.shapes {
            self.choose_shapes()?;
        }
        if self.scope.symmetry && std::mem::take(&mut self.fresh) {
            self.turns = Turns::of(&self.flights, self.seats.len());
        }
        let driven = self.drive(true);
        self.turns = Turns::default();
        self.ticks.fill(false);
        driven
    }

    /// Lets everything happen until nothing is left that could without the clock, and then lets that move as far as it must.
    pub(super) fn settle(&mut self) -> Result<(), CrewError> {
        self.fresh = false;
        self.drive(false)
    }

    fn drive(&mut self, explored: bool) -> Result<(), CrewError> {
        loop {
            while self.step(explored)? {}
            let waiting = self
                .flights
                .iter()
                .find(|flight| !flight.has_ended() && !flight.held);
            let Some(waiting) = waiting else {
                return Ok(());
            };
            let (method, path) = (waiting.request.method.clone(), waiting.request.path.clone());
            let due = self.next_due()?.ok_or(CrewError::Hangs { method, path })?;
            self.pass_to(due)?;
        }
    }

    /// Takes one step. Says whether there was any.
    fn step(&mut self, explored: bool) -> Result<bool, CrewError> {
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
                self.seat(worker)?.go()?;
                Some(access)
            }
            None => {
                let event = self.event(candidate.actor);
                self.seat(worker)?.begin(event, explored)?;
                None
            }
        };
        let (touched, outcome) = match self.seat(worker)?.next()? {
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
            let turn = self.turns.took(worker, first.as_ref(), &self.flights);
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
        let flights = self.flights.iter();
        flights.filter(|flight| flight.is_at_upstream()).count()
    }

    fn course(&self) -> std::sync::MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seat(&self, worker: usize) -> Result<&Seat, Gone> {
        self.seats.get(worker).ok_or(Gone)
    }

    /// In which shape each request arrives.
    fn choose_shapes(&mut self) -> Result<(), CrewError> {
        for index in 0..self.flights.len() {
            let Some(flight) = self.flights.get(index) else {
                continue;
            };
            let mut shapes = flight.shapes();
            if !matches!(flight.state, State::New) || shapes.len() == 1 {
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
            if let Some(flight) = self.flights.get_mut(index)
                && chosen < shapes.len()
            {
                flight.request = shapes.swap_remove(chosen);
            }
        }
        Ok(())
    }

    /// The client of a call leaves.
    pub(super) fn leave(&mut self, index: usize, departure: Departure) -> Result<(), CrewError> {
        let Some(flight) = self.flights.get_mut(index) else {
            return Ok(());
        };
        flight.held = false;
        flight.departure = departure;
        let worker = flight.worker;
        let actor = Actor::Leave(index.saturating_add(1));
        let event = self.event(actor);
        let seat = self.seat(worker)?;
        seat.begin(event, false)?;
        if let Message::Done { outcome, .. } = seat.next()? {
            self.note(worker, actor, outcome?)?;
        }
        Ok(())
    }

    /// Does the same on every worker and says what each answers.
    pub(super) fn each<R: Send + 'static>(
        &self,
        work: impl Fn(&mut Simulator) -> R + Clone + Send + 'static,
    ) -> Result<Vec<R>, Gone> {
        self.seats
            .iter()
            .map(|seat| seat.call(work.clone()))
            .collect()
    }
}
