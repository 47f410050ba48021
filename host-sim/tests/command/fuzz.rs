//! `host-sim fuzz`: it finds what was planted, makes it small, and says the same in every run.

use crate::folder::Folder;

/// Counts calls in progress, and asks for a header and the method. A fault takes the place of `FAULT`, `PAUSE` or `DONE`.
const FILTER: &str = r#"(module
    (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_increment_metric" (func $add (param i32 i64) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) "in_progress")
    (data (i32.const 32) "x-mode")
    (global $gauge (mut i32) (i32.const 0))
    (global $seen (mut i32) (i32.const 0))
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024)
    (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
        (drop (call $define (i32.const 1) (i32.const 16) (i32.const 11) (i32.const 0)))
        (global.set $gauge (i32.load (i32.const 0)))
        i32.const 1)
    (func (export "proxy_on_context_create") (param i32 i32)
        (if (local.get 1) (then (drop (call $add (global.get $gauge) (i64.const 1))))))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (if (i32.eqz (call $get (i32.const 0) (i32.const 32) (i32.const 6) (i32.const 0) (i32.const 4))) (then
            (if (i32.ge_u (i32.load (i32.const 4)) (i32.const 3)) (then
                (if (i32.eq (i32.load8_u (i32.load (i32.const 0))) (i32.const 45)) (then FAULT))))))
        i32.const 0)
    (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) PAUSE)
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) ANSWERED i32.const 0)
    (func (export "proxy_on_log") (param i32) DONE))"#;

/// A filter with one fault.
fn planted(fault: &str, pause: &str, answered: &str, done: &str) -> String {
    let with = |text: &str, place: &str, code: &str| {
        assert!(text.contains(place));
        text.replace(place, code)
    };
    let text = with(FILTER, "FAULT", fault);
    let text = with(&text, "PAUSE", pause);
    let text = with(&text, "ANSWERED", answered);
    with(&text, "DONE", done)
}

const LESS: &str = "(drop (call $add (global.get $gauge) (i64.const -1)))";
const GOES_ON: &str = "i32.const 0";

const START: &str = r#"about = "A call."
workers = 2
[[invariant]]
about = "Who has left is not in progress."
metrics = { in_progress = 0 }
[[step]]
request = { headers = { x-mode = "plain" } }
"#;

/// The folder, what it says, and the scenario that it found.
fn found(filter: &str) -> (Folder, String, String) {
    let folder = Folder::with(&[("f.wat", filter), ("start.toml", START)]);
    let run = [
        "fuzz",
        "f.wat",
        "start.toml",
        "--seed",
        "1",
        "--executions",
        "20000",
    ];
    let output = folder.command(&run).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let again = folder.command(&run).output().unwrap();
    assert_eq!(String::from_utf8(again.stdout).unwrap(), said);
    let scenario = folder.read("found.toml");
    (folder, said, scenario)
}

/// How many steps are left.
fn steps(scenario: &str) -> usize {
    scenario.matches("[[step]]").count()
}

#[test]
fn a_trap_is_found_and_its_scenario_fails_as_well() {
    let (folder, said, scenario) = found(&planted("unreachable", GOES_ON, "", LESS));
    assert!(
        said.contains("found: proxy_on_request_headers trapped: "),
        "{said}"
    );
    assert!(scenario.contains("x-mode = \"-"), "{scenario}");
    assert_eq!(steps(&scenario), 1, "{scenario}");
    let (status, said) = folder.run(&["run", "f.wat", "found.toml"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("step[0].invariant[1].alive\n"), "{said}");
    assert!(
        said.contains("observed: proxy_on_request_headers trapped"),
        "{said}"
    );
}

#[test]
fn a_callback_that_never_returns_is_found() {
    let (_, said, scenario) = found(&planted("(loop $l (br $l))", GOES_ON, "", LESS));
    assert!(
        said.contains("found: proxy_on_request_headers does not return\n"),
        "{said}"
    );
    assert_eq!(steps(&scenario), 1, "{scenario}");
}

#[test]
fn a_call_that_is_held_for_ever_is_found() {
    // Holds bodies that end in a piece of fewer than three bytes.
    let pause =
        "(i32.and (i32.lt_u (local.get 1) (i32.const 3)) (i32.gt_u (local.get 1) (i32.const 0)))";
    let (folder, said, scenario) = found(&planted("", pause, "", LESS));
    assert!(
        said.contains("found: a call hangs: the plugin paused the "),
        "{said}"
    );
    assert_eq!(steps(&scenario), 1, "{scenario}");
    let (status, said) = folder.run(&["run", "f.wat", "found.toml"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.starts_with("FAILED   found.toml: "), "{said}");
}

#[test]
fn memory_that_grows_for_ever_is_found() {
    let (folder, said, scenario) = found(&planted(
        "(drop (memory.grow (i32.const 1)))",
        GOES_ON,
        "",
        LESS,
    ));
    assert!(said.contains("found: memory grows: "), "{said}");
    assert_eq!(steps(&scenario), 1, "{scenario}");
    let (status, said) = folder.run(&[
        "bench",
        "--plugin",
        "f.wat",
        "--scenario",
        "found.toml",
        "-n",
        "100",
    ]);
    assert_eq!(status, Some(1), "{said}");
}

/// Counts down when the answer comes, which is never for a client that leaves before.
#[test]
fn an_invariant_that_a_leaving_client_breaks_is_found() {
    let (folder, said, scenario) = found(&planted("", GOES_ON, LESS, ""));
    assert!(said.contains("found: invariant[0].metrics.\"in_progress\": expected \"0\": Who has left is not in progress., observed "), "{said}");
    assert!(steps(&scenario) <= 3, "{scenario}");
    let (status, said) = folder.run(&["run", "f.wat", "found.toml"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(
        said.contains("invariant[0].metrics.\"in_progress\"\n"),
        "{said}"
    );
}

#[test]
fn a_filter_without_faults_survives() {
    let folder = Folder::with(&[
        ("f.wat", &planted("", GOES_ON, "", LESS)),
        ("start.toml", START),
        ("c.json", "{\"a\": [1, \"b\"]}"),
    ]);
    let (status, said) = folder.run(&["fuzz", "f.wat", "start.toml", "-n", "5000"]);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("\nnothing found\n"), "{said}");
    let (status, said) = folder.run(&["fuzz", "f.wat", "--config", "c.json", "-n", "2000"]);
    assert_eq!(status, Some(0), "{said}");
}

/// Dies of configurations of at least nine bytes that are no longer than the one that it knows.
#[test]
fn a_configuration_that_kills_it_is_found() {
    let filter = planted("", GOES_ON, "", LESS).replace(
        "(func (export \"proxy_on_log\")",
        "(func (export \"proxy_on_configure\") (param i32 i32) (result i32)
            (if (i32.gt_u (local.get 1) (i32.const 15)) (then unreachable))
            i32.const 1)
        (func (export \"proxy_on_log\")",
    );
    let folder = Folder::with(&[("f.wat", &filter), ("c.json", "{\"a\": [1, \"b\"]}")]);
    let (status, said) = folder.run(&["fuzz", "f.wat", "--config", "c.json", "-o", "x.toml"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(
        said.contains("found: proxy_on_configure trapped: "),
        "{said}"
    );
    let (status, said) = folder.run(&["run", "f.wat", "x.toml"]);
    assert_eq!(status, Some(1), "{said}");
}

#[test]
fn what_cannot_be_run_is_told() {
    let refused = START
        .replace(
            "[[step]]\nrequest = { headers = { x-mode = \"plain\" } }\n",
            "",
        )
        .replace(
            "about = \"A call.\"",
            "about = \"A call.\"\nrejected = true",
        );
    let folder = Folder::with(&[("start.toml", &refused), ("c.json", "12345678")]);
    for (arguments, status, said) in [
        (
            &["fuzz", "filter.wasm", "start.toml"][..],
            2,
            "there is no scenario to begin with whose configuration is accepted",
        ),
        (
            &["fuzz", "filter.wasm", "--config", "c.json"],
            1,
            "the beginning: filter.wasm: proxy_on_configure trapped",
        ),
        (&["fuzz", "none.wasm"], 2, "No such file or directory"),
        (
            &["fuzz", "filter.wasm", "-n", "0"],
            2,
            "--steps and --executions must be at least 1",
        ),
    ] {
        let (code, told) = folder.run(arguments);
        assert_eq!(code, Some(status), "{told}");
        assert!(told.contains(said), "{told}");
    }
    let empty = START.replace("metrics = { in_progress = 0 }\n", "");
    folder.write("start.toml", &empty);
    let (code, told) = folder.run(&["run", "filter.wasm", "start.toml"]);
    assert_eq!(code, Some(2), "{told}");
    assert!(
        told.contains(
            "expected at least one of `alive = true`, `status`, `headers`, `metrics` and `log`"
        ),
        "{told}"
    );
}
