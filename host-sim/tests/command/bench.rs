//! `host-sim bench`.

use serde_json::{Value, json};

use crate::folder::{Folder, GOOD};
use crate::source::compile;

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
    for kind in ["callbacks", "hostcalls", "functions"] {
        let called = measurements.get_mut(kind).and_then(Value::as_array_mut);
        for called in called.into_iter().flatten() {
            let time = called["microseconds"].take();
            assert!(time.as_f64().unwrap() >= 0.0, "{time}");
        }
    }
    measurements
}

/// Calls itself, returns early, branches out of itself and asks the host; its functions are numbered from 1 on, behind the import.
const NESTED: &str = r#"(module
    (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024)
    (func $down (param i32) (result i32)
        (if (i32.eqz (local.get 0)) (then (return (i32.const 7))))
        (call $down (i32.sub (local.get 0) (i32.const 1))))
    (func $out (br 0))
    (func $never unreachable)
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $down (i32.const 2)))
        (call $out)
        (drop (call $log (i32.const 2) (i32.const 0) (i32.const 5)))
        i32.const 0))"#;

#[test]
fn a_profile_says_which_function_takes_how_much_and_changes_nothing() {
    let folder = Folder::with(&[("nested.wasm", NESTED)]);
    let plain = ["bench", "--plugin", "nested.wasm", "-n", "10", "--json"];
    let files = ["--profile", "p.json", "--flamegraph", "f.svg"];
    let (_, without) = folder.run(&plain);
    let (status, with) = folder.run(&[&plain[..], &files].concat());
    assert_eq!(status, Some(0), "{with}");
    let (mut with, without) = (timeless(&with), timeless(&without));
    let functions = with.as_object_mut().unwrap().remove("functions").unwrap();
    assert_eq!(with, without);
    let one = |called: &Value| {
        let part = |name: &str| called[name].as_f64().unwrap();
        (
            called["name"].as_str().unwrap().to_owned(),
            part("calls"),
            part("own_instructions"),
            part("instructions"),
        )
    };
    let functions: Vec<_> = functions.as_array().unwrap().iter().map(one).collect();
    let total: f64 = functions.iter().map(|(_, _, own, _)| own).sum();
    // Every instruction is some function's.
    assert_eq!(total, with["fuel_per_request"].as_f64().unwrap());
    let names: Vec<_> = functions
        .iter()
        .map(|(name, calls, ..)| (name.as_str(), *calls))
        .collect();
    assert_eq!(
        names,
        [
            ("down", 3.0),
            ("proxy_on_request_headers", 1.0),
            ("out", 1.0)
        ]
    );
    let callback = one(&with["callbacks"][0]);
    assert_eq!(
        (callback.0.as_str(), callback.3),
        ("proxy_on_request_headers", total)
    );
    assert_eq!(with["hostcalls"][0]["bytes"], json!(5.0));

    let profile: Value = serde_json::from_str(&folder.read("p.json")).unwrap();
    let thread = &profile["threads"][0];
    let weights = thread["samples"]["weight"].as_array().unwrap();
    let weights: u64 = weights.iter().map(|weight| weight.as_u64().unwrap()).sum();
    assert_eq!(weights as f64, total * 10.0);
    for (table, columns) in thread.as_object().unwrap() {
        let Some(length) = columns["length"].as_u64() else {
            continue;
        };
        for (column, values) in columns.as_object().unwrap() {
            if let Some(values) = values.as_array() {
                assert_eq!(values.len() as u64, length, "{table}.{column}");
            }
        }
    }
    let picture = folder.read("f.svg");
    assert!(picture.contains("<title>down: "), "{picture}");
}

#[test]
fn names_of_a_stripped_filter_come_from_its_twin() {
    let folder = Folder::with(&[("counted.rs", include_str!("source/counted.rs"))]);
    let plain = ["-Copt-level=0"];
    compile(
        &folder,
        "counted.rs",
        "twin.wasm",
        &[&plain[..], &["-Cdebuginfo=1"]].concat(),
    );
    compile(
        &folder,
        "counted.rs",
        "shipped.wasm",
        &[&plain[..], &["-Cstrip=symbols"]].concat(),
    );
    compile(&folder, "counted.rs", "other.wasm", &["-Copt-level=2"]);
    let bench = |options: &[&str]| {
        let bench = ["bench", "--plugin", "shipped.wasm", "-n", "2", "--json"];
        folder.run(&[&bench[..], &["--flamegraph", "f.svg"], options].concat())
    };
    let functions = |said: &str| {
        let said: Value = serde_json::from_str(said).unwrap();
        let functions = said["functions"].as_array().unwrap().iter();
        let one = |called: &Value| {
            let name = called["name"].as_str().unwrap().to_owned();
            (name, called["calls"].as_f64().unwrap())
        };
        functions.map(one).collect::<Vec<_>>()
    };
    let (status, said) = bench(&["--symbols", "twin.wasm"]);
    assert_eq!(status, Some(0), "{said}");
    let named = functions(&said);
    for expected in [("counted::few", 1.0), ("counted::few::{{closure}}", 3.0)] {
        let expected = (expected.0.to_owned(), expected.1);
        assert!(named.contains(&expected), "{named:?}");
    }
    assert!(folder.read("f.svg").contains("<title>counted::few: "));
    let (_, said) = bench(&[]);
    let numbered = functions(&said);
    let calls = |functions: &[(String, f64)]| {
        functions
            .iter()
            .map(|(_, calls)| *calls)
            .collect::<Vec<_>>()
    };
    assert_eq!(calls(&numbered), calls(&named));
    assert!(!said.contains("counted"), "{said}");
    let (status, said) = bench(&["--symbols", "other.wasm"]);
    assert_eq!(status, Some(2));
    let error = "error: other.wasm: its code is not that of the filter: expected the same module before its names were stripped\n";
    assert!(said.ends_with(error), "{said}");
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
                "memory": { "after_warm_up": 65536, "halfway": 65536, "at_the_end": 65536, "grows": false },
                "callbacks": [{
                    "name": "proxy_on_response_headers", "calls": 1.0, "instructions": 16.0, "own_instructions": 16.0,
                    "microseconds": null, "bytes": 13.0, "hostcalls": 2.0
                }],
                "hostcalls": [
                    {
                        "name": "proxy_add_header_map_value", "calls": 1.0, "instructions": 0.0, "own_instructions": 0.0,
                        "microseconds": null, "bytes": 7.0, "hostcalls": 1.0
                    },
                    {
                        "name": "proxy_get_header_map_value", "calls": 1.0, "instructions": 0.0, "own_instructions": 0.0,
                        "microseconds": null, "bytes": 6.0, "hostcalls": 1.0
                    }
                ]
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
    let of_callback =
        regex::Regex::new(r"(?m)^( proxy_on_request_headers 1 \d+ \d+) [0-9.]+ ").unwrap();
    let said = of_callback.replace_all(&said, "$1 0 ");
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
            "dies.wasm: the module died: proxy_on_request_headers trapped: wasm trap: wasm `unreachable` instruction executed; host-sim trace says where\n".to_owned()
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
