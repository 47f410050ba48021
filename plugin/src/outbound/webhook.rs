//! The webhook: an HTTP service that is told of warnings, once each, and without any call waiting for it.
//!
//! A worker that has a warning to give leaves it here; it is sent when the host's timer ticks, and sent again a few times if nobody
//! took it. What cannot be told is given up: it is in the log in any case. What a worker had not told when it crashed, or when another
//! configuration took over, is lost.

mod config;

use std::{cell::RefCell, collections::HashMap, collections::VecDeque};

use jiff::Timestamp;

pub use config::{InvalidWebhookPath, WebhookConfig, WebhookPath};

use crate::{
    accounts::ledger::HostRefused,
    model::day::Seconds,
    outbound::callout::{Callout, CalloutId, Reply, Service},
};

/// The webhook, and what it has not been told yet.
#[derive(Debug)]
pub struct Webhook {
    service: Service,
    path: WebhookPath,
    waiting: RefCell<VecDeque<Letter>>,
    sent: RefCell<HashMap<CalloutId, Letter>>,
}

/// Something to be told.
#[derive(Clone, Debug)]
pub struct Letter {
    json: String,
    tried: u32,
    not_before: Timestamp,
}

/// What came of telling the webhook something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It was told.
    Told,
    /// It is told again later.
    Postponed,
    /// It is never told, which the log is to say.
    GivenUp(String),
}

impl Webhook {
    /// How often it is told the same at the most.
    const TRIES: u32 = 3;
    /// The seconds until the second try; each later one takes four times as long.
    const PAUSE: u64 = 5;
    /// The most that waits to be told; beyond that the oldest is given up.
    const MOST: usize = 1_000;

    /// A webhook that has been told nothing.
    #[must_use]
    pub fn new(service: Service, path: WebhookPath) -> Self {
        Self {
            service,
            path,
            waiting: RefCell::default(),
            sent: RefCell::default(),
        }
    }

    /// It is to be told this JSON text.
    pub fn tell(&self, json: String) {
        self.put(Letter {
            json,
            tried: 0,
            not_before: Timestamp::MIN,
        });
    }

    /// What is to be sent now. Each must be [noted](Self::note) as sent, or [put back](Self::not_sent).
    #[must_use]
    pub fn take_due(&self, now: Timestamp) -> Vec<(Letter, Callout)> {
        let (due, waiting) = self
            .waiting
            .take()
            .into_iter()
            .partition(|letter| letter.not_before <= now);
        self.waiting.replace(waiting);
        let due: VecDeque<Letter> = due;
        due.into_iter()
            .map(|letter| {
                let path = self.path.as_str().to_owned();
                let callout = self.service.post(path, letter.json.clone());
                (letter, callout)
            })
            .collect()
    }

    /// The host has taken the call.
    pub fn note(&self, callout: CalloutId, letter: Letter) {
        self.sent.borrow_mut().insert(callout, letter);
    }

    /// The host has not taken the call.
    pub fn not_sent(&self, letter: Letter, refused: HostRefused, now: Timestamp) -> Delivery {
        self.postpone(letter, &format!("it cannot be called: {refused}"), now)
    }

    /// What came of a call; `None` if it was none of the webhook's.
    pub fn hear(&self, callout: CalloutId, reply: Reply<'_>, now: Timestamp) -> Option<Delivery> {
        let letter = self.sent.borrow_mut().remove(&callout)?;
        Some(match reply.status {
            Some(200..=299) => Delivery::Told,
            Some(status) => self.postpone(letter, &format!("it answered {status}"), now),
            None => self.postpone(letter, "it broke off", now),
        })
    }

    fn postpone(&self, letter: Letter, why: &str, now: Timestamp) -> Delivery {
        let tried = letter.tried.saturating_add(1);
        if tried >= Self::TRIES {
            return Delivery::GivenUp(format!("told {} times: {why}", Self::TRIES));
        }
        let pause = Self::PAUSE.saturating_mul(4_u64.saturating_pow(letter.tried));
        self.put(Letter {
            tried,
            not_before: Seconds::new(pause).after(now),
            ..letter
        });
        Delivery::Postponed
    }

    fn put(&self, letter: Letter) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() >= Self::MOST {
            waiting.pop_front();
        }
        waiting.push_back(letter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::callout::{CalloutName, TimeoutMs};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn webhook() -> Webhook {
        let name = |name: &str| CalloutName::try_from(name.to_owned()).unwrap();
        let service = Service {
            cluster: name("alerts"),
            authority: name("alerts.example"),
            headers: Vec::new(),
            timeout: TimeoutMs::of(500),
        };
        Webhook::new(service, WebhookPath::try_from("/hook".to_owned()).unwrap())
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Sends what is due and has it answered so; what came of each.
    fn send(webhook: &Webhook, status: Option<u16>, second: i64) -> Vec<Delivery> {
        let due = webhook.take_due(at(second));
        let reply = Reply { status, body: b"" };
        let mut deliveries = Vec::new();
        for (number, (letter, callout)) in due.into_iter().enumerate() {
            assert_eq!(callout.cluster, "alerts");
            let id = CalloutId(u32::try_from(number).unwrap());
            webhook.note(id, letter);
            deliveries.push(webhook.hear(id, reply, at(second)).unwrap());
        }
        deliveries
    }

    #[test]
    fn what_was_taken_is_told_once() {
        let webhook = webhook();
        webhook.tell("{}".to_owned());
        webhook.tell("[]".to_owned());
        assert_eq!(
            send(&webhook, Some(204), 0),
            [Delivery::Told, Delivery::Told]
        );
        assert_eq!(send(&webhook, Some(204), 1), []);
        let reply = Reply {
            status: Some(200),
            body: b"",
        };
        assert_eq!(webhook.hear(CalloutId(9), reply, at(2)), None);
    }

    #[test]
    fn what_nobody_took_is_told_again_three_times_in_all() {
        let webhook = webhook();
        webhook.tell("{}".to_owned());
        assert_eq!(send(&webhook, Some(503), 0), [Delivery::Postponed]);
        assert_eq!(send(&webhook, Some(503), 4), []);
        assert_eq!(send(&webhook, None, 5), [Delivery::Postponed]);
        assert_eq!(send(&webhook, Some(404), 24), []);
        let given_up = Delivery::GivenUp("told 3 times: it answered 404".to_owned());
        assert_eq!(send(&webhook, Some(404), 25), [given_up]);
        assert_eq!(send(&webhook, Some(200), 1_000), []);
    }

    #[test]
    fn what_waits_is_bounded() {
        let webhook = webhook();
        for number in 0..2_000 {
            webhook.tell(number.to_string());
        }
        let due = webhook.take_due(at(0));
        assert_eq!(due.len(), 1_000);
        assert_eq!(due[0].1.body, b"1000");
    }
}
