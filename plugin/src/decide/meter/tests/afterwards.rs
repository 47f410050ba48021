//! Calls in progress, and charges once their calls are answered; refusals that are not meant.

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A configuration in which organization 7 may have two calls in progress, one of them an export.
fn busy_desk() -> Desk {
    Desk::new(|config| {
        config["organizations"]["7"]["concurrency"] = serde_json::json!(2);
        config["concurrency"] = serde_json::json!({"groups": {"exports": 1}});
        let rule = serde_json::json!({"name": "export", "operations": ["GET /export"], "cost": 1, "group": "exports"});
        config["costs"]["rules"].as_array_mut().unwrap().push(rule);
    })
}

#[test]
fn as_many_calls_as_are_allowed_are_in_progress() {
    let desk = busy_desk();
    let (mut first, _) = desk.head("GET /one", Some("7"), true);
    let (second, _) = desk.head("GET /one", Some("7"), true);
    assert_eq!(
        desk.call("GET /one", "7"),
        "too_many_requests 7 cost 0 left 8"
    );
    assert_eq!(desk.call("GET /one", "8"), "admitted 8 cost 1 left 9");
    assert_eq!(desk.call("GET /healthz", "7"), "admitted 7 cost 0 left 8");
    first.on_end(Ending::Answered(503), desk.now, &desk.data);
    first.on_end(Ending::Answered(503), desk.now, &desk.data);
    assert_eq!(
        desk.call("GET /one", "7"),
        "admitted 7 cost 1 left 8",
        "the first had no response: refunded"
    );
    assert_eq!(
        desk.call("GET /one", "7"),
        "too_many_requests 7 cost 0 left 8"
    );
    drop(second);
}

#[test]
fn a_group_of_operations_has_its_own_limit() {
    let desk = busy_desk();
    desk.head("GET /export", Some("7"), true);
    let (_, verdict) = desk.head("GET /export", Some("7"), true);
    let Step::Refuse(refusal) = verdict.step else {
        panic!()
    };
    assert_eq!(
        refusal.calls,
        Some(TooManyCalls {
            in_progress: 1,
            limit: 1,

            of: crate::accounts::slots::CallsOf::Group,
        })
    );
    assert_eq!(desk.call("GET /one", "7"), "admitted 7 cost 1 left 8");
}

#[test]
fn slots_of_a_crashed_worker_come_back_and_what_it_charged_stays() {
    let mut desk = busy_desk();
    for _ in 0..2 {
        desk.head("GET /one", Some("7"), true);
    }
    desk.worker = Rc::default(); // the worker that served them is gone, and with it all that it knew
    assert_eq!(
        desk.call("GET /one", "7"),
        "too_many_requests 7 cost 0 left 8"
    );
    desk.now += jiff::SignedDuration::from_secs(30);
    assert_eq!(desk.call("GET /one", "7"), "admitted 7 cost 1 left 7");
}

fn answer(meter: &mut Meter, desk: &Desk, status: u16, stated_cost: Option<&str>) -> Counts {
    meter.on_response_headers(
        ResponseHead {
            status,
            stated_cost,
            ..ResponseHead::default()
        },
        desk.now,
        &desk.data,
    )
}

#[test]
fn a_lowered_allotment_that_is_reached_is_warned_of_when_a_call_is_refused() {
    let desk = Desk::new(|_| {});
    for _ in 0..4 {
        desk.call("GET /one", "7");
    }
    let lowered = Desk::new(|config| config["editions"]["Ten"]["base"] = 4.into());
    let lowered = Desk {
        data: desk.data,
        ..lowered
    };
    let (_, verdict) = lowered.head("GET /one", Some("7"), true);
    assert!(matches!(verdict.step, Step::Refuse(_)));
    assert_eq!(verdict.warnings.len(), 4, "50, 80, 90 and 100 percent");
    assert_eq!(verdict.counts.warnings, 4);
    let (_, verdict) = lowered.head("GET /one", Some("7"), true);
    assert_eq!(verdict.warnings, [""; 0], "once");
}

#[test]
fn a_call_that_the_platform_failed_is_refunded_once() {
    let desk = Desk::new(|_| {});
    for (status, words_then) in [
        (200, "admitted 7 cost 3 left 7"),
        (404, "admitted 7 cost 3 left 4"),
        (502, "refunded 7 cost 0 left 4"),
        (503, "refunded 7 cost 0 left 4"),
        (504, "refunded 7 cost 0 left 4"),
        (500, "admitted 7 cost 3 left 1"),
    ] {
        let (mut meter, _) = desk.head("GET /list", Some("7"), true);
        let counts = answer(&mut meter, &desk, status, None);
        assert_eq!(words(&meter), words_then, "{status}");
        let refunded = if words_then.starts_with("refunded") {
            3
        } else {
            0
        };
        assert_eq!(counts.refunded.get(), refunded, "{status}");
        assert_eq!(
            answer(&mut meter, &desk, 503, None),
            Counts::default(),
            "only the first response counts"
        );
        assert_eq!(
            meter.on_end(Ending::Unanswered, desk.now, &desk.data),
            Counts::default()
        );
    }
}

#[test]
fn a_refund_after_the_day_has_turned_leaves_the_new_day_alone() {
    let mut desk = Desk::new(|config| config["day"] = serde_json::json!({"starts_at": "12:00:05"}));
    let (mut meter, _) = desk.head("GET /list", Some("7"), true);
    desk.now = "2026-11-22T12:00:05Z".parse().unwrap();
    assert_eq!(desk.call("GET /one", "7"), "admitted 7 cost 1 left 9");
    answer(&mut meter, &desk, 503, None);
    assert_eq!(desk.call("GET /one", "7"), "admitted 7 cost 1 left 8");
}

#[test]
fn a_call_is_settled_by_what_the_upstream_states_and_never_overspends() {
    let desk = Desk::new(|config| {
        let rule = serde_json::json!({"name": "query", "operations": ["POST /query"], "cost": 4, "settle_from": "X-Used"});
        config["costs"]["rules"].as_array_mut().unwrap().push(rule);
    });
    let settle = |stated: Option<&str>| {
        let (mut meter, _) = desk.head("POST /query", Some("7"), true);
        assert_eq!(meter.settles_from(false), Some("x-used"));
        let counts = answer(&mut meter, &desk, 200, stated);
        (
            words(&meter),
            counts.charged.get(),
            counts.refunded.get(),
            counts.uncollected.get(),
        )
    };
    let row = |words: &str, charged, refunded, uncollected| {
        (words.to_owned(), charged, refunded, uncollected)
    };
    assert_eq!(settle(Some("1")), row("admitted 7 cost 1 left 9", 0, 3, 0));
    assert_eq!(
        settle(Some(" 5 ")),
        row("admitted 7 cost 5 left 4", 1, 0, 0)
    );
    assert_eq!(settle(Some("0")), row("admitted 7 cost 0 left 4", 0, 4, 0));
    assert_eq!(
        settle(Some("100")),
        row("admitted 7 cost 4 left 0", 0, 0, 96)
    );
    let desk_words = desk.call("GET /one", "7");
    assert_eq!(desk_words, "daily_credits 7 cost 0 left 0");
}

#[test]
fn a_stated_cost_that_is_none_leaves_the_estimate() {
    let desk = Desk::new(|config| {
        config["costs"]["rules"][1]["settle_from"] = serde_json::json!("X-Used");
    });
    for (stated, left) in [(None, 7), (Some("lots"), 4), (Some("-1"), 1)] {
        let (mut meter, _) = desk.head("GET /list", Some("7"), true);
        answer(&mut meter, &desk, 200, stated);
        assert_eq!(words(&meter), format!("admitted 7 cost 3 left {left}"));
    }
}

#[test]
fn in_shadow_nothing_is_refused_and_everything_is_decided_as_if_it_were() {
    let desk = Desk::new(|config| config["enforcement"] = serde_json::json!("shadow"));
    let (meter, verdict) = desk.head("GET /count", Some("7"), true);
    assert_eq!(verdict.step, Step::Forward);
    assert_eq!(words(&meter), "shadow:exceeds_allotment 7 cost 0 left 10");
    let not_refused = Metric::CallsNotRefused(Reason::ExceedsAllotment);
    assert_eq!(verdict.counts.additions(), [(not_refused, 1)]);
    assert_eq!(desk.call("GET /list", "7"), "admitted 7 cost 3 left 7");
    assert_eq!(
        desk.call("GET /list", "9"),
        "shadow:unknown_organization - cost 0 left -"
    );
}

#[test]
fn who_is_never_refused_is_charged_beyond_the_allotment() {
    let desk = Desk::new(|config| {
        config["organizations"]["7"]["enforcement"] = serde_json::json!("never_refuse");
        config["organizations"]["7"]["concurrency"] = serde_json::json!(1);
    });
    assert_eq!(desk.call("GET /count", "7"), "admitted 7 cost 50 left 0");
    assert_eq!(desk.call("GET /count", "7"), "admitted 7 cost 50 left 0");
    assert_eq!(
        desk.call("GET /count", "8"),
        "exceeds_allotment 8 cost 0 left 10"
    );
}

#[test]
fn looking_at_usage_details_is_free_and_shows_what_happened() {
    let desk = Desk::new(|config| config["usage"] = serde_json::json!({}));
    let (mut meter, _) = desk.head("GET /list", Some("7"), true);
    answer(&mut meter, &desk, 200, None);
    meter.on_end(Ending::Unanswered, desk.now, &desk.data);
    desk.call("GET /count", "7");
    let before = desk.data.dump();
    let usage = desk.policy.usage.clone().unwrap();
    let look = |identity: Option<&str>| {
        let mut meter = Meter::new(Rc::clone(&desk.policy), Rc::clone(&desk.worker));
        let path = "/.well-known/api-credits";
        let head = RequestHead {
            method: "GET",
            path,
            identity,
            attributes: None,
            end_of_stream: true,
            ..RequestHead::default()
        };
        let request = answer::Request {
            method: "GET",
            ..answer::Request::default()
        };
        let resource = usage.resource("GET", path).unwrap();
        let verdict = meter.on_usage_request(resource, &request, head, desk.now, &desk.data);
        assert_eq!(verdict.counts.charged, Credits::ZERO);
        (verdict.step, words(&meter))
    };
    let (step, shown) = look(Some("7"));
    assert_eq!(shown, "answered 7 cost 0 left 7");
    let Step::Answer(document) = step else {
        panic!()
    };
    let document: serde_json::Value = serde_json::from_str(&document.body).unwrap();
    assert_eq!(document["used"], 3);
    assert_eq!(document["remaining"], 7);
    assert_eq!(document["operations"][0]["rule"], "list");
    assert_eq!(document["refusals"][0]["reason"], "exceeds_allotment");
    let (step, shown) = look(Some("9"));
    assert!(matches!(step, Step::Refuse(_)));
    assert_eq!(shown, "unknown_organization - cost 0 left -");
    assert_eq!(desk.data.dump(), before);
}

#[test]
fn a_share_of_the_day_is_warned_of_once_a_day() {
    let mut desk = Desk::new(|config| {
        config["warnings"] = serde_json::json!({"at_percent": [30, 50, 60, 100]})
    });
    let spend = |desk: &Desk| desk.head("GET /list", Some("7"), true).1.warnings;
    let line = |percent: u32, used: u32| {
        format!(
            "organization \"7\" (Ten) has used {percent} % of its credits of the day: {used} of 10, {} are left until 2026-11-23T00:00:00+00:00",
            10 - used
        )
    };
    assert_eq!(spend(&desk), [line(30, 3)]);
    assert_eq!(spend(&desk), [line(50, 6), line(60, 6)]);
    assert!(spend(&desk).is_empty());
    desk.now = "2026-11-23T01:00:00Z".parse().unwrap();
    let (_, verdict) = desk.head("GET /list", Some("7"), true);
    assert_eq!((verdict.warnings.len(), verdict.counts.warnings), (1, 1));
}
