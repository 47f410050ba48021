//! One stream on its way through several filters.

use std::rc::Rc;

use crate::local_response::LocalResponse;
use crate::stream::{Handed, HttpStream, Links, Next, Side};
use crate::worker::{Progress, Worker};

/// The numbers of a stream's parts in the filters that it has reached, first to last.
#[derive(Debug)]
pub(super) struct Passage {
    parts: Vec<u32>,
}

impl Passage {
    /// A stream that has reached the first filter.
    pub(super) fn new(first: u32) -> Self {
        Self { parts: vec![first] }
    }

    pub(super) fn parts(&self) -> impl Iterator<Item = u32> + '_ {
        self.parts.iter().copied()
    }

    fn part<'l>(&self, links: &'l mut [Worker], index: usize) -> Option<&'l mut HttpStream> {
        let id = *self.parts.get(index)?;
        links.get_mut(index)?.stream(id)
    }

    /// Does this with the part in every filter.
    fn each(&self, links: &mut [Worker], mut act: impl FnMut(&mut HttpStream)) {
        for (link, id) in links.iter_mut().zip(self.parts()) {
            if let Some(part) = link.stream(id) {
                act(part);
            }
        }
    }

    /// Goes on as far as it goes.
    pub(super) fn pump(&mut self, links: &mut [Worker]) -> Progress {
        let mut moved = false;
        loop {
            moved |= self.hand_on(links);
            if self.is_over(links) {
                return Progress::Complete;
            }
            if self.show_next(links) {
                moved = true;
                continue;
            }
            // What arrived may have been too much for a filter.
            if self.hand_on(links) {
                moved = true;
                continue;
            }
            match self.router(links, moved) {
                Turn::Acted => moved = true,
                Turn::Stays(progress) => return progress,
            }
        }
    }

    /// Takes what has passed a filter to the next one. Says whether there was anything.
    fn hand_on(&mut self, links: &mut [Worker]) -> bool {
        let mut any = false;
        let mut index = 0_usize;
        while index < self.parts.len() {
            let Some(handed) = self.part(links, index).and_then(HttpStream::take_handed) else {
                index = index.saturating_add(1);
                continue;
            };
            any = true;
            self.agree(links, index);
            match handed {
                Handed::Headers {
                    side: Side::Request,
                    headers,
                    end,
                } => self.reach(links, index, |part, root, links| {
                    part.part(root, headers, end, links)
                }),
                Handed::Headers {
                    side: Side::Response,
                    headers,
                    end,
                } => {
                    let before = index.checked_sub(1);
                    if let Some(part) = before.and_then(|before| self.part(links, before)) {
                        part.respond(headers, end);
                    }
                }
                Handed::Frame { side, frame } => {
                    let next = match side {
                        Side::Request => index.checked_add(1),
                        Side::Response => index.checked_sub(1),
                    };
                    let part = next.and_then(|next| self.part(links, next));
                    if let Some(message) = part.and_then(|part| part.message_mut(side)) {
                        message.arrive(frame);
                    }
                }
                Handed::Local(local) => self.answer(links, &local),
            }
        }
        any
    }

    /// The stream reaches the filter behind this one.
    fn reach(
        &mut self,
        links: &mut [Worker],
        index: usize,
        part: impl FnOnce(&HttpStream, u32, Links) -> HttpStream,
    ) {
        let (next, after) = (index.saturating_add(1), index.saturating_add(2));
        let place = Links {
            before: true,
            behind: after < links.len(),
        };
        let Some((id, root)) = links.get_mut(next).map(Worker::next_stream) else {
            return;
        };
        let Some(part) = self.part(links, index).map(|own| part(own, root, place)) else {
            return;
        };
        self.parts.push(id);
        if let Some(link) = links.get_mut(next) {
            link.open(id, part);
        }
        self.agree(links, next);
    }

    /// A local response, in whichever of Envoy's three cases applies.
    fn answer(&self, links: &mut [Worker], local: &LocalResponse) {
        let (mut over, mut sent, mut started) = (false, false, false);
        self.each(links, |part| {
            over |= part.has_ended() || part.is_reset();
            sent |= part.has_sent_headers();
            started |= part.response.is_some();
        });
        if over {
            return;
        }
        self.each(links, |part| part.is_answered(local, started, sent));
        let last = self.parts.len().saturating_sub(1);
        if sent {
            self.each(links, HttpStream::reset_too);
        } else if started {
            if let Some(first) = self.part(links, 0) {
                first.send_locally(local);
            }
            self.agree(links, 0);
        } else if let Some(part) = self.part(links, last) {
            part.respond_locally(local);
        }
    }

    /// A stream that was reset in one filter is reset in all.
    fn is_over(&self, links: &mut [Worker]) -> bool {
        let mut reset = None;
        for index in 0..self.parts.len() {
            if self.part(links, index).is_some_and(|part| part.is_reset()) {
                reset = reset.or(Some(index));
            }
        }
        if let Some(index) = reset {
            self.agree(links, index);
            self.each(links, |part| {
                if !part.is_reset() {
                    part.reset_too();
                }
            });
            return true;
        }
        self.part(links, 0).is_none_or(|first| first.has_ended())
    }

    /// Shows the next part to its filter: a response goes on before a request, and what is ahead before what follows.
    fn show_next(&self, links: &mut [Worker]) -> bool {
        let filters = 0..self.parts.len();
        let responses = filters.clone().map(|index| (index, Side::Response));
        let requests = filters.rev().map(|index| (index, Side::Request));
        for (index, side) in responses.chain(requests) {
            let next = self.part(links, index);
            let Some(part) = next.and_then(|stream| stream.next_part(side)) else {
                continue;
            };
            if let (Some(link), Some(id)) = (links.get_mut(index), self.parts.get(index)) {
                link.show(*id, side, part);
            }
            self.agree(links, index);
            return true;
        }
        false
    }

    /// What a filter's part knows of the stream as a whole, the others know as well.
    fn agree(&self, links: &mut [Worker], index: usize) {
        let Some(facts) = self.part(links, index).map(|part| part.facts()) else {
            return;
        };
        self.each(links, |part| part.agree_with(&facts));
    }

    /// The router's turn, if the stream has reached it; otherwise somebody holds the stream.
    fn router(&self, links: &mut [Worker], moved: bool) -> Turn {
        let last = links.len().saturating_sub(1);
        let turn = self.part(links, last).map(|part| part.next_of_router());
        match turn.flatten() {
            Some(Next::UpstreamHeld) => return Turn::Stays(Progress::Open { moved }),
            Some(Next::UpstreamSilent) => {
                let now = links.first().map(Worker::now);
                if let (Some(now), Some(part)) = (now, self.part(links, last)) {
                    let until = part.gives_up(now);
                    if now < until {
                        return Turn::Stays(Progress::Waits { until, moved });
                    }
                }
            }
            // Who is to be told of a shared queue is told before anything comes from outside.
            Some(_) if links.iter().any(Worker::is_queue_ready) => {
                return Turn::Stays(Progress::Posted);
            }
            Some(_) => {}
            None => {
                let mut held = None;
                self.each(links, |part| held = held.or(part.held()));
                // Nobody holds it who waits for the rest of a message.
                let (side, part) = held.unwrap_or((Side::Request, crate::message::Part::Body));
                return Turn::Stays(Progress::Held { side, part, moved });
            }
        }
        let rules = links.get(last).map(Worker::rules);
        if let (Some(rules), Some(part)) = (rules, self.part(links, last)) {
            part.upstream_acts(&Rc::clone(&rules).upstream);
        }
        self.agree(links, last);
        Turn::Acted
    }

    /// Ends the stream and takes what was seen of its part in the first filter.
    pub(super) fn end<T>(
        mut self,
        links: &mut [Worker],
        seen: impl FnOnce(&mut HttpStream) -> T,
    ) -> Option<T> {
        let last = self.parts.len().saturating_sub(1);
        let headers = self
            .part(links, last)
            .map(|part| part.request.headers.clone());
        let headers = headers.unwrap_or_default();
        let end = self.part(links, 0).map(|first| first.end(headers.clone()));
        for (index, link) in links.iter_mut().enumerate() {
            let id = match self.parts.get(index) {
                Some(id) => *id,
                None => {
                    let (id, root) = link.next_stream();
                    self.parts.push(id);
                    if let Some(end) = &end {
                        link.open_unseen(id, end.part(root));
                    }
                    id
                }
            };
            if let Some((part, end)) = link.stream(id).zip(end.as_ref()) {
                part.see_the_end(end);
            }
            link.log(id);
        }
        let seen = self.part(links, 0).map(seen);
        for (link, id) in links.iter_mut().zip(self.parts()) {
            link.forget(id);
        }
        seen
    }
}

/// What came of the router's turn.
enum Turn {
    Acted,
    Stays(Progress),
}
