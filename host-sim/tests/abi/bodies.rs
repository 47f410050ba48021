//! Bodies: what the plugin sees of them, what it may change, and what is too much.

use host_sim::target::{HttpVersion, PluginSettings, Request, Upstream};

use crate::guest::{builder, callbacks, get, hostcalls, post, simulator, started};

const PAUSE_TO_END: &str = r#"(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (drop (call $get_buffer (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 4)))
    (i32.eqz (local.get 2)))"#;

#[test]
fn http_1_ends_with_an_empty_piece_and_http_2_with_the_last_one() {
    let mut simulator = simulator(
        r#"(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) i32.const 0)"#,
    );
    simulator.exchange(&post(&["ab", "c"])).unwrap();
    assert_eq!(
        callbacks(&mut simulator),
        [
            "proxy_on_request_body(2, 2, false)",
            "proxy_on_request_body(2, 1, false)",
            "proxy_on_request_body(2, 0, true)"
        ]
    );
    simulator
        .exchange(&Request {
            http: HttpVersion::Two,
            ..post(&["ab", "c"])
        })
        .unwrap();
    assert_eq!(
        callbacks(&mut simulator),
        [
            "proxy_on_request_body(3, 2, false)",
            "proxy_on_request_body(3, 1, true)"
        ]
    );
    simulator.exchange(&get("/")).unwrap();
    assert_eq!(callbacks(&mut simulator), Vec::<String>::new());
}

#[test]
fn a_paused_body_is_buffered_and_seen_as_a_whole() {
    let mut simulator = simulator(PAUSE_TO_END);
    let exchange = simulator.exchange(&post(&["ab", "c"])).unwrap();
    assert_eq!(
        crate::guest::trace(&mut simulator)[..9],
        [
            "[host->vm] proxy_on_request_body(2, 2, false)",
            r#"[vm->host] proxy_get_buffer_bytes(http_request_body, 0, 4294967295) -> OK "ab""#,
            "[host<-vm] proxy_on_request_body -> Pause",
            "[host->vm] proxy_on_request_body(2, 3, false)",
            r#"[vm->host] proxy_get_buffer_bytes(http_request_body, 0, 4294967295) -> OK "abc""#,
            "[host<-vm] proxy_on_request_body -> Pause",
            "[host->vm] proxy_on_request_body(2, 3, true)",
            r#"[vm->host] proxy_get_buffer_bytes(http_request_body, 0, 4294967295) -> OK "abc""#,
            "[host<-vm] proxy_on_request_body -> Continue",
        ]
    );
    assert_eq!(
        exchange.upstream.map(|seen| seen.body),
        Some(b"abc".to_vec())
    );
}

#[test]
fn a_request_over_the_buffer_limit_is_answered_413() {
    let settings = PluginSettings {
        buffer_limit_bytes: Some(3),
        ..PluginSettings::default()
    };
    let mut simulator = started(builder(PAUSE_TO_END).settings(settings));
    assert_eq!(simulator.exchange(&post(&["ab", "c"])).unwrap().status, 200);
    let exchange = simulator.exchange(&post(&["ab", "cd"])).unwrap();
    assert_eq!(
        (exchange.status, exchange.body.as_slice()),
        (413, &b"Payload Too Large"[..])
    );
    simulator.take_trace();
    let exchange = simulator.exchange(&post(&["abcd"])).unwrap();
    assert_eq!(exchange.status, 413);
    assert_eq!(
        callbacks(&mut simulator),
        ["proxy_on_request_body(4, 4, false)"]
    );
    let grpc = Request {
        headers: vec![("content-type".to_owned(), "application/grpc".to_owned())],
        ..post(&["abcd"])
    };
    let exchange = simulator.exchange(&grpc).unwrap();
    let header = |name: &str| {
        let found = exchange.headers.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(
        (
            exchange.status,
            header("grpc-status"),
            header("grpc-message")
        ),
        (200, Some("2"), Some("Payload Too Large"))
    );
}

#[test]
fn what_is_over_the_limit_at_once_is_shown_before_it_is_refused() {
    let settings = PluginSettings {
        buffer_limit_bytes: Some(3),
        ..PluginSettings::default()
    };
    let mut simulator = started(builder(PAUSE_TO_END).settings(settings));
    simulator.exchange(&post(&["abcd"])).unwrap();
    assert_eq!(
        callbacks(&mut simulator),
        ["proxy_on_request_body(2, 4, false)"]
    );
}

#[test]
fn a_response_over_the_buffer_limit_is_cut_off_once_its_headers_were_sent() {
    let settings = PluginSettings {
        buffer_limit_bytes: Some(3),
        ..PluginSettings::default()
    };
    let upstream = Upstream {
        body: b"abcd".to_vec(),
        ..Upstream::default()
    };
    let pause =
        r#"(func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) i32.const 1)"#;
    let mut simulator = started(
        builder(pause)
            .settings(settings.clone())
            .upstream(upstream.clone()),
    );
    let exchange = simulator.exchange(&get("/")).unwrap();
    assert_eq!((exchange.status, exchange.aborted), (200, true));

    let settings = PluginSettings {
        allow_on_headers_stop_iteration: true,
        ..settings
    };
    let hold = format!(
        r#"{pause} (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) i32.const 1)"#
    );
    let mut simulator = started(builder(&hold).settings(settings).upstream(upstream));
    let exchange = simulator.exchange(&get("/")).unwrap();
    assert_eq!(
        (exchange.status, exchange.body.as_slice()),
        (500, &b"Internal Server Error"[..])
    );
}

#[test]
fn an_answer_held_for_its_hidden_body_is_told_of_the_switch() {
    let upstream = Upstream {
        body: b"abcd".to_vec(),
        ..Upstream::default()
    };
    let hold = r#"(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) i32.const 1)
        (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) i32.const 0)"#;
    let mut simulator = started(builder(hold).upstream(upstream.clone()));
    let error = simulator.exchange(&get("/a")).unwrap_err().to_string();
    let expected = "GET /a hangs: the plugin paused the response headers and nothing that could resume it is left to happen; if it \
        waits for the body, its PluginConfig lacks `allow_on_headers_stop_iteration: true`";
    assert!(error.starts_with(expected), "{error}");
    let settings = PluginSettings {
        allow_on_headers_stop_iteration: true,
        ..PluginSettings::default()
    };
    let mut simulator = started(builder(hold).settings(settings).upstream(upstream));
    assert_eq!(simulator.exchange(&get("/a")).unwrap().body, b"abcd");
}

#[test]
fn edits_go_to_the_front_the_end_or_everything() {
    let mut simulator = simulator(
        r#"(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
            (if (local.get 2) (then (return (i32.const 0))))
            (drop (call $set_buffer (i32.const 0) (i32.const 0) (i32.const 1) <A>))
            (drop (call $set_buffer (i32.const 0) (i32.const 0) (i32.const 0) <_>))
            (drop (call $set_buffer (i32.const 0) (i32.const 9) (i32.const 0) <!>))
            (drop (call $set_buffer (i32.const 0) (i32.const 1) (i32.const 1) <x>))
            (drop (call $set_buffer (i32.const 1) (i32.const 0) (i32.const 1) <x>))
            (drop (call $set_buffer (i32.const 6) (i32.const 0) (i32.const 1) <x>))
            (drop (call $set_buffer (i32.const 7) (i32.const 0) (i32.const 1) <x>))
            (drop (call $set_buffer (i32.const 9) (i32.const 0) (i32.const 1) <x>))
            i32.const 0)"#,
    );
    // Without a length that the edits would break.
    let request = Request {
        headers: vec![("transfer-encoding".to_owned(), "chunked".to_owned())],
        ..post(&["abc"])
    };
    let exchange = simulator.exchange(&request).unwrap();
    assert_eq!(
        exchange.upstream.map(|seen| seen.body),
        Some(b"_Abc!".to_vec())
    );
    assert_eq!(
        hostcalls(&mut simulator),
        [
            r#"proxy_set_buffer_bytes(http_request_body, 0, 1, "A") -> OK"#,
            r#"proxy_set_buffer_bytes(http_request_body, 0, 0, "_") -> OK"#,
            r#"proxy_set_buffer_bytes(http_request_body, 9, 0, "!") -> OK"#,
            r#"proxy_set_buffer_bytes(http_request_body, 1, 1, "x") -> BAD_ARGUMENT (1 is inside of the 5 bytes: only the front and the end can be edited)"#,
            r#"proxy_set_buffer_bytes(http_response_body, 0, 1, "x") -> BAD_ARGUMENT (http_response_body cannot be edited now)"#,
            r#"proxy_set_buffer_bytes(vm_configuration, 0, 1, "x") -> BAD_ARGUMENT (vm_configuration cannot be edited now)"#,
            "proxy_set_buffer_bytes(plugin_configuration, 0, 1) -> NOT_FOUND (plugin_configuration is not there now)",
            "proxy_set_buffer_bytes() -> BAD_ARGUMENT (unknown buffer 9)",
        ]
    );
}

#[test]
fn buffers_outside_of_their_phase_are_empty_or_absent() {
    let mut simulator = started(
        builder(
            r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $get_buffer (i32.const 0) (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 4)))
            (drop (call $get_buffer (i32.const 1) (i32.const 9) (i32.const 9) (i32.const 0) (i32.const 4)))
            (drop (call $get_buffer (i32.const 4) (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 4)))
            (drop (call $get_buffer (i32.const 6) (i32.const 1) (i32.const 9) (i32.const 0) (i32.const 4)))
            (drop (call $get_buffer (i32.const 6) (i32.const 9) (i32.const 9) (i32.const 0) (i32.const 4)))
            (drop (call $get_buffer (i32.const 7) (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 4)))
            (drop (call $get_buffer (i32.const 9) (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 4)))
            (drop (call $buffer_status (i32.const 6) (i32.const 0) (i32.const 4)))
            i32.const 0)"#,
        )
        .vm_configuration("vm!"),
    );
    simulator.exchange(&get("/")).unwrap();
    assert_eq!(
        hostcalls(&mut simulator),
        [
            r#"proxy_get_buffer_bytes(http_request_body, 0, 9) -> OK """#,
            r#"proxy_get_buffer_bytes(http_response_body, 9, 9) -> OK """#,
            "proxy_get_buffer_bytes(http_call_response_body, 0, 9) -> NOT_FOUND (http_call_response_body is not there now)",
            r#"proxy_get_buffer_bytes(vm_configuration, 1, 9) -> OK "m!""#,
            r#"proxy_get_buffer_bytes(vm_configuration, 9, 9) -> OK """#,
            "proxy_get_buffer_bytes(plugin_configuration, 0, 9) -> NOT_FOUND (plugin_configuration is not there now)",
            "proxy_get_buffer_bytes() -> BAD_ARGUMENT (unknown buffer 9)",
            "proxy_get_buffer_status(vm_configuration) -> OK 3",
        ]
    );
}
