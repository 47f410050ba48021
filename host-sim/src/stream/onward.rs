//! Where the parts of a message go that have passed the filter: to the upstream and to the client, or to the filters next to this one.

use super::HttpStream;
use super::flag::Flag;
use crate::envoy;
use crate::framing::Framing;
use crate::header_map::HeaderMap;
use crate::local_response::LocalResponse;
use crate::message::Passed;

impl HttpStream {
    /// Takes what has passed the filter to the upstream and to the client.
    pub(super) fn settle(&mut self) {
        while let Some(passed) = self.request.passed.pop_front() {
            if self.client.ended || self.client.reset {
                return;
            }
            self.pass_request(passed);
        }
        while let Some(passed) = self
            .response
            .as_mut()
            .and_then(|response| response.passed.pop_front())
        {
            if self.client.reset {
                return;
            }
            self.pass_response(passed);
        }
    }

    fn pass_request(&mut self, passed: Passed) {
        if self.links.behind {
            return self.hand_request(passed);
        }
        match passed {
            Passed::Headers { end } => {
                if let Some(local) = self.neighbours_answer() {
                    return self.local_response(&local);
                }
                if let Err(local) = envoy::check_request(&self.request.headers) {
                    if local.status == 404 {
                        self.flags |= Flag::NoRouteFound.bit();
                    }
                    return self.local_response(&local);
                }
                if let Some(local) = self.routers_answer() {
                    return self.local_response(&local);
                }
                self.router
                    .forward(&mut self.request.headers, self.http, end);
            }
            Passed::Data { bytes, end } => self.router.forward_data(bytes, end),
            Passed::Trailers => self.router.forward_data(Vec::new(), true),
        }
        self.request_passed = self.router.request_ended;
    }

    fn pass_response(&mut self, passed: Passed) {
        if self.links.before {
            return self.hand_response(passed);
        }
        let Some(response) = &mut self.response else {
            return;
        };
        match passed {
            Passed::Headers { end } => {
                if response.headers.get(":status").is_none() {
                    let missing = "missing required header: :status";
                    let details = format!(
                        "filter_removed_required_response_headers{{{}}}",
                        missing.replace(' ', "_")
                    );
                    return self.local_response(&LocalResponse::by_envoy(502, missing, &details));
                }
                // Where they stand, which takes no copy.
                envoy::finish_response(&mut response.headers, &self.date);
                let headers = response.headers.clone();
                self.send_headers(headers, end);
            }
            Passed::Data { bytes, end } => self.client.take(bytes, end),
            Passed::Trailers => self.client.take_trailers(response.trailers.clone()),
        }
        if self.client.refuses() {
            self.refuse();
        }
    }

    pub(super) fn send_headers(&mut self, mut headers: HeaderMap, end: bool) {
        envoy::finish_response(&mut headers, &self.date);
        self.status = status_of(&headers);
        let bodiless = self.head || matches!(self.status, Some(204 | 304));
        let framing = if bodiless {
            Framing::open(self.http)
        } else {
            Framing::of(&headers, self.http)
        };
        self.client.take_headers(headers, end, framing);
    }
}

fn status_of(headers: &HeaderMap) -> Option<u16> {
    headers.number(":status")
}
