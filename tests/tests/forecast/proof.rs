//! What is recommended suffices: given to those concerned, no call of theirs is refused any more.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use api_credits_tests::artifacts;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Eight lists in eight seconds, of five seconds each, and what stands behind each in the log.
fn log(more: &str) -> String {
    log_of(|_| 200, more)
}

/// The same with these answers.
fn log_of(status: impl Fn(usize) -> u16, more: &str) -> String {
    let line = |second| {
        let status = status(second);
        format!(
            "{{\"start_time\":\"2026-11-16T22:00:0{second}.000Z\",\"method\":\"GET\",\"path\":\"/api/v1/tickets\",\
             \"response_code\":{status},\"duration\":5000,\"organization\":\"a\"{more}}}\n"
        )
    };
    (0..8).map(line).collect()
}

/// The forecast of a log on the standard input.
fn forecast(configuration: &Value, log: &str) -> Value {
    forecast_with(configuration, log, &[])
}

/// The same with a directory that knows the organization, and with these flags.
fn forecast_with(configuration: &Value, log: &str, flags: &[&str]) -> Value {
    forecast_of(configuration, log, flags, r#"{"edition": "Small"}"#)
}

/// The same with a directory that says this of the organization.
fn forecast_of(configuration: &Value, log: &str, flags: &[&str], said: &str) -> Value {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("filter.json"), configuration.to_string()).unwrap();
    let directory = folder.path().join("crm/organizations");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("a"), said).unwrap();
    let mut child = Command::new(artifacts::host_sim().unwrap())
        .args(["replay", "--json", "--config", "filter.json", "--plugin"])
        .arg(artifacts::module().unwrap())
        .args(flags)
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(log.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn of_a(document: &Value) -> &Value {
    &document["forecasts"][0]["organizations"][0]
}

/// With what is recommended, nothing is refused.
fn check(configuration: Value) -> Value {
    check_with(configuration, &log(""))
}

fn check_with(mut configuration: Value, log: &str) -> Value {
    let before = forecast(&configuration, log);
    let remedy = of_a(&before)["remedy"].clone();
    assert!(of_a(&before)["refused"].as_u64().unwrap() > 0, "{before}");
    if remedy["suffices"] == true {
        let organization = &mut configuration["organizations"]["a"];
        organization["additional"] = remedy["additional"].clone();
        if !remedy["concurrency"].is_null() {
            organization["concurrency"] = remedy["concurrency"].clone();
        }
        let after = forecast(&configuration, log);
        assert_eq!(of_a(&after)["refused"], 0, "{configuration}: {after}");
    }
    for plan in remedy["plans"].as_array().into_iter().flatten() {
        if plan["suffices"] == true && plan["replayed"] == true {
            let organization = &mut configuration["organizations"]["a"];
            *organization = json!({ "edition": plan["name"] });
            let after = forecast(&configuration, log);
            assert_eq!(of_a(&after)["refused"], 0, "{configuration}: {after}");
        }
    }
    remedy
}

fn configuration(small: &Value, organization: &Value) -> Value {
    json!({
        "identity": { "header": "orgId" },
        "editions": { "Small": small, "Large": { "base": 100, "concurrency": 20 } },
        "organizations": { "a": organization },
        "costs": { "default": 1, "rules": [{ "name": "list", "operations": ["GET /api/v1/tickets"], "cost": 3 }] },
    })
}

#[test]
fn no_plan_is_recommended_against_the_limit_of_a_group() {
    let small = json!({ "base": 100, "concurrency": 2 });
    let mut configuration = configuration(&small, &json!({ "edition": "Small" }));
    configuration["costs"]["rules"][0]["group"] = json!("lists");
    configuration["concurrency"] = json!({ "groups": { "lists": 2 } });
    assert_eq!(check(configuration), Value::Null);
}

#[test]
fn nothing_is_recommended_with_which_calls_are_refused_for_something_else() {
    let small = json!({ "base": 10, "additional_max": 50 });
    let mut configuration = configuration(&small, &json!({ "edition": "Small" }));
    configuration["periods"] = json!({ "hourly": { "seconds": 3600, "limit": 12 } });
    assert_eq!(check(configuration), Value::Null);
}

#[test]
fn former_limits_are_bought_off() {
    let small = json!({ "base": 10, "additional_max": 50 });
    let organization = json!({ "edition": "Small", "legacy_limit": 20 });
    let remedy = check(configuration(&small, &organization));
    // 24 are needed. The first 10 that are bought change nothing.
    assert_eq!(
        (&remedy["additional"], &remedy["suffices"]),
        (&json!(14), &json!(true))
    );
}

#[test]
fn more_credits_and_more_at_once_are_found_together() {
    let small = json!({ "base": 10, "additional_max": 50, "concurrency": 2 });
    let remedy = check(configuration(&small, &json!({ "edition": "Small" })));
    assert_eq!(
        (
            &remedy["additional"],
            &remedy["concurrency"],
            &remedy["suffices"]
        ),
        (&json!(14), &json!(5), &json!(true))
    );
    assert_eq!(remedy["plans"][0]["replayed"], true);
}

#[test]
fn what_is_given_back_is_missing_until_then() {
    let small = json!({ "base": 10, "additional_max": 50 });
    let configuration = || {
        let mut configuration = configuration(&small, &json!({ "edition": "Small" }));
        configuration["refunds"] = json!({ "statuses": [503] });
        configuration["editions"]["Tight"] = json!({ "base": 12 });
        configuration
    };
    // Each fails after five seconds, and five at once cost 15. Two are refused, whose price is 6.
    let remedy = check_with(configuration(), &log_of(|_| 503, ""));
    assert_eq!(
        (&remedy["additional"], &remedy["suffices"]),
        (&json!(6), &json!(true))
    );
    // Twelve would be enough for what all of them cost in the end.
    assert_eq!(
        (
            &remedy["plans"][0]["name"],
            &remedy["plans"][0]["suffices"],
            &remedy["plans"][1]["suffices"]
        ),
        (&json!("Tight"), &json!(false), &json!(true))
    );
    for (from, to) in [(0, 3), (0, 5), (1, 7)] {
        let fails = |second| (from..to).contains(&second);
        let status = |second| if fails(second) { 503 } else { 200 };
        let remedy = check_with(configuration(), &log_of(status, ""));
        assert_eq!(remedy["suffices"], true, "{from} to {to}: {remedy}");
    }
}

/// The warnings that something was not replayed.
fn unproven(document: &Value) -> Vec<String> {
    let warnings = document["warnings"].as_array().unwrap().iter();
    let warnings = warnings.map(|warning| warning.as_str().unwrap().to_owned());
    warnings
        .filter(|warning| warning.contains("not proven"))
        .collect()
}

#[test]
fn what_is_recommended_to_whom_a_directory_describes_is_replayed_with_what_it_would_say_then() {
    let small = json!({ "base": 10, "additional_max": 50 });
    let mut configuration = configuration(&small, &json!({ "edition": "Small" }));
    let listed = forecast(&configuration, &log(""));
    assert_eq!(of_a(&listed)["remedy"]["suffices"], true);
    assert_eq!(unproven(&listed), [""; 0]);
    configuration["organizations"] = json!({});
    configuration["directory"] = json!({ "cluster": "crm", "authority": "crm.internal" });
    let described = forecast_with(&configuration, &log(""), &["--service", "crm=crm"]);
    assert_eq!(of_a(&described)["remedy"], of_a(&listed)["remedy"]);
    assert_eq!(unproven(&described), [""; 0]);
}

/// With credits bought that only its present edition sells, and with more said of it than a configuration may say.
#[test]
fn what_a_directory_would_say_is_recommended_only_if_it_makes_sense() {
    let small = json!({ "base": 10, "additional_max": 5 });
    let mut configuration = configuration(
        &small,
        &json!({ "edition": "Small", "additional": 2, "concurrency": 5 }),
    );
    configuration["editions"]["Large"]["additional_max"] = json!(1);
    let listed = forecast(&configuration, &log(""));
    let remedy = &of_a(&listed)["remedy"];
    assert_eq!(remedy["plans"][0]["without_purchases"], true, "{remedy}");
    assert_eq!(remedy["plans"][0]["replayed"], true, "{remedy}");
    configuration["organizations"] = json!({});
    configuration["directory"] =
        json!({ "cluster": "crm", "authority": "crm.internal", "when_down": "allow" });
    for more in ["", r#", "id": 7, "data_center": null"#] {
        let said = format!(r#"{{"edition": "Small", "additional": 2, "concurrency": 5{more}}}"#);
        let flags = ["--service", "crm=crm"];
        let described = forecast_of(&configuration, &log(""), &flags, &said);
        assert_eq!(&of_a(&described)["remedy"], remedy, "{said}");
        assert_eq!(unproven(&described), [""; 0]);
    }
}

/// An organization that is in the directory too, with something else.
#[test]
fn what_a_directory_says_of_whom_their_calls_describe_is_not_tried() {
    let small = json!({ "base": 10, "additional_max": 50 });
    let mut configuration = configuration(&small, &json!({}));
    configuration["organizations"] = json!({});
    configuration["directory"] = json!({ "cluster": "crm", "authority": "crm.internal" });
    configuration["attributes"] = json!({ "edition": { "header": "x-edition" } });
    let log = log(",\"edition\":\"Small\"");
    let described = forecast_with(&configuration, &log, &["--service", "crm=crm"]);
    let remedy = &of_a(&described)["remedy"];
    assert_eq!(
        (&remedy["additional"], &remedy["suffices"]),
        (&json!(14), &Value::Null)
    );
    assert_eq!(unproven(&described).len(), 1);
}

#[test]
fn what_is_recommended_to_whom_only_their_calls_describe_is_said_to_be_computed_alone() {
    let small = json!({ "base": 10, "additional_max": 50 });
    let mut configuration = configuration(&small, &json!({ "edition": "Small" }));
    configuration["organizations"] = json!({});
    configuration["attributes"] = json!({ "edition": { "header": "x-edition" } });
    let described = forecast(&configuration, &log(",\"edition\":\"Small\""));
    let remedy = &of_a(&described)["remedy"];
    assert_eq!(
        (&remedy["additional"], &remedy["suffices"]),
        (&json!(14), &Value::Null)
    );
    assert_eq!(
        unproven(&described),
        [
            "What would spare 1 organization is computed and not proven: it was not replayed, because filter.json does not say what they \
          have, or no mapping tells where. It may not suffice."
        ]
    );
}

#[test]
fn what_answers_say_of_their_cost_is_charged_where_the_log_tells_it() {
    let mut configuration = configuration(&json!({ "base": 100 }), &json!({ "edition": "Small" }));
    configuration["costs"]["rules"][0]["settle_from"] = json!("X-Credits-Used");
    let told = forecast(
        &configuration,
        &log(",\"resp_headers\":{\"X-Credits-Used\":[\"7\"]}"),
    );
    assert_eq!(of_a(&told)["cost"], 8 * 7);
    let warning = |document: &Value| {
        let warnings = document["warnings"].as_array().unwrap().iter();
        warnings
            .filter(|warning| warning.as_str().unwrap().contains("settled"))
            .count()
    };
    assert_eq!(warning(&told), 0);
    let untold = forecast(&configuration, &log(""));
    assert_eq!(
        (&of_a(&untold)["cost"], warning(&untold)),
        (&json!(8 * 3), 1)
    );
    assert_eq!(
        untold["warnings"][1],
        "8 calls (100 % of all) are settled by what their answer says, and the log does not tell that: they are charged what they are \
         estimated at (say --field HEADER=NAME with the header that settle_from names, in lower case)."
    );
}

#[test]
fn a_configuration_is_checked_against_the_deployed_one_without_a_log() {
    let deployed = configuration(&json!({ "base": 100 }), &json!({ "edition": "Small" }));
    let mut next = deployed.clone();
    next["costs"]["rules"][0]["cost"] = json!(5);
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("deployed.json"), deployed.to_string()).unwrap();
    fs::write(folder.path().join("next.json"), next.to_string()).unwrap();
    let said = |file: &str| {
        let output = Command::new(artifacts::host_sim().unwrap())
            .args(["check", file, "--against", "deployed.json", "--plugin"])
            .arg(artifacts::module().unwrap())
            .current_dir(folder.path())
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let accepted = "accepted\ndebug: 1 organization of 2 editions; identified by the header \"orgid\"; 1 price for 1 operation, otherwise 1; \
                    days in UTC from 00:00\n";
    let changed =
        "1 operation has another price than in deployed.json:\n  GET /api/v1/tickets: 3 -> 5\n";
    assert_eq!(said("next.json"), (Some(0), format!("{accepted}{changed}")));
    let same = "no operation has another price than in deployed.json\n";
    assert_eq!(
        said("deployed.json"),
        (Some(0), format!("{accepted}{same}"))
    );
}
