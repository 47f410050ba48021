//! Usage events: what is sent, and under which ids.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::{
    accounts::statistics::Event as Counted,
    decide::policy::Policy,
    model::{credits::Credits, day::DayNumber, reason::Reason},
    outbound::{callout::CalloutId, callout::Reply, outbox::Delivery},
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const LOT: [u8; 8] = [0xab; 8];

fn events(more: &Value) -> UsageEvents {
    let mut config = json!({
        "identity": {"header": "o"}, "editions": {"E": {"base": 100}}, "organizations": {"7": {"edition": "E"}},
        "costs": {"default": 1, "rules": [{"name": "list", "operations": ["GET /a"], "cost": 3}]},
        "usage_events": {"webhook": {"cluster": "meter", "authority": "meter.example", "path": "/events"}},
    });
    let settings = config["usage_events"].as_object_mut().unwrap();
    settings.extend(more.as_object().unwrap().clone());
    let policy = Policy::from_json(config.to_string().as_bytes()).unwrap();
    policy.usage_events.unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_millisecond((1_796_040_000 + second) * 1_000 + 250).unwrap() // 2026-11-30T12:00:00.250Z
}

fn counted(all: &[(&str, u64)]) -> Statistics {
    let mut statistics = Statistics::opened(DayNumber::new(20_787));
    for &(rule, cost) in all {
        let cost = Credits::new(cost).unwrap();
        statistics.add(None, Counted::Charged { rule, cost });
    }
    statistics
}

fn sent(events: &UsageEvents, second: i64) -> Vec<String> {
    events.tick(at(second), || LOT);
    let due = events.outbox().take_due(at(second));
    due.into_iter()
        .map(|(_, callout)| String::from_utf8(callout.body).unwrap())
        .collect()
}

#[test]
fn what_was_charged_in_an_interval_is_one_batch() {
    let events = events(&json!({}));
    let mut statistics = counted(&[("list", 3), ("default", 1), ("gone", 9), ("list", 4)]);
    statistics.add(None, Counted::Refunded(Credits::ONE));
    statistics.add(None, Counted::Refused(Reason::DailyCredits));
    events.add("7", &statistics, at(0));
    assert_eq!(sent(&events, 59), [""; 0]);
    events.add("7", &counted(&[("default", 1)]), at(59));
    let bodies = sent(&events, 60);
    let event = |number: u64, operation: &str, calls: u64, credits: u64| {
        json!({
            "specversion": "1.0", "type": "api_credits.usage", "source": "/api-credits/default",
            "id": format!("abababababababab-0-{number}"), "subject": "7", "time": "2026-11-30T12:01:00Z",
            "data": {
                "organization": "7", "operation": operation, "day": "2026-11-30", "hour": "2026-11-30T12:00:00Z",
                "from": "2026-11-30T12:00:00Z", "to": "2026-11-30T12:01:00Z", "calls": calls, "credits": credits,
            },
        })
    };
    let expected = json!([
        event(0, "(a former rule)", 1, 9),
        event(1, "default", 2, 2),
        event(2, "list", 2, 7),
    ]);
    assert_eq!(bodies.len(), 1);
    assert_eq!(serde_json::from_str::<Value>(&bodies[0]).unwrap(), expected);
    assert_eq!(sent(&events, 200), [""; 0], "nothing more was charged");
}

#[test]
fn csv_says_the_same() {
    let events = events(&json!({"format": "csv", "interval_seconds": 1}));
    events.add("7", &counted(&[("list", 3), ("default", 1)]), at(0));
    assert_eq!(
        sent(&events, 1),
        [
            "id,day,hour,from,to,organization,client,operation,calls,credits\r\n\
          abababababababab-0-0,2026-11-30,2026-11-30T12:00:00Z,2026-11-30T12:00:00Z,2026-11-30T12:00:01Z,7,,default,1,1\r\n\
          abababababababab-0-1,2026-11-30,2026-11-30T12:00:00Z,2026-11-30T12:00:00Z,2026-11-30T12:00:01Z,7,,list,1,3\r\n"
        ]
    );
}

#[test]
fn a_batch_ends_with_its_hour() {
    let events = events(&json!({"interval_seconds": 3_600}));
    events.add("7", &counted(&[("default", 1)]), at(3_590));
    assert_eq!(sent(&events, 3_599).len(), 0);
    let bodies = sent(&events, 3_600);
    let batch: Value = serde_json::from_str(&bodies[0]).unwrap();
    assert_eq!(batch[0]["data"]["hour"], "2026-11-30T12:00:00Z");
}

#[test]
fn a_batch_is_sent_again_as_it_was_and_ids_never_repeat() {
    let events = events(&json!({"interval_seconds": 1}));
    let reply = |status| Reply {
        status: Some(status),
        body: b"",
    };
    let mut ids = BTreeSet::new();
    let mut bodies = Vec::new();
    for number in 0..1_200 {
        events.add(&format!("{number}"), &counted(&[("default", 1)]), at(0));
    }
    events.tick(at(1), || LOT);
    for (number, (message, callout)) in events.outbox().take_due(at(1)).into_iter().enumerate() {
        let batch: Vec<Value> = serde_json::from_slice(&callout.body).unwrap();
        ids.extend(batch.iter().map(|event| event["id"].to_string()));
        bodies.push(callout.body);
        let id = CalloutId(u32::try_from(number).unwrap());
        events.outbox().note(id, message);
        let delivery = events.outbox().hear(id, reply(503), at(1));
        assert_eq!(delivery, Some(Delivery::Postponed));
    }
    assert_eq!((bodies.len(), ids.len()), (3, 1_200));
    let again: Vec<_> = events
        .outbox()
        .take_due(at(6))
        .into_iter()
        .map(|(_, callout)| callout.body)
        .collect();
    assert_eq!(again, bodies);
}

#[test]
fn an_interval_is_a_second_at_least() {
    let config = json!({
        "identity": {"header": "o"}, "editions": {}, "organizations": {}, "costs": {"default": 1},
        "usage_events": {"webhook": {"cluster": "m", "authority": "m", "path": "/"}, "interval_seconds": 0},
    });
    let error = Policy::from_json(config.to_string().as_bytes()).unwrap_err();
    assert!(
        error
            .lines()
            .any(|line| line.contains("`usage_events.interval_seconds`")
                && line.contains("0")
                && line.contains("from 1 to 3600")),
        "{error:?}"
    );
}

#[test]
fn what_a_client_was_charged_is_an_event_of_its_own_and_nothing_is_told_twice() {
    let events = events(&json!({"format": "csv", "interval_seconds": 1}));
    let mut statistics = counted(&[("list", 3)]);
    let client = ClientId::stated(Some("importer"));
    let cost = Credits::new(4).unwrap();
    statistics.add(Some(&client), Counted::Charged { rule: "list", cost });
    events.add("7", &statistics, at(0));
    let csv = sent(&events, 1).concat();
    let rows = csv.lines().skip(1).map(|row| {
        let fields: Vec<_> = row.split(',').skip(5).collect();
        fields.join(",")
    });
    assert_eq!(
        rows.collect::<Vec<_>>(),
        ["7,,list,1,3", "7,importer,list,1,4"]
    );
}
