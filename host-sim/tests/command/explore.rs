//! `host-sim explore`.

use crate::folder::{Folder, GOOD};

/// Counts calls in one digit, and creates it without a condition: of two first calls at the same time one can get lost.
pub(crate) const FORGETFUL: &str = r#"(module
    (import "env" "proxy_get_shared_data" (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 64) "x-count")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024)
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (loop $again
            (i32.store8 (i32.const 16) (i32.const 48))
            (i32.store (i32.const 8) (i32.const 0))
            (if (i32.eqz (call $get (i32.const 64) (i32.const 7) (i32.const 0) (i32.const 4) (i32.const 8)))
                (then (i32.store8 (i32.const 16) (i32.load8_u (i32.load (i32.const 0))))))
            (i32.store8 (i32.const 16) (i32.add (i32.load8_u (i32.const 16)) (i32.const 1)))
            (br_if $again (call $set (i32.const 64) (i32.const 7) (i32.const 16) (i32.const 1) (i32.load (i32.const 8)))))
        (drop (call $add (i32.const 0) (i32.const 64) (i32.const 7) (i32.const 16) (i32.const 1)))
        i32.const 0))"#;

const COUNTED: &str = "about = 'Both calls are counted.'\nworkers = 2\n\
    [[step]]\nparallel = { count = 2, request = {}, expect = { statuses = { \"200\" = 2 } } }\n\
    [[step]]\nrequest = {}\nexpect = { upstream_request = { headers = { x-count = '3' } } }\n";

#[test]
fn a_lost_update_is_found_and_its_schedule_runs_again() {
    let folder = Folder::with(&[("forgetful.wat", FORGETFUL), ("counted.toml", COUNTED)]);
    let explore = ["explore", "--plugin", "forgetful.wat", "counted.toml"];
    let (status, said) = folder.run(&explore);
    assert_eq!(status, Some(1));
    insta::assert_snapshot!(said);
    let scenario = [
        "run",
        "--plugin",
        "forgetful.wat",
        "counted.toml",
        "--schedule",
    ];
    let (status, again) = folder.run(&[&scenario[..], &["1*2 2"]].concat());
    assert_eq!(status, Some(1));
    // What differs and how it came to that is the same.
    let shown = |said: &str| said.lines().take(4).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(shown(&again), shown(&said));
    let (status, said) = folder.run(&[&scenario[..], &["1*3 2"]].concat());
    assert_eq!(
        (status, said.as_str()),
        (
            Some(0),
            "ok       counted.toml\n1 passed, 0 failed, 0 skipped\n"
        )
    );
}

#[test]
fn how_many_orders_there_are_is_said() {
    let folder = Folder::with(&[("counted.toml", COUNTED), ("alone.toml", GOOD)]);
    let without_count = COUNTED.split("expect = { upstream").next().unwrap();
    folder.write("passes.toml", without_count);
    assert_eq!(
        folder.run(&["explore", "--plugin", "filter.wasm", "passes.toml"]),
        (
            Some(0),
            "ok       passes.toml: holds under every order of events, 1 schedule\n".to_owned()
        )
    );
    let forgetful = Folder::with(&[("forgetful.wat", FORGETFUL), ("passes.toml", without_count)]);
    let arguments = [
        "explore",
        "--plugin",
        "forgetful.wat",
        "passes.toml",
        "--schedules",
        "2",
    ];
    assert_eq!(
        forgetful.run(&arguments),
        (
            Some(0),
            "ok       passes.toml: holds under 2 schedules, and under 2 more drawn by lot; there are others\n".to_owned()
        )
    );
    assert_eq!(
        folder.run(&["explore", "--plugin", "filter.wasm", "alone.toml"]),
        (
            Some(2),
            "error: alone.toml: no step is `parallel`, expected at least one: its requests are what is explored\n".to_owned()
        )
    );
}
