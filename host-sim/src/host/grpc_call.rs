//! A gRPC call that a plugin makes, unary or streaming: what has been sent, what comes back, and in which order.
//!
//! Observed on Envoy 1.40. A unary call tells either the message or the status that is not OK. A stream tells its metadata,
//! messages, trailing metadata and status one after the other; whatever goes wrong between Envoy and the service comes as an answer of Envoy's
//! own router. Messages of statuses carry Envoy's response code details in braces.

use std::collections::VecDeque;
use std::time::Duration;

use crate::http::header_map::HeaderMap;
use crate::model::clock::Instant;
use crate::model::grpc::{GrpcAnswer, GrpcBehaviour, GrpcRequest};

const UNIMPLEMENTED: u32 = 12;
const INTERNAL: u32 = 13;
const UNAVAILABLE: u32 = 14;

/// What Envoy's router says when nobody listens.
const UNREACHABLE: &str = "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure";
const UNREACHABLE_DETAILS: &str = "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}";

/// A call.
#[derive(Debug)]
pub(crate) struct GrpcCall {
    /// The root context that is told.
    pub(crate) root: u32,
    pub(crate) cluster: String,
    pub(crate) streams: bool,
    /// What the service has seen, or is about to.
    pub(crate) request: GrpcRequest,
    /// Whether the service has seen it.
    pub(crate) seen: bool,
    /// Whether `proxy_grpc_close` was called.
    pub(crate) closed_here: bool,
    /// Whether the status was told.
    pub(crate) closed_there: bool,
    timeout: Option<Duration>,
    state: State,
    events: VecDeque<GrpcEvent>,
}

#[derive(Debug)]
enum State {
    /// Envoy has not looked for the service yet.
    New,
    /// The service goes on with this; so many of the messages have been answered.
    Served { answer: GrpcAnswer, answered: usize },
    /// Nothing comes before this, if ever.
    Silent(Option<Instant>),
    /// Nothing more happens.
    Over,
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GrpcEvent {
    InitialMetadata(HeaderMap),
    Message(Vec<u8>),
    TrailingMetadata(HeaderMap),
    Close { status: u32, message: String },
}

impl GrpcCall {
    pub(crate) fn unary(
        root: u32,
        cluster: String,
        request: GrpcRequest,
        timeout: Duration,
    ) -> Self {
        Self {
            timeout: (!timeout.is_zero()).then_some(timeout),
            ..Self::stream(root, cluster, request, false)
        }
    }

    pub(crate) fn stream(root: u32, cluster: String, request: GrpcRequest, streams: bool) -> Self {
        Self {
            root,
            cluster,
            streams,
            request,
            seen: false,
            closed_here: false,
            closed_there: false,
            timeout: None,
            state: State::New,
            events: VecDeque::new(),
        }
    }

    /// The call goes nowhere: Envoy knows no such cluster.
    pub(crate) fn without_cluster(mut self) -> Self {
        self.state = State::Over;
        self.close(UNAVAILABLE, "Cluster not available".to_owned());
        self
    }

    /// Whether the service sees this call.
    pub(crate) fn reaches(behaviour: &GrpcBehaviour) -> bool {
        *behaviour != GrpcBehaviour::Unreachable
    }

    /// Sees how far the service goes with what it has now.
    pub(crate) fn go_on(&mut self, behaviour: &GrpcBehaviour, now: Instant) {
        if matches!(self.state, State::New) {
            self.begin(behaviour, now);
        }
        match &self.state {
            State::Served { .. } => self.serve(),
            State::Silent(Some(until)) if *until <= now => {
                self.state = State::Over;
                self.close(
                    UNAVAILABLE,
                    with_details("upstream request timeout", "response_timeout"),
                );
            }
            _ => {}
        }
    }

    fn begin(&mut self, behaviour: &GrpcBehaviour, now: Instant) {
        match behaviour {
            GrpcBehaviour::Hang => {
                self.state = State::Silent(self.timeout.map(|timeout| now.after(timeout)));
            }
            GrpcBehaviour::Unreachable => {
                self.state = State::Over;
                if self.streams {
                    self.events
                        .push_back(GrpcEvent::InitialMetadata(HeaderMap::default()));
                    let mut trailers = answer_headers();
                    trailers.add("grpc-status", UNAVAILABLE.to_string());
                    trailers.add("grpc-message", UNREACHABLE);
                    self.events.push_back(GrpcEvent::TrailingMetadata(trailers));
                }
                self.close(UNAVAILABLE, with_details(UNREACHABLE, UNREACHABLE_DETAILS));
            }
            GrpcBehaviour::Answers(answers) => {
                let answer = answers.get(&self.request.method).cloned();
                let answer = answer.unwrap_or_else(|| GrpcAnswer::error(UNIMPLEMENTED, ""));
                if self.streams && is_trailers_only(&answer) {
                    self.events
                        .push_back(GrpcEvent::InitialMetadata(HeaderMap::default()));
                } else if self.streams {
                    let mut headers = answer_headers();
                    add_all(&mut headers, &answer.initial_metadata);
                    if self.request.closed {
                        headers.add("x-envoy-upstream-service-time", "0");
                    }
                    self.events.push_back(GrpcEvent::InitialMetadata(headers));
                }
                self.state = State::Served {
                    answer,
                    answered: 0,
                };
            }
        }
    }

    fn serve(&mut self) {
        let State::Served { answer, answered } = &mut self.state else {
            return;
        };
        if !self.streams {
            let answer = std::mem::take(answer);
            self.state = State::Over;
            return self.serve_unary(answer);
        }
        let due = if self.request.closed {
            answer.messages.len()
        } else {
            let asked = self.request.messages.len();
            asked
                .saturating_add(answer.unasked)
                .min(answer.messages.len())
        };
        let messages = answer.messages.iter().take(due).skip(*answered).cloned();
        self.events.extend(messages.map(GrpcEvent::Message));
        *answered = due;
        let all_sent = due == answer.messages.len();
        let ends = answer.ends || answer.status != 0;
        if !(self.request.closed || ends && all_sent) {
            return;
        }
        let answer = std::mem::take(answer);
        self.state = State::Over;
        let mut trailers = HeaderMap::default();
        if is_trailers_only(&answer) {
            trailers = answer_headers();
            add_all(&mut trailers, &answer.initial_metadata);
        }
        trailers.add("grpc-status", answer.status.to_string());
        trailers.add("grpc-message", &answer.message);
        add_all(&mut trailers, &answer.trailing_metadata);
        self.events.push_back(GrpcEvent::TrailingMetadata(trailers));
        self.close(answer.status, with_details(&answer.message, "via_upstream"));
    }

    fn serve_unary(&mut self, answer: GrpcAnswer) {
        let message = answer.messages.into_iter().next();
        match (answer.status, message) {
            (0, Some(message)) => self.events.push_back(GrpcEvent::Message(message)),
            (0, None) => self.close(INTERNAL, String::new()),
            (status, _) => self.close(status, with_details(&answer.message, "via_upstream")),
        }
    }

    fn close(&mut self, status: u32, message: String) {
        self.events.push_back(GrpcEvent::Close { status, message });
    }

    /// What comes back next.
    pub(crate) fn take_event(&mut self) -> Option<GrpcEvent> {
        self.events.pop_front()
    }

    /// When Envoy gives up waiting, if it does.
    pub(crate) fn gives_up(&self) -> Option<Instant> {
        match self.state {
            State::Silent(until) => until,
            _ => None,
        }
    }
}

/// Whether the answer comes in one piece, in which the metadata that comes first is part of what comes last.
fn is_trailers_only(answer: &GrpcAnswer) -> bool {
    answer.status != 0 && answer.messages.is_empty()
}

fn answer_headers() -> HeaderMap {
    let mut headers = HeaderMap::of_response();
    headers.add(":status", "200");
    headers.add("content-type", "application/grpc");
    headers
}

fn add_all(map: &mut HeaderMap, entries: &[(String, String)]) {
    for (name, value) in entries {
        map.add(name, value);
    }
}

fn with_details(message: &str, details: &str) -> String {
    if message.is_empty() {
        details.to_owned()
    } else {
        format!("{message}{{{details}}}")
    }
}
