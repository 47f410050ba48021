//! Calls that a plugin makes itself, and what comes back from services that answer or fail.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use host_sim::SimTarget;
use host_sim::resp::RespBehaviour;
use host_sim::runner::run;
use host_sim::scenario::Scenario;
use host_sim::target::{Service, ServiceBehaviour, ServiceFunction};

use crate::guest::{builder, callbacks, get, hostcalls, module, simulator, started};

/// Holds every request while it asks a directory for it. What comes back is logged, and the request goes on. The list of
/// headers is written as the ABI has it, with circled digits for the lengths.
const ASKS: &str = r#"
    (global $held (mut i32) (i32.const 0))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (global.set $held (local.get 0))
        (drop (call $http_call <directory>
            <③␀␀␀⑩␀␀␀①␀␀␀⑦␀␀␀③␀␀␀⑤␀␀␀④␀␀␀:authority␀d␀:method␀GET␀:path␀/o/7␀>
            <> <> (i32.const 2000) (i32.const 8)))
        i32.const 1)
    (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
        (drop (call $get (i32.const 6) <:status> (i32.const 0) (i32.const 4)))
        (drop (call $log (i32.const 3) (i32.load (i32.const 0)) (i32.load (i32.const 4))))
        (drop (call $get_buffer (i32.const 4) (i32.const 0) (i32.const 1000) (i32.const 0) (i32.const 4)))
        (drop (call $log (i32.const 3) (i32.load (i32.const 0)) (i32.load (i32.const 4))))
        (drop (call $effective (global.get $held)))
        (drop (call $continue (i32.const 0))))"#;

fn asks() -> String {
    [
        ("①", "\u{1}"),
        ("③", "\u{3}"),
        ("④", "\u{4}"),
        ("⑤", "\u{5}"),
        ("⑦", "\u{7}"),
        ("⑩", "\u{a}"),
    ]
    .into_iter()
    .fold(ASKS.to_owned(), |text, (circled, byte)| {
        text.replace(circled, byte)
    })
}

#[test]
fn a_request_waits_for_the_answer_whatever_it_is() {
    let toml = r#"
about = "Every request is asked about, and goes on whatever the directory says."
config = {}

[[service]]
cluster = "directory"
answers = [{ path = "/o/8", status = 500 }, { path = { matches = "/o/.*" }, status = 203, body_json = { a = 1 } }]

[[step]]
request = {}
expect = { status = 200, upstream = true }

[[step]]
callouts = { cluster = "directory", requests = [{ method = "GET", path = "/o/7", headers = { host = "d", x-envoy-internal = "true", x-envoy-expected-rq-timeout-ms = "2000" }, body = "" }] }

[[step]]
callouts = { cluster = "directory", requests = [] }

[[step]]
service = { cluster = "directory", down = "unreachable" }

[[step]]
request = {}
expect = { status = 200 }

[[step]]
callouts = { cluster = "directory", requests = [] }

[[step]]
service = { cluster = "directory", down = "reset" }

[[step]]
request = {}
expect = { status = 200 }

[[step]]
service = { cluster = "directory", down = "hang" }

[[step]]
request = {}
expect = { status = 200 }

[[step]]
callouts = { cluster = "directory", requests = [{ path = "/o/7" }] }
"#;
    let scenario = Scenario::from_toml(toml, Path::new("it.toml")).unwrap();
    let report = run(&scenario, &SimTarget::new(module(&asks()))).unwrap();
    let error = "upstream connect error or disconnect/reset before headers. reset reason:";
    assert_eq!(
        report
            .log
            .iter()
            .map(|line| line.text.clone())
            .collect::<Vec<_>>(),
        [
            "203".to_owned(),
            r#"{"a":1}"#.to_owned(),
            "503".to_owned(),
            format!("{error} remote connection failure"),
            "503".to_owned(),
            format!("{error} connection termination"),
            "504".to_owned(),
            "upstream request timeout".to_owned(),
        ]
    );
    let mismatches: Vec<_> = report.mismatches.iter().map(ToString::to_string).collect();
    assert_eq!(
        mismatches,
        [
            "  step[10].callouts.requests\n    line 44: callouts = { cluster = \"directory\", requests = [{ path = \"/o/7\" }] }\n    expected: 1 requests\n    observed: 2 requests: [\"GET /o/7\", \"GET /o/7\"]\n"
        ]
    );
}

#[test]
fn a_call_to_nobody_or_without_its_pseudo_headers_is_refused() {
    let mut simulator = simulator(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $http_call <nobody> <> <> <> (i32.const 0) (i32.const 8)))
            i32.const 0)
        (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32))"#,
    );
    assert_eq!(simulator.exchange(&get("/")).unwrap().status, 200);
    assert_eq!(
        hostcalls(&mut simulator),
        [r#"proxy_http_call("nobody", {}, "", 0) -> BAD_ARGUMENT (no cluster `nobody`)"#]
    );
    simulator.serve(&Service {
        cluster: "nobody".to_owned(),
        behaviour: ServiceBehaviour::Hang,
    });
    assert_eq!(simulator.exchange(&get("/")).unwrap().status, 200);
    assert_eq!(
        callbacks(&mut simulator),
        ["proxy_on_request_headers(3, 6, true)"]
    );
}

#[test]
fn an_answer_that_breaks_off_comes_back_without_headers() {
    let mut guest = asks();
    guest = guest.replace(
        r#"(func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)"#,
        r#"(func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
        (drop (call $status (i32.const 0) (i32.const 4) (i32.const 8)))"#,
    );
    guest.push_str(
        r#"(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
        (drop (call $status (i32.const 0) (i32.const 4) (i32.const 8))) i32.const 0)"#,
    );
    let mut simulator = started(builder(&guest).services(vec![Service {
        cluster: "directory".to_owned(),
        behaviour: ServiceBehaviour::ResetAfterHeaders,
    }]));
    assert_eq!(simulator.exchange(&get("/")).unwrap().status, 200);
    let trace = crate::guest::trace(&mut simulator);
    let told: Vec<_> = trace
        .iter()
        .filter(|line| line.contains("http_call_response") || line.contains("status"))
        .collect();
    assert_eq!(
        told,
        [
            "[host->vm] proxy_on_http_call_response(1, 4, 0, 0, 0)",
            r#"[vm->host] proxy_get_status() -> OK 11 "reset""#,
            r#"[vm->host] proxy_get_header_map_value(http_call_response_headers, ":status") -> BAD_ARGUMENT (http_call_response_headers cannot be used now)"#,
            "[vm->host] proxy_get_buffer_bytes(http_call_response_body, 0, 1000) -> NOT_FOUND (http_call_response_body is not there now)",
            "[host<-vm] proxy_on_http_call_response",
            // The code stays, the words go.
            r#"[vm->host] proxy_get_status() -> OK 11 """#,
        ]
    );
}

#[test]
fn a_server_without_http_may_be_a_function_and_its_silence_has_no_headers() {
    let asked = AtomicU32::new(0);
    let server = ServiceFunction::new(move |request| {
        assert_eq!(request.path, "/o/7");
        ServiceBehaviour::Resp(match asked.fetch_add(1, Ordering::Relaxed) {
            0 => RespBehaviour::Says(b"+a\r\n".to_vec()),
            1 => RespBehaviour::Unreachable,
            _ => RespBehaviour::Hang,
        })
    });
    let mut simulator = started(builder(&asks()).services(vec![Service {
        cluster: "directory".to_owned(),
        behaviour: ServiceBehaviour::Function(server),
    }]));
    let mut told = Vec::new();
    for _ in 0..3 {
        let before = simulator.now();
        assert_eq!(simulator.exchange(&get("/")).unwrap().status, 200);
        let waited = simulator.now().duration_since(before);
        let answers = callbacks(&mut simulator).into_iter();
        let answer = answers.filter(|line| line.contains("call_response"));
        told.push((answer.collect::<String>(), waited.as_millis()));
    }
    let expected = [
        ("proxy_on_http_call_response(1, 4, 2, 4, 0)".to_owned(), 0),
        ("proxy_on_http_call_response(1, 8, 3, 98, 0)".to_owned(), 0),
        // Envoy gives up after the time-out, and an answer had begun.
        (
            "proxy_on_http_call_response(1, 12, 0, 0, 0)".to_owned(),
            2_000,
        ),
    ];
    assert_eq!(told, expected);
}
