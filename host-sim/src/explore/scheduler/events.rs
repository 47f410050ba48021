//! What workers can do next, what they do then, and what comes of it.

use super::super::actor::Actor;
use super::super::chooser::Candidate;
use super::super::scheduled_call::{ScheduledCall, State};
use super::super::worker_thread::{Outcome, Work};
use super::{Scheduler, SchedulerError};
use crate::proxy::simulator::{CallId, CalloutId, Event, SimulationError};

impl Scheduler {
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
                if self.turns.allow(worker, next, &self.calls) {
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
        for (index, scheduled) in self.calls.iter().enumerate() {
            if scheduled.worker != worker || scheduled.has_ended() {
                continue;
            }
            let number = index.saturating_add(1);
            let answers = matches!(scheduled.state, State::AtUpstream) && !scheduled.held;
            if matches!(scheduled.state, State::New) || answers {
                events.push(Actor::Call(number));
            }
            let begun = !matches!(scheduled.state, State::New);
            if begun && scheduled.request.may_leave {
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
        let queues = self.process.queues.borrow();
        if vms.iter().any(|vm| queues.is_ready_for(*vm)) {
            events.push(Actor::Queue(worker));
        }
        events
    }

    /// What the worker does in an event.
    pub(super) fn work_of(&mut self, actor: Actor) -> Work {
        match actor {
            Actor::Call(number) => {
                let scheduled = number
                    .checked_sub(1)
                    .and_then(|index| self.calls.get_mut(index));
                let Some(scheduled) = scheduled else {
                    return Box::new(|_| Ok(Outcome::default()));
                };
                let request = scheduled.request.clone();
                match scheduled.call {
                    None => Box::new(move |simulator| {
                        let begun = simulator.begin(&request)?;
                        Ok(Outcome {
                            begun: Some(begun),
                            events: simulator.settle()?,
                        })
                    }),
                    Some(call) => {
                        scheduled.state = State::Answered;
                        Box::new(move |simulator| {
                            simulator.answer(call, request.upstream);
                            settled(simulator.settle())
                        })
                    }
                }
            }
            Actor::Leave(number) => {
                let scheduled = number
                    .checked_sub(1)
                    .and_then(|index| self.calls.get(index));
                let leaving =
                    scheduled.and_then(|scheduled| Some((scheduled.call?, scheduled.departure)));
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
    ) -> Result<(), SchedulerError> {
        if let (Some(begun), Actor::Call(number)) = (outcome.begun, actor)
            && let Some(scheduled) = number
                .checked_sub(1)
                .and_then(|index| self.calls.get_mut(index))
        {
            scheduled.call = Some(begun);
            scheduled.state = State::InFilter;
        }
        for event in outcome.events {
            match event {
                Event::Forward { call, .. } => {
                    if let Some(scheduled) = self.scheduled(worker, call) {
                        scheduled.state = State::AtUpstream;
                    }
                }
                Event::Ended { call, exchange } => {
                    if let Some(scheduled) = self.scheduled(worker, call) {
                        scheduled.state = State::Ended(Box::new(exchange));
                    }
                }
                Event::Callout { callout, .. } => self.called_out(worker, callout)?,
                // Calls that are explored come and go whole.
                Event::ForwardMore { .. }
                | Event::Answer { .. }
                | Event::BodyHidden(_)
                | Event::AnswerMore { .. } => {}
            }
        }
        Ok(())
    }

    /// A service answers a callout as an event of its own, unless it hangs, which only the clock ends.
    pub(super) fn called_out(
        &mut self,
        worker: usize,
        callout: CalloutId,
    ) -> Result<(), SchedulerError> {
        let hangs = self
            .thread(worker)?
            .call(move |simulator| simulator.hangs_callout(callout))?;
        let Some(count) = self.called_out.get_mut(worker).filter(|_| !hangs) else {
            return Ok(());
        };
        *count = count.saturating_add(1);
        self.callouts.insert((worker, *count), callout);
        Ok(())
    }

    pub(super) fn scheduled(&mut self, worker: usize, call: CallId) -> Option<&mut ScheduledCall> {
        self.calls
            .iter_mut()
            .find(|scheduled| scheduled.worker == worker && scheduled.call == Some(call))
    }
}

pub(super) fn settled(
    events: Result<Vec<Event>, SimulationError>,
) -> Result<Outcome, SimulationError> {
    Ok(Outcome {
        begun: None,
        events: events?,
    })
}
