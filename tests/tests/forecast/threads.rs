//! However many threads replay a log, the forecast is the same to the byte: that of organizations that have nothing to do with each other, and
//! that of those that have.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use api_credits_tests::artifacts;
use api_credits_tests::traffic::format::Format;
use api_credits_tests::traffic::{Plan, Traffic, organization};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The forecast on so many threads: what is printed, and the page.
fn forecast(folder: &TempDir, threads: u8, more: &[&str]) -> (String, String) {
    forecast_in(&env::temp_dir(), folder, threads, more)
}

/// The same with another place for temporary files.
fn forecast_in(temporary: &Path, folder: &TempDir, threads: u8, more: &[&str]) -> (String, String) {
    let page = folder.path().join("page.html");
    let output = Command::new(artifacts::host_sim().unwrap())
        .args(["replay", "--json", "--config", "filter.json", "--html"])
        .arg(&page)
        .args(["--threads", &threads.to_string()])
        .args(more)
        .arg("--plugin")
        .arg(artifacts::module().unwrap())
        .arg("access.log")
        .current_dir(folder.path())
        .env("TMPDIR", temporary)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    (
        String::from_utf8(output.stdout).unwrap(),
        fs::read_to_string(page).unwrap(),
    )
}

/// A day of about so many calls with this configuration, in which a few organizations have little.
fn world(calls: u64, change: impl FnOnce(&mut Value)) -> TempDir {
    let traffic = Traffic::new(&Plan {
        seed: 7,
        organizations: 30,
        start: "2026-11-16T08:00:00Z".parse().unwrap(),
        days: 1,
        calls,
    });
    let example = fs::read_to_string(artifacts::root().join("envoy/filter.json")).unwrap();
    let mut configuration: Value = serde_json::from_str(&example).unwrap();
    let mut organizations = organization::config(traffic.organizations());
    for entry in organizations
        .as_object_mut()
        .unwrap()
        .values_mut()
        .step_by(3)
    {
        *entry = json!({ "edition": "Demo" });
    }
    configuration["organizations"] = organizations;
    configuration["editions"]["Demo"]["concurrency"] = json!(2);
    change(&mut configuration);
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("filter.json"), configuration.to_string()).unwrap();
    let mut log = Vec::new();
    let callers = traffic.organizations().to_vec();
    for call in traffic {
        Format::EnvoyJson.put(&mut log, &call, &callers).unwrap();
    }
    fs::write(folder.path().join("access.log"), log).unwrap();
    folder
}

fn check(folder: &TempDir, more: &[&str]) -> Value {
    let one = forecast(folder, 1, more);
    for threads in [2, 5] {
        assert!(one == forecast(folder, threads, more), "{threads} threads");
    }
    serde_json::from_str(&one.0).unwrap()
}

#[test]
fn organizations_that_are_listed_are_divided() {
    let document = check(&world(3_000, |_| ()), &[]);
    let forecast = &document["forecasts"][0];
    assert!(
        forecast["organizations_refused"].as_u64().unwrap() > 3,
        "{forecast}"
    );
    assert!(
        forecast["lines_logged"].as_u64().unwrap() > 20,
        "{forecast}"
    );
}

#[test]
fn where_no_calls_can_be_kept_the_log_is_read_again() {
    let folder = world(3_000, |_| ());
    let expected = forecast(&folder, 1, &[]);
    let nowhere = folder.path().join("nowhere");
    for threads in [1, 2] {
        let again = forecast_in(&nowhere, &folder, threads, &[]);
        assert!(again == expected, "{threads} threads");
    }
}

#[test]
fn strangers_share_their_account_on_several_threads_too() {
    let folder = world(3_000, |configuration| {
        let organizations = configuration["organizations"].as_object_mut().unwrap();
        let mut number = 0;
        organizations.retain(|_, _| {
            number += 1;
            number % 3 > 0
        });
        configuration["strangers"] = json!({ "share": { "edition": "Demo" } });
    });
    let document = check(&folder, &[]);
    assert!(document["forecasts"][0]["refused"].as_u64().unwrap() > 0);
}

#[test]
fn organizations_that_share_an_engine_are_not_divided() {
    let engine = artifacts::root().join("envoy/engine.json");
    let engine: Value = serde_json::from_slice(&fs::read(engine).unwrap()).unwrap();
    let folder = world(3_000, |configuration| {
        configuration["engine"] = engine["engine"].clone()
    });
    // A filter with an engine does much by itself while time passes.
    let log = folder.path().join("access.log");
    let lines: Vec<_> = fs::read_to_string(&log)
        .unwrap()
        .lines()
        .take(60)
        .map(str::to_owned)
        .collect();
    fs::write(log, lines.join("\n")).unwrap();
    let document = check(&folder, &[]);
    let missing = &document["forecasts"][0]["missing_services"];
    assert_eq!(missing.as_object().unwrap().len(), 1, "{missing}");
}
