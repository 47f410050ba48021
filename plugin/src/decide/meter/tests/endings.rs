//! Who pays for a call, by how it ended: the table of endings, without the programs that produce them.

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// What a call for three credits has cost once it is over, which began with `head` and was answered with `response` or, without one,
/// ended in `ending`.
fn cost(
    desk: &Desk,
    head: RequestHead<'_>,
    response: Option<ResponseHead<'_>>,
    ending: Ending,
) -> u64 {
    let head = RequestHead {
        method: "POST",
        path: "/list",
        identity: Some("7"),
        end_of_stream: true,
        ..head
    };
    let mut meter = Meter::new(Rc::clone(&desk.policy), Rc::clone(&desk.worker));
    meter.on_request_headers(head, desk.now, &desk.data);
    let mut refunded = Credits::ZERO;
    if let Some(response) = response {
        refunded = meter
            .on_response_headers(response, desk.now, &desk.data)
            .refunded;
    }
    let counts = meter.on_end(ending, desk.now, &desk.data);
    let refunded = refunded.checked_add(counts.refunded).unwrap();
    let receipt = meter.receipt().unwrap();
    assert_eq!(receipt.cost.get() + refunded.get(), 3);
    receipt.cost.get()
}

fn desk(refunds: serde_json::Value) -> Desk {
    Desk::new(|config| {
        config["editions"]["Ten"]["base"] = 1000.into();
        config["costs"]["rules"][1]["operations"] = serde_json::json!(["POST /list"]);
        config["refunds"] = refunds;
    })
}

fn defaults() -> Desk {
    desk(serde_json::json!({}))
}

#[test]
fn without_a_response_the_platform_pays_for_what_it_ended_itself() {
    let nothing = desk(serde_json::json!({"statuses": [], "no_response": true}));
    let silent = desk(serde_json::json!({"no_response": false}));
    for (ending, by_default, without_statuses) in [
        (Ending::Unanswered, 3, 3),
        (Ending::Answered(302), 3, 3),
        (Ending::Answered(400), 3, 3),
        (Ending::Answered(503), 0, 3),
        (Ending::Answered(504), 0, 3),
        (Ending::Overloaded, 0, 0),
    ] {
        let head = RequestHead::default();
        assert_eq!(cost(&defaults(), head, None, ending), by_default);
        assert_eq!(cost(&nothing, head, None, ending), without_statuses);
        assert_eq!(cost(&silent, head, None, ending), 3, "{ending:?}");
    }
}

#[test]
fn a_grpc_call_that_the_platform_failed_is_refunded_too() {
    for (grpc_status, details, expected) in [
        (None, "via_upstream", 3),
        (Some("14"), "via_upstream", 0),
        (Some("14"), "response_timeout", 0),
        (Some("4"), "via_upstream", 3),
        (Some("4"), "max_duration_timeout", 0),
        (Some("0"), "via_upstream", 3),
    ] {
        let response = ResponseHead {
            status: 200,
            grpc_status: grpc_status.map(str::as_bytes),
            attempts: Some(1),
            details: Some(details.as_bytes()),
            ..ResponseHead::default()
        };
        let head = RequestHead::default();
        let cost = cost(&defaults(), head, Some(response), Ending::Unanswered);
        assert_eq!(cost, expected, "{grpc_status:?} {details}");
    }
}

#[test]
fn a_deadline_that_the_client_chose_is_its_own() {
    let plain = |status| ResponseHead {
        status,
        ..ResponseHead::default()
    };
    let grpc = |details: &'static str| ResponseHead {
        status: 200,
        grpc_status: Some(b"14"),
        details: Some(details.as_bytes()),
        attempts: Some(1),
        ..ResponseHead::default()
    };
    let nobody_asked = ResponseHead {
        attempts: Some(0),
        ..plain(504)
    };
    for (response, patient, hurried) in [
        (Some(plain(502)), 0, 0),
        (Some(plain(503)), 0, 0),
        (Some(plain(504)), 0, 3),
        (Some(nobody_asked), 0, 3),
        (Some(grpc("upstream_response_timeout")), 0, 3),
        (Some(grpc("max_duration_timeout")), 0, 3),
        (Some(grpc("upstream_max_stream_duration_reached")), 0, 3),
        (Some(grpc("no_healthy_upstream")), 0, 0),
        (Some(grpc("via_upstream")), 0, 0),
        (None, 0, 3),
    ] {
        for (states_deadline, expected) in [(false, patient), (true, hurried)] {
            let head = RequestHead {
                states_deadline,
                ..RequestHead::default()
            };
            let cost = cost(&defaults(), head, response, Ending::Answered(504));
            assert_eq!(cost, expected, "{response:?} {states_deadline}");
        }
    }
}

#[test]
fn a_refusal_by_somebody_behind_the_filter_costs_nothing() {
    let kept = desk(serde_json::json!({"no_upstream": false}));
    let response = |status, attempts, details: &'static str| ResponseHead {
        status,
        attempts,
        details: Some(details.as_bytes()),
        ..ResponseHead::default()
    };
    let behind = |status, told_cost: &'static str| ResponseHead {
        status,
        attempts: Some(1),
        told_cost: Some(told_cost.as_bytes()),
        ..ResponseHead::default()
    };
    let behind_grpc = |grpc_status: &'static str| ResponseHead {
        grpc_status: Some(grpc_status.as_bytes()),
        ..behind(200, "0")
    };
    let grpc = |grpc_status: &'static str, details| ResponseHead {
        grpc_status: Some(grpc_status.as_bytes()),
        ..response(200, Some(0), details)
    };
    for (response, by_default, switched_off) in [
        (response(200, Some(1), "via_upstream"), 3, 3),
        (response(403, Some(1), "via_upstream"), 3, 3),
        (response(403, None, "ext_authz_denied"), 3, 3),
        (response(403, Some(0), "ext_authz_denied"), 0, 3),
        (response(429, Some(0), "local_rate_limited"), 0, 3),
        (response(404, Some(0), "route_not_found"), 0, 3),
        (response(301, Some(0), "direct_response"), 0, 3),
        (response(200, Some(0), "direct_response"), 3, 3),
        (response(503, Some(0), "cluster_not_found"), 0, 0),
        (grpc("14", "local_rate_limited"), 0, 0),
        (grpc("7", "ext_authz_denied"), 0, 3),
        (grpc("0", "wasm_answers"), 3, 3),
        // A cache asks the upstream past the router, or answers with what an upstream said before.
        (response(200, Some(0), "via_upstream"), 3, 3),
        (response(404, Some(0), "via_upstream"), 3, 3),
        (
            response(304, Some(0), "cache.response_from_cache_filter"),
            3,
            3,
        ),
        // A plugin may have asked one itself.
        (response(200, Some(0), "lua_response"), 3, 3),
        // This filter in a proxy behind this one.
        (behind(429, "0"), 0, 3),
        (behind(429, "3"), 3, 3),
        (behind(200, "0"), 3, 3),
        (behind_grpc("8"), 0, 3),
        (behind_grpc("0"), 3, 3),
    ] {
        let head = RequestHead::default();
        for (desk, expected) in [(defaults(), by_default), (afresh(&kept), switched_off)] {
            let cost = cost(&desk, head, Some(response), Ending::Unanswered);
            assert_eq!(cost, expected, "{response:?}");
        }
    }
}

/// The same policy with fresh accounts.
fn afresh(desk: &Desk) -> Desk {
    Desk {
        policy: Rc::clone(&desk.policy),
        worker: Rc::default(),
        data: FakeSharedData::default(),
        now: desk.now,
    }
}

#[test]
fn a_call_that_another_instance_has_decided_is_left_alone() {
    let desk = defaults();
    let head = |identity, decided_for| RequestHead {
        method: "POST",
        path: "/list",
        identity,
        end_of_stream: true,
        decided_for,
        ..RequestHead::default()
    };
    for (identity, decided_for, charged) in [
        ("7", None, true),
        ("7", Some("8"), true),
        ("7", Some("7"), false),
    ] {
        let mut meter = Meter::new(Rc::clone(&desk.policy), Rc::clone(&desk.worker));
        let head = head(Some(identity), decided_for);
        let verdict = meter.on_request_headers(head, desk.now, &desk.data);
        assert_eq!(verdict.step, Step::Forward);
        assert_eq!(meter.receipt().is_some(), charged, "{decided_for:?}");
        assert_eq!(verdict.counts == Counts::default(), !charged);
    }
    let mut meter = Meter::new(Rc::clone(&desk.policy), Rc::clone(&desk.worker));
    let stranger = head(Some("9"), Some("9"));
    let verdict = meter.on_request_headers(stranger, desk.now, &desk.data);
    assert!(matches!(verdict.step, Step::Refuse(_)));
}

#[test]
fn a_body_that_has_no_end_or_comes_late_is_not_waited_for() {
    let desk = Desk::new(|_| {});
    let upgrade = RequestHead {
        method: "POST",
        path: "/bulk",
        identity: Some("7"),
        upgrade: true,
        ..RequestHead::default()
    };
    let mut meter = Meter::new(Rc::clone(&desk.policy), Rc::clone(&desk.worker));
    let verdict = meter.on_request_headers(upgrade, desk.now, &desk.data);
    assert!(matches!(verdict.step, Step::Refuse(_)));
    assert_eq!(words(&meter), "body_unreadable 7 cost 0 left 10");

    let priced = Desk::new(|config| {
        config["costs"]["body"]["unreadable"] = serde_json::json!({"charge": 4});
    });
    let mut meter = Meter::new(Rc::clone(&priced.policy), Rc::clone(&priced.worker));
    let verdict = meter.on_request_headers(upgrade, priced.now, &priced.data);
    assert_eq!(verdict.step, Step::Forward);
    assert_eq!(words(&meter), "admitted 7 cost 4 left 6");

    let (mut meter, verdict) = priced.head("POST /bulk", Some("7"), false);
    assert_eq!(verdict.step, Step::HoldForBody);
    let verdict = meter.on_request_body_late(priced.now, &priced.data);
    let Step::Refuse(refusal) = verdict.step else {
        panic!()
    };
    assert_eq!(refusal.reason, Reason::BodyTimeout);
    assert_eq!(words(&meter), "body_timeout 7 cost 0 left 6");
    assert!(!meter.is_holding());
}
