//! Upstreams that fail, and what Envoy's router answers then.

use std::time::Duration;

use host_sim::target::{HttpVersion, Request, Upstream, UpstreamBehaviour};

use crate::guest::{builder, callbacks, get, hostcalls, simulator, started};

/// At the end it reads how the stream ended.
const READS_THE_END: &str = r#"
    (func (export "proxy_on_log") (param i32)
        (drop (call $get_property <response␀code> (i32.const 0) (i32.const 4)))
        (drop (call $get_property <response␀code_details> (i32.const 0) (i32.const 4)))
        (drop (call $get_property <response␀flags> (i32.const 0) (i32.const 4))))"#;

fn failing(upstream: UpstreamBehaviour, http: HttpVersion) -> Request {
    Request {
        upstream,
        http,
        ..get("/")
    }
}

fn integer(number: u64) -> String {
    format!("0x{:016x}", number.swap_bytes())
}

#[test]
fn failures_before_the_answer_are_answered_by_the_router() {
    use HttpVersion::{One, Two};
    use UpstreamBehaviour::{Reset, Timeout, Unreachable};
    const ERROR: &str = "upstream connect error or disconnect/reset before headers. reset reason:";
    for (upstream, http, status, body, details, flag, reached) in [
        (
            Reset,
            One,
            503,
            format!("{ERROR} connection termination"),
            "upstream_reset_before_response_started{connection_termination}",
            6,
            true,
        ),
        (
            Reset,
            Two,
            503,
            format!("{ERROR} remote reset"),
            "upstream_reset_before_response_started{remote_reset}",
            4,
            true,
        ),
        (
            Unreachable,
            One,
            503,
            format!("{ERROR} remote connection failure"),
            "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}",
            5,
            false,
        ),
        (
            Timeout,
            One,
            504,
            "upstream request timeout".to_owned(),
            "response_timeout",
            2,
            true,
        ),
    ] {
        let mut simulator = simulator(READS_THE_END);
        let exchange = simulator
            .exchange(&failing(upstream.clone(), http))
            .unwrap();
        assert_eq!(
            (exchange.status, String::from_utf8(exchange.body).unwrap()),
            (status, body),
            "{upstream:?}"
        );
        assert_eq!(exchange.upstream.is_some(), reached, "{upstream:?}");
        assert!(!exchange.aborted, "{upstream:?}");
        assert_eq!(
            hostcalls(&mut simulator),
            [
                format!(
                    "proxy_get_property(\"response.code\") -> OK {}",
                    integer(status.into())
                ),
                format!("proxy_get_property(\"response.code_details\") -> OK {details:?}"),
                format!(
                    "proxy_get_property(\"response.flags\") -> OK {}",
                    integer(1 << flag)
                ),
            ],
            "{upstream:?}"
        );
    }
}

#[test]
fn the_routers_answer_passes_through_the_filter() {
    let mut simulator = simulator(
        r#"(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
            (drop (call $add (i32.const 2) <x-seen> <yes>))
            i32.const 0)
        (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) i32.const 0)"#,
    );
    let timeout = failing(UpstreamBehaviour::Timeout, HttpVersion::One);
    let exchange = simulator.exchange(&timeout).unwrap();
    assert_eq!(
        exchange.headers[0],
        ("content-length".to_owned(), "24".to_owned())
    );
    assert_eq!(
        exchange.headers[1],
        ("content-type".to_owned(), "text/plain".to_owned())
    );
    assert_eq!(exchange.headers[2], ("x-seen".to_owned(), "yes".to_owned()));
    assert_eq!(
        callbacks(&mut simulator),
        [
            "proxy_on_response_headers(2, 3, false)",
            "proxy_on_response_body(2, 24, true)"
        ]
    );
}

#[test]
fn waiting_for_a_silent_upstream_takes_time() {
    let mut simulator = simulator(r#"(func (export "proxy_on_log") (param i32))"#);
    let timeout = failing(UpstreamBehaviour::Timeout, HttpVersion::One);
    assert_eq!(simulator.exchange(&timeout).unwrap().status, 504);
    assert_eq!(simulator.now().to_string(), "2026-11-22T12:00:00.3Z");
    // An open call times out by itself, and other calls need not wait for that.
    simulator.open("a", &timeout, 1).unwrap();
    assert_eq!(simulator.exchange(&get("/")).unwrap().status, 200);
    assert_eq!(simulator.now().to_string(), "2026-11-22T12:00:00.3Z");
    simulator.take_trace();
    simulator.advance(Duration::from_secs(1)).unwrap();
    assert_eq!(callbacks(&mut simulator), ["proxy_on_log(3)"]);
    assert_eq!(simulator.finish("a").unwrap()[0].status, 504);
    assert_eq!(simulator.now().to_string(), "2026-11-22T12:00:01.3Z");
}

#[test]
fn an_answer_that_breaks_off_resets_the_stream() {
    let upstream = Upstream {
        body: b"half".to_vec(),
        ..Upstream::default()
    };
    for (http, reason, flag) in [
        (HttpVersion::One, "protocol_error", 23),
        (HttpVersion::Two, "remote_reset", 4),
    ] {
        let mut simulator = started(builder(READS_THE_END).upstream(upstream.clone()));
        let broken = failing(UpstreamBehaviour::ResetAfterHeaders, http);
        let exchange = simulator.exchange(&broken).unwrap();
        assert_eq!(
            (exchange.status, exchange.body, exchange.aborted),
            (200, b"half".to_vec(), true)
        );
        assert_eq!(
            hostcalls(&mut simulator)[1..],
            [
                format!(
                    "proxy_get_property(\"response.code_details\") -> OK \"upstream_reset_after_response_started{{{reason}}}\""
                ),
                format!(
                    "proxy_get_property(\"response.flags\") -> OK {}",
                    integer(1 << flag)
                ),
            ]
        );
    }
}
