//! Pausing, resuming and closing, request after request and side by side.

use host_sim::target::{HttpVersion, Request, Upstream};

use crate::guest::{
    builder, callbacks, get, hostcalls, post, simulator, simulator_that_stops_headers_only, started,
};

/// Holds every request until the timer resumes the first stream of a VM.
const HELD_UNTIL_TICK: &str = r#"
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
        (drop (call $tick (i32.const 1000)))
        i32.const 1)
    (func (export "proxy_on_tick") (param i32)
        (drop (call $effective (i32.const 2)))
        (drop (call $continue (i32.const 0))))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) i32.const 1)"#;

#[test]
fn paused_headers_hold_everything_until_they_are_resumed() {
    let guest = format!(
        r#"{HELD_UNTIL_TICK}
        (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) i32.const 0)"#
    );
    let mut simulator = simulator(&guest);
    let exchange = simulator.exchange(&post(&["ab", "c"])).unwrap();
    assert_eq!(
        exchange.upstream.map(|seen| seen.body),
        Some(b"abc".to_vec())
    );
    assert_eq!(
        callbacks(&mut simulator),
        // The body that came meanwhile is shown as one piece.
        [
            "proxy_on_request_headers(2, 6, false)",
            "proxy_on_tick(1)",
            "proxy_on_request_body(2, 3, true)"
        ]
    );
    assert_eq!(simulator.now().to_string(), "2026-11-22T12:00:01Z");
}

#[test]
fn headers_alone_can_be_held_while_the_body_goes_on() {
    let mut simulator = simulator_that_stops_headers_only(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) i32.const 1)
        (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
            (drop (call $replace (i32.const 0) <x-seen> <yes>))
            (i32.eqz (local.get 2)))"#,
    );
    let exchange = simulator.exchange(&post(&["ab", "c"])).unwrap();
    let upstream = exchange.upstream.unwrap();
    assert_eq!(upstream.body, b"abc");
    assert!(
        upstream
            .headers
            .contains(&("x-seen".to_owned(), "yes".to_owned()))
    );
    assert_eq!(
        callbacks(&mut simulator),
        [
            "proxy_on_request_headers(2, 6, false)",
            "proxy_on_request_body(2, 2, false)",
            "proxy_on_request_body(2, 3, false)",
            "proxy_on_request_body(2, 3, true)",
        ]
    );
}

#[test]
fn a_request_that_nobody_can_resume_is_an_error() {
    for (guest, request, message) in [
        (
            r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) i32.const 1)"#,
            get("/a"),
            "GET /a hangs: the plugin paused the request headers and nothing that could resume it is left to happen",
        ),
        (
            r#"(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) i32.const 1)"#,
            post(&["a"]),
            "POST / hangs: the plugin paused the request body and nothing that could resume it is left to happen",
        ),
        (
            r#"(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) i32.const 1)"#,
            get("/a"),
            "GET /a hangs: the plugin paused the response headers and nothing that could resume it is left to happen",
        ),
        // Resuming comes before the pause takes effect, so the body is held for good. Envoy 1.40 hangs as well.
        (
            r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
                (drop (call $continue (i32.const 0)))
                i32.const 1)"#,
            post(&["a"]),
            "POST / hangs: the plugin paused the request body and nothing that could resume it is left to happen",
        ),
        // A timer that resumes somebody else does not help.
        (
            r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
                (drop (call $tick (i32.const 1000)))
                i32.const 1)
            (func (export "proxy_on_tick") (param i32))
            (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) i32.const 1)"#,
            get("/a"),
            "GET /a hangs: the plugin paused the request headers and nothing that could resume it is left to happen",
        ),
    ] {
        assert_eq!(
            simulator(guest).exchange(&request).unwrap_err().to_string(),
            message
        );
    }
}

#[test]
fn resuming_makes_envoy_forget_the_request() {
    let mut simulator = simulator(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $continue (i32.const 0)))
            (drop (call $add (i32.const 0) <x> <y>))
            (drop (call $continue (i32.const 3)))
            (drop (call $continue (i32.const 4)))
            i32.const 0)"#,
    );
    assert_eq!(simulator.exchange(&get("/")).unwrap().status, 200);
    assert_eq!(
        hostcalls(&mut simulator),
        [
            "proxy_continue_stream(request) -> OK",
            r#"proxy_add_header_map_value(request_headers, "x", "y") -> BAD_ARGUMENT (request_headers cannot be used now)"#,
            "proxy_continue_stream(upstream) -> UNIMPLEMENTED (an HTTP filter has no such stream)",
            "proxy_continue_stream() -> BAD_ARGUMENT (unknown stream type 4)",
        ]
    );
}

#[test]
fn a_closed_stream_is_reset() {
    let mut simulator = simulator(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $close (i32.const 0)))
            i32.const 1)
        (func (export "proxy_on_log") (param i32))"#,
    );
    let exchange = simulator.exchange(&get("/")).unwrap();
    assert_eq!(
        (exchange.status, exchange.aborted, exchange.upstream),
        (0, true, None)
    );
    assert_eq!(
        callbacks(&mut simulator),
        ["proxy_on_request_headers(2, 6, true)", "proxy_on_log(2)"]
    );
}

#[test]
fn side_by_side_all_headers_come_first_over_the_workers_in_turn() {
    let mut simulator = started(
        builder(
            r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) i32.const 0)
            (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) i32.const 0)"#,
        )
        .workers(2),
    );
    let pinned = Request {
        worker: Some(1),
        ..get("/")
    };
    let exchanges = simulator
        .parallel(&[get("/a"), get("/b"), get("/c"), pinned])
        .unwrap();
    let paths: Vec<_> = exchanges
        .iter()
        .map(|exchange| exchange.upstream.as_ref().unwrap().path.as_str())
        .collect();
    assert_eq!(paths, ["/a", "/b", "/c", "/"]);
    let calls: Vec<_> = crate::guest::trace(&mut simulator)
        .into_iter()
        .filter(|line| line.contains("[host->vm]"))
        .collect();
    assert_eq!(
        calls,
        [
            "worker 0 [host->vm] proxy_on_request_headers(2, 6, true)",
            "worker 1 [host->vm] proxy_on_request_headers(2, 6, true)",
            "worker 0 [host->vm] proxy_on_request_headers(3, 6, true)",
            "worker 1 [host->vm] proxy_on_request_headers(3, 6, true)",
            "worker 0 [host->vm] proxy_on_response_headers(2, 4, true)",
            "worker 1 [host->vm] proxy_on_response_headers(2, 4, true)",
            "worker 0 [host->vm] proxy_on_response_headers(3, 4, true)",
            "worker 1 [host->vm] proxy_on_response_headers(3, 4, true)",
        ]
    );
    let missing = Request {
        worker: Some(2),
        ..get("/")
    };
    assert_eq!(
        simulator.exchange(&missing).unwrap_err().to_string(),
        "worker 2 does not exist, there are 2"
    );
}

#[test]
fn one_stream_can_resume_another() {
    let mut simulator = simulator(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (i32.eq (local.get 0) (i32.const 2)))
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
            (drop (call $effective (i32.const 2)))
            (drop (call $continue (i32.const 0)))
            i32.const 0)"#,
    );
    let exchanges = simulator.parallel(&[get("/held"), get("/free")]).unwrap();
    assert_eq!(
        exchanges
            .iter()
            .map(|exchange| exchange.status)
            .collect::<Vec<_>>(),
        [200, 200]
    );
}

#[test]
fn trailers_pass_through_their_callbacks() {
    let trailers = vec![("x-sum".to_owned(), "1".to_owned())];
    let upstream = Upstream {
        body: b"body".to_vec(),
        trailers: trailers.clone(),
        ..Upstream::default()
    };
    let mut simulator = started(
        builder(
            r#"(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) i32.const 1)
            (func (export "proxy_on_request_trailers") (param i32 i32) (result i32) i32.const 0)
            (func (export "proxy_on_response_trailers") (param i32 i32) (result i32)
                (drop (call $add (i32.const 3) <x-more> <2>))
                i32.const 0)"#,
        )
        .upstream(upstream),
    );
    let exchange = simulator
        .exchange(&Request {
            trailers,
            http: HttpVersion::Two,
            ..post(&["a", "b"])
        })
        .unwrap();
    assert_eq!(
        exchange.upstream.map(|seen| seen.body),
        Some(b"ab".to_vec())
    );
    let more = [
        ("x-sum".to_owned(), "1".to_owned()),
        ("x-more".to_owned(), "2".to_owned()),
    ];
    assert_eq!(exchange.trailers, more);
    assert_eq!(
        callbacks(&mut simulator),
        [
            "proxy_on_request_body(2, 1, false)",
            "proxy_on_request_body(2, 2, false)",
            "proxy_on_request_trailers(2, 1)",
            "proxy_on_response_trailers(2, 1)",
        ]
    );
}
