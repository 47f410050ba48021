//! Modules of the oldest ABI, which is still found in the wild.

use host_sim::{Module, Simulator};

use crate::guest::{get, hostcalls};

const OLD: &str = r#"(module
    (import "env" "proxy_get_configuration" (func $configuration (param i32 i32) (result i32)))
    (import "env" "proxy_continue_request" (func $continue_request (result i32)))
    (import "env" "proxy_continue_response" (func $continue_response (result i32)))
    (import "env" "proxy_clear_route_cache" (func $clear (result i32)))
    (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
    (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 100) "missing")
    (func (export "proxy_abi_version_0_1_0"))
    (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 4096)
    (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
        (drop (call $configuration (i32.const 0) (i32.const 4)))
        i32.const 1)
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
        (drop (call $configuration (i32.const 0) (i32.const 4)))
        (drop (call $tick (i32.const 1000)))
        i32.const 1)
    (func (export "proxy_on_request_headers") (param i32 i32) (result i32)
        (drop (call $get (i32.const 0) (i32.const 100) (i32.const 7) (i32.const 0) (i32.const 4)))
        (drop (call $get (i32.const 2) (i32.const 100) (i32.const 7) (i32.const 0) (i32.const 4)))
        (drop (call $configuration (i32.const 0) (i32.const 4)))
        (drop (call $clear))
        i32.const 1)
    (global $responding (mut i32) (i32.const 0))
    (func (export "proxy_on_tick") (param i32)
        (drop (call $effective (i32.const 2)))
        (if (global.get $responding)
            (then (drop (call $continue_response)))
            (else (drop (call $continue_request)))))
    (func (export "proxy_on_response_headers") (param i32 i32) (result i32)
        (global.set $responding (i32.const 1))
        i32.const 1)
    (func (export "proxy_on_log") (param i32)
        (drop (call $get (i32.const 1) (i32.const 100) (i32.const 7) (i32.const 0) (i32.const 4)))))"#;

#[test]
fn a_module_of_the_first_abi_runs_by_its_own_rules() {
    let module = Module::from_bytes(OLD.as_bytes()).unwrap();
    let mut simulator = Simulator::builder(&module)
        .configuration("plugin")
        .vm_configuration("vm")
        .start()
        .unwrap();
    assert_eq!(
        hostcalls(&mut simulator),
        [
            r#"proxy_get_configuration() -> OK "vm""#,
            r#"proxy_get_configuration() -> OK "plugin""#,
            "proxy_set_tick_period_milliseconds(1000) -> OK",
        ]
    );
    assert_eq!(simulator.exchange(&get("/")).unwrap().status, 200);
    let trace = crate::guest::trace(&mut simulator);
    let of_worker: Vec<_> = trace
        .iter()
        .filter(|line| !line.starts_with("main"))
        .collect();
    assert_eq!(
        of_worker,
        [
            "[host->vm] proxy_on_request_headers(2, 6)",
            r#"[vm->host] proxy_get_header_map_value(request_headers, "missing") -> OK """#,
            r#"[vm->host] proxy_get_header_map_value(response_headers, "missing") -> BAD_ARGUMENT (response_headers cannot be used now)"#,
            r#"[vm->host] proxy_get_configuration() -> OK "vm""#,
            "[vm->host] proxy_clear_route_cache() -> OK",
            "[host<-vm] proxy_on_request_headers -> Pause",
            "[host->vm] proxy_on_tick(1)",
            "[vm->host] proxy_set_effective_context(2) -> OK",
            "[vm->host] proxy_continue_request() -> OK",
            "[host<-vm] proxy_on_tick",
            "[host->vm] proxy_on_response_headers(2, 4)",
            "[host<-vm] proxy_on_response_headers -> Pause",
            "[host->vm] proxy_on_tick(1)",
            "[vm->host] proxy_set_effective_context(2) -> OK",
            "[vm->host] proxy_continue_response() -> OK",
            "[host<-vm] proxy_on_tick",
            "[host->vm] proxy_on_log(2)",
            r#"[vm->host] proxy_get_header_map_value(request_trailers, "missing") -> OK """#,
            "[host<-vm] proxy_on_log",
        ]
    );
}
