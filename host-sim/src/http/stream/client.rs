//! What the client of a stream got so far.

use crate::http::framing::{Breach, Framing};
use crate::http::header_map::HeaderMap;
use crate::model::HttpVersion;

/// What it got.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) headers: Option<HeaderMap>,
    pub(super) headers_only: bool,
    pub(super) body: Vec<u8>,
    pub(super) trailers: Option<HeaderMap>,
    /// Whether Envoy has sent all that it will.
    pub(super) ended: bool,
    /// Whether the stream was reset, by whomever.
    pub(super) reset: bool,
    /// How the body broke the promise of its `content-length`.
    pub(super) breach: Option<Breach>,
    /// Whether it resets the stream because of the headers.
    refused: bool,
    framing: Framing,
    /// Whether somebody outside has the headers already.
    pub(super) told: bool,
    /// How much of the body somebody outside has already.
    pub(super) taken: usize,
}

impl Client {
    pub(super) fn new(http: HttpVersion) -> Self {
        Self {
            headers: None,
            headers_only: false,
            body: Vec::new(),
            trailers: None,
            ended: false,
            reset: false,
            breach: None,
            refused: false,
            framing: Framing::open(http),
            told: false,
            taken: 0,
        }
    }

    /// The headers arrive; `framing` says what they promise.
    pub(super) fn take_headers(&mut self, headers: HeaderMap, end: bool, framing: Framing) {
        self.headers = Some(headers);
        self.headers_only = end;
        self.framing = framing;
        if end {
            self.take(Vec::new(), true);
            self.refused = self.breach == Some(Breach::Malformed);
        }
    }

    /// The headers as the client sees them: it does not even look at an answer that is malformed from the start.
    pub(super) fn seen_headers(&self) -> Option<&HeaderMap> {
        self.headers.as_ref().filter(|_| !self.refused)
    }

    /// A piece of the body arrives.
    pub(super) fn take(&mut self, mut bytes: Vec<u8>, end: bool) {
        if let Err(breach) = self.framing.take(&mut bytes, end) {
            self.breach = Some(breach);
        }
        self.body.extend(bytes);
        self.ended |= end;
    }

    /// The trailers arrive, and with them the end.
    pub(super) fn take_trailers(&mut self, trailers: Option<HeaderMap>) {
        self.take(Vec::new(), true);
        if self.breach.is_none() {
            self.trailers = trailers;
        }
    }

    /// Whether the client refuses the rest of a stream that has not ended.
    pub(super) fn refuses(&self) -> bool {
        self.breach == Some(Breach::Malformed) && !self.ended
    }

    /// Whether it never got the whole answer.
    pub(super) fn is_cut_off(&self) -> bool {
        self.reset && !self.framing.is_complete() || self.breach.is_some()
    }

    /// Whether it waits for the rest of an answer that is over for Envoy.
    pub(super) fn waits_in_vain(&self) -> bool {
        self.breach == Some(Breach::Starved) && !self.reset
    }
}
