//! Usage events: what was charged, by organization, client, operation and time, for whoever bills or analyses it.
//!
//! Each worker sums up what its calls were charged once their costs are final, and sends the sums to an HTTP service at an interval:
//! as a batch of `CloudEvents` (version 1.0.2, JSON batch format), which meters such as `OpenMeter` take as they are, or as CSV. Every event
//! has an id that stays the same however often it is sent, so that a receiver that remembers ids counts each once. The sum of all
//! events of an organization and one of its days is what it was charged, without what was given back.
//!
//! What a worker has not sent is kept until the service accepts it, also when another configuration takes over. It is lost when the
//! worker crashes or the proxy ends, and beyond [`UsageEvents::MOST`] events the oldest are given up: the credits themselves are counted
//! in the accounts in any case.

mod config;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
};

use jiff::Timestamp;
use serde::Serialize;

pub use config::{Format, UsageEventsConfig};

use crate::{
    accounts::statistics::{Breakdown, Count, NameHash, Statistics},
    document::csv,
    model::{
        calendar_date::CalendarDate,
        client::ClientId,
        day::{DayNumber, Seconds},
        instant::rfc3339,
        spread::BuildSpread,
    },
    outbound::outbox::{Outbox, Retries},
};

/// What was charged and is to be sent.
#[derive(Debug)]
pub struct UsageEvents {
    outbox: Outbox,
    format: Format,
    interval: Seconds,
    /// What the events call this filter.
    source: String,
    /// The names of rules by what records have of them.
    rules: HashMap<NameHash, Rc<str>, BuildSpread>,
    gathering: RefCell<Option<Gathering>>,
    /// What the ids of this worker's events begin with, drawn by lot.
    lot: Cell<Option<[u8; 8]>>,
    /// When it was last looked whether a batch is over: what is added later has ended later.
    ticked: Cell<Option<Timestamp>>,
    batches: Cell<u64>,
}

/// What has been charged since a moment.
#[derive(Debug)]
struct Gathering {
    from: Timestamp,
    /// In the order of organizations, clients and operations.
    charged: Vec<(Operation, Count)>,
}

/// An organization, its client where clients are told apart, the name of a rule, and the day to which its calls were charged.
type Operation = (Rc<str>, Option<ClientId>, Rc<str>, DayNumber);

/// What calls of one organization and operation were charged (`CloudEvents` 1.0.2, required attributes, `subject`, `time`).
#[derive(Serialize)]
struct Event<'a> {
    specversion: &'static str,
    r#type: &'static str,
    source: &'a str,
    id: &'a str,
    subject: &'a str,
    time: &'a str,
    data: Data<'a>,
}

/// What the event says.
#[derive(Serialize)]
struct Data<'a> {
    organization: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'a str>,
    operation: &'a str,
    /// The organization's day to which they were charged.
    day: &'a str,
    /// The hour in which they ended, by its first second in UTC; give or take a second, like the next two.
    hour: &'a str,
    /// They ended from this moment on,
    from: &'a str,
    /// and before this one.
    to: &'a str,
    calls: u64,
    credits: u64,
}

impl UsageEvents {
    /// The most events that wait to be accepted, for each worker; some 6 MB.
    pub const MOST: usize = 20_000;
    /// The most events of one call.
    const BATCH: usize = 500;
    /// An event's type.
    const TYPE: &'static str = "api_credits.usage";
    /// What the columns of a CSV batch are called.
    const COLUMNS: [&'static str; 10] = [
        "id",
        "day",
        "hour",
        "from",
        "to",
        "organization",
        "client",
        "operation",
        "calls",
        "credits",
    ];
    const RETRIES: Retries = Retries {
        attempts: None,
        pause: Seconds::new(5),
        longest_pause: Seconds::new(300),
        most: Self::MOST,
    };

    /// Where events are sent.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Adds what calls of `organization` were charged that have ended lately.
    pub fn add(&self, organization: &str, statistics: &Statistics, now: Timestamp) {
        let (former, others) = (Rc::from(Breakdown::FORMER), Rc::from(Breakdown::OTHERS));
        let organization: Rc<str> = Rc::from(organization);
        let mut gathering = self.gathering.borrow_mut();
        let mut add = |client: Option<&ClientId>, rule: &Rc<str>, count: Count| {
            if count.is_zero() {
                return;
            }
            let gathering = gathering.get_or_insert_with(|| Gathering {
                from: self.ticked.get().unwrap_or(now),
                charged: Vec::new(),
            });
            let key = (
                Rc::clone(&organization),
                client.cloned(),
                Rc::clone(rule),
                statistics.day(),
            );
            let charged = &mut gathering.charged;
            let found = charged.binary_search_by(|(known, _)| known.cmp(&key));
            match found.map(|place| charged.get_mut(place)) {
                Ok(Some((_, sum))) => sum.add(count),
                Ok(None) => {}
                Err(place) => charged.insert(place, (key, count)),
            }
        };
        let mut add_all = |client: Option<&ClientId>, operations: &Breakdown| {
            for (name, count) in operations.named() {
                add(client, self.rules.get(&name).unwrap_or(&former), count);
            }
            add(client, &others, operations.others());
        };
        for client in statistics.clients() {
            add_all(Some(&client.id), &client.operations);
        }
        // What was charged without a client.
        let clients = statistics.clients().iter();
        let rest = clients.fold(statistics.operations().clone(), |rest, client| {
            rest.without(&client.operations)
        });
        add_all(None, &rest);
    }

    /// Has everything sent that was gathered in an interval or an hour that is over at `now`. `draw` draws lots.
    pub fn tick(&self, now: Timestamp, draw: impl FnOnce() -> [u8; 8]) {
        let is_over = self.gathering.borrow().as_ref().is_some_and(|gathering| {
            let age = Seconds::between(gathering.from, now);
            age >= self.interval
                || hour(gathering.from) != hour(now)
                || gathering.charged.len() >= Self::BATCH
        });
        if is_over {
            self.close(now, draw);
        }
        self.ticked.set(Some(now));
    }

    /// Has everything sent that was gathered before `now`.
    pub fn close(&self, now: Timestamp, draw: impl FnOnce() -> [u8; 8]) {
        let Some(Gathering { from, charged }) = self.gathering.take() else {
            return;
        };
        let lot = self.lot.get().unwrap_or_else(draw);
        self.lot.set(Some(lot));
        for batch in charged.chunks(Self::BATCH) {
            let number = self.batches.get();
            self.batches.set(number.saturating_add(1));
            let prefix = format!("{:016x}-{number}", u64::from_be_bytes(lot));
            let items = u32::try_from(batch.len()).unwrap_or(u32::MAX);
            self.outbox.put(self.body(batch, &prefix, from, now), items);
        }
    }

    fn body(
        &self,
        batch: &[(Operation, Count)],
        prefix: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> String {
        let [hour, from, to] = [hour(from), from, to].map(rfc3339);
        let ids: Vec<_> = (0..batch.len())
            .map(|number| format!("{prefix}-{number}"))
            .collect();
        let days: Vec<_> = batch
            .iter()
            .map(|((.., day), _)| CalendarDate::of(*day).to_string())
            .collect();
        let rows = batch.iter().zip(&ids).zip(&days);
        match self.format {
            Format::Cloudevents => {
                let mut events = Vec::with_capacity(batch.len());
                for ((((organization, client, operation, _), count), id), day) in rows {
                    let client = client.as_ref().map(ClientId::as_str);
                    events.push(Event {
                        specversion: "1.0",
                        r#type: Self::TYPE,
                        source: &self.source,
                        id,
                        subject: organization,
                        time: &to,
                        data: Data {
                            organization,
                            client,
                            operation,
                            day,
                            hour: &hour,
                            from: &from,
                            to: &to,
                            calls: count.calls,
                            credits: count.credits.get(),
                        },
                    });
                }
                serde_json::to_string(&events).unwrap_or_default()
            }
            Format::Csv => {
                let mut text = csv::row(&Self::COLUMNS);
                for ((((organization, client, operation, _), count), id), day) in rows {
                    let client = client.as_ref().map(ClientId::as_str);
                    let (calls, credits) = (count.calls.to_string(), count.credits.to_string());
                    text.push_str(&csv::row(&[
                        id,
                        day,
                        &hour,
                        &from,
                        &to,
                        organization,
                        client.unwrap_or_default(),
                        operation,
                        &calls,
                        &credits,
                    ]));
                }
                text
            }
        }
    }
}

/// The first second of the hour in UTC.
fn hour(at: Timestamp) -> Timestamp {
    let second = at.as_second();
    let start = second.saturating_sub(second.rem_euclid(3_600));
    Timestamp::from_second(start).unwrap_or(at)
}

#[cfg(test)]
mod tests;
