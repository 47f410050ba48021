//! Shared data between workers.

use crate::guest::{builder, get, hostcalls, started};

#[test]
fn workers_share_and_numbers_decide() {
    let mut simulator = started(
        builder(
            r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
                (drop (call $get_shared <key> (i32.const 0) (i32.const 4) (i32.const 8)))
                (drop (call $set_shared <key> <value> (i32.const -1)))
                (drop (call $get_shared <key> (i32.const 0) (i32.const 4) (i32.const 8)))
                (drop (call $set_shared <key> <> (i32.load (i32.const 8))))
                (drop (call $get_shared <key> (i32.const 0) (i32.const 4) (i32.const 8)))
                i32.const 0)"#,
        )
        .workers(2),
    );
    for _ in 0..2 {
        simulator.exchange(&get("/")).unwrap();
    }
    let trace = crate::guest::trace(&mut simulator);
    let calls: Vec<_> = trace
        .iter()
        .filter(|line| line.contains("[vm->host]"))
        .map(String::as_str)
        .collect();
    assert_eq!(
        calls,
        [
            r#"worker 0 [vm->host] proxy_get_shared_data("key") -> NOT_FOUND (no such key)"#,
            r#"worker 0 [vm->host] proxy_set_shared_data("key", "value", cas 4294967295) -> OK"#,
            r#"worker 0 [vm->host] proxy_get_shared_data("key") -> OK "value" cas 1"#,
            r#"worker 0 [vm->host] proxy_set_shared_data("key", "", cas 1) -> OK"#,
            r#"worker 0 [vm->host] proxy_get_shared_data("key") -> OK "" cas 2"#,
            r#"worker 1 [vm->host] proxy_get_shared_data("key") -> OK "" cas 2"#,
            r#"worker 1 [vm->host] proxy_set_shared_data("key", "value", cas 4294967295) -> CAS_MISMATCH (the number 4294967295 is not 2)"#,
            r#"worker 1 [vm->host] proxy_get_shared_data("key") -> OK "" cas 2"#,
            r#"worker 1 [vm->host] proxy_set_shared_data("key", "", cas 2) -> OK"#,
            r#"worker 1 [vm->host] proxy_get_shared_data("key") -> OK "" cas 3"#,
        ]
    );
}

#[test]
fn conflicts_can_be_injected() {
    let mut simulator = started(builder(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $set_shared <key> <value> (i32.const 0)))
            (drop (call $get_shared <key> (i32.const 0) (i32.const 4) (i32.const 8)))
            (drop (call $set_shared <key> <new> (i32.load (i32.const 8))))
            i32.const 0)"#,
    ));
    simulator.inject_cas_conflicts(1);
    simulator.exchange(&get("/")).unwrap();
    assert_eq!(
        hostcalls(&mut simulator),
        [
            r#"proxy_set_shared_data("key", "value", cas 0) -> OK"#,
            r#"proxy_get_shared_data("key") -> OK "value" cas 1"#,
            r#"proxy_set_shared_data("key", "new", cas 1) -> CAS_MISMATCH (the number 1 is not 2)"#,
        ]
    );
    assert_eq!(
        simulator.shared_data(b"key").as_deref(),
        Some(&b"value"[..])
    );
}
