//! One stream on its way through several filters.

use std::rc::Rc;

use super::filters::{Filters, Numbered};
use crate::http::local_response::LocalResponse;
use crate::http::stream::{Handed, HttpStream, Links, Next, Side};
use crate::proxy::worker::{Progress, Worker};

/// A stream on its way.
#[derive(Debug)]
pub(super) struct Passage {
    /// The numbers of its parts in the filters that it has reached, first to last.
    parts: Vec<u32>,
    /// Those that all its parts have or will have. Envoy gives them when the stream begins.
    numbers: Vec<Numbered>,
}

impl Passage {
    /// A stream that has reached the first filter.
    pub(super) fn new(first: u32) -> Self {
        Self {
            parts: vec![first],
            numbers: Vec::new(),
        }
    }

    /// With these numbers for its parts in all filters.
    pub(super) fn numbered(self, numbers: Vec<Numbered>) -> Self {
        Self { numbers, ..self }
    }

    pub(super) fn parts(&self) -> impl Iterator<Item = u32> + '_ {
        self.parts.iter().copied()
    }

    fn part<'l>(&self, filters: &'l mut Filters, index: usize) -> Option<&'l mut HttpStream> {
        let id = *self.parts.get(index)?;
        filters.stream(index, id)
    }

    /// Does this with the part in every filter.
    fn each(&self, filters: &mut Filters, mut act: impl FnMut(&mut HttpStream)) {
        for (filter, id) in self.parts().enumerate() {
            if let Some(part) = filters.stream(filter, id) {
                act(part);
            }
        }
    }

    /// Goes on as far as it goes.
    pub(super) fn pump(&mut self, filters: &mut Filters) -> Progress {
        let mut moved = false;
        loop {
            moved |= self.hand_on(filters);
            if self.is_over(filters) {
                return Progress::Complete;
            }
            if self.show_next(filters) {
                moved = true;
                continue;
            }
            // What arrived may have been too much for a filter.
            if self.hand_on(filters) {
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
        let mut any = false;
        let mut index = 0_usize;
        while index < self.parts.len() {
            let Some(handed) = self.part(filters, index).and_then(HttpStream::take_handed) else {
                index = index.saturating_add(1);
                continue;
            };
            any = true;
            self.agree(filters, index);
            match handed {
                Handed::Headers {
                    side: Side::Request,
                    headers,
                    end,
                } => self.reach(filters, index, |part, root, place| {
                    part.part(root, headers, end, place)
                }),
                Handed::Headers {
                    side: Side::Response,
                    headers,
                    end,
                } => {
                    let before = index.checked_sub(1);
                    if let Some(part) = before.and_then(|before| self.part(filters, before)) {
                        part.respond(headers, end);
                    }
                }
                Handed::Frame { side, frame } => {
                    let next = match side {
                        Side::Request => index.checked_add(1),
                        Side::Response => index.checked_sub(1),
                    };
                    let part = next.and_then(|next| self.part(filters, next));
                    if let Some(message) = part.and_then(|part| part.message_mut(side)) {
                        message.arrive(frame);
                    }
                }
                Handed::Local(local) => self.answer(filters, &local),
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
        let Some(number) = self.numbers.get(next).copied() else {
            return;
        };
        let own = self.part(filters, index);
        let Some(part) = own.map(|own| part(own, number.root, place)) else {
            return;
        };
        self.parts.push(number.id);
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
        let last = self.parts.len().saturating_sub(1);
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
        if self
            .part(filters, 0)
            .is_some_and(|first| first.goes_elsewhere())
        {
            return true;
        }
        let mut reset = None;
        for index in 0..self.parts.len() {
            if self
                .part(filters, index)
                .is_some_and(|part| part.is_reset())
            {
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
            return true;
        }
        self.part(filters, 0).is_none_or(|first| first.has_ended())
    }

    /// Shows the next part to its filter: a response goes on before a request, and what is ahead before what follows.
    fn show_next(&self, filters: &mut Filters) -> bool {
        let all = 0..self.parts.len();
        let responses = all.clone().map(|index| (index, Side::Response));
        let requests = all.rev().map(|index| (index, Side::Request));
        for (index, side) in responses.chain(requests) {
            let next = self.part(filters, index);
            let Some(part) = next.and_then(|stream| stream.next_part(side)) else {
                continue;
            };
            if let Some(id) = self.parts.get(index) {
                filters.show(index, *id, side, part);
            }
            self.agree(filters, index);
            return true;
        }
        false
    }

    /// What a filter's part knows of the stream as a whole, the others know as well.
    fn agree(&self, filters: &mut Filters, index: usize) {
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
                let now = filters.vms().next().map(Worker::now);
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
            None => {
                let mut held = None;
                self.each(filters, |part| held = held.or(part.held()));
                let awaits = |first: &mut HttpStream| first.awaits_client();
                if held.is_none() && self.part(filters, 0).is_some_and(awaits) {
                    return Turn::Stays(Progress::Open { moved });
                }
                let (side, part) =
                    held.unwrap_or((Side::Request, crate::http::message::Part::Body));
                return Turn::Stays(Progress::Held { side, part, moved });
            }
        }
        let rules = filters.rules(last);
        if let (Some(rules), Some(part)) = (rules, self.part(filters, last)) {
            part.upstream_acts(&Rc::clone(&rules).upstream);
        }
        self.agree(filters, last);
        Turn::Acted
    }

    /// Ends the stream and takes what was seen of its part in the first filter.
    pub(super) fn end<T>(
        mut self,
        filters: &mut Filters,
        seen: impl FnOnce(&mut HttpStream) -> T,
    ) -> Option<T> {
        let last = self.parts.len().saturating_sub(1);
        let headers = self
            .part(filters, last)
            .map(|part| part.request.headers.clone());
        let headers = headers.unwrap_or_default();
        let end = self
            .part(filters, 0)
            .map(|first| first.end(headers.clone()));
        for index in 0..filters.len() {
            let id = match self.parts.get(index) {
                Some(id) => *id,
                None => {
                    let number = *self.numbers.get(index)?;
                    self.parts.push(number.id);
                    if let Some(end) = &end {
                        filters.open_unseen(index, number, Box::new(end.part(number.root)));
                    }
                    number.id
                }
            };
            if let Some((part, end)) = filters.stream(index, id).zip(end.as_ref()) {
                part.see_the_end(end);
            }
            if let Some(vm) = filters.vm_of(index) {
                vm.log(id);
            }
        }
        let seen = self.part(filters, 0).map(seen);
        for (filter, id) in self.parts().enumerate() {
            if let Some(vm) = filters.vm_of(filter) {
                vm.forget(id);
            }
        }
        seen
    }
}

/// What came of the router's turn.
enum Turn {
    Acted,
    Stays(Progress),
}
