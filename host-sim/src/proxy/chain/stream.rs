//! One stream on its way through the filters, of which there may be one or several.

use super::filters::{Filters, Numbered};
use super::progress::Progress;
use crate::http::local_response::LocalResponse;
use crate::http::message::Part;
use crate::http::stream::{End, HttpStream, Links, Next, Relayed, Side};
use crate::proxy::worker::Worker;

/// A stream on its way. Each filter has a part of it.
#[derive(Debug)]
pub(super) struct Stream {
    /// The number of its part in the first filter.
    first: Numbered,
    /// Those of its parts in the others, first to last. Envoy gives them when the stream begins.
    others: Vec<Numbered>,
    /// How many filters it has reached.
    reached: usize,
    /// Whether it may be given up because of the time.
    timed: bool,
}

impl Stream {
    /// A stream that has reached the first filter.
    pub(super) fn new(first: Numbered, others: Vec<Numbered>, timed: bool) -> Self {
        Self {
            first,
            others,
            reached: 1,
            timed,
        }
    }

    fn number(&self, filter: usize) -> Option<Numbered> {
        match filter.checked_sub(1) {
            None => Some(self.first),
            Some(other) => self.others.get(other).copied(),
        }
    }

    /// The number of its part in a filter that it has reached.
    pub(super) fn id(&self, filter: usize) -> Option<u32> {
        let number = self.number(filter).filter(|_| filter < self.reached)?;
        Some(number.id)
    }

    /// Its part in a filter that it has reached.
    pub(super) fn part<'l>(
        &self,
        filters: &'l mut Filters,
        filter: usize,
    ) -> Option<&'l mut HttpStream> {
        filters.stream(filter, self.id(filter)?)
    }

    /// Does this with the part in every filter that it has reached.
    pub(super) fn each(&self, filters: &mut Filters, mut act: impl FnMut(&mut HttpStream)) {
        for filter in 0..self.reached {
            if let Some(part) = self.part(filters, filter) {
                act(part);
            }
        }
    }

    /// Goes on as far as it goes, unless it is time to give it up.
    pub(super) fn pump(&mut self, filters: &mut Filters) -> Progress {
        if !self.timed {
            return self.go_on(filters);
        }
        let now = filters.now();
        if let Some((first, now)) = self.part(filters, 0).zip(now) {
            first.expire(now);
        }
        let progress = self.go_on(filters);
        if let Some((first, now)) = self.part(filters, 0).zip(now)
            && progress.moved()
            && progress != Progress::Posted
        {
            first.touch(now);
        }
        progress
    }

    fn go_on(&mut self, filters: &mut Filters) -> Progress {
        let mut moved = false;
        loop {
            moved |= self.hand_on(filters);
            if self.is_over(filters) {
                return Progress::Complete;
            }
            // What arrived unseen may have been too much for a filter.
            if self.show_next(filters) || self.hand_on(filters) {
                moved = true;
                continue;
            }
            match self.router(filters, moved) {
                Turn::Acted => moved = true,
                Turn::Stays(progress) => return progress,
            }
        }
    }

    /// Takes what has passed a filter to the next one. Says whether there was anything.
    fn hand_on(&mut self, filters: &mut Filters) -> bool {
        if self.others.is_empty() {
            return false;
        }
        let mut any = false;
        let mut index = 0_usize;
        while index < self.reached {
            let Some(relayed) = self.part(filters, index).and_then(HttpStream::take_relayed) else {
                index = index.saturating_add(1);
                continue;
            };
            any = true;
            self.agree(filters, index);
            match relayed {
                Relayed::Headers {
                    side: Side::Request,
                    headers,
                    end,
                } => self.reach(filters, index, |part, root, place| {
                    part.part(root, headers, end, place)
                }),
                Relayed::Headers {
                    side: Side::Response,
                    headers,
                    end,
                } => {
                    let before = index.checked_sub(1);
                    if let Some(part) = before.and_then(|before| self.part(filters, before)) {
                        part.respond(headers, end);
                    }
                }
                Relayed::Frame { side, frame } => {
                    let next = match side {
                        Side::Request => index.checked_add(1),
                        Side::Response => index.checked_sub(1),
                    };
                    let part = next.and_then(|next| self.part(filters, next));
                    if let Some(message) = part.and_then(|part| part.message_mut(side)) {
                        message.arrive(frame);
                    }
                }
                Relayed::Local(local) => self.answer(filters, &local),
            }
        }
        any
    }

    /// The stream reaches the filter behind this one.
    fn reach(
        &mut self,
        filters: &mut Filters,
        index: usize,
        part: impl FnOnce(&HttpStream, u32, Links) -> HttpStream,
    ) {
        let (next, after) = (index.saturating_add(1), index.saturating_add(2));
        let place = Links {
            before: true,
            behind: after < filters.len(),
        };
        let Some(number) = self.number(next) else {
            return;
        };
        let own = self.part(filters, index);
        let Some(part) = own.map(|own| part(own, number.root, place)) else {
            return;
        };
        self.reached = after;
        filters.open(next, number, Box::new(part));
        self.agree(filters, next);
    }

    /// A local response, in whichever of Envoy's three cases applies.
    fn answer(&self, filters: &mut Filters, local: &LocalResponse) {
        let (mut over, mut sent, mut started) = (false, false, false);
        self.each(filters, |part| {
            over |= part.has_ended() || part.is_reset();
            sent |= part.has_sent_headers();
            started |= part.response.is_some();
        });
        if over {
            return;
        }
        self.each(filters, |part| part.is_answered(local, started, sent));
        let last = self.reached.saturating_sub(1);
        if sent {
            self.each(filters, HttpStream::reset_too);
        } else if started {
            if let Some(first) = self.part(filters, 0) {
                first.send_locally(local);
            }
            self.agree(filters, 0);
        } else if let Some(part) = self.part(filters, last) {
            part.respond_locally(local);
        }
    }

    /// A stream that was reset in one filter is reset in all.
    fn is_over(&self, filters: &mut Filters) -> bool {
        let (mut reset, mut over) = (None, true);
        for index in 0..self.reached {
            let Some(part) = self.part(filters, index) else {
                continue;
            };
            if index == 0 {
                if part.goes_elsewhere() {
                    return true;
                }
                over = part.has_ended();
            }
            if part.is_reset() {
                reset = reset.or(Some(index));
            }
        }
        if let Some(index) = reset {
            self.agree(filters, index);
            self.each(filters, |part| {
                if !part.is_reset() {
                    part.reset_too();
                }
            });
        }
        over || reset.is_some()
    }

    /// Shows the next part to its filter: a response goes on before a request, and what is ahead before what follows.
    fn show_next(&self, filters: &mut Filters) -> bool {
        let all = 0..self.reached;
        let responses = all.clone().map(|index| (index, Side::Response));
        let requests = all.rev().map(|index| (index, Side::Request));
        for (index, side) in responses.chain(requests) {
            let next = self.part(filters, index);
            let Some(part) = next.and_then(|stream| stream.next_part(side)) else {
                continue;
            };
            if let Some(id) = self.id(index) {
                filters.show(index, id, side, part);
            }
            self.agree(filters, index);
            return true;
        }
        false
    }

    /// What a filter's part knows of the stream as a whole, the others know as well.
    fn agree(&self, filters: &mut Filters, index: usize) {
        if self.others.is_empty() {
            return;
        }
        let Some(facts) = self.part(filters, index).map(|part| part.facts()) else {
            return;
        };
        self.each(filters, |part| part.agree_with(&facts));
    }

    /// The router's turn, if the stream has reached it; otherwise somebody holds the stream.
    fn router(&self, filters: &mut Filters, moved: bool) -> Turn {
        let last = filters.len().saturating_sub(1);
        let turn = self.part(filters, last).map(|part| part.next_of_router());
        match turn.flatten() {
            Some(Next::UpstreamHeld) => return Turn::Stays(Progress::Open { moved }),
            Some(Next::UpstreamSilent) => {
                let now = filters.now();
                if let (Some(now), Some(part)) = (now, self.part(filters, last)) {
                    let until = part.gives_up(now);
                    if now < until {
                        return Turn::Stays(Progress::Waits { until, moved });
                    }
                    part.upstream_timed_out();
                    self.agree(filters, last);
                    return Turn::Acted;
                }
            }
            // Who is to be told of a shared queue is told before anything comes from outside.
            Some(_) if filters.vms().any(Worker::is_queue_ready) => {
                return Turn::Stays(Progress::Posted);
            }
            Some(_) => {}
            None => return Turn::Stays(self.stays(filters, moved)),
        }
        let rules = filters.rules(last);
        if let (Some(rules), Some(part)) = (rules, self.part(filters, last)) {
            part.upstream_acts(&rules.upstream);
        }
        self.agree(filters, last);
        Turn::Acted
    }

    /// Neither a filter nor the router has anything to do: somebody holds it.
    fn stays(&self, filters: &mut Filters, moved: bool) -> Progress {
        let (mut held, mut answered) = (None, false);
        self.each(filters, |part| {
            held = held.or(part.held());
            answered |= part.response.is_some();
        });
        let awaits = |first: &mut HttpStream| first.awaits_client();
        if held.is_none() && !answered && self.part(filters, 0).is_some_and(awaits) {
            return Progress::Open { moved };
        }
        let side = if answered {
            Side::Response
        } else {
            Side::Request
        };
        let (side, part) = held.unwrap_or((side, Part::Body));
        Progress::Held { side, part, moved }
    }

    /// Ends the stream: every filter logs it, first to last, also those that it never reached, and then is done with it. Takes what was
    /// seen of its part in the first filter.
    pub(super) fn end<T>(
        mut self,
        filters: &mut Filters,
        seen: impl FnOnce(&mut HttpStream) -> T,
    ) -> Option<T> {
        let end = self.seen_by_all(filters);
        let all = self.others.len().saturating_add(1);
        for index in 0..all {
            let Some(number) = self.number(index) else {
                continue;
            };
            if index >= self.reached {
                self.reached = index.saturating_add(1);
                if let Some(end) = &end {
                    filters.open_unseen(index, number, Box::new(end.part(number.root)));
                }
            }
            if let Some((part, end)) = self.part(filters, index).zip(end.as_ref()) {
                part.see_the_end(end);
            }
            if let Some(vm) = filters.vm_of(index) {
                vm.log(number.id);
            }
        }
        let seen = self.part(filters, 0).map(seen);
        for index in 0..all {
            if let Some((vm, number)) = filters.vm_of(index).zip(self.number(index)) {
                vm.forget(number.id);
            }
        }
        seen
    }

    /// What all of several filters see of the stream in the end.
    fn seen_by_all(&self, filters: &mut Filters) -> Option<End> {
        if self.others.is_empty() {
            return None;
        }
        let last = self.reached.saturating_sub(1);
        let headers = self
            .part(filters, last)
            .map(|part| part.request.headers.clone());
        let first = self.part(filters, 0)?;
        Some(first.end(headers.unwrap_or_default()))
    }
}

/// What came of the router's turn.
enum Turn {
    Acted,
    Stays(Progress),
}
