//! What workers can do next, what they do then, and what comes of it.

use super::super::actor::Actor;
use super::super::chooser::Candidate;
use super::super::flight::{Flight, State};
use super::super::seat::{Event, Outcome};
use super::{Crew, CrewError};
use crate::proxy::simulator::{CallId, CalloutId, Happening, SimulationError};

impl Crew {
    /// Every step that could come next. A worker that stands at the gate can only go on.
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for (worker, under_way) in self.under_way.iter().enumerate() {
            let candidate = |actor, under_way| Candidate {
                actor,
                worker: Some(worker),
                under_way,
            };
            if let Some((actor, next)) = under_way {
                if self.turns.allow(worker, next, &self.flights) {
                    candidates.push(candidate(*actor, true));
                }
                continue;
            }
            let events = self.events(worker);
            candidates.extend(events.into_iter().map(|actor| candidate(actor, false)));
        }
        candidates
    }

    /// The events that an idle worker can take up.
    pub(super) fn events(&self, worker: usize) -> Vec<Actor> {
        let mut events = Vec::new();
        for (index, flight) in self.flights.iter().enumerate() {
            if flight.worker != worker || flight.has_ended() {
                continue;
            }
            let number = index.saturating_add(1);
            let answers = matches!(flight.state, State::AtUpstream) && !flight.held;
            if matches!(flight.state, State::New) || answers {
                events.push(Actor::Call(number));
            }
            let begun = !matches!(flight.state, State::New);
            if begun && flight.request.may_leave {
                events.push(Actor::Leave(number));
            }
        }
        let callouts = self.callouts.keys();
        events.extend(
            callouts
                .filter(|(of, _)| *of == worker)
                .map(|(_, number)| Actor::Answer(worker, *number)),
        );
        if self.ticks.get(worker) == Some(&true) {
            events.push(Actor::Tick(worker));
        }
        let vms = self.vms.get(worker).map(Vec::as_slice).unwrap_or_default();
        let queues = self.commons.queues.borrow();
        if vms.iter().any(|vm| queues.is_ready_for(*vm)) {
            events.push(Actor::Queue(worker));
        }
        events
    }

    /// What the worker does in an event.
    pub(super) fn event(&mut self, actor: Actor) -> Event {
        match actor {
            Actor::Call(number) => {
                let flight = number
                    .checked_sub(1)
                    .and_then(|index| self.flights.get_mut(index));
                let Some(flight) = flight else {
                    return Box::new(|_| Ok(Outcome::default()));
                };
                let request = flight.request.clone();
                match flight.call {
                    None => Box::new(move |simulator| {
                        let begun = simulator.begin(&request)?;
                        Ok(Outcome {
                            begun: Some(begun),
                            happenings: simulator.settle()?,
                        })
                    }),
                    Some(call) => {
                        flight.state = State::Answered;
                        Box::new(move |simulator| {
                            simulator.answer(call, request.upstream);
                            settled(simulator.settle())
                        })
                    }
                }
            }
            Actor::Leave(number) => {
                let flight = number
                    .checked_sub(1)
                    .and_then(|index| self.flights.get(index));
                let leaving = flight.and_then(|flight| Some((flight.call?, flight.departure)));
                Box::new(move |simulator| {
                    if let Some((call, departure)) = leaving {
                        simulator.leave(call, departure);
                    }
                    settled(simulator.settle())
                })
            }
            Actor::Answer(worker, number) => {
                let callout = self.callouts.remove(&(worker, number));
                Box::new(move |simulator| {
                    if let Some(callout) = callout {
                        simulator.send_callout(callout);
                    }
                    settled(simulator.settle())
                })
            }
            Actor::Tick(worker) => {
                if let Some(tick) = self.ticks.get_mut(worker) {
                    *tick = false;
                }
                Box::new(|simulator| {
                    simulator.advance_to(simulator.now());
                    settled(simulator.settle())
                })
            }
            Actor::Queue(_) | Actor::Shape(..) => Box::new(|simulator| settled(simulator.settle())),
        }
    }

    /// Takes note of what came of an event.
    pub(super) fn note(
        &mut self,
        worker: usize,
        actor: Actor,
        outcome: Outcome,
    ) -> Result<(), CrewError> {
        if let (Some(begun), Actor::Call(number)) = (outcome.begun, actor)
            && let Some(flight) = number
                .checked_sub(1)
                .and_then(|index| self.flights.get_mut(index))
        {
            flight.call = Some(begun);
            flight.state = State::InFilter;
        }
        for happening in outcome.happenings {
            match happening {
                Happening::Forward { call, .. } => {
                    if let Some(flight) = self.flight(worker, call) {
                        flight.state = State::AtUpstream;
                    }
                }
                Happening::Ended { call, exchange } => {
                    if let Some(flight) = self.flight(worker, call) {
                        flight.state = State::Ended(Box::new(exchange));
                    }
                }
                Happening::Callout { callout, .. } => self.called_out(worker, callout)?,
                // Calls that are explored come and go whole.
                Happening::ForwardMore { .. }
                | Happening::Answer { .. }
                | Happening::BodyHidden(_)
                | Happening::AnswerMore { .. } => {}
            }
        }
        Ok(())
    }

    /// A service answers a callout as an event of its own, unless it hangs, which only the clock ends.
    pub(super) fn called_out(
        &mut self,
        worker: usize,
        callout: CalloutId,
    ) -> Result<(), CrewError> {
        let hangs = self
            .seat(worker)?
            .call(move |simulator| simulator.hangs_callout(callout))?;
        let Some(count) = self.called_out.get_mut(worker).filter(|_| !hangs) else {
            return Ok(());
        };
        *count = count.saturating_add(1);
        self.callouts.insert((worker, *count), callout);
        Ok(())
    }

    pub(super) fn flight(&mut self, worker: usize, call: CallId) -> Option<&mut Flight> {
        self.flights
            .iter_mut()
            .find(|flight| flight.worker == worker && flight.call == Some(call))
    }
}

pub(super) fn settled(
    happenings: Result<Vec<Happening>, SimulationError>,
) -> Result<Outcome, SimulationError> {
    Ok(Outcome {
        begun: None,
        happenings: happenings?,
    })
}
