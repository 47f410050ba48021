//! `host-sim run`.

use crate::folder::{Folder, GOOD};

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
            "ok       one.toml\nok       more/b.toml\nok       more/deep/a.toml\n3 passed, 0 failed, 0 skipped\n".to_owned()
        )
    );
}

#[test]
fn what_does_not_hold_exits_with_1_and_the_others_go_on() {
    let (wrong, hangs) = (GOOD.replace("200", "201"), hanging());
    let folder = Folder::with(&[("a.toml", &wrong), ("b.toml", &hangs), ("c.toml", GOOD)]);
    let (status, said) = folder.run(&[
        "run",
        "--plugin",
        "filter.wasm",
        "a.toml",
        "b.toml",
        "c.toml",
    ]);
    assert_eq!(status, Some(1));
    insta::assert_snapshot!(said);
}

fn hanging() -> String {
    GOOD.replace("{}\nexpect", "{ method = 'POST', body = 'x' }\nexpect")
}

fn deadly() -> String {
    GOOD.replace(
        "request = {}",
        "request = { upstream = { headers = { x-dies = 'y' } } }",
    )
}

#[test]
fn a_death_is_explained_by_the_hostcall_before_it() {
    let folder = Folder::with(&[("a.toml", &deadly())]);
    let (status, said) = folder.run(&["run", "-v", "--plugin", "filter.wasm", "a.toml"]);
    assert_eq!(status, Some(1));
    insta::assert_snapshot!(said);
}

/// Only `explore` counts what the upstream has at once.
#[test]
fn what_cannot_be_run_is_skipped_and_counted_so() {
    let skipped = GOOD.replace(
        "request = {}\nexpect = { status = 200 }",
        "parallel = { count = 2, request = {}, expect = { upstream_at_once = 2 } }",
    );
    let folder = Folder::with(&[("a.toml", GOOD), ("b.toml", &skipped)]);
    let said = "ok       a.toml\nskipped  b.toml (sim cannot do `interleaving`)\n1 passed, 0 failed, 1 skipped\n";
    assert_eq!(
        folder.run(&["run", "filter.wasm", "a.toml", "b.toml"]),
        (Some(0), said.to_owned())
    );
    let (_, said) = folder.run(&["run", "filter.wasm", "b.toml", "--json"]);
    assert!(
        said.contains("\"passed\": 0,\n  \"failed\": 0,\n  \"skipped\": 1,"),
        "{said}"
    );
}

#[test]
fn scenarios_are_chosen_by_their_path_or_their_sentence() {
    let other = GOOD.replace("'A.'", "'Another one.'");
    let folder = Folder::with(&[("a.toml", GOOD), ("b.toml", &other)]);
    let run = |filter| folder.run(&["run", "--plugin", "filter.wasm", ".", "--filter", filter]);
    assert_eq!(
        run("nother"),
        (
            Some(0),
            "ok       ./b.toml\n1 passed, 0 failed, 0 skipped\n".to_owned()
        )
    );
    assert_eq!(
        run("a.toml"),
        (
            Some(0),
            "ok       ./a.toml\n1 passed, 0 failed, 0 skipped\n".to_owned()
        )
    );
    assert_eq!(
        run("zebra"),
        (
            Some(2),
            "error: no scenario has `zebra` in its path or its sentence\n".to_owned()
        )
    );
}

#[test]
fn results_are_written_for_ci() {
    let folder = Folder::with(&[
        ("a.toml", GOOD),
        ("b.toml", &hanging()),
        ("c.toml", &GOOD.replace("200", "201")),
    ]);
    let (status, said) = folder.run(&[
        "run",
        "--plugin",
        "filter.wasm",
        "a.toml",
        "b.toml",
        "c.toml",
        "--json",
        "--junit",
        "results.xml",
    ]);
    assert_eq!(status, Some(1));
    let timeless = regex::Regex::new(r#"("seconds": |time=")[0-9.e-]+"#).unwrap();
    insta::assert_snapshot!("json", timeless.replace_all(&said, "${1}0"));
    insta::assert_snapshot!(
        "junit",
        timeless.replace_all(&folder.read("results.xml"), "${1}0")
    );
}

/// As under `host-sim … | head`.
#[test]
fn it_ends_quietly_when_nobody_reads_on() {
    let folder = Folder::with(&[("a.toml", GOOD), ("b.toml", &GOOD.replace("200", "201"))]);
    for (arguments, status) in [
        (&["run", "--plugin", "filter.wasm", "a.toml"][..], 0),
        // What it has found counts all the same.
        (&["run", "--plugin", "filter.wasm", "a.toml", "b.toml"], 1),
        (&["trace", "filter.wasm"], 0),
        (&["inspect", "filter.wasm"], 0),
        (&["new"], 0),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = folder.command(arguments);
        let output = command.stdout(writer).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), said),
            (Some(status), String::new()),
            "{arguments:?}"
        );
    }
}

#[test]
fn what_cannot_be_read_exits_with_2() {
    let folder = Folder::with(&[
        ("bad.toml", "about = 1"),
        ("none.wasm", "(module)"),
        ("good.toml", GOOD),
        ("empty/x", ""),
        (
            "chain.toml",
            "about = 'A.'\n[[filter]]\nmodule = 'gone.wasm'\n[[step]]\nrequest = {}",
        ),
        (
            "endless.toml",
            "about = 'A.'\nconfig_file = '/dev/zero'\n[[step]]\nrequest = {}",
        ),
        ("binary.json", "\0asm\u{1}\0\0\0"),
    ]);
    assert_eq!(folder.run(&["run", "filter.wasm", "good.toml"]).0, Some(0));
    for (arguments, message) in [
        (
            &["run", "--plugin", "filter.wasm", "missing.toml"][..],
            "error: missing.toml: No such file or directory (os error 2)\n",
        ),
        (
            &["run", "--plugin", "filter.wasm", "empty"],
            "error: empty: no *.toml in this directory\n",
        ),
        (
            &["run", "--plugin", "good.toml", "good.toml"],
            "error: good.toml: a .toml file is no filter, expected the .wasm file that Envoy loads\n",
        ),
        (
            &["run", "--plugin", "none.wasm", "good.toml"],
            "error: none.wasm: missing or unknown Proxy-Wasm ABI version: \
             no export named proxy_abi_version_0_1_0, proxy_abi_version_0_2_0 or proxy_abi_version_0_2_1\n",
        ),
        (
            &["run", "good.toml"],
            "error: there is no filter: name it with --plugin FILTER.wasm\n",
        ),
        (
            &["run", "filter.wasm"],
            "error: there is no scenario: name a .toml file or a directory with some\n",
        ),
        (
            &["run", "--plugin", "filter.wasm", "none.wasm"],
            "error: none.wasm: a module is no scenario, and the filter is filter.wasm\n",
        ),
        (
            &["run", "filter.wasm", "chain.toml"],
            "error: chain.toml: gone.wasm: No such file or directory (os error 2)\n",
        ),
        (
            &["run", "filter.wasm", "endless.toml"],
            "error: endless.toml: cannot read `config_file = \"/dev/zero\"`: expected a file of at most 67108864 bytes\n",
        ),
        (
            &["check", "--plugin", "filter.wasm", "binary.json"],
            "error: binary.json: a WebAssembly module is no configuration: name the filter with --plugin, and its configuration apart\n",
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
fn a_bad_scenario_is_shown_with_a_mark() {
    let deep = GOOD.replace("200", "'200'");
    let folder = Folder::with(&[("bad.toml", "about = 1"), ("deep.toml", &deep)]);
    let (status, said) = folder.run(&["run", "--plugin", "filter.wasm", "bad.toml"]);
    assert_eq!(status, Some(2));
    insta::assert_snapshot!("bad_toml", said);
    let (status, said) = folder.run(&["run", "--plugin", "filter.wasm", "deep.toml"]);
    assert_eq!(status, Some(2));
    insta::assert_snapshot!("deep_toml", said);
}

#[test]
fn the_printed_scenario_holds_and_the_help_tells_of_it() {
    let folder = Folder::with(&[]);
    let (status, template) = folder.run(&["new"]);
    assert_eq!(status, Some(0));
    assert_eq!(
        folder.run(&["new", "first.toml"]),
        (
            Some(0),
            "run it:  host-sim run --plugin FILTER.wasm first.toml\n".to_owned()
        )
    );
    assert_eq!(folder.read("first.toml"), template);
    assert_eq!(
        folder.run(&["run", "--plugin", "filter.wasm", "first.toml"]),
        (
            Some(0),
            "ok       first.toml\n1 passed, 0 failed, 0 skipped\n".to_owned()
        )
    );
    assert_eq!(
        folder.run(&["new", "first.toml"]),
        (
            Some(2),
            "error: first.toml: File exists (os error 17)\n".to_owned()
        )
    );
    let (status, help) = folder.run(&["help", "run"]);
    assert_eq!(status, Some(0));
    insta::assert_snapshot!("help_run", help);
}

/// What the language has is what an error about an unknown word lists.
#[test]
fn the_printed_scenario_and_the_help_name_everything() {
    let folder = Folder::with(&[]);
    let (_, template) = folder.run(&["new"]);
    let (_, help) = folder.run(&["help", "run"]);
    let names = regex::Regex::new("`([a-z_]+)`").unwrap();
    let inside = |table: &str| format!("about = 'A.'\n{table}\n[[step]]\nrequest = {{}}\n");
    let step = |step: &str| format!("about = 'A.'\n[[step]]\n{step}\n");
    let all = [
        (inside("zz = 1"), true),
        (step("zz = 1"), true),
        (step("request = { zz = 1 }"), true),
        (step("request = {}\nexpect = { zz = 1 }"), true),
        (step("request = {}\nexpect = { body = { zz = 1 } }"), true),
        (step("request = { upstream = { zz = 1 } }"), false),
        (step("request = { upstream = 'zz' }"), false),
        (step("parallel = { zz = 1 }"), false),
        (step("parallel = { expect = { zz = 1 } }"), false),
        (step("open = { zz = 1 }"), false),
        (step("disconnect = { zz = 1 }"), false),
        (step("log = { zz = 1 }"), true),
        (step("callouts = { zz = 1 }"), false),
        (inside("plugin = { zz = 1 }"), false),
        (inside("timeouts = { zz = 1 }"), false),
        (inside("[[filter]]\nzz = 1"), false),
        (inside("[[service]]\nzz = 1"), false),
        (inside("[[service]]\nreplies = [{ zz = 1 }]"), false),
        (inside("[[grpc_service]]\nzz = 1"), false),
        (inside("[[grpc_service]]\nanswers = [{ zz = 1 }]"), false),
        (inside("[[dns]]\nzz = 1"), false),
    ];
    for (scenario, in_help) in all {
        folder.write("zz.toml", &scenario);
        let (status, error) = folder.run(&["run", "filter.wasm", "zz.toml"]);
        assert_eq!(status, Some(2), "{scenario}{error}");
        let (_, expected) = error
            .split_once("`zz`, expected")
            .unwrap_or_else(|| panic!("{scenario}{error}"));
        let expected = expected.lines().next().unwrap();
        let known: Vec<_> = names.captures_iter(expected).collect();
        assert!(!known.is_empty(), "{scenario}{error}");
        for name in known {
            let word = regex::Regex::new(&format!(r"\b{}\b", &name[1])).unwrap();
            assert!(word.is_match(&template), "new: {} of {scenario}", &name[1]);
            assert!(
                !in_help || word.is_match(&help),
                "help run: {} of {scenario}",
                &name[1]
            );
        }
    }
}

/// Answers every request 403.
const REFUSING: &str = r#"(module
    (import "env" "proxy_send_local_response" (func $respond (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024)
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $respond (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1)))
        i32.const 1))"#;

#[test]
fn a_new_scenario_holds_with_the_filter_that_it_is_for() {
    let folder = Folder::with(&[
        ("refusing.wat", REFUSING),
        ("nine", "123456789"),
        ("ten.json", "1234567890"),
        ("deep/x", ""),
    ]);
    for (new, run) in [
        (["--plugin", "refusing.wat", "a.toml"].as_slice(), "a.toml"),
        (&["--plugin", "filter.wasm", "b.toml"], "b.toml"),
        (
            &[
                "--plugin",
                "filter.wasm",
                "--config",
                "ten.json",
                "deep/c.toml",
            ],
            "deep/c.toml",
        ),
    ] {
        let (plugin, file) = (new[1], run);
        let new: Vec<_> = ["new"].iter().chain(new).copied().collect();
        let said = format!("run it:  host-sim run --plugin {plugin} {file}\n");
        assert_eq!(folder.run(&new), (Some(0), said));
        let said = format!("ok       {file}\n1 passed, 0 failed, 0 skipped\n");
        assert_eq!(
            folder.run(&["run", "--plugin", plugin, file]),
            (Some(0), said)
        );
    }
    assert!(
        folder
            .read("a.toml")
            .contains("expect = { status = 403, upstream = false }")
    );
    assert_eq!(
        folder.run(&["new", "--plugin", "filter.wasm", "--config", "nine", "d.toml"]),
        (
            Some(2),
            "error: filter.wasm: the filter refuses its configuration: nine bytes are too many; name another with --config FILE\n"
                .to_owned()
        )
    );
}

/// Whoever copies the scenario out of the help gets one that can be read.
#[test]
fn the_scenario_in_the_help_is_one() {
    let folder = Folder::with(&[]);
    let (_, help) = folder.run(&["help", "run"]);
    let (_, rest) = help.split_once("A whole scenario:\n").unwrap();
    let (text, _) = rest.split_once("\n`config` is").unwrap();
    folder.write("copied.toml", text);
    let (status, said) = folder.run(&["run", "--plugin", "filter.wasm", "copied.toml"]);
    assert_eq!(status, Some(1));
    insta::assert_snapshot!("copied_from_help", said);
}
