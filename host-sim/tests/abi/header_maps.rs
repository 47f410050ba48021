//! Header maps: which are there when, and what calls on them answer.

use host_sim::target::{HttpVersion, Request, Upstream};

use crate::guest::{get, hostcalls, simulator};

fn fields(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn values_are_read_one_by_one() {
    let mut simulator = simulator(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $get (i32.const 0) <:path> (i32.const 0) (i32.const 4)))
            (drop (call $get (i32.const 0) <X-Twice> (i32.const 0) (i32.const 4)))
            (drop (call $get (i32.const 0) <HOST> (i32.const 0) (i32.const 4)))
            (drop (call $get (i32.const 0) <missing> (i32.const 0) (i32.const 4)))
            (drop (call $get (i32.const 2) <:status> (i32.const 0) (i32.const 4)))
            (drop (call $get (i32.const 8) <:path> (i32.const 0) (i32.const 4)))
            (drop (call $get (i32.const 0) (i32.const -1) (i32.const 2) (i32.const 0) (i32.const 4)))
            (drop (call $get (i32.const 0) <:path> (i32.const -2) (i32.const 4)))
            i32.const 0)"#,
    );
    let request = Request {
        headers: fields(&[("x-twice", "1"), ("x-twice", "2")]),
        ..get("/a")
    };
    simulator.exchange(&request).unwrap();
    assert_eq!(
        hostcalls(&mut simulator),
        [
            r#"proxy_get_header_map_value(request_headers, ":path") -> OK "/a""#,
            r#"proxy_get_header_map_value(request_headers, "X-Twice") -> OK "1""#,
            r#"proxy_get_header_map_value(request_headers, "HOST") -> OK "api.example""#,
            r#"proxy_get_header_map_value(request_headers, "missing") -> NOT_FOUND (no such header)"#,
            r#"proxy_get_header_map_value(response_headers, ":status") -> BAD_ARGUMENT (response_headers cannot be used now)"#,
            "proxy_get_header_map_value() -> BAD_ARGUMENT (unknown header map 8)",
            "proxy_get_header_map_value(request_headers) -> INVALID_MEMORY_ACCESS (no guest memory at 4294967295 for 2 bytes)",
            r#"proxy_get_header_map_value(request_headers, ":path") -> INVALID_MEMORY_ACCESS (no guest memory at 4294967294 for 4 bytes)"#,
        ]
    );
}

#[test]
fn edits_reach_the_upstream() {
    let mut simulator = simulator(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $add (i32.const 0) <X-A> <2>))
            (drop (call $replace (i32.const 0) <x-b> <new>))
            (drop (call $replace (i32.const 0) <x-c> <made>))
            (drop (call $remove (i32.const 0) <x-gone>))
            (drop (call $remove (i32.const 0) <never>))
            i32.const 0)"#,
    );
    let headers = fields(&[
        ("x-a", "1"),
        ("x-b", "old"),
        ("x-b", "older"),
        ("x-gone", "1"),
        ("x-gone", "2"),
    ]);
    let exchange = simulator
        .exchange(&Request {
            headers,
            ..get("/")
        })
        .unwrap();
    let seen: Vec<_> = exchange
        .upstream
        .unwrap()
        .headers
        .into_iter()
        .filter(|(name, _)| {
            !name.starts_with("x-envoy")
                && !name.starts_with("x-forwarded")
                && name != "x-request-id"
        })
        .collect();
    assert_eq!(
        seen,
        fields(&[
            ("host", "api.example"),
            ("x-a", "1"),
            ("x-b", "new"),
            ("x-a", "2"),
            ("x-c", "made")
        ])
    );
}

#[test]
fn whole_maps_are_lists_of_pairs() {
    let mut simulator = simulator(
        r#"(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
            (drop (call $map_size (i32.const 2) (i32.const 0)))
            (drop (call $get_map (i32.const 2) (i32.const 0) (i32.const 4)))
            (drop (call $get_map (i32.const 3) (i32.const 0) (i32.const 4)))
            (drop (call $get_map (i32.const 9) (i32.const 0) (i32.const 4)))
            (drop (call $set_map (i32.const 3) (i32.const 0) (i32.const 0)))
            (drop (call $set_map (i32.const 2)
                <␂␀␀␀␇␀␀␀␃␀␀␀␁␀␀␀␀␀␀␀:status␀418␀x␀␀>))
            i32.const 0)"#
            .replace('␂', "\u{2}")
            .replace('␇', "\u{7}")
            .replace('␃', "\u{3}")
            .replace('␁', "\u{1}")
            .as_str(),
    );
    let exchange = simulator.exchange(&get("/")).unwrap();
    assert_eq!(
        hostcalls(&mut simulator),
        [
            // ":status" 200, "content-length" 0, "date" …, "x-envoy-upstream-service-time" 0
            "proxy_get_header_map_size(response_headers) -> OK 88",
            "proxy_get_header_map_pairs(response_headers) -> OK 4 entries",
            "proxy_get_header_map_pairs(response_trailers) -> OK 0 entries",
            "proxy_get_header_map_pairs() -> BAD_ARGUMENT (unknown header map 9)",
            "proxy_set_header_map_pairs(response_trailers, 0 entries) -> BAD_ARGUMENT (response_trailers cannot be used now)",
            "proxy_set_header_map_pairs(response_headers, 2 entries) -> OK",
        ]
    );
    assert_eq!(exchange.status, 418);
    assert_eq!(
        exchange.headers.first(),
        Some(&("x".to_owned(), String::new()))
    );
}

#[test]
fn a_malformed_list_wipes_the_map_and_a_response_without_status_is_a_bad_gateway() {
    let mut simulator = simulator(
        r#"(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
            (drop (call $set_map (i32.const 2) <nonsense>))
            i32.const 0)"#,
    );
    let exchange = simulator.exchange(&get("/")).unwrap();
    assert_eq!(
        hostcalls(&mut simulator),
        ["proxy_set_header_map_pairs(response_headers, 0 entries) -> OK"]
    );
    assert_eq!(
        (exchange.status, exchange.body.as_slice()),
        (502, &b"missing required header: :status"[..])
    );
}

#[test]
fn a_request_without_path_is_not_routed() {
    let mut simulator = simulator(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $remove (i32.const 0) <:path>))
            i32.const 0)"#,
    );
    let exchange = simulator.exchange(&get("/")).unwrap();
    assert_eq!((exchange.status, exchange.upstream), (404, None));
    assert_eq!(exchange.body, b"");
}

#[test]
fn request_headers_are_gone_once_they_were_let_pass() {
    let mut simulator = simulator(
        r#"(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
            (drop (call $get (i32.const 0) <:path> (i32.const 0) (i32.const 4)))
            (drop (call $add (i32.const 0) <x> <y>))
            i32.const 0)
        (func (export "proxy_on_log") (param i32)
            (drop (call $get (i32.const 0) <:path> (i32.const 0) (i32.const 4)))
            (drop (call $get (i32.const 2) <:status> (i32.const 0) (i32.const 4)))
            (drop (call $get (i32.const 1) <trailer> (i32.const 0) (i32.const 4)))
            (drop (call $add (i32.const 0) <x> <y>))
            (drop (call $map_size (i32.const 0) (i32.const 0))))
        (func (export "proxy_on_done") (param i32) (result i32)
            (drop (call $get (i32.const 0) <:path> (i32.const 0) (i32.const 4)))
            i32.const 1)"#,
    );
    simulator.exchange(&get("/a")).unwrap();
    assert_eq!(
        hostcalls(&mut simulator),
        [
            r#"proxy_get_header_map_value(request_headers, ":path") -> BAD_ARGUMENT (request_headers cannot be used now)"#,
            r#"proxy_add_header_map_value(request_headers, "x", "y") -> BAD_ARGUMENT (request_headers cannot be used now)"#,
            r#"proxy_get_header_map_value(request_headers, ":path") -> OK "/a""#,
            r#"proxy_get_header_map_value(response_headers, ":status") -> OK "200""#,
            r#"proxy_get_header_map_value(request_trailers, "trailer") -> NOT_FOUND (request_trailers is not there)"#,
            r#"proxy_add_header_map_value(request_headers, "x", "y") -> BAD_ARGUMENT (request_headers cannot be used now)"#,
            "proxy_get_header_map_size(request_headers) -> BAD_ARGUMENT (request_headers cannot be used now)",
            r#"proxy_get_header_map_value(request_headers, ":path") -> BAD_ARGUMENT (request_headers cannot be used now)"#,
        ]
    );
}

#[test]
fn trailers_are_made_on_demand_at_the_end_of_the_body() {
    let mut simulator = crate::guest::started(
        crate::guest::builder(
            r#"(func (export "proxy_on_response_body") (param i32 i32 i32) (result i32)
                (drop (call $add (i32.const 3) <x-sum> <1>))
                i32.const 0)"#,
        )
        .upstream(Upstream {
            body: b"body".to_vec(),
            ..Upstream::default()
        }),
    );
    let request = Request {
        http: HttpVersion::Two,
        ..get("/")
    };
    let exchange = simulator.exchange(&request).unwrap();
    assert_eq!(
        hostcalls(&mut simulator),
        [r#"proxy_add_header_map_value(response_trailers, "x-sum", "1") -> OK"#,]
    );
    assert_eq!(
        (exchange.body.as_slice(), exchange.trailers),
        (&b"body"[..], fields(&[("x-sum", "1")]))
    );
}
