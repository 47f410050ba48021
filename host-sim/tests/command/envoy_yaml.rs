//! What `--envoy-yaml` takes from an Envoy configuration: how it is read, what is simulated, and what is told not to be.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use crate::folder::Folder;
use crate::serve::{get, serving};

/// Looks at the path, the address and the scheme of every request.
const LOOKING: &str = r#"(module
    (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) ":pathx-forwarded-forx-request-idx_y")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024)
    (func $look (param $name i32) (param $length i32)
        (drop (call $get (i32.const 0) (local.get $name) (local.get $length) (i32.const 0) (i32.const 4))))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (call $look (i32.const 16) (i32.const 5))
        (call $look (i32.const 21) (i32.const 15))
        (call $look (i32.const 36) (i32.const 12))
        (call $look (i32.const 48) (i32.const 3))
        (drop (call $environ (i32.const 0) (i32.const 4)))
        i32.const 0))"#;

/// A configuration with these lines in the connection manager, in its only route and in the filter's `config`.
fn envoy(manager: &str, route: &str, plugin: &str) -> String {
    format!(
        r#"
static_resources:
  listeners:
  - name: main
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: main
          {manager}
          http_filters:
          - name: looking
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
              config:
                vm_config: {{ code: {{ local: {{ filename: looking.wasm }} }} }}
                {plugin}
          - name: envoy.filters.http.router
          route_config:
            virtual_hosts: [{{ name: a, domains: ["*"], routes: [{{ match: {{ prefix: / }}, route: {{ cluster: a, {route} }} }}] }}]
"#
    )
}

fn run(envoy: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let folder = Folder::with(&[("looking.wasm", LOOKING), ("envoy.yaml", envoy)]);
    folder.run(&[arguments, &["--envoy-yaml", "envoy.yaml"]].concat())
}

#[test]
fn the_connection_manager_and_the_filter_are_set_up_as_it_says() {
    for (manager, plugin, arguments, expected) in [
        (
            "",
            "",
            &["--path", "/a//../b"][..],
            r#"":path") -> OK "/a//../b""#,
        ),
        (
            "normalize_path: yes",
            "",
            &["--path", "/a/../b"],
            r#"":path") -> OK "/b""#,
        ),
        (
            "mergeSlashes: 'true'",
            "",
            &["--path", "/a//b"],
            r#"":path") -> OK "/a/b""#,
        ),
        (
            "pathWithEscapedSlashesAction: unescape_and_forward",
            "",
            &["--path", "/a%2fb"],
            r#"":path") -> OK "/a/b""#,
        ),
        (
            "path_with_escaped_slashes_action: 2",
            "",
            &["--path", "/a%2fb"],
            "the client gets 400",
        ),
        (
            "use_remote_address: on",
            "",
            &[],
            r#""x-forwarded-for") -> OK "127.0.0.1""#,
        ),
        (
            "generate_request_id: off",
            "",
            &[],
            r#""x-request-id") -> NOT_FOUND"#,
        ),
        ("server_name: me", "", &[], "server: me"),
        (
            "serverHeaderTransformation: PASS_THROUGH",
            "",
            &[],
            "x-envoy-upstream-service-time: 0\n",
        ),
        (
            "common_http_protocol_options: { headers_with_underscores_action: DROP_HEADER }",
            "",
            &["--header", "x_y: 1"],
            r#""x_y") -> NOT_FOUND"#,
        ),
        (
            "commonHttpProtocolOptions: { maxHeadersCount: '02' }",
            "",
            &["--header", "a: 1", "--header", "b: 2"],
            "the client gets 431",
        ),
        (
            "upgrade_configs: { upgrade_type: websocket, enabled: no }",
            "",
            &[
                "--header",
                "upgrade: websocket",
                "--header",
                "connection: upgrade",
            ],
            "the client gets 403",
        ),
        (
            "max_request_headers_kb: 0x01",
            "",
            &["--path", &"/a".repeat(600)],
            "the client gets 431",
        ),
        (
            "",
            "capability_restriction_config: { allowed_capabilities: { proxy_on_vm_start: {}, proxy_on_request_headers: {} } }",
            &[],
            "proxy_get_header_map_value() -> INTERNAL_FAILURE",
        ),
        // What is said of the VM counts, also if that is nothing.
        (
            "",
            "vm_config: { code: { local: { filename: looking.wasm } }, capabilityRestrictionConfig: { allowedCapabilities: { proxy_on_request_headers: {} } } }",
            &[],
            "proxy_get_header_map_value() -> INTERNAL_FAILURE",
        ),
        (
            "",
            "capability_restriction_config: { allowed_capabilities: { proxy_on_vm_start: {} } }\n                \
             vm_config: { code: { local: { filename: looking.wasm } }, capability_restriction_config: {} }",
            &["--path", "/seen"],
            r#"":path") -> OK "/seen""#,
        ),
    ] {
        let (_, said) = run(
            &envoy(manager, "", plugin),
            &[&["trace"], arguments].concat(),
        );
        assert!(said.contains(expected), "{manager} {plugin}: {said}");
    }
}

#[test]
fn what_envoy_would_not_understand_is_shown_with_a_mark() {
    for (manager, route, plugin, expected) in [
        (
            "serverNam: a",
            "",
            "",
            "HttpConnectionManager has no key `serverNam`, did you mean `server_name`?",
        ),
        ("zzz: a", "", "", "HttpConnectionManager has no key `zzz`\n"),
        (
            "<<: { via: a }",
            "",
            "",
            "HttpConnectionManager has no key `<<`",
        ),
        (
            "",
            "",
            "failurePolice: FAIL_OPEN",
            "PluginConfig has no key `failurePolice`, did you mean `failure_policy`?",
        ),
        (
            "",
            "",
            "failure_policy: OPEN",
            "`failure_policy` is `\"OPEN\"`, expected one of UNSPECIFIED, FAIL_RELOAD, FAIL_CLOSED, FAIL_OPEN",
        ),
        (
            "",
            "timeout: 1m",
            "",
            "`timeout` is `\"1m\"`, expected a duration in seconds, as in `0.5s`",
        ),
        (
            "",
            "timeout: 1",
            "",
            "`timeout` is `1`, expected a duration",
        ),
        (
            "",
            "retry_policy: { retryon: 5xx }",
            "",
            "RetryPolicy has no key `retryon`, did you mean `retry_on`?",
        ),
        (
            "xff_num_trusted_hops: -1",
            "",
            "",
            "`xff_num_trusted_hops` is `-1`, expected a whole number from 0 on",
        ),
        (
            "server_name: 12",
            "",
            "",
            "`server_name` is `12`, expected a text, in quotation marks",
        ),
        (
            "use_remote_address: 1",
            "",
            "",
            "`use_remote_address` is `1`, expected true or false",
        ),
    ] {
        let (status, said) = run(&envoy(manager, route, plugin), &["check"]);
        assert_eq!(status, Some(2), "{said}");
        assert!(
            said.starts_with(&format!("  × {expected}")),
            "{expected}: {said}"
        );
        assert!(said.contains("╭─[envoy.yaml:"), "{said}");
    }
}

#[test]
fn a_vm_has_capabilities_of_its_own_from_a_version_on() {
    let vm = "vm_config: { code: { local: { filename: looking.wasm } }, capability_restriction_config: {} }";
    let envoy = envoy("", "", vm);
    let (status, said) = run(&envoy, &["check", "--envoy", "1.39"]);
    assert_eq!(status, Some(2), "{said}");
    let expected = "  × VmConfig has no key `capability_restriction_config` before Envoy 1.40\n";
    assert!(said.starts_with(expected), "{said}");
    assert_eq!(run(&envoy, &["check"]), (Some(0), "accepted\n".to_owned()));
}

/// An upstream that answers each of so many requests with this, or never; and what it was asked.
fn upstream(
    answer: Option<&'static str>,
    count: usize,
) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = thread::spawn(move || {
        let mut kept = Vec::new();
        let mut asked = Vec::new();
        for _ in 0..count {
            let (mut connection, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                connection.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            if let Some(answer) = answer {
                connection.write_all(answer.as_bytes()).unwrap();
            }
            kept.push(connection);
            asked.push(String::from_utf8(request).unwrap());
        }
        // Whoever never answers does not hang up either.
        if answer.is_none() {
            let mut rest = Vec::new();
            for mut connection in kept {
                connection.read_to_end(&mut rest).unwrap();
            }
        }
        asked
    });
    (address, asked)
}

/// What a client gets through a proxy with this route.
fn answer(route: &str, upstream: &str) -> String {
    let envoy = envoy("", route, "");
    let folder = Folder::with(&[("looking.wasm", LOOKING), ("envoy.yaml", &envoy)]);
    let (_server, address) = serving(
        &folder,
        &["--envoy-yaml", "envoy.yaml", "--upstream", upstream],
    );
    let request = "GET / HTTP/1.1\r\nhost: me\r\nconnection: close\r\n\r\n";
    let answer = get(&address, request);
    answer.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn a_route_waits_as_long_as_it_says() {
    let (address, asked) = upstream(None, 1);
    let answered = answer("timeout: 0.2s", &address);
    assert_eq!(answered, "HTTP/1.1 504 Gateway Timeout");
    let expected = "x-envoy-expected-rq-timeout-ms: 200\r\n";
    assert!(asked.join().unwrap()[0].contains(expected));
}

#[test]
fn a_route_asks_again_as_often_as_it_says() {
    let refusal =
        "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let (address, asked) = upstream(Some(refusal), 3);
    let again = "retry_policy: { retry_on: 5xx, num_retries: 2 }";
    let answered = answer(again, &address);
    assert_eq!(answered, "HTTP/1.1 503 Service Unavailable");
    assert_eq!(asked.join().unwrap().len(), 3);
}

#[test]
fn what_a_filter_could_notice_and_is_not_simulated_is_named_once() {
    let envoy = envoy(
        "tracing: {}\n          access_log: []",
        "internalRedirectPolicy: {}",
        "",
    );
    assert_eq!(
        run(&envoy, &["check"]),
        (
            Some(0),
            "accepted\n\
             envoy.yaml:11: not simulated, and passed over: `tracing` of HttpConnectionManager\n\
             envoy.yaml:22: not simulated, and passed over: `internal_redirect_policy` of RouteAction\n"
                .to_owned()
        )
    );
    // None of several routes is simulated; whatever they say of the upstream alone does not matter.
    let two = |second: &str| {
        let routes = format!("}} }}, {{ match: {{ prefix: /b }}, route: {{ {second} }} }}");
        envoy.replace("internalRedirectPolicy: {} } }", &routes)
    };
    let several = "envoy.yaml:21: not simulated, and passed over: all of several routes, as far as filters notice them\n";
    let (_, said) = run(&two("cluster: b"), &["check"]);
    assert!(!said.contains(several), "{said}");
    let (_, said) = run(&two("timeout: 1s"), &["check"]);
    assert!(said.contains(several), "{said}");
}

#[test]
fn a_filter_that_is_disabled_does_not_run() {
    let envoy = envoy("", "", "").replace(
        "- name: looking",
        "- { name: other, disabled: true, typed_config: { \"@type\": \
         type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm, config: { vm_config: { code: { local: { filename: gone.wasm } } } } } }\n          \
         - name: looking",
    );
    assert_eq!(run(&envoy, &["check"]), (Some(0), "accepted\n".to_owned()));
}
