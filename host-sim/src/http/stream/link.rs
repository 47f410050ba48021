//! A stream's part in one filter among several: what it hands to the filters next to it.
//!
//! Every filter of a chain has a part of the stream for itself. What passes it arrives at its neighbour; only the first one has the
//! client before it, and only the last one the router behind it. What concerns the stream as a whole, such as a local response, is
//! relayed to whoever drives the chain.

use std::rc::Rc;

use super::client::Client;
use super::router::{Contact, Router};
use super::{HttpStream, Side};
use crate::http::header_map::HeaderMap;
use crate::http::local_response::LocalResponse;
use crate::http::message::{Frame, Message, Passed};
use crate::model::UpstreamRequest;

/// Whether other filters stand between this one and the ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Links {
    /// Between the client and this filter.
    pub(crate) before: bool,
    /// Between this filter and the router.
    pub(crate) behind: bool,
}

impl Links {
    /// Whether there is any other filter.
    pub(super) fn any(self) -> bool {
        self.before || self.behind
    }
}

/// What a filter hands on.
#[derive(Debug)]
pub(crate) enum Relayed {
    /// The head of a message, to the next filter in its direction; `end` if that is all of it.
    Headers {
        side: Side,
        headers: HeaderMap,
        end: bool,
    },
    /// What follows it.
    Frame { side: Side, frame: Frame },
    /// An answer in place of the upstream's.
    Local(LocalResponse),
}

impl HttpStream {
    /// Says of the part in the first filter whether there are others behind it.
    pub(crate) fn link(&mut self, behind: bool) {
        self.links.behind = behind;
    }

    /// The part of this stream in a filter behind it, at which these request headers have arrived.
    pub(crate) fn part(&self, root: u32, headers: HeaderMap, end: bool, links: Links) -> Self {
        let request = if end {
            Message::new(headers, [], self.limit)
        } else {
            Message::streaming(headers, [], self.limit)
        };
        Self {
            request,
            response: None,
            root,
            handle: 0,
            logging: false,
            filter_state: Rc::clone(&self.filter_state),
            connection: self.connection,
            client_address: self.client_address,
            protocol: self.protocol,
            started: self.started,
            date: Rc::clone(&self.date),
            status: self.status,
            response_details: self.response_details.clone(),
            flags: self.flags,
            failure_answered: false,
            redirected: None,
            refused: false,
            is_logged: true,
            is_upgraded: self.is_upgraded,
            deadlines: None,
            request_passed: false,
            http: self.http,
            grpc: self.grpc,
            head: self.head,
            closes: self.closes,
            limit: self.limit,
            proxy: Rc::clone(&self.proxy),
            router: Router::new(
                self.router.behaviour.clone(),
                self.router.held,
                self.router.outside,
                &self.proxy,
            ),
            client: Client::new(self.http),
            links,
            out: Default::default(),
        }
    }

    pub(super) fn relay_request(&mut self, passed: Passed) {
        let relayed = match passed {
            Passed::Headers { end } => headers(Side::Request, &self.request, end),
            passed => frame(Side::Request, &self.request, passed),
        };
        self.out.push_back(relayed);
    }

    pub(super) fn relay_response(&mut self, passed: Passed) {
        let Some(response) = &self.response else {
            return;
        };
        let relayed = match passed {
            Passed::Headers { end } => headers(Side::Response, response, end),
            passed => frame(Side::Response, response, passed),
        };
        self.out.push_back(relayed);
    }

    /// What is to be relayed next.
    pub(crate) fn take_relayed(&mut self) -> Option<Relayed> {
        self.out.pop_front()
    }

    /// Whether there are other filters.
    pub(crate) fn is_linked(&self) -> bool {
        self.links.any()
    }

    /// Response headers arrive from the filter behind this one.
    pub(crate) fn respond(&mut self, headers: HeaderMap, end: bool) {
        let frames = [];
        self.response = Some(if end {
            Message::new(headers, frames, self.limit)
        } else {
            Message::streaming(headers, frames, self.limit)
        });
    }

    /// A local response starts here and goes through this filter and those before it.
    pub(crate) fn respond_locally(&mut self, local: &LocalResponse) {
        let (headers, body) = local.render(self.grpc, self.head);
        let frames = body.map(|bytes| Frame::Data { bytes, end: true });
        self.response = Some(Message::new(headers, frames, self.limit));
    }

    /// A local response goes to the client past all filters.
    pub(crate) fn send_locally(&mut self, local: &LocalResponse) {
        self.close_behind(local);
        let (headers, body) = local.render(self.grpc, self.head);
        self.send_headers(headers, body.is_none());
        self.client.take(body.unwrap_or_default(), true);
    }

    /// The stream has a local response: nothing of the request and of the upstream matters any more, nor of an answer that had
    /// `started`. The status is that of the answer whose headers the client has, if they were `sent`.
    pub(crate) fn is_answered(&mut self, local: &LocalResponse, started: bool, sent: bool) {
        self.request.close();
        self.router.cancel();
        if let Some(response) = self.response.as_mut().filter(|_| started) {
            response.close();
        }
        self.response_details = Some(local.details.clone());
        self.close_behind(local);
        if !sent {
            self.status = local.code();
        }
    }

    /// Whether the client has the headers of its answer.
    pub(crate) fn has_sent_headers(&self) -> bool {
        self.client.headers.is_some()
    }

    /// Whether the client has all of its answer.
    pub(crate) fn has_ended(&self) -> bool {
        self.client.ended
    }

    /// Whether the stream was reset.
    pub(crate) fn is_reset(&self) -> bool {
        self.client.reset
    }

    /// The stream was reset in another filter.
    pub(crate) fn reset_too(&mut self) {
        self.abort();
    }

    /// What is the same in all filters.
    pub(crate) fn facts(&self) -> Facts {
        Facts {
            status: self.status,
            response_details: self.response_details.clone(),
            flags: self.flags,
            attempts: self.router.attempts,
            contact: self.router.contact,
            redirected: self.redirected.clone(),
            request_passed: self.request_passed,
        }
    }

    /// Takes over what is the same in all filters.
    pub(crate) fn agree_with(&mut self, facts: &Facts) {
        (self.status, self.flags) = (facts.status, facts.flags);
        self.response_details.clone_from(&facts.response_details);
        self.router.attempts = facts.attempts;
        self.router.contact = facts.contact;
        if let (None, Some(headers)) = (&self.redirected, &facts.redirected) {
            self.follows(headers);
        }
        self.request_passed = facts.request_passed;
    }

    /// The request as the upstream saw it, of the part in the last filter.
    pub(crate) fn seen_by_upstream(&self) -> Option<UpstreamRequest> {
        self.router.seen()
    }

    /// What all filters see of this stream once it is over, of which this is the first filter's part: what the client got, and
    /// these request headers.
    pub(crate) fn end(&self, request: HeaderMap) -> End {
        let links = Links {
            before: true,
            behind: true,
        };
        let mut part = self.part(0, request, true, links);
        part.agree_with(&self.facts());
        part.client.headers.clone_from(&self.client.headers);
        part.client.body.clone_from(&self.client.body);
        End(part)
    }

    /// The stream is over.
    pub(crate) fn see_the_end(&mut self, end: &End) {
        let End(seen) = end;
        self.request.headers.clone_from(&seen.request.headers);
        if self.links.before {
            self.client.headers.clone_from(&seen.client.headers);
            self.client.body.clone_from(&seen.client.body);
        }
    }
}

/// What the parts of a stream know of it as a whole.
#[derive(Debug)]
pub(crate) struct Facts {
    status: Option<u16>,
    response_details: Option<String>,
    flags: u64,
    attempts: u64,
    contact: Contact,
    redirected: Option<Rc<HeaderMap>>,
    request_passed: bool,
}

/// A stream that is over.
#[derive(Debug)]
pub(crate) struct End(HttpStream);

impl End {
    /// The part in a filter that it never reached.
    pub(crate) fn part(&self, root: u32) -> HttpStream {
        let End(seen) = self;
        let mut part = seen.part(root, seen.request.headers.clone(), true, seen.links);
        part.agree_with(&seen.facts());
        part
    }
}

fn headers(side: Side, message: &Message, end: bool) -> Relayed {
    Relayed::Headers {
        side,
        headers: message.headers.clone(),
        end,
    }
}

fn frame(side: Side, message: &Message, passed: Passed) -> Relayed {
    let frame = match passed {
        Passed::Data { bytes, end } => Frame::Data { bytes, end },
        Passed::Headers { .. } | Passed::Trailers => {
            Frame::Trailers(message.trailers.clone().unwrap_or_default())
        }
    };
    Relayed::Frame { side, frame }
}
