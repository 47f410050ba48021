//! The far side of a stream: what Envoy's router hands to the upstream, and what comes back from it, answer or failure.
//!
//! Bodies, details and flags of the router's own answers are as observed on Envoy 1.40 with an upstream that speaks HTTP/1.1; for
//! HTTP/2 they follow `Router::Filter::onUpstreamReset`.

mod upstream;

use std::time::Duration;

use super::{HttpStream, Next};
use crate::http::framing::{Breach, Framing};
use crate::http::header_map::HeaderMap;
use crate::http::local_response::LocalResponse;
use crate::http::message::Frame;
use crate::http::response_timeouts::ResponseTimeouts;
use crate::http::retry::Retries;
use crate::http::{Proxy, outgoing};
use crate::model::clock::Instant;
use crate::model::{BrokenOff, HttpVersion, UpstreamBehaviour, UpstreamRequest};

/// How long the router waits for an upstream that never answers: Envoy's default, as on every route but one.
const ROUTE_TIMEOUT: Duration = Duration::from_secs(15);

/// The same on the route of requests whose upstream is to time out.
const SHORT_ROUTE_TIMEOUT: Duration = Duration::from_millis(300);

/// How far Envoy has come with the upstream's host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Contact {
    /// It has not got in touch with it.
    #[default]
    None,
    /// The host refuses the connection.
    Refused,
    /// There is a connection.
    Connected,
}

/// What the router knows.
#[derive(Debug, Default)]
pub(super) struct Router {
    /// What the upstream does with this request.
    pub(super) behaviour: UpstreamBehaviour,
    /// Whether the upstream holds what it would do next.
    pub(super) held: bool,
    /// Whether the upstream is outside of the simulation.
    pub(super) outside: bool,
    /// The request as far as it has passed the filter.
    pub(super) request: Option<Forwarded>,
    /// How often it has asked an upstream for an answer.
    pub(super) attempts: u64,
    /// How far Envoy has come with the upstream's host.
    pub(super) contact: Contact,
    /// Whether that is all of it.
    pub(super) request_ended: bool,
    /// What the upstream expects of the request's body.
    framing: Option<Framing>,
    /// How the request's body broke the promise of its `content-length`.
    breach: Option<Breach>,
    /// Whether the upstream's server refuses the request by its headers.
    refused: bool,
    /// How long the route waits for an answer, where not by default.
    route_timeout: Option<Duration>,
    /// How long it waits for that of this request, once it has the request.
    timeouts: Option<ResponseTimeouts>,
    /// Whether the request says so itself.
    is_asked: bool,
    /// When it asks again.
    retries: Retries,
    /// When the wait for an answer ends, and that for the answer to this try.
    gives_up: Option<(Option<Instant>, Option<Instant>)>,
    /// What the upstream does after the first part of its answer.
    rest: Option<Rest>,
    /// How a real upstream has broken off.
    broken: Option<BrokenOff>,
    /// Whether somebody outside has the headers already, and the end.
    pub(super) told: (bool, bool),
}

/// A request on its way to the upstream. Hardly anybody wants to see it, so that it is put together only then.
#[derive(Clone, Debug)]
pub(super) struct Forwarded {
    headers: HeaderMap,
    http: HttpVersion,
    /// Whether the headers are all of it.
    only: bool,
    body: Vec<u8>,
    /// What comes behind the body.
    pub(super) trailers: Option<HeaderMap>,
    /// What has been taken of the body, if the upstream may be asked again.
    taken: Option<Vec<u8>>,
}

/// How an answer that has started goes on.
#[derive(Debug)]
enum Rest {
    End(Frame),
    Reset,
}

impl Forwarded {
    /// As the upstream gets it.
    pub(super) fn request(&self) -> UpstreamRequest {
        UpstreamRequest {
            body: self.body.clone(),
            ..outgoing::upstream_request(&self.headers, self.http, self.only)
        }
    }

    /// Takes what there is of the body.
    pub(super) fn take_body(&mut self) -> Vec<u8> {
        let body = std::mem::take(&mut self.body);
        if let Some(taken) = &mut self.taken {
            taken.extend_from_slice(&body);
        }
        body
    }

    /// All of the body is to be taken again.
    fn rewind(&mut self) {
        if let Some(mut taken) = self.taken.replace(Vec::new()) {
            taken.append(&mut self.body);
            self.body = taken;
        }
    }
}

impl Router {
    pub(super) fn new(
        behaviour: UpstreamBehaviour,
        held: bool,
        outside: bool,
        proxy: &Proxy,
    ) -> Self {
        Self {
            behaviour,
            held,
            outside,
            route_timeout: proxy.timeouts.route,
            ..Self::default()
        }
    }

    /// How long it waits for an answer.
    fn timeouts(&self) -> ResponseTimeouts {
        self.timeouts.unwrap_or_else(|| ResponseTimeouts {
            whole: match self.behaviour {
                UpstreamBehaviour::Timeout => SHORT_ROUTE_TIMEOUT,
                _ => self.route_timeout.unwrap_or(ROUTE_TIMEOUT),
            },
            ..ResponseTimeouts::default()
        })
    }

    /// Whether an upstream that holds its answer may come too late: a real one, or one on a route that is known not to wait for long.
    fn hurries(&self) -> bool {
        let set = self.outside || self.route_timeout.is_some() || self.is_asked;
        set && self.timeouts().ends()
    }

    /// The request's headers go to the upstream, and say how long the router waits for the answer, unless they cannot be sent.
    pub(super) fn forward(
        &mut self,
        headers: &mut HeaderMap,
        http: HttpVersion,
        end: bool,
        proxy: &Proxy,
    ) -> Result<(), LocalResponse> {
        let policy = proxy.route.retry_policy.as_ref();
        let by_route = ResponseTimeouts {
            per_try: policy.and_then(|policy| policy.per_try_timeout),
            ..self.timeouts()
        };
        // Before the other, which puts in a header of its own.
        self.retries = Retries::take(headers, policy);
        let timeouts = ResponseTimeouts::take(headers, by_route);
        self.is_asked = timeouts != self.timeouts();
        self.timeouts = Some(timeouts);
        self.attempts = 1;
        if let Some(refusal) = outgoing::refusal(headers) {
            self.contact = Contact::Connected;
            return Err(refusal);
        }
        self.request = Some(Forwarded {
            headers: headers.clone(),
            http,
            only: end,
            body: Vec::new(),
            trailers: None,
            taken: (self.outside && self.retries.may_come()).then(Vec::new),
        });
        self.framing = Some(Framing::of(headers, http));
        self.forward_data(Vec::new(), end);
        // A server finds that out before anybody sees the request.
        self.refused = self.breach == Some(Breach::Malformed);
        Ok(())
    }

    /// The upstream is asked again.
    fn ask_again(&mut self) {
        self.attempts = self.attempts.saturating_add(1);
        if let Some((_, per_try)) = &mut self.gives_up {
            *per_try = None;
        }
        if self.outside {
            self.behaviour = UpstreamBehaviour::default();
            self.held = true;
            self.told = (false, false);
            if let Some(request) = &mut self.request {
                request.rewind();
            }
        }
    }

    /// A piece of the request's body goes to the upstream.
    pub(super) fn forward_data(&mut self, mut bytes: Vec<u8>, end: bool) {
        let (Some(request), Some(framing)) = (&mut self.request, &mut self.framing) else {
            return;
        };
        if let Err(breach) = framing.take(&mut bytes, end) {
            self.breach.get_or_insert(breach);
        }
        request.body.extend(bytes);
        self.request_ended = end;
    }

    /// The request as the upstream saw it. Of a body, which upstreams are taken to act upon as a whole, only the whole counts.
    pub(super) fn seen(&self) -> Option<UpstreamRequest> {
        if self.behaviour == UpstreamBehaviour::Unreachable || self.refused {
            return None;
        }
        let mut request = self.request.as_ref()?.request();
        if !self.request_ended || self.breach.is_some() {
            request.body.clear();
        }
        Some(request)
    }

    /// What is due on this side, now that everything that came has been shown.
    pub(super) fn next(&self, answered: bool) -> Option<Next> {
        if answered {
            self.rest.as_ref()?;
            return Some(match self.held {
                true if self.hurries() => Next::UpstreamSilent,
                true => Next::UpstreamHeld,
                false => Next::Upstream,
            });
        }
        match self.behaviour {
            UpstreamBehaviour::Unreachable => self.request.as_ref().map(|_| Next::Upstream),
            _ if self.breach == Some(Breach::Malformed) => Some(Next::Upstream),
            _ if self.breach == Some(Breach::Starved) => Some(Next::UpstreamSilent),
            _ if !self.request_ended => None,
            UpstreamBehaviour::Timeout => Some(Next::UpstreamSilent),
            UpstreamBehaviour::Answer(ref answer) if answer.streams => Some(Next::Upstream),
            _ if self.held && self.hurries() => Some(Next::UpstreamSilent),
            _ if self.held => Some(Next::UpstreamHeld),
            _ => Some(Next::Upstream),
        }
    }

    /// Envoy gets in touch with the host for a request that has reached the router.
    pub(super) fn get_in_touch(&mut self) {
        if self.request.is_some() {
            self.contact = match self.behaviour {
                UpstreamBehaviour::Unreachable => Contact::Refused,
                _ => Contact::Connected,
            };
        }
    }

    /// Nothing of the upstream's matters any more.
    pub(super) fn cancel(&mut self) {
        self.rest = None;
    }
}

impl HttpStream {
    /// From now on the upstream holds what it would do next.
    pub(crate) fn hold(&mut self) {
        self.router.held = true;
    }

    /// The upstream goes on.
    pub(crate) fn release(&mut self) {
        self.router.held = false;
    }

    /// When the router gives up waiting for an upstream that is silent as of now.
    pub(crate) fn gives_up(&mut self, now: Instant) -> Instant {
        let timeouts = self.router.timeouts();
        let whole = (!timeouts.whole.is_zero()).then(|| now.after(timeouts.whole));
        let (whole, per_try) = self.router.gives_up.get_or_insert((whole, None));
        if let Some(timeout) = timeouts.per_try {
            per_try.get_or_insert_with(|| now.after(timeout));
        }
        let due = [*whole, *per_try];
        due.into_iter().flatten().min().unwrap_or(now)
    }

    /// Whether there is no response yet, and may still be one.
    pub(crate) fn awaits_response(&self) -> bool {
        self.response.is_none() && !self.client.ended && !self.client.reset
    }

    /// How often the router has asked an upstream for an answer.
    pub(crate) fn attempts(&self) -> u64 {
        self.router.attempts
    }

    /// How far Envoy has come with the upstream's host.
    pub(crate) fn contact(&self) -> Contact {
        self.router.contact
    }
}
