//! Time, which passes on all workers together, and only when somebody says so or nothing else can happen.

use std::time::Duration;

use jiff::Timestamp;

use super::super::actor::Actor;
use super::super::seat::{Event, Gone, Message};
use super::events::settled;
use super::{Crew, CrewError};
use crate::proxy::simulator::Simulator;

impl Crew {
    /// Moves the clock to where the next timers are due, without firing them.
    pub(super) fn make_ticks_due(&mut self) -> Result<(), CrewError> {
        let Some(due) = self.next_due()? else {
            return Ok(());
        };
        for (seat, tick) in self.seats.iter().zip(&mut self.ticks) {
            *tick = seat.call(move |simulator| simulator.set_clock(due))?;
        }
        Ok(())
    }

    /// When something happens by itself on any worker.
    pub(super) fn next_due(&self) -> Result<Option<Timestamp>, Gone> {
        let mut next: Option<Timestamp> = None;
        for seat in &self.seats {
            let due = seat.call(|simulator| simulator.next_due())?;
            next = next.into_iter().chain(due).min();
        }
        Ok(next)
    }

    /// Moves every worker's clock, and what is due by then happens.
    pub(super) fn pass_to(&mut self, due: Timestamp) -> Result<(), CrewError> {
        self.each_in_turn(move |simulator| simulator.advance_to(due))
    }

    /// Fires every worker's timers once, without the clock moving.
    pub(in super::super) fn fire_timers(&mut self) -> Result<(), CrewError> {
        self.each_in_turn(Simulator::fire_timers)
    }

    /// Has something happen to one worker after the other, and what follows from it.
    fn each_in_turn(
        &mut self,
        happens: impl Fn(&mut Simulator) + Clone + Send + 'static,
    ) -> Result<(), CrewError> {
        for worker in 0..self.seats.len() {
            let happens = happens.clone();
            let event: Event = Box::new(move |simulator| {
                happens(simulator);
                settled(simulator.settle())
            });
            let seat = self.seat(worker)?;
            seat.begin(event, false)?;
            if let Message::Done { outcome, .. } = seat.next()? {
                self.note(worker, Actor::Tick(worker), outcome?)?;
            }
        }
        Ok(())
    }

    /// Lets time pass.
    pub(in super::super) fn advance(&mut self, by: Duration) -> Result<(), CrewError> {
        self.fresh = false;
        let Some(seat) = self.seats.first() else {
            return Ok(());
        };
        let now = seat.call(|simulator| simulator.now())?;
        let end = now.saturating_add(by).unwrap_or(now);
        while let Some(due) = self.next_due()?.filter(|due| *due <= end) {
            self.pass_to(due)?;
            while self.step(false)? {}
        }
        self.pass_to(end)?;
        while self.step(false)? {}
        Ok(())
    }
}
