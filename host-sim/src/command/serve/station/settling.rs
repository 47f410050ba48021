//! What happens in the simulation is done outside of it: answers go to clients, requests to the upstream, callouts to services.

use std::collections::BTreeMap;
use std::rc::Rc;

use h2::Reason;
use host_sim::target::HttpVersion;
use host_sim::{CallId, Event, Explanation, Piece, SimulationError};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::{Answer, CallKey, Ends, Generation, Station};
use crate::command::output::say;
use crate::command::serve::outlet::{Outlet, outlet};

impl Station {
    /// Goes on with everything and acts on what has happened.
    pub(in crate::command::serve) fn settle(self: &Rc<Self>) {
        let mut generations = self.generations.borrow_mut();
        for (number, generation) in generations.iter_mut() {
            generation.simulator.advance_to(Timestamp::now());
            let happened = generation.simulator.settle();
            self.act(*number, generation, happened);
        }
        self.plan(&mut generations);
    }

    /// The same after something that concerns one call alone, unless a timer is due.
    pub(super) fn settle_call(self: &Rc<Self>, call: CallKey) {
        let now = Timestamp::now();
        if self.due.get().is_some_and(|due| due <= now) {
            return self.settle();
        }
        let mut generations = self.generations.borrow_mut();
        if let Some(generation) = generations.get_mut(&call.generation) {
            generation.simulator.advance_to(now);
            let happened = generation.simulator.settle_call(call.id);
            self.act(call.generation, generation, happened);
        }
        self.plan(&mut generations);
    }

    /// When to look again. Old simulations without calls go.
    fn plan(&self, generations: &mut BTreeMap<u64, Generation>) {
        let newest = generations.keys().next_back().copied();
        generations
            .retain(|number, generation| Some(*number) == newest || !generation.calls.is_empty());
        let due = generations.values();
        let due = due.filter_map(|generation| generation.simulator.next_due());
        let due = due.min();
        if self.due.replace(due) != due {
            self.replanned.notify_one();
        }
        self.moved.notify_waiters();
    }

    fn act(
        self: &Rc<Self>,
        number: u64,
        generation: &mut Generation,
        happened: Result<Vec<Event>, SimulationError>,
    ) {
        let Generation { simulator, calls } = generation;
        let trace = simulator.take_trace();
        let log = simulator.take_log();
        if self.trace {
            for line in trace.iter().filter(|line| !line.is_of_crash()) {
                say!("{line}");
            }
        }
        for line in &log {
            say!("{line}");
        }
        if let Some(explanation) = Explanation::of(&trace, &log) {
            eprint!("{explanation}");
        }
        if simulator.has_enqueued() {
            self.others.wake();
        }
        match happened {
            Ok(events) => {
                let mut answered = Vec::new();
                for event in events {
                    self.act_on(number, calls, event, &mut answered);
                }
                for (waiting, answer) in answered {
                    // One whose client has gone away is told so by it.
                    let _ = waiting.send(answer);
                }
            }
            Err(error) => {
                self.broken.borrow_mut().get_or_insert(error.into());
                self.breaks.notify_one();
            }
        }
    }

    fn act_on(
        self: &Rc<Self>,
        generation: u64,
        calls: &mut BTreeMap<CallId, Ends>,
        event: Event,
        answered: &mut Vec<(oneshot::Sender<Answer>, Answer)>,
    ) {
        match event {
            Event::Forward {
                call: id,
                request,
                ended,
            } => {
                let Some(ends) = calls.get_mut(&id) else {
                    return;
                };
                let (to_upstream, body) = outlet();
                to_upstream.data(request.body.clone());
                ends.to_upstream = (!ended).then_some(to_upstream);
                let call = CallKey { generation, id };
                let call = (call, ends.http);
                ends.forwarding = Some(self.outside.forward(self, call, request, body));
            }
            Event::ForwardMore { call, piece } => {
                let ends = calls.get_mut(&call);
                put(ends.map(|ends| &mut ends.to_upstream), piece);
            }
            Event::Answer {
                call,
                status,
                headers,
            } => {
                let Some(ends) = calls.get_mut(&call) else {
                    return;
                };
                let (to_client, body) = outlet();
                ends.to_client = Some(to_client);
                if let Some(waiting) = ends.waiting.take() {
                    let answer = Answer {
                        status,
                        headers,
                        body,
                    };
                    answered.push((waiting, answer));
                }
            }
            Event::AnswerMore { call, piece } => {
                let ends = calls.get_mut(&call);
                put(ends.map(|ends| &mut ends.to_client), piece);
            }
            Event::Ended { call, exchange } => {
                let Some(ends) = calls.remove(&call) else {
                    return;
                };
                // What a client of HTTP/2 takes for the end, as a reset without an error, the simulation takes for the end as well.
                let silent = ends.http == HttpVersion::Two && self.resets_with == Reason::NO_ERROR;
                if let Some(to_client) = ends.to_client
                    && (exchange.aborted || silent)
                {
                    to_client.break_off(self.resets_with);
                }
            }
            Event::Callout {
                callout,
                cluster,
                request,
                ..
            } => self
                .outside
                .call_out(self, generation, callout, &cluster, request),
            Event::BodyHidden(hidden) => eprintln!("{hidden}"),
            // The simulator may come to tell more.
            _ => {}
        }
    }
}

/// More of a body, or its end.
fn put(outlet: Option<&mut Option<Outlet>>, piece: Piece) {
    let Some(place) = outlet else {
        return;
    };
    let end = match (&place, piece) {
        (None, _) => true,
        (Some(outlet), Piece::Data { bytes, end }) => {
            outlet.data(bytes);
            end
        }
        (Some(outlet), Piece::Trailers(fields)) => {
            outlet.trailers(&fields);
            true
        }
    };
    if end {
        *place = None;
    }
}
