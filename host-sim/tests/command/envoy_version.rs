//! `--envoy`: the rules of older versions of Envoy.

use crate::folder::Folder;

/// Needs a function of WASI that came with 1.39.
const READING: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_pread" (func (param i32 i32 i32 i64 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024))"#;

/// Lets everything pass.
const PASSING: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024))"#;

const QUERY: &str = r#"
about = "A method that only the newest Envoy knows is refused."

[[step]]
request = { method = "QUERY", headers = { content-type = "a/b" } }
expect = { status = 400, body = "Bad Request" }

[[step]]
parallel = { count = 2, request = { method = "QUERY", headers = { content-type = "a/b" } }, expect = { statuses = { "400" = 2 } } }
"#;

#[test]
fn a_module_is_not_loaded_by_a_version_without_its_imports() {
    let folder = Folder::with(&[("reading.wasm", READING)]);
    let checked =
        |version: &str| folder.run(&["check", "--plugin", "reading.wasm", "--envoy", version]);
    let (status, said) = checked("1.38");
    assert_eq!(status, Some(1));
    assert!(
        said.contains("missing import: wasi_snapshot_preview1.fd_pread"),
        "{said}"
    );
    let (status, said) = checked("1.39.3");
    assert_eq!(status, Some(0), "{said}");
    let (status, said) = checked("1.20");
    assert_eq!(status, Some(2));
    assert!(
        said.contains("`1.20` is no version that host-sim knows, expected 1.36 to 1.40"),
        "{said}"
    );
}

#[test]
fn commands_follow_the_rules_of_the_version_that_is_named() {
    let folder = Folder::with(&[("passing.wasm", PASSING), ("query.toml", QUERY)]);
    for (command, file) in [
        ("run", ["passing.wasm", "query.toml"]),
        ("explore", ["--plugin=passing.wasm", "query.toml"]),
    ] {
        let older = [&[command], &file[..], &["--envoy", "1.39"]].concat();
        let (status, said) = folder.run(&older);
        assert_eq!(status, Some(0), "{said}");
        let newest = [&[command], &file[..]].concat();
        let (status, said) = folder.run(&newest);
        assert_eq!(status, Some(1), "{said}");
    }
    let traced = |more: &[&str]| {
        let trace = ["trace", "passing.wasm", "--method", "QUERY"];
        let (_, said) = folder.run(&[&trace, more].concat());
        said
    };
    assert!(traced(&["--envoy", "1.36"]).contains("Bad Request"));
    assert!(!traced(&[]).contains("Bad Request"));
}
