//! `host-sim check`, also with an Envoy configuration.

use crate::folder::Folder;

#[test]
fn a_module_that_envoy_refuses_is_a_negative_answer() {
    let folder = Folder::with(&[("mute.wat", "(module)"), ("half.wat", "(module")]);
    assert_eq!(
        folder.run(&["check", "--plugin", "mute.wat"]),
        (
            Some(1),
            "mute.wat: missing or unknown Proxy-Wasm ABI version: no export named proxy_abi_version_0_1_0, \
             proxy_abi_version_0_2_0 or proxy_abi_version_0_2_1\n"
                .to_owned()
        )
    );
    let (status, _) = folder.run(&["check", "--plugin", "half.wat"]);
    assert_eq!(status, Some(2));
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
            Some(1),
            "filter.wasm: proxy_on_configure trapped: wasm trap: wasm `unreachable` instruction executed\n\
             the module died: proxy_on_configure trapped: wasm trap: wasm `unreachable` instruction executed\n\
             it had made no hostcall in this callback\nits backtrace, the innermost function first:\n  0: 0x118 proxy_on_configure\n"
                .to_owned()
        )
    );
    assert_eq!(
        folder.run(&["check", "--plugin", "filter.wasm"]),
        (Some(0), "accepted\n".to_owned())
    );
}

/// An Envoy configuration with two filters of wasm, the second one with a configuration as a `Struct`.
const ENVOY: &str = r#"
static_resources:
  listeners:
    - name: main
      per_connection_buffer_limit_bytes: 4096
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                http_filters:
                  - name: first
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
                      config:
                        vm_config: { code: { local: { filename: "filter.wasm" } } }
                        configuration: { "@type": type.googleapis.com/google.protobuf.StringValue, value: "TEXT" }
                  - name: second
                    typed_config:
                      "@type": type.googleapis.com/udpa.type.v1.TypedStruct
                      type_url: type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
                      value:
                        config:
                          vm_config: { code: { local: { filename: "filter.wasm" } } }
                          configuration: { "@type": type.googleapis.com/google.protobuf.Struct, value: { a: 12 } }
                  - name: envoy.filters.http.router
"#;

#[test]
fn settings_are_read_from_an_envoy_configuration() {
    let folder = Folder::with(&[
        ("envoy.yaml", ENVOY),
        ("nine.yaml", &ENVOY.replace("TEXT", "123456789")),
        ("gone.yaml", &ENVOY.replace("filter.wasm", "gone.wasm")),
        ("none.yaml", "static_resources: {}"),
    ]);
    let check =
        |file, more: &[&str]| folder.run(&[&["check", "--envoy-yaml", file], more].concat());
    for (file, more, expected) in [
        ("envoy.yaml", &["--filter", "first"][..], (0, "accepted\n")),
        (
            "nine.yaml",
            &["--filter", "first"],
            (1, "nine bytes are too many\n"),
        ),
        // {"a":12} has eight bytes, of which the filter dies.
        (
            "envoy.yaml",
            &["--filter", "second"],
            (
                1,
                "filter.wasm: proxy_on_configure trapped: wasm trap: wasm `unreachable` instruction executed\n\
                 the module died: proxy_on_configure trapped: wasm trap: wasm `unreachable` instruction executed\n\
                 it had made no hostcall in this callback\nits backtrace, the innermost function first:\n  0: 0x118 proxy_on_configure\n",
            ),
        ),
        (
            "envoy.yaml",
            &["--filter", "third"],
            (
                2,
                "error: envoy.yaml: no filter of wasm is named `third`, there are: first, second\n",
            ),
        ),
        (
            "envoy.yaml",
            &[],
            (
                1,
                "filter.wasm: proxy_on_configure trapped: wasm trap: wasm `unreachable` instruction executed\n\
                 the module died: proxy_on_configure trapped: wasm trap: wasm `unreachable` instruction executed\n\
                 it had made no hostcall in this callback\nits backtrace, the innermost function first:\n  0: 0x118 proxy_on_configure\n",
            ),
        ),
        (
            "none.yaml",
            &[],
            (
                2,
                "error: none.yaml: no filter of the type envoy.extensions.filters.http.wasm.v3.Wasm is in it\n",
            ),
        ),
        (
            "gone.yaml",
            &["--filter", "first"],
            (
                2,
                "error: gone.yaml: filter `first`: config.vm_config.code.local.filename: there is no file `gone.wasm`; \
                 another can be named with --plugin\n",
            ),
        ),
    ] {
        let (status, text) = expected;
        assert_eq!(
            check(file, more),
            (Some(status), text.to_owned()),
            "{file} {more:?}"
        );
    }
}

#[test]
fn all_filters_of_a_chain_run() {
    let envoy = ENVOY
        .replace(
            "config:\n                        vm_config",
            "config:\n                        name: one\n                        vm_config",
        )
        .replace(
            "config:\n                          vm_config",
            "config:\n                          name: two\n                          vm_config",
        )
        .replace("value: { a: 12 }", "value: {}")
        .replace(
            "- name: second",
            "- name: cors\n                  - name: second",
        );
    let folder = Folder::with(&[("envoy.yaml", &envoy)]);
    let (status, said) = folder.run(&["trace", "--envoy-yaml", "envoy.yaml"]);
    assert_eq!(status, Some(0));
    insta::assert_snapshot!(said);
    assert_eq!(
        folder.run(&["check", "--envoy-yaml", "envoy.yaml", "--root-id", "a"]),
        (
            Some(2),
            "not simulated, and passed over: cors\nerror: envoy.yaml: several filters are of wasm, and --plugin, --config, \
             --config-text, --root-id and --failure-policy are about one: choose it with --filter\n"
                .to_owned()
        )
    );
}

#[test]
fn a_bad_envoy_configuration_is_shown_with_a_mark() {
    let folder = Folder::with(&[("envoy.yaml", "static_resources:\n  listeners: [\n")]);
    let (status, said) = folder.run(&["check", "--envoy-yaml", "envoy.yaml"]);
    assert_eq!(status, Some(2));
    insta::assert_snapshot!(said);
}

/// Refuses every configuration that is longer than two bytes and names a place in it; of others it says what it understood.
const PLACES: &str = r#"(module
    (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) "unknown key `b` at line 2 column 8")
    (data (i32.const 64) "two bytes")
    (data (i32.const 80) "strange, see line 1, column 2")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024)
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
        (if (i32.gt_u (local.get 1) (i32.const 2)) (then
            (drop (call $log (i32.const 4) (i32.const 16) (i32.const 34)))
            (return (i32.const 0))))
        (drop (call $log (i32.const 1) (i32.const 64) (i32.const 9)))
        (drop (call $log (i32.const 3) (i32.const 80) (i32.const 29)))
        i32.const 1))"#;

#[test]
fn a_line_that_names_a_place_shows_it() {
    let long = format!("{{\n{} \"größe\": 1}}", "7, ".repeat(10_000));
    let folder = Folder::with(&[
        ("places.wat", PLACES),
        ("two.json", "{}"),
        ("bad.json", "{\"a\": {\n\"größe\": \"b\",\n\"c\": 1}}"),
        ("one_line.json", "{\"a\": {\"b\": 1}}"),
        ("long.json", &long),
    ]);
    let check = |file| folder.run(&["check", "--plugin", "places.wat", file]);
    assert_eq!(
        check("two.json"),
        (
            Some(0),
            "accepted\n\
             debug: two bytes\n\
             warn: strange, see line 1, column 2\n   \
             ╭─[two.json:1:2]\n 1 │ {}\n   ·  ┬\n   ·  ╰── here\n   ╰────\n"
                .to_owned()
        )
    );
    assert_eq!(
        check("bad.json"),
        (
            Some(1),
            "unknown key `b` at line 2 column 8\n   \
             ╭─[bad.json:2:8]\n 1 │ \n 2 │ \"größe\": \"b\",\n   ·        ┬\n   ·        ╰── here\n   ╰────\n"
                .to_owned()
        )
    );
    // A place that is not there is not shown.
    assert_eq!(
        check("one_line.json"),
        (Some(1), "unknown key `b` at line 2 column 8\n".to_owned())
    );
    let (status, output) = check("long.json");
    assert_eq!(status, Some(1));
    assert!(output.len() < 1_000, "{output}");
}
