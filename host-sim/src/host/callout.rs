//! Calls that a plugin makes itself: what it sent, and what comes back.
//!
//! As on Envoy, whatever goes wrong between Envoy and the service comes back as an answer of Envoy's own router, 503 or 504. Behind
//! `envoy.upstreams.http.tcp` a connection is an answer of status 200 that has begun, which can only break off.

use std::time::Duration;

use crate::host::Host;
use crate::http::header_map::HeaderMap;
use crate::http::local_response::LocalResponse;
use crate::http::message::Frame;
use crate::http::response_timeouts::ResponseTimeouts;
use crate::http::retry::{Failure, Retries, Verdict};
use crate::http::{answer, outgoing};
use crate::model::clock::Instant;
use crate::model::envoy_version::EnvoyVersion;
use crate::model::resp::RespBehaviour;
use crate::model::{HttpVersion, ServiceBehaviour, Upstream, UpstreamRequest};

/// A call that has not come back yet.
#[derive(Debug)]
pub(crate) struct Callout {
    /// The root context that gets the answer.
    pub(crate) root: u32,
    pub(crate) cluster: String,
    pub(crate) request: UpstreamRequest,
    pub(crate) timeouts: ResponseTimeouts,
    pub(crate) fate: Fate,
    retries: Retries,
    /// What Envoy answers instead of sending it.
    refusal: Option<LocalResponse>,
    /// Whether no service ever has all of it, because its headers say of the body what is not so.
    never_ends: bool,
}

/// How far it is.
#[derive(Debug)]
pub(crate) enum Fate {
    /// The service has not seen it yet.
    Unsent,
    /// This comes back now.
    Answered(Reply),
    /// The answer broke off: nothing comes back but that.
    Broken,
    /// Nothing comes back before Envoy gives up, if it ever does.
    Hangs(Option<Instant>),
    /// The answer has begun, and breaks off when Envoy gives up, if it ever does.
    Stalls(Option<Instant>),
}

/// What comes back.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// The answer broke off after its headers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BrokenOff;

/// What the plugin is told.
pub(crate) type Outcome = Result<Reply, BrokenOff>;

impl Reply {
    fn by_envoy(status: u32, body: &str) -> Self {
        Self::local(&LocalResponse::by_envoy(status, body, ""))
    }

    fn local(response: &LocalResponse) -> Self {
        let (headers, body) = response.render(false, false);
        Self {
            headers,
            body: body.unwrap_or_default(),
        }
    }
}

const ERROR: &str = "upstream connect error or disconnect/reset before headers.";

impl Callout {
    /// A call with these headers and this body, for whose answer the plugin waits so long.
    pub(crate) fn new(
        root: u32,
        cluster: String,
        mut headers: HeaderMap,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Self {
        if !body.is_empty() {
            headers.set("content-length", body.len().to_string());
        }
        let length: Option<usize> = headers.number("content-length");
        let chunked = headers.get("transfer-encoding").is_some();
        // A body goes as it is, whatever else is said of it.
        let never_ends = chunked || length.is_some_and(|length| length > body.len());
        headers.set("x-envoy-internal", "true");
        let timeouts = ResponseTimeouts {
            whole: timeout,
            ..ResponseTimeouts::default()
        };
        let timeouts = ResponseTimeouts::take(&mut headers, timeouts);
        let retries = Retries::take(&mut headers, None);
        let request = outgoing::upstream_request(&headers, HttpVersion::One, body.is_empty());
        Self {
            root,
            cluster,
            request: UpstreamRequest { body, ..request },
            timeouts,
            fate: Fate::Unsent,
            retries,
            refusal: outgoing::refusal(&headers),
            never_ends,
        }
    }

    /// The service gets it, as it behaves now, and gets it again where the call asks for that.
    pub(crate) fn send(&mut self, host: &Host) {
        if let Some(refusal) = &self.refusal {
            self.fate = Fate::Answered(Reply::local(refusal));
            return;
        }
        loop {
            let verdict = self.try_once(host);
            if verdict != Verdict::Again {
                return;
            }
        }
    }

    /// What Envoy answers instead of sending it, if it does not.
    pub(crate) fn refused(&self) -> Option<Reply> {
        self.refusal.as_ref().map(Reply::local)
    }

    fn try_once(&mut self, host: &Host) -> Verdict {
        let now = host.clock.get();
        let services = host.outside.services.borrow();
        let behaviour = services.get(&self.cluster);
        let behaviour = behaviour.map_or(ServiceBehaviour::Unreachable, |behaviour| {
            behaviour.towards(&self.request)
        });
        let is_http = !matches!(behaviour, ServiceBehaviour::Resp(_));
        if is_http && self.never_ends && !matches!(behaviour, ServiceBehaviour::Unreachable) {
            self.fate = Fate::Hangs(self.gives_up(now));
            return Verdict::Final;
        }
        if let Some(seen) = seen(&behaviour, &self.request) {
            let mut all = host.outside.callouts.borrow_mut();
            all.entry(self.cluster.clone()).or_default().push(seen);
        }
        let (fate, verdict) = match &behaviour {
            ServiceBehaviour::Hang => (Fate::Hangs(self.gives_up(now)), Verdict::Final),
            ServiceBehaviour::Resp(RespBehaviour::Hang) => {
                (Fate::Stalls(self.gives_up(now)), Verdict::Final)
            }
            ServiceBehaviour::ResetAfterHeaders => (Fate::Broken, Verdict::Final),
            ServiceBehaviour::Reset => self.failed(Failure::Reset, "connection termination"),
            // A function that answers with a function has not decided.
            ServiceBehaviour::Unreachable
            | ServiceBehaviour::Resp(RespBehaviour::Unreachable)
            | ServiceBehaviour::Function(_) => self.unreachable(host.version),
            ServiceBehaviour::Answers(_) => {
                let answer = behaviour.answer(&self.request.path).unwrap_or_default();
                self.answered(&answer, (&host.dates.of(now), host.version))
            }
            ServiceBehaviour::Resp(server) => {
                let mut headers = HeaderMap::of_response();
                headers.add(":status", "200");
                headers.add("x-envoy-upstream-service-time", "0");
                let body = server.answer(&self.request.body).unwrap_or_default();
                let reply = Reply { headers, body };
                (Fate::Answered(reply), Verdict::Final)
            }
        };
        self.fate = fate;
        verdict
    }

    /// How it goes on now that its service has failed without an answer.
    fn failed(&mut self, failure: Failure, reason: &str) -> (Fate, Verdict) {
        let verdict = self.retries.after_failure(failure);
        let latest = match self.retries.has_retried() {
            true => "retried and the latest reset reason",
            false => "reset reason",
        };
        let reply = Reply::by_envoy(503, &format!("{ERROR} {latest}: {reason}"));
        (Fate::Answered(reply), verdict)
    }

    /// How it goes on now that its service cannot be reached.
    fn unreachable(&mut self, version: EnvoyVersion) -> (Fate, Verdict) {
        let reason = format!("remote connection failure{}", version.why_refused());
        self.failed(Failure::Connect, &reason)
    }

    /// How it goes on now that its service has answered.
    fn answered(&mut self, answer: &Upstream, at: (&str, EnvoyVersion)) -> (Fate, Verdict) {
        if answer::check(answer, HttpVersion::One).is_err() {
            let reason = format!("{ERROR} reset reason: protocol error");
            return (
                Fate::Answered(Reply::by_envoy(502, &reason)),
                Verdict::Final,
            );
        }
        let verdict = self.retries.after_answer(answer.status, &answer.headers);
        let head = self.request.method == "HEAD";
        let (headers, frames) = answer::response(answer, head, HttpVersion::One, false, at);
        let pieces = frames.into_iter().map(|frame| match frame {
            Frame::Data { bytes, .. } => bytes,
            Frame::Trailers(_) => Vec::new(),
        });
        let reply = Reply {
            headers,
            body: pieces.flatten().collect(),
        };
        (Fate::Answered(reply), verdict)
    }

    /// A service outside of the simulation has done this: it has answered, or cannot be reached.
    pub(crate) fn is_answered(&mut self, answer: Option<&Upstream>, at: (&str, EnvoyVersion)) {
        let (fate, verdict) = match answer {
            None => self.unreachable(at.1),
            Some(answer) => self.answered(answer, at),
        };
        let again = verdict == Verdict::Again;
        self.fate = if again { Fate::Unsent } else { fate };
    }

    /// It was too slow for one try, and is asked again if the call wants that.
    pub(crate) fn is_tried_again(&mut self, now: Instant) -> bool {
        let due = matches!(self.fate, Fate::Hangs(Some(until)) if until <= now);
        due && self.timeouts.per_try.is_some()
            && self.retries.after_failure(Failure::Slow) == Verdict::Again
    }

    /// When Envoy gives it up, if it is sent now.
    pub(crate) fn gives_up(&self, now: Instant) -> Option<Instant> {
        self.timeout().map(|timeout| now.after(timeout))
    }

    /// After how long Envoy gives it up, if ever.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        let whole = Some(self.timeouts.whole).filter(|whole| !whole.is_zero());
        self.timeouts.per_try.or(whole)
    }

    /// What comes back by now.
    pub(crate) fn outcome(&self, now: Instant) -> Option<Outcome> {
        match &self.fate {
            Fate::Answered(reply) => Some(Ok(reply.clone())),
            Fate::Broken => Some(Err(BrokenOff)),
            Fate::Hangs(Some(until)) if *until <= now => {
                Some(Ok(Reply::by_envoy(504, "upstream request timeout")))
            }
            Fate::Stalls(Some(until)) if *until <= now => Some(Err(BrokenOff)),
            Fate::Hangs(_) | Fate::Stalls(_) | Fate::Unsent => None,
        }
    }
}

/// What a service sees of a callout: all of it, or, without HTTP, its body. One that cannot be reached sees nothing.
fn seen(behaviour: &ServiceBehaviour, request: &UpstreamRequest) -> Option<UpstreamRequest> {
    match behaviour {
        ServiceBehaviour::Unreachable | ServiceBehaviour::Resp(RespBehaviour::Unreachable) => None,
        ServiceBehaviour::Resp(_) => Some(UpstreamRequest {
            body: request.body.clone(),
            ..UpstreamRequest::default()
        }),
        _ => Some(request.clone()),
    }
}
