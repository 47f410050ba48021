//! Calls that a plugin makes itself: what it sent, and what comes back.
//!
//! As on Envoy, whatever goes wrong between Envoy and the service comes back as an answer of Envoy's own router, 503 or 504. Behind
//! `envoy.upstreams.http.tcp` a connection is an answer of status 200 that has begun, which can only break off.

use std::time::Duration;

use crate::clock::Instant;
use crate::envoy;
use crate::header_map::HeaderMap;
use crate::host::Host;
use crate::local_response::LocalResponse;
use crate::message::Frame;
use crate::resp::RespBehaviour;
use crate::target::{HttpVersion, ServiceBehaviour, UpstreamRequest};

/// A call that has not come back yet.
#[derive(Debug)]
pub(crate) struct Callout {
    /// The root context that gets the answer.
    pub(crate) root: u32,
    pub(crate) cluster: String,
    pub(crate) request: UpstreamRequest,
    pub(crate) timeout: Option<Duration>,
    pub(crate) fate: Fate,
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
    /// What comes back of a service that refuses connections.
    pub(crate) fn unreachable() -> Self {
        Self::by_envoy(
            503,
            "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure",
        )
    }

    fn by_envoy(status: u32, body: &str) -> Self {
        let (headers, body) = LocalResponse::by_envoy(status, body, "").render(false, false);
        Self {
            headers,
            body: body.unwrap_or_default(),
        }
    }
}

impl Callout {
    /// The service gets it, as it behaves now.
    pub(crate) fn send(&mut self, host: &Host) {
        let now = host.clock.get();
        let services = host.services.borrow();
        let behaviour = services.get(&self.cluster);
        let behaviour = behaviour.map_or(ServiceBehaviour::Unreachable, |behaviour| {
            behaviour.towards(&self.request)
        });
        if let Some(seen) = seen(&behaviour, &self.request) {
            let mut all = host.callouts.borrow_mut();
            all.entry(self.cluster.clone()).or_default().push(seen);
        }
        const ERROR: &str =
            "upstream connect error or disconnect/reset before headers. reset reason:";
        let given_up = self.timeout.map(|timeout| now.after(timeout));
        self.fate = match &behaviour {
            ServiceBehaviour::Hang => Fate::Hangs(given_up),
            ServiceBehaviour::Resp(RespBehaviour::Hang) => Fate::Stalls(given_up),
            ServiceBehaviour::ResetAfterHeaders => Fate::Broken,
            ServiceBehaviour::Reset => Fate::Answered(Reply::by_envoy(
                503,
                &format!("{ERROR} connection termination"),
            )),
            // A function that answers with a function has not decided.
            ServiceBehaviour::Unreachable
            | ServiceBehaviour::Resp(RespBehaviour::Unreachable)
            | ServiceBehaviour::Function(_) => Fate::Answered(Reply::by_envoy(
                503,
                &format!("{ERROR} remote connection failure"),
            )),
            ServiceBehaviour::Answers(_) => {
                let answer = behaviour.answer(&self.request.path).unwrap_or_default();
                let head = self.request.method == "HEAD";
                let (headers, frames) =
                    envoy::response(&answer, head, HttpVersion::One, false, &host.dates.of(now));
                let pieces = frames.into_iter().map(|frame| match frame {
                    Frame::Data { bytes, .. } => bytes,
                    Frame::Trailers(_) => Vec::new(),
                });
                Fate::Answered(Reply {
                    headers,
                    body: pieces.flatten().collect(),
                })
            }
            ServiceBehaviour::Resp(server) => {
                let mut headers = HeaderMap::of_response();
                headers.add(":status", "200");
                headers.add("x-envoy-upstream-service-time", "0");
                Fate::Answered(Reply {
                    headers,
                    body: server.answer(&self.request.body).unwrap_or_default(),
                })
            }
        };
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
