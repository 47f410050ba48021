//! Properties: their encodings, when they are there, and the filter state.

use host_sim::target::{PluginSettings, Request};

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
            ..get("/a?b=c#d")
        })
        .unwrap();
    assert_eq!(
        hostcalls(&mut simulator),
        [
            r#"proxy_get_property("request.path") -> OK "/a?b=c#d""#,
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
