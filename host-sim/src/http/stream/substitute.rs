//! Answers in the upstream's place: by its cluster, by its route, or by a filter between the last one and the router.

use super::HttpStream;
use crate::http::flag::Flag;
use crate::http::local_response::LocalResponse;
use crate::model::{Upstream, UpstreamBehaviour};

impl HttpStream {
    /// Who answers a request that has passed the last filter before the router has seen it.
    pub(super) fn neighbours_answer(&self) -> Option<LocalResponse> {
        match &self.router.behaviour {
            UpstreamBehaviour::Neighbour(answer) => Some(by_neighbour(answer)),
            _ => None,
        }
    }

    /// What the router answers without any upstream.
    pub(super) fn routers_answer(&mut self) -> Option<LocalResponse> {
        match self.router.behaviour {
            UpstreamBehaviour::DirectResponse => {
                Some(LocalResponse::by_envoy(404, "", "direct_response"))
            }
            UpstreamBehaviour::Redirect => {
                let host = self.request.headers.get(":authority").unwrap_or_default();
                let location = [&b"http://"[..], host, b"/elsewhere"].concat();
                Some(LocalResponse {
                    headers: vec![(b"location".to_vec(), location)],
                    ..LocalResponse::by_envoy(301, "", "direct_response")
                })
            }
            UpstreamBehaviour::NoHealthyUpstream => {
                // It has asked for one.
                self.router.attempts = 1;
                self.flags |= Flag::NoHealthyUpstream.bit();
                Some(LocalResponse::by_envoy(
                    503,
                    "no healthy upstream",
                    "no_healthy_upstream",
                ))
            }
            _ => None,
        }
    }
}

fn by_neighbour(answer: &Upstream) -> LocalResponse {
    let headers = answer.headers.iter();
    let bytes = |text: &str| text.as_bytes().to_vec();
    LocalResponse {
        body: answer.body.clone(),
        headers: headers
            .map(|(name, value)| (bytes(name), bytes(value)))
            .collect(),
        ..LocalResponse::by_envoy(answer.status.into(), "", "lua_response")
    }
}
