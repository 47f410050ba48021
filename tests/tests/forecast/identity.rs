//! Who called: what the configuration says that tells it, and which value of a log that is.

use std::fs;
use std::process::{Command, Output, Stdio};

use api_credits_tests::artifacts;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The command in a folder with a log and a configuration.
fn run(arguments: &[&str], configuration: &Value, log: &str) -> Output {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("filter.json"), configuration.to_string()).unwrap();
    fs::write(folder.path().join("access.log"), log).unwrap();
    let (command, flags) = arguments.split_first().unwrap();
    Command::new(artifacts::host_sim().unwrap())
        .args([command, "--config", "filter.json", "--plugin"])
        .arg(artifacts::module().unwrap())
        .args(flags)
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What each organization is told of: its plan, its limit, its calls and how many are refused.
fn told(flags: &[&str], configuration: &Value, log: &str) -> Value {
    let arguments = [&["replay", "--json", "access.log"], flags].concat();
    let output = run(&arguments, configuration, log);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let organizations = document["forecasts"][0]["organizations"]
        .as_array()
        .unwrap();
    let of = |of: &Value| {
        json!([
            of["organization"],
            of["plan"],
            of["limit"],
            of["calls"],
            of["refused"]
        ])
    };
    organizations.iter().map(of).collect()
}

/// The error of a replay that says nothing.
fn error(flags: &[&str], configuration: &Value, log: &str) -> String {
    let arguments = [&["replay", "access.log"], flags].concat();
    let output = run(&arguments, configuration, log);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(
        (output.status.code(), output.stdout.len()),
        (Some(2), 0),
        "{said}"
    );
    said
}

fn line(more: &Value) -> String {
    let mut line = json!({
        "start_time": "2026-11-22T12:00:00.000Z", "method": "GET", "path": "/api/v1/acme/tickets", "response_code": 200, "duration": 5,
        "authority": "acme.api.example",
    });
    for (name, value) in more.as_object().unwrap() {
        line[name] = value.clone();
    }
    format!("{line}\n")
}

fn of_header(header: &str) -> Value {
    json!({
        "identity": { "header": header },
        "editions": { "Pro": { "base": 100 } },
        "organizations": { "acme": { "edition": "Pro" }, "beta": { "edition": "Pro" } },
        "costs": { "default": 1 },
    })
}

#[test]
fn claims_of_a_token_are_filled_from_the_log() {
    let file = artifacts::root().join("envoy/jwt.json");
    let configuration: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let log =
        line(&json!({ "org": "acme", "edition": "Standard", "agents": "4", "data_center": "EU" }));
    let expected = json!([["acme", "Standard", 51_000, 1, 0]]);
    assert_eq!(told(&[], &configuration, &log), expected);
    // Under other names, and those that are the same for all.
    let log = line(&json!({ "tenant": "acme", "seats": 4 }));
    let flags = [
        "--field",
        "agents=seats",
        "--metadata",
        "envoy.filters.http.jwt_authn:payload.edition=Standard",
    ];
    assert_eq!(told(&flags, &configuration, &log), expected);
}

#[test]
fn metadata_is_said_to_trace_as_well() {
    let file = artifacts::root().join("envoy/jwt.json");
    let configuration: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let of = |edition: &str| format!("envoy.filters.http.jwt_authn:payload.edition={edition}");
    let org = "envoy.filters.http.jwt_authn:payload.org=acme";
    let arguments = [
        "trace",
        "--path",
        "/api/v1/tickets",
        "--metadata",
        org,
        "--metadata",
        &of("Free"),
    ];
    let output = run(&arguments, &configuration, "");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("4997"), "{said}");
}

#[test]
fn the_header_that_the_configuration_names_is_found() {
    let log = line(&json!({ "http_x_tenant": "acme", "user": "somebody" }));
    let expected = json!([["acme", "Pro", 100, 1, 0]]);
    assert_eq!(told(&[], &of_header("X-Tenant"), &log), expected);
    let log = line(&json!({ "request": { "headers": { "X-Tenant": ["acme"] } } }));
    assert_eq!(told(&[], &of_header("x-tenant"), &log), expected);
}

#[test]
fn a_value_that_is_always_an_organization_of_the_configuration_names_it() {
    let log = [
        line(&json!({ "customer": "acme", "user": "u1" })),
        line(&json!({ "customer": "beta", "user": "u2" })),
    ];
    let expected = json!([["acme", "Pro", 100, 1, 0], ["beta", "Pro", 100, 1, 0]]);
    assert_eq!(told(&[], &of_header("orgId"), &log.concat()), expected);
    let unclear = line(&json!({ "customer": "acme", "reseller": "beta" }));
    assert_eq!(
        error(&[], &of_header("orgId"), &unclear),
        "error: access.log: several values are organizations of the configuration, and not the same ones: customer, reseller; say which \
         one names who called: --field organization=NAME\n"
    );
}

#[test]
fn an_organization_is_cut_out_of_the_host_or_the_path() {
    let log = line(&json!({}));
    let expected = json!([["acme", "Pro", 100, 1, 0]]);
    for (field, pattern) in [
        ("organization=host", r"organization=^([^.]+)\."),
        ("organization=path", "organization=^/api/v1/([^/]+)/"),
    ] {
        let flags = ["--field", field, "--cut", pattern];
        assert_eq!(told(&flags, &of_header("orgId"), &log), expected, "{field}");
    }
}

#[test]
fn a_log_that_names_nobody_whom_the_configuration_knows_is_an_error() {
    let log = line(&json!({ "user": "somebody" }));
    assert_eq!(
        error(&[], &of_header("orgId"), &log),
        "error: filter.json: nobody whom the log names is known to the configuration, such as \"somebody\"; the names in the log are \
         authority, duration, method, path, response_code, start_time, user: say which one names who called with --field \
         organization=NAME\n"
    );
    assert_eq!(
        error(&[], &of_header("orgId"), &line(&json!({}))),
        "error: no line of the log names an organization (the configuration takes it from the header `orgId`); the names in the log are \
         authority, duration, method, path, response_code, start_time: say which one names who called with --field organization=NAME, or \
         cut it out of the host or the path, as with --field organization=host --cut 'organization=^([^.]+)\\.'\n"
    );
}
