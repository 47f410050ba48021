//! `host-sim import`: what is written of a document, what is said of it, and how the command exits.

use std::process::Output;

use crate::folder::Folder;

/// A document that has what real ones have.
const PROJECTS: &str = include_str!("import/projects.yaml");

/// The exit status, the standard output and the standard error output.
fn import(folder: &Folder, arguments: &[&str]) -> (Option<i32>, String, String) {
    let arguments = [&["import"], arguments].concat();
    let Output {
        status,
        stdout,
        stderr,
    } = folder.command(&arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

/// What is said of a document with these paths.
fn said_of(paths: &str) -> (Option<i32>, String) {
    let text = format!("openapi: 3.0.3\ninfo: {{ title: A, version: '1' }}\npaths:\n{paths}");
    let folder = Folder::with(&[("a.yaml", &text)]);
    let (status, _, said) = import(&folder, &["a.yaml", "--no-suggestions"]);
    (status, said)
}

/// The operations of a table and their prices, in its order.
fn prices(table: &str) -> Vec<(String, String)> {
    let table: serde_json::Value = serde_json::from_str(table).unwrap();
    let mut prices = Vec::new();
    for rule in table["costs"]["rules"].as_array().unwrap() {
        for operation in rule["operations"].as_array().unwrap() {
            let operation = operation.as_str().unwrap().to_owned();
            prices.push((operation, rule["cost"].to_string()));
        }
    }
    prices
}

#[test]
fn a_document_becomes_a_table_and_what_is_different_is_said() {
    let folder = Folder::with(&[("projects.yaml", PROJECTS)]);
    let (status, table, said) = import(&folder, &["projects.yaml"]);
    assert_eq!(status, Some(1));
    insta::assert_snapshot!("table", table);
    insta::assert_snapshot!("said", said);
}

#[test]
fn the_order_of_the_document_changes_nothing() {
    let one = "  /b: { get: { tags: [b] }, delete: { tags: [a] } }\n";
    let other = "  /a/{id}: { post: { x-credits: 2 }, get: {} }\n";
    let head = "openapi: 3.0.3\npaths:\n";
    let tables = [[one, other], [other, one]].map(|paths| {
        let text = [&[head], paths.as_slice()].concat().concat();
        let folder = Folder::with(&[("a.yaml", &text)]);
        let (status, table, _) = import(&folder, &["a.yaml"]);
        assert_eq!(status, Some(0));
        table
    });
    assert_eq!(tables[0], tables[1]);
    assert_eq!(prices(&tables[0]).len(), 4);
}

#[test]
fn swagger_2_has_its_base_path_and_its_parameters_in_other_places() {
    let swagger = r##"{
  "swagger": "2.0",
  "host": "a.example",
  "basePath": "/rest/v2/",
  "paths": {
    "/pets/": {
      "get": {"parameters": [{"$ref": "#/parameters/Offset"}]},
      "delete": {"parameters": [
        {"name": "body", "in": "body", "schema": {"type": "array", "items": {"type": "integer"}}}
      ]}
    }
  },
  "parameters": {"Offset": {"name": "offset", "in": "query", "type": "integer", "maximum": 5e3}}
}"##;
    let folder = Folder::with(&[("a.json", swagger)]);
    let (status, table, _) = import(&folder, &["a.json"]);
    assert_eq!(status, Some(0));
    let deep = r#"{"tiers":{"beyond":100,"query":"offset","steps":[{"credits":3,"up_to":2000},{"credits":10,"up_to":10000},{"credits":50,"up_to":100000}]}}"#;
    let bulk = r#"{"per_record":{"arrays":[""],"at_least":6,"credits":6}}"#;
    let pair = |operation: &str, price: &str| (operation.to_owned(), price.to_owned());
    assert_eq!(
        prices(&table),
        [
            pair("GET /rest/v2/pets", deep),
            pair("DELETE /rest/v2/pets", bulk)
        ]
    );
    let (_, table, _) = import(&folder, &["a.json", "--base-path", "/", "--no-suggestions"]);
    assert_eq!(
        prices(&table),
        [pair("DELETE /pets", "1"), pair("GET /pets", "1")]
    );
}

#[test]
fn the_closest_price_counts() {
    let text = "
openapi: 3.0.3
x-cost: 1
tags: [{ name: t, x-cost: 2 }]
paths:
  /a:
    x-cost: 3
    get: { tags: [t], x-cost: 4.0 }
    put: { tags: [t] }
  /b:
    get: { tags: [t] }
    put: { x-cost: { per_record: { arrays: [/ids, /a~1b], credits: 5, records: 10 } } }
    post: { x-credits: 9 }
";
    let folder = Folder::with(&[("a.yaml", text)]);
    let (status, table, said) = import(&folder, &["a.yaml", "--extension", "x-cost"]);
    assert_eq!(status, Some(0), "{said}");
    let mut found = prices(&table);
    found.sort();
    let expected = [
        ("GET /a", "4"),
        ("GET /b", "2"),
        ("POST /b", "1"),
        ("PUT /a", "3"),
        (
            "PUT /b",
            r#"{"per_record":{"arrays":["/ids","/a~1b"],"credits":5,"records":10}}"#,
        ),
    ];
    let expected = expected.map(|(operation, price)| (operation.to_owned(), price.to_owned()));
    assert_eq!(found, expected);
    assert!(
        said.contains("5 operations in 5 rules: 4 with a price that the document states"),
        "{said}"
    );
}

#[test]
fn a_price_that_is_none_is_said_with_its_place() {
    for (price, why) in [
        (
            "'3'",
            "expected a whole number of credits from 0 to 999999999999999, found \"3\"",
        ),
        (
            "-1",
            "expected a whole number of credits from 0 to 999999999999999, found -1",
        ),
        (
            "1000000000000000",
            "expected a whole number of credits from 0 to 999999999999999, found 1000000000000000",
        ),
        (
            "[1]",
            "expected a whole number of credits, `tiers` or `per_record`, found a list",
        ),
        ("{ tiers: {} }", "`query` is missing"),
        (
            "{ tiers: { query: a, steps: [], beyond: 1 } }",
            "expected at least one of `steps`",
        ),
        (
            "{ tiers: { query: a, steps: [{ up_to: 5, credits: 1 }, { up_to: 5, credits: 2 }], beyond: 1 } }",
            "expected more than 5 in `up_to`, found 5",
        ),
        (
            "{ tiers: { query: a }, per_record: {} }",
            "unknown `per_record`, expected `tiers`",
        ),
        (
            "{ per_record: { arrays: [ids], credits: 1 } }",
            "expected a JSON Pointer such as \"/ids\" in `arrays`, found \"ids\"",
        ),
        (
            "{ per_record: { arrays: [/a, /A], credits: 1 } }",
            "\"/A\" is in `arrays` twice",
        ),
        (
            "{ per_record: { arrays: [/a], credits: 999999999999 } }",
            "expected at most 15258789062 `credits` for each group of records, found 999999999999",
        ),
    ] {
        let (status, said) = said_of(&format!("  /a:\n    get:\n      x-credits: {price}\n"));
        assert_eq!(status, Some(1), "{price}");
        let first = said.lines().next().unwrap();
        let expected = format!(
            "a.yaml:6: GET /a: `x-credits`: {why}; it has the price of operations without one (#/paths/~1a/get/x-credits)"
        );
        assert_eq!(first, expected, "{price}");
    }
}

#[test]
fn nothing_is_dropped_in_silence() {
    for (paths, status, expected) in [
        (
            "  /a/{x}-{y}: { get: {} }\n",
            0,
            "a.yaml:4: GET /a/{x}-{y}: two parameters are in one segment: written as `/a/{x-y}` (#/paths/~1a~1{x}-{y}/get)",
        ),
        (
            "  /a/%3Fb: { get: {} }\n",
            0,
            "a.yaml:4: GET /a/%3Fb: a template has no '?' in its text: written as `/a/{any}b` (#/paths/~1a~1%3Fb/get)",
        ),
        (
            "  /a/{p+}/b: { get: {} }\n",
            1,
            "a.yaml:4: GET /a/{p+}/b: `{p+}` may hold slashes, and only `**` at the end can: written as `/a/{p}/b` (#/paths/~1a~1{p+}~1b/get)",
        ),
        (
            "  /a#b: { get: {} }\n",
            1,
            "a.yaml:4: GET /a#b: a fragment is never part of a call: written as `/a` (#/paths/~1a#b/get)",
        ),
        (
            "  a: { get: {} }\n",
            0,
            "a.yaml:4: the path `a` begins without a slash: read as `/a` (#/paths/a)",
        ),
        (
            "  /a: [get]\n",
            1,
            "a.yaml:4: the path `/a` is a list, expected an object (#/paths/~1a)",
        ),
        (
            "  /a: { get: 1 }\n",
            1,
            "a.yaml:4: GET /a is 1, expected an object (#/paths/~1a/get)",
        ),
        (
            "  /a: { connect: {} }\n",
            1,
            "a.yaml:4: `connect` is no method that OpenAPI has: left out (#/paths/~1a/connect)",
        ),
        (
            "  /a: { get: {} }\n  /a: { put: {} }\n",
            1,
            "a.yaml:5: `/a` is there twice in one object: only the last one counts (#)",
        ),
        (
            "  /a: { $ref: 'https://a.example/a.yaml' }\n",
            1,
            "a.yaml:4: the path `/a` is described elsewhere: `https://a.example/a.yaml` is not fetched: only files are read (#/paths/~1a)",
        ),
        (
            "  /a: { $ref: 'gone.yaml' }\n",
            1,
            "a.yaml:4: the path `/a` is described elsewhere: gone.yaml: No such file or directory (os error 2) (#/paths/~1a)",
        ),
        (
            "  /a: { $ref: '#/paths/~1b' }\n  /b: { $ref: '#/paths/~1a' }\n",
            1,
            "a.yaml:4: the path `/a` is described elsewhere: the references lead in a circle (#/paths/~1a)",
        ),
        (
            "  /a: { get: { parameters: [{ $ref: '#/x/y' }] } }\n",
            1,
            "a.yaml:4: a parameter is described elsewhere: `#/x/y` leads to nothing: there is no `x` (#/paths/~1a/get/parameters/0)",
        ),
        (
            "  /a{x}: { get: {} }\n  /{y}b: { put: {} }\n",
            0,
            "a.yaml:5: PUT /{y}b: a segment could be `a{…}` of another operation as well: written as PUT /{y} (#/paths/~1{y}b/put)",
        ),
    ] {
        let (found, said) = said_of(paths);
        assert_eq!(found, Some(status), "{paths}\n{said}");
        assert_eq!(said.lines().next(), Some(expected), "{paths}");
    }
}

#[test]
fn an_operation_may_be_in_another_file() {
    let folder = Folder::with(&[
        (
            "api/root.yaml",
            "openapi: 3.1.0\npaths:\n  /a/{id}:\n    $ref: ./paths.json#/~1a\n    delete: { x-credits: 7 }\n",
        ),
        (
            "api/paths.json",
            "{\"/a\": {\"get\": {\"x-credits\": 2.5}, \"delete\": {},\n\"put\": {\"requestBody\": {\"$ref\": \"../body.yaml\"}}}}",
        ),
        (
            "body.yaml",
            "content:\n  application/json:\n    schema: { type: array }\n",
        ),
    ]);
    let (status, table, said) = import(&folder, &["api/root.yaml"]);
    assert_eq!(status, Some(1));
    let bulk = r#"{"per_record":{"arrays":[""],"at_least":1,"credits":1,"records":2}}"#;
    let expected = [
        ("GET /a/{id}", "1"),
        ("DELETE /a/{id}", "7"),
        ("PUT /a/{id}", bulk),
    ];
    let expected = expected.map(|(operation, price)| (operation.to_owned(), price.to_owned()));
    assert_eq!(prices(&table), expected);
    assert!(
        said.starts_with("api/paths.json:1: GET /a/{id}: `x-credits`: expected a whole number"),
        "{said}"
    );
}

#[test]
fn a_configuration_stays_as_it_is_around_its_rules() {
    let configuration = "{\n    \"costs\": {\n        \"default\" : 4,\n        \"rules\": [ {\"old\": [1]} ],\n\t\"body\": {}\n    },\n  \"größe\": 1\n}\n";
    let document = "openapi: 3.0.3\npaths: { /a: { get: {} } }\n";
    let folder = Folder::with(&[
        ("filter.json", configuration),
        ("a.yaml", document),
        ("bare.json", "{\"costs\": {}}"),
        ("bad.json", "{\"costs\" 1}"),
    ]);
    let (status, table, _) = import(&folder, &["a.yaml", "--config", "filter.json"]);
    assert_eq!(status, Some(0));
    let rules = "[\n          {\n            \"name\": \"a\",\n            \"operations\": [\n              \"GET /a\"\n            ],\n            \"cost\": 4\n          }\n        ]";
    assert_eq!(table, configuration.replace("[ {\"old\": [1]} ]", rules));
    let error = |file| {
        let (status, _, said) = import(&folder, &["a.yaml", "--config", file]);
        assert_eq!(status, Some(2));
        said
    };
    assert_eq!(
        error("bare.json"),
        "error: bare.json: no `costs.rules`, where the rules go: write `\"rules\": []`\n"
    );
    assert_eq!(
        error("bad.json"),
        "error: bad.json: expected `:` at line 1 column 10\n"
    );
}

#[test]
fn what_is_no_document_is_bad_input() {
    let folder = Folder::with(&[
        ("bad.yaml", "openapi: 3.0.3\npaths: [\n"),
        ("bad.json", "{\"openapi\": \"3.0.3\",\n \"paths\" {}}"),
        ("old.yaml", "swagger: '1.2'\n"),
        ("new.yaml", "openapi: 4.0.0\n"),
        ("other.yaml", "asyncapi: 3.0.0\n"),
        ("empty.yaml", ""),
    ]);
    let error = |file: &str| {
        let (status, table, said) = import(&folder, &[file]);
        assert_eq!((status, table.as_str()), (Some(2), ""));
        said
    };
    insta::assert_snapshot!(error("bad.yaml") + &error("bad.json"));
    for (file, expected) in [
        (
            "old.yaml",
            "error: old.yaml: `swagger` is \"1.2\", expected \"2.0\"\n",
        ),
        (
            "new.yaml",
            "error: new.yaml: `openapi` is \"4.0.0\", expected a version 3.x\n",
        ),
        (
            "other.yaml",
            "error: other.yaml: no OpenAPI document: it has neither `openapi: 3.…` nor `swagger: \"2.0\"`\n",
        ),
        (
            "empty.yaml",
            "error: empty.yaml: no OpenAPI document: it has neither `openapi: 3.…` nor `swagger: \"2.0\"`\n",
        ),
        (
            "gone.yaml",
            "error: gone.yaml: No such file or directory (os error 2)\n",
        ),
    ] {
        assert_eq!(error(file), expected);
    }
}

#[test]
fn coverage_needs_a_module_that_tells_prices() {
    let folder = Folder::with(&[
        ("a.yaml", "openapi: 3.0.3\npaths: { /a: { get: {} } }\n"),
        ("filter.json", "{\"costs\": {}}"),
    ]);
    let coverage = [
        "coverage",
        "--openapi",
        "a.yaml",
        "--plugin",
        "filter.wasm",
        "--config",
    ];
    assert_eq!(
        folder.run(&[&coverage[..], &["filter.json"]].concat()),
        (
            Some(2),
            "error: the module does not tell what GET /a costs, as the API credits filter does at /.well-known/api-credits\n"
                .to_owned()
        )
    );
}
