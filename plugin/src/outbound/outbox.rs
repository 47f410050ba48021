//! The outbox: messages to an HTTP service that is to accept each of them, without any call waiting for it.
//!
//! Whoever has something to send leaves it here. It is sent when the host's timer ticks, and sent again, unchanged, until the service
//! answers 2xx or it is given up: so it arrives at least once, unless the worker crashes that has it.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
};

use jiff::Timestamp;

use crate::{
    accounts::shared_data::HostRefused,
    model::day::Seconds,
    outbound::{
        callout::{Callout, CalloutId, Reply, Service},
        webhook::WebhookPath,
    },
};

/// What is to be sent to one service.
#[derive(Debug)]
pub struct Outbox {
    service: Service,
    path: WebhookPath,
    content_type: &'static str,
    retries: Retries,
    waiting: RefCell<VecDeque<Pending>>,
    sent: RefCell<HashMap<CalloutId, Pending>>,
    /// What was given up because too much was waiting, and has not been reported.
    displaced: Cell<u32>,
    numbers: Cell<u64>,
}

/// How often and for how long it is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// How often at the most; `None` for as long as it takes.
    pub attempts: Option<u32>,
    /// How long the second attempt waits; each later one waits four times as long as the one before.
    pub pause: Seconds,
    /// The longest pause.
    pub longest_pause: Seconds,
    /// The most items that may wait; beyond that the oldest message is given up.
    pub most: usize,
}

/// A message.
#[derive(Clone, Debug)]
pub struct Pending {
    /// Its place among all that were put here.
    number: u64,
    content_type: &'static str,
    body: String,
    /// How many items are in it: warnings, usage events.
    items: u32,
    attempts: u32,
    not_before: Timestamp,
}

/// What came of sending a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// So many items were accepted.
    Accepted(u32),
    /// The message is sent again later.
    Postponed,
    /// So many items are never sent again, for this reason.
    GivenUp(u32, String),
}

impl Outbox {
    /// The outbox of a service that takes bodies of this media type at `path`, empty.
    #[must_use]
    pub fn new(
        service: Service,
        path: WebhookPath,
        content_type: &'static str,
        retries: Retries,
    ) -> Self {
        Self {
            service,
            path,
            content_type,
            retries,
            waiting: RefCell::default(),
            sent: RefCell::default(),
            displaced: Cell::default(),
            numbers: Cell::default(),
        }
    }

    /// Has a message with so many items sent.
    pub fn put(&self, body: String, items: u32) {
        self.wait(Pending {
            number: self.next_number(),
            content_type: self.content_type,
            body,
            items,
            attempts: 0,
            not_before: Timestamp::MIN,
        });
    }

    /// What is to be sent now. Each message must be [noted](Self::note) as sent, or as [not sent](Self::not_sent).
    #[must_use]
    pub fn take_due(&self, now: Timestamp) -> Vec<(Pending, Callout)> {
        let (due, waiting): (VecDeque<_>, _) = self
            .waiting
            .take()
            .into_iter()
            .partition(|message| message.not_before <= now);
        self.waiting.replace(waiting);
        let call = |message: Pending| {
            let path = self.path.as_str().to_owned();
            let body = message.body.clone();
            let callout = self.service.post(path, message.content_type, body);
            (message, callout)
        };
        due.into_iter().map(call).collect()
    }

    /// The host has taken the call.
    pub fn note(&self, callout: CalloutId, message: Pending) {
        self.sent.borrow_mut().insert(callout, message);
    }

    /// The host has not taken the call.
    pub fn not_sent(&self, message: Pending, refused: HostRefused, now: Timestamp) -> Delivery {
        self.postpone(message, &format!("it cannot be called: {refused}"), now)
    }

    /// What came of a call; `None` if it was none of this outbox.
    pub fn hear(&self, callout: CalloutId, reply: Reply<'_>, now: Timestamp) -> Option<Delivery> {
        let message = self.sent.borrow_mut().remove(&callout)?;
        Some(match reply.status {
            Some(200..=299) => Delivery::Accepted(message.items),
            Some(status) => self.postpone(message, &format!("it answered {status}"), now),
            None => self.postpone(message, "it broke off", now),
        })
    }

    /// How many items were given up since this was last asked, because too many were waiting.
    pub fn displaced(&self) -> Option<Delivery> {
        let items = self.displaced.take();
        let why = || format!("more than {} were waiting", self.retries.most);
        (items > 0).then(|| Delivery::GivenUp(items, why()))
    }

    /// Takes over what `former` has not seen accepted. What it has just sent may arrive twice.
    pub fn adopt(&self, former: &Self) {
        let sent = former.sent.take().into_values();
        for message in sent.chain(former.waiting.take()) {
            let number = self.next_number();
            self.wait(Pending { number, ..message });
        }
    }

    /// How many items have not been accepted.
    #[must_use]
    pub fn unsent(&self) -> u32 {
        let (waiting, sent) = (self.waiting.borrow(), self.sent.borrow());
        let all = waiting.iter().chain(sent.values());
        all.fold(0, |items, message| items.saturating_add(message.items))
    }

    fn next_number(&self) -> u64 {
        let number = self.numbers.get();
        self.numbers.set(number.saturating_add(1));
        number
    }

    fn postpone(&self, message: Pending, why: &str, now: Timestamp) -> Delivery {
        let attempts = message.attempts.saturating_add(1);
        if self.retries.attempts.is_some_and(|most| attempts >= most) {
            return Delivery::GivenUp(message.items, format!("told {attempts} times: {why}"));
        }
        let pauses = 4_u64.saturating_pow(message.attempts);
        let pause = self.retries.pause.get().saturating_mul(pauses);
        let pause = Seconds::new(pause.min(self.retries.longest_pause.get()));
        self.wait(Pending {
            attempts,
            not_before: pause.after(now),
            ..message
        });
        Delivery::Postponed
    }

    fn wait(&self, message: Pending) {
        self.waiting.borrow_mut().push_back(message);
        let most = u32::try_from(self.retries.most).unwrap_or(u32::MAX);
        while self.unsent() > most {
            let mut waiting = self.waiting.borrow_mut();
            let oldest = waiting.iter().enumerate();
            let oldest = oldest.min_by_key(|(_, message)| message.number);
            let oldest = oldest.map(|(place, _)| place);
            let Some(oldest) = oldest.and_then(|place| waiting.remove(place)) else {
                break;
            };
            let displaced = self.displaced.get().saturating_add(oldest.items);
            self.displaced.set(displaced);
        }
    }
}

#[cfg(test)]
mod tests;
