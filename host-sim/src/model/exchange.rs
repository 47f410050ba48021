//! Requests and answers as clients and upstreams see them.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What the upstream answers to every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// The status code.
    pub status: u16,
    /// Headers, several values of a name kept apart.
    pub headers: Vec<(String, String)>,
    /// The body; empty means none at all.
    pub body: Vec<u8>,
    /// Further pieces of the body, each sent as a write of its own, over HTTP/1 with `transfer-encoding: chunked` unless a header says
    /// how long the body is.
    pub more: Vec<Vec<u8>>,
    /// Trailers; they need HTTP/2.
    pub trailers: Vec<(String, String)>,
}

impl Upstream {
    /// The pieces of its body in order, none of them empty.
    pub fn pieces(&self) -> impl Iterator<Item = &Vec<u8>> {
        let pieces = std::iter::once(&self.body).chain(&self.more);
        pieces.filter(|piece| !piece.is_empty())
    }

    /// How many bytes its body has.
    #[must_use]
    pub fn length(&self) -> usize {
        self.pieces().map(Vec::len).sum()
    }
}

impl Default for Upstream {
    fn default() -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: Vec::new(),
            more: Vec::new(),
            trailers: Vec::new(),
        }
    }
}

/// What the upstream does with one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamBehaviour {
    /// It answers.
    Answer(AnswerOverride),
    /// It takes the request and closes the connection before its answer starts.
    Reset,
    /// It sends its headers and its body without an end, and closes the connection.
    ResetAfterHeaders,
    /// It takes the request and never answers, until the route's time-out ends the wait.
    Timeout,
    /// It refuses the connection.
    Unreachable,
    /// It is not there: its cluster has no healthy host.
    NoHealthyUpstream,
    /// It is not asked: the route answers 404 by itself.
    DirectResponse,
    /// It is not asked: the route redirects the client to `/elsewhere`.
    Redirect,
    /// It is not asked: another filter, between the last one and the router, answers so. Envoy's Lua filter stands in for it.
    Neighbour(Upstream),
    /// It answers with this redirect, which the route follows by itself, and as usual when it is asked again.
    InternalRedirect {
        /// The status code, as in 302.
        status: u16,
        /// Where it redirects to, as in `http://api.example/things`.
        location: String,
    },
}

/// How a real upstream ends its part of a call before its answer is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokenOff {
    /// It closes the connection.
    Closed,
    /// It resets the stream of HTTP/2.
    Reset,
    /// The same, and says that it has done nothing with the request (`REFUSED_STREAM`).
    Refused,
    /// It breaks the protocol, or says that Envoy does (`PROTOCOL_ERROR`).
    Malformed,
}

impl Default for UpstreamBehaviour {
    fn default() -> Self {
        Self::Answer(AnswerOverride::default())
    }
}

/// How one answer differs from the upstream's usual one; what is `None` is as usual.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerOverride {
    /// The status code.
    pub status: Option<u16>,
    /// All headers, several values of a name kept apart.
    pub headers: Option<Vec<(String, String)>>,
    /// The body in pieces.
    pub body: Option<Vec<Vec<u8>>>,
    /// All trailers; they need HTTP/2.
    pub trailers: Option<Vec<(String, String)>>,
    /// Of an overlapping call: headers and body are sent at once, without `content-length`, and only the end is held.
    pub streams: bool,
}

impl AnswerOverride {
    /// The whole answer of an upstream that usually gives this one.
    #[must_use]
    pub fn over(&self, usual: &Upstream) -> Upstream {
        let (body, more) = match self.body.as_deref() {
            None => (usual.body.clone(), usual.more.clone()),
            Some([]) => Default::default(),
            Some([first, more @ ..]) => (first.clone(), more.to_vec()),
        };
        Upstream {
            status: self.status.unwrap_or(usual.status),
            headers: self.headers.as_ref().unwrap_or(&usual.headers).clone(),
            body,
            more,
            trailers: self.trailers.as_ref().unwrap_or(&usual.trailers).clone(),
        }
    }
}

/// A request as a client sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method, sent as it is.
    pub method: String,
    /// Path and query, sent as they are: no normalization by the client.
    pub path: String,
    /// The `Host` header or `:authority`.
    pub authority: String,
    /// Whether there is none of them.
    pub hostless: bool,
    /// `:scheme`, which only HTTP/2 has; `http` by default.
    pub scheme: Option<String>,
    /// Headers in order, several values of a name kept apart.
    pub headers: Vec<(String, String)>,
    /// The body in chunks. One chunk is sent with `content-length`; several are sent as separate writes, over HTTP/1 with
    /// `transfer-encoding: chunked`. A header among `headers` takes precedence.
    pub body: Vec<Vec<u8>>,
    /// Trailers, sent after the body.
    pub trailers: Vec<(String, String)>,
    /// The version of HTTP.
    pub http: HttpVersion,
    /// Whether it is HTTP/1.0, of the version 1.
    pub http_10: bool,
    /// Which worker serves it, counted from 0; only for hosts with [`Capability::PinWorker`](crate::target::Capability::PinWorker).
    pub worker: Option<u32>,
    /// What the upstream does with it.
    pub upstream: UpstreamBehaviour,
    /// Whether the end of the body, and the trailers, are kept back until the call is [finished](crate::target::Session::finish). The body is
    /// sent without its length then, unless a header says it; only for hosts with
    /// [`Capability::UnfinishedRequests`](crate::target::Capability::UnfinishedRequests).
    pub unfinished: bool,
    /// Whether its client may go away at any time, when every interleaving is explored; only for hosts with
    /// [`Capability::Interleaving`](crate::target::Capability::Interleaving).
    pub may_leave: bool,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            authority: "api.example".to_owned(),
            hostless: false,
            scheme: None,
            headers: Vec::new(),
            body: Vec::new(),
            trailers: Vec::new(),
            http: HttpVersion::One,
            http_10: false,
            worker: None,
            upstream: UpstreamBehaviour::default(),
            unfinished: false,
            may_leave: false,
        }
    }
}

/// A version of HTTP, written in scenarios as `1` or `2`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub enum HttpVersion {
    /// HTTP/1.1.
    #[default]
    One,
    /// HTTP/2.
    Two,
}

impl HttpVersion {
    /// The other one.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::One => Self::Two,
            Self::Two => Self::One,
        }
    }
}

impl TryFrom<u64> for HttpVersion {
    type Error = String;

    fn try_from(number: u64) -> Result<Self, Self::Error> {
        match number {
            1 => Ok(Self::One),
            2 => Ok(Self::Two),
            other => Err(format!("unknown version of HTTP {other}, expected 1 or 2")),
        }
    }
}

/// What a client, an upstream and an operator saw of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exchange {
    /// The status code that the client got.
    pub status: u16,
    /// The headers that the client got, names in lower case, several values of a name kept apart.
    pub headers: Vec<(String, String)>,
    /// The body that the client got.
    pub body: Vec<u8>,
    /// The trailers that the client got.
    pub trailers: Vec<(String, String)>,
    /// Whether the answer was cut off: the client never got all of it. Without any answer the status is 0.
    pub aborted: bool,
    /// Whether nobody even told the client so. Envoy takes the answer for complete, but it has fewer bytes than its
    /// `content-length` says, and over HTTP/1 the client waits for the others until it gives up. [`aborted`](Self::aborted) is true
    /// then as well.
    pub starved: bool,
    /// What the upstream saw, even if only in part; `None` when the request never reached it. Headers that have passed the filter
    /// count as seen, also when a body callback answers the request or closes the stream afterwards. On Envoy it is a race then
    /// whether they are on their way already.
    pub upstream: Option<UpstreamRequest>,
    /// The filter state that the access log would show, for the keys of [`Setup::properties`](crate::target::Setup::properties); unset keys are missing.
    pub properties: BTreeMap<String, String>,
    /// Why the answer has its status, or why there is none: `%RESPONSE_CODE_DETAILS%` of the access log.
    pub response_code_details: Option<String>,
    /// `%GRPC_STATUS_NUMBER%` of the access log; `None` where the request is no gRPC.
    pub grpc_status: Option<u32>,
}

impl Exchange {
    /// The same without anything of an answer, of a client that did not wait for it.
    #[must_use]
    pub(crate) fn without_answer(self) -> Self {
        Self {
            upstream: self.upstream,
            properties: self.properties,
            response_code_details: self.response_code_details,
            grpc_status: self.grpc_status,
            ..Self::default()
        }
    }
}

/// A request as the upstream saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamRequest {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The `:authority` of HTTP/2; over HTTP/1 it is among the headers, as `host`.
    pub authority: String,
    /// Headers, names in lower case, several values of a name kept apart.
    pub headers: Vec<(String, String)>,
    /// The body; empty unless all of it arrived.
    pub body: Vec<u8>,
}
