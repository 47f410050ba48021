//! `envoy_resolve_dns`.

use host_sim::target::Name;

use crate::guest::{builder, get, simulator, started};

/// Logs what it is told, and asks for the name in the path: its second character says which.
const ASKS: &str = r#"(func (export "envoy_on_resolve_dns") (param $root i32) (param $token i32) (param $size i32)
        (drop (call $get_buffer (i32.const 8) (i32.const 0) (local.get $size) (i32.const 0) (i32.const 4)))
        (drop (call $log (i32.const 2) (i32.load (i32.const 0)) (i32.load (i32.const 4)))))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $get (i32.const 0) <:path> (i32.const 0) (i32.const 4)))
        (if (i32.eq (i32.load8_u offset=1 (i32.load (i32.const 0))) (i32.const 97))
            (then (drop (call $resolve_dns <10.0.0.1> (i32.const 8)))))
        (if (i32.eq (i32.load8_u offset=1 (i32.load (i32.const 0))) (i32.const 110))
            (then (drop (call $resolve_dns <api.example> (i32.const 8)))))
        (if (i32.eq (i32.load8_u offset=1 (i32.load (i32.const 0))) (i32.const 117))
            (then (drop (call $resolve_dns <nothing.invalid> (i32.const 8)))))
        (if (i32.eq (i32.load8_u offset=1 (i32.load (i32.const 0))) (i32.const 112))
            (then (drop (call $resolve_dns (i32.const 1000000) (i32.const 9) (i32.const 8)))))
        i32.const 0)"#;

fn told(path: &str) -> Vec<String> {
    let mut api = Name::new("api.example", vec!["10.1.2.3".parse().unwrap()]);
    api.ttl = 60;
    let mut simulator = started(builder(ASKS).names(vec![api]));
    assert_eq!(simulator.exchange(&get(path)).unwrap().status, 200);
    let trace = crate::guest::trace(&mut simulator);
    let of_names = |line: &&String| line.contains("_dns") || line.contains("proxy_log");
    trace.iter().filter(of_names).cloned().collect()
}

#[test]
fn an_address_is_answered_before_the_hostcall_returns() {
    assert_eq!(
        told("/address"),
        [
            "[host->vm] envoy_on_resolve_dns(1, 2, 19)",
            r#"[vm->host] proxy_log(info, 0x010000000000000031302e302e302e313a3000) -> OK"#,
            "[host<-vm] envoy_on_resolve_dns",
            r#"[vm->host] envoy_resolve_dns("10.0.0.1") -> OK 2"#,
        ]
    );
}

#[test]
fn a_name_is_answered_later() {
    assert_eq!(
        told("/name"),
        [
            r#"[vm->host] envoy_resolve_dns("api.example") -> OK 2"#,
            "[host->vm] envoy_on_resolve_dns(1, 2, 19)",
            r#"[vm->host] proxy_log(info, 0x010000003c00000031302e312e322e333a3000) -> OK"#,
            "[host<-vm] envoy_on_resolve_dns",
        ]
    );
}

#[test]
fn a_name_that_does_not_exist_has_no_addresses() {
    assert_eq!(
        told("/unknown"),
        [
            r#"[vm->host] envoy_resolve_dns("nothing.invalid") -> OK 2"#,
            "[host->vm] envoy_on_resolve_dns(1, 2, 4)",
            "[vm->host] proxy_log(info, 0x00000000) -> OK",
            "[host<-vm] envoy_on_resolve_dns",
        ]
    );
}

#[test]
fn a_name_outside_of_the_memory_is_refused() {
    assert_eq!(
        told("/place"),
        [
            "[vm->host] envoy_resolve_dns() -> INVALID_MEMORY_ACCESS (no guest memory at 1000000 for 9 bytes)"
        ]
    );
}

#[test]
fn who_does_not_wait_for_an_answer_gets_none() {
    let mut simulator = simulator(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $resolve_dns <localhost> (i32.const 8)))
            (drop (call $resolve_dns <api.example> (i32.const 8)))
            i32.const 0)"#,
    );
    assert_eq!(simulator.exchange(&get("/")).unwrap().status, 200);
    assert_eq!(
        crate::guest::hostcalls(&mut simulator),
        [
            r#"envoy_resolve_dns("localhost") -> OK 2"#,
            r#"envoy_resolve_dns("api.example") -> OK 3"#
        ]
    );
}

#[test]
fn a_trap_in_the_answer_is_the_end_of_the_vm_once_the_callback_is_over() {
    let traps = r#"(func (export "envoy_on_resolve_dns") (param i32 i32 i32) unreachable)
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $resolve_dns <127.0.0.1> (i32.const 8)))
            (drop (call $log (i32.const 2) <it goes on>))
            i32.const 0)"#;
    let mut simulator = simulator(traps);
    assert_eq!(simulator.exchange(&get("/")).unwrap().status, 503);
    let goes_on = simulator.log().iter().any(|line| line.text == "it goes on");
    assert!(goes_on, "{:?}", simulator.log());
    assert_eq!(
        simulator.failure(0).map(ToString::to_string).as_deref(),
        Some(
            "proxy_on_request_headers trapped: wasm trap: wasm `unreachable` instruction executed"
        )
    );
}
