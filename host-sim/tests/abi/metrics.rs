//! Metrics: statuses, and that all workers count into one.

use crate::guest::{builder, get, hostcalls, simulator, started};

#[test]
fn each_kind_answers_as_in_envoy() {
    let mut simulator = simulator(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $define (i32.const 0) <calls> (i32.const 0)))
            (drop (call $define (i32.const 3) <calls> (i32.const 0)))
            (drop (call $increment (i32.const 4) (i64.const 0)))
            (drop (call $increment (i32.const 4) (i64.const 2)))
            (drop (call $record (i32.const 4) (i64.const 3)))
            (drop (call $get_metric (i32.const 4) (i32.const 0)))
            (drop (call $increment (i32.const 8) (i64.const 1)))
            (drop (call $get_metric (i32.const 8) (i32.const 0)))
            i32.const 0)"#,
    );
    simulator.exchange(&get("/")).unwrap();
    assert_eq!(
        hostcalls(&mut simulator),
        [
            r#"proxy_define_metric(counter, "calls") -> OK 4"#,
            "proxy_define_metric() -> BAD_ARGUMENT (unknown metric type 3)",
            r#"proxy_increment_metric(4 "calls", 0) -> BAD_ARGUMENT (counters only go up, not by 0)"#,
            r#"proxy_increment_metric(4 "calls", 2) -> OK"#,
            r#"proxy_record_metric(4 "calls", 3) -> OK"#,
            r#"proxy_get_metric(4 "calls") -> OK 5"#,
            "proxy_increment_metric(8, 1) -> NOT_FOUND (unknown metric 8)",
            "proxy_get_metric(8) -> NOT_FOUND (unknown metric 8)",
        ]
    );
}

#[test]
fn the_canary_the_main_thread_and_all_workers_count_into_one() {
    let simulator = started(
        builder(
            r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
                (drop (call $define (i32.const 0) <configured> (i32.const 0)))
                (drop (call $increment (i32.load (i32.const 0)) (i64.const 1)))
                i32.const 1)"#,
        )
        .workers(3),
    );
    assert_eq!(simulator.metric("configured"), Some(5));
    assert_eq!(simulator.metric("other"), None);
}
