//! `host-sim trace`.

use crate::folder::{Folder, GOOD};

#[test]
fn a_request_is_shown_with_every_hostcall() {
    let folder = Folder::with(&[]);
    let (status, said) = folder.run(&[
        "trace",
        "--plugin",
        "filter.wasm",
        "--path",
        "/a",
        "-H",
        "x-user: 7",
        "--answer-status",
        "201",
        "--answer-body",
        "made",
    ]);
    assert_eq!(status, Some(0));
    insta::assert_snapshot!(said);
}

#[test]
fn a_death_is_shown_as_json_too() {
    let folder = Folder::with(&[]);
    let (status, said) = folder.run(&[
        "trace",
        "--plugin",
        "filter.wasm",
        "--json",
        "--start",
        "--answer-header",
        "x-dies: y",
    ]);
    assert_eq!(status, Some(1));
    insta::assert_snapshot!(said);
}

#[test]
fn a_request_that_hangs_is_said_to() {
    let folder = Folder::with(&[]);
    let (status, said) = folder.run(&[
        "trace",
        "--plugin",
        "filter.wasm",
        "--method",
        "POST",
        "--body",
        "a",
        "--body",
        "b",
        "--http2",
    ]);
    assert_eq!(status, Some(1));
    insta::assert_snapshot!(said);
}

/// Holds a request until the end of its body, and gives up when its timer fires.
pub(crate) const WAITING: &str = r#"(module
    (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
    (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
    (import "env" "proxy_send_local_response" (func $respond (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (global $stream (mut i32) (i32.const 0))
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024)
    (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
        (drop (call $tick (i32.const 1000)))
        i32.const 1)
    (func (export "proxy_on_tick") (param i32)
        (if (global.get $stream) (then
            (drop (call $effective (global.get $stream)))
            (drop (call $respond (i32.const 408) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1))))))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (global.set $stream (local.get 0))
        (i32.eqz (local.get 2)))
    (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
        (i32.eqz (local.get 2))))"#;

/// What is said of that.
pub(crate) const HIDDEN: &str = "POST /: the filter has paused the headers; if it waits for the body, its PluginConfig lacks \
    `allow_on_headers_stop_iteration: true` (Envoy 1.35 or later; here --allow-on-headers-stop-iteration), without which no body is shown \
    while its headers are paused";

#[test]
fn a_filter_that_waits_for_a_body_which_envoy_hides_is_told_of_the_switch() {
    let folder = Folder::with(&[("waiting.wasm", WAITING)]);
    let post = ["trace", "waiting.wasm", "--method", "POST", "--body", "a"];
    let (status, said) = folder.run(&post);
    assert_eq!(status, Some(0));
    let (_, answer) = said.split_once("the client gets ").unwrap();
    assert_eq!(
        answer
            .lines()
            .filter(|line| !line.starts_with("  date"))
            .collect::<Vec<_>>(),
        [
            "408",
            "  server: envoy",
            "  content-length: 0",
            "the upstream saw nothing of it",
            "",
            HIDDEN,
        ]
    );
    let json = [&post[..], &["--json"]].concat();
    let (_, said) = folder.run(&json);
    let document: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(document["hint"].as_str().unwrap().starts_with("POST /: "));

    let with_bodies = [&post[..], &["--allow-on-headers-stop-iteration"]].concat();
    let (status, said) = folder.run(&with_bodies);
    assert_eq!(status, Some(0));
    assert!(said.contains("the client gets 200\n"), "{said}");
    assert!(!said.contains("PluginConfig"), "{said}");

    // A request without a body waits for none.
    let (_, said) = folder.run(&["trace", "waiting.wasm"]);
    assert!(!said.contains("PluginConfig"), "{said}");
}

#[test]
fn a_scenario_is_traced_step_by_step() {
    let two = format!(
        "{GOOD}[[step]]\nadvance = '5s'\n[[step]]\nrequest = {{}}\nexpect = {{ status = 404 }}\n"
    );
    let folder = Folder::with(&[("two.toml", &two)]);
    let (status, said) =
        folder.run(&["trace", "--plugin", "filter.wasm", "--scenario", "two.toml"]);
    assert_eq!(status, Some(0));
    insta::assert_snapshot!(said);
}
