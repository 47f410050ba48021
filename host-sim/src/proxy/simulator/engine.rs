//! What drives calls, whoever asks for it: scenarios, `serve`, `replay` and `explore`, each by methods of its own beside this.
//!
//! A call is [submitted](Simulator::submit) and goes on with each [step](Simulator::step) as far as it goes. What that has set off
//! elsewhere is [told](Simulator::wake). The clock stands still until somebody [moves](Simulator::pass_to) it.

use std::rc::Rc;

use jiff::Timestamp;

use super::Simulator;
use super::error::SimulationError;
use crate::guest::vm::VmFailure;
use crate::http::stream::Arrival;
use crate::model::Request;
use crate::model::clock::Instant;
use crate::proxy::chain::{Chain, Progress};

/// A stream: its worker, and its number there.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamId {
    pub(super) worker: usize,
    id: u32,
}

/// How the bodies of a call come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// All at once.
    Whole,
    /// Piece by piece, from a client and an upstream that are real. The request's has `ended` or comes after its head.
    InPieces { ended: bool },
}

pub(super) fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    [a, b].into_iter().flatten().min()
}

impl Simulator {
    /// Opens a stream and shows its request headers. Workers take turns unless the request names one.
    pub(super) fn submit(
        &mut self,
        request: &Request,
        body: Body,
    ) -> Result<StreamId, SimulationError> {
        let workers = self.workers.len();
        let worker = match request.worker {
            Some(worker) => usize::try_from(worker).unwrap_or(usize::MAX),
            None => {
                let turn = self.next_worker;
                self.next_worker = turn.saturating_add(1).checked_rem(workers).unwrap_or(0);
                turn
            }
        };
        let chain = self
            .workers
            .get_mut(worker)
            .ok_or(SimulationError::NoSuchWorker {
                worker: request.worker.unwrap_or(0),
                workers,
            })?;
        let connection = self.connections;
        self.connections = connection.saturating_add(1);
        let now = self.host.clock.get();
        let arrival = Arrival {
            connection,
            now,
            date: self.host.dates.of(now),
            streams: body == Body::InPieces { ended: false },
            outside: body != Body::Whole,
            proxy: Rc::clone(&self.proxy),
        };
        let id = chain.open(request, arrival);
        Ok(StreamId { worker, id })
    }

    /// Does something with a stream in its chain of filters.
    pub(super) fn on<T>(
        &mut self,
        stream: StreamId,
        act: impl FnOnce(&mut Chain, u32) -> T,
    ) -> Option<T> {
        let chain = self.workers.get_mut(stream.worker)?;
        Some(act(chain, stream.id))
    }

    /// Goes on with a stream as far as it goes.
    pub(super) fn step(&mut self, stream: StreamId) -> Progress {
        self.on(stream, Chain::pump).unwrap_or(Progress::Complete)
    }

    /// Everybody is told of what was put into shared queues, and then of the answers to callouts. Says whether there was any.
    pub(super) fn wake(&mut self) -> bool {
        self.tell_queues() | self.deliver_callouts()
    }

    /// Everybody is told of what was put into shared queues. Says whether there was any.
    pub(super) fn tell_queues(&mut self) -> bool {
        let mut any = false;
        for chain in self.main.iter_mut().chain(&mut self.workers) {
            any |= chain.deliver_queues();
        }
        if !any {
            self.host.forget_queues();
        }
        any
    }

    /// Answers to callouts arrive once no other callback can run. Says whether there was any.
    pub(super) fn deliver_callouts(&mut self) -> bool {
        let mut any = false;
        for chain in self.main.iter_mut().chain(&mut self.workers) {
            any |= chain.deliver_callouts();
        }
        any
    }

    /// Whether a VM has come to an end that no host answers for.
    pub(super) fn check_implemented(&self) -> Result<(), SimulationError> {
        let chains = self.main.iter().chain(&self.workers);
        for vm in chains.flat_map(|chain| chain.filters.vms()) {
            match vm.failure() {
                Some(failure @ VmFailure::Endless { .. }) => {
                    return Err(SimulationError::NeverReturns(failure.clone()));
                }
                Some(failure @ VmFailure::Crash { .. }) => {
                    return Err(SimulationError::Crashes(failure.clone()));
                }
                Some(VmFailure::Trapped { .. } | VmFailure::Forbidden { .. }) | None => {}
            }
        }
        Ok(())
    }

    /// When the next timer fires or the next callout times out.
    pub(super) fn next_tick(&self) -> Option<Instant> {
        let chains = self.main.iter().chain(&self.workers);
        chains.filter_map(Chain::next_due).min()
    }

    /// The clock moves to this instant, and the timers that are due fire.
    pub(super) fn pass_to(&mut self, due: Instant) {
        self.host.clock.set(due.max(self.host.clock.get()));
        for chain in self.main.iter_mut().chain(&mut self.workers) {
            chain.tick(due);
        }
    }

    /// Moves the clock to this instant, never back. Timers that are due by then fire, each at its own instant.
    pub fn advance_to(&mut self, now: Timestamp) {
        let now = Instant::from_timestamp(now);
        while let Some(due) = self.next_tick().filter(|due| *due <= now) {
            self.pass_to(due);
        }
        self.host.clock.set(now.max(self.host.clock.get()));
    }

    /// Moves the clock to this instant, never back, and fires nothing. Says whether a timer is due by now.
    pub(crate) fn set_clock(&mut self, now: Timestamp) -> bool {
        let now = Instant::from_timestamp(now).max(self.host.clock.get());
        self.host.clock.set(now);
        self.next_tick().is_some_and(|due| due <= now)
    }

    /// Fires every timer of a plugin once, as it would fire before long, without the clock moving: a plugin may gather what it counts until
    /// its next tick.
    pub fn fire_timers(&mut self) {
        for chain in self.main.iter_mut().chain(&mut self.workers) {
            chain.fire_timers();
        }
    }
}
