//! Refusals as their readers get them.

use super::*;
use crate::model::{balance::BesideDay, day::Calendar};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn now() -> Timestamp {
    "2026-11-22T23:59:29.5Z".parse().unwrap()
}

fn refusal(reason: Reason, price: Option<u64>, left: Option<(u64, u64)>) -> Refusal {
    let day = Calendar::new("UTC", "00:00").unwrap().day(now());
    let balance = left.map(|(remaining, allotment)| Balance {
        remaining: Credits::new(remaining).unwrap(),
        allotment: Credits::new(allotment).unwrap(),
        day,
        beside: None,
    });
    let price = price.and_then(Credits::new);
    let calls = (reason == Reason::TooManyRequests).then_some(TooManyCalls {
        in_progress: 15,
        limit: 15,
        of: CallsOf::Organization,
    });
    Refusal {
        reason,
        price,
        at_least: false,
        balance,
        calls,
        period: None,
        directory_rests: None,
        answer: Answer::default(),
    }
}

/// The body as text.
fn body(response: &LocalResponse) -> &str {
    str::from_utf8(&response.body).unwrap()
}

#[test]
fn used_up_credits_are_the_vendors_429_with_the_time_of_the_reset() {
    let refusal = refusal(Reason::DailyCredits, Some(10), Some((3, 10)));
    let response = refusal.response(Format::Vendor, "daily", now());
    assert_eq!(response.status, 429);
    assert_eq!(
        response.headers,
        [
            ("content-type", "application/json".to_owned()),
            ("retry-after", "31".to_owned())
        ]
    );
    assert_eq!(
        body(&response),
        r#"{"errorCode":"THRESHOLD_EXCEEDED","message":"This call costs 10 credits, and 3 of the day's 10 are left until 2026-11-23T00:00:00Z.","cost":10,"remaining":3,"allotment":10,"resetsAt":"2026-11-23T00:00:00Z"}"#
    );
    assert_eq!(response.grpc_status, GrpcStatus::ResourceExhausted);
}

#[test]
fn the_same_as_problem_details_names_the_policy() {
    let refusal = refusal(Reason::DailyCredits, Some(10), Some((3, 10)));
    let response = refusal.response(Format::Problem, "daily", now());
    let content_type = ("content-type", "application/problem+json".to_owned());
    assert_eq!(response.headers.first(), Some(&content_type));
    assert_eq!(
        body(&response),
        r#"{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","title":"The day's API credits are used up","status":429,"detail":"This call costs 10 credits, and 3 of the day's 10 are left until 2026-11-23T00:00:00Z.","violated-policies":["daily"],"cost":10,"remaining":3,"allotment":10,"resetsAt":"2026-11-23T00:00:00Z"}"#
    );
}

#[test]
fn too_many_calls_at_once_are_told_how_many_there_may_be_and_not_to_wait_for_the_day() {
    let response =
        refusal(Reason::TooManyRequests, None, None).response(Format::Vendor, "daily", now());
    assert_eq!(
        response.headers,
        [("content-type", "application/json".to_owned())]
    );
    assert_eq!(
        body(&response),
        r#"{"errorCode":"TOO_MANY_REQUESTS","message":"15 calls of this organization are in progress, and 15 may be at the same time.","inProgress":15,"limit":15}"#
    );
    let mut of_group = refusal(Reason::TooManyRequests, None, None);
    of_group.calls = of_group.calls.map(|calls| TooManyCalls {
        of: CallsOf::Group,
        ..calls
    });
    assert_eq!(
        of_group.response(Format::Vendor, "daily", now()).message,
        "15 calls of this organization to operations like this one are in progress, and 15 may be at the same time."
    );
}

#[test]
fn a_call_that_no_day_could_pay_for_is_not_told_to_wait_in_either_format() {
    let refusal = refusal(Reason::ExceedsAllotment, Some(50), Some((10, 10)));
    let response = refusal.response(Format::Vendor, "daily", now());
    assert_eq!(response.status, 402);
    assert_eq!(
        response.headers,
        [("content-type", "application/json".to_owned())]
    );
    assert_eq!(
        response.message,
        "This call costs 50 credits, which is more than the whole day's 10."
    );
    let response = refusal.response(Format::Problem, "daily", now());
    assert_eq!(
        response.headers,
        [("content-type", "application/problem+json".to_owned())]
    );
    assert_eq!(
        body(&response),
        r#"{"type":"about:blank","title":"The call costs more than a day's API credits","status":402,"detail":"This call costs 50 credits, which is more than the whole day's 10.","cost":50,"remaining":10,"allotment":10,"resetsAt":"2026-11-23T00:00:00Z"}"#
    );
}

#[test]
fn who_could_not_be_looked_up_is_told_to_wait_until_the_directory_is_asked_again() {
    let refusal = Refusal {
        directory_rests: Some(Seconds::new(5)),
        ..refusal(Reason::DirectoryUnavailable, None, None)
    };
    assert_eq!(refusal.retry_after(now()), Some(Seconds::new(5)));
}

#[test]
fn the_configuration_may_word_a_refusal() {
    let answer = r#"{"status":418,"error_code":"TEAPOT","message":"Say \"orgId\"."}"#;
    let refusal = Refusal {
        answer: serde_json::from_str(answer).unwrap(),
        ..refusal(Reason::NoOrganization, None, None)
    };
    let response = refusal.response(Format::Vendor, "daily", now());
    assert_eq!(response.status, 418);
    assert_eq!(
        body(&response),
        r#"{"errorCode":"TEAPOT","message":"Say \"orgId\"."}"#
    );
}

#[test]
fn every_reason_has_a_status_a_code_and_a_grpc_status() {
    let rows = Reason::ALL.map(|reason| {
        let response = refusal(reason, None, None).response(Format::Vendor, "daily", now());
        let code = body(&response)
            .split('"')
            .nth(3)
            .unwrap_or_default()
            .to_owned();
        format!(
            "{} {} {code} {:?}",
            reason.name(),
            response.status,
            response.grpc_status
        )
    });
    assert_eq!(
        rows,
        [
            "daily_credits 429 THRESHOLD_EXCEEDED ResourceExhausted",
            "exceeds_allotment 402 COST_EXCEEDS_ALLOTMENT FailedPrecondition",
            "too_many_requests 429 TOO_MANY_REQUESTS ResourceExhausted",
            "unknown_organization 403 UNKNOWN_ORGANIZATION PermissionDenied",
            "no_organization 401 ORGANIZATION_REQUIRED Unauthenticated",
            "invalid_organization 400 INVALID_ORGANIZATION InvalidArgument",
            "invalid_subscription 503 TEMPORARILY_UNAVAILABLE Unavailable",
            "body_too_large 413 BODY_TOO_LARGE ResourceExhausted",
            "body_unreadable 400 BODY_UNREADABLE InvalidArgument",
            "contended 503 TEMPORARILY_UNAVAILABLE Unavailable",
            "account_unavailable 503 TEMPORARILY_UNAVAILABLE Unavailable",
            "directory_unavailable 503 TEMPORARILY_UNAVAILABLE Unavailable",
            "engine_unavailable 503 TEMPORARILY_UNAVAILABLE Unavailable",
            "body_timeout 408 BODY_TIMEOUT DeadlineExceeded",
            "client_credits 429 CLIENT_THRESHOLD_EXCEEDED ResourceExhausted",
            "exceeds_client_credits 402 COST_EXCEEDS_CLIENT_CREDITS FailedPrecondition",
            "client_too_many_requests 429 CLIENT_TOO_MANY_REQUESTS ResourceExhausted",
            "period_limit 429 PERIOD_LIMIT_EXCEEDED ResourceExhausted",
            "exceeds_period_limit 402 COST_EXCEEDS_PERIOD_LIMIT FailedPrecondition",
        ]
    );
    for (index, reason) in Reason::ALL.into_iter().enumerate() {
        assert_eq!(reason as usize, index);
    }
}

#[test]
fn a_content_type_says_which_protocol_a_client_speaks() {
    let (binary, text) = (
        Protocol::GrpcWeb { text: false },
        Protocol::GrpcWeb { text: true },
    );
    let rows = [
        ("", Protocol::Http),
        ("application/json", Protocol::Http),
        ("application/grpc", Protocol::Grpc),
        ("application/grpc+proto", Protocol::Grpc),
        ("application/grpc;charset=utf-8", Protocol::Http),
        ("application/grpcx", Protocol::Http),
        ("application/grpc-text", Protocol::Http),
        ("application/grpc-web", binary),
        ("application/grpc-web+proto", binary),
        ("application/grpc-web;charset=utf-8", binary),
        ("application/grpc-web-text", text),
        ("application/grpc-web-text+proto", text),
        ("application/grpc-website", Protocol::Http),
    ];
    for (content_type, expected) in rows {
        let found = Protocol::of(content_type.as_bytes());
        assert_eq!(found, expected, "{content_type}");
    }
}

#[test]
fn each_protocol_says_the_same_in_its_own_form() {
    let answer = r#"{"message":"100 % weg – é\n~"}"#;
    let refusal = Refusal {
        answer: serde_json::from_str(answer).unwrap(),
        ..refusal(Reason::DailyCredits, Some(10), Some((3, 10)))
    };
    let spoken = |protocol| {
        let response = refusal.response(Format::Vendor, "daily", now());
        let response = response.spoken(protocol);
        let headers: Vec<_> = response
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        (response.status, headers.join(", "), response.body)
    };
    let http = refusal.response(Format::Vendor, "daily", now());
    assert_eq!(http.clone().spoken(Protocol::Http), http);
    assert_eq!(
        spoken(Protocol::Grpc),
        (
            200,
            "content-type: application/grpc, retry-after: 31, grpc-status: 8, grpc-message: 100 %25 weg %E2%80%93 %C3%A9%0A~"
                .to_owned(),
            Vec::new()
        )
    );
    let frame =
        b"\x80\0\0\0\x40grpc-status: 8\r\ngrpc-message: 100 %25 weg %E2%80%93 %C3%A9%0A~\r\n";
    assert_eq!(
        spoken(Protocol::GrpcWeb { text: false }),
        (
            200,
            "content-type: application/grpc-web+proto, retry-after: 31".to_owned(),
            frame.to_vec()
        )
    );
    assert_eq!(
        spoken(Protocol::GrpcWeb { text: true }),
        (
            200,
            "content-type: application/grpc-web-text+proto, retry-after: 31".to_owned(),
            b"gAAAAEBncnBjLXN0YXR1czogOA0KZ3JwYy1tZXNzYWdlOiAxMDAgJTI1IHdlZyAlRTIlODAlOTMgJUMzJUE5JTBBfg0K".to_vec()
        )
    );
}

#[test]
fn a_client_without_credits_reads_whose_they_are() {
    let mut short = refusal(Reason::ClientCredits, Some(3), Some((50, 100)));
    short.balance = short.balance.map(|balance| Balance {
        beside: BesideDay::of(
            Some(ClientBalance {
                id: ClientId::stated(Some("importer")),
                cap: Credits::new(20),
                used: Credits::new(19).unwrap(),
            }),
            Vec::new(),
        ),
        ..balance
    });
    let body = |format| {
        let response = short.response(format, "daily", now());
        serde_json::from_slice::<serde_json::Value>(&response.body).unwrap()
    };
    let message = "This call costs 3 credits, and 1 of the 20 that the client importer may use in a day are left until 2026-11-23T00:00:00Z.";
    let vendor = body(Format::Vendor);
    assert_eq!(vendor["message"], message);
    assert_eq!(
        vendor["client"],
        serde_json::json!({"id": "importer", "cap": 20, "remaining": 1})
    );
    let problem = body(Format::Problem);
    assert_eq!(problem["violated-policies"], serde_json::json!(["client"]));
    assert_eq!(problem["remaining"], 50);
    assert_eq!(short.retry_after(now()), Some(Seconds::new(31)));
}
