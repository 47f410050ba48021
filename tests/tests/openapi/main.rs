//! Cost tables from OpenAPI documents: the real module takes them, and prices with them what the documents say.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics says so by failing"
)]

mod documents;

use std::fs;
use std::process::Command;

use api_credits_tests::artifacts;
use documents::{helpdesk, large, odd};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder in which the command runs.
struct Desk(TempDir);

impl Desk {
    fn with(document: &Value) -> Self {
        let desk = Self(TempDir::new().unwrap());
        desk.write("api.json", document);
        desk
    }

    fn write(&self, name: &str, document: &Value) {
        let text = serde_json::to_string_pretty(document).unwrap();
        fs::write(self.0.path().join(name), text).unwrap();
    }

    /// The exit status, the standard output and the standard error output.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(artifacts::host_sim().unwrap());
        command.args(arguments).current_dir(self.0.path());
        if arguments.first() != Some(&"import") {
            command.arg("--plugin").arg(artifacts::module().unwrap());
        }
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    }

    /// Imports the document, and sees that the module takes what comes of it.
    fn import(&self, more: &[&str]) -> (Option<i32>, Value) {
        let (status, table, said) = self.run(&[&["import", "api.json"], more].concat());
        let table: Value = serde_json::from_str(&table).unwrap_or_else(|_| panic!("{said}"));
        self.write("filter.json", &table);
        let (accepted, why, _) = self.run(&["check", "filter.json"]);
        assert_eq!(accepted, Some(0), "{why}");
        (status, table)
    }

    fn coverage(&self) -> (Option<i32>, Value) {
        let coverage = [
            "coverage",
            "--json",
            "--openapi",
            "api.json",
            "--config",
            "filter.json",
        ];
        let (status, answer, said) = self.run(&coverage);
        let answer = serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{said}"));
        (status, answer)
    }
}

/// Takes an operation out of a table.
fn forget(table: &mut Value, operation: &str) {
    for rule in table["costs"]["rules"].as_array_mut().unwrap() {
        let operations = rule["operations"].as_array_mut().unwrap();
        operations.retain(|known| known != operation);
    }
    let rules = table["costs"]["rules"].as_array_mut().unwrap();
    rules.retain(|rule| rule["operations"] != json!([]));
}

#[test]
fn a_real_api_is_imported_whole_and_what_is_missing_later_is_found() {
    let desk = Desk::with(&helpdesk());
    let (status, mut table) = desk.import(&[]);
    assert_eq!(status, Some(0));
    let (status, answer) = desk.coverage();
    assert_eq!(status, Some(0), "{answer}");
    assert_eq!(
        (&answer["operations"], &answer["priced"]),
        (&json!(290), &json!(290))
    );
    assert_eq!(
        (&answer["unpriced"], &answer["unused"]),
        (&json!([]), &json!([]))
    );

    // Two operations that the table no longer has, one of which looks like another one of it, and rules for what the API does not have.
    forget(&mut table, "GET /api/v1/webhooks/{webhookId}");
    forget(&mut table, "GET /api/v1/tickets/count");
    forget(&mut table, "GET /api/v1/tasks/count");
    let rules = table["costs"]["rules"].as_array_mut().unwrap();
    rules.push(
        json!({"name": "gone", "operations": ["GET /api/v1/faxes", "* /api/v0/**"], "cost": 7}),
    );
    rules.push(json!({
        "name": "half",
        "operations": ["GET /api/v1/tickets", "GET /api/v1/faxes/{id}"],
        "when": {"include": "*"},
        "cost": 2,
    }));
    desk.write("filter.json", &table);
    let (status, answer) = desk.coverage();
    assert_eq!(status, Some(1));
    let unpriced = answer["unpriced"].as_array().unwrap();
    let unpriced: Vec<_> = unpriced
        .iter()
        .map(|one| (&one["call"], &one["cost"]))
        .collect();
    // `count` is a ticket's and a task's id where nothing else names it.
    assert_eq!(unpriced, [(&json!("GET /api/v1/webhooks/7f3c"), &json!(1))]);
    assert_eq!(
        answer["unused"],
        json!([
            {"rule": "gone", "operations": ["GET /api/v1/faxes", "* /api/v0/**"], "whole": true},
            {"rule": "half", "operations": ["GET /api/v1/faxes/{id}"], "whole": false},
        ])
    );
    let (_, schema, _) = desk.run(&["coverage", "--json-schema"]);
    let schema = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&answer));
}

#[test]
fn the_table_of_the_example_covers_the_api_that_it_is_made_for() {
    let desk = Desk::with(&helpdesk());
    let example = fs::read_to_string(artifacts::root().join("envoy/filter.json")).unwrap();
    let example: Value = serde_json::from_str(&example).unwrap();
    desk.write("filter.json", &example);
    let (status, answer) = desk.coverage();
    assert_eq!(status, Some(0), "{answer}");
    assert_eq!(
        answer["unused"],
        json!([{"rule": "exempt", "operations": ["GET /healthz"], "whole": true}])
    );
}

#[test]
fn a_large_api_is_imported_and_covered() {
    let desk = Desk::with(&large(2_000));
    let (status, _) = desk.import(&[]);
    assert_eq!(status, Some(0));
    let (status, answer) = desk.coverage();
    assert_eq!(status, Some(0), "{answer}");
    assert_eq!(answer["operations"], json!(2_000));
}

#[test]
fn however_odd_its_paths_are_every_operation_is_priced() {
    for seed in 0..4 {
        let desk = Desk::with(&odd(seed, 300));
        desk.import(&["--no-suggestions"]);
        let (status, answer) = desk.coverage();
        assert_eq!(
            (status, &answer["unpriced"]),
            (Some(0), &json!([])),
            "seed {seed}"
        );
        assert!(answer["operations"].as_u64().unwrap() > 100);
    }
}

#[test]
fn a_part_of_a_path_with_certain_values_is_asked_about_with_each() {
    let module = json!({"name": "module", "in": "path", "required": true, "schema": {"enum": ["tickets", "tasks"]}});
    let kind =
        json!({"name": "kind", "in": "query", "required": true, "schema": {"type": "string"}});
    let desk = Desk::with(&json!({
        "openapi": "3.0.3",
        "paths": {
            "/{module}/search": {"get": {"operationId": "search", "parameters": [module]}},
            "/export": {"get": {"parameters": [kind]}},
            "/.well-known/credits/cost": {"get": {}},
        },
    }));
    let (_, mut table) = desk.import(&[]);
    table["usage"] = json!({"path": "/.well-known/credits"});
    table["costs"]["rules"] = json!([
        {"name": "search", "operations": ["GET /tickets/search"], "cost": 5},
        {"name": "export", "operations": ["GET /export"], "when": {"kind": "*"}, "cost": 5},
    ]);
    desk.write("filter.json", &table);
    let (status, text, _) = desk.run(&[
        "coverage",
        "--openapi",
        "api.json",
        "--config",
        "filter.json",
    ]);
    assert_eq!(status, Some(1));
    let line = text
        .lines()
        .find(|line| line.contains("only the default"))
        .map(|_| {
            text.lines()
                .find(|line| line.trim_start().starts_with("GET /{module}"))
                .unwrap()
        });
    let line = line.unwrap();
    assert!(
        line.ends_with("search, GET /tasks/search costs 1"),
        "{text}"
    );
    assert!(text.starts_with("2 of 3 operations of api.json"), "{text}");
    assert!(!text.contains("named by the cost table"), "{text}");
}

#[test]
fn a_configuration_that_the_module_refuses_is_a_negative_answer() {
    let desk = Desk::with(&helpdesk());
    desk.write("filter.json", &json!({"costs": {"default": -1}}));
    let (status, _, said) = desk.run(&[
        "coverage",
        "--openapi",
        "api.json",
        "--config",
        "filter.json",
    ]);
    assert_eq!(status, Some(1));
    assert!(said.contains("refuses its configuration"), "{said}");
}
