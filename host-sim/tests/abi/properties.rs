//! Properties: their encodings, when they are there, and the filter state.

use host_sim::target::{PluginSettings, Request, Upstream, UpstreamBehaviour};

use crate::guest::{builder, get, hostcalls, started};

fn reads(paths: &[&str]) -> String {
    paths
        .iter()
        .map(|path| format!("(drop (call $get_property <{path}> (i32.const 0) (i32.const 4)))\n"))
        .collect()
}

fn in_request_headers(calls: &str) -> String {
    format!(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {calls} i32.const 0)"#
    )
}

#[test]
fn attributes_of_the_request_and_the_plugin() {
    let guest = in_request_headers(&reads(&[
        "request␀path",
        "request␀url_path",
        "request␀query",
        "request␀host",
        "request␀method",
        "request␀scheme",
        "request␀protocol",
        "request␀headers␀x-twice",
        "request␀headers␀X-Twice",
        "request␀headers␀missing",
        "request␀time",
        "request␀size",
        "request␀duration",
        "request",
        "",
        "response␀code",
        "source␀address",
        "connection␀id",
        "connection_id",
        "plugin_name",
        "plugin_root_id",
        "plugin_vm_id",
        "nobody␀knows",
    ]));
    let settings = PluginSettings {
        name: "mine".to_owned(),
        root_id: "root".to_owned(),
        vm_id: "vm".to_owned(),
        ..PluginSettings::default()
    };
    let mut simulator = started(builder(&guest).settings(settings));
    let headers = vec![
        ("x-twice".to_owned(), "1".to_owned()),
        ("x-twice".to_owned(), "2".to_owned()),
    ];
    simulator
        .exchange(&Request {
            headers,
            ..get("/a?b=c")
        })
        .unwrap();
    assert_eq!(
        hostcalls(&mut simulator),
        [
            r#"proxy_get_property("request.path") -> OK "/a?b=c""#,
            r#"proxy_get_property("request.url_path") -> OK "/a""#,
            r#"proxy_get_property("request.query") -> OK "b=c""#,
            r#"proxy_get_property("request.host") -> OK "api.example""#,
            r#"proxy_get_property("request.method") -> OK "GET""#,
            r#"proxy_get_property("request.scheme") -> OK "http""#,
            r#"proxy_get_property("request.protocol") -> OK "HTTP/1.1""#,
            r#"proxy_get_property("request.headers.x-twice") -> OK "1,2""#,
            r#"proxy_get_property("request.headers.X-Twice") -> OK "1,2""#,
            r#"proxy_get_property("request.headers.missing") -> NOT_FOUND (no such property now)"#,
            r#"proxy_get_property("request.time") -> OK 0x0080ecaf385cea18"#,
            r#"proxy_get_property("request.size") -> OK 0x0000000000000000"#,
            r#"proxy_get_property("request.duration") -> NOT_FOUND (no such property now)"#,
            r#"proxy_get_property("request") -> SERIALIZATION_FAILURE (no bytes)"#,
            r#"proxy_get_property("") -> SERIALIZATION_FAILURE (no bytes)"#,
            r#"proxy_get_property("response.code") -> NOT_FOUND (no such property now)"#,
            r#"proxy_get_property("source.address") -> OK "127.0.0.1:40001""#,
            r#"proxy_get_property("connection.id") -> OK 0x0100000000000000"#,
            r#"proxy_get_property("connection_id") -> OK 0x0100000000000000"#,
            r#"proxy_get_property("plugin_name") -> OK "mine""#,
            r#"proxy_get_property("plugin_root_id") -> OK "root""#,
            r#"proxy_get_property("plugin_vm_id") -> OK "vm""#,
            r#"proxy_get_property("nobody.knows") -> NOT_FOUND (no such property now)"#,
        ]
    );
}

#[test]
fn request_attributes_go_when_the_headers_pass_and_are_back_in_the_log() {
    let guest = format!(
        r#"(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) {} i32.const 0)
        (func (export "proxy_on_log") (param i32) {})"#,
        reads(&["request␀path", "response␀headers␀:status"]),
        reads(&[
            "request␀path",
            "response␀code",
            "response␀code_details",
            "request␀duration"
        ]),
    );
    let mut simulator = started(builder(&guest));
    simulator.exchange(&get("/a")).unwrap();
    assert_eq!(
        hostcalls(&mut simulator),
        [
            r#"proxy_get_property("request.path") -> NOT_FOUND (no such property now)"#,
            r#"proxy_get_property("response.headers.:status") -> OK "200""#,
            r#"proxy_get_property("request.path") -> OK "/a""#,
            r#"proxy_get_property("response.code") -> OK 0xc800000000000000"#,
            r#"proxy_get_property("response.code_details") -> OK "via_upstream""#,
            r#"proxy_get_property("request.duration") -> OK 0x0000000000000000"#,
        ]
    );
}

/// Envoy finishes the very headers that filters have seen, so that one which still holds them sees what it adds. As on Envoy 1.40.
#[test]
fn held_response_headers_are_finished_once_they_pass() {
    let reads = reads(&["response␀headers␀server"]);
    let guest = format!(
        r#"(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) i32.const 1)
        (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) {reads} i32.const 0)
        (func (export "proxy_on_log") (param i32) {reads})"#
    );
    let settings = PluginSettings {
        allow_on_headers_stop_iteration: true,
        ..PluginSettings::default()
    };
    let upstream = Upstream {
        headers: vec![("server".to_owned(), "upstream".to_owned())],
        body: b"hello".to_vec(),
        ..Upstream::default()
    };
    let mut simulator = started(builder(&guest).settings(settings).upstream(upstream));
    simulator.exchange(&get("/")).unwrap();
    assert_eq!(
        hostcalls(&mut simulator),
        [
            r#"proxy_get_property("response.headers.server") -> OK "upstream""#,
            r#"proxy_get_property("response.headers.server") -> OK "envoy""#,
            r#"proxy_get_property("response.headers.server") -> OK "envoy""#,
        ]
    );
}

#[test]
fn filter_state_reaches_the_access_log() {
    let guest = format!(
        r#"{}
        (func (export "proxy_on_log") (param i32) (drop (call $set_property <late> <value>)))"#,
        in_request_headers(&format!(
            "(drop (call $set_property <cost> <3>)) (drop (call $set_property <two␀parts> <x>)) {}",
            reads(&["cost", "cost␀more", "two␀parts"])
        ))
    );
    let keys = ["cost", "late", "never"].map(str::to_owned).to_vec();
    let mut simulator = started(builder(&guest).properties(keys));
    let exchange = simulator.exchange(&get("/")).unwrap();
    assert_eq!(
        exchange.properties.into_iter().collect::<Vec<_>>(),
        [
            ("cost".to_owned(), "3".to_owned()),
            ("late".to_owned(), "value".to_owned())
        ]
    );
    assert_eq!(
        hostcalls(&mut simulator),
        [
            r#"proxy_set_property("cost", "3") -> OK"#,
            r#"proxy_set_property("two.parts", "x") -> OK"#,
            r#"proxy_get_property("cost") -> OK "3""#,
            r#"proxy_get_property("cost.more") -> NOT_FOUND (no such property now)"#,
            // What is set under several segments cannot be read back, in Envoy as well.
            r#"proxy_get_property("two.parts") -> NOT_FOUND (no such property now)"#,
            r#"proxy_set_property("late", "value") -> OK"#,
        ]
    );
}

/// Reads properties in the callbacks for the request, for the response and for the log.
fn by_phase(paths: &[&str], builder_of: impl Fn(&str) -> host_sim::Builder) -> Vec<String> {
    let reads = reads(paths);
    let guest = format!(
        r#"{}
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) {reads} i32.const 0)
        (func (export "proxy_on_log") (param i32) {reads})"#,
        in_request_headers(&reads)
    );
    let mut simulator = started(builder_of(&guest));
    simulator.exchange(&get("/a")).unwrap();
    let lines = hostcalls(&mut simulator);
    let answers: Vec<_> = lines
        .iter()
        .map(|line| {
            let answer = line.split_once(") -> ").unwrap().1;
            answer.split(" (").next().unwrap().to_owned()
        })
        .collect();
    paths
        .iter()
        .enumerate()
        .map(|(at, path)| {
            let of_path = answers.iter().skip(at).step_by(paths.len());
            let phases: Vec<_> = of_path.map(String::as_str).collect();
            format!("{}: {}", path.replace('\u{2400}', "."), phases.join(" | "))
        })
        .collect()
}

#[test]
fn what_is_around_a_request_becomes_known_as_it_goes() {
    let observed = by_phase(
        &[
            "response␀code",
            "response␀grpc_status",
            "response␀trailers",
            "request␀total_size",
            "destination␀address",
            "destination␀port",
            "connection␀mtls",
            "connection␀requested_server_name",
            "connection␀tls_version",
            "upstream␀address",
            "upstream␀port",
            "upstream␀local_address",
            "upstream␀request_attempt_count",
            "upstream␀transport_failure_reason",
            "xds␀node␀id",
            "xds␀cluster_name",
            "xds␀route_name",
            "xds␀listener_direction",
            "xds␀upstream_host_metadata",
            "filter_state",
            "node",
        ],
        builder,
    );
    assert_eq!(
        observed,
        [
            "response.code: NOT_FOUND | OK 0xc800000000000000 | OK 0xc800000000000000",
            "response.grpc_status: NOT_FOUND | OK 0x0200000000000000 | OK 0x0200000000000000",
            "response.trailers: OK 0x00000000 | OK 0x00000000 | OK 0x00000000",
            "request.total_size: OK 0x7600000000000000 | OK 0x0000000000000000 | OK 0x9900000000000000",
            r#"destination.address: OK "127.0.0.1:10000" | OK "127.0.0.1:10000" | OK "127.0.0.1:10000""#,
            "destination.port: OK 0x1027000000000000 | OK 0x1027000000000000 | OK 0x1027000000000000",
            "connection.mtls: OK 0x00 | OK 0x00 | OK 0x00",
            r#"connection.requested_server_name: OK "" | OK "" | OK """#,
            "connection.tls_version: NOT_FOUND | NOT_FOUND | NOT_FOUND",
            r#"upstream.address: NOT_FOUND | OK "127.0.0.1:8080" | OK "127.0.0.1:8080""#,
            "upstream.port: NOT_FOUND | OK 0x901f000000000000 | OK 0x901f000000000000",
            r#"upstream.local_address: NOT_FOUND | OK "127.0.0.1:50000" | OK "127.0.0.1:50000""#,
            "upstream.request_attempt_count: OK 0x0000000000000000 | OK 0x0100000000000000 | OK 0x0100000000000000",
            r#"upstream.transport_failure_reason: NOT_FOUND | OK "" | OK """#,
            r#"xds.node.id: OK "host-sim" | OK "host-sim" | OK "host-sim""#,
            r#"xds.cluster_name: OK "api" | OK "api" | OK "api""#,
            r#"xds.route_name: OK "" | OK "" | OK """#,
            "xds.listener_direction: OK 0x0000000000000000 | OK 0x0000000000000000 | OK 0x0000000000000000",
            "xds.upstream_host_metadata: NOT_FOUND | SERIALIZATION_FAILURE | SERIALIZATION_FAILURE",
            "filter_state: SERIALIZATION_FAILURE | SERIALIZATION_FAILURE | SERIALIZATION_FAILURE",
            "node: NOT_FOUND | NOT_FOUND | NOT_FOUND",
        ]
    );
}

#[test]
fn an_upstream_that_refuses_the_connection_is_known_and_was_asked() {
    let guest = format!(
        r#"(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) {} i32.const 0)"#,
        reads(&[
            "upstream␀request_attempt_count",
            "upstream␀address",
            "upstream␀local_address",
            "upstream␀transport_failure_reason",
            "xds␀upstream_host_metadata",
        ]),
    );
    let mut simulator = started(builder(&guest));
    let refused = Request {
        upstream: UpstreamBehaviour::Unreachable,
        ..get("/")
    };
    assert_eq!(simulator.exchange(&refused).unwrap().status, 503);
    assert_eq!(
        hostcalls(&mut simulator),
        [
            r#"proxy_get_property("upstream.request_attempt_count") -> OK 0x0100000000000000"#,
            r#"proxy_get_property("upstream.address") -> OK "127.0.0.1:8080""#,
            r#"proxy_get_property("upstream.local_address") -> NOT_FOUND (no such property now)"#,
            r#"proxy_get_property("upstream.transport_failure_reason") -> OK "delayed connect error: Connection refused""#,
            r#"proxy_get_property("xds.upstream_host_metadata") -> SERIALIZATION_FAILURE (no bytes)"#,
        ]
    );
}

#[test]
fn a_call_that_the_filter_answers_asks_no_upstream() {
    let answers = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $respond (i32.const 429) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
            (i32.const 0) (i32.const 0) (i32.const -1)))
        i32.const 1)"#;
    let reads = reads(&["upstream␀request_attempt_count", "response␀code"]);
    let guest = format!(
        r#"{answers}
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) {reads} i32.const 0)
        (func (export "proxy_on_log") (param i32) {reads})"#,
    );
    for (headers, at_the_end) in [
        (vec![], "0xad01000000000000"),
        // Until they are sent, nobody knows that the headers will say 200.
        (
            vec![("content-type", "application/grpc")],
            "0xc800000000000000",
        ),
    ] {
        let mut simulator = started(builder(&guest));
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let request = Request {
            headers: headers.collect(),
            ..get("/")
        };
        simulator.exchange(&request).unwrap();
        let observed: Vec<_> = hostcalls(&mut simulator).into_iter().skip(1).collect();
        let none =
            r#"proxy_get_property("upstream.request_attempt_count") -> OK 0x0000000000000000"#;
        let code = |code: &str| format!("proxy_get_property(\"response.code\") -> OK {code}");
        assert_eq!(
            observed,
            [none, &code("0xad01000000000000"), none, &code(at_the_end)]
        );
    }
}

#[test]
fn dynamic_metadata_has_the_encodings_of_its_values() {
    let claims = serde_json::json!({
        "plan": "free", "agents": 5, "paid": true, "ids": ["x", 2], "more": { "x": "y" }, "none": null
    });
    let observed = by_phase(
        &[
            "metadata␀filter_metadata␀jwt␀plan",
            "metadata␀filter_metadata␀jwt␀agents",
            "metadata␀filter_metadata␀jwt␀paid",
            "metadata␀filter_metadata␀jwt␀ids",
            "metadata␀filter_metadata␀jwt␀ids␀0",
            "metadata␀filter_metadata␀jwt␀ids␀2",
            "metadata␀filter_metadata␀jwt␀more",
            "metadata␀filter_metadata␀jwt␀more␀x",
            "metadata␀filter_metadata␀jwt␀none",
            "metadata␀filter_metadata␀jwt␀missing",
            "metadata␀filter_metadata␀other",
        ],
        |guest| builder(guest).metadata("jwt", claims.clone()),
    );
    let thrice = |path: &str, answer: &str| {
        format!("metadata.filter_metadata.{path}: {answer} | {answer} | {answer}")
    };
    assert_eq!(
        observed,
        [
            thrice("jwt.plan", r#"OK "free""#),
            thrice("jwt.agents", "OK 0x0000000000001440"),
            thrice("jwt.paid", "OK 0x01"),
            thrice(
                "jwt.ids",
                "OK 0x020000000100000000000000080000000000000078000000000000000000400000"
            ),
            thrice("jwt.ids.0", r#"OK "x""#),
            thrice("jwt.ids.2", "NOT_FOUND"),
            thrice("jwt.more", "OK 0x01000000010000000100000078007900"),
            thrice("jwt.more.x", r#"OK "y""#),
            thrice("jwt.none", "SERIALIZATION_FAILURE"),
            thrice("jwt.missing", "NOT_FOUND"),
            thrice("other", "NOT_FOUND"),
        ]
    );
}
