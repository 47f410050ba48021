//! Effective contexts.

use crate::guest::{get, hostcalls, simulator};

#[test]
fn an_effective_context_lasts_until_the_callback_returns() {
    let mut simulator = simulator(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $effective (i32.const 1)))
            (drop (call $get (i32.const 0) <:path> (i32.const 0) (i32.const 4)))
            (drop (call $set_property <k> <v>))
            (drop (call $effective (i32.const 9)))
            (drop (call $effective (i32.const 0)))
            (drop (call $get (i32.const 0) <:path> (i32.const 0) (i32.const 4)))
            (drop (call $effective (i32.const 1)))
            i32.const 0)
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
            (drop (call $get (i32.const 2) <:status> (i32.const 0) (i32.const 4)))
            i32.const 0)"#,
    );
    simulator.exchange(&get("/a")).unwrap();
    assert_eq!(
        hostcalls(&mut simulator),
        [
            "proxy_set_effective_context(1) -> OK",
            r#"proxy_get_header_map_value(request_headers, ":path") -> BAD_ARGUMENT (request_headers cannot be used now)"#,
            r#"proxy_set_property("k", "v") -> NOT_FOUND (not in a stream)"#,
            "proxy_set_effective_context(9) -> BAD_ARGUMENT (unknown context 9)",
            "proxy_set_effective_context(0) -> OK",
            r#"proxy_get_header_map_value(request_headers, ":path") -> OK "/a""#,
            "proxy_set_effective_context(1) -> OK",
            r#"proxy_get_header_map_value(response_headers, ":status") -> OK "200""#,
        ]
    );
}

#[test]
fn only_pending_root_contexts_can_be_done() {
    let mut simulator = simulator(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $done))
            i32.const 0)"#,
    );
    simulator.exchange(&get("/")).unwrap();
    assert_eq!(
        hostcalls(&mut simulator),
        ["proxy_done() -> NOT_FOUND (nothing is pending)"]
    );
}
