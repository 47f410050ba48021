//! Calls that are open while others come and go.

use std::time::Duration;

use host_sim::target::{
    AnswerOverride, Departure, ErrorCode, HttpVersion, Request, Upstream, UpstreamBehaviour,
};

use crate::guest::{builder, callbacks, get, hostcalls, post, simulator, started};

/// Sees everything and touches nothing; at the end it reads how the stream ended.
const WATCHES: &str = r#"
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) i32.const 0)
    (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) i32.const 0)
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) i32.const 0)
    (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) i32.const 0)
    (func (export "proxy_on_log") (param i32)
        (drop (call $get_property <response␀code> (i32.const 0) (i32.const 4)))
        (drop (call $get_property <response␀code_details> (i32.const 0) (i32.const 4)))
        (drop (call $get_property <response␀flags> (i32.const 0) (i32.const 4))))
    (func (export "proxy_on_done") (param i32) (result i32) i32.const 1)
    (func (export "proxy_on_delete") (param i32))"#;

fn with(upstream: UpstreamBehaviour, request: Request) -> Request {
    Request {
        upstream,
        ..request
    }
}

#[test]
fn an_open_call_is_held_by_the_upstream_until_it_is_finished() {
    let mut simulator = simulator(WATCHES);
    simulator.open("a", &post(&["ab"]), 2).unwrap();
    let shown = |id: u32| {
        [
            format!("proxy_on_request_body({id}, 2, false)"),
            format!("proxy_on_request_body({id}, 0, true)"),
        ]
    };
    let headers = [2, 3].map(|id| format!("proxy_on_request_headers({id}, 7, false)"));
    assert_eq!(
        callbacks(&mut simulator),
        [&headers[..], &shown(2), &shown(3)].concat()
    );
    assert_eq!(simulator.exchange(&get("/between")).unwrap().status, 200);
    simulator.advance(Duration::from_secs(3600)).unwrap();
    simulator.take_trace();
    let exchanges = simulator.finish("a").unwrap();
    let seen: Vec<_> = exchanges
        .iter()
        .map(|exchange| (exchange.status, exchange.upstream.clone().unwrap().body))
        .collect();
    assert_eq!(seen, [(200, b"ab".to_vec()), (200, b"ab".to_vec())]);
    assert_eq!(
        callbacks(&mut simulator),
        [2, 3]
            .map(|id| [
                format!("proxy_on_response_headers({id}, 4, true)"),
                format!("proxy_on_log({id})"),
                format!("proxy_on_done({id})"),
                format!("proxy_on_delete({id})"),
            ])
            .concat()
    );
    assert_eq!(
        simulator.finish("a").unwrap_err().to_string(),
        "no call `a` is open"
    );
}

#[test]
fn a_call_that_is_answered_without_the_upstream_ends_at_once() {
    let mut simulator = simulator(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $respond (i32.const 429) <> <> <> (i32.const -1)))
            i32.const 1)
        (func (export "proxy_on_log") (param i32))"#,
    );
    simulator.open("a", &get("/"), 1).unwrap();
    assert_eq!(
        callbacks(&mut simulator),
        ["proxy_on_request_headers(2, 6, true)", "proxy_on_log(2)"]
    );
    let exchanges = simulator.finish("a").unwrap();
    assert_eq!(
        (exchanges[0].status, exchanges[0].upstream.clone()),
        (429, None)
    );
    assert_eq!(callbacks(&mut simulator), Vec::<String>::new());
}

#[test]
fn a_streaming_answer_starts_at_once_and_ends_when_finished() {
    let upstream = Upstream {
        body: b"text".to_vec(),
        ..Upstream::default()
    };
    let streams = UpstreamBehaviour::Answer(AnswerOverride {
        streams: true,
        ..AnswerOverride::default()
    });
    let mut simulator = started(builder(WATCHES).upstream(upstream));
    simulator.open("a", &with(streams, get("/")), 1).unwrap();
    assert_eq!(
        callbacks(&mut simulator),
        [
            "proxy_on_request_headers(2, 6, true)",
            "proxy_on_response_headers(2, 4, false)",
            "proxy_on_response_body(2, 4, false)",
        ]
    );
    let exchange = simulator.finish("a").unwrap().remove(0);
    assert_eq!((exchange.status, exchange.body), (200, b"text".to_vec()));
    assert_eq!(
        callbacks(&mut simulator),
        [
            "proxy_on_response_body(2, 0, true)",
            "proxy_on_log(2)",
            "proxy_on_done(2)",
            "proxy_on_delete(2)",
        ]
    );
}

#[test]
fn a_client_that_leaves_ends_its_stream_without_a_response() {
    use Departure::{Close, HalfClose, InvalidFrame, Reset, Usual, WindowOverflow};
    use HttpVersion::{One, Two};
    const GONE: &str = "downstream_remote_disconnect";
    const RESET: &str = "http2.remote_reset";
    let (dc, dpe, dr) = (1_u64 << 14, 1 << 18, 1 << 28);
    // How it leaves, whether before the end of its request, and what Envoy says of it.
    for (departure, http, unfinished, details, flag) in [
        (Usual, One, false, Some(GONE), dc),
        (Usual, One, true, Some(GONE), dc),
        (Usual, Two, false, Some(RESET), dr),
        (Close, Two, false, Some(GONE), dc),
        (HalfClose, One, false, Some(GONE), dc),
        (Reset(ErrorCode::NO_ERROR), Two, false, None, 0),
        (Reset(ErrorCode::NO_ERROR), Two, true, Some(RESET), dr),
        (
            Reset(ErrorCode::PROTOCOL_ERROR),
            Two,
            false,
            Some(RESET),
            dpe,
        ),
        (
            Reset(ErrorCode::REFUSED_STREAM),
            Two,
            false,
            Some("http2.remote_refuse"),
            dr,
        ),
        (Reset(ErrorCode::CANCEL), Two, false, Some(RESET), dr),
        (Reset(ErrorCode(99)), Two, true, Some(RESET), dr),
        (
            InvalidFrame,
            Two,
            false,
            Some("codec_error:The_user_callback_function_failed"),
            dpe,
        ),
        (
            WindowOverflow,
            Two,
            false,
            Some("http2.unknown.nghttp2.error"),
            dpe,
        ),
    ] {
        let mut simulator = simulator(WATCHES);
        let request = Request {
            http,
            unfinished,
            ..post(&["a"])
        };
        simulator.open("a", &request, 1).unwrap();
        simulator.take_trace();
        let exchange = simulator.disconnect("a", departure).unwrap().remove(0);
        assert_eq!(
            (
                exchange.status,
                exchange.aborted,
                exchange.upstream.is_some()
            ),
            (0, true, true)
        );
        let trace = crate::guest::trace(&mut simulator);
        let lines = |prefix: &str| -> Vec<String> {
            trace
                .iter()
                .filter_map(|line| line.strip_prefix(prefix))
                .map(str::to_owned)
                .collect()
        };
        assert_eq!(
            lines("[host->vm] "),
            ["proxy_on_log(2)", "proxy_on_done(2)", "proxy_on_delete(2)"]
        );
        let details = details.map_or("NOT_FOUND (no such property now)".to_owned(), |details| {
            format!("OK {details:?}")
        });
        assert_eq!(
            lines("[vm->host] "),
            [
                "proxy_get_property(\"response.code\") -> NOT_FOUND (no such property now)"
                    .to_owned(),
                format!("proxy_get_property(\"response.code_details\") -> {details}"),
                format!(
                    "proxy_get_property(\"response.flags\") -> OK 0x{:016x}",
                    flag.swap_bytes()
                ),
            ],
            "{departure:?} over {http:?}, unfinished: {unfinished}"
        );
        let error = simulator.disconnect("a", departure).unwrap_err();
        assert_eq!(error.to_string(), "no call `a` is open");
    }
}

#[test]
fn a_broken_chunk_is_answered_as_long_as_there_is_no_answer() {
    let request = Request {
        unfinished: true,
        ..post(&["a"])
    };
    let mut simulator = simulator(WATCHES);
    simulator.open("a", &request, 1).unwrap();
    let exchange = simulator.disconnect("a", Departure::BrokenChunk);
    let exchange = exchange.unwrap().remove(0);
    assert_eq!(
        (exchange.status, exchange.body),
        (400, b"Bad Request".to_vec())
    );
    assert_eq!(
        hostcalls(&mut simulator),
        [
            "proxy_get_property(\"response.code\") -> OK 0x9001000000000000",
            "proxy_get_property(\"response.code_details\") -> OK \"http1.codec_error\"",
            "proxy_get_property(\"response.flags\") -> OK 0x0000040000000000",
        ]
    );
}

#[test]
fn an_unfinished_request_ends_when_its_call_is_finished() {
    let unfinished = Request {
        unfinished: true,
        trailers: vec![("x-sum".to_owned(), "1".to_owned())],
        http: HttpVersion::Two,
        ..post(&["a"])
    };
    let mut simulator = simulator(
        r#"(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) i32.const 0)
        (func (export "proxy_on_request_trailers") (param i32 i32) (result i32) i32.const 0)"#,
    );
    simulator.open("a", &unfinished, 1).unwrap();
    let seen = callbacks(&mut simulator);
    assert_eq!(seen, ["proxy_on_request_body(2, 1, false)"]);
    let exchange = simulator.finish("a").unwrap().remove(0);
    assert_eq!(
        callbacks(&mut simulator),
        ["proxy_on_request_trailers(2, 1)"]
    );
    assert_eq!(exchange.status, 200);
    assert_eq!(exchange.upstream.unwrap().body, b"a");
}

#[test]
fn a_timer_can_resume_an_open_call() {
    let mut simulator = simulator(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
            (drop (call $tick (i32.const 1000)))
            i32.const 1)
        (func (export "proxy_on_tick") (param i32)
            (drop (call $effective (i32.const 2)))
            (drop (call $continue (i32.const 1))))
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) i32.const 1)"#,
    );
    simulator.open("a", &get("/"), 1).unwrap();
    assert_eq!(simulator.finish("a").unwrap()[0].status, 200);
    assert_eq!(simulator.now().to_string(), "2026-11-22T12:00:01Z");
    assert_eq!(
        hostcalls(&mut simulator),
        [
            "proxy_set_effective_context(2) -> OK",
            "proxy_continue_stream(response) -> OK"
        ]
    );
}
