//! The command: what it prints and how it exits.

#![expect(clippy::unwrap_used, reason = "a test that panics says so by failing")]

use std::fs;
use std::process::Command;

use tempfile::TempDir;

/// Refuses a configuration of nine bytes and lets every request pass; hangs on POST.
const FILTER: &str = r#"(module
    (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) "nine bytes are too many")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024)
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
        (if (i32.eq (local.get 1) (i32.const 8)) (then unreachable))
        (if (i32.eq (local.get 1) (i32.const 9)) (then
            (drop (call $log (i32.const 4) (i32.const 16) (i32.const 23)))
            (return (i32.const 0))))
        i32.const 1)
    (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) i32.const 1))"#;

const GOOD: &str = "about = 'A.'\nconfig = {}\n[[step]]\nrequest = {}\nexpect = { status = 200 }\n";

struct Folder(TempDir);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self(TempDir::new().unwrap());
        let filter = [("filter.wasm", FILTER)];
        for (name, text) in filter.iter().chain(files) {
            fs::create_dir_all(folder.0.path().join(name).parent().unwrap()).unwrap();
            fs::write(folder.0.path().join(name), text).unwrap();
        }
        folder
    }

    /// Runs the command in the folder: its exit status, and all that it says.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_host-sim"))
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    }
}

#[test]
fn scenarios_in_files_and_folders_are_run() {
    let folder = Folder::with(&[
        ("one.toml", GOOD),
        ("more/b.toml", GOOD),
        ("more/deep/a.toml", GOOD),
        ("more/x", ""),
    ]);
    assert_eq!(
        folder.run(&["run", "--plugin", "filter.wasm", "one.toml", "more"]),
        (
            Some(0),
            "ok       one.toml\nok       more/b.toml\nok       more/deep/a.toml\n3 passed, 0 failed\n".to_owned()
        )
    );
}

#[test]
fn what_does_not_hold_exits_with_1_and_the_others_go_on() {
    let wrong = GOOD.replace("200", "201");
    let hangs = GOOD.replace("{}\nexpect", "{ method = 'POST', body = 'x' }\nexpect");
    let folder = Folder::with(&[("a.toml", &wrong), ("b.toml", &hangs), ("c.toml", GOOD)]);
    assert_eq!(
        folder.run(&["run", "--plugin", "filter.wasm", "a.toml", "b.toml", "c.toml"]),
        (
            Some(1),
            "MISMATCH a.toml on sim\n  step[0].expect.status\n    expected: 201\n    observed: 200\n\
             FAILED   b.toml: sim failed while serving a request: POST / hangs: the plugin paused the request body and \
             nothing that could resume it is left to happen\n    \
             [host->vm] proxy_on_request_body(2, 1, false)\n    \
             [host<-vm] proxy_on_request_body -> Pause\n    \
             [host->vm] proxy_on_request_body(2, 1, true)\n    \
             [host<-vm] proxy_on_request_body -> Pause\n\
             ok       c.toml\n1 passed, 2 failed\n"
                .to_owned()
        )
    );
}

#[test]
fn what_cannot_be_read_exits_with_2() {
    let folder = Folder::with(&[
        ("bad.toml", "about = 1"),
        ("none.wasm", "(module)"),
        ("good.toml", GOOD),
        ("empty/x", ""),
    ]);
    for (arguments, message) in [
        (
            &["run", "--plugin", "filter.wasm", "bad.toml"][..],
            "error: bad.toml:1:9: at `about`: invalid type: integer `1`, expected a string\n",
        ),
        (
            &["run", "--plugin", "filter.wasm", "missing.toml"],
            "error: missing.toml: No such file or directory (os error 2)\n",
        ),
        (
            &["run", "--plugin", "filter.wasm", "empty"],
            "error: empty: no *.toml in this directory\n",
        ),
        (
            &["run", "--plugin", "none.wasm", "good.toml"],
            "error: none.wasm: missing or unknown Proxy-Wasm ABI version: \
             no export named proxy_abi_version_0_2_0 or proxy_abi_version_0_2_1\n",
        ),
        (
            &["check", "--plugin", "filter.wasm", "missing.json"],
            "error: missing.json: No such file or directory (os error 2)\n",
        ),
    ] {
        assert_eq!(
            folder.run(arguments),
            (Some(2), message.to_owned()),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_configuration_is_checked() {
    let folder = Folder::with(&[
        ("good.json", "{}"),
        ("bad.json", "{\"a\": 12}"),
        ("dies.json", "12345678"),
    ]);
    let check = |file| folder.run(&["check", "--plugin", "filter.wasm", file]);
    assert_eq!(check("good.json"), (Some(0), "accepted\n".to_owned()));
    assert_eq!(
        check("bad.json"),
        (Some(1), "nine bytes are too many\n".to_owned())
    );
    assert_eq!(
        check("dies.json"),
        (
            Some(2),
            "error: filter.wasm: proxy_on_configure trapped: wasm trap: wasm `unreachable` instruction executed\n"
                .to_owned()
        )
    );
}
