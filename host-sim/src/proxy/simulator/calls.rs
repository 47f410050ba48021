//! Calls on their way: what drives them to their ends, and time, which passes only when nothing else can happen.

use std::time::Duration;

use super::Simulator;
use super::error::SimulationError;
use crate::model::clock::Instant;
use crate::model::{Departure, Exchange, Request};
use crate::proxy::chain::Chain;
use crate::proxy::worker::Progress;

/// How long a held request waits for a timer before it counts as hanging (Envoy's default `stream_idle_timeout`).
const IDLE_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// A call.
#[derive(Debug)]
pub(super) struct Call {
    worker: usize,
    id: u32,
    request: Request,
    /// What was seen of it, once it has ended.
    exchange: Option<Exchange>,
}

/// How far calls are driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// Until they have ended.
    Ended,
    /// Until it is the upstream's turn.
    Upstream,
    /// Until nothing can happen any more but by time.
    Still,
}

/// What a round of driving calls came to.
#[derive(Default)]
struct Round {
    /// Whether anything happened.
    moved: bool,
    /// One of the calls is held by the plugin; this is the error if it stays so.
    stuck: Option<SimulationError>,
    /// When the first of the routers gives up waiting.
    until: Option<Instant>,
}

impl Round {
    fn merge(&mut self, other: &Self) {
        self.moved |= other.moved;
        self.until = earliest(self.until, other.until);
    }
}

impl Call {
    pub(super) fn new(worker: usize, id: u32, request: &Request) -> Self {
        Self {
            worker,
            id,
            request: request.clone(),
            exchange: None,
        }
    }

    pub(super) fn into_exchange(self) -> Option<Exchange> {
        self.exchange
    }
}

fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    [a, b].into_iter().flatten().min()
}

impl Simulator {
    /// Sends a request `count` times, under a name that later calls of this simulation use, and sees each of them to where the
    /// upstream has all of it and holds its answer, or to its end if it is answered without the upstream.
    ///
    /// # Errors
    ///
    /// As [`parallel`](Self::parallel).
    pub fn open(
        &mut self,
        call: &str,
        request: &Request,
        count: u32,
    ) -> Result<(), SimulationError> {
        self.open_until(call, request, count, Goal::Upstream)?;
        Ok(())
    }

    /// The same for requests that the plugin itself holds; no time passes until it does.
    ///
    /// # Errors
    ///
    /// When it does not hold all of them, and as [`open`](Self::open).
    pub fn open_held(
        &mut self,
        call: &str,
        request: &Request,
        count: u32,
    ) -> Result<(), SimulationError> {
        if self.open_until(call, request, count, Goal::Still)? {
            Ok(())
        } else {
            let call = call.to_owned();
            Err(SimulationError::NotHeld { call })
        }
    }

    /// Says whether the plugin holds all of them.
    fn open_until(
        &mut self,
        call: &str,
        request: &Request,
        count: u32,
        goal: Goal,
    ) -> Result<bool, SimulationError> {
        let mut calls = Vec::new();
        for _ in 0..count {
            let call = self.call(request)?;
            self.on_worker(&call, Chain::hold);
            calls.push(call);
        }
        self.drive(&mut calls, goal)?;
        let workers = &mut self.workers;
        let held = calls.iter().all(|call| {
            let worker = workers.get_mut(call.worker);
            call.exchange.is_none()
                && worker
                    .is_some_and(|worker| matches!(worker.pump(call.id), Progress::Held { .. }))
        });
        self.open.entry(call.to_owned()).or_default().extend(calls);
        Ok(held)
    }

    /// The upstream goes on with the open calls of this name, and they are seen to their ends.
    ///
    /// # Errors
    ///
    /// When none is open, and as [`parallel`](Self::parallel).
    pub fn finish(&mut self, call: &str) -> Result<Vec<Exchange>, SimulationError> {
        let mut calls = self.take_open(call)?;
        for call in &calls {
            self.on_worker(call, |worker, id| {
                worker.release(id);
                if call.request.unfinished {
                    worker.complete(id, &call.request.trailers);
                }
            });
        }
        self.drive(&mut calls, Goal::Ended)?;
        Ok(calls.into_iter().filter_map(Call::into_exchange).collect())
    }

    /// The clients of the open calls of this name leave. Says what was seen until then.
    ///
    /// # Errors
    ///
    /// When none is open, and as [`parallel`](Self::parallel).
    pub fn disconnect(
        &mut self,
        call: &str,
        departure: Departure,
    ) -> Result<Vec<Exchange>, SimulationError> {
        let mut calls = self.take_open(call)?;
        for call in calls.iter().filter(|call| call.exchange.is_none()) {
            self.on_worker(call, |worker, id| worker.depart(id, departure));
        }
        self.drive(&mut calls, Goal::Ended)?;
        Ok(calls.into_iter().filter_map(Call::into_exchange).collect())
    }

    fn take_open(&mut self, call: &str) -> Result<Vec<Call>, SimulationError> {
        self.open
            .remove(call)
            .ok_or_else(|| SimulationError::NotOpen {
                call: call.to_owned(),
            })
    }

    fn on_worker(&mut self, call: &Call, act: impl FnOnce(&mut Chain, u32)) {
        if let Some(worker) = self.workers.get_mut(call.worker) {
            act(worker, call.id);
        }
    }

    /// Sees these calls as far as that, or to where the upstream holds them. Time passes only when nothing else can happen.
    pub(super) fn drive(&mut self, calls: &mut [Call], goal: Goal) -> Result<(), SimulationError> {
        let patience = self.host.clock.get().after(IDLE_TIMEOUT);
        loop {
            let mut round = self.round(calls);
            let waits = goal == Goal::Ended && round.until.is_some();
            let done = goal == Goal::Still || round.stuck.is_none() && !waits;
            round.merge(&self.round_of_open());
            round.moved |= self.tell_queues();
            self.check_implemented()?;
            if done && !round.moved && !self.deliver_callouts() {
                return Ok(());
            }
            // One that moved may have resumed one before it; otherwise only time can.
            if done || round.moved || self.deliver_callouts() {
                continue;
            }
            let due = earliest(self.next_tick(), round.until).filter(|due| *due <= patience);
            match (due, round.stuck) {
                (Some(due), _) => self.pass_to(due),
                (None, Some(stuck)) => return Err(stuck.because_of(self.take_hidden_body())),
                (None, None) => return Ok(()),
            }
        }
    }

    /// Goes on with each of these calls as far as it goes.
    fn round(&mut self, calls: &mut [Call]) -> Round {
        let mut round = Round::default();
        for call in calls {
            let Some(worker) = self
                .workers
                .get_mut(call.worker)
                .filter(|_| call.exchange.is_none())
            else {
                continue;
            };
            let progress = worker.pump(call.id);
            round.until = earliest(round.until, worker.deadline(call.id));
            round.moved |= match progress {
                Progress::Complete => {
                    call.exchange = Some(worker.close(call.id));
                    true
                }
                Progress::Held { side, part, moved } => {
                    let hidden = worker.take_hidden_body(call.id);
                    self.hidden_body = hidden.or(self.hidden_body.take());
                    round.stuck = Some(SimulationError::hang(&call.request, side, part));
                    moved
                }
                Progress::Open { moved } => moved,
                Progress::Posted => true,
                Progress::Waits { until, moved } => {
                    round.until = earliest(round.until, Some(until));
                    moved
                }
            };
        }
        round
    }

    /// Open calls go on too, should something have resumed them.
    fn round_of_open(&mut self) -> Round {
        let mut all = Round::default();
        let mut open = std::mem::take(&mut self.open);
        for calls in open.values_mut() {
            all.merge(&self.round(calls));
        }
        self.open = open;
        all
    }

    /// Lets time pass: the clock moves from timer to timer, and each fires at its instant.
    ///
    /// # Errors
    ///
    /// When a timer's callback needs what host-sim cannot do.
    pub fn advance(&mut self, by: Duration) -> Result<(), SimulationError> {
        let end = self.host.clock.get().after(by);
        loop {
            let round = self.round_of_open();
            self.check_implemented()?;
            if round.moved || self.tell_queues() || self.deliver_callouts() {
                continue;
            }
            let due = earliest(self.next_tick(), round.until);
            let Some(due) = due.filter(|due| *due <= end) else {
                break;
            };
            self.pass_to(due);
        }
        self.host.clock.set(end);
        Ok(())
    }

    /// Fires every timer of a plugin once, as it would fire before long, without the clock moving: a plugin may gather what it counts until
    /// its next tick.
    pub fn fire_timers(&mut self) {
        for worker in self.main.iter_mut().chain(&mut self.workers) {
            worker.fire_timers();
        }
    }

    /// Everybody is told of what was put into shared queues. Says whether there was any.
    pub(super) fn tell_queues(&mut self) -> bool {
        let mut any = false;
        for worker in self.main.iter_mut().chain(&mut self.workers) {
            any |= worker.deliver_queues();
        }
        if !any {
            self.host.forget_queues();
        }
        any
    }

    /// Answers to callouts arrive once no other callback can run. Says whether there was any.
    pub(super) fn deliver_callouts(&mut self) -> bool {
        let mut any = false;
        for worker in self.main.iter_mut().chain(&mut self.workers) {
            any |= worker.deliver_callouts();
        }
        any
    }

    /// When the next timer fires or the next callout times out.
    pub(super) fn next_tick(&self) -> Option<Instant> {
        let chains = self.main.iter().chain(&self.workers);
        chains.filter_map(Chain::next_due).min()
    }

    /// The clock moves to this instant, and the timers that are due fire.
    pub(super) fn pass_to(&mut self, due: Instant) {
        self.host.clock.set(due.max(self.host.clock.get()));
        for worker in self.main.iter_mut().chain(&mut self.workers) {
            worker.tick(due);
        }
    }
}
