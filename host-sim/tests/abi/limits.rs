//! What a VM may use, and what it may do.

use host_sim::StartError;

use crate::guest::{builder, get, hostcalls, started};

const LOOPS_ON_REQUESTS: &str = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (loop $again (br $again)) i32.const 0)"#;

#[test]
fn a_module_that_never_returns_is_reported_as_such() {
    let mut simulator = started(builder(LOOPS_ON_REQUESTS).instruction_limit(1_000_000));
    assert_eq!(
        simulator.exchange(&get("/")).unwrap_err().to_string(),
        "proxy_on_request_headers did not return within 1000000 instructions; \
         in Envoy that worker would never do anything again"
    );
    let endless = r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
        (loop $again (br $again)) i32.const 1)"#;
    let Err(StartError::Failed { failure, .. }) = builder(endless).instruction_limit(1000).start()
    else {
        panic!("it starts")
    };
    assert_eq!(
        failure.to_string(),
        "proxy_on_configure did not return within 30000 instructions"
    );
}

/// Wants 100 pages of memory more, and dies if it does not get them.
const GROWS: &str = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (if (i32.eq (memory.grow (i32.const 100)) (i32.const -1)) (then unreachable)) i32.const 0)"#;

#[test]
fn a_module_without_memory_dies_by_its_own_allocator() {
    assert_eq!(
        started(builder(GROWS)).exchange(&get("/")).unwrap().status,
        200
    );
    let mut simulator = started(builder(GROWS).memory_limit(1024 * 1024));
    assert_eq!(simulator.exchange(&get("/")).unwrap().status, 503);
    assert_eq!(
        simulator.failure(0).map(ToString::to_string).as_deref(),
        Some(
            "proxy_on_request_headers trapped: wasm trap: wasm `unreachable` instruction executed, \
             after more memory was asked for than the 1048576 bytes that are allowed"
        )
    );
}

#[test]
fn what_the_capabilities_do_not_list_is_refused_or_never_called() {
    let guest = r#"
        (func (export "proxy_on_configure") (param i32 i32) (result i32) unreachable)
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $get (i32.const 0) <:path> (i32.const 0) (i32.const 4)))
            (drop (call $add (i32.const 0) <a> <b>))
            (drop (call $random (i32.const 0) (i32.const 8)))
            (drop (call $yield))
            i32.const 0)
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) unreachable)"#;
    let allowed = ["proxy_on_request_headers", "proxy_get_header_map_value"];
    let mut simulator = started(builder(guest).capabilities(allowed));
    assert_eq!(simulator.exchange(&get("/")).unwrap().status, 200);
    assert_eq!(
        hostcalls(&mut simulator),
        [
            r#"proxy_get_header_map_value(request_headers, ":path") -> OK "/""#,
            "proxy_add_header_map_value() -> INTERNAL_FAILURE (the plugin's capabilities do not allow it)",
            "random_get() -> 76 (the plugin's capabilities do not allow it)",
            "sched_yield() -> 76 (the plugin's capabilities do not allow it)",
        ]
    );
}
