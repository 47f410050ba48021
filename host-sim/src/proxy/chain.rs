//! The filters of one worker, each with its VM, and the streams that pass through them.
//!
//! A request passes the filters first to last, its answer last to first. Each filter has a part of the stream for itself
//! ([`HttpStream`]); what one lets pass arrives at the next as if it came from a peer, and the pieces of a message go as far as they
//! can before the next piece comes, as in Envoy's filter manager. As observed on Envoy 1.40:
//!
//! - a local response starts in the last filter that has seen the request, whichever filter gives it, and passes all before that;
//!   once an answer has started, it goes to the client past all of them, and once that has its headers, the stream is reset;
//! - in the end every filter logs, first to last, also those that the request never reached, whose contexts are made for it;
//!   then each is done and deleted, again first to last.
//!
//! Filters with the same `vm_id`, module, VM configuration and environment live in one VM, and die together.

mod filters;
mod progress;
mod stream;

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;

use crate::http::hidden_body::HiddenBody;
use crate::http::message::Frame;
use crate::http::stream::{Arrival, HttpStream, PassedOn, Sent};
use crate::model::clock::Instant;
use crate::model::{BrokenOff, Departure, Exchange, Request, UpstreamBehaviour, UpstreamRequest};
use crate::proxy::worker::Worker;
pub(crate) use filters::{Filters, Recipe};
pub(crate) use progress::Progress;
use stream::Stream;

/// The filters of one worker, first to last, and the streams in them.
pub(crate) struct Chain {
    pub(crate) filters: Filters,
    /// Streams on their way, by their numbers in the first filter.
    streams: HashMap<u32, Stream, FixedState>,
    /// Streams that go on as others after an internal redirect, by the number that they began with.
    redirected: BTreeMap<u32, u32>,
}

impl Chain {
    pub(crate) fn new(filters: Filters) -> Self {
        Self {
            filters,
            streams: HashMap::default(),
            redirected: BTreeMap::new(),
        }
    }

    /// Opens a stream and shows its request headers to the first filter.
    pub(crate) fn open(&mut self, request: &Request, arrival: Arrival) -> u32 {
        let now = arrival.now;
        self.enter(now, |root| HttpStream::new(request, root, arrival))
    }

    /// A stream enters, which is made once its root context in the first filter is known.
    fn enter(&mut self, now: Instant, stream: impl FnOnce(u32) -> HttpStream) -> u32 {
        let mut numbers = self.filters.next_stream(now);
        let Some(first) = numbers.next() else {
            return 0;
        };
        let others: Vec<_> = numbers.collect();
        let id = first.id;
        let mut stream = Box::new(stream(first.root));
        // What Envoy refuses at once is logged at most.
        let (refused, unheard) = (stream.is_refused(), !stream.is_logged());
        let others = if unheard { Vec::new() } else { others };
        stream.link(!others.is_empty());
        let timed = stream.deadline().is_some();
        self.streams.insert(id, Stream::new(first, others, timed));
        if unheard {
            self.filters.open_unheard(0, id, stream);
        } else if refused {
            self.filters.open_unseen(0, first, stream);
        } else {
            self.filters.open(0, first, stream);
        }
        id
    }

    /// Goes on with a stream as far as it goes.
    pub(crate) fn pump(&mut self, id: u32) -> Progress {
        loop {
            let leg = self.leg(id);
            let Some(stream) = self.streams.get_mut(&leg) else {
                return Progress::Complete;
            };
            let progress = stream.pump(&mut self.filters);
            let goes_on = progress == Progress::Complete
                && stream
                    .part(&mut self.filters, 0)
                    .is_some_and(|first| first.goes_elsewhere());
            if !goes_on {
                return progress;
            }
            self.redirect(id, leg);
        }
    }

    /// When a stream is given up.
    pub(crate) fn deadline(&mut self, id: u32) -> Option<Instant> {
        self.first_part(id)?.deadline()
    }

    /// The call of this stream, if a filter cannot see its body while it pauses the headers; the same only once.
    pub(crate) fn take_hidden_body(&mut self, id: u32) -> Option<HiddenBody> {
        let leg = self.leg(id);
        let stream = self.streams.get(&leg)?;
        let mut parts =
            (0..self.filters.len()).map_while(|filter| Some((filter, stream.id(filter)?)));
        parts.find_map(|(filter, part)| self.filters.vm_of(filter)?.take_hidden_body(part))
    }

    /// The number under which a stream goes on.
    fn leg(&self, id: u32) -> u32 {
        self.redirected.get(&id).copied().unwrap_or(id)
    }

    /// A leg of a stream is over, and the next one begins.
    fn redirect(&mut self, id: u32, leg: u32) {
        let now = self.filters.now();
        let next = self.last_part(id).map(HttpStream::redirected);
        self.end_leg(leg, |_| ());
        if let (Some(now), Some(next)) = (now, next) {
            let number = self.enter(now, |root| next.in_root(root));
            self.redirected.insert(id, number);
        }
    }

    /// Ends a stream and says what was seen of it.
    pub(crate) fn close(&mut self, id: u32) -> Exchange {
        let upstream = self.last_part(id).and_then(|part| part.seen_by_upstream());
        let rules = self.filters.rules(0);
        let properties = rules.as_ref().map(|rules| rules.properties.as_slice());
        let exchange = self.end(id, |first| first.exchange(properties.unwrap_or_default()));
        Exchange {
            upstream,
            ..exchange.unwrap_or_default()
        }
    }

    /// Ends a stream and takes what was seen of its part in the first filter.
    pub(crate) fn end<T>(&mut self, id: u32, seen: impl FnOnce(&mut HttpStream) -> T) -> Option<T> {
        let leg = self.redirected.remove(&id).unwrap_or(id);
        self.end_leg(leg, seen)
    }

    fn end_leg<T>(&mut self, id: u32, seen: impl FnOnce(&mut HttpStream) -> T) -> Option<T> {
        let stream = self.streams.remove(&id)?;
        stream.end(&mut self.filters, seen)
    }

    /// The upstream holds what it would do next on this stream.
    pub(crate) fn hold(&mut self, id: u32) {
        self.on_parts(id, HttpStream::hold);
    }

    /// The upstream goes on with this stream.
    pub(crate) fn release(&mut self, id: u32) {
        self.on_parts(id, HttpStream::release);
    }

    /// The client sends the rest of its request, which is its end and these trailers.
    pub(crate) fn complete(&mut self, id: u32, trailers: &[(String, String)]) {
        if let Some(stream) = self.first_part(id) {
            stream.complete(trailers);
        }
    }

    /// What the upstream has done with this stream.
    pub(crate) fn answered_with(&mut self, id: u32, behaviour: UpstreamBehaviour) {
        self.on_parts(id, |part| part.answered_with(behaviour.clone()));
    }

    fn on_parts(&mut self, id: u32, act: impl FnMut(&mut HttpStream)) {
        if let Some(stream) = self.streams.get(&self.leg(id)) {
            stream.each(&mut self.filters, act);
        }
    }

    /// The client of this stream leaves.
    pub(crate) fn depart(&mut self, id: u32, departure: Departure) {
        if let Some(stream) = self.first_part(id) {
            stream.depart(departure);
        }
    }

    /// The part of this stream in the first filter.
    pub(crate) fn first_part(&mut self, id: u32) -> Option<&mut HttpStream> {
        let leg = self.leg(id);
        self.filters.stream(0, leg)
    }

    /// The request of this stream as it goes to the upstream.
    pub(crate) fn forwarded(&mut self, id: u32) -> Option<UpstreamRequest> {
        self.last_part(id)?.forwarded()
    }

    /// More of this stream's request has come.
    pub(crate) fn receive(&mut self, id: u32, frame: Frame) {
        if let Some(stream) = self.first_part(id) {
            stream.request.arrive(frame);
        }
    }

    /// The upstream's answer has begun: its status and headers; `end` says that this is all of it.
    pub(crate) fn answer(&mut self, id: u32, status: u16, headers: &[(String, String)], end: bool) {
        if let Some(part) = self.last_part(id) {
            part.answer_begins(status, headers, end);
        }
    }

    /// More of the upstream's answer has come.
    pub(crate) fn receive_answer(&mut self, id: u32, frame: Frame) {
        let response = self.last_part(id).and_then(|part| part.response.as_mut());
        if let Some(response) = response {
            response.arrive(frame);
        }
    }

    /// The upstream breaks off.
    pub(crate) fn break_off(&mut self, id: u32, how: BrokenOff) {
        let Some(part) = self.last_part(id) else {
            return;
        };
        part.breaks_off(how);
        if part.response.is_none() {
            self.answered_with(id, UpstreamBehaviour::Reset);
        }
    }

    /// What has passed all filters since this was last asked.
    pub(crate) fn take_forwarded(&mut self, id: u32) -> Option<PassedOn> {
        self.last_part(id)?.take_forwarded()
    }

    /// What the client has got since this was last asked.
    pub(crate) fn take_sent(&mut self, id: u32) -> Option<Sent> {
        self.first_part(id)?.take_sent()
    }

    /// How many bytes of this stream wait because a filter holds it.
    pub(crate) fn backlog(&mut self, id: u32) -> usize {
        let stream = self.first_part(id);
        stream.map_or(0, |stream| stream.backlog())
    }

    /// The part of this stream in the last filter, once it has come so far.
    fn last_part(&mut self, id: u32) -> Option<&mut HttpStream> {
        let last = self.filters.len().checked_sub(1)?;
        let stream = self.streams.get(&self.leg(id))?;
        stream.part(&mut self.filters, last)
    }

    /// Fires the timers that are due at this instant.
    pub(crate) fn tick(&mut self, now: Instant) {
        for vm in self.filters.vms_mut() {
            vm.tick(now);
        }
    }

    /// Fires every timer once.
    pub(crate) fn fire_timers(&mut self) {
        self.filters.vms_mut().for_each(Worker::fire_timers);
    }

    /// When something is due by itself.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.filters.vms().filter_map(Worker::next_due).min()
    }

    /// Tells root contexts of the items in their queues. Says whether there was any.
    pub(crate) fn deliver_queues(&mut self) -> bool {
        let vms = self.filters.vms_mut();
        vms.fold(false, |any, vm| vm.deliver_queues() | any)
    }

    /// Gives the plugins the answers to their calls. Says whether there was any.
    pub(crate) fn deliver_callouts(&mut self) -> bool {
        let vms = self.filters.vms_mut().filter(|vm| vm.has_called_out());
        vms.fold(false, |any, vm| {
            let http = vm.deliver_callouts();
            let names = vm.deliver_names();
            vm.deliver_grpc() | http | names | any
        })
    }
}
