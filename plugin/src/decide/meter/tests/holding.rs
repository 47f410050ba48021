//! Calls that are held for their bodies: they take their slots and have to be able to pay the least that they can cost.

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A configuration in which organization 7 may have one call in progress.
fn narrow_desk() -> Desk {
    Desk::new(|config| config["organizations"]["7"]["concurrency"] = serde_json::json!(1))
}

fn refused(verdict: &Verdict) -> Option<Reason> {
    match &verdict.step {
        Step::Refuse(refusal) => Some(refusal.reason),
        _ => None,
    }
}

fn end(meter: &mut Meter, desk: &Desk) {
    meter.on_end(Ending::Unanswered, desk.now, &desk.data);
}

#[test]
fn what_cannot_pay_the_least_is_refused_before_its_body() {
    let desk = Desk::new(|_| {});
    for _ in 0..3 {
        desk.call("GET /list", "7");
    }
    let before = desk.data.dump();
    let (meter, verdict) = desk.head("POST /bulk", Some("7"), false);
    assert_eq!(refused(&verdict), Some(Reason::DailyCredits));
    assert_eq!(words(&meter), "daily_credits 7 cost 0 left 1");
    assert_eq!(desk.data.dump(), before);

    let dear = Desk::new(|config| {
        config["costs"]["rules"][3]["cost"]["per_record"]["at_least"] = 11.into();
    });
    let (_, verdict) = dear.head("POST /bulk", Some("7"), false);
    assert_eq!(refused(&verdict), Some(Reason::ExceedsAllotment));
}

#[test]
fn a_held_call_is_in_progress() {
    let desk = narrow_desk();
    let (mut held, verdict) = desk.head("POST /bulk", Some("7"), false);
    assert_eq!(verdict.step, Step::HoldForBody);
    for (call, complete) in [("POST /bulk", false), ("GET /one", true)] {
        let (_, verdict) = desk.head(call, Some("7"), complete);
        assert_eq!(refused(&verdict), Some(Reason::TooManyRequests), "{call}");
    }
    let verdict = held.on_request_body(br#"{"ids":[1,2]}"#, desk.now, &desk.data);
    assert_eq!(verdict.step, Step::Forward);
    assert_eq!(words(&held), "admitted 7 cost 4 left 6");
    assert_eq!(
        desk.call("GET /one", "7"),
        "too_many_requests 7 cost 0 left 6"
    );
    end(&mut held, &desk);
    assert_eq!(desk.call("GET /one", "7"), "admitted 7 cost 1 left 5");
}

#[test]
fn however_a_held_call_ends_its_slot_comes_back() {
    let desk = narrow_desk();
    let body = |body: &'static str| {
        let desk = &desk;
        move |meter: &mut Meter| {
            meter.on_request_body(body.as_bytes(), desk.now, &desk.data);
        }
    };
    let nothing = |_: &mut Meter| {};
    let late = |meter: &mut Meter| {
        meter.on_request_body_late(desk.now, &desk.data);
    };
    let from_its_head_again = |meter: &mut Meter| {
        let head = RequestHead {
            method: "POST",
            path: "/bulk",
            identity: Some("7"),
            ..RequestHead::default()
        };
        let verdict = meter.on_request_headers(head, desk.now, &desk.data);
        assert_eq!(verdict.step, Step::HoldForBody);
    };
    let (unreadable, dear) = (body("["), body(r#"{"ids":[1,2,3]}"#));
    let ways: [&dyn Fn(&mut Meter); 5] =
        [&nothing, &late, &from_its_head_again, &unreadable, &dear];
    for (number, way) in ways.into_iter().enumerate() {
        let (mut held, verdict) = desk.head("POST /bulk", Some("7"), false);
        assert_eq!(verdict.step, Step::HoldForBody, "after {number} ways");
        way(&mut held);
        end(&mut held, &desk);
        end(&mut held, &desk);
    }
    assert_eq!(desk.call("GET /one", "7"), "admitted 7 cost 1 left 3");
}

#[test]
fn a_short_body_is_read_before_it_is_refused() {
    let desk = narrow_desk();
    for _ in 0..3 {
        let (mut meter, _) = desk.head("GET /list", Some("7"), true);
        end(&mut meter, &desk);
    }
    for (content_length, held) in [
        (Some("4096"), true),
        (Some("4097"), false),
        (Some("many"), false),
        (None, false),
    ] {
        let head = RequestHead {
            method: "POST",
            path: "/bulk",
            identity: Some("7"),
            content_length: content_length.map(str::as_bytes),
            ..RequestHead::default()
        };
        let mut meter = Meter::new(Rc::clone(&desk.policy), Rc::clone(&desk.worker));
        let verdict = meter.on_request_headers(head, desk.now, &desk.data);
        assert_eq!(
            verdict.step == Step::HoldForBody,
            held,
            "{content_length:?}"
        );
        if held {
            let verdict = meter.on_request_body(br#"{"ids":[1,2]}"#, desk.now, &desk.data);
            assert_eq!(refused(&verdict), Some(Reason::DailyCredits));
            assert_eq!(words(&meter), "daily_credits 7 cost 0 left 1");
        }
        end(&mut meter, &desk);
    }
    assert_eq!(desk.call("GET /one", "7"), "admitted 7 cost 1 left 0");
}

#[test]
fn an_answer_before_the_body_is_charged_the_least_at_once() {
    let priced = |more: &serde_json::Value| {
        Desk::new(|config| {
            config["costs"]["rules"][3]["cost"]["per_record"]["at_least"] = 2.into();
            config["costs"]["body"] = serde_json::json!({"hold": "body"});
            if let Some(more) = more.as_object() {
                let config = config.as_object_mut().unwrap();
                config.extend(more.clone());
            }
        })
    };
    let plain = priced(&serde_json::json!({}));
    let (mut held, verdict) = plain.head("POST /bulk", Some("7"), false);
    assert_eq!(
        (verdict.step, held.lets_head_go()),
        (Step::HoldForBody, true)
    );
    let verdict = held.on_answer_before_body(plain.now, &plain.data);
    assert_eq!(verdict.step, Step::Forward);
    assert_eq!(words(&held), "admitted 7 cost 2 left 8");
    assert!(!held.lets_head_go());
    let late = held.on_request_body(br#"{"ids":[1,2,3]}"#, plain.now, &plain.data);
    assert_eq!(late.step, Step::Forward);
    assert_eq!(words(&held), "admitted 7 cost 2 left 8");

    // Nothing can be waited for any more: what the engine has not granted is refused.
    let shared = priced(&serde_json::json!({
        "engine": {"transport": {"resp": {"cluster": "e"}}, "envoys": 2}
    }));
    let (holder, data) = (&shared.policy.organizations["7"], &shared.data);
    let mut held = Meter::new(Rc::clone(&shared.policy), Rc::clone(&shared.worker));
    held.state = State::Holding {
        holder: Rc::clone(holder),
        quote: match shared.policy.costs.quote("POST", "/bulk") {
            Quote::ByBody(quote) => quote,
            Quote::Known(_) => panic!("a price per record"),
        },
    };
    let verdict = held.on_answer_before_body(shared.now, data);
    assert_eq!(refused(&verdict), Some(Reason::EngineUnavailable));
}
