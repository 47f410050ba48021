//! Prices by members of a body: MCP, JSON-RPC and their batches.

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// An MCP server: most methods cost 2, `ping` nothing, a tool 5, `search` 50, `export` 6 for each of its ids.
fn mcp() -> CostTable {
    table(
        r#"{"default": 1, "rules": [
            {"name": "rpc", "operations": ["POST /mcp"], "cost": 2},
            {"name": "ping", "operations": ["POST /mcp"], "when": {"body": {"/method": "ping"}}, "cost": 0},
            {"name": "tool", "operations": ["POST /mcp"], "when": {"body": {"/method": "tools/call"}}, "cost": 5},
            {"name": "search", "operations": ["POST /mcp"], "when": {"body": {"/method": "tools/call", "/params/name": "search"}}, "cost": 50},
            {"name": "export", "operations": ["POST /mcp"], "when": {"body": {"/method": "tools/call", "/params/name": "export"}},
             "cost": {"per_record": {"arrays": ["/params/arguments/ids"], "credits": 6, "at_least": 6}}},
            {"name": "dry run", "operations": ["POST /mcp"], "when": {"dry": "1", "body": {"/method": "tools/call"}}, "cost": 1}
        ]}"#,
    )
}

#[track_caller]
fn check(body: &str, expected: (u64, &str)) {
    assert_eq!(cost(&mcp(), "POST", "/mcp", body), expected, "{body}");
}

#[test]
fn a_call_is_priced_by_method_and_tool() {
    check(
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
        (2, "rpc"),
    );
    check(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, (0, "ping"));
    check(
        r#"{"method":"tools/call","params":{"name":"weather"}}"#,
        (5, "tool"),
    );
    check(
        r#"{"method":"tools/call","params":{"name":"search","arguments":{"q":"x"}}}"#,
        (50, "search"),
    );
    check(
        r#"{"params":{"arguments":{"ids":[1,2,3]},"name":"export"},"method":"tools/call"}"#,
        (18, "export"),
    );
    check("", (2, "rpc"));
    check("{}", (2, "rpc"));
    check("null", (2, "rpc"));
    assert_eq!(
        cost(
            &mcp(),
            "POST",
            "/mcp?dry=1",
            r#"{"method":"tools/call","params":{"name":"x"}}"#
        ),
        (1, "dry run")
    );
    assert_eq!(cost(&mcp(), "GET", "/mcp", ""), (1, "default"));
}

#[test]
fn what_backends_read_differently_costs_the_most_that_any_reads() {
    let search = (50, "search");
    for body in [
        r#"{"method":"ping","method":"tools/call","params":{"name":"search"}}"#,
        r#"{"method":"tools/call","method":"ping","params":{"name":"search"}}"#,
        r#"{"method":"tools/call","params":{"name":"search"},"params":{"name":"weather"}}"#,
        r#"{"method":"tools/call","params":{"name":"weather","name":"search"}}"#,
        r#"{"method":"tools/call","params":{"name":"weather"},"PARAMS":{"name":"search"}}"#,
        r#"{"METHOD":"tools/call","params":{"Name":"SEARCH "}}"#,
        r#"{"m\u0065thod":"tools\/call","params":{"name":"se\u0061rch"}}"#,
        r#"{"method":"tools/call","params":["search"]}"#,
        r#"{"method":"tools/call","params":{"name":["search"]}}"#,
        r#"{"method":["tools/call"],"params":{"name":"search"}}"#,
    ] {
        check(body, search);
    }
    // What some take for nothing is not free.
    check(r#"{"method":"PING"}"#, (2, "rpc"));
    check(r#"{"method":"ping","method":"ping"}"#, (2, "rpc"));
}

#[test]
fn a_batch_costs_what_its_parts_cost() {
    let (ping, list) = (r#"{"method":"ping"}"#, r#"{"method":"tools/list"}"#);
    let search = r#"{"method":"tools/call","params":{"name":"search"}}"#;
    let export = r#"{"method":"tools/call","params":{"name":"export","arguments":{"ids":[1,2]}}}"#;
    check(&format!("[{list},{search},{export}]"), (64, "search"));
    check(&format!(" [ {search} , {search} ] "), (100, "search"));
    check(&format!("[[{list},[{search}]],{list}]"), (54, "search"));
    // It is not free to send a batch with nothing in it, or nothing that costs something.
    check("[]", (2, "rpc"));
    check(&format!("[{ping},{ping}]"), (2, "rpc"));
    check("[1,null,\"x\"]", (6, "rpc"));
    // Notifications are messages.
    check(&format!("[{}]", [list; 100].join(",")), (200, "rpc"));
    // In one with more messages than are looked at, each may be the most expensive.
    let table = mcp();
    let (found, rule) = cost(
        &table,
        "POST",
        "/mcp",
        &format!("[{}]", [ping; 257].join(",")),
    );
    assert!(found >= 257 * 50, "{found} {rule}");
    let nested = format!(
        "[{}]",
        vec![format!("[{}]", [ping; 20].join(",")); 20].join(",")
    );
    assert!(cost(&mcp(), "POST", "/mcp", &nested).0 >= 50 * 100);
}

#[test]
fn a_batch_costs_as_much_wherever_its_path_leads() {
    let body = r#"[{"method":"tools/call","params":{"name":"search"}},{"method":"tools/call","params":{"name":"search"}}]"#;
    for target in ["/mcp", "//mcp", "/MCP", "/x/..%2fmcp", "/mcp?dry=1&dry=2"] {
        assert!(cost(&mcp(), "POST", target, body).0 >= 100, "{target}");
    }
    // Too many values, too many readings.
    let many: String = (0..40).map(|value| format!("dry={value}&")).collect();
    assert!(cost(&mcp(), "POST", &format!("/mcp?{many}"), body).0 >= 100);
    let many = "/a%2525255c..;%253f%2523%252500".repeat(20);
    assert!(cost(&mcp(), "POST", &format!("{many}/mcp"), body).0 >= 100);
}

#[test]
fn what_is_known_without_the_body() {
    let table = mcp();
    let Quote::ByBody(quote) = table.quote("POST", "/mcp") else {
        panic!()
    };
    assert_eq!(quote.at_least().cost, Credits::ZERO);
    assert_eq!(quote.at_most().cost.get(), 50);
    assert_eq!(quote.without_body().cost.get(), 2);
    let fallback = |fallback| quote.fall_back(fallback).map(|charge| charge.cost.get());
    assert_eq!(fallback(Fallback::Refuse), None);
    assert_eq!(fallback(Fallback::Charge(Credits::ZERO)), Some(50));
    assert_eq!(
        fallback(Fallback::Charge(Credits::saturating(500))),
        Some(500)
    );
    assert!(quote.settle(b"{").is_err());
    assert!(
        quote
            .settle(
                br#"[{"method":"tools/call","params":{"name":"export","arguments":{"ids":1}}}]"#
            )
            .is_err()
    );
}

#[test]
fn a_body_is_not_asked_for_where_it_makes_no_difference() {
    let table = table(
        r#"{"default": 1, "rules": [
            {"name": "trusted", "operations": ["POST /a"], "when": {"a": "1", "b": "1"}, "cost": 3},
            {"name": "by body", "operations": ["POST /a"], "when": {"body": {"/x": true}}, "cost": 7},
            {"name": "by header", "operations": ["POST /b"], "when": {"headers": {"x": "1"}, "body": {"/x": 5}}, "cost": 7}
        ]}"#,
    );
    let known = |target: &str| match table.quote("POST", target) {
        Quote::Known(charge) => Some(charge.cost.get()),
        Quote::ByBody(_) => None,
    };
    assert_eq!(known("/a?a=1&b=1"), Some(3));
    assert_eq!(known("/a"), None);
    assert_eq!(known("/b"), Some(1));
    assert_eq!(known("/c"), Some(1));
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::{Value, json};

    use super::*;

    thread_local! {
        static MCP: CostTable = mcp();
    }

    fn of(body: &str) -> u64 {
        MCP.with(|table| cost(table, "POST", "/mcp", body).0)
    }

    fn message() -> impl Strategy<Value = String> {
        let method = select(vec!["ping", "tools/call", "tools/list"]);
        let tool = select(vec!["search", "weather", "export"]);
        (method, tool, 0_usize..4).prop_map(|(method, tool, ids)| {
            let ids: Vec<usize> = (0..ids).collect();
            json!({"method": method, "params": {"name": tool, "arguments": {"ids": ids}}})
                .to_string()
        })
    }

    /// Any JSON.
    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-z]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 6, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..6).prop_map(Value::from),
                vec(("[a-z]{1,5}", inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn other_members_make_no_call_cheaper(
            message in message(),
            others in vec(("[a-z]{1,4}", anything()), 1..5),
            places in vec(any::<bool>(), 5),
        ) {
            let plain = of(&message);
            let (mut before, mut behind) = (String::new(), String::new());
            for ((name, value), place) in others.iter().zip(places) {
                if place {
                    before.push_str(&format!("{name:?}:{value},"));
                } else {
                    behind.push_str(&format!(",{name:?}:{value}"));
                }
            }
            let inside = &message[1..message.len() - 1];
            let with = format!("{{{before}{inside}{behind}}}");
            prop_assert!(of(&with) >= plain, "{with} costs {}, not {plain}", of(&with));
        }

        #[test]
        fn of_two_messages_in_one_the_more_expensive_counts(one in message(), other in message()) {
            let inside = |message: &str| message[1..message.len() - 1].to_owned();
            let both = format!("{{{},{}}}", inside(&one), inside(&other));
            let most = of(&one).max(of(&other));
            prop_assert!(of(&both) >= most, "{both} costs {}, not {most}", of(&both));
        }

        #[test]
        fn a_batch_is_the_sum_of_its_parts(messages in vec(message(), 0..20)) {
            let sum: u64 = messages.iter().map(|message| of(message)).sum();
            let batch = format!("[{}]", messages.join(","));
            prop_assert!(of(&batch) == sum.max(of("{}")), "{batch} costs {}, not {sum}", of(&batch));
        }

        #[test]
        fn no_body_is_cheaper_than_the_cheapest_rule_and_none_fails_otherwise_than_by_its_records(body in anything()) {
            MCP.with(|table| {
                let Quote::ByBody(quote) = table.quote("POST", "/mcp") else {
                    panic!()
                };
                let text = body.to_string();
                if let Ok(charge) = quote.settle(text.as_bytes()) {
                    prop_assert!(charge.cost >= quote.at_least().cost);
                }
                Ok(())
            })?;
        }
    }
}

mod graphql {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn graphql() -> CostTable {
        table(
            r#"{"default": 1, "rules": [
                {"name": "graphql", "operations": ["POST /graphql", "GET /graphql"], "cost": 10},
                {"name": "viewer", "operations": ["POST /graphql", "GET /graphql"], "when": {"graphql": {"operation": "Viewer"}}, "cost": 1},
                {"name": "report", "operations": ["POST /graphql", "GET /graphql"], "when": {"graphql": {"operation": "Report"}}, "cost": 80},
                {"name": "mutation", "operations": ["POST /graphql"], "when": {"graphql": {"type": "mutation"}}, "cost": 20},
                {"name": "import", "operations": ["POST /graphql"], "when": {"graphql": {"operation": "Import", "type": "mutation"}}, "cost": 60}
            ]}"#,
        )
    }

    #[track_caller]
    fn check(body: &str, expected: (u64, &str)) {
        assert_eq!(
            cost(&graphql(), "POST", "/graphql", body),
            expected,
            "{body}"
        );
    }

    #[track_caller]
    fn check_get(query: &str, expected: (u64, &str)) {
        let table = graphql();
        let charge = match table.quote("GET", &format!("/graphql{query}")) {
            Quote::Known(charge) => charge,
            Quote::ByBody(quote) => quote.without_body(),
        };
        let found = (charge.cost.get(), table.rule_name(charge.rule));
        assert_eq!(found, expected, "{query}");
    }

    #[test]
    fn a_call_is_priced_by_its_operation() {
        check(r#"{"query":"query Viewer { me }"}"#, (1, "viewer"));
        check(
            r#"{"query":"query Viewer { me }","operationName":"Viewer"}"#,
            (1, "viewer"),
        );
        check(
            r#"{"query":"query Viewer { me }","operationName":null}"#,
            (1, "viewer"),
        );
        check(
            r#"{"query":"query Viewer { me }","operationName":""}"#,
            (1, "viewer"),
        );
        check(r#"{"query":"query Report { r }"}"#, (80, "report"));
        check(r#"{"query":"{ me }"}"#, (10, "graphql"));
        check(r#"{"query":"query Other { me }"}"#, (10, "graphql"));
        check(r#"{"query":"mutation Add { a }"}"#, (20, "mutation"));
        check(r#"{"query":"mutation Import { a }"}"#, (60, "import"));
        check(
            r#"{"query":"query Viewer { me } query Report { r }","operationName":"Viewer"}"#,
            (1, "viewer"),
        );
        // A document that the server knows.
        check(
            r#"{"operationName":"Viewer","extensions":{"persistedQuery":{"version":1,"sha256Hash":"0"}}}"#,
            (20, "mutation"),
        );
        check("", (10, "graphql"));
    }

    #[test]
    fn a_name_that_is_left_out_or_wrong_makes_nothing_cheaper() {
        let report = (80, "report");
        check(
            r#"{"query":"query Report { r }","operationName":"Viewer"}"#,
            report,
        );
        check(
            r#"{"query":"query Viewer { me } query Report { r }"}"#,
            report,
        );
        check(
            r#"{"query":"query Viewer { me }","query":"query Report { r }"}"#,
            report,
        );
        check(
            r#"{"query":"query Viewer { me } query Report { r }","operationName":"Viewer","operationName":"Report"}"#,
            report,
        );
        check(r#"{"extensions":{}}"#, report);
        check(r#"{"query":"query Viewer {"}"#, report);
        check(r#"{"query":["query Viewer { me }"]}"#, report);
        check(r#"{}"#, report);
        // A document beside what a server may know another one by.
        for known_by in [
            r#""doc_id":"7""#,
            r#""id":"7""#,
            r#""documentId":"sha256:0""#,
            r#""extensions":{"persistedQuery":{"sha256Hash":"0"}}"#,
        ] {
            let body = format!(r#"{{"query":"query Viewer {{ me }}",{known_by}}}"#);
            check(&body, report);
        }
        let beside = |query: &str| {
            let body = r#"{"query":"query Viewer { me }"}"#;
            cost(&graphql(), "POST", &format!("/graphql?{query}"), body).0
        };
        assert_eq!(beside("doc%5fid=7"), 80);
        assert_eq!(beside("extensions[persistedQuery][sha256Hash]=0"), 80);
        assert_eq!(beside("client_id=7"), 1);
        let both = |target: &str, body: &str| cost(&graphql(), "POST", target, body).0;
        assert_eq!(
            both(
                "/graphql?operationName=Report",
                r#"{"query":"query Viewer { me } query Report { r }","operationName":"Viewer"}"#
            ),
            80
        );
        assert_eq!(
            both("/graphql?query={r}", r#"{"query":"query Viewer { me }"}"#),
            10
        );
    }

    #[test]
    fn a_batch_costs_what_its_operations_cost() {
        check(
            r#"[{"query":"query Viewer { me }"},{"query":"query Report { r }"},{"query":"{ a }"}]"#,
            (91, "report"),
        );
    }

    #[test]
    fn a_get_names_its_operation_in_its_query() {
        check_get("?query=query%20Viewer{me}", (1, "viewer"));
        check_get("?query=query+Viewer+{me}", (1, "viewer"));
        check_get("?query={me}", (10, "graphql"));
        check_get("?operationName=Viewer&extensions={}", (1, "viewer"));
        check_get("?extensions={}", (80, "report"));
        check_get(
            "?query=query%20Viewer{me}&query=query%20Report{r}",
            (80, "report"),
        );
        check_get(
            "?query=query%20Report{r}&operationName=Viewer",
            (80, "report"),
        );
        check_get("", (10, "graphql"));
    }
}
