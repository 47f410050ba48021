//! `host-sim trace`.

use crate::folder::{Folder, GOOD};

#[test]
fn a_request_is_shown_with_every_hostcall() {
    let folder = Folder::with(&[]);
    let (status, said) = folder.run(&[
        "trace",
        "--plugin",
        "filter.wasm",
        "--path",
        "/a",
        "-H",
        "x-user: 7",
        "--answer-status",
        "201",
        "--answer-body",
        "made",
    ]);
    assert_eq!(status, Some(0));
    insta::assert_snapshot!(said);
}

#[test]
fn a_death_is_shown_as_json_too() {
    let folder = Folder::with(&[]);
    let (status, said) = folder.run(&[
        "trace",
        "--plugin",
        "filter.wasm",
        "--json",
        "--start",
        "--answer-header",
        "x-dies: y",
    ]);
    assert_eq!(status, Some(1));
    insta::assert_snapshot!(said);
}

#[test]
fn a_request_that_hangs_is_said_to() {
    let folder = Folder::with(&[]);
    let (status, said) = folder.run(&[
        "trace",
        "--plugin",
        "filter.wasm",
        "--method",
        "POST",
        "--body",
        "a",
        "--body",
        "b",
        "--http2",
    ]);
    assert_eq!(status, Some(1));
    insta::assert_snapshot!(said);
}

#[test]
fn a_scenario_is_traced_step_by_step() {
    let two = format!(
        "{GOOD}[[step]]\nadvance = '5s'\n[[step]]\nrequest = {{}}\nexpect = {{ status = 404 }}\n"
    );
    let folder = Folder::with(&[("two.toml", &two)]);
    let (status, said) =
        folder.run(&["trace", "--plugin", "filter.wasm", "--scenario", "two.toml"]);
    assert_eq!(status, Some(0));
    insta::assert_snapshot!(said);
}
