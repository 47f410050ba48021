//! Terms that change: a filter whose configuration says how much there is, whether refusals are only noted, and whom former terms protect.

use serde_json::{Value, json};

use crate::folder::Folder;

/// Lets so many calls pass for 3 tokens each and refuses every later one. The length of the configuration says on which terms: with 2 bytes
/// three calls pass, one of them for what used to be; with 3 bytes two pass and the refusal of the others is only noted; otherwise two pass.
/// `/q` answers with the account, and `/q/…` with a price.
const TERMS: &str = r#"(module
    (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_set_property" (func $set (param i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_send_local_response" (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (global $most (mut i32) (i32.const 2))
    (global $notes (mut i32) (i32.const 0))
    (global $passed (mut i32) (i32.const 0))
    (data (i32.const 16) ":path")
    (data (i32.const 32) "verdict")
    (data (i32.const 48) "cost")
    (data (i32.const 64) "ok")
    (data (i32.const 80) "noted:none")
    (data (i32.const 96) "3")
    (data (i32.const 100) "0")
    (data (i32.const 112) "{\"price\":3}")
    (data (i32.const 128) "{\"limit\":6,\"ends\":\"2026-11-23T00:00:00Z\"}")
    (data (i32.const 192) "{\"limit\":9,\"kept\":3,\"ends\":\"2026-11-23T00:00:00Z\"}")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 4096)
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
        (global.set $most (select (i32.const 3) (i32.const 2) (i32.eq (local.get 1) (i32.const 2))))
        (global.set $notes (i32.eq (local.get 1) (i32.const 3)))
        i32.const 1)
    (func $say (param $status i32) (param $text i32) (param $length i32) (result i32)
        (drop (call $answer (local.get $status) (i32.const 0) (i32.const 0) (local.get $text) (local.get $length)
            (i32.const 0) (i32.const 0) (i32.const -1)))
        i32.const 1)
    (func $verdict (param $text i32) (param $length i32) (param $cost i32)
        (drop (call $set (i32.const 32) (i32.const 7) (local.get $text) (local.get $length)))
        (drop (call $set (i32.const 48) (i32.const 4) (local.get $cost) (i32.const 1))))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (local $path i32)
        (drop (call $get (i32.const 0) (i32.const 16) (i32.const 5) (i32.const 1024) (i32.const 1028)))
        (local.set $path (i32.load (i32.const 1024)))
        (if (i32.eq (i32.load8_u offset=1 (local.get $path)) (i32.const 113)) (then
            (if (i32.gt_u (i32.load (i32.const 1028)) (i32.const 2))
                (then (return (call $say (i32.const 200) (i32.const 112) (i32.const 11)))))
            (if (i32.eq (global.get $most) (i32.const 3))
                (then (return (call $say (i32.const 200) (i32.const 192) (i32.const 50)))))
            (return (call $say (i32.const 200) (i32.const 128) (i32.const 41)))))
        (if (i32.lt_u (global.get $passed) (global.get $most)) (then
            (global.set $passed (i32.add (global.get $passed) (i32.const 1)))
            (call $verdict (i32.const 64) (i32.const 2) (i32.const 96))
            (return (i32.const 0))))
        (if (global.get $notes) (then
            (call $verdict (i32.const 80) (i32.const 10) (i32.const 100))
            (return (i32.const 0))))
        (call $verdict (i32.const 86) (i32.const 4) (i32.const 100))
        (call $say (i32.const 429) (i32.const 112) (i32.const 11))))"#;

const MAPPING: &str = r#"
[properties]
verdict = "verdict"
cost = "cost"
[verdicts]
passed = ["ok"]
shadow = "noted:"
by_cost = ["none"]
[verdicts.words]
none = "no tokens left"
[refusal]
cost = "/price"
[details]
path = "/q"
limit = "/limit"
unit = "tokens"
day_ends = "/ends"
protection = "/kept"
[price]
path = "/price?method=%method&path=%path"
cost = "/price"
"#;

fn folder() -> Folder {
    let line = |second: u8| {
        format!(
            "{{\"start_time\":\"2026-11-22T0{second}:00:00Z\",\"method\":\"GET\",\"path\":\"/a\",\"response_code\":200,\"duration\":10,\
             \"organization\":\"a\"}}\n"
        )
    };
    Folder::with(&[
        ("terms.wasm", TERMS),
        ("mapping.toml", MAPPING),
        ("log", &(0..4).map(line).collect::<String>()),
        ("kept.json", "{}"),
        ("noted.json", "{ }"),
        ("now.json", "{  }"),
    ])
}

fn replay(folder: &Folder, configuration: &str, more: &[&str]) -> (Option<i32>, String) {
    let arguments = [
        "replay",
        "--plugin",
        "terms.wasm",
        "--mapping",
        "mapping.toml",
    ];
    let configured = ["--config", configuration, "log"];
    folder.run(&[&arguments[..], &configured, more].concat())
}

#[test]
fn refusals_that_are_only_noted_are_forecast_as_refusals() {
    let folder = folder();
    let forecast = |configuration| {
        let (status, said) = replay(&folder, configuration, &["--json"]);
        assert_eq!(status, Some(0), "{said}");
        let document: Value = serde_json::from_str(&said).unwrap();
        let of = &document["forecasts"][0];
        let organization = &of["organizations"][0];
        json!([
            of["calls"],
            of["refused"],
            of["cost"],
            organization["need"],
            organization["share"],
            organization["refusals"],
            organization["first_refusal"]["at"],
            organization["remedy"]["additional"],
        ])
    };
    let expected = json!([4, 2, 6, 12, 200, { "none": 2 }, "2026-11-22T02:00:00Z", 6]);
    assert_eq!(forecast("now.json"), expected);
    // The module does not refuse them, so that it is asked for their price.
    assert_eq!(forecast("noted.json"), expected);
}

#[test]
fn another_configuration_shows_whom_former_terms_protect() {
    let folder = folder();
    let (status, said) = replay(&folder, "now.json", &["--against", "kept.json"]);
    assert_eq!(status, Some(0), "{said}");
    insta::assert_snapshot!(said);
    let (_, said) = replay(&folder, "now.json", &["--against", "kept.json", "--json"]);
    let document: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        document["changes"],
        json!([{
            "organization": "a", "cost": [6, 9], "refused": [2, 1], "limit": [6, 9], "protected": [false, true],
        }])
    );
}

#[test]
fn who_is_spared_by_former_terms_alone_and_comes_near_is_named() {
    let folder = folder();
    let log = folder.read("log");
    folder.write("log", log.rsplit_once("\n{").unwrap().0);
    let (status, said) = replay(&folder, "kept.json", &[]);
    assert_eq!(status, Some(0), "{said}");
    insta::assert_snapshot!(said);
}

#[test]
fn that_a_configuration_only_notes_refusals_is_said() {
    let (_, said) = replay(&folder(), "noted.json", &["--json"]);
    let document: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        document["warnings"],
        json!([
            "The log covers 3 hours of a day, and limits are for a whole day: who goes on like this needs more than is told here.",
            "noted.json refuses nobody: it only notes whom it would refuse. That is what is told here.",
            "What would spare 1 organization is computed and not proven: it was not replayed, because noted.json does not say what they \
             have, or no mapping tells where. It may not suffice.",
        ])
    );
    assert_eq!(document["forecasts"][0]["noted"], 2);
}
