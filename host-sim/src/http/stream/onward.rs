//! Where the parts of a message go that have passed the filter: to the upstream and to the client, or to the filters next to this one.

use super::HttpStream;
use crate::http::answer;
use crate::http::flag::Flag;
use crate::http::framing::Framing;
use crate::http::header_map::HeaderMap;
use crate::http::local_response::LocalResponse;
use crate::http::message::Passed;
use crate::http::{is_upgrade, outgoing};
use crate::model::HttpVersion;

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
            return self.relay_request(passed);
        }
        match passed {
            Passed::Headers { end } => {
                if let Some(local) = self.neighbours_answer() {
                    return self.local_response(&local);
                }
                if !outgoing::has_route(&self.request.headers) {
                    self.flags |= Flag::NoRouteFound.bit();
                    let local = LocalResponse::by_envoy(404, "", "route_not_found");
                    return self.local_response(&local);
                }
                if let Some(local) = self.routers_answer() {
                    return self.local_response(&local);
                }
                let http = self.upstream_http();
                let headers = &mut self.request.headers;
                let forwarded = self.router.forward(headers, http, end, &self.proxy);
                if let Err(local) = forwarded {
                    self.flags |= Flag::DownstreamProtocolError.bit();
                    return self.local_response(&local);
                }
            }
            Passed::Data { bytes, end } => self.router.forward_data(bytes, end),
            Passed::Trailers => {
                if let Some(forwarded) = &mut self.router.request {
                    forwarded.trailers = self.request.trailers.clone();
                }
                self.router.forward_data(Vec::new(), true);
            }
        }
        self.request_passed = self.router.request_ended;
    }

    fn pass_response(&mut self, passed: Passed) {
        if self.links.before {
            return self.relay_response(passed);
        }
        let Some(response) = &mut self.response else {
            return;
        };
        match passed {
            Passed::Headers { end } => {
                if answer::status(&response.headers).is_none() {
                    let missing = "missing required header: :status";
                    let details = format!(
                        "filter_removed_required_response_headers{{{}}}",
                        missing.replace(' ', "_")
                    );
                    return self.local_response(&LocalResponse::by_envoy(502, missing, &details));
                }
                // Where they stand, which takes no copy.
                let rules = &self.proxy.connection_manager;
                answer::finish(
                    &mut response.headers,
                    &self.request.headers,
                    rules,
                    (&self.date, self.proxy.version),
                );
                let headers = response.headers.clone();
                self.send_finished(headers, end);
            }
            Passed::Data { bytes, end } => self.client.take(bytes, end),
            Passed::Trailers => self.client.take_trailers(response.trailers.clone()),
        }
        if self.client.refuses() {
            self.refuse();
        }
    }

    pub(super) fn send_headers(&mut self, mut headers: HeaderMap, end: bool) {
        let rules = &self.proxy.connection_manager;
        answer::finish(
            &mut headers,
            &self.request.headers,
            rules,
            (&self.date, self.proxy.version),
        );
        self.send_finished(headers, end);
    }

    fn send_finished(&mut self, mut headers: HeaderMap, end: bool) {
        self.status = answer::status(&headers);
        self.say_whether_it_closes(&mut headers);
        let bodiless = self.head || matches!(self.status, Some(204 | 304));
        let framing = if bodiless {
            Framing::without_body(self.http)
        } else {
            Framing::of(&headers, self.http)
        };
        self.client.take_headers(headers, end, framing);
    }

    /// Over HTTP/1 the client is told that its connection is closed behind the answer, also where Envoy does not have all of the request.
    fn say_whether_it_closes(&self, headers: &mut HeaderMap) {
        if self.http == HttpVersion::Two || is_upgrade(headers) {
            return;
        }
        match self.closes {
            None => headers.set("connection", "keep-alive"),
            Some(false) if self.request.has_ended() => {}
            Some(_) => headers.set("connection", "close"),
        }
    }
}
