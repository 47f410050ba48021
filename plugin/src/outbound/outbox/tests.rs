//! The outbox.

use super::*;
use crate::outbound::callout::{CalloutName, TimeoutMs};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const WARNINGS: Retries = Retries {
    attempts: Some(3),
    pause: Seconds::new(5),
    longest_pause: Seconds::new(80),
    most: 1_000,
};

fn webhook(retries: Retries) -> Outbox {
    let name = |name: &str| CalloutName::try_from(name.to_owned()).unwrap();
    let service = Service {
        cluster: name("alerts"),
        authority: name("alerts.example"),
        headers: Vec::new(),
        timeout: TimeoutMs::of(500),
    };
    let path = WebhookPath::try_from("/hook".to_owned()).unwrap();
    Outbox::new(service, path, "application/json", retries)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Sends what is due and has it answered so; what came of each.
fn send(webhook: &Outbox, status: Option<u16>, second: i64) -> Vec<Delivery> {
    let due = webhook.take_due(at(second));
    let reply = Reply { status, body: b"" };
    let mut deliveries = Vec::new();
    for (number, (message, callout)) in due.into_iter().enumerate() {
        assert_eq!(callout.cluster, "alerts");
        let id = CalloutId(u32::try_from(number).unwrap());
        webhook.note(id, message);
        deliveries.push(webhook.hear(id, reply, at(second)).unwrap());
    }
    deliveries
}

#[test]
fn what_was_taken_is_told_once() {
    let webhook = webhook(WARNINGS);
    webhook.put("{}".to_owned(), 1);
    webhook.put("[]".to_owned(), 1);
    assert_eq!(
        send(&webhook, Some(204), 0),
        [Delivery::Accepted(1), Delivery::Accepted(1)]
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
    let webhook = webhook(WARNINGS);
    webhook.put("{}".to_owned(), 1);
    assert_eq!(send(&webhook, Some(503), 0), [Delivery::Postponed]);
    assert_eq!(send(&webhook, Some(503), 4), []);
    assert_eq!(send(&webhook, None, 5), [Delivery::Postponed]);
    assert_eq!(send(&webhook, Some(404), 24), []);
    let given_up = Delivery::GivenUp(1, "told 3 times: it answered 404".to_owned());
    assert_eq!(send(&webhook, Some(404), 25), [given_up]);
    assert_eq!(send(&webhook, Some(200), 1_000), []);
}

#[test]
fn what_waits_is_bounded() {
    let webhook = webhook(WARNINGS);
    for number in 0..2_000 {
        webhook.put(number.to_string(), 1);
    }
    let due = webhook.take_due(at(0));
    assert_eq!(due.len(), 1_000);
    assert_eq!(due[0].1.body, b"1000");
    let why = "more than 1000 were waiting".to_owned();
    assert_eq!(webhook.displaced(), Some(Delivery::GivenUp(1_000, why)));
    assert_eq!(webhook.displaced(), None);
}
#[test]
fn what_must_not_be_lost_is_sent_until_it_is_accepted() {
    let webhook = webhook(Retries {
        attempts: None,
        longest_pause: Seconds::new(60),
        ..WARNINGS
    });
    webhook.put("a".to_owned(), 7);
    let mut sent_at = Vec::new();
    for second in 0..300 {
        if !send(&webhook, Some(500), second).is_empty() {
            sent_at.push(second);
        }
    }
    assert_eq!(sent_at, [0, 5, 25, 85, 145, 205, 265]);
    assert_eq!(webhook.unsent(), 7);
    assert_eq!(send(&webhook, Some(202), 400), [Delivery::Accepted(7)]);
    assert_eq!(webhook.unsent(), 0);
}

#[test]
fn another_outbox_takes_over_what_was_not_accepted() {
    let (former, successor) = (webhook(WARNINGS), webhook(WARNINGS));
    former.put("on its way".to_owned(), 2);
    let (message, _) = former.take_due(at(0)).remove(0);
    former.note(CalloutId(1), message);
    former.put("waiting".to_owned(), 3);
    successor.adopt(&former);
    assert_eq!((former.unsent(), successor.unsent()), (0, 5));
    let bodies: Vec<_> = successor
        .take_due(at(0))
        .into_iter()
        .map(|(_, callout)| String::from_utf8(callout.body).unwrap())
        .collect();
    assert_eq!(bodies, ["on its way", "waiting"]);
}
