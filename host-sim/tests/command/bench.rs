//! `host-sim bench`.

use serde_json::{Value, json};

use crate::folder::{Folder, GOOD};

/// Takes one page more for every request, without an end.
const LEAKY: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024)
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (memory.grow (i32.const 1)))
        i32.const 0))"#;

/// What is measured, without the time, which is the machine's.
fn timeless(said: &str) -> Value {
    let mut measurements: Value = serde_json::from_str(said).unwrap();
    let time = measurements["microseconds"].take();
    for part in ["mean", "median", "p90", "p99", "most"] {
        assert!(time[part].as_f64().unwrap() > 0.0, "{time}");
    }
    measurements
}

#[test]
fn a_request_costs_what_the_module_does() {
    let folder = Folder::with(&[("good.toml", GOOD)]);
    let one = ["bench", "--plugin", "filter.wasm", "-n", "50", "--json"];
    let scenario = [&one[..], &["--scenario", "good.toml"]].concat();
    for arguments in [&one[..], &scenario] {
        let (status, said) = folder.run(arguments);
        assert_eq!(status, Some(0), "{said}");
        assert_eq!(
            timeless(&said),
            json!({
                "requests": 50,
                "microseconds": null,
                "callbacks_per_request": 1.0,
                "hostcalls_per_request": 2.0,
                "fuel_per_request": 16.0,
                "memory": { "after_warm_up": 65536, "halfway": 65536, "at_the_end": 65536, "grows": false }
            })
        );
    }
}

#[test]
fn a_leak_exits_with_1() {
    let folder = Folder::with(&[("leaky.wasm", LEAKY)]);
    let arguments = [
        "bench",
        "--plugin",
        "leaky.wasm",
        "-n",
        "10",
        "--warm-up",
        "0",
    ];
    let (status, said) = folder.run(&arguments);
    assert_eq!(status, Some(1));
    // How wide the columns are depends on the times, too.
    let columns = regex::Regex::new(" {2,}").unwrap();
    let times = regex::Regex::new(r"(?m)^( time, .*?) [0-9.]+ µs$").unwrap();
    let said = columns.replace_all(&said, " ");
    insta::assert_snapshot!(times.replace_all(&said, "$1 0 µs"));
}

#[test]
fn a_module_that_dies_or_never_returns_is_not_measured() {
    let ends = |body: &str| LEAKY.replace("(drop (memory.grow (i32.const 1)))", body);
    let folder = Folder::with(&[
        ("dies.wasm", &ends("unreachable")),
        ("loops.wasm", &ends("(loop $again (br $again))")),
    ]);
    let bench = |module| {
        let limit = ["--callback-timeout", "1"];
        folder.run(&[&["bench", "--plugin", module, "-n", "2"][..], &limit].concat())
    };
    assert_eq!(
        bench("dies.wasm"),
        (
            Some(1),
            "dies.wasm: the module died: proxy_on_request_headers trapped: wasm trap: wasm `unreachable` instruction executed\n".to_owned()
        )
    );
    assert_eq!(
        bench("loops.wasm"),
        (
            Some(1),
            "loops.wasm: proxy_on_request_headers did not return within 1s; in Envoy that worker would never do anything again\n".to_owned()
        )
    );
}
