//! gRPC calls and streams that a plugin makes itself, as observed on Envoy 1.40.

use std::time::Duration;

use host_sim::Simulator;
use host_sim::grpc::{GrpcAnswer, GrpcBehaviour, GrpcRequest, GrpcService};

use crate::guest::{builder, get, started};

const CALLBACKS: &str = r#"
    (func (export "proxy_on_grpc_receive_initial_metadata") (param i32 i32 i32)
        (drop (call $get_map (i32.const 4) (i32.const 0) (i32.const 4)))
        (drop (call $get (i32.const 4) <init> (i32.const 0) (i32.const 4))))
    (func (export "proxy_on_grpc_receive") (param i32 i32 i32)
        (drop (call $status (i32.const 0) (i32.const 4) (i32.const 8)))
        (drop (call $get_buffer (i32.const 5) (i32.const 0) (i32.const 100) (i32.const 0) (i32.const 4))))
    (func (export "proxy_on_grpc_receive_trailing_metadata") (param i32 i32 i32)
        (drop (call $get (i32.const 5) <grpc-status> (i32.const 0) (i32.const 4)))
        (drop (call $get (i32.const 5) <trail> (i32.const 0) (i32.const 4))))
    (func (export "proxy_on_grpc_close") (param i32 i32 i32)
        (drop (call $status (i32.const 0) (i32.const 4) (i32.const 8))))"#;

fn service(cluster: &str, behaviour: GrpcBehaviour) -> GrpcService {
    GrpcService {
        cluster: cluster.to_owned(),
        behaviour,
    }
}

fn pairs(name: &str, value: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), value.to_owned())]
}

/// A simulation whose request headers callback makes these calls. Circled digits are bytes.
fn calling(calls: &[&str]) -> Simulator {
    let calls: String = calls
        .iter()
        .map(|call| format!("(drop (call {call}))\n"))
        .collect();
    let guest = format!(
        r#"{CALLBACKS}(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {calls} i32.const 0)"#
    );
    let guest = [
        ("①", "\u{1}"),
        ("④", "\u{4}"),
        ("⑥", "\u{6}"),
        ("⑧", "\u{8}"),
        ("⑩", "\u{a}"),
    ]
    .into_iter()
    .fold(guest, |text, (circled, byte)| text.replace(circled, byte));
    let talkative = GrpcAnswer {
        initial_metadata: pairs("init", "1"),
        messages: vec![b"one".to_vec(), b"two".to_vec(), b"bye".to_vec()],
        trailing_metadata: pairs("trail", "2"),
        ..GrpcAnswer::default()
    };
    let answers = [
        ("pkg.S/Unary".to_owned(), GrpcAnswer::message("hi")),
        ("pkg.S/Fail".to_owned(), GrpcAnswer::error(7, "no way")),
        ("pkg.S/Silent".to_owned(), GrpcAnswer::default()),
        ("pkg.S/Stream".to_owned(), talkative),
        (
            "pkg.S/Greet".to_owned(),
            GrpcAnswer {
                unasked: 1,
                ends: true,
                ..GrpcAnswer::message("hello")
            },
        ),
        (
            "pkg.S/Watch".to_owned(),
            GrpcAnswer {
                messages: vec![b"first".to_vec(), b"asked".to_vec()],
                unasked: 1,
                ..GrpcAnswer::default()
            },
        ),
    ];
    started(builder(&guest).grpc_services(vec![
        service("grpc", GrpcBehaviour::Answers(answers.into())),
        service("down", GrpcBehaviour::Unreachable),
        service("hang", GrpcBehaviour::Hang),
    ]))
}

/// The trace of one request and of what comes after it, without the frame of the callbacks.
fn traced(simulator: &mut Simulator) -> Vec<String> {
    assert_eq!(simulator.exchange(&get("/")).unwrap().status, 200);
    simulator.advance(Duration::from_secs(1)).unwrap();
    crate::guest::trace(simulator)
        .into_iter()
        .filter(|line| !line.starts_with("[host<-vm]") && !line.contains("_headers("))
        .map(|line| line.split_once("] ").unwrap().1.to_owned())
        .collect()
}

#[test]
fn a_unary_call_tells_the_message_or_what_went_wrong() {
    let mut simulator = calling(&[
        "$grpc_call <grpc> <pkg.S> <Unary> <①␀␀␀①␀␀␀①␀␀␀X␀y␀> <hello> (i32.const 1000) (i32.const 16)",
        "$grpc_call <⑩⑥⑩④grpc> <pkg.S> <Fail> <> <hello> (i32.const 1000) (i32.const 16)",
        "$grpc_call <grpc> <pkg.S> <Silent> <> <> (i32.const 0) (i32.const 16)",
        "$grpc_call <grpc> <pkg.S> <Other> <> <> (i32.const 0) (i32.const 16)",
        "$grpc_call <hang> <pkg.S> <Unary> <> <> (i32.const 500) (i32.const 16)",
        "$grpc_call <down> <pkg.S> <Unary> <> <> (i32.const 500) (i32.const 16)",
        "$grpc_call <nobody> <pkg.S> <Unary> <> <> (i32.const 500) (i32.const 16)",
        "$grpc_call <⑩⑧⑩⑥nobody> <pkg.S> <Unary> <> <> (i32.const 500) (i32.const 16)",
        "$grpc_call <> <pkg.S> <Unary> <> <> (i32.const 500) (i32.const 16)",
    ]);
    assert_eq!(
        traced(&mut simulator),
        [
            r#"proxy_grpc_call("grpc", "pkg.S", "Unary", {"X": "y"}, "hello", 1000) -> OK 5"#,
            r#"proxy_grpc_call(0x0a060a0467727063, "pkg.S", "Fail", {}, "hello", 1000) -> OK 9"#,
            r#"proxy_grpc_call("grpc", "pkg.S", "Silent", {}, "", 0) -> OK 13"#,
            r#"proxy_grpc_call("grpc", "pkg.S", "Other", {}, "", 0) -> OK 17"#,
            r#"proxy_grpc_call("hang", "pkg.S", "Unary", {}, "", 500) -> OK 21"#,
            r#"proxy_grpc_call("down", "pkg.S", "Unary", {}, "", 500) -> OK 25"#,
            r#"proxy_grpc_call("nobody", "pkg.S", "Unary", {}, "", 500) -> PARSE_FAILURE (no gRPC service behind a cluster `nobody`)"#,
            r#"proxy_grpc_call(0x0a080a066e6f626f6479, "pkg.S", "Unary", {}, "", 500) -> INTERNAL_FAILURE (no cluster `nobody`, which proxy_on_grpc_close will say as well)"#,
            r#"proxy_grpc_call("") -> BAD_ARGUMENT (the service is not given as `envoy_grpc`)"#,
            "proxy_on_grpc_receive(1, 5, 2)",
            r#"proxy_get_status() -> OK 0 """#,
            r#"proxy_get_buffer_bytes(grpc_receive_buffer, 0, 100) -> OK "hi""#,
            "proxy_on_grpc_close(1, 9, 7)",
            r#"proxy_get_status() -> OK 7 "no way{via_upstream}""#,
            "proxy_on_grpc_close(1, 13, 13)",
            r#"proxy_get_status() -> OK 13 """#,
            "proxy_on_grpc_close(1, 17, 12)",
            r#"proxy_get_status() -> OK 12 "via_upstream""#,
            "proxy_on_grpc_close(1, 25, 14)",
            r#"proxy_get_status() -> OK 14 "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure{upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_re"… (207 bytes)"#,
            "proxy_on_grpc_close(1, 29, 14)",
            r#"proxy_get_status() -> OK 14 "Cluster not available""#,
            "proxy_on_grpc_close(1, 21, 14)",
            r#"proxy_get_status() -> OK 14 "upstream request timeout{response_timeout}""#,
        ]
    );
    let seen = simulator.take_grpc_calls("grpc");
    assert_eq!(
        (seen.len(), &seen[0]),
        (
            4,
            &GrpcRequest {
                method: "pkg.S/Unary".to_owned(),
                metadata: pairs("x", "y"),
                messages: vec![b"hello".to_vec()],
                closed: true,
            }
        )
    );
}

#[test]
fn a_stream_tells_metadata_messages_and_status_in_order() {
    let mut simulator = calling(&[
        "$grpc_stream <grpc> <pkg.S> <Stream> <> (i32.const 16)",
        "$grpc_send (i32.const 6) <a> (i32.const 0)",
        "$grpc_close (i32.const 6)",
    ]);
    assert_eq!(
        traced(&mut simulator),
        [
            r#"proxy_grpc_stream("grpc", "pkg.S", "Stream", {}) -> OK 6"#,
            r#"proxy_grpc_send(6, "a", false) -> OK"#,
            "proxy_grpc_close(6) -> OK",
            "proxy_on_grpc_receive_initial_metadata(1, 6, 4)",
            "proxy_get_header_map_pairs(grpc_receive_initial_metadata) -> OK 4 entries",
            r#"proxy_get_header_map_value(grpc_receive_initial_metadata, "init") -> OK "1""#,
            "proxy_on_grpc_receive(1, 6, 3)",
            r#"proxy_get_status() -> OK 0 """#,
            r#"proxy_get_buffer_bytes(grpc_receive_buffer, 0, 100) -> OK "one""#,
            "proxy_on_grpc_receive(1, 6, 3)",
            r#"proxy_get_status() -> OK 0 """#,
            r#"proxy_get_buffer_bytes(grpc_receive_buffer, 0, 100) -> OK "two""#,
            "proxy_on_grpc_receive(1, 6, 3)",
            r#"proxy_get_status() -> OK 0 """#,
            r#"proxy_get_buffer_bytes(grpc_receive_buffer, 0, 100) -> OK "bye""#,
            "proxy_on_grpc_receive_trailing_metadata(1, 6, 3)",
            r#"proxy_get_header_map_value(grpc_receive_trailing_metadata, "grpc-status") -> OK "0""#,
            r#"proxy_get_header_map_value(grpc_receive_trailing_metadata, "trail") -> OK "2""#,
            "proxy_on_grpc_close(1, 6, 0)",
            r#"proxy_get_status() -> OK 0 "via_upstream""#,
        ]
    );
}

#[test]
fn streams_that_fail_and_streams_that_stay_open() {
    let mut simulator = calling(&[
        "$grpc_stream <grpc> <pkg.S> <Fail> <> (i32.const 16)",
        "$grpc_stream <grpc> <pkg.S> <Stream> <> (i32.const 16)",
        "$grpc_send (i32.const 10) <a> (i32.const 0)",
        "$grpc_stream <down> <pkg.S> <Stream> <> (i32.const 16)",
        "$grpc_stream <grpc> <pkg.S> <Stream> <> (i32.const 16)",
        "$grpc_cancel (i32.const 18)",
        "$grpc_cancel (i32.const 18)",
        "$grpc_send (i32.const 18) <a> (i32.const 0)",
        "$grpc_send (i32.const 1) <a> (i32.const 0)",
        "$grpc_close (i32.const 4)",
        "$grpc_close (i32.const 997)",
        "$grpc_cancel (i32.const 7)",
    ]);
    let trace = traced(&mut simulator);
    assert_eq!(
        trace[5..12],
        [
            "proxy_grpc_cancel(18) -> OK",
            "proxy_grpc_cancel(18) -> NOT_FOUND (no gRPC call or stream 18 is open)",
            r#"proxy_grpc_send(18, "a", false) -> NOT_FOUND (no gRPC call or stream 18 is open)"#,
            r#"proxy_grpc_send(1, "a", false) -> BAD_ARGUMENT (1 is no number of a gRPC stream)"#,
            "proxy_grpc_close(4) -> BAD_ARGUMENT (4 is no number of a gRPC call or stream)",
            "proxy_grpc_close(997) -> NOT_FOUND (no gRPC call or stream 997 is open)",
            "proxy_grpc_cancel(7) -> BAD_ARGUMENT (7 is no number of a gRPC call or stream)",
        ]
    );
    let callbacks: Vec<_> = trace[12..]
        .iter()
        .filter(|line| line.starts_with("proxy_on_"))
        .collect();
    assert_eq!(
        callbacks,
        [
            "proxy_on_grpc_receive_initial_metadata(1, 6, 0)",
            "proxy_on_grpc_receive_initial_metadata(1, 10, 3)",
            "proxy_on_grpc_receive_initial_metadata(1, 14, 0)",
            "proxy_on_grpc_receive_trailing_metadata(1, 6, 4)",
            "proxy_on_grpc_receive(1, 10, 3)",
            "proxy_on_grpc_receive_trailing_metadata(1, 14, 4)",
            "proxy_on_grpc_close(1, 6, 7)",
            "proxy_on_grpc_close(1, 14, 14)",
        ]
    );
}

#[test]
fn services_may_speak_first_and_end_streams_by_themselves() {
    let mut simulator = calling(&[
        "$grpc_stream <grpc> <pkg.S> <Greet> <> (i32.const 16)",
        "$grpc_stream <grpc> <pkg.S> <Watch> <> (i32.const 16)",
    ]);
    let trace = traced(&mut simulator);
    let callbacks: Vec<_> = trace
        .iter()
        .filter(|line| line.starts_with("proxy_on_"))
        .collect();
    assert_eq!(
        callbacks,
        [
            "proxy_on_grpc_receive_initial_metadata(1, 6, 2)",
            "proxy_on_grpc_receive_initial_metadata(1, 10, 2)",
            "proxy_on_grpc_receive(1, 6, 5)",
            "proxy_on_grpc_receive(1, 10, 5)",
            "proxy_on_grpc_receive_trailing_metadata(1, 6, 2)",
            "proxy_on_grpc_close(1, 6, 0)",
        ]
    );
}
