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
mod passage;

use std::collections::BTreeMap;

use crate::http::hidden_body::HiddenBody;
use crate::http::message::Frame;
use crate::http::stream::{Arrival, HttpStream, PassedOn, Sent};
use crate::model::clock::Instant;
use crate::model::{BrokenOff, Departure, Exchange, Request, UpstreamBehaviour, UpstreamRequest};
use crate::proxy::worker::{Progress, Worker};
pub(crate) use filters::{Filters, Recipe};
use passage::Passage;

/// The filters of one worker, first to last, and the streams in them.
pub(crate) struct Chain {
    pub(crate) filters: Filters,
    /// Streams on their way through several filters, by the stream's number in the first of them.
    passages: BTreeMap<u32, Passage>,
    /// Streams that go on as others after an internal redirect, by the number that they began with.
    redirected: BTreeMap<u32, u32>,
}

impl Chain {
    pub(crate) fn new(filters: Filters) -> Self {
        Self {
            filters,
            passages: BTreeMap::new(),
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
        let stream = Box::new(stream(first.root));
        if stream.is_refused() && !stream.is_logged() {
            self.filters.open_unheard(0, id, stream);
            return id;
        }
        if others.is_empty() && stream.is_refused() {
            self.filters.open_unseen(0, first, stream);
        } else if stream.is_refused() {
            let passage = Passage::new(id).numbered([vec![first], others].concat());
            self.passages.insert(id, passage);
            self.filters.open_unseen(0, first, stream.linked());
        } else if others.is_empty() {
            self.filters.open(0, first, stream);
        } else {
            let passage = Passage::new(id).numbered([vec![first], others].concat());
            self.passages.insert(id, passage);
            self.filters.open(0, first, stream.linked());
        }
        id
    }

    /// Goes on with a stream as far as it goes.
    pub(crate) fn pump(&mut self, id: u32) -> Progress {
        loop {
            let leg = self.leg(id);
            self.expire(leg);
            let progress = self.pump_leg(leg);
            self.touch(leg, progress);
            let elsewhere = |part: &mut HttpStream| part.goes_elsewhere();
            if progress != Progress::Complete || !self.first_part(id).is_some_and(elsewhere) {
                return progress;
            }
            self.redirect(id, leg);
        }
    }

    /// Gives a stream up if it is time.
    fn expire(&mut self, leg: u32) {
        let now = self.filters.vms().next().map(Worker::now);
        let first = self.filters.stream(0, leg);
        if let Some((first, now)) = first.filter(|first| first.deadline().is_some()).zip(now) {
            first.expire(now);
        }
    }

    /// Takes note of the time at which something has come or gone.
    fn touch(&mut self, leg: u32, progress: Progress) {
        let (Progress::Held { moved, .. }
        | Progress::Open { moved }
        | Progress::Waits { moved, .. }) = progress
        else {
            return;
        };
        let now = self.filters.vms().next().map(Worker::now);
        let first = self.filters.stream(0, leg).filter(|_| moved);
        if let Some((first, now)) = first.zip(now) {
            first.touch(now);
        }
    }

    /// When a stream is given up.
    pub(crate) fn deadline(&mut self, id: u32) -> Option<Instant> {
        self.first_part(id)?.deadline()
    }

    fn pump_leg(&mut self, id: u32) -> Progress {
        if let Some(mut passage) = self.passages.remove(&id) {
            let progress = passage.pump(&mut self.filters);
            self.passages.insert(id, passage);
            return progress;
        }
        let first = self.filters.vm_of(0);
        first.map_or(Progress::Complete, |first| first.pump(id))
    }

    /// The call of this stream, if a filter cannot see its body while it pauses the headers; the same only once.
    pub(crate) fn take_hidden_body(&mut self, id: u32) -> Option<HiddenBody> {
        let leg = self.leg(id);
        let parts = match self.passages.get(&leg) {
            Some(passage) => passage.parts().enumerate().collect(),
            None => vec![(0, leg)],
        };
        let mut parts = parts.into_iter();
        parts.find_map(|(filter, part)| self.filters.vm_of(filter)?.take_hidden_body(part))
    }

    /// The number under which a stream goes on.
    fn leg(&self, id: u32) -> u32 {
        self.redirected.get(&id).copied().unwrap_or(id)
    }

    /// A leg of a stream is over, and the next one begins.
    fn redirect(&mut self, id: u32, leg: u32) {
        let now = self.filters.vms().next().map(Worker::now);
        let next = self.last_part(id).map(HttpStream::redirected);
        self.end_leg(leg, |_| ());
        if let (Some(now), Some(next)) = (now, next) {
            let number = self.enter(now, |root| next.in_root(root));
            self.redirected.insert(id, number);
        }
    }

    /// Ends a stream and says what was seen of it.
    pub(crate) fn close(&mut self, id: u32) -> Exchange {
        let leg = self.leg(id);
        if !self.passages.contains_key(&leg) {
            self.redirected.remove(&id);
            let first = self.filters.vm_of(0);
            return first.map(|first| first.close(leg)).unwrap_or_default();
        }
        let rules = self.filters.rules(0);
        let properties = rules.map(|rules| rules.properties.clone());
        let properties = properties.unwrap_or_default();
        let upstream = self.seen_by_upstream(id);
        let exchange = self.end(id, |first| first.exchange(&properties));
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
        match self.passages.remove(&id) {
            Some(passage) => passage.end(&mut self.filters, seen),
            None => self.filters.vm_of(0)?.end(id, seen),
        }
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
        if self.passages.contains_key(&self.leg(id)) {
            return self.on_parts(id, |part| part.answered_with(behaviour.clone()));
        }
        if let Some(part) = self.first_part(id) {
            part.answered_with(behaviour);
        }
    }

    fn on_parts(&mut self, id: u32, act: impl Fn(&mut HttpStream)) {
        let leg = self.leg(id);
        let Some(passage) = self.passages.get(&leg) else {
            return self.filters.stream(0, leg).map_or((), act);
        };
        for (filter, part) in passage.parts().enumerate() {
            if let Some(part) = self.filters.stream(filter, part) {
                act(part);
            }
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

    /// The request of this stream as the upstream saw it.
    fn seen_by_upstream(&mut self, id: u32) -> Option<UpstreamRequest> {
        self.last_part(id)?.seen_by_upstream()
    }

    /// The part of this stream in the last filter, once it has come so far.
    fn last_part(&mut self, id: u32) -> Option<&mut HttpStream> {
        let last = self.filters.len().checked_sub(1)?;
        let leg = self.leg(id);
        let part = match self.passages.get(&leg) {
            Some(passage) => passage.parts().nth(last)?,
            None => leg,
        };
        self.filters.stream(last, part)
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
