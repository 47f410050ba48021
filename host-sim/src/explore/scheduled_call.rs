//! A call on its way through a worker, as the scheduler sees it.

use crate::model::{Departure, Exchange, Request};
use crate::proxy::simulator::CallId;
use crate::scenario::target::Holder;

/// A call.
#[derive(Debug)]
pub(super) struct ScheduledCall {
    pub(super) request: Request,
    pub(super) worker: usize,
    pub(super) call: Option<CallId>,
    pub(super) state: State,
    /// The upstream holds its answer, or the client stays, until a later step of the scenario says otherwise.
    pub(super) held: bool,
    /// How the client leaves, should it.
    pub(super) departure: Departure,
}

/// How far it is.
#[derive(Debug)]
pub(super) enum State {
    /// It has not begun.
    New,
    /// The filter has it.
    InFilter,
    /// The upstream has it and can answer.
    AtUpstream,
    /// The upstream has done what it does.
    Answered,
    /// The client has its answer.
    Ended(Box<Exchange>),
}

impl ScheduledCall {
    pub(super) fn new(request: Request, worker: usize) -> Self {
        Self {
            request,
            worker,
            call: None,
            state: State::New,
            held: false,
            departure: Departure::Usual,
        }
    }

    /// Whether the client has its answer.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended(_))
    }

    /// Whether it counts among those that the upstream has at once.
    pub(super) fn is_at_upstream(&self) -> bool {
        matches!(self.state, State::AtUpstream)
    }

    /// Whether it is where a scenario wants it to be; one that was answered without the upstream counts as held by that.
    pub(super) fn is_held_by(&self, holder: Holder) -> bool {
        match holder {
            Holder::Filter => matches!(self.state, State::InFilter),
            Holder::Upstream => matches!(self.state, State::AtUpstream | State::Ended(_)),
        }
    }

    /// What was seen of it, if it has ended.
    pub(super) fn exchange(&self) -> Option<Exchange> {
        match &self.state {
            State::Ended(exchange) => Some(Exchange::clone(exchange)),
            _ => None,
        }
    }

    /// What was seen of it, if it has ended.
    pub(super) fn into_exchange(self) -> Option<Exchange> {
        match self.state {
            State::Ended(exchange) => Some(*exchange),
            State::New | State::InFilter | State::AtUpstream | State::Answered => None,
        }
    }

    /// The shapes in which its request can arrive: a body in one piece or in two, and its end with the last piece (as HTTP/2 says it) or
    /// after it (as HTTP/1 does).
    pub(super) fn shapes(&self) -> Vec<Request> {
        let body = match self.request.body.as_slice() {
            [] => return vec![self.request.clone()],
            body => body,
        };
        let mut bodies = vec![body.to_vec()];
        if let [whole] = body
            && whole.len() > 1
        {
            let (head, tail) = whole.split_at(whole.len() / 2);
            bodies.push(vec![head.to_vec(), tail.to_vec()]);
        }
        let mut shapes = Vec::new();
        for http in [self.request.http, self.request.http.other()] {
            shapes.extend(bodies.iter().map(|body| Request {
                body: body.clone(),
                http,
                ..self.request.clone()
            }));
        }
        shapes
    }
}
