//! Scenarios on the simulator, from the file to the report.

use std::path::Path;

use host_sim::SimTarget;
use host_sim::runner::run;
use host_sim::scenario::Scenario;

use crate::guest::module;

/// Counts calls per organization in shared data, one digit, and refuses the third.
const COUNTER: &str = r#"
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
        (drop (call $define (i32.const 0) <refused> (i32.const 32)))
        (drop (call $get_buffer (i32.const 7) (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 4)))
        (if (i32.eq (i32.load (i32.const 4)) (i32.const 9)) (then
            (drop (call $log (i32.const 4) <too long>))
            (return (i32.const 0))))
        i32.const 1)
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (local $cas i32)
        (drop (call $get (i32.const 0) <org> (i32.const 0) (i32.const 4)))
        (i32.store8 (i32.const 16) (i32.const 48))
        (local.set $cas (i32.const -1))
        (if (i32.eqz (call $get_shared (i32.load (i32.const 0)) (i32.load (i32.const 4))
                (i32.const 8) (i32.const 12) (i32.const 20)))
            (then
                (local.set $cas (i32.load (i32.const 20)))
                (i32.store8 (i32.const 16) (i32.load8_u (i32.load (i32.const 8))))))
        (i32.store8 (i32.const 16) (i32.add (i32.load8_u (i32.const 16)) (i32.const 1)))
        (if (i32.gt_u (i32.load8_u (i32.const 16)) (i32.const 50)) (then
            (drop (call $increment (i32.load (i32.const 32)) (i64.const 1)))
            (drop (call $respond (i32.const 429) <> <{"code":"GONE","left":0}> <> (i32.const -1)))
            (return (i32.const 1))))
        (if (call $set_shared (i32.load (i32.const 0)) (i32.load (i32.const 4))
                (i32.const 16) (i32.const 1) (local.get $cas))
            (then (drop (call $log (i32.const 3) <conflict>))))
        (drop (call $set_property <calls> (i32.const 16) (i32.const 1)))
        i32.const 0)
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
        (drop (call $add (i32.const 2) <x-calls> (i32.const 16) (i32.const 1)))
        i32.const 0)"#;

fn report(toml: &str) -> String {
    reported(toml, false)
}

/// What is told of a scenario, with the hostcalls or without.
fn reported(toml: &str, hostcalls: bool) -> String {
    let scenario = Scenario::from_toml(toml, Path::new("it.toml")).unwrap();
    match run(&scenario, &SimTarget::new(module(COUNTER))) {
        Ok(report) if hostcalls => format!("{report:#}"),
        Ok(report) => report.to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_kind_of_step_can_hold() {
    let toml = r#"
about = "The third call is refused."
workers = 2
config = {}

[[step]]
request = { path = "/a", headers = { org = "1" } }
expect = { status = 200, upstream = true, headers = { x-calls = 1, retry-after = false }, properties = { calls = "1" }, upstream_request = { method = "GET", path = "/a", headers = { org = "1" }, body = "" } }

[[step]]
cas_conflicts = 1

[[step]]
request = { headers = { org = "1" } }
expect = { status = 200 }

[[step]]
log = { level = "warn", line = "conflict" }

[[step]]
request = { headers = { org = "1" }, worker = 0 }
expect = { headers = { x-calls = { between = [2, 2] } } }

[[step]]
request = { headers = { org = "1" }, repeat = 2 }
expect = { status = 429, upstream = false, body_json = { code = { matches = "G.+" } }, body = '{"code":"GONE","left":0}', headers = { content-type = "text/plain" } }

[[step]]
metrics = { refused = 2, unheard-of = 0 }

[[step]]
parallel = { count = 6, request = { headers = { org = "2" } }, expect = { statuses = { "200" = 2, "429" = 4 }, upstream_calls = 2 } }

[[step]]
advance = "1s"

[[step]]
configure = { config = { a = 1234 }, rejected = "too long" }

[[step]]
configure = { config = {} }

[[step]]
request = { headers = { org = "1" } }
expect = { status = 429 }
"#;
    assert_eq!(report(toml), "ok       it.toml\n");
}

#[test]
fn calls_overlap_and_upstreams_fail() {
    let toml = r#"
about = "Two calls are open at once, and one of them is given up."
config = {}
upstream = { body = "usual" }

[[step]]
open = { call = "kept", request = { headers = { org = "1" }, upstream = { status = 202, streams = true } } }

[[step]]
open = { call = "lost", request = { headers = { org = "1" } } }

[[step]]
request = { headers = { org = "1" } }
expect = { status = 429, upstream = false }

[[step]]
disconnect = "lost"

[[step]]
finish = { call = "kept", expect = { status = 202, body = "usual", upstream = true, properties = { calls = 1 } } }

[[step]]
request = { headers = { org = "2" }, upstream = "reset_after_headers" }
expect = { status = 200, reset = true }

[[step]]
request = { headers = { org = "2" }, upstream = "timeout" }
expect = { status = 504, body = "upstream request timeout", headers = { x-calls = 2 } }

[[step]]
open = { call = "both", request = { headers = { org = "3" }, upstream = "unreachable" }, count = 2 }

[[step]]
finish = { call = "both", expect = { status = 503, upstream = false, headers = { x-calls = 1 } } }
"#;
    assert_eq!(
        report(toml),
        r#"MISMATCH it.toml on sim
  step[8].expect.headers.x-calls (call 1 of 2)
    line 34: finish = { call = "both", expect = { status = 503, upstream = false, headers = { x-calls = 1 } } }
    expected: "1"
    observed: "2"
  what the client got:
    503
    content-length: 98
    content-type: text/plain
    x-calls: 2
    date: Sun, 22 Nov 2026 12:00:00 GMT
    server: envoy
    
    upstream connect error or disconnect/reset before headers. reset reason: remote connection failure
"#
    );
    assert_eq!(
        report(&toml.replace("x-calls = 1", "x-calls = 2")),
        "ok       it.toml\n"
    );
}

#[test]
fn a_request_is_sent_again_while_there_is_time() {
    let sent_again = |within: &str| {
        let step = format!("request = {{ within = \"{within}\", headers = {{ org = \"1\" }} }}");
        report(&format!(
            "about = \"Calls add up.\"\nconfig = {{}}\n[[step]]\n{step}\nexpect = {{ headers = {{ x-calls = \"2\" }} }}"
        ))
    };
    assert_eq!(sent_again("100ms"), "ok       it.toml\n");
    assert!(
        sent_again("0s").starts_with("MISMATCH it.toml on sim\n  step[0].expect.headers.x-calls\n")
    );
}

#[test]
fn an_answer_that_is_cut_off_is_not_taken_for_whole() {
    let toml = r#"
about = "The answer is whole."
config = {}
[[step]]
request = { headers = { org = "1" }, upstream = "reset_after_headers" }
expect = { status = 200 }
"#;
    let report = report(toml);
    let shown: Vec<_> = report.lines().take(5).collect();
    assert_eq!(
        shown,
        [
            "MISMATCH it.toml on sim",
            "  step[0].expect.reset",
            "    line 6: expect = { status = 200 }",
            "    expected: the answer is whole",
            "    observed: the answer is cut off"
        ]
    );
}

#[test]
fn what_differs_is_shown_with_the_trace_of_that_step() {
    let toml = r#"
about = "This expects too much."
config = {}
[[step]]
request = { headers = { org = "1" } }
[[step]]
request = { headers = { org = "1" } }
expect = { status = 201, headers = { x-calls = "9", retry-after = true }, upstream = false }
"#;
    assert_eq!(
        reported(toml, true),
        r#"MISMATCH it.toml on sim
  step[1].expect.status
    line 8: expect = { status = 201, headers = { x-calls = "9", retry-after = true }, upstream = false }
    expected: 201
    observed: 200
  step[1].expect.upstream
    line 8: expect = { status = 201, headers = { x-calls = "9", retry-after = true }, upstream = false }
    expected: the request never reaches the upstream
    observed: the request reaches the upstream
  step[1].expect.headers.retry-after
    line 8: expect = { status = 201, headers = { x-calls = "9", retry-after = true }, upstream = false }
    expected: any value
    observed: absent
  step[1].expect.headers.x-calls
    line 8: expect = { status = 201, headers = { x-calls = "9", retry-after = true }, upstream = false }
    expected: "9"
    observed: "2"
  what the client got:
    200
    content-length: 0
    date: Sun, 22 Nov 2026 12:00:00 GMT
    x-envoy-upstream-service-time: 0
    x-calls: 2
    server: envoy
  what the module and the host did in this step:
    [host->vm] proxy_on_request_headers(3, 7, true)
    [vm->host] proxy_get_header_map_value(request_headers, "org") -> OK "1"
    [vm->host] proxy_get_shared_data("1") -> OK "1" cas 1
    [vm->host] proxy_set_shared_data("1", "2", cas 1) -> OK
    [vm->host] proxy_set_property("calls", "2") -> OK
    [host<-vm] proxy_on_request_headers -> Continue
    [host->vm] proxy_on_response_headers(3, 4, true)
    [vm->host] proxy_add_header_map_value(response_headers, "x-calls", "2") -> OK
    [host<-vm] proxy_on_response_headers -> Continue
"#
    );
}

#[test]
fn rejections_are_compared_with_the_whole_line() {
    let about = "about = 'The configuration is refused.'\n";
    assert_eq!(
        report(&format!(
            "{about}config_text = '123456789'\nrejected = 'too long'"
        )),
        "ok       it.toml\n"
    );
    assert_eq!(
        reported(
            &format!("{about}config_text = '123456789'\nrejected = 'too'"),
            true
        ),
        "MISMATCH it.toml on sim\n  rejected\n    line 3: rejected = 'too'\n    expected: \"too\"\n    observed: \"too long\"\n  \
         what the module and the host did in this step:\n    \
         canary [host->vm] proxy_on_configure(1, 9)\n    \
         canary [vm->host] proxy_define_metric(counter, \"refused\") -> OK 4\n    \
         canary [vm->host] proxy_get_buffer_bytes(plugin_configuration, 0, 9) -> OK \"123456789\"\n    \
         canary [vm->host] proxy_log(error, \"too long\") -> OK\n    \
         canary [host<-vm] proxy_on_configure -> false\n  \
         what the module logged so far:\n    [error] too long\n"
    );
    assert_eq!(
        report(&format!("{about}config_text = '1'\nrejected = 'too long'"))
            .lines()
            .nth(4),
        Some("    observed: it is accepted")
    );
}

#[test]
fn known_differences_must_differ() {
    let differs = r#"
about = "Known to differ."
config = {}
known_difference = { sim = "it is not Envoy" }
[[step]]
request = { headers = { org = "1" } }
expect = { status = 500 }
"#;
    assert_eq!(
        report(differs),
        "differs  it.toml (as known of sim: it is not Envoy)\n"
    );
    assert_eq!(
        report(&differs.replace("500", "200")),
        "MISMATCH it.toml on sim\n  known_difference\n    line 4: known_difference = { sim = \"it is not Envoy\" }\n    expected: some difference, because it is not Envoy\n    \
         observed: none; delete the entry\n"
    );
}

/// Asks the gRPC service `quota` about every request and answers the client with its message, or with the status if there is none.
const ASKS: &str = r#"
    (global $held (mut i32) (i32.const 0))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (global.set $held (local.get 0))
        (drop (call $grpc_call <quota> <q.Q> <Take> <> <> (i32.const 1000) (i32.const 0)))
        i32.const 1)
    (func (export "proxy_on_grpc_receive") (param i32 i32 i32)
        (drop (call $get_buffer (i32.const 5) (i32.const 0) (local.get 2) (i32.const 0) (i32.const 4)))
        (drop (call $effective (global.get $held)))
        (drop (call $respond (i32.const 200) <> (i32.load (i32.const 0)) (i32.load (i32.const 4)) <> (i32.const -1))))
    (func (export "proxy_on_grpc_close") (param i32 i32 i32)
        (drop (call $effective (global.get $held)))
        (drop (call $respond (i32.add (i32.const 500) (local.get 2)) <> <> <> (i32.const -1))))"#;

#[test]
fn grpc_services_answer_the_plugin() {
    let check = |service: &str, expect: &str| {
        let toml = format!(
            "about = 'A.'\n[[grpc_service]]\ncluster = 'quota'\n{service}\n[[step]]\nrequest = {{}}\nexpect = {expect}"
        );
        let scenario = Scenario::from_toml(&toml, Path::new("it.toml")).unwrap();
        let report = run(&scenario, &SimTarget::new(module(ASKS))).unwrap();
        assert_eq!(report.to_string(), "ok       it.toml\n", "{service}");
    };
    check(
        "answers = [{ method = 'q.Q/Take', message_hex = '61 62' }]",
        "{ status = 200, body = 'ab' }",
    );
    check(
        "answers = [{ method = 'q.Q/Take', message = 'text' }]",
        "{ status = 200, body = 'text' }",
    );
    check(
        "answers = [{ method = 'q.Q/Take', status = 8, error = 'none left' }]",
        "{ status = 508 }",
    );
    check("answers = []", "{ status = 512 }");
    check("down = 'unreachable'", "{ status = 514 }");
}
