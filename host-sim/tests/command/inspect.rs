//! `host-sim inspect`.

use crate::folder::Folder;

const ODD: &str = r#"(module
    (import "env" "proxy_log" (func (param i32 i32 i32) (result i32)))
    (import "env" "proxy_get_log_level" (func (param i32) (result i32)))
    (import "env" "proxy_gone" (func (param i32) (result i32)))
    (import "env" "envoy_resolve_dns" (func (param i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_sync" (func (param i32) (result i32)))
    (memory (export "memory") 1 4)
    (func (export "proxy_abi_version_0_2_0"))
    (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 1024)
    (func (export "proxy_on_request_headers") (param i32 i32) (result i32) i32.const 1)
    (func (export "proxy_on_new_connection") (param i32) (result i32) i32.const 1)
    (func (export "proxy_on_full_moon") (param i32)))"#;

#[test]
fn a_module_that_loads_is_described() {
    let folder = Folder::with(&[]);
    let (status, said) = folder.run(&["inspect", "filter.wasm"]);
    assert_eq!(status, Some(0));
    insta::assert_snapshot!("loads", said);
    assert_eq!(
        folder.run(&["inspect", "--plugin", "filter.wasm"]),
        (Some(0), said)
    );
    let (status, said) = folder.run(&["inspect", "filter.wasm", "--json"]);
    assert_eq!(status, Some(0));
    insta::assert_snapshot!("loads_json", said);
}

#[test]
fn what_an_envoy_lacks_is_named() {
    let folder = Folder::with(&[("odd.wasm", ODD)]);
    let (status, said) = folder.run(&["inspect", "odd.wasm"]);
    assert_eq!(status, Some(1));
    insta::assert_snapshot!("odd", said);
    let (status, said) = folder.run(&["inspect", "odd.wasm", "--envoy", "1.38.3"]);
    assert_eq!(status, Some(1));
    insta::assert_snapshot!("odd_1_38", said);
}

#[test]
fn a_filter_for_connections_is_named_as_one() {
    let tcp = ODD.replace("proxy_on_request_headers", "proxy_on_upstream_data");
    let tcp = tcp.replace(
        "(param i32 i32) (result i32) i32.const 1)",
        "(param i32 i32 i32) (result i32) i32.const 1)",
    );
    let imports = tcp.find("(import").unwrap()..tcp.find("(memory").unwrap();
    let tcp = tcp.replace(&tcp[imports], "");
    let folder = Folder::with(&[("tcp.wasm", &tcp)]);
    let (status, said) = folder.run(&["inspect", "tcp.wasm"]);
    // Envoy loads it, and never calls it.
    assert_eq!(status, Some(0));
    insta::assert_snapshot!(said);
}

#[test]
fn what_envoy_does_not_link_is_named() {
    const REST: &str = r#"(memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))
        (func (export "malloc") (param i32) (result i32) i32.const 1024))"#;
    for (import, why) in [
        (
            r#"(import "env" "proxy_log" (func (param i64 i32 i32) (result i32)))"#,
            "failed to load the module due to an import type mismatch: env.proxy_log, \
             want: i64 i32 i32 -> i32, but host exports: i32 i32 i32 -> i32",
        ),
        (
            r#"(import "env" "depth" (global i32))"#,
            "failed to load the module due to a missing import: env.depth",
        ),
    ] {
        let module = format!("(module {import} {REST}");
        let folder = Folder::with(&[("filter.wasm", &module)]);
        let (status, said) = folder.run(&["inspect", "filter.wasm"]);
        let line = said.lines().find(|line| line.contains("Envoy 1.40"));
        let columns: Vec<_> = line
            .unwrap_or_default()
            .split("  ")
            .map(str::trim)
            .collect();
        assert_eq!(
            (status, columns.last()),
            (Some(1), Some(&format!("does not load it: {why}").as_str()))
        );
    }
}

#[test]
fn what_is_no_module_exits_with_2() {
    let folder = Folder::with(&[("text.wasm", "hello")]);
    let (status, said) = folder.run(&["inspect", "text.wasm"]);
    assert_eq!(status, Some(2));
    insta::assert_snapshot!(said);
}
