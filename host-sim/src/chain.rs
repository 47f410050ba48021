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
//! Unlike in Envoy, filters with the same `vm_id`, module and VM configuration do not share a VM: each has its own, so that the
//! death of one is not the other's.

mod passage;

use std::collections::BTreeMap;

use crate::clock::Instant;
use crate::stream::HttpStream;
use crate::target::{Exchange, Request, UpstreamBehaviour, UpstreamRequest};
use crate::vm::VmFailure;
use crate::worker::{Progress, Worker};
use passage::Passage;

/// The filters of one worker, first to last.
pub(crate) struct Chain {
    pub(crate) links: Vec<Worker>,
    /// Streams on their way through several filters, by the stream's number in the first of them.
    passages: BTreeMap<u32, Passage>,
}

/// What a new stream brings along besides its request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) buffer_limit: usize,
    pub(crate) connection: u64,
    pub(crate) now: Instant,
}

impl Chain {
    pub(crate) fn new(links: Vec<Worker>) -> Self {
        Self {
            links,
            passages: BTreeMap::new(),
        }
    }

    /// Opens a stream and shows its request headers to the first filter.
    pub(crate) fn open(&mut self, request: &Request, arrival: Arrival) -> u32 {
        for link in &mut self.links {
            link.reload_if_due(arrival.now);
        }
        let several = self.links.len() > 1;
        let Some(first) = self.links.first_mut() else {
            return 0;
        };
        let (id, root) = first.next_stream();
        let Arrival {
            buffer_limit,
            connection,
            now,
        } = arrival;
        let stream = HttpStream::new(request, root, buffer_limit, connection, now);
        if several {
            self.passages.insert(id, Passage::new(id));
            first.open(id, stream.linked());
        } else {
            first.open(id, stream);
        }
        id
    }

    /// Goes on with a stream as far as it goes.
    pub(crate) fn pump(&mut self, id: u32) -> Progress {
        if let Some(mut passage) = self.passages.remove(&id) {
            let progress = passage.pump(&mut self.links);
            self.passages.insert(id, passage);
            return progress;
        }
        let first = self.links.first_mut();
        first.map_or(Progress::Complete, |first| first.pump(id))
    }

    /// Ends a stream and says what was seen of it.
    pub(crate) fn close(&mut self, id: u32) -> Exchange {
        if !self.passages.contains_key(&id) {
            let first = self.links.first_mut();
            return first.map(|first| first.close(id)).unwrap_or_default();
        }
        let rules = self.links.first().map(Worker::rules);
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
        match self.passages.remove(&id) {
            Some(passage) => passage.end(&mut self.links, seen),
            None => self.links.first_mut()?.end(id, seen),
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

    /// What the upstream has done with this stream.
    pub(crate) fn answered_with(&mut self, id: u32, behaviour: &UpstreamBehaviour) {
        self.on_parts(id, |part| part.answered_with(behaviour.clone()));
    }

    fn on_parts(&mut self, id: u32, act: impl Fn(&mut HttpStream)) {
        let alone = Passage::new(id);
        let passage = self.passages.get(&id).unwrap_or(&alone);
        for (link, part) in self.links.iter_mut().zip(passage.parts()) {
            if let Some(part) = link.stream(part) {
                act(part);
            }
        }
    }

    /// The client of this stream goes away.
    pub(crate) fn disconnect(&mut self, id: u32) {
        let first = self.links.first_mut();
        if let Some(stream) = first.and_then(|first| first.stream(id)) {
            stream.disconnect();
        }
    }

    /// The request of this stream as it goes to the upstream.
    pub(crate) fn forwarded(&mut self, id: u32) -> Option<UpstreamRequest> {
        self.last_part(id)?.forwarded()
    }

    /// The request of this stream as the upstream saw it.
    fn seen_by_upstream(&mut self, id: u32) -> Option<UpstreamRequest> {
        self.last_part(id)?.seen_by_upstream()
    }

    /// The part of this stream in the last filter, once it has come so far.
    fn last_part(&mut self, id: u32) -> Option<&mut HttpStream> {
        let part = match self.passages.get(&id) {
            Some(passage) => passage.parts().nth(self.links.len().checked_sub(1)?)?,
            None => id,
        };
        self.links.last_mut()?.stream(part)
    }

    /// Why the VM of the first filter with a dead one is dead.
    pub(crate) fn failure(&self) -> Option<&VmFailure> {
        self.links.iter().find_map(Worker::failure)
    }

    /// Fires the timers that are due at this instant.
    pub(crate) fn tick(&mut self, now: Instant) {
        for link in &mut self.links {
            link.tick(now);
        }
    }

    /// When something is due by itself.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let of_link = |link: &Worker| [link.next_tick(), link.next_callout(), link.next_grpc()];
        self.links.iter().flat_map(of_link).flatten().min()
    }

    /// Tells root contexts of the items in their queues. Says whether there was any.
    pub(crate) fn deliver_queues(&mut self) -> bool {
        let links = self.links.iter_mut();
        links.fold(false, |any, link| link.deliver_queues() | any)
    }

    /// Gives the plugins the answers to their calls. Says whether there was any.
    pub(crate) fn deliver_callouts(&mut self) -> bool {
        let links = self.links.iter_mut();
        links.fold(false, |any, link| {
            let http = link.deliver_callouts();
            let names = link.deliver_names();
            link.deliver_grpc() | http | names | any
        })
    }
}
