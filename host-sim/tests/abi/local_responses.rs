//! Local responses in Envoy's three cases, and their shapes.

use host_sim::target::{PluginSettings, Request, Upstream};

use crate::guest::{builder, callbacks, get, module, post, simulator, started};

const REFUSE: &str = r#"(func $refuse
    (drop (call $respond (i32.const 429) <too many calls> <no>
        <␁␀␀␀␁␀␀␀␁␀␀␀x␀y␀> (i32.const -1))))"#;

const IN_RESPONSE_HEADERS: &str = r#"
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
        (call $refuse)
        i32.const 0)"#;

fn refusing(functions: &str) -> String {
    format!("{REFUSE}{functions}").replace('␁', "\u{1}")
}

fn fields(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

const DATE: (&str, &str) = ("date", "Sun, 22 Nov 2026 12:00:00 GMT");
const SERVER: (&str, &str) = ("server", "envoy");

/// The headers of a refusal that has passed no filter.
fn of_the_refusal() -> Vec<(String, String)> {
    fields(&[
        ("x", "y"),
        ("content-length", "2"),
        ("content-type", "text/plain"),
        DATE,
        SERVER,
    ])
}

#[test]
fn before_the_response_it_passes_through_the_filters_own_callbacks() {
    let mut simulator = simulator(&refusing(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (call $refuse)
            i32.const 0)
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
            (drop (call $add (i32.const 2) <seen> <by-ourselves>))
            i32.const 0)
        (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32)
            i32.const 0)"#,
    ));
    let exchange = simulator.exchange(&post(&["body"])).unwrap();
    assert_eq!(
        (exchange.status, exchange.body.as_slice(), exchange.upstream),
        (429, &b"no"[..], None)
    );
    assert_eq!(
        exchange.headers,
        fields(&[
            ("x", "y"),
            ("content-length", "2"),
            ("content-type", "text/plain"),
            ("seen", "by-ourselves"),
            DATE,
            SERVER,
            // There is more of the request to come.
            ("connection", "close"),
        ])
    );
    assert_eq!(
        callbacks(&mut simulator),
        [
            "proxy_on_request_headers(2, 7, false)",
            "proxy_on_response_headers(2, 4, false)",
            "proxy_on_response_body(2, 2, true)",
        ]
    );
}

#[test]
fn while_the_response_is_held_it_goes_straight_to_the_client() {
    let functions = format!(
        r#"{}
        (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32)
            i32.const 0)"#,
        refusing(IN_RESPONSE_HEADERS)
    );
    let upstream = Upstream {
        body: b"fine".to_vec(),
        headers: fields(&[("a", "b")]),
        ..Upstream::default()
    };
    let mut simulator = started(builder(&functions).upstream(upstream));
    let exchange = simulator.exchange(&get("/")).unwrap();
    assert_eq!(
        (exchange.status, exchange.body.as_slice()),
        (429, &b"no"[..])
    );
    assert_eq!(exchange.headers, of_the_refusal());
    assert_eq!(
        callbacks(&mut simulator),
        ["proxy_on_response_headers(2, 5, false)"]
    );
}

#[test]
fn among_several_filters_it_has_the_same_headers() {
    let refusing = refusing(IN_RESPONSE_HEADERS);
    let named = |name: &str| PluginSettings {
        name: name.to_owned(),
        ..PluginSettings::default()
    };
    for (first, last) in [(refusing.as_str(), ""), ("", refusing.as_str())] {
        let first = builder(first).settings(named("first"));
        let chain = first.filter(&module(last), named("last"), "");
        let exchange = started(chain).exchange(&get("/")).unwrap();
        assert_eq!((exchange.status, exchange.headers), (429, of_the_refusal()));
    }
}

#[test]
fn after_the_headers_were_sent_the_stream_is_reset() {
    let functions = refusing(
        r#"(func (export "proxy_on_response_body") (param i32 i32 i32) (result i32)
            (call $refuse)
            i32.const 0)"#,
    );
    let mut simulator = started(builder(&functions).upstream(Upstream {
        body: b"fine".to_vec(),
        ..Upstream::default()
    }));
    let exchange = simulator.exchange(&get("/")).unwrap();
    assert_eq!(
        (exchange.status, exchange.body.as_slice(), exchange.aborted),
        (200, &b""[..], true)
    );
}

#[test]
fn a_second_one_in_ones_own_response_replaces_the_first() {
    let mut simulator = simulator(&refusing(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $respond (i32.const 400) <> <first> <> (i32.const -1)))
            i32.const 1)
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
            (call $refuse)
            i32.const 0)"#,
    ));
    let exchange = simulator.exchange(&get("/")).unwrap();
    assert_eq!(
        (exchange.status, exchange.body.as_slice(), exchange.aborted),
        (429, &b"no"[..], false)
    );
    assert_eq!(
        callbacks(&mut simulator),
        [
            "proxy_on_request_headers(2, 6, true)",
            "proxy_on_response_headers(2, 3, false)"
        ]
    );
}

#[test]
fn the_body_can_be_refused_as_well() {
    let mut simulator = simulator(&refusing(
        r#"(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
            (if (local.get 2) (then (call $refuse)))
            i32.const 1)"#,
    ));
    let exchange = simulator.exchange(&post(&["a", "b"])).unwrap();
    assert_eq!(
        (exchange.status, exchange.body.as_slice()),
        (429, &b"no"[..])
    );
    // The headers had passed, so the upstream knows of the request and has nothing of its body.
    assert_eq!(exchange.upstream.map(|seen| seen.body), Some(Vec::new()));
}

#[test]
fn grpc_and_head_have_shapes_of_their_own() {
    let mut simulator = simulator(&refusing(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (call $refuse)
            i32.const 0)"#,
    ));
    let grpc = Request {
        method: "POST".to_owned(),
        headers: fields(&[("content-type", "application/grpc+proto")]),
        ..get("/pkg.Service/Method")
    };
    let exchange = simulator.exchange(&grpc).unwrap();
    assert_eq!((exchange.status, exchange.body.as_slice()), (200, &b""[..]));
    assert_eq!(
        exchange.headers,
        fields(&[
            ("x", "y"),
            ("content-type", "application/grpc"),
            ("grpc-status", "14"),
            ("grpc-message", "no"),
            DATE,
            SERVER,
            ("content-length", "0")
        ])
    );
    let head = Request {
        method: "HEAD".to_owned(),
        ..get("/")
    };
    let exchange = simulator.exchange(&head).unwrap();
    assert_eq!((exchange.status, exchange.body.as_slice()), (429, &b""[..]));
    assert_eq!(
        exchange.headers,
        fields(&[
            ("x", "y"),
            ("content-length", "2"),
            ("content-type", "text/plain"),
            DATE,
            SERVER
        ])
    );
}

#[test]
fn in_a_root_context_nobody_gets_it() {
    let mut simulator = started(builder(&refusing(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
            (call $refuse)
            i32.const 1)"#,
    )));
    assert_eq!(simulator.exchange(&get("/")).unwrap().status, 200);
}

#[test]
fn of_two_in_one_callback_the_first_is_sent() {
    let mut simulator = simulator(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $respond (i32.const 400) <> <first> <> (i32.const -1)))
            (drop (call $respond (i32.const 429) <> <second> <> (i32.const -1)))
            i32.const 0)"#,
    );
    let exchange = simulator.exchange(&get("/")).unwrap();
    assert_eq!(
        (exchange.status, exchange.body.as_slice()),
        (400, &b"first"[..])
    );
}

#[test]
fn a_held_response_is_replaced_in_the_shape_of_grpc_too() {
    let mut simulator = simulator(&refusing(
        r#"(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
            (drop (call $respond (i32.const 403) <why> <no: ä%> <> (i32.const 8)))
            i32.const 0)"#,
    ));
    let of_type = |content_type: &str| Request {
        method: "POST".to_owned(),
        headers: fields(&[("content-type", content_type)]),
        ..get("/pkg.Service/Method")
    };
    let exchange = simulator.exchange(&of_type("application/grpc")).unwrap();
    assert_eq!((exchange.status, exchange.body.as_slice()), (200, &b""[..]));
    assert_eq!(
        exchange.headers,
        fields(&[
            ("content-type", "application/grpc"),
            ("grpc-status", "8"),
            ("grpc-message", "no: %C3%A4%25"),
            DATE,
            SERVER,
            ("content-length", "0")
        ])
    );
    let exchange = simulator
        .exchange(&of_type("application/grpc-web"))
        .unwrap();
    assert_eq!(
        (exchange.status, exchange.body),
        (403, "no: ä%".as_bytes().to_vec())
    );
}
