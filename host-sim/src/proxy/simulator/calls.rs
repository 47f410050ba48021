//! Calls of scenarios, which are seen to their ends. Time passes only when nothing else can happen.

use std::time::Duration;

use super::Simulator;
use super::engine::{Body, StreamId, earliest};
use super::error::SimulationError;
use crate::model::clock::Instant;
use crate::model::{Departure, Exchange, Request};
use crate::proxy::chain::{Chain, Progress};

/// How long a held request waits for a timer before it counts as hanging (Envoy's default `stream_idle_timeout`).
const IDLE_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// A call.
#[derive(Debug)]
pub(super) struct ScenarioCall {
    stream: StreamId,
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

impl ScenarioCall {
    pub(super) fn new(stream: StreamId, request: &Request) -> Self {
        Self {
            stream,
            request: request.clone(),
            exchange: None,
        }
    }

    pub(super) fn into_exchange(self) -> Option<Exchange> {
        self.exchange
    }
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
            let stream = self.submit(request, Body::Whole)?;
            self.on(stream, Chain::hold);
            calls.push(ScenarioCall::new(stream, request));
        }
        self.drive(&mut calls, goal)?;
        let held = calls.iter().all(|call| {
            call.exchange.is_none() && matches!(self.step(call.stream), Progress::Held { .. })
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
            self.on(call.stream, |chain, id| {
                chain.release(id);
                if call.request.unfinished {
                    chain.complete(id, &call.request.trailers);
                }
            });
        }
        self.drive(&mut calls, Goal::Ended)?;
        Ok(calls
            .into_iter()
            .filter_map(ScenarioCall::into_exchange)
            .collect())
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
            self.on(call.stream, |chain, id| chain.depart(id, departure));
        }
        self.drive(&mut calls, Goal::Ended)?;
        Ok(calls
            .into_iter()
            .filter_map(ScenarioCall::into_exchange)
            .collect())
    }

    fn take_open(&mut self, call: &str) -> Result<Vec<ScenarioCall>, SimulationError> {
        self.open
            .remove(call)
            .ok_or_else(|| SimulationError::NotOpen {
                call: call.to_owned(),
            })
    }

    /// Sees these calls as far as that, or to where the upstream holds them. Time passes only when nothing else can happen.
    pub(super) fn drive(
        &mut self,
        calls: &mut [ScenarioCall],
        goal: Goal,
    ) -> Result<(), SimulationError> {
        let latest = self.host.clock.get().after(IDLE_TIMEOUT);
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
            let due = earliest(self.next_tick(), round.until).filter(|due| *due <= latest);
            match (due, round.stuck) {
                (Some(due), _) => self.pass_to(due),
                (None, Some(stuck)) => return Err(stuck.because_of(self.take_hidden_body())),
                (None, None) => return Ok(()),
            }
        }
    }

    /// Goes on with each of these calls as far as it goes.
    fn round(&mut self, calls: &mut [ScenarioCall]) -> Round {
        let mut round = Round::default();
        for call in calls.iter_mut().filter(|call| call.exchange.is_none()) {
            let progress = self.step(call.stream);
            let deadline = self.on(call.stream, |chain, id| chain.deadline(id));
            round.until = earliest(round.until, earliest(deadline.flatten(), progress.until()));
            round.moved |= progress.moved();
            match progress {
                Progress::Complete => call.exchange = self.on(call.stream, Chain::close),
                Progress::Held { side, part, .. } => {
                    let hidden = self.on(call.stream, Chain::take_hidden_body).flatten();
                    self.hidden_body = hidden.or(self.hidden_body.take());
                    round.stuck = Some(SimulationError::hang(&call.request, side, part));
                }
                Progress::Open { .. } | Progress::Posted | Progress::Waits { .. } => {}
            }
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
}
