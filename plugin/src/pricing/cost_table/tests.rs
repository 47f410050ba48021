//! The example's cost table against the published price list, and the table as a whole.

mod bodies;
#[cfg(not(target_arch = "wasm32"))]
mod properties;
#[cfg(not(target_arch = "wasm32"))]
mod readers;

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// An operation of the helpdesk API, a line of its file.
struct Operation {
    method: &'static str,
    template: &'static str,
    query: Vec<&'static str>,
    bulk_array: Option<&'static str>,
}

/// The cost table of the example configuration.
fn example() -> CostTable {
    let json: serde_json::Value =
        serde_json::from_str(include_str!("../../../../envoy/filter.json")).unwrap();
    CostTable::compile(&serde_json::from_value(json["costs"].clone()).unwrap()).unwrap()
}

fn table(costs: &str) -> CostTable {
    CostTable::compile(&serde_json::from_str(costs).unwrap()).unwrap()
}

fn operations() -> Vec<Operation> {
    let lines = include_str!("../../../../tests/data/helpdesk-operations.tsv")
        .lines()
        .skip(1);
    let operation = |line: &'static str| {
        let [method, template, _, query, bulk_array] = line.split('\t').collect::<Vec<_>>()[..]
        else {
            panic!("{line}");
        };
        let bulk_array = (bulk_array != "-").then_some(bulk_array);
        Operation {
            method,
            template,
            query: query.split(',').collect(),
            bulk_array,
        }
    };
    lines.map(operation).collect()
}

impl Operation {
    /// The path with ids in place of parameters.
    fn path(&self) -> String {
        let id = |segment: &'static str| {
            if segment.starts_with('{') {
                "4000000012345"
            } else {
                segment
            }
        };
        self.template
            .split('/')
            .map(id)
            .collect::<Vec<_>>()
            .join("/")
    }

    /// What the published price list says, the first line that fits (tests/data/README.md).
    fn listed(&self, from: Option<u64>, records: u64) -> u64 {
        let last = self.template.rsplit('/').next().unwrap();
        if last == "updateMany" {
            return 25;
        }
        if (self.method, self.template) == ("GET", "/api/v1/tasks/count") {
            return 50;
        }
        if ["moveToTrash", "deleteSpam", "deleteMany", "restore"].contains(&last) {
            return records.max(1).checked_mul(6).unwrap();
        }
        if self.bulk_array.is_some() {
            return records.max(1).div_ceil(2);
        }
        if self.method == "GET" && (self.query.contains(&"from") || last == "search") {
            return match from.unwrap_or(0) {
                0..=2000 => 3,
                2001..=10_000 => 10,
                10_001..=100_000 => 50,
                _ => 100,
            };
        }
        1
    }
}

/// What a call costs, and the name of the rule that says so.
fn cost<'t>(table: &'t CostTable, method: &str, target: &str, body: &str) -> (u64, &'t str) {
    let charge = match table.quote(method, target) {
        Quote::Known(charge) => charge,
        Quote::ByBody(quote) => quote.settle(body.as_bytes()).unwrap(),
    };
    (charge.cost.get(), table.rule_name(charge.rule))
}

#[test]
fn every_operation_costs_what_the_price_list_says() {
    let (table, operations) = (example(), operations());
    assert_eq!(operations.len(), 290);
    for operation in operations {
        for from in [
            None,
            Some(0),
            Some(2000),
            Some(2001),
            Some(10_000),
            Some(10_001),
            Some(100_000),
            Some(100_001),
        ] {
            for records in [0, 1, 2, 3, 50] {
                let path = operation.path();
                let target =
                    from.map_or(path.clone(), |from| format!("{path}?limit=50&from={from}"));
                let ids = vec!["1"; usize::try_from(records).unwrap()].join(",");
                let body = format!(
                    r#"{{"{}":[{ids}]}}"#,
                    operation.bulk_array.unwrap_or("other")
                );
                let (found, rule) = cost(&table, operation.method, &target, &body);
                assert_eq!(
                    found,
                    operation.listed(from, records),
                    "{} {target} {body}",
                    operation.method
                );
                assert_ne!(rule, "default", "{} {target}", operation.method);
            }
        }
    }
}

#[test]
fn only_operations_with_a_price_per_record_need_their_body() {
    let table = example();
    for operation in operations() {
        let needs_body = matches!(
            table.quote(operation.method, &operation.path()),
            Quote::ByBody(_)
        );
        let expected =
            operation.bulk_array.is_some() && !operation.template.ends_with("/updateMany");
        assert_eq!(
            needs_body, expected,
            "{} {}",
            operation.method, operation.template
        );
    }
}

#[test]
fn health_checks_are_exempt() {
    let table = example();
    let check = |method: &str, target: &str, expected: (u64, &str)| {
        assert_eq!(
            cost(&table, method, target, ""),
            expected,
            "{method} {target}"
        );
    };
    check("OPTIONS", "/api/v1/tickets?from=5000", (1, "default"));
    check("OPTIONS", "*", (1, "default"));
    check("GET", "/healthz", (0, "exempt"));
    check("HEAD", "/healthz", (0, "exempt"));
    check("POST", "/healthz", (1, "default"));
    check("GET", "/healthz/deep", (1, "default"));
    check("GET", "/nowhere", (1, "default"));
    check("GET", "", (1, "default"));
}

#[test]
fn a_more_specific_operation_has_its_own_price() {
    let table = example();
    let check = |target: &str, expected: (u64, &str)| {
        assert_eq!(cost(&table, "GET", target, ""), expected, "{target}")
    };
    check("/api/v1/tasks/5", (1, "single action"));
    check("/api/v1/tasks/count", (50, "count tasks"));
    check("/api/v1/cm_invoices/search", (3, "list or search"));
    check("/api/v1/tickets/search?from=2001", (10, "list or search"));
}

#[test]
fn no_trick_makes_a_call_cheaper() {
    let table = example();
    let check = |method: &str, target: &str, expected: u64| {
        let (found, _) = cost(&table, method, target, r#"{"ids":[1],"ticketIds":[1,2,3]}"#);
        assert_eq!(found, expected, "{method} {target}");
    };
    for target in [
        "/api/v1/tasks/count",
        "/api/v1/tasks/count/",
        "//api//v1/tasks/count",
        "/api/./v1/x/../tasks/count",
        "/api/v1/x/%2e%2E/tasks/count",
        "/api/v1/tasks/count//..",
        "/api/v1//../tasks/count",
        "/api/v1/tasks/count/x//../..",
        "/api/v1/tasks/count/%2F%2e%2e",
        "/api/v1/x/..%2ftasks/count",
        "/healthz/../api/v1/tasks/count",
        "/healthz/..;/api/v1/tasks/count",
        "/api/v1/tasks/%63ount",
        "/api/v1/tasks/%2563ount",
        "/api/v1/tasks/COUNT",
        "/API/v1/tasks/count",
        "/api/v1/tasks/count;x=1",
        "/api/v1\\tasks\\count",
        "/api/v1/tasks%2Fcount",
        "/api/v1/tasks/count?",
        "/api/v1/tasks/count#/healthz",
        "/api/v1/tasks/count?/../../../../healthz",
    ] {
        check("GET", target, 50);
        check("HEAD", target, 50);
        check("get", target, 50);
    }
    for query in [
        "from=10001",
        "FROM=10001",
        "%66rom=10001",
        "from=1&from=10001",
        "from=10001&from=1",
        "from=1;from=10001",
        "from[]=10001",
        "from%5b0%5d=10001",
        "%20from=10001",
    ] {
        let expected = if query == "from=1;from=10001" {
            100
        } else {
            50
        };
        check("GET", &format!("/api/v1/tickets?{query}"), expected);
    }
    for value in [
        "-1",
        "1e9",
        "abc",
        "99999999999999999999999",
        "1.5",
        "%2B5",
        "%ff",
    ] {
        check("GET", &format!("/api/v1/tickets?from={value}"), 100);
    }
    check("POST", "/api/v1/tickets/%6doveToTrash", 24);
}

#[test]
fn a_known_cost_and_a_price_per_record_may_be_readings_of_one_call() {
    let table = table(
        r#"{"default":1,"rules":[
            {"name":"trash","operations":["POST /t/trash"],"cost":{"per_record":{"arrays":["/ids"],"credits":6}}},
            {"name":"other","operations":["POST /t/*"],"cost":20}]}"#,
    );
    let check = |target: &str, body: &str, expected: (u64, &str)| {
        assert_eq!(
            cost(&table, "POST", target, body),
            expected,
            "{target} {body}"
        );
    };
    check("/t/trash", r#"{"ids":[1]}"#, (6, "trash"));
    check("/t/trash;x", r#"{"ids":[1]}"#, (20, "other"));
    check("/t/trash;x", r#"{"ids":[1,2,3,4]}"#, (24, "trash"));
    check("/t/x;x", r#"{"ids":[1,2,3,4]}"#, (20, "other"));
}

#[test]
fn a_literal_in_another_case_may_be_a_parameter() {
    let table = table(
        r#"{"default":1,"rules":[
            {"name":"free","operations":["GET /status/search"],"cost":0},
            {"name":"search","operations":["GET /{module}/search"],"cost":3}]}"#,
    );
    assert_eq!(cost(&table, "GET", "/status/search", ""), (0, "free"));
    assert_eq!(cost(&table, "GET", "/Status/search", ""), (3, "search"));
    assert_eq!(cost(&table, "get", "/status/search", ""), (1, "default"));
}

#[test]
fn a_quote_outlives_its_table() {
    let Quote::ByBody(quote) = example().quote("POST", "/api/v1/tickets/moveToTrash") else {
        panic!()
    };
    assert_eq!(quote.at_least().cost.get(), 6);
    assert_eq!(
        quote.settle(br#"{"ticketIds":[1,2]}"#).unwrap().cost.get(),
        12
    );
}
