//! From start to end: the canary, the workers, configurations, and the order of callbacks.

use std::time::Duration;

use host_sim::target::LogLevel;
use host_sim::{Simulator, StartError};

use crate::guest::{builder, get, hostcalls, simulator, started};

const EVERYTHING: &str = r#"
    (func (export "_initialize"))
    (func (export "proxy_on_context_create") (param i32 i32))
    (func (export "proxy_on_vm_start") (param i32 i32) (result i32) i32.const 1)
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
        (drop (call $get_buffer (i32.const 7) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 4)))
        (i32.ne (i32.load8_u (i32.load (i32.const 0))) (i32.const 33)))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) i32.const 0)
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) i32.const 0)
    (func (export "proxy_on_log") (param i32))
    (func (export "proxy_on_done") (param i32) (result i32) i32.const 1)
    (func (export "proxy_on_delete") (param i32))"#;

fn calls(simulator: &mut Simulator) -> Vec<String> {
    crate::guest::trace(simulator)
        .into_iter()
        .filter(|line| line.contains("[host->vm]"))
        .collect()
}

#[test]
fn a_canary_goes_first_then_the_main_thread_and_every_worker() {
    let mut simulator = builder(EVERYTHING)
        .workers(2)
        .configuration("{}")
        .vm_configuration("vm")
        .start()
        .unwrap();
    let starts = |label: &str| {
        [
            "_initialize()",
            "proxy_on_context_create(1, 0)",
            "proxy_on_vm_start(1, 2)",
            "proxy_on_configure(1, 2)",
        ]
        .map(|call| format!("{label} [host->vm] {call}"))
    };
    assert_eq!(
        calls(&mut simulator),
        [
            starts("canary"),
            starts("main"),
            starts("worker 0"),
            starts("worker 1")
        ]
        .concat()
    );
}

#[test]
fn a_stream_is_logged_then_done_then_deleted() {
    let mut simulator = builder(EVERYTHING).start().unwrap();
    simulator.take_trace();
    simulator.exchange(&get("/")).unwrap();
    assert_eq!(
        crate::guest::trace(&mut simulator),
        [
            "[host->vm] proxy_on_context_create(2, 1)",
            "[host<-vm] proxy_on_context_create",
            "[host->vm] proxy_on_request_headers(2, 6, true)",
            "[host<-vm] proxy_on_request_headers -> Continue",
            "[host->vm] proxy_on_response_headers(2, 4, true)",
            "[host<-vm] proxy_on_response_headers -> Continue",
            "[host->vm] proxy_on_log(2)",
            "[host<-vm] proxy_on_log",
            "[host->vm] proxy_on_done(2)",
            "[host<-vm] proxy_on_done -> true",
            "[host->vm] proxy_on_delete(2)",
            "[host<-vm] proxy_on_delete",
        ]
    );
}

#[test]
fn a_new_configuration_makes_a_new_root_context_in_the_same_vm() {
    let mut simulator = builder(EVERYTHING).start().unwrap();
    simulator.take_trace();
    simulator.configure(b"{}").unwrap();
    simulator.exchange(&get("/")).unwrap();
    let calls = calls(&mut simulator);
    assert_eq!(
        calls[..15],
        [
            "canary [host->vm] _initialize()",
            "canary [host->vm] proxy_on_context_create(1, 0)",
            "canary [host->vm] proxy_on_vm_start(1, 0)",
            "canary [host->vm] proxy_on_configure(1, 2)",
            "main [host->vm] proxy_on_context_create(2, 0)",
            "main [host->vm] proxy_on_vm_start(2, 0)",
            "main [host->vm] proxy_on_configure(2, 2)",
            "main [host->vm] proxy_on_done(1)",
            "main [host->vm] proxy_on_delete(1)",
            "[host->vm] proxy_on_context_create(2, 0)",
            "[host->vm] proxy_on_vm_start(2, 0)",
            "[host->vm] proxy_on_configure(2, 2)",
            "[host->vm] proxy_on_done(1)",
            "[host->vm] proxy_on_delete(1)",
            "[host->vm] proxy_on_context_create(3, 2)",
        ]
    );
}

#[test]
fn an_old_configuration_lasts_as_long_as_its_last_stream() {
    let ticking = r#"
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
            (drop (call $tick (i32.const 1000)))
            i32.const 1)
        (func (export "proxy_on_tick") (param i32))
        (func (export "proxy_on_done") (param i32) (result i32) i32.const 1)
        (func (export "proxy_on_delete") (param i32))"#;
    let mut simulator = started(builder(ticking));
    simulator.open("a", &get("/"), 1).unwrap();
    simulator.configure(b"{}").unwrap();
    simulator.take_trace();
    simulator.advance(Duration::from_secs(1)).unwrap();
    let ours = |calls: Vec<String>| -> Vec<_> {
        let of_main = |call: &String| call.starts_with("main ");
        calls.into_iter().filter(|call| !of_main(call)).collect()
    };
    assert_eq!(
        ours(calls(&mut simulator)),
        ["[host->vm] proxy_on_tick(1)", "[host->vm] proxy_on_tick(3)"]
    );
    simulator.finish("a").unwrap();
    assert_eq!(
        ours(calls(&mut simulator)),
        [
            "[host->vm] proxy_on_done(2)",
            "[host->vm] proxy_on_delete(2)",
            "[host->vm] proxy_on_done(1)",
            "[host->vm] proxy_on_delete(1)",
        ]
    );
    simulator.advance(Duration::from_secs(1)).unwrap();
    assert_eq!(ours(calls(&mut simulator)), ["[host->vm] proxy_on_tick(3)"]);
}

#[test]
fn the_configuration_in_force_is_not_tried_again() {
    let mut simulator = started(builder(EVERYTHING).configuration("{}"));
    simulator.configure(b"{}").unwrap();
    assert_eq!(calls(&mut simulator), [""; 0]);
    simulator.configure(b"{ }").unwrap();
    simulator.take_trace();
    simulator.configure(b"{ }").unwrap();
    assert_eq!(calls(&mut simulator), [""; 0]);
}

#[test]
fn a_refused_configuration_changes_nothing() {
    let mut simulator = builder(EVERYTHING).configuration("{}").start().unwrap();
    simulator.take_trace();
    assert!(
        matches!(simulator.configure(b"!"), Err(StartError::Rejected { log, .. }) if log.is_empty())
    );
    simulator.exchange(&get("/")).unwrap();
    let calls = calls(&mut simulator);
    assert_eq!(
        calls[4..6],
        [
            "[host->vm] proxy_on_context_create(2, 1)",
            "[host->vm] proxy_on_request_headers(2, 6, true)"
        ]
    );
}

#[test]
fn a_start_is_refused_with_what_the_module_logged() {
    let outcome = builder(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
            (drop (call $log (i32.const 4) <no good>))
            i32.const 0)"#,
    )
    .workers(2)
    .start();
    let Err(StartError::Rejected { log, .. }) = outcome else {
        panic!("it is accepted")
    };
    // Only the canary tried it.
    assert_eq!(
        log.iter()
            .map(|line| (line.level, line.text.as_str()))
            .collect::<Vec<_>>(),
        [(LogLevel::Error, "no good")]
    );
}

#[test]
fn vm_start_can_refuse_too() {
    let outcome =
        builder(r#"(func (export "proxy_on_vm_start") (param i32 i32) (result i32) i32.const 0)"#)
            .start();
    assert!(matches!(outcome, Err(StartError::Rejected { .. })));
}

#[test]
fn timers_fire_when_the_clock_reaches_them_and_are_armed_again() {
    let mut simulator = simulator(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
            (drop (call $tick (i32.const 1500)))
            i32.const 1)
        (func (export "proxy_on_tick") (param i32)
            (drop (call $now (i32.const 0))))"#,
    );
    simulator.advance(Duration::from_secs(1)).unwrap();
    assert_eq!(hostcalls(&mut simulator), Vec::<String>::new());
    simulator.advance(Duration::from_secs(3)).unwrap();
    assert_eq!(
        hostcalls(&mut simulator),
        [
            "proxy_get_current_time_nanoseconds() -> OK 2026-11-22T12:00:01.5Z",
            "proxy_get_current_time_nanoseconds() -> OK 2026-11-22T12:00:03Z",
        ]
    );
    assert_eq!(simulator.now().to_string(), "2026-11-22T12:00:04Z");
}

#[test]
fn a_timer_is_switched_off_with_zero() {
    let mut simulator = simulator(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
            (drop (call $tick (i32.const 1000)))
            i32.const 1)
        (func (export "proxy_on_tick") (param i32)
            (drop (call $tick (i32.const 0))))"#,
    );
    simulator.advance(Duration::from_secs(10)).unwrap();
    assert_eq!(
        hostcalls(&mut simulator),
        ["proxy_set_tick_period_milliseconds(0) -> OK"]
    );
}

#[test]
fn a_root_context_may_finish_later() {
    let mut simulator = simulator(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
            (drop (call $tick (i32.const 1000)))
            (drop (call $done))
            i32.const 1)
        (func (export "proxy_on_tick") (param i32)
            (drop (call $done)))
        (func (export "proxy_on_done") (param i32) (result i32) i32.const 0)
        (func (export "proxy_on_delete") (param i32))"#,
    );
    simulator.shut_down();
    simulator.advance(Duration::from_secs(1)).unwrap();
    let trace = crate::guest::trace(&mut simulator);
    let of_worker: Vec<_> = trace
        .iter()
        .filter(|line| !line.starts_with("main"))
        .collect();
    assert_eq!(
        of_worker,
        [
            "[host->vm] proxy_on_done(1)",
            "[host<-vm] proxy_on_done -> false",
            "[host->vm] proxy_on_tick(1)",
            "[vm->host] proxy_done() -> OK",
            "[host<-vm] proxy_on_tick",
            "[host->vm] proxy_on_delete(1)",
            "[host<-vm] proxy_on_delete",
        ]
    );
}

#[test]
fn configurations_can_be_read_while_they_matter() {
    let read = |of: u32| {
        format!(
            "(drop (call $get_buffer (i32.const {of}) (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 4)))"
        )
    };
    let guest = format!(
        r#"(func (export "proxy_on_context_create") (param i32 i32) {0})
        (func (export "proxy_on_vm_start") (param i32 i32) (result i32) {0} {1} i32.const 1)
        (func (export "proxy_on_configure") (param i32 i32) (result i32) {0} {1} i32.const 1)"#,
        read(7),
        read(6)
    );
    let mut simulator = builder(&guest)
        .configuration("plugin")
        .vm_configuration("vm")
        .start()
        .unwrap();
    assert_eq!(
        hostcalls(&mut simulator),
        [
            r#"proxy_get_buffer_bytes(plugin_configuration, 0, 9) -> OK "plugin""#,
            "proxy_get_buffer_bytes(plugin_configuration, 0, 9) -> NOT_FOUND (plugin_configuration is not there now)",
            r#"proxy_get_buffer_bytes(vm_configuration, 0, 9) -> OK "vm""#,
            r#"proxy_get_buffer_bytes(plugin_configuration, 0, 9) -> OK "plugin""#,
            r#"proxy_get_buffer_bytes(vm_configuration, 0, 9) -> OK "vm""#,
        ]
    );
}
