//! `host-sim run tests.textpb`: tests that were written for Google's Service Extensions.

use crate::folder::{Folder, GOOD};

/// Logs where it is, and the property `a.b`. Answers requests with `x-deny` itself, adds a header to others, and `foo` to each piece of a body.
const FILTER: &str = r#"(module
    (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
    (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_set_buffer_bytes" (func $set (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_get_property" (func $property (param i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_send_local_response" (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) "created")
    (data (i32.const 32) "request headers")
    (data (i32.const 48) "request body")
    (data (i32.const 64) "done")
    (data (i32.const 80) "x-deny")
    (data (i32.const 96) "x-added")
    (data (i32.const 112) "yes")
    (data (i32.const 128) "foo")
    (data (i32.const 144) "a\00b")
    (data (i32.const 160) "denied")
    (data (i32.const 176) "no way")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024)
    (func $say (param i32 i32) (drop (call $log (i32.const 2) (local.get 0) (local.get 1))))
    (func (export "proxy_on_context_create") (param i32 i32) (call $say (i32.const 16) (i32.const 7)))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (call $say (i32.const 32) (i32.const 15))
        (if (i32.eqz (call $property (i32.const 144) (i32.const 3) (i32.const 0) (i32.const 4)))
            (then (call $say (i32.load (i32.const 0)) (i32.load (i32.const 4)))))
        (if (i32.eqz (call $get (i32.const 0) (i32.const 80) (i32.const 6) (i32.const 0) (i32.const 4))) (then
            (drop (call $answer (i32.const 403) (i32.const 176) (i32.const 6) (i32.const 160) (i32.const 6) (i32.const 0) (i32.const 0) (i32.const -1)))
            (return (i32.const 1))))
        (drop (call $add (i32.const 0) (i32.const 96) (i32.const 7) (i32.const 112) (i32.const 3)))
        i32.const 0)
    (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
        (call $say (i32.const 48) (i32.const 12))
        (drop (call $set (i32.const 0) (local.get 1) (i32.const 0) (i32.const 128) (i32.const 3)))
        i32.const 0)
    (func (export "proxy_on_done") (param i32) (result i32) (call $say (i32.const 64) (i32.const 4)) i32.const 1))"#;

fn folder(tests: &str) -> Folder {
    Folder::with(&[("f.wat", FILTER), ("tests.textpb", tests)])
}

const HOLDS: &str = r#"
env { log_level: INFO time_secs: 123456789 }
test {
  name: "Denies"
  request_headers {
    input { header { key: "X-Deny" value: "1" } }
    result {
      immediate { http_status: 403 grpc_status: 4294967295 details: "no way" }
      body { exact: "denied" }
      no_header { key: "x-added" }
      log { regex: "request.*" }
      log { exact: "created" invert: true }
    }
  }
  stream_init { log { exact: "created" } log { exact: "request headers" invert: true } }
  stream_destroy { log { exact: "done" } }
}
test {
  name: "PassesOn"
  properties { path: "a.b" value: "of the test" }
  request_headers {
    input { content: "POST /a?b=c HTTP/1.1\r\nHost: h\r\nX-List: 1\r\nX-List: 2\r\n" }
    result {
      headers {
        has_header { key: ":method" value: "POST" }
        has_header { key: ":authority" value: "h" }
        has_header { key: "x-list" value: "1, 2" }
        has_header { key: "X-Added" value: "yes" }
        headers_serialized { regex: ":path: /a.*" }
        headers_serialized { exact: "x-none: 1" invert: true }
      }
      log { exact: "of the test" }
    }
  }
  num_chunks: 5
  request_body {
    input { file: "body" }
    result { body { exact: "12foo34foo56foo78foo90foo" } log { exact: "request body" } }
  }
  response_headers {
    input { header { key: ":status" value: "201" } header { key: "content-length" value: "5" } }
    result { has_header [{ key: ":status" value: "201" }, { key: "content-length", value: "5" }] }
  }
}
test {
  name: "OldForms"
  chunk_size: 4
  request_body {
    input { content: "123456" }
    result { body { regex: "1234foo56foo" } }
  }
  response_headers {
    input { header { key: "x-a" value: "b" } }
    result { has_header { key: "x-a" value: "b" } no_header { key: "x-c" } headers { regex: "x-a: ." } }
  }
  response_body { input { content: "hello" } result { body { exact: "hello" } } }
}
"#;

#[test]
fn tests_hold_as_they_do_there() {
    let folder = folder(HOLDS);
    folder.write("body", "1234567890");
    let said = "ok       tests.textpb: Denies\nok       tests.textpb: PassesOn\nok       tests.textpb: OldForms\n3 passed, 0 failed, 0 skipped\n";
    assert_eq!(
        folder.run(&["run", "f.wat", "tests.textpb"]),
        (Some(0), said.to_owned())
    );
    assert_eq!(
        folder.run(&["run", "f.wat", "tests.textpb", "--filter", "Old"]),
        (
            Some(0),
            "ok       tests.textpb: OldForms\n1 passed, 0 failed, 0 skipped\n".to_owned()
        )
    );
}

/// The file names the filter and its configuration, beside itself, as well.
#[test]
fn the_filter_may_be_named_in_the_file_and_scenarios_run_beside_it() {
    let named = HOLDS.replace(
        "env {",
        "env { wasm_path: 'f.wat' config_path: 'c' log_path: 'x'",
    );
    let folder = folder("");
    folder.write("more/f.wat", FILTER);
    folder.write("more/c", "{}");
    folder.write("more/body", "1234567890");
    folder.write("more/tests.textpb", &named);
    let (status, said) = folder.run(&["run", "more/tests.textpb", "--filter", "Denies"]);
    assert_eq!(
        (status, said.as_str()),
        (
            Some(0),
            "ok       more/tests.textpb: Denies\n1 passed, 0 failed, 0 skipped\n\
             more/tests.textpb:2: passed over: `log_path`: what the plugin logs is shown where a test fails\n"
        )
    );
    folder.write("a.toml", GOOD);
    let (status, said) = folder.run(&[
        "run",
        "f.wat",
        "a.toml",
        "more/tests.textpb",
        "--config",
        "more/c",
    ]);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("\n4 passed, 0 failed, 0 skipped\n"), "{said}");
    let (status, said) = folder.run(&["run", "f.wat", "a.toml", "--config", "more/c"]);
    assert_eq!(
        (status, said.as_str()),
        (
            Some(2),
            "error: --config is for tests.textpb; a scenario names its configuration itself\n"
        )
    );
    folder.write("none.textpb", "test { name: 'a' }");
    let (status, said) = folder.run(&["run", "none.textpb"]);
    assert_eq!(
        (status, said.as_str()),
        (
            Some(2),
            "error: there is no filter: name it with --plugin FILTER.wasm\n"
        )
    );
}

/// What differs, with the line of the file; and where Envoy cannot be as Google's runner, that it is so.
#[test]
fn what_does_not_hold_is_shown_with_its_line() {
    let folder = folder(
        r#"
test {
  name: "Wrong"
  request_headers {
    input { header { key: ":path" value: "/a" } }
    result {
      has_header { key: "x-added" value: "no" }
      has_header { key: "x-other" value: "no" }
      no_header { key: ":scheme" }
      headers { headers_serialized { regex: "x-forwarded.*" invert: true } }
      immediate { http_status: 403 }
      log { exact: "never" }
    }
  }
}
test {
  name: "Denied"
  request_headers {
    input { header { key: "x-deny" value: "1" } }
    result { immediate { http_status: 401 grpc_status: 3 details: "why" body { exact: "x" } } }
  }
  response_headers { result { has_header { key: ":status" value: "200" } } }
}
"#,
    );
    let (status, said) = folder.run(&["run", "f.wat", "tests.textpb"]);
    assert_eq!(status, Some(1));
    insta::assert_snapshot!(said);
    let (status, said) = folder.run(&["run", "f.wat", "tests.textpb", "--json"]);
    assert_eq!(status, Some(1));
    assert!(
        said.contains("request_headers.has_header.x-added"),
        "{said}"
    );
}

#[test]
fn what_is_not_understood_is_told_with_its_place() {
    for (text, said) in [
        (
            "test { name: 'a' request_header { } }",
            "unknown field `request_header`, expected one of `name`, `benchmark`, `num_chunks`",
        ),
        ("test { name: 'a'", "expected `}`, the file ends"),
        ("test { }", "expected a `name`"),
        (
            "test { name: 1 }",
            "expected a text in quotation marks, there is `1`",
        ),
        (
            "env { log_level: LOUD }",
            "expected TRACE, DEBUG, INFO, WARN, ERROR or CRITICAL, there is `LOUD`",
        ),
        (
            "test { name: 'a' num_chunks: 0 }",
            "expected a number from 1 on, there is `0`",
        ),
        (
            "test { name: 'a' num_chunks: 2 request_body {} request_body {} }",
            "expected one that is cut",
        ),
        (
            "test { name: 'a' stream_init { log { regex: '[a' } } }",
            "expected a regular expression, there is \"[a\"",
        ),
        (
            "test { name: 'a' stream_init { log { exact: 'a' regex: 'b' } } }",
            "expected one of `exact`, `regex` and `file`, once",
        ),
        (
            "test { name: 'a' stream_init { log { invert: maybe } } }",
            "expected `true` or `false`, there is `maybe`",
        ),
        (
            "test { name: 'a' request_headers { input { header { value: 'a' } } } }",
            "expected a `key`: the header's name",
        ),
        (
            "test { name: 'a' request_headers { input { content: 'GET' } } }",
            "tests.textpb:1: expected a line such as `GET /things HTTP/1.1`, there is \"GET\"",
        ),
        (
            "test { name: 'a' request_body { input { file: 'none' } } }",
            "tests.textpb:1: none: No such file or directory (os error 2)",
        ),
    ] {
        let (status, shown) = folder(text).run(&["run", "f.wat", "tests.textpb"]);
        let one_line = shown.replace("\n  │ ", " ");
        assert_eq!(status, Some(2), "{text}: {shown}");
        assert!(one_line.contains(said), "{text}: {shown}");
    }
}

/// Bodies that a plugin holds gather, and one that never goes on is told.
#[test]
fn a_held_request_is_told() {
    let folder = folder("test { name: 'Held' request_body { input { content: 'a' } } }");
    folder.write(
        "f.wat",
        &FILTER.replace(
            "(i32.const 3)))\n        i32.const 0)\n    (func (export \"proxy_on_done\")",
            "(i32.const 3)))\n        i32.const 1)\n    (func (export \"proxy_on_done\")",
        ),
    );
    let (status, said) = folder.run(&["run", "f.wat", "tests.textpb"]);
    assert_eq!(status, Some(1));
    assert!(said.contains("  request\n    line 1: test { name: 'Held' request_body { input { content: 'a' } } }\n    expected: it goes on to the upstream, or is answered\n    observed: the plugin holds it\n"), "{said}");
}
