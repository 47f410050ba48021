//! Calls, one after another, as the meter decides them.

use super::*;
use crate::{accounts::ledger::fake::FakeSharedData, pricing::cost_table::Fallback};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const CONFIG: &str = r#"{
    "identity": {"header": "orgId"},
    "editions": {"Ten": {"base": 10}, "Three": {"base": 3}},
    "organizations": {"7": {"edition": "Ten"}, "8": {"edition": "Ten"}},
    "costs": {
        "default": 1,
        "body": {"max_bytes": 16, "too_large": {"charge": 5}, "unreadable": "refuse"},
        "rules": [
            {"name": "health", "operations": ["GET /healthz"], "cost": 0},
            {"name": "list", "operations": ["GET /list"], "cost": 3},
            {"name": "count", "operations": ["GET /count"], "cost": 50},
            {"name": "bulk", "operations": ["POST /bulk"],
             "cost": {"per_record": {"arrays": ["/ids"], "credits": 2, "at_least": 2}}}
        ]
    }
}"#;

/// A policy with its accounts, at noon unless said otherwise.
struct Desk {
    policy: Rc<Policy>,
    worker: Rc<Worker>,
    data: FakeSharedData,
    now: Timestamp,
}

impl Desk {
    fn new(change: impl FnOnce(&mut serde_json::Value)) -> Self {
        let mut config = serde_json::from_str(CONFIG).unwrap();
        change(&mut config);
        let policy = Policy::from_json(config.to_string().as_bytes()).unwrap();
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        Self {
            policy: Rc::new(policy),
            worker: Rc::default(),
            data: FakeSharedData::default(),
            now,
        }
    }

    fn head(&self, call: &str, identity: Option<&str>, end_of_stream: bool) -> (Meter, Verdict) {
        let (method, path) = call.split_once(' ').unwrap();
        let mut meter = Meter::new(Rc::clone(&self.policy), Rc::clone(&self.worker));
        let head = RequestHead {
            method,
            path,
            identity,
            attributes: None,
            end_of_stream,
            ..RequestHead::default()
        };
        let verdict = meter.on_request_headers(head, self.now, &self.data);
        (meter, verdict)
    }

    /// What a call without a body came to, in words.
    fn call(&self, call: &str, organization: &str) -> String {
        let (meter, _) = self.head(call, Some(organization), true);
        words(&meter)
    }

    /// What a call with this body came to, in words.
    fn post(&self, body: &str, organization: &str) -> String {
        let (mut meter, verdict) = self.head("POST /bulk", Some(organization), false);
        assert_eq!(verdict.step, Step::HoldForBody);
        meter.on_request_body(body.as_bytes(), self.now, &self.data);
        words(&meter)
    }
}

fn words(meter: &Meter) -> String {
    let receipt = meter.receipt().unwrap();
    let holder = receipt
        .holder
        .as_ref()
        .map_or("-", |holder| holder.label.as_str());
    let left = receipt
        .balance
        .as_ref()
        .map_or("-".to_owned(), |balance| balance.remaining.to_string());
    format!(
        "{} {holder} cost {} left {left}",
        receipt.outcome.name(),
        receipt.cost
    )
}

#[test]
fn the_last_credit_is_spendable_and_a_refused_call_changes_nothing() {
    let desk = Desk::new(|_| {});
    for left in [7, 4, 1] {
        assert_eq!(
            desk.call("GET /list", "7"),
            format!("admitted 7 cost 3 left {left}")
        );
    }
    let before = desk.data.dump();
    assert_eq!(desk.call("GET /list", "7"), "daily_credits 7 cost 0 left 1");
    assert_eq!(desk.data.dump(), before);
    assert_eq!(desk.call("GET /one", "7"), "admitted 7 cost 1 left 0");
    assert_eq!(desk.call("GET /one", "7"), "daily_credits 7 cost 0 left 0");
    assert_eq!(desk.call("GET /one", "8"), "admitted 8 cost 1 left 9");
}

#[test]
fn a_call_dearer_than_a_whole_day_is_its_own_refusal() {
    let desk = Desk::new(|_| {});
    assert_eq!(
        desk.call("GET /count", "7"),
        "exceeds_allotment 7 cost 0 left 10"
    );
}

#[test]
fn the_day_gives_new_credits_and_a_clock_that_steps_back_takes_none() {
    let mut desk = Desk::new(|config| config["day"] = serde_json::json!({"starts_at": "12:00:05"}));
    assert_eq!(desk.call("GET /list", "7"), "admitted 7 cost 3 left 7");
    desk.now = "2026-11-22T12:00:05Z".parse().unwrap();
    assert_eq!(desk.call("GET /list", "7"), "admitted 7 cost 3 left 7");
    desk.now = "2026-11-22T12:00:04Z".parse().unwrap();
    assert_eq!(desk.call("GET /list", "7"), "admitted 7 cost 3 left 4");
}

#[test]
fn under_the_old_model_every_call_counts_one_until_the_data_centre_moves() {
    let mut desk = Desk::new(|config| {
        config["data_centers"] =
            serde_json::json!({"EU": {"time_zone": "UTC", "credits_from": "2026-11-23"}});
        config["organizations"]["7"] =
            serde_json::json!({"edition": "Ten", "data_center": "EU", "legacy_limit": 30});
        config["costs"]["rules"][3]["cost"]["per_record"]["at_least"] = serde_json::json!(0);
    });
    assert_eq!(desk.call("GET /count", "7"), "admitted 7 cost 1 left 29");
    assert_eq!(desk.call("GET /healthz", "7"), "admitted 7 cost 0 left 29");
    let (meter, verdict) = desk.head("POST /bulk", Some("7"), false);
    assert_eq!(
        (verdict.step, words(&meter)),
        (Step::Forward, "admitted 7 cost 1 left 28".to_owned())
    );
    desk.now = "2026-11-23T00:00:00Z".parse().unwrap();
    assert_eq!(desk.call("GET /list", "7"), "admitted 7 cost 3 left 27");
    assert_eq!(desk.call("GET /list", "8"), "admitted 8 cost 3 left 7");
}

#[test]
fn a_free_call_needs_no_organization_and_tells_what_is_left_where_there_is_one() {
    let desk = Desk::new(|_| {});
    assert_eq!(
        words(&desk.head("GET /healthz", None, true).0),
        "admitted - cost 0 left -"
    );
    assert_eq!(
        desk.call("GET /healthz", "nobody"),
        "admitted - cost 0 left -"
    );
    assert_eq!(desk.call("GET /healthz", "7"), "admitted 7 cost 0 left 10");
    assert!(desk.data.dump().is_empty());
}

#[test]
fn strangers_are_refused_or_share_one_account() {
    let desk = Desk::new(|_| {});
    assert_eq!(
        desk.call("GET /one", "9"),
        "unknown_organization - cost 0 left -"
    );
    let share = serde_json::json!({"share": {"edition": "Three"}});
    let desk = Desk::new(|config| config["strangers"] = share);
    assert_eq!(
        desk.call("GET /one", "9"),
        "admitted strangers cost 1 left 2"
    );
    assert_eq!(
        desk.call("GET /one", "10"),
        "admitted strangers cost 1 left 1"
    );
    assert_eq!(
        desk.call("GET /list", "11"),
        "daily_credits strangers cost 0 left 1"
    );
}

#[test]
fn a_call_without_an_identity_has_its_own_answer() {
    let anonymous = |answer: serde_json::Value| {
        let desk = Desk::new(|config| config["anonymous"] = answer);
        words(&desk.head("GET /list", None, true).0)
    };
    let default = serde_json::json!({"refuse": {}});
    assert_eq!(anonymous(default), "no_organization - cost 0 left -");
    assert_eq!(
        anonymous(serde_json::json!("allow")),
        "admitted - cost 0 left -"
    );
    let share = serde_json::json!({"share": {"edition": "Three"}});
    assert_eq!(anonymous(share), "admitted anonymous cost 3 left 0");
}

#[test]
fn an_identity_that_names_two_organizations_is_refused_even_where_strangers_are_not() {
    let share = serde_json::json!({"share": {"edition": "Three"}});
    let desk = Desk::new(|config| config["strangers"] = share);
    for identity in ["7,8", "7, 8", "a/b", "ü"] {
        assert_eq!(
            desk.call("GET /one", identity),
            "invalid_organization - cost 0 left -"
        );
    }
    assert_eq!(desk.call("GET /one", ""), "no_organization - cost 0 left -");
}

#[test]
fn a_bulk_call_is_held_and_charged_by_its_records() {
    let desk = Desk::new(|_| {});
    assert_eq!(
        desk.post(r#"{"ids":[1,2,3]}"#, "7"),
        "admitted 7 cost 6 left 4"
    );
    assert_eq!(desk.post(r#"{"ids":[]}"#, "7"), "admitted 7 cost 2 left 2");
    assert_eq!(
        desk.post(r#"{"ids":[1,2]}"#, "7"),
        "daily_credits 7 cost 0 left 2"
    );
    assert_eq!(desk.call("POST /bulk", "7"), "admitted 7 cost 2 left 0");
}

#[test]
fn a_bulk_call_of_a_stranger_is_refused_before_its_body_is_read() {
    let desk = Desk::new(|_| {});
    let (meter, verdict) = desk.head("POST /bulk", Some("9"), false);
    assert!(matches!(verdict.step, Step::Refuse(_)));
    assert_eq!(words(&meter), "unknown_organization - cost 0 left -");
}

#[test]
fn a_body_that_cannot_be_counted_costs_what_is_configured() {
    let desk = Desk::new(|_| {});
    assert_eq!(
        desk.post(r#"{"ids":"#, "7"),
        "body_unreadable 7 cost 0 left 10"
    );
    assert_eq!(
        desk.post(r#"{"ids":[1,2,3,4]}"#, "7"),
        "admitted 7 cost 5 left 5"
    );
    let (mut meter, _) = desk.head("POST /bulk", Some("7"), false);
    let held = meter.on_request_body_growing(16, desk.now, &desk.data);
    assert_eq!(held, Verdict::of(Step::HoldForBody));
    let decided = meter.on_request_body_growing(17, desk.now, &desk.data);
    assert_eq!(decided.step, Step::Forward);
    assert_eq!(words(&meter), "admitted 7 cost 5 left 0");
    // What follows of the body is not looked at again.
    let rest = meter.on_request_body(b"{}", desk.now, &desk.data);
    assert_eq!(rest, Verdict::of(Step::Forward));
}

#[test]
fn where_no_bodies_are_read_a_bulk_call_is_decided_by_its_head() {
    let unread = |unread: Fallback| {
        let mut desk = Desk::new(|_| {});
        let policy = Rc::get_mut(&mut desk.policy).unwrap();
        policy.costs.leave_bodies_unread(unread);
        desk
    };
    let desk = unread(Fallback::Refuse);
    let (meter, verdict) = desk.head("POST /bulk", Some("7"), false);
    assert_eq!(words(&meter), "body_unreadable 7 cost 0 left 10");
    let Step::Refuse(refusal) = verdict.step else {
        panic!("{:?}", verdict.step);
    };
    assert_eq!(
        refusal.answer.message.unwrap(),
        "This call is priced by the records in its body, which are not counted here."
    );
    assert_eq!(
        verdict.warnings,
        [
            "a call that the rule \"bulk\" prices by the records in its body came to the module that reads no bodies, and was decided \
             by `costs.body.unread`: calls to such operations belong to the filter with api_credits.wasm"
        ]
    );
    // Once is enough.
    let (_, verdict) = desk.head("POST /bulk", Some("7"), false);
    assert!(verdict.warnings.is_empty());
    // Without a body it costs the least.
    assert_eq!(desk.call("POST /bulk", "7"), "admitted 7 cost 2 left 8");
    let desk = unread(Fallback::Charge(Credits::saturating(4)));
    let (meter, verdict) = desk.head("POST /bulk", Some("7"), false);
    assert_eq!(verdict.step, Step::Forward);
    assert_eq!(words(&meter), "admitted 7 cost 4 left 6");
    // Never less than a body without records.
    let desk = unread(Fallback::Charge(Credits::ONE));
    let (meter, _) = desk.head("POST /bulk", Some("7"), false);
    assert_eq!(words(&meter), "admitted 7 cost 2 left 8");
}

#[test]
fn an_account_that_cannot_be_read_refuses_the_call_and_tells_why() {
    let desk = Desk::new(|_| {});
    let key = desk.policy.organizations["7"].key.as_str().to_owned();
    desk.data.put(&key, b"junk");
    let (meter, verdict) = desk.head("GET /one", Some("7"), true);
    assert_eq!(words(&meter), "account_unavailable 7 cost 0 left -");
    assert_eq!(
        verdict.trouble.unwrap().to_string(),
        "the stored account is unreadable: a record of 4 bytes, expected 18"
    );
}

#[test]
fn what_is_counted_is_what_was_decided() {
    let desk = Desk::new(|_| {});
    let (_, admitted) = desk.head("GET /list", Some("7"), true);
    assert_eq!(
        admitted.counts.additions(),
        [(Metric::CallsAdmitted, 1), (Metric::CreditsCharged, 3)]
    );
    let (_, refused) = desk.head("GET /count", Some("7"), true);
    assert_eq!(
        refused.counts.additions(),
        [(Metric::CallsRefused(Reason::ExceedsAllotment), 1)]
    );
}

mod afterwards;
mod clients;
mod endings;
mod holding;
