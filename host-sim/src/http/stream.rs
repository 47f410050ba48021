//! One HTTP stream through one filter, from the client's request to the answer that the client gets.
//!
//! This is a state machine without a VM: [`HttpStream::next_part`] says which callback is due, and the `end_…` methods take what it
//! answered. Local responses come in Envoy's three cases (`FilterManager::sendLocalReply`): before the response has started they
//! pass through this very filter; while the response is held they go straight to the client; after its headers were sent all
//! that is left is to reset the stream.

mod client;
mod deadline;
mod departure;
mod link;
mod live;
mod onward;
mod redirect;
mod refusal;
mod router;
mod seen;
mod substitute;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use crate::abi::{DataStatus, HeadersStatus, StreamType, TrailersStatus};
use crate::http::admission::{self, Admission};
use crate::http::filter_state::FilterState;
use crate::http::header_map::HeaderMap;
use crate::http::hidden_body::HiddenBody;
use crate::http::local_response::LocalResponse;
use crate::http::message::{Message, Part, TooLarge};
use crate::http::{Proxy, is_grpc, protocol};
use crate::model::clock::Instant;
use crate::model::{HttpVersion, Request};
use client::Client;
use deadline::Deadlines;
pub(crate) use link::{End, Links, Relayed};
pub use live::Ending;
pub(crate) use live::{PassedOn, Sent};
pub(crate) use router::Contact;
use router::Router;

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Request,
    Response,
}

/// What the router does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The upstream acts.
    Upstream,
    /// The upstream holds what it would do next.
    UpstreamHeld,
    /// The upstream does nothing, and the router waits for it.
    UpstreamSilent,
}

/// What a new stream brings along besides its request.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) connection: u64,
    pub(crate) now: Instant,
    /// The time as headers say it.
    pub(crate) date: Rc<str>,
    /// Whether the request's body is still to come.
    pub(crate) streams: bool,
    /// Whether its client and its upstream are outside of the simulation.
    pub(crate) outside: bool,
    /// How Envoy is set up around the filters.
    pub(crate) proxy: Rc<Proxy>,
}

/// A stream.
#[derive(Debug)]
pub(crate) struct HttpStream {
    pub(crate) request: Message,
    pub(crate) response: Option<Message>,
    /// The root context that it belongs to.
    pub(crate) root: u32,
    /// The filter that it passes, among those that share a VM.
    pub(crate) handle: usize,
    /// Whether `proxy_on_log` is running, in which maps can only be read.
    pub(crate) logging: bool,
    /// All filters of a chain share it.
    pub(crate) filter_state: Rc<RefCell<FilterState>>,
    pub(crate) connection: u64,
    /// Whom its headers name as the client.
    client_address: Option<IpAddr>,
    pub(crate) protocol: &'static str,
    pub(crate) started: Instant,
    /// The same as headers say it.
    date: Rc<str>,
    /// The status of the response, known as soon as there is one.
    pub(crate) status: Option<u16>,
    pub(crate) response_details: Option<String>,
    /// `response.flags`.
    pub(crate) flags: u64,
    /// Whether the answer to a failed VM was sent; later callbacks are skipped.
    pub(crate) failure_answered: bool,
    /// The headers of a redirect of the upstream's that Envoy has followed, so that the stream goes on as another.
    redirected: Option<Rc<HeaderMap>>,
    /// Whether no filter ever sees it.
    refused: bool,
    /// Whether filters log it.
    is_logged: bool,
    /// Whether its client goes on in another protocol.
    is_upgraded: bool,
    /// Of the first filter's part.
    deadlines: Option<Deadlines>,
    /// Whether all of the request has passed the filters.
    request_passed: bool,
    http: HttpVersion,
    grpc: bool,
    head: bool,
    /// Whether the client's connection is closed behind the answer; `None` for one of HTTP/1.0 that is kept.
    closes: Option<bool>,
    limit: usize,
    proxy: Rc<Proxy>,
    router: Router,
    client: Client,
    links: Links,
    /// What goes to the filters next to this one.
    out: VecDeque<Relayed>,
}

impl HttpStream {
    pub(crate) fn new(request: &Request, root: u32, arrival: Arrival) -> Self {
        let Arrival {
            connection,
            now,
            date,
            streams,
            outside,
            proxy,
        } = arrival;
        let limit = proxy.buffer_limit;
        let Admission {
            headers,
            frames,
            client,
            is_upgraded,
            closes,
            refusal,
        } = admission::admit(request, connection, streams || outside, &proxy);
        let message = if streams || request.unfinished || is_upgraded {
            Message::streaming
        } else {
            Message::new
        };
        let timeouts = &proxy.timeouts;
        let kept = request.http_10 && !closes;
        let mut stream = Self {
            deadlines: Deadlines::of(timeouts, &headers, now),
            grpc: is_grpc(&headers),
            head: request.method == "HEAD",
            request: message(headers, frames, limit),
            response: None,
            root,
            handle: 0,
            logging: false,
            filter_state: Rc::default(),
            connection,
            client_address: client,
            protocol: protocol(request.http, request.http_10),
            http: request.http,
            started: now,
            date,
            status: None,
            response_details: None,
            flags: 0,
            failure_answered: false,
            redirected: None,
            refused: false,
            is_logged: true,
            is_upgraded,
            request_passed: false,
            closes: (!kept).then_some(closes),
            limit,
            router: Router::new(request.upstream.clone(), false, outside, &proxy),
            proxy,
            client: Client::new(request.http),
            links: Links::default(),
            out: VecDeque::new(),
        };
        if let Some(refusal) = refusal {
            stream.refuse_at_once(&refusal);
        }
        stream
    }

    /// Where its client is.
    pub(crate) fn source(&self) -> String {
        match self.client_address {
            // Its port is not known.
            Some(address) => SocketAddr::new(address, 0).to_string(),
            None => source_address(self.connection),
        }
    }

    /// The next part of this side to be shown. Held parts may arrive meanwhile and exceed the buffer limit.
    pub(crate) fn next_part(&mut self, side: Side) -> Option<Part> {
        let next = self.message_mut(side).map_or(Ok(None), Message::next_part);
        self.within_limit(side, next).flatten()
    }

    /// What the router has to do, if anything.
    pub(crate) fn next_of_router(&self) -> Option<Next> {
        self.router.next(self.response.is_some())
    }

    /// Which part is held here.
    pub(crate) fn held(&self) -> Option<(Side, Part)> {
        match &self.response {
            Some(response) => Some((Side::Response, response.held()?)),
            None => Some((Side::Request, self.request.held()?)),
        }
    }

    /// Whether its client goes on in another protocol, so that what comes behind the headers is no body.
    pub(crate) fn is_upgraded(&self) -> bool {
        self.is_upgraded
    }

    /// Whether nothing of it matters any more.
    pub(crate) fn is_over(&self) -> bool {
        self.client.ended || self.client.reset || self.redirected.is_some()
    }

    fn within_limit<T>(&mut self, side: Side, outcome: Result<T, TooLarge>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(TooLarge) => {
                self.local_response(&match side {
                    Side::Request => LocalResponse::by_envoy(
                        413,
                        "Payload Too Large",
                        "request_payload_too_large",
                    ),
                    Side::Response => LocalResponse::by_envoy(
                        500,
                        "Internal Server Error",
                        "response_payload_too_large",
                    ),
                });
                None
            }
        }
    }

    /// The message of a side; a response only once it has started.
    pub(crate) fn message(&self, side: Side) -> Option<&Message> {
        match side {
            Side::Request => Some(&self.request),
            Side::Response => self.response.as_ref(),
        }
    }

    /// The message of a side; a response only once it has started.
    pub(crate) fn message_mut(&mut self, side: Side) -> Option<&mut Message> {
        match side {
            Side::Request => Some(&mut self.request),
            Side::Response => self.response.as_mut(),
        }
    }

    /// A piece of the body is about to be shown: its size and whether it is the end; `None` when the limit is exceeded.
    pub(crate) fn begin_body(&mut self, side: Side) -> Option<(u32, bool)> {
        let outcome = self.message_mut(side).map(Message::begin_body)?;
        self.within_limit(side, outcome)
    }

    pub(crate) fn end_headers(&mut self, side: Side, status: HeadersStatus) {
        if let Some(message) = self.message_mut(side) {
            message.end_headers(status);
        }
        self.settle();
    }

    /// The call whose body is hidden from the filter, if it still is; the same call only once.
    pub(crate) fn take_hidden_body(&mut self) -> Option<HiddenBody> {
        let answer = self.response.as_mut().is_some_and(Message::take_hides_body);
        if !answer && !self.request.take_hides_body() {
            return None;
        }
        let value = |name| self.request.headers.text(name).unwrap_or_default();
        Some(HiddenBody {
            method: value(":method").into_owned(),
            path: value(":path").into_owned(),
            is_of_answer: answer,
        })
    }

    pub(crate) fn end_body(&mut self, side: Side, status: DataStatus) {
        let outcome = self
            .message_mut(side)
            .map_or(Ok(()), |message| message.end_body(status));
        self.within_limit(side, outcome);
        self.settle();
    }

    pub(crate) fn end_trailers(&mut self, side: Side, status: TrailersStatus) {
        if let Some(message) = self.message_mut(side) {
            message.end_trailers(status);
        }
        self.settle();
    }

    /// What `proxy_continue_stream` does at once: Envoy forgets the request, whichever direction is resumed.
    pub(crate) fn forget_request(&mut self) {
        self.request.hide();
    }

    /// What `proxy_continue_stream` does after the callback.
    pub(crate) fn resume(&mut self, side: Side) {
        if let Some(message) = self.message_mut(side) {
            message.resume();
        }
        self.settle();
    }

    /// What `proxy_close_stream` does after the callback.
    pub(crate) fn reset(&mut self, of: StreamType) {
        let details = self
            .response_details
            .get_or_insert_with(|| "wasm_close_stream".to_owned());
        details.truncate(256);
        match of {
            StreamType::Request | StreamType::Response => self.abort(),
            // An HTTP filter has no connection to close.
            StreamType::Downstream | StreamType::Upstream => {}
        }
    }

    fn abort(&mut self) {
        self.client.reset = true;
        self.request.close();
        if let Some(response) = &mut self.response {
            response.close();
        }
    }

    /// A local response in whichever of the three cases applies.
    pub(crate) fn local_response(&mut self, local: &LocalResponse) {
        if self.client.ended || self.client.reset {
            return;
        }
        if self.links.any() {
            self.out.push_back(Relayed::Local(local.clone()));
            return;
        }
        let (started, sent) = (self.response.is_some(), self.has_sent_headers());
        self.is_answered(local, started, sent);
        if sent {
            self.abort();
        } else if started {
            self.send_locally(local);
        } else {
            self.respond_locally(local);
        }
    }

    /// What Envoy answers when the VM has failed and requests may not pass without it.
    pub(crate) fn fail(&mut self) {
        if !self.failure_answered {
            self.failure_answered = true;
            self.local_response(&LocalResponse::by_envoy(503, "", "wasm_fail_stream"));
        }
    }
}

/// Where the client of a connection is.
fn source_address(connection: u64) -> String {
    let port = connection
        .checked_rem(20_000)
        .unwrap_or(0)
        .saturating_add(40_000);
    format!("127.0.0.1:{port}")
}
