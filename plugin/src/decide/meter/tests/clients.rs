//! Calls of an organization's clients.

use super::*;
use crate::{accounts::account::Clients, decide::clients::StatedClient};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Organization 7 has ten credits; each client may use four of them, `importer` half.
fn desk(change: impl FnOnce(&mut serde_json::Value)) -> Desk {
    Desk::new(|config| {
        config["clients"] = serde_json::json!({
            "identity": {"header": "x-client-id"},
            "limits": {"default": {"credits": 4}, "named": {"importer": {"percent": 50}}},
            "max_clients": 2
        });
        change(config);
    })
}

impl Desk {
    fn call_of(&self, call: &str, client: Option<&str>) -> (Meter, Verdict) {
        self.stating(
            call,
            &StatedClient {
                id: client.map(str::to_owned),
                ..StatedClient::default()
            },
        )
    }

    fn stating(&self, call: &str, client: &StatedClient) -> (Meter, Verdict) {
        let (method, path) = call.split_once(' ').unwrap();
        let mut meter = Meter::new(Rc::clone(&self.policy), Rc::clone(&self.worker));
        let head = RequestHead {
            method,
            path,
            identity: Some("7"),
            client: Some(client),
            end_of_stream: method == "GET",
            ..RequestHead::default()
        };
        let verdict = meter.on_request_headers(head, self.now, &self.data);
        (meter, verdict)
    }

    /// What a call of this client came to, in words.
    fn of(&self, call: &str, client: Option<&str>) -> String {
        words_of(&self.call_of(call, client).0)
    }

    fn used(&self) -> Vec<(String, u64)> {
        let holder = &self.policy.organizations["7"];
        let day = holder.data_center.calendar.day(self.now).number;
        let account = Ledger::new(&self.data).peek(&holder.key, day).unwrap();
        let clients = account.clients().into_iter().flat_map(Clients::iter);
        let used = clients.map(|(id, client)| (id.to_owned(), client.used.get()));
        std::iter::once(("7".to_owned(), account.used().get()))
            .chain(used)
            .collect()
    }
}

fn words_of(meter: &Meter) -> String {
    let balance = meter.receipt().unwrap().balance.as_ref();
    let client = balance.and_then(|balance| balance.client());
    let client = client.map(|client| {
        let left = client.remaining().map(|left| left.to_string());
        format!(" as {} left {}", client.id, left.unwrap_or_default())
    });
    words(meter) + &client.unwrap_or_default()
}

#[test]
fn a_call_is_paid_by_its_client_and_its_organization_or_by_neither() {
    let desk = desk(|_| {});
    assert_eq!(
        desk.of("GET /list", Some("a")),
        "admitted 7 cost 3 left 7 as a left 1"
    );
    let before = desk.data.dump();
    assert_eq!(
        desk.of("GET /list", Some("a")),
        "client_credits 7 cost 0 left 7 as a left 1"
    );
    assert_eq!(desk.data.dump(), before);
    assert_eq!(
        desk.of("GET /list", Some("importer")),
        "admitted 7 cost 3 left 4 as importer left 2"
    );
    assert_eq!(
        desk.of("GET /list", Some("b")),
        "admitted 7 cost 3 left 1 as b left 1"
    );
    assert_eq!(
        desk.of("GET /list", None),
        "daily_credits 7 cost 0 left 1 as (none) left 4"
    );
    assert_eq!(
        desk.of("GET /one", None),
        "admitted 7 cost 1 left 0 as (none) left 3"
    );
    let used = [
        ("7", 10),
        ("(none)", 1),
        ("b", 3),
        ("importer", 3),
        ("a", 3),
    ];
    assert_eq!(desk.used(), used.map(|(id, used)| (id.to_owned(), used)));
}

#[test]
fn clients_that_are_too_many_share_what_one_may_use() {
    let desk = desk(|_| {});
    for client in ["a", "b"] {
        desk.of("GET /one", Some(client));
    }
    assert_eq!(
        desk.of("GET /list", Some("c")),
        "admitted 7 cost 3 left 5 as (others) left 1"
    );
    assert_eq!(
        desk.of("GET /list", Some("d")),
        "client_credits 7 cost 0 left 5 as (others) left 1"
    );
    assert_eq!(
        desk.of("GET /one", Some("(e")),
        "admitted 7 cost 1 left 4 as (others) left 0"
    );
    assert_eq!(
        desk.of("GET /list", Some("a")),
        "admitted 7 cost 3 left 1 as a left 0"
    );
}

#[test]
fn a_call_that_costs_more_than_its_client_may_ever_use_is_its_own_refusal() {
    let desk = desk(|config| {
        config["costs"]["rules"][1]["cost"] = serde_json::json!(5);
    });
    let (_, verdict) = desk.call_of("GET /list", Some("a"));
    let Step::Refuse(refusal) = verdict.step else {
        panic!("{verdict:?}");
    };
    assert_eq!(refusal.reason, Reason::ExceedsClientCredits);
    assert_eq!(
        desk.of("GET /list", Some("importer")),
        "admitted 7 cost 5 left 5 as importer left 0"
    );
}

#[test]
fn a_refund_comes_back_to_the_client_as_well() {
    let desk = desk(|_| {});
    let (mut meter, _) = desk.call_of("GET /list", Some("a"));
    let head = ResponseHead {
        status: 503,
        ..ResponseHead::default()
    };
    meter.on_response_headers(head, desk.now, &desk.data);
    assert_eq!(words_of(&meter), "refunded 7 cost 0 left 10 as a left 4");
    assert_eq!(
        desk.used(),
        [("7".to_owned(), 0)],
        "nothing used takes no room"
    );
}

#[test]
fn a_client_has_calls_in_progress_of_its_own() {
    let desk = desk(|config| {
        config["clients"]["limits"]["default"] = serde_json::json!({"concurrency": 1});
    });
    let (mut first, _) = desk.call_of("GET /one", Some("a"));
    let second = desk.of("GET /one", Some("a"));
    assert_eq!(
        second,
        "client_too_many_requests 7 cost 0 left 9 as a left "
    );
    assert_eq!(
        desk.of("GET /one", Some("b")),
        "admitted 7 cost 1 left 8 as b left "
    );
    first.on_end(Ending::Unanswered, desk.now, &desk.data);
    assert_eq!(
        desk.of("GET /one", Some("a")),
        "admitted 7 cost 1 left 7 as a left "
    );
}

#[test]
fn what_a_call_states_of_its_client_counts_more_and_nonsense_is_refused() {
    let desk = desk(|_| {});
    let stated = |credits: &str| StatedClient {
        id: Some("a".to_owned()),
        credits: Some(credits.to_owned()),
        ..StatedClient::default()
    };
    let (meter, _) = desk.stating("GET /list", &stated("3"));
    assert_eq!(words_of(&meter), "admitted 7 cost 3 left 7 as a left 0");
    let (meter, verdict) = desk.stating("GET /list", &stated("plenty"));
    assert_eq!(words(&meter), "invalid_subscription 7 cost 0 left -");
    assert_eq!(
        verdict.warnings,
        [
            r#"what is stated about "7" makes no subscription: clients.attributes.credits is "plenty", expected a whole number"#
        ]
    );
}

#[test]
fn a_client_is_warned_of_once_when_it_reaches_a_share_of_its_cap() {
    let desk = desk(|_| {});
    let (_, first) = desk.call_of("GET /list", Some("a"));
    assert_eq!(first.warnings.len(), 1, "{:?}", first.warnings);
    assert!(first.warnings[0].starts_with(r#"client "a" of organization "7" (Ten) has used 50 % of its credits of the day: 3 of 4, 1 are left until"#), "{:?}", first.warnings);
    let (_, refused) = desk.call_of("GET /list", Some("a"));
    assert_eq!(refused.warnings, [""; 0]);
}

#[test]
fn a_body_is_held_on_the_clients_slot_and_paid_by_the_client() {
    let desk = desk(|config| {
        config["clients"]["limits"]["default"] =
            serde_json::json!({"credits": 4, "concurrency": 1});
    });
    let (mut held, verdict) = desk.call_of("POST /bulk", Some("a"));
    assert_eq!(verdict.step, Step::HoldForBody);
    assert_eq!(
        desk.of("GET /one", Some("a")),
        "client_too_many_requests 7 cost 0 left 10 as a left 4"
    );
    held.on_request_body(br#"{"ids":[1,2,3]}"#, desk.now, &desk.data);
    assert_eq!(
        words_of(&held),
        "exceeds_client_credits 7 cost 0 left 10 as a left 4"
    );
    held.on_end(Ending::Unanswered, desk.now, &desk.data);
    assert_eq!(
        desk.of("GET /one", Some("a")),
        "admitted 7 cost 1 left 9 as a left 3"
    );
}

#[test]
fn calls_that_pay_nothing_take_no_clients_place() {
    let desk = desk(|_| {});
    for client in ["x", "y", "z"] {
        let (mut held, _) = desk.call_of("POST /bulk", Some(client));
        held.on_request_body(b"[", desk.now, &desk.data);
        held.on_end(Ending::Unanswered, desk.now, &desk.data);
    }
    assert_eq!(desk.used(), [("7".to_owned(), 0)]);
    assert_eq!(
        desk.of("GET /one", Some("a")),
        "admitted 7 cost 1 left 9 as a left 3"
    );
}

#[test]
fn what_cannot_be_a_limit_stops_no_free_call_and_no_organization_that_is_never_refused() {
    let stated = StatedClient {
        id: Some("a".to_owned()),
        credits: Some("plenty".to_owned()),
        ..StatedClient::default()
    };
    let (_, free) = desk(|_| {}).stating("GET /healthz", &stated);
    assert_eq!(free.step, Step::Forward);
    let never = desk(|config| {
        config["organizations"]["7"]["enforcement"] = serde_json::json!("never_refuse");
    });
    let (_, verdict) = never.stating("GET /list", &stated);
    assert_eq!(verdict.step, Step::Forward);
    let (meter, _) = never.call_of("GET /list", Some("a"));
    assert_eq!(words_of(&meter), "admitted 7 cost 3 left 7 as a left ");
}
