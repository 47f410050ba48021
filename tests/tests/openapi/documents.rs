//! OpenAPI documents that are made up.

use std::fs;

use api_credits_tests::artifacts;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};

/// The helpdesk's API as a document: its 290 operations with their parameters, tags and arrays in bodies.
pub(crate) fn helpdesk() -> Value {
    let file = artifacts::root().join("tests/data/helpdesk-operations.tsv");
    let text = fs::read_to_string(file).unwrap();
    let mut paths = Map::new();
    for line in text.lines().skip(1) {
        let columns: Vec<_> = line.split('\t').collect();
        let [method, path, resource, query, array] = columns[..] else {
            panic!("{line}");
        };
        let query = query.split(',').filter(|name| *name != "-");
        let parameters: Vec<_> = query
            .map(|name| {
                let kind = if ["from", "limit"].contains(&name) {
                    "integer"
                } else {
                    "string"
                };
                json!({"name": name, "in": "query", "schema": {"type": kind}})
            })
            .collect();
        let mut operation = json!({"tags": [resource], "parameters": parameters});
        if array != "-" {
            let schema = json!({
                "type": "object",
                "required": [array],
                "properties": {array: {"type": "array", "items": {"type": "string"}}},
            });
            operation["requestBody"] = json!({"content": {"application/json": {"schema": schema}}});
        }
        let path = path.strip_prefix("/api/v1").unwrap();
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[method.to_lowercase()] = operation;
    }
    json!({
        "openapi": "3.0.3",
        "info": {"title": "Helpdesk", "version": "1"},
        "servers": [{"url": "https://desk.example/api/v1"}],
        "paths": paths,
    })
}

/// An API with so many operations, a multiple of 4, in 40 tags.
pub(crate) fn large(operations: usize) -> Value {
    let mut paths = Map::new();
    for number in 0..operations / 4 {
        let tag = format!("tag {}", number % 40);
        let page = json!({"name": "page", "in": "query", "schema": {"type": "integer"}});
        paths.insert(
            format!("/v2/area{}/things{number}", number % 7),
            json!({
                "get": {"tags": [tag], "parameters": [page], "summary": "List them all.", "responses": {"200": {}}},
                "post": {"tags": [tag], "x-credits": number % 5, "responses": {"200": {}}},
            }),
        );
        paths.insert(
            format!("/v2/area{}/things{number}/{{id}}", number % 7),
            json!({
                "get": {"tags": [tag], "responses": {"200": {}}},
                "delete": {"tags": [tag], "responses": {"200": {}}},
            }),
        );
    }
    json!({"openapi": "3.1.0", "info": {"title": "Large", "version": "1"}, "paths": paths})
}

/// An API whose paths are made of whatever a template might stumble over. None has a query: a condition on one operation may well leave
/// calls of a less specific one without a price.
pub(crate) fn odd(seed: u64, paths: usize) -> Value {
    const PARTS: [&str; 63] = [
        "a",
        "b1",
        "Ab",
        "{x}",
        "{y}",
        "{x}",
        "{long-name.z}",
        "{p*}",
        "{+p}",
        "{p:path}",
        "{q=*/b/**}",
        "{",
        "}",
        ":",
        ":id",
        "<id>",
        "[id]",
        "$",
        "$id",
        "$metadata",
        "(",
        ")",
        "()",
        "(a|b)",
        "*",
        "**",
        "+",
        ".",
        "..",
        "...",
        "-",
        "_",
        "~",
        "!",
        "'",
        "\"",
        ",",
        ";",
        "=",
        "@",
        "&",
        "^",
        "|",
        "\\",
        "\\d+",
        "?",
        "#",
        "%20",
        "%2F",
        "%41",
        "%",
        "%zz",
        "%00",
        "é",
        "ß",
        "日本",
        "\u{301}",
        " ",
        "\t",
        "http:",
        "a.json",
        ".{ext}",
        "{{x}}",
    ];
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut document = Map::new();
    for _ in 0..paths {
        let mut path = String::new();
        for _ in 0..random.random_range(1..5) {
            path.push('/');
            for _ in 0..random.random_range(0..4) {
                path.push_str(PARTS.choose(&mut random).unwrap());
            }
        }
        let method = ["get", "put", "post", "head"].choose(&mut random).unwrap();
        let price = random.random_range(2..9);
        document.insert(path, json!({*method: {"x-credits": price}}));
    }
    json!({"openapi": "3.0.0", "paths": document})
}
