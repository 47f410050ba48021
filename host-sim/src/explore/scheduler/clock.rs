//! Time, which passes on all workers together, and only when somebody says so or nothing else can happen.

use std::time::Duration;

use jiff::Timestamp;

use super::super::actor::Actor;
use super::super::worker_thread::{Gone, Message, Work};
use super::events::settled;
use super::{Scheduler, SchedulerError};
use crate::proxy::simulator::Simulator;

impl Scheduler {
    /// Moves the clock to where the next timers are due, without firing them.
    pub(super) fn make_ticks_due(&mut self) -> Result<(), SchedulerError> {
        let Some(due) = self.next_due()? else {
            return Ok(());
        };
        for (thread, tick) in self.threads.iter().zip(&mut self.ticks) {
            *tick = thread.call(move |simulator| simulator.set_clock(due))?;
        }
        Ok(())
    }

    /// When something happens by itself on any worker.
    pub(super) fn next_due(&self) -> Result<Option<Timestamp>, Gone> {
        let mut next: Option<Timestamp> = None;
        for thread in &self.threads {
            let due = thread.call(|simulator| simulator.next_due())?;
            next = next.into_iter().chain(due).min();
        }
        Ok(next)
    }

    /// Moves every worker's clock, and what is due by then happens.
    pub(super) fn pass_to(&mut self, due: Timestamp) -> Result<(), SchedulerError> {
        self.each_in_turn(move |simulator| simulator.advance_to(due))
    }

    /// Fires every worker's timers once, without the clock moving.
    pub(in super::super) fn fire_timers(&mut self) -> Result<(), SchedulerError> {
        self.each_in_turn(Simulator::fire_timers)
    }

    /// Has something happen to one worker after the other, and what follows from it.
    fn each_in_turn(
        &mut self,
        happens: impl Fn(&mut Simulator) + Clone + Send + 'static,
    ) -> Result<(), SchedulerError> {
        for worker in 0..self.threads.len() {
            let happens = happens.clone();
            let work: Work = Box::new(move |simulator| {
                happens(simulator);
                settled(simulator.settle())
            });
            let thread = self.thread(worker)?;
            thread.begin(work, false)?;
            if let Message::Done { outcome, .. } = thread.next()? {
                self.note(worker, Actor::Tick(worker), outcome?)?;
            }
        }
        Ok(())
    }

    /// Lets time pass.
    pub(in super::super) fn advance(&mut self, by: Duration) -> Result<(), SchedulerError> {
        self.fresh = false;
        let Some(thread) = self.threads.first() else {
            return Ok(());
        };
        let now = thread.call(|simulator| simulator.now())?;
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
