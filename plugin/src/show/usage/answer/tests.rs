//! What each request is answered, over HTTP.

use super::*;
use crate::{pricing::cost_table::CostsConfig, show::usage::details::tests::ordinary};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const PATH: &str = "/.well-known/api-credits";

fn usage() -> Usage {
    Usage::new(UsageConfig::default(), Some("orgId"))
}

fn costs() -> CostTable {
    let config: CostsConfig =
        serde_json::from_value(serde_json::json!({"default": 3, "rules": []})).unwrap();
    CostTable::compile(&config).unwrap()
}

fn answer(method: &str, target: &str, request: Request<'_>) -> Answer {
    let usage = usage();
    let resource = usage.resource(method, target).unwrap();
    let request = Request { method, ..request };
    usage.answer(resource, &request, &ordinary(), &costs())
}

fn get(target: &str) -> Answer {
    answer("GET", target, Request::default())
}

fn browser() -> Request<'static> {
    Request {
        accept: Some("text/html,*/*;q=0.8"),
        ..Request::default()
    }
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let found = answer.headers.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| value.as_str())
}

fn with_headers(
    representation: &str,
    more: &[(&'static str, &str)],
) -> Vec<(&'static str, String)> {
    let common = [
        ("content-type", representation),
        ("cache-control", "private, no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("vary", "accept, orgid"),
    ];
    let all = common.iter().chain(more);
    all.map(|&(name, value)| (name, value.to_owned())).collect()
}

#[test]
fn only_the_configured_path_and_what_is_below_it_is_ours() {
    let usage = usage();
    for details in ["", "/", "?a=b", "/?"] {
        let target = format!("{PATH}{details}");
        assert_eq!(usage.resource("GET", &target), Some(Resource::Details));
    }
    let cost = format!("{PATH}/cost?method=GET&path=/?a");
    let query = "method=GET&path=/?a";
    assert_eq!(usage.resource("GET", &cost), Some(Resource::Cost { query }));
    let below = format!("{PATH}/costs");
    assert_eq!(
        usage.resource("GET", &below),
        Some(Resource::Unknown { path: &below })
    );
    for other in [
        "/",
        "/api/v1/tickets",
        "/.well-known/api-creditsx",
        "/.well-known//api-credits",
        "/.Well-Known/api-credits",
        "/.well-known/api%2Dcredits",
        "/x?/.well-known/api-credits",
    ] {
        assert_eq!(usage.resource("GET", other), None, "{other}");
    }
    assert_eq!(usage.resource("OPTIONS", PATH), None);
}

#[test]
fn programs_get_json_and_browsers_the_page() {
    let json = get(PATH);
    assert_eq!((json.status, &json.body[..1]), (200, "{"));
    assert_eq!(json.headers, with_headers("application/json", &[]));

    let page = answer("GET", PATH, browser());
    assert_eq!((page.status, &page.body[..15]), (200, "<!DOCTYPE html>"));
    let policy = ("content-security-policy", page::SECURITY_POLICY);
    assert_eq!(
        page.headers,
        with_headers("text/html; charset=utf-8", &[policy])
    );
}

#[test]
fn head_is_like_get() {
    for request in [Request::default(), browser()] {
        assert_eq!(answer("HEAD", PATH, request), answer("GET", PATH, request));
    }
}

#[test]
fn other_methods_are_told_which_there_are() {
    for target in [PATH.to_owned(), format!("{PATH}/cost?method=GET&path=/")] {
        for method in ["POST", "PUT", "DELETE", "PATCH", "get"] {
            let answer = answer(method, &target, browser());
            assert_eq!(answer.status, 405, "{method}");
            let allow = ("allow", "GET, HEAD");
            assert_eq!(answer.headers, with_headers("application/json", &[allow]));
            assert_eq!(
                answer.body,
                format!(
                    r#"{{"errorCode":"METHOD_NOT_ALLOWED","message":"invalid method \"{method}\", expected GET or HEAD"}}"#
                )
            );
        }
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let answer = get(&format!("{PATH}/x\"<"));
    assert_eq!(answer.status, 404);
    assert_eq!(
        answer.body,
        r#"{"errorCode":"NOT_FOUND","message":"no such path \"/.well-known/api-credits/x\\\"<\", expected \"/.well-known/api-credits\", \"/.well-known/api-credits/usage.csv\" or \"/.well-known/api-credits/cost\""}"#
    );
}

#[test]
fn a_condition_on_tags_is_met_because_there_are_none() {
    let with = |tags| {
        let request = Request {
            if_none_match: Some(tags),
            ..Request::default()
        };
        answer("GET", PATH, request)
    };
    assert_eq!(with("\"abc\", W/\"def\"").status, 200);
    let unchanged = with(" * ");
    assert_eq!((unchanged.status, unchanged.body.as_str()), (304, ""));
    assert_eq!(header(&unchanged, "content-type"), None);
    assert_eq!(header(&unchanged, "vary"), Some("accept, orgid"));
}

#[test]
fn a_price_is_json_whatever_is_accepted() {
    let target = format!("{PATH}/cost?method=GET&path=%2Fapi%3Fa%3Db");
    let priced = answer("GET", &target, browser());
    assert_eq!(priced.status, 200);
    assert_eq!(priced.headers, with_headers("application/json", &[]));
    assert_eq!(
        priced.body,
        r#"{"method":"GET","path":"/api?a=b","cost":3,"rule":"default","model":"credits","remaining":29652,"affordable":true}"#
    );
}

#[test]
fn looking_at_usage_is_free() {
    let own = get(&format!("{PATH}/cost?method=GET&path={PATH}"));
    assert_eq!(
        own.body,
        r#"{"method":"GET","path":"/.well-known/api-credits","cost":0,"rule":"usage details","model":"credits","remaining":29652,"affordable":true}"#
    );
}

#[test]
fn a_price_of_nothing_is_a_question_that_is_answered_with_400() {
    let answer = get(&format!("{PATH}/cost"));
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.body,
        r#"{"errorCode":"INVALID_QUERY","message":"missing parameter `method`, expected `method` and `path`, each once and percent-encoded, such as method=GET&path=%2Fapi%2Fv1%2Ftickets%3Ffrom%3D5000"}"#
    );
}

#[test]
fn without_an_identity_header_only_accept_makes_a_difference() {
    let usage = Usage::new(UsageConfig::default(), None);
    let answer = usage.answer(
        Resource::Details,
        &Request {
            method: "GET",
            ..Request::default()
        },
        &ordinary(),
        &costs(),
    );
    assert_eq!(header(&answer, "vary"), Some("accept"));
}
