//! Refusals as their readers get them.

use super::*;
use crate::day::Calendar;
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
    });
    let price = price.and_then(Credits::new);
    let calls = (reason == Reason::TooManyRequests).then_some(TooManyCalls {
        in_progress: 15,
        limit: 15,
        of_group: false,
    });
    Refusal {
        reason,
        price,
        balance,
        calls,
        answer: Answer::default(),
    }
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
        response.body,
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
        response.body,
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
        response.body,
        r#"{"errorCode":"TOO_MANY_REQUESTS","message":"15 calls of this organization are in progress, and 15 may be at the same time.","inProgress":15,"limit":15}"#
    );
    let mut of_group = refusal(Reason::TooManyRequests, None, None);
    of_group.calls = of_group.calls.map(|calls| TooManyCalls {
        of_group: true,
        ..calls
    });
    assert_eq!(
        of_group.response(Format::Vendor, "daily", now()).message,
        "15 calls of this organization to operations like this one are in progress, and 15 may be at the same time."
    );
}

#[test]
fn a_call_that_no_day_could_pay_for_is_not_told_to_wait() {
    let refusal = refusal(Reason::ExceedsAllotment, Some(50), Some((10, 10)));
    let response = refusal.response(Format::Vendor, "daily", now());
    assert_eq!(response.status, 429);
    assert_eq!(
        response.headers,
        [("content-type", "application/json".to_owned())]
    );
    assert_eq!(
        response.message,
        "This call costs 50 credits, which is more than the whole day's 10."
    );
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
        response.body,
        r#"{"errorCode":"TEAPOT","message":"Say \"orgId\"."}"#
    );
}

#[test]
fn every_reason_has_a_status_a_code_and_a_grpc_status() {
    let rows = Reason::ALL.map(|reason| {
        let response = refusal(reason, None, None).response(Format::Vendor, "daily", now());
        let code = response
            .body
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
            "exceeds_allotment 429 COST_EXCEEDS_ALLOTMENT ResourceExhausted",
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
        ]
    );
    for (index, reason) in Reason::ALL.into_iter().enumerate() {
        assert_eq!(reason as usize, index);
    }
}
