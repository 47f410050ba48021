//! The far side of a stream: what Envoy's router hands to the upstream, and what comes back from it, answer or failure.
//!
//! Bodies, details and flags of the router's own answers are as observed on Envoy 1.40 with an upstream that speaks HTTP/1.1; for
//! HTTP/2 they follow `Router::Filter::onUpstreamReset`.

use std::time::Duration;

use super::{HttpStream, Next};
use crate::clock::Instant;
use crate::http::answer;
use crate::http::asked::Patience;
use crate::http::flag::Flag;
use crate::http::framing::{Breach, Framing};
use crate::http::header_map::HeaderMap;
use crate::http::local_response::LocalResponse;
use crate::http::message::{Frame, Message};
use crate::http::retry::{Failure, Retries, Verdict};
use crate::http::{Proxy, outgoing};
use crate::target::{HttpVersion, Upstream, UpstreamBehaviour, UpstreamRequest};
use crate::usual_answer::UsualAnswer;

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
    patience: Option<Patience>,
    /// Whether the request says so itself.
    is_asked: bool,
    /// When it asks again.
    retries: Retries,
    /// When the wait for an answer ends, and that for the answer to this try.
    gives_up: Option<(Option<Instant>, Option<Instant>)>,
    /// What the upstream does after the first part of its answer.
    rest: Option<Rest>,
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
        std::mem::take(&mut self.body)
    }
}

impl Router {
    pub(super) fn new(behaviour: UpstreamBehaviour, held: bool, proxy: &Proxy) -> Self {
        Self {
            behaviour,
            held,
            route_timeout: proxy.timeouts.route,
            ..Self::default()
        }
    }

    /// How long it waits for an answer.
    fn patience(&self) -> Patience {
        self.patience.unwrap_or_else(|| Patience {
            whole: match self.behaviour {
                UpstreamBehaviour::Timeout => SHORT_ROUTE_TIMEOUT,
                _ => self.route_timeout.unwrap_or(ROUTE_TIMEOUT),
            },
            ..Patience::default()
        })
    }

    /// Whether it is known not to wait for long, so that an upstream that holds its answer may come too late.
    fn hurries(&self) -> bool {
        let set = self.route_timeout.is_some() || self.is_asked;
        set && self.patience().ends()
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
        let by_route = Patience {
            per_try: policy.and_then(|policy| policy.per_try_timeout),
            ..self.patience()
        };
        let patience = Patience::take(headers, by_route);
        self.is_asked = patience != self.patience();
        self.patience = Some(patience);
        self.retries = Retries::take(headers, policy);
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
        let patience = self.router.patience();
        let whole = (!patience.whole.is_zero()).then(|| now.after(patience.whole));
        let (whole, per_try) = self.router.gives_up.get_or_insert((whole, None));
        if let Some(timeout) = patience.per_try {
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

    /// The upstream does what is due, or fails to.
    pub(crate) fn upstream_acts(&mut self, usual: &UsualAnswer) {
        if self.response.is_some() {
            return self.upstream_goes_on();
        }
        self.router.get_in_touch();
        let connected = self.router.contact == Contact::Connected;
        match self.router.breach.filter(|_| connected) {
            Some(Breach::Malformed) => {
                return self.upstream_is_malformed();
            }
            Some(Breach::Starved) => return self.upstream_timed_out(),
            None => {}
        }
        let router = &self.router;
        let usual = || usual.to(|| Some(router.request.as_ref()?.request()));
        match &router.behaviour {
            UpstreamBehaviour::Answer(answer) => {
                let (answered, streams) = (answer.over(&usual()), answer.streams);
                self.answer(&answered, streams);
            }
            UpstreamBehaviour::ResetAfterHeaders => {
                let usual = usual();
                self.answer(&usual, true);
                if self.response.is_some() {
                    self.router.rest = Some(Rest::Reset);
                }
            }
            UpstreamBehaviour::InternalRedirect { status, location } => {
                let (status, location) = (*status, location.clone());
                self.is_redirected(status, &location);
            }
            // They have answered before.
            UpstreamBehaviour::NoHealthyUpstream
            | UpstreamBehaviour::DirectResponse
            | UpstreamBehaviour::Redirect
            | UpstreamBehaviour::Neighbour(_) => {}
            UpstreamBehaviour::Timeout => self.upstream_timed_out(),
            UpstreamBehaviour::Reset => match self.http {
                HttpVersion::One => self.upstream_failed(
                    503,
                    Flag::UpstreamConnectionTermination,
                    "connection termination",
                    "connection_termination",
                ),
                HttpVersion::Two => self.upstream_failed(
                    503,
                    Flag::UpstreamRemoteReset,
                    "remote reset",
                    "remote_reset",
                ),
            },
            UpstreamBehaviour::Unreachable => self.upstream_failed(
                503,
                Flag::UpstreamConnectionFailure,
                "remote connection failure",
                "remote_connection_failure|delayed_connect_error:_Connection_refused",
            ),
        }
    }

    /// The router has waited long enough.
    pub(crate) fn upstream_timed_out(&mut self) {
        self.router.get_in_touch();
        let patience = self.router.patience();
        let (whole, per_try) = self.router.gives_up.unwrap_or_default();
        let by_try = per_try.is_some_and(|by_try| whole.is_none_or(|whole| by_try < whole));
        if by_try && self.response.is_none() && self.is_retried(Failure::Slow) {
            return;
        }
        self.router.rest = None;
        self.flags |= Flag::UpstreamRequestTimeout.bit();
        let details = match by_try {
            true => "upstream_per_try_timeout",
            false => "response_timeout",
        };
        let answer = match patience.is_silent {
            true => LocalResponse::by_envoy(204, "", details),
            false => LocalResponse::by_envoy(504, "upstream request timeout", details),
        };
        self.give_up(&answer);
    }

    /// Whether a try that has failed is followed by another one.
    fn is_retried(&mut self, failure: Failure) -> bool {
        let verdict = self.router.retries.after_failure(failure);
        self.goes_on_after(verdict)
    }

    fn goes_on_after(&mut self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Again => self.router.ask_again(),
            Verdict::Exhausted => self.flags |= Flag::UpstreamRetryLimitExceeded.bit(),
            Verdict::Final => {}
        }
        verdict == Verdict::Again
    }

    fn upstream_failed(&mut self, status: u32, flag: Flag, reason: &str, details: &str) {
        let failure = match flag {
            Flag::UpstreamConnectionFailure => Failure::Connect,
            _ => Failure::Reset,
        };
        if self.is_retried(failure) {
            return;
        }
        self.flags |= flag.bit();
        let latest = match self.router.retries.has_retried() {
            true => "retried and the latest reset reason",
            false => "reset reason",
        };
        self.local_response(&LocalResponse::by_envoy(
            status,
            &format!(
                "upstream connect error or disconnect/reset before headers. {latest}: {reason}"
            ),
            &format!("upstream_reset_before_response_started{{{details}}}"),
        ));
    }

    /// The upstream breaks the protocol before its answer starts.
    fn upstream_is_malformed(&mut self) {
        self.upstream_failed(
            502,
            Flag::UpstreamProtocolError,
            "protocol error",
            "protocol_error",
        );
    }

    /// An answer starts, and ends unless it streams.
    fn answer(&mut self, answer: &Upstream, streams: bool) {
        if answer::check(answer, self.http).is_err() {
            return self.upstream_is_malformed();
        }
        let retries = &mut self.router.retries;
        let verdict = retries.after_answer(answer.status, &answer.headers);
        if self.goes_on_after(verdict) {
            return;
        }
        let (headers, mut frames) =
            answer::response(answer, self.head, self.http, streams, &self.date);
        self.status = Some(answer.status);
        self.response_details = Some("via_upstream".to_owned());
        // Over HTTP/1 such an answer is over with its headers, while over HTTP/2 its end may come later.
        let bodiless = self.http == HttpVersion::One
            && (self.head || answer.status == 204 || answer.status == 304);
        if !streams || bodiless {
            self.response = Some(Message::new(headers, frames, self.limit));
            return;
        }
        let end = Frame::Data {
            bytes: Vec::new(),
            end: true,
        };
        let end = match frames.pop() {
            Some(Frame::Data { bytes, .. }) if !bytes.is_empty() => {
                frames.push(Frame::Data { bytes, end: false });
                end
            }
            other => other.unwrap_or(end),
        };
        self.router.rest = Some(Rest::End(end));
        self.response = Some(Message::streaming(headers, frames, self.limit));
    }

    /// An answer of a real upstream starts.
    pub(crate) fn answer_begins(&mut self, status: u16, headers: &[(String, String)], end: bool) {
        if !self.awaits_response() {
            return;
        }
        let upstream = Upstream {
            status,
            headers: headers.to_vec(),
            ..Upstream::default()
        };
        let (headers, _) = answer::response(&upstream, self.head, self.http, !end, &self.date);
        self.router.contact = Contact::Connected;
        self.status = Some(status);
        self.response_details = Some("via_upstream".to_owned());
        let message = if end {
            Message::new
        } else {
            Message::streaming
        };
        self.response = Some(message(headers, Vec::new(), self.limit));
    }

    /// It breaks off.
    pub(crate) fn answer_breaks_off(&mut self) {
        self.router.rest = Some(Rest::Reset);
        self.router.held = false;
    }

    fn upstream_goes_on(&mut self) {
        match self.router.rest.take() {
            None => {}
            Some(Rest::End(frame)) => {
                if let Some(response) = &mut self.response {
                    response.arrive(frame);
                }
            }
            Some(Rest::Reset) => {
                // An HTTP/1 body that breaks off is malformed rather than closed.
                let (flag, reason) = match self.http {
                    HttpVersion::One => (Flag::UpstreamProtocolError, "protocol_error"),
                    HttpVersion::Two => (Flag::UpstreamRemoteReset, "remote_reset"),
                };
                self.flags |= flag.bit();
                self.response_details =
                    Some(format!("upstream_reset_after_response_started{{{reason}}}"));
                self.abort();
            }
        }
    }

    /// The client resets a stream whose answer is malformed.
    pub(super) fn refuse(&mut self) {
        self.flags |= Flag::DownstreamProtocolError.bit();
        self.response_details = Some("http2.remote_reset".to_owned());
        self.abort();
    }
}
