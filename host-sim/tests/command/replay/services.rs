//! A filter that asks a service: its answers come from files.

use serde_json::{Value, json};

use super::{LOG, MAPPING};
use crate::folder::Folder;

/// Holds every call while it asks `crm` for `/plan`, and lets it pass if the answer begins with `y`.
const ASKS: &str = r#"(module
    (import "env" "proxy_http_call" (func $ask (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_get_buffer_bytes" (func $body (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_set_property" (func $set (param i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
    (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
    (import "env" "proxy_send_local_response" (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (global $held (mut i32) (i32.const 0))
    (data (i32.const 16) "crm")
    (data (i32.const 32) "verdict")
    (data (i32.const 48) "ok")
    (data (i32.const 64) "none")
    (data (i32.const 128) "\03\00\00\00\0a\00\00\00\01\00\00\00\07\00\00\00\03\00\00\00\05\00\00\00\05\00\00\00:authority\00d\00:method\00GET\00:path\00/plan\00")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 4096)
    (func $verdict (param $text i32) (param $length i32)
        (drop (call $set (i32.const 32) (i32.const 7) (local.get $text) (local.get $length))))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (global.set $held (local.get 0))
        (if (call $ask (i32.const 16) (i32.const 3) (i32.const 128) (i32.const 65) (i32.const 0) (i32.const 0)
                (i32.const 0) (i32.const 0) (i32.const 2000) (i32.const 8))
            (then
                (call $verdict (i32.const 64) (i32.const 4))
                (drop (call $answer (i32.const 503) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                    (i32.const 0) (i32.const 0) (i32.const -1)))))
        i32.const 1)
    (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
        (drop (call $body (i32.const 4) (i32.const 0) (i32.const 1) (i32.const 1024) (i32.const 1028)))
        (drop (call $effective (global.get $held)))
        (if (i32.eq (i32.load8_u (i32.load (i32.const 1024))) (i32.const 121))
            (then
                (call $verdict (i32.const 48) (i32.const 2))
                (drop (call $continue (i32.const 0))))
            (else
                (call $verdict (i32.const 64) (i32.const 4))
                (drop (call $answer (i32.const 429) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                    (i32.const 0) (i32.const 0) (i32.const -1)))))))"#;

fn folder() -> Folder {
    let mapping = MAPPING.split("[details]").next().unwrap();
    Folder::with(&[
        ("asks.wasm", ASKS),
        ("mapping.toml", mapping),
        ("access.log", LOG),
        ("crm/plan", "yes"),
        ("crm.toml", "answers = [{ path = '/plan', body = 'yes' }]\n"),
        ("no.toml", "answers = [{ path = '/plan', body = 'no' }]\n"),
        ("down.toml", "down = 'unreachable'\n"),
        ("odd.toml", "down = 'asleep'\n"),
    ])
}

const REPLAY: [&str; 6] = [
    "replay",
    "--plugin",
    "asks.wasm",
    "--mapping",
    "mapping.toml",
    "access.log",
];

/// How many of the three calls are refused, and the warnings.
fn refused(folder: &Folder, flags: &[&str]) -> (u64, Value) {
    let (status, said) = folder.run(&[&REPLAY[..], &["--json"], flags].concat());
    assert_eq!(status, Some(0), "{said}");
    let document: Value = serde_json::from_str(&said).unwrap();
    let forecast = &document["forecasts"][0];
    assert_eq!(forecast["calls"], 3);
    (
        forecast["refused"].as_u64().unwrap(),
        document["warnings"].clone(),
    )
}

#[test]
fn a_service_answers_from_a_folder_or_as_a_file_says() {
    let folder = folder();
    for (service, expected) in [
        ("crm=crm", 0),
        ("crm=crm.toml", 0),
        ("crm=no.toml", 3),
        ("crm=down.toml", 3),
    ] {
        let (calls, warnings) = refused(&folder, &["--service", service]);
        assert_eq!((calls, warnings), (expected, json!([])), "{service}");
    }
}

#[test]
fn a_service_of_which_nothing_is_known_is_named() {
    let (calls, warnings) = refused(&folder(), &["--service", "other=crm"]);
    assert_eq!(calls, 3);
    assert_eq!(
        warnings[0],
        "The filter made 3 calls to the service `crm`, of which nothing is known: none was answered (say --service crm=FOLDER, with its \
         answers in files)."
    );
}

#[test]
fn what_is_no_service_exits_with_2() {
    let folder = folder();
    let check = |service: &str, expected: &str| {
        let (status, said) = folder.run(&[&REPLAY[..], &["--service", service]].concat());
        assert_eq!((status, said.as_str()), (Some(2), expected));
    };
    check(
        "crm=nowhere",
        "error: nowhere: No such file or directory (os error 2)\n",
    );
    check(
        "crm=odd.toml",
        "error: odd.toml: no service: unknown variant `asleep`, expected one of `unreachable`, `hang`, `reset`\nin `down`\n",
    );
    check(
        "crm",
        "error: invalid value 'crm' for '--service <CLUSTER=PATH>': a service is written as `cluster=folder or file`\n\nFor more \
         information, try '--help'.\n",
    );
}
