//! A filter that knows no costs, limits or plans is forecast as well, by what it answers.

use super::LOG;
use crate::folder::Folder;

/// Answers whatever begins with `/t` with 403.
const GATE: &str = r#"(module
    (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_send_local_response" (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) ":path")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 4096)
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $get (i32.const 0) (i32.const 16) (i32.const 5) (i32.const 1024) (i32.const 1028)))
        (if (i32.eq (i32.load8_u offset=1 (i32.load (i32.const 1024))) (i32.const 116)) (then
            (drop (call $answer (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                (i32.const 0) (i32.const 0) (i32.const -1)))
            (return (i32.const 1))))
        i32.const 0))"#;

#[test]
fn only_what_it_tells_is_shown() {
    let folder = Folder::with(&[("gate.wasm", GATE), ("access.log", LOG)]);
    let replay = [
        "replay",
        "--plugin",
        "gate.wasm",
        "--field",
        "organization=customer",
    ];
    let (status, said) = folder.run(&[&replay[..], &["access.log", "--html", "a.html"]].concat());
    assert_eq!(status, Some(0), "{said}");
    insta::assert_snapshot!(said);
    let page = folder.read("a.html");
    for nothing in ["Charged", "Limit", "Needs", "spare", "class=\"meter"] {
        assert!(!page.contains(nothing), "{nothing}");
    }
}
