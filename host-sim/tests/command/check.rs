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
             it had made no hostcall in this callback\n"
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
                 it had made no hostcall in this callback\n",
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
                 it had made no hostcall in this callback\n",
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
