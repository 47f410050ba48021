//! What Envoy offers beyond the ABI.

use crate::guest::{get, hostcalls, simulator};

/// The messages are written as protocol buffers have them, with circled digits for the bytes that are no text.
fn with_bytes(text: &str) -> String {
    [
        ("①", "\u{1}"),
        ("②", "\u{2}"),
        ("④", "\u{4}"),
        ("⑩", "\u{a}"),
        ("⑯", "\u{10}"),
        ("⑱", "\u{12}"),
        ("㉓", "\u{17}"),
    ]
    .into_iter()
    .fold(text.to_owned(), |text, (circled, byte)| {
        text.replace(circled, byte)
    })
}

fn calls(calls: &[&str]) -> Vec<String> {
    let calls: String = calls
        .iter()
        .map(|call| format!("(drop (call {call}))\n"))
        .collect();
    let mut simulator = simulator(&with_bytes(&format!(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {calls} i32.const 0)"#
    )));
    assert_eq!(simulator.exchange(&get("/")).unwrap().status, 200);
    hostcalls(&mut simulator)
}

#[test]
fn compressed_data_comes_back() {
    assert_eq!(
        calls(&[
            "$foreign <compress> <aaaaaaaaaaaaaaaaaaaaaaaaaaaa> (i32.const 8) (i32.const 12)",
            "$foreign <uncompress> (i32.load (i32.const 8)) (i32.load (i32.const 12)) (i32.const 0) (i32.const 4)",
            "$foreign <uncompress> <no zlib> (i32.const 0) (i32.const 4)",
            "$foreign <uncompress> <> (i32.const 0) (i32.const 4)",
        ])[1..],
        [
            r#"proxy_call_foreign_function("uncompress", 0x789c4b4cc40d0099f20a9d) -> OK "aaaaaaaaaaaaaaaaaaaaaaaaaaaa""#,
            r#"proxy_call_foreign_function("uncompress", "no zlib") -> SERIALIZATION_FAILURE (not in the format of zlib)"#,
            r#"proxy_call_foreign_function("uncompress", "") -> SERIALIZATION_FAILURE (not in the format of zlib)"#,
        ]
    );
}

#[test]
fn a_property_is_declared_once_and_set_as_often_as_one_likes() {
    assert_eq!(
        calls(&[
            "$foreign <declare_property> <⑩④cost⑯①> (i32.const 0) (i32.const 0)",
            "$foreign <declare_property> <⑩④cost⑯①> (i32.const 0) (i32.const 0)",
            "$foreign <declare_property> <⑩④no> (i32.const 0) (i32.const 0)",
            "$set_property <cost> <3>",
            "$set_property <cost> <4>",
            "$get_property <cost> (i32.const 0) (i32.const 4)",
        ]),
        [
            r#"proxy_call_foreign_function("declare_property", 0x0a04636f73741001) -> OK """#,
            r#"proxy_call_foreign_function("declare_property", 0x0a04636f73741001) -> BAD_ARGUMENT (the property is declared already)"#,
            r#"proxy_call_foreign_function("declare_property", 0x0a046e6f) -> BAD_ARGUMENT (the argument is not the message that the function expects)"#,
            r#"proxy_set_property("cost", "3") -> OK"#,
            // Envoy 1.40 does not care that it was declared to be read-only.
            r#"proxy_set_property("cost", "4") -> OK"#,
            r#"proxy_get_property("cost") -> OK "4""#,
        ]
    );
}

#[test]
fn only_what_envoy_looks_for_can_be_set_in_the_filter_state() {
    assert_eq!(
        calls(&[
            "$foreign <set_envoy_filter_state> <⑩㉓envoy.tcp_proxy.cluster⑱②us> (i32.const 0) (i32.const 4)",
            "$get_property <filter_state␀envoy.tcp_proxy.cluster> (i32.const 0) (i32.const 4)",
            "$foreign <set_envoy_filter_state> <⑩②us> (i32.const 0) (i32.const 4)",
            "$foreign <clear_route_cache> <> (i32.const 0) (i32.const 4)",
            "$foreign <expr_create> <1> (i32.const 0) (i32.const 4)",
            "$foreign <make_coffee> <> (i32.const 0) (i32.const 4)",
        ])
        .iter()
        .map(|line| line.split_once(") -> ").unwrap().1)
        .collect::<Vec<_>>(),
        [
            r#"OK """#,
            r#"OK "us""#,
            "NOT_FOUND (no part of Envoy looks for `us` in the filter state)",
            r#"OK """#,
            "NOT_FOUND (Envoy has the foreign function `expr_create`, and host-sim has not)",
            "NOT_FOUND (no foreign function `make_coffee`)",
        ]
    );
}
