//! Calls of real clients whose bodies come and go piece by piece.

use super::engine::Body;
use super::live::{CallId, Event};
use super::{SimulationError, Simulator};
use crate::http::header_map::HeaderMap;
use crate::http::message::Frame;
use crate::http::stream::PassedOn;
use crate::model::{BrokenOff, HttpVersion, Request, UpstreamRequest, octets};
use crate::proxy::chain::{Chain, Progress};

/// What comes behind the headers of a request or an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes of the body. As in Envoy, the last piece of a body that came over HTTP/1 is empty.
    Data {
        /// The bytes.
        bytes: Vec<u8>,
        /// Whether nothing comes after them.
        end: bool,
    },
    /// Trailers, after which nothing comes. Envoy passes over those that come over HTTP/1.
    Trailers(Vec<(String, String)>),
}

impl Piece {
    fn frame(self, http: HttpVersion) -> Frame {
        match (self, http) {
            (Self::Data { bytes, end }, _) => Frame::Data { bytes, end },
            (Self::Trailers(_), HttpVersion::One) => Frame::Data {
                bytes: Vec::new(),
                end: true,
            },
            (Self::Trailers(fields), HttpVersion::Two) => {
                let mut map = HeaderMap::default();
                for (name, value) in fields {
                    map.add(&name, octets::bytes(&value));
                }
                Frame::Trailers(map)
            }
        }
    }
}

impl Simulator {
    /// Takes the head of a request whose body comes piece by piece ([`receive`](Self::receive)), unless it has `ended`. What the upstream
    /// and the client are to get is told piece by piece as well.
    ///
    /// ```
    /// use host_sim::target::{HttpVersion, Request};
    /// use host_sim::{Event, Module, Piece, Simulator};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let module = Module::from_bytes(host_sim::SMALLEST)?;
    /// let mut simulator = Simulator::builder(&module).start()?;
    /// let post = Request { method: "POST".to_owned(), ..Request::default() };
    /// let call = simulator.begin_streaming(&post, false)?;
    /// assert!(matches!(&simulator.settle()?[..], [Event::Forward { ended: false, .. }]));
    ///
    /// let piece = Piece::Data { bytes: b"hello".to_vec(), end: true };
    /// simulator.receive(call, piece.clone(), HttpVersion::One);
    /// assert!(matches!(&simulator.settle()?[..], [Event::ForwardMore { piece: seen, .. }] if *seen == piece));
    ///
    /// simulator.respond(call, 200, &[], true);
    /// assert!(matches!(&simulator.settle()?[..], [Event::Answer { status: 200, .. }, Event::AnswerMore { .. }, Event::Ended { .. }]));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When it names a worker that does not exist.
    pub fn begin_streaming(
        &mut self,
        request: &Request,
        ended: bool,
    ) -> Result<CallId, SimulationError> {
        self.begin_with(request, Body::InPieces { ended })
    }

    /// The headers of a request as they are now, those with a colon included; `None` once the call is gone.
    pub(crate) fn request_headers(&mut self, call: CallId) -> Option<Vec<(String, String)>> {
        let mut headers = None;
        self.on_live(call, |worker, id| {
            let stream = worker.first_part(id);
            headers = stream.map(|stream| {
                let all = stream.request.headers.iter();
                all.map(|(name, value)| (octets::text(name), octets::text(value)))
                    .collect()
            });
        });
        headers
    }

    /// Whether the client of a call goes on in another protocol, which the listener allows, so that what comes behind its head is no body.
    pub fn is_upgraded(&mut self, call: CallId) -> bool {
        let mut upgraded = false;
        self.on_live(call, |worker, id| {
            upgraded = worker
                .first_part(id)
                .is_some_and(|stream| stream.is_upgraded());
        });
        upgraded
    }

    /// More of a request has come, over this version of HTTP.
    pub fn receive(&mut self, call: CallId, piece: Piece, http: HttpVersion) {
        let frame = piece.frame(http);
        self.on_live(call, |worker, id| worker.receive(id, frame));
    }

    /// The upstream's answer to a call that streams has begun; Envoy treats one whose status is below 100 as malformed. Unless it has
    /// `ended`, more of it follows ([`receive_answer`](Self::receive_answer)).
    pub fn respond(
        &mut self,
        call: CallId,
        status: u16,
        headers: &[(String, String)],
        ended: bool,
    ) {
        self.on_live(call, |worker, id| worker.answer(id, status, headers, ended));
    }

    /// More of the upstream's answer has come, over this version of HTTP.
    pub fn receive_answer(&mut self, call: CallId, piece: Piece, http: HttpVersion) {
        let frame = piece.frame(http);
        self.on_live(call, |worker, id| worker.receive_answer(id, frame));
    }

    /// The upstream has broken off, before its answer began or within it.
    pub fn break_off(&mut self, call: CallId, how: BrokenOff) {
        self.on_live(call, |worker, id| worker.break_off(id, how));
    }

    /// How many bytes of a call wait because the plugin holds them. Whoever reads them from a real client or upstream should not read
    /// on when there are many.
    pub fn backlog(&mut self, call: CallId) -> usize {
        let mut backlog = 0;
        self.on_live(call, |worker, id| backlog = worker.backlog(id));
        backlog
    }

    /// As [`settle`](Self::settle), for a moment in which only this call can have gone on. What that sets off elsewhere is seen to as well.
    ///
    /// # Errors
    ///
    /// As [`settle`](Self::settle).
    pub fn settle_call(&mut self, call: CallId) -> Result<Vec<Event>, SimulationError> {
        let mut events = Vec::new();
        loop {
            let moved = self.round_of_one(call, &mut events);
            if self.has_stirred(&mut events) {
                events.extend(self.settle()?);
                return Ok(events);
            }
            self.check_implemented()?;
            if !moved {
                return Ok(events);
            }
        }
    }

    fn round_of_one(&mut self, call: CallId, events: &mut Vec<Event>) -> bool {
        let Some(mut live) = self.live.calls.remove(&call) else {
            return false;
        };
        let progress = self.step_of_live(call, &mut live, events);
        if progress != Progress::Complete {
            self.live.calls.insert(call, live);
        }
        progress.moved()
    }

    /// Whether something happened that concerns other calls or the plugin as a whole.
    fn has_stirred(&mut self, events: &mut Vec<Event>) -> bool {
        let mut stirred = self.tell_queues();
        self.take_callouts_out(events);
        stirred |= self.deliver_callouts();
        for worker in &mut self.workers {
            for vm in worker.filters.vms_mut() {
                stirred |= vm.has_stirred();
            }
        }
        stirred
    }
}

/// Tells what the upstream and the client are to get now.
pub(super) fn tell(call: CallId, chain: &mut Chain, id: u32, events: &mut Vec<Event>) {
    if let Some(forwarded) = chain.take_forwarded(id) {
        let PassedOn {
            request,
            bytes,
            trailers,
            end,
        } = forwarded;
        let ends_here = end && trailers.is_empty();
        match request {
            Some(request) => events.push(Event::Forward {
                call,
                request: UpstreamRequest {
                    body: bytes,
                    ..request
                },
                ended: ends_here,
            }),
            // Nothing may be left but trailers.
            None if bytes.is_empty() && !ends_here => {}
            None => events.push(Event::ForwardMore {
                call,
                piece: Piece::Data {
                    bytes,
                    end: ends_here,
                },
            }),
        }
        if !trailers.is_empty() {
            let piece = Piece::Trailers(trailers);
            events.push(Event::ForwardMore { call, piece });
        }
    }
    let Some(sent) = chain.take_sent(id) else {
        return;
    };
    if let Some((status, headers)) = sent.head {
        events.push(Event::Answer {
            call,
            status,
            headers,
        });
    }
    let end = sent.end && sent.trailers.is_empty();
    if end || !sent.bytes.is_empty() {
        let bytes = sent.bytes;
        let piece = Piece::Data { bytes, end };
        events.push(Event::AnswerMore { call, piece });
    }
    if !sent.trailers.is_empty() {
        let piece = Piece::Trailers(sent.trailers);
        events.push(Event::AnswerMore { call, piece });
    }
}
