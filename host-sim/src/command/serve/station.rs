//! One thread of the proxy, as Envoy's workers are: its simulation, its connections and its clock, none of which ever leaves it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::Context as _;
use h2::Reason;
use host_sim::target::{BrokenOff, Departure, HttpVersion, Request, Upstream, UpstreamBehaviour};
use host_sim::{CallId, CalloutId, Piece, Simulator};
use jiff::Timestamp;
use tokio::sync::{Notify, oneshot};

use super::fleet::Wakers;
use super::outlet::{Level, Outlet, OutletBody};
use super::outside::{Forwarding, Outside};

mod settling;

/// By which a call is known on its thread: the generation of the filter that serves it, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CallKey {
    generation: u64,
    id: CallId,
}

/// The head of an answer, and its body.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: OutletBody,
}

/// A thread's share of the proxy.
pub(super) struct Station {
    /// Simulations by number; only the last one takes new calls.
    generations: RefCell<BTreeMap<u64, Generation>>,
    outside: Outside,
    /// Other threads, whose filters may have to be told of shared queues.
    others: Wakers,
    trace: bool,
    /// Why streams of HTTP/2 are reset that break off.
    pub(super) resets_with: Reason,
    /// When something happens by itself.
    due: Cell<Option<Timestamp>>,
    /// That has changed.
    replanned: Notify,
    /// A filter has started.
    starts: Notify,
    /// Something has happened.
    moved: Notify,
    /// Why the proxy cannot go on.
    broken: RefCell<Option<anyhow::Error>>,
    breaks: Notify,
}

/// The simulation of one module. It lives until its last call has ended.
struct Generation {
    simulator: Simulator,
    calls: BTreeMap<CallId, Ends>,
}

/// The two ends of a call.
#[derive(Debug)]
struct Ends {
    http: HttpVersion,
    /// Who waits for the head of the answer.
    waiting: Option<oneshot::Sender<Answer>>,
    to_client: Option<Outlet>,
    to_upstream: Option<Outlet>,
    forwarding: Option<Forwarding>,
}

impl Station {
    pub(super) fn new(outside: Outside, others: Wakers, trace: bool, resets_with: Reason) -> Self {
        Self {
            generations: RefCell::default(),
            outside,
            others,
            trace,
            resets_with,
            due: Cell::default(),
            replanned: Notify::new(),
            starts: Notify::new(),
            moved: Notify::new(),
            broken: RefCell::default(),
            breaks: Notify::new(),
        }
    }

    /// Waits until a filter runs.
    pub(super) async fn runs(&self) {
        loop {
            let starts = self.starts.notified();
            if !self.generations.borrow().is_empty() {
                return;
            }
            starts.await;
        }
    }

    /// From now on this simulation takes new calls.
    pub(super) fn take_over(self: &Rc<Self>, number: u64, simulator: Simulator) {
        let calls = BTreeMap::new();
        let generation = Generation { simulator, calls };
        self.generations.borrow_mut().insert(number, generation);
        self.starts.notify_waiters();
        self.settle();
    }

    /// Gives the newest simulation a new configuration.
    pub(super) fn configure(
        self: &Rc<Self>,
        configuration: &[u8],
    ) -> Result<(), host_sim::StartError> {
        let mut generations = self.generations.borrow_mut();
        let newest = generations.last_entry();
        let outcome = newest.map_or(Ok(()), |mut newest| {
            newest.get_mut().simulator.configure(configuration)
        });
        drop(generations);
        self.settle();
        outcome
    }

    /// A client calls; all that it says, if that is so, or the head. Says how the answer is had.
    pub(super) fn begin(
        self: &Rc<Self>,
        request: &Request,
        ended: bool,
    ) -> anyhow::Result<(CallKey, oneshot::Receiver<Answer>)> {
        let (waiting, answer) = oneshot::channel();
        let mut generations = self.generations.borrow_mut();
        let mut newest = generations.last_entry().context("no filter runs")?;
        let generation = *newest.key();
        let newest = newest.get_mut();
        newest.simulator.advance_to(Timestamp::now());
        let id = newest.simulator.begin_streaming(request, ended)?;
        newest.calls.insert(
            id,
            Ends {
                http: request.http,
                waiting: Some(waiting),
                to_client: None,
                to_upstream: None,
                forwarding: None,
            },
        );
        drop(generations);
        let call = CallKey { generation, id };
        self.settle_call(call);
        Ok((call, answer))
    }

    /// Whether a client goes on in another protocol.
    pub(super) fn is_upgraded(&self, call: CallKey) -> bool {
        let mut generations = self.generations.borrow_mut();
        let generation = generations.get_mut(&call.generation);
        generation.is_some_and(|generation| generation.simulator.is_upgraded(call.id))
    }

    /// More of a request has come.
    pub(super) fn receive(self: &Rc<Self>, call: CallKey, piece: Piece) {
        self.on(call, |simulator, ends| {
            simulator.receive(call.id, piece, ends.http);
        });
    }

    /// The client has gone away.
    pub(super) fn leave(self: &Rc<Self>, call: CallKey, departure: Departure) {
        self.on(call, |simulator, _| simulator.leave(call.id, departure));
    }

    /// The upstream's answer has begun.
    pub(super) fn respond(
        self: &Rc<Self>,
        call: CallKey,
        status: u16,
        headers: &[(String, String)],
        ended: bool,
    ) {
        self.on(call, |simulator, _| {
            simulator.respond(call.id, status, headers, ended);
        });
    }

    /// More of it has come.
    pub(super) fn receive_answer(self: &Rc<Self>, call: CallKey, piece: Piece) {
        self.on(call, |simulator, ends| {
            let http = self.outside.spoken_with(ends.http);
            simulator.receive_answer(call.id, piece, http);
        });
    }

    /// The upstream has done this in place of an answer.
    pub(super) fn fail(self: &Rc<Self>, call: CallKey, behaviour: UpstreamBehaviour) {
        self.on(call, |simulator, _| simulator.answer(call.id, behaviour));
    }

    /// The upstream has broken off.
    pub(super) fn break_off(self: &Rc<Self>, call: CallKey, how: BrokenOff) {
        self.on(call, |simulator, _| simulator.break_off(call.id, how));
    }

    /// A service has answered, or cannot be reached.
    pub(super) fn answer_callout(
        self: &Rc<Self>,
        generation: u64,
        callout: CalloutId,
        answer: Option<&Upstream>,
    ) {
        if let Some(generation) = self.generations.borrow_mut().get_mut(&generation) {
            let simulator = &mut generation.simulator;
            simulator.advance_to(Timestamp::now());
            simulator.answer_callout(callout, answer);
        }
        self.settle();
    }

    fn on(self: &Rc<Self>, call: CallKey, act: impl FnOnce(&mut Simulator, &Ends)) {
        let mut generations = self.generations.borrow_mut();
        let Some(Generation { simulator, calls }) = generations.get_mut(&call.generation) else {
            return;
        };
        // One that has ended is not there any more.
        let Some(ends) = calls.get(&call.id) else {
            return;
        };
        act(simulator, ends);
        drop(generations);
        self.settle_call(call);
    }

    /// Waits until more of a call's request may come: the upstream takes it, and the filter does not hold too much.
    pub(super) async fn wants_more(&self, call: CallKey) {
        self.level(call, |ends| ends.to_upstream.as_ref()).await;
    }

    /// The same for more of its answer.
    pub(super) async fn wants_more_answer(&self, call: CallKey) {
        self.level(call, |ends| ends.to_client.as_ref()).await;
    }

    async fn level(&self, call: CallKey, of: fn(&Ends) -> Option<&Outlet>) {
        /// Envoy's default `per_connection_buffer_limit_bytes`.
        const HELD: usize = 1024 * 1024;
        loop {
            let moved = self.moved.notified();
            let mut level: Option<Arc<Level>> = None;
            let mut held = 0;
            if let Some(generation) = self.generations.borrow_mut().get_mut(&call.generation) {
                let ends = generation.calls.get(&call.id);
                level = ends.and_then(of).map(Outlet::level);
                held = generation.simulator.backlog(call.id);
            }
            if held > HELD {
                moved.await;
                continue;
            }
            if let Some(level) = level {
                level.low().await;
            }
            return;
        }
    }

    /// Lets time pass, for ever: timers fire when they are due.
    pub(super) async fn tick(self: Rc<Self>) {
        loop {
            let replanned = self.replanned.notified();
            let until = self.due.get().map(|due| {
                let until = due.duration_since(Timestamp::now());
                // A little later is enough, earlier is not.
                let until = std::time::Duration::try_from(until).unwrap_or_default();
                until.saturating_add(std::time::Duration::from_micros(100))
            });
            match until {
                None => replanned.await,
                Some(until) => {
                    tokio::select! {
                        () = tokio::time::sleep(until) => self.settle(),
                        () = replanned => {}
                    }
                }
            }
        }
    }

    /// Waits until the simulation cannot go on, and says why.
    pub(super) async fn breaks(&self) -> anyhow::Error {
        loop {
            self.breaks.notified().await;
            if let Some(error) = self.broken.borrow_mut().take() {
                return error;
            }
        }
    }

    /// Ends the filters, as Envoy does when it stops.
    pub(super) fn shut_down(self: &Rc<Self>) {
        for generation in self.generations.borrow_mut().values_mut() {
            generation.simulator.shut_down();
        }
        self.settle();
    }
}
