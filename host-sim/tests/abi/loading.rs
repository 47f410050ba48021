//! What Envoy would not load, and how that is said.

use host_sim::{AbiVersion, Module};

use crate::guest::module;

const BASE: &str = r#"(memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) i32.const 1024)"#;
const V0_1_0: &str = r#"(func (export "proxy_abi_version_0_1_0"))"#;
const V0_2_0: &str = r#"(func (export "proxy_abi_version_0_2_0"))"#;
const V0_2_1: &str = r#"(func (export "proxy_abi_version_0_2_1"))"#;

fn load(parts: &[&str]) -> Result<AbiVersion, String> {
    Module::from_bytes(format!("(module {})", parts.concat()).as_bytes())
        .map(|module| module.abi())
        .map_err(|error| error.to_string())
}

#[test]
fn the_first_known_version_wins() {
    assert_eq!(load(&[BASE, V0_1_0]), Ok(AbiVersion::V0_1_0));
    assert_eq!(load(&[BASE, V0_2_0]), Ok(AbiVersion::V0_2_0));
    assert_eq!(load(&[BASE, V0_1_0, V0_2_1]), Ok(AbiVersion::V0_1_0));
    assert_eq!(load(&[BASE, V0_2_1, V0_2_0]), Ok(AbiVersion::V0_2_1));
    assert_eq!(module("").abi(), AbiVersion::V0_2_1);
}

#[test]
fn modules_that_envoy_would_refuse_are_refused_with_the_reason() {
    for (parts, message) in [
        (
            &[BASE][..],
            "missing or unknown Proxy-Wasm ABI version: \
             no export named proxy_abi_version_0_1_0, proxy_abi_version_0_2_0 or proxy_abi_version_0_2_1",
        ),
        (
            &[BASE, r#"(func (export "proxy_abi_version_0_3_0"))"#],
            "unknown Proxy-Wasm ABI version `proxy_abi_version_0_3_0`, \
             expected proxy_abi_version_0_1_0, proxy_abi_version_0_2_0 or proxy_abi_version_0_2_1",
        ),
        (
            &[V0_2_1],
            "the module exports no allocator, expected `malloc` or `proxy_on_memory_allocate`",
        ),
        (
            &[r#"(import "env" "proxy_teleport" (func))"#, BASE, V0_2_1],
            "failed to load the module due to a missing import: env.proxy_teleport",
        ),
        (
            &[
                r#"(import "env" "proxy_log" (func (param i32 i32) (result i32)))"#,
                BASE,
                V0_2_1,
            ],
            "failed to load the module due to an import type mismatch: env.proxy_log, \
             want: i32 i32 -> i32, but host exports: i32 i32 i32 -> i32",
        ),
        (
            &[r#"(import "env" "proxy_done" (func))"#, BASE, V0_2_1],
            "failed to load the module due to an import type mismatch: env.proxy_done, \
             want: void -> void, but host exports: void -> i32",
        ),
        // proxy_get_log_level came with 0.2.1.
        (
            &[
                r#"(import "env" "proxy_get_log_level" (func (param i32) (result i32)))"#,
                BASE,
                V0_2_0,
            ],
            "failed to load the module due to a missing import: \
             env.proxy_get_log_level belongs to ABI 0.2.1, and the module says that it was built for 0.2.0",
        ),
        (
            &[
                r#"(import "env" "proxy_continue_stream" (func (param i32) (result i32)))"#,
                BASE,
                V0_1_0,
            ],
            "failed to load the module due to a missing import: \
             env.proxy_continue_stream belongs to ABI 0.2.0 and 0.2.1, and the module says that it was built for 0.1.0",
        ),
        (
            &[
                r#"(import "env" "proxy_continue_request" (func (result i32)))"#,
                BASE,
                V0_2_1,
            ],
            "failed to load the module due to a missing import: \
             env.proxy_continue_request belongs to ABI 0.1.0, and the module says that it was built for 0.2.1",
        ),
        (
            &[
                r#"(func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32) i32.const 0)"#,
                BASE,
                V0_2_1,
            ],
            "the module is a TCP filter: it exports proxy_on_downstream_data and no callback of an HTTP filter; \
             host-sim simulates HTTP filters",
        ),
    ] {
        assert_eq!(load(parts), Err(message.to_owned()));
    }
    assert_eq!(
        Module::from_bytes(b"\0asm\x01\0\0\0garbage")
            .unwrap_err()
            .to_string(),
        "not a WebAssembly module: unexpected end-of-file (at offset 0xa)"
    );
}

#[test]
fn what_is_not_implemented_yet_loads() {
    let http_call = r#"(import "env" "proxy_http_call"
        (func (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))"#;
    assert_eq!(load(&[http_call, BASE, V0_2_1]), Ok(AbiVersion::V0_2_1));
}
