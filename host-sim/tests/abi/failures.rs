//! VMs that fail, and how the streams of that worker end.

use std::time::Duration;

use host_sim::target::{Departure, FailurePolicy, PluginSettings};
use host_sim::{Simulator, StartError};

use crate::guest::{builder, get, simulator, started, text};

const TRAPS: &str =
    r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) unreachable)"#;
const TRAPPED: &str =
    "proxy_on_request_headers trapped: wasm trap: wasm `unreachable` instruction executed";

#[test]
fn fail_closed_answers_503_from_then_on() {
    let mut simulator = started(builder(TRAPS).workers(2));
    let exchange = simulator.exchange(&get("/")).unwrap();
    assert_eq!(
        (exchange.status, exchange.body.as_slice(), exchange.upstream),
        (503, &b""[..], None)
    );
    assert_eq!(
        simulator.failure(0).map(ToString::to_string).as_deref(),
        Some(TRAPPED)
    );
    assert_eq!(simulator.failure(1), None);
    simulator.take_trace();
    simulator
        .exchange(&host_sim::target::Request {
            worker: Some(0),
            ..get("/")
        })
        .unwrap();
    // Nothing is called in a VM that has failed.
    assert_eq!(crate::guest::trace(&mut simulator), Vec::<String>::new());
}

#[test]
fn fail_open_passes_later_requests_without_the_filter() {
    let settings = PluginSettings {
        failure_policy: FailurePolicy::FailOpen,
        ..PluginSettings::default()
    };
    let mut simulator = started(builder(TRAPS).settings(settings));
    // The request in whose callback the VM fails fails too, as on Envoy.
    let statuses = [(); 3].map(|()| simulator.exchange(&get("/")).unwrap().status);
    assert_eq!(statuses, [503, 200, 200]);
}

#[test]
fn all_streams_of_the_worker_lose_their_contexts() {
    let guest = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (if (i32.eq (local.get 0) (i32.const 3)) (then unreachable))
            i32.const 0)
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) i32.const 0)
        (func (export "proxy_on_log") (param i32))"#;
    let mut simulator = simulator(guest);
    let exchanges = simulator.parallel(&[get("/"), get("/")]).unwrap();
    assert_eq!(
        exchanges
            .iter()
            .map(|exchange| exchange.status)
            .collect::<Vec<_>>(),
        [503, 503]
    );
    let logged = crate::guest::trace(&mut simulator)
        .iter()
        .any(|line| line.contains("proxy_on_log"));
    assert!(!logged, "a failed VM is never called again");
}

#[test]
fn a_failure_after_the_headers_were_sent_resets_the_stream() {
    let traps =
        r#"(func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) unreachable)"#;
    let upstream = host_sim::target::Upstream {
        body: b"body".to_vec(),
        ..Default::default()
    };
    let mut simulator = started(builder(traps).upstream(upstream));
    let exchange = simulator.exchange(&get("/")).unwrap();
    assert_eq!((exchange.status, exchange.aborted), (200, true));
}

/// Traps on paths that start with `/t`; counts how often it is configured.
const TRAPS_ON_T: &str = r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
        (drop (call $define (i32.const 0) <configured> (i32.const 32)))
        (drop (call $increment (i32.load (i32.const 32)) (i64.const 1)))
        i32.const 1)
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $get (i32.const 0) <:path> (i32.const 0) (i32.const 4)))
        (if (i32.eq (i32.load8_u offset=1 (i32.load (i32.const 0))) (i32.const 116)) (then unreachable))
        i32.const 0)
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) i32.const 0)
    (func (export "proxy_on_log") (param i32))"#;

#[test]
fn fail_reload_starts_the_vm_anew_once_it_has_been_loaded_for_a_second() {
    let settings = PluginSettings {
        failure_policy: FailurePolicy::FailReload,
        ..PluginSettings::default()
    };
    let mut simulator = started(builder(TRAPS_ON_T).settings(settings));
    // The canary, the main thread and the worker.
    assert_eq!(simulator.metric("configured"), Some(3));
    let status = |simulator: &mut Simulator, path| simulator.exchange(&get(path)).unwrap().status;
    assert_eq!(status(&mut simulator, "/t"), 503);
    // It was loaded just now.
    assert_eq!(status(&mut simulator, "/"), 503);
    simulator.advance(Duration::from_millis(999)).unwrap();
    assert_eq!(status(&mut simulator, "/"), 503);
    simulator.advance(Duration::from_millis(1)).unwrap();
    assert_eq!(status(&mut simulator, "/"), 200);
    assert_eq!(simulator.metric("configured"), Some(4));
    assert_eq!(simulator.failure(0), None);
    // The back-off counts from the last start.
    assert_eq!(status(&mut simulator, "/t"), 503);
    assert_eq!(status(&mut simulator, "/"), 503);
    simulator.advance(Duration::from_secs(1)).unwrap();
    assert_eq!(status(&mut simulator, "/"), 200);
}

#[test]
fn the_interval_of_reloads_is_configurable() {
    let settings = PluginSettings {
        failure_policy: FailurePolicy::FailReload,
        reload_after_ms: Some(50),
        ..PluginSettings::default()
    };
    let mut simulator = started(builder(TRAPS_ON_T).settings(settings));
    let status = |simulator: &mut Simulator, path| simulator.exchange(&get(path)).unwrap().status;
    assert_eq!(status(&mut simulator, "/t"), 503);
    simulator.advance(Duration::from_millis(49)).unwrap();
    assert_eq!(status(&mut simulator, "/"), 503);
    simulator.advance(Duration::from_millis(1)).unwrap();
    assert_eq!(status(&mut simulator, "/"), 200);
}

#[test]
fn streams_of_a_failed_vm_are_never_shown_to_the_new_one() {
    let settings = PluginSettings {
        failure_policy: FailurePolicy::FailReload,
        ..PluginSettings::default()
    };
    let mut simulator = started(builder(TRAPS_ON_T).settings(settings));
    simulator.open("old", &get("/"), 1).unwrap();
    simulator.open("lost", &get("/"), 1).unwrap();
    assert_eq!(simulator.exchange(&get("/t")).unwrap().status, 503);
    simulator.advance(Duration::from_secs(1)).unwrap();
    simulator.open("new", &get("/"), 1).unwrap();
    simulator.take_trace();
    // The upstream has answered, but the plugin cannot look at it.
    assert_eq!(simulator.finish("old").unwrap()[0].status, 503);
    simulator.disconnect("lost", Departure::Usual).unwrap();
    assert_eq!(crate::guest::trace(&mut simulator), Vec::<String>::new());
    assert_eq!(simulator.finish("new").unwrap()[0].status, 200);
    let traced = crate::guest::trace(&mut simulator);
    assert!(
        traced.contains(&"[host->vm] proxy_on_log(6)".to_owned()),
        "{traced:?}"
    );
}

fn start_error(functions: &str) -> String {
    match builder(functions).start() {
        Err(error @ StartError::Failed { .. }) => error.to_string(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it starts"),
    }
}

#[test]
fn while_a_module_starts_it_may_log_and_little_else() {
    assert_eq!(
        start_error(r#"(func (export "_initialize") (drop (call $now (i32.const 0))))"#),
        "_initialize broke the ABI: \
         proxy_get_current_time_nanoseconds must not be called while the module starts"
    );
    assert_eq!(
        start_error(r#"(func (export "_initialize") (drop (call $yield)))"#),
        "_initialize broke the ABI: sched_yield must not be called while the module starts"
    );
    let logs = r#"(func (export "_initialize") (drop (call $log (i32.const 2) <hello>))
        (drop (call $random (i32.const 0) (i32.const 8))))"#;
    let simulator = builder(logs).start().unwrap();
    // The canary, the main thread and the worker.
    assert_eq!(simulator.log().len(), 3);
}

#[test]
fn the_allocator_may_log_and_little_else() {
    let greedy = r#"(func (export "malloc") (param i32) (result i32)
            (drop (call $log_level (i32.const 0)))
            i32.const 4096)
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $get (i32.const 0) <:path> (i32.const 0) (i32.const 4)))
            (drop (call $log (i32.const 2) <it goes on>))
            i32.const 0)"#;
    let module = host_sim::Module::from_bytes(text(greedy).as_bytes()).unwrap();
    let mut simulator = Simulator::builder(&module).start().unwrap();
    assert_eq!(simulator.exchange(&get("/")).unwrap().status, 503);
    assert_eq!(
        simulator.failure(0).map(ToString::to_string).as_deref(),
        Some(
            "proxy_on_request_headers broke the ABI: \
             proxy_get_log_level must not be called while the host allocates guest memory"
        )
    );
    // In Envoy the callback goes on to its end, and is the last.
    let goes_on = simulator.log().iter().any(|line| line.text == "it goes on");
    assert!(goes_on, "{:?}", simulator.log());
}

#[test]
fn an_allocator_without_memory_is_an_invalid_access() {
    let empty = r#"(func (export "malloc") (param i32) (result i32) i32.const 0)
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $get (i32.const 0) <:path> (i32.const 0) (i32.const 4)))
            i32.const 0)"#;
    let module = host_sim::Module::from_bytes(text(empty).as_bytes()).unwrap();
    let mut simulator = started(Simulator::builder(&module));
    simulator.exchange(&get("/")).unwrap();
    assert_eq!(
        crate::guest::hostcalls(&mut simulator),
        [
            r#"proxy_get_header_map_value(request_headers, ":path") -> INVALID_MEMORY_ACCESS (the guest's allocator gave nothing for 1 bytes)"#
        ]
    );
}

#[test]
fn a_trap_while_configuring_is_no_refusal() {
    assert_eq!(
        start_error(
            r#"(func (export "proxy_on_configure") (param i32 i32) (result i32) unreachable)"#
        ),
        "proxy_on_configure trapped: wasm trap: wasm `unreachable` instruction executed"
    );
}

#[test]
fn resuming_a_response_that_has_not_started_crashes_envoy() {
    let mut simulator = simulator(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (call $continue (i32.const 1)))"#,
    );
    assert_eq!(
        simulator.exchange(&get("/")).unwrap_err().to_string(),
        "the module resumed a response that has not started, on which Envoy 1.40 crashes"
    );
}

#[test]
fn a_trace_says_which_functions_were_on_the_stack() {
    let backtrace = |functions: &str| {
        let mut simulator = simulator(functions);
        simulator.exchange(&get("/a?b=c")).unwrap();
        let trace = crate::guest::trace(&mut simulator);
        let behind = trace.iter().skip_while(|line| !line.contains(" !! "));
        let behind = behind.skip(1).take_while(|line| line.starts_with('['));
        let offsets = regex::Regex::new(" 0x[0-9a-f]+").unwrap();
        behind
            .map(|line| offsets.replace(line, "").into_owned())
            .collect::<Vec<_>>()
    };
    let callback = |body: &str| {
        format!(
            r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {body} i32.const 0)"#
        )
    };
    let request = "[request] GET /a?b=c (host api.example)";
    let thrown = format!(
        "(tag $oops) (func $throws throw $oops) {}",
        callback("call $throws")
    );
    assert_eq!(
        backtrace(&thrown),
        [
            request,
            "[backtrace]   0: throws",
            "[backtrace]   1: proxy_on_request_headers"
        ]
    );
    let endless = format!("(func $deep call $deep) {}", callback("call $deep"));
    assert_eq!(
        backtrace(&endless),
        [
            request,
            "[backtrace]   0: deep",
            "[backtrace]      repeated"
        ]
    );
    let allocator =
        r#"(func $full (export "proxy_on_memory_allocate") (param i32) (result i32) unreachable)"#;
    let asks = callback("(drop (call $get_map (i32.const 0) (i32.const 0) (i32.const 4)))");
    let text = text(&format!("{allocator}{asks}"));
    let module = host_sim::Module::from_bytes(text.as_bytes()).unwrap();
    let mut simulator = started(Simulator::builder(&module));
    simulator.exchange(&get("/")).unwrap();
    let trace = crate::guest::trace(&mut simulator);
    assert!(
        trace
            .iter()
            .any(|line| line.starts_with("[backtrace]   0: ") && line.ends_with(" full")),
        "{trace:?}"
    );
}

#[test]
fn a_start_function_that_fails_says_where() {
    let text = text(
        r#"(func (export "malloc") (param i32) (result i32) i32.const 0) (func $begin unreachable) (start $begin)"#,
    );
    let module = host_sim::Module::from_bytes(text.as_bytes()).unwrap();
    let Err(StartError::Failed {
        failure,
        trace,
        log,
    }) = Simulator::builder(&module).start()
    else {
        unreachable!("it starts")
    };
    let explained = host_sim::Explanation::of(&trace, &log).unwrap();
    assert_eq!(explained.failure, failure.to_string());
    assert!(
        explained
            .backtrace
            .iter()
            .all(|line| line.ends_with(" begin")),
        "{explained}"
    );
    assert_eq!(explained.backtrace.len(), 1);
}
