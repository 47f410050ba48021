//! The whole text of every error that a cost table can have.

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn compile_text(costs: &str) -> Result<CostTable, String> {
    let costs: CostsConfig = serde_json::from_str(costs).unwrap();
    compile(&costs).map_err(|error| error.to_string())
}

fn check(costs: &str, expected: &str) {
    assert_eq!(compile_text(costs).unwrap_err(), expected, "{costs}");
}

/// The error of a rule `b` with this text, after a rule `a` that prices `GET /tickets/{id}`.
fn check_rule(rule: &str, expected: &str) {
    let first = r#"{"name":"a","operations":["GET /","GET /tickets/{id}"],"cost":1}"#;
    check(
        &format!(r#"{{"default":1,"rules":[{first},{{{rule}}}]}}"#),
        expected,
    );
}

/// The error of a rule with this cost.
fn check_cost(cost: &str, expected: &str) {
    check_rule(
        &format!(r#""name":"b","operations":["GET /b"],"cost":{cost}"#),
        expected,
    );
}

#[test]
fn a_table_without_rules_is_a_table() {
    let table = compile_text(r#"{"default":7}"#).unwrap();
    assert_eq!(table.body().max_bytes, 65_536);
    assert_eq!(table.rule_name(RuleId::DEFAULT), "default");
}

#[test]
fn conditions_tell_rules_of_one_operation_apart() {
    let rules = r#"{"name":"b","operations":["GET /"],"cost":1},
        {"name":"c","operations":["GET /"],"when":{"x":"*"},"cost":2},
        {"name":"d","operations":["GET /"],"when":{"x":"1"},"cost":2},
        {"name":"e","operations":["GET /"],"when":{"x":"1","y":"1"},"cost":2}"#;
    assert!(compile_text(&format!(r#"{{"default":1,"rules":[{rules}]}}"#)).is_ok());
}

#[test]
fn a_name_says_which_rule_is_meant() {
    let name = |name: &str| format!(r#""name":"{name}","operations":["GET /b"],"cost":1"#);
    let expected = |value: &str| {
        format!(
            "invalid configuration at `costs.rules[1].name`: \"{value}\": expected 1 to 64 letters, digits, spaces, `_`, `.` and `-`"
        )
    };
    check_rule(&name(""), &expected(""));
    check_rule(&name("ü"), &expected("ü"));
    let long = "x".repeat(65);
    check_rule(&name(&long), &expected(&long));
    check_rule(
        &name("a"),
        "invalid configuration at `costs.rules[1].name`: \"a\": expected another name than that of `costs.rules[0]`",
    );
    check_rule(
        &name("default"),
        "invalid configuration at `costs.rules[1].name`: \"default\": expected another name: this is what calls without a rule are listed under",
    );
}

#[test]
fn an_operation_can_match_and_is_priced_once() {
    let operation =
        |operation: &str| format!(r#""name":"b","operations":["GET /b","{operation}"],"cost":1"#);
    check_rule(
        r#""name":"b","operations":[],"cost":1"#,
        "invalid configuration at `costs.rules[1].operations`: []: expected at least one operation",
    );
    check_rule(
        &operation("get /c"),
        "invalid configuration at `costs.rules[1].operations[1]`: \"get /c\": expected a method in upper case, `GET`, found `get`",
    );
    let taken = |value: &str, place: &str, rule: &str| {
        format!(
            "invalid configuration at `costs.rules[1].operations[1]`: \"{value}\": expected an operation with another \"when\" than \
             `{place}` (rule \"{rule}\"), which prices the same calls"
        )
    };
    check_rule(
        &operation("GET /b"),
        &taken("GET /b", "costs.rules[1].operations[0]", "b"),
    );
    check_rule(
        &operation("GET /Tickets/*"),
        &taken("GET /Tickets/*", "costs.rules[0].operations[1]", "a"),
    );
}

#[test]
fn a_segment_is_one_of_two_only_where_one_has_more_text_around_its_parameter() {
    check_rule(
        r#""name":"b","operations":["GET /{x}.csv","POST /a/abcd{x}","GET /abcd{y}/b"],"cost":1"#,
        "invalid configuration at `costs.rules[1].operations[2]`: \"GET /abcd{y}/b\": expected no segment that could be one of \
         `costs.rules[1].operations[0]` (rule \"b\") as well: `abcd{…}` and `{…}.csv` have as much text around their parameters",
    );
}

#[test]
fn conditions_are_on_distinct_parameters() {
    let when = |when: &str| format!(r#""name":"b","operations":["GET /b"],"when":{when},"cost":1"#);
    check_rule(
        &when(r#"{"":"*"}"#),
        "invalid configuration at `costs.rules[1].when`: \"\": expected the name of a query parameter",
    );
    check_rule(
        &when(r#"{"x":"1","X":"2"}"#),
        "invalid configuration at `costs.rules[1].when`: \"X\": expected each query parameter once (names are compared without case)",
    );
    check_rule(
        r#""name":"b","operations":["GET /"],"when":{},"cost":1"#,
        "invalid configuration at `costs.rules[1].operations[0]`: \"GET /\": expected an operation with another \"when\" than \
         `costs.rules[0].operations[0]` (rule \"a\"), which prices the same calls",
    );
    let [one, other] = [r#"{"x":"a","y":"*"}"#, r#"{"Y":"*","X":"A"}"#]
        .map(|when| format!(r#""operations":["GET /b"],"when":{when},"cost":1"#));
    check(
        &format!(r#"{{"default":1,"rules":[{{"name":"b",{one}}},{{"name":"c",{other}}}]}}"#),
        "invalid configuration at `costs.rules[1].operations[0]`: \"GET /b\": expected an operation with another \"when\" than \
         `costs.rules[0].operations[0]` (rule \"b\"), which prices the same calls",
    );
}

#[test]
fn tiers_ascend() {
    let place = "invalid configuration at `costs.rules[1].cost.tiers";
    check_cost(
        r#"{"tiers":{"query":"","steps":[{"up_to":1,"credits":1}],"beyond":9}}"#,
        &format!("{place}.query`: \"\": expected the name of a query parameter"),
    );
    check_cost(
        r#"{"tiers":{"query":"from","steps":[],"beyond":9}}"#,
        &format!("{place}.steps`: []: expected at least one step"),
    );
    check_cost(
        r#"{"tiers":{"query":"from","steps":[{"up_to":1,"credits":1},{"up_to":1,"credits":2}],"beyond":9}}"#,
        &format!("{place}.steps[1].up_to`: 1: expected more than 1, where the step before ends"),
    );
}

#[test]
fn records_can_be_found_and_paid_for() {
    let place = "invalid configuration at `costs.rules[1].cost.per_record";
    check_cost(
        r#"{"per_record":{"arrays":[],"credits":6}}"#,
        &format!("{place}.arrays`: []: expected at least one JSON Pointer"),
    );
    check_cost(
        r#"{"per_record":{"arrays":["/ids","ids"],"credits":6}}"#,
        &format!(
            "{place}.arrays[1]`: \"ids\": expected a JSON Pointer such as \"/ids\", or \"\" for the body itself"
        ),
    );
    check_cost(
        r#"{"per_record":{"arrays":["/ids"],"credits":15258789063,"records":1}}"#,
        &format!(
            "{place}.credits`: 15258789063: expected at most 15258789062, so that a body of 65536 bytes cannot cost more than 999999999999999 credits"
        ),
    );
    let most = r#"{"name":"a","operations":["GET /"],"cost":{"per_record":{"arrays":["/ids"],"credits":15258789062}}}"#;
    assert!(compile_text(&format!(r#"{{"default":1,"rules":[{most}]}}"#)).is_ok());
}

#[test]
fn a_body_is_waited_for_and_not_for_ever() {
    for seconds in [0, 3601] {
        check(
            &format!(r#"{{"default":1,"body":{{"timeout_seconds":{seconds}}}}}"#),
            &format!(
                "invalid configuration at `costs.body.timeout_seconds`: {seconds}: expected a number of seconds from 1 to 3600"
            ),
        );
    }
}

#[test]
fn a_body_has_a_size_that_can_be_buffered() {
    for bytes in [0, 16_777_217, u32::MAX] {
        check(
            &format!(r#"{{"default":1,"body":{{"max_bytes":{bytes}}}}}"#),
            &format!(
                "invalid configuration at `costs.body.max_bytes`: {bytes}: expected a number of bytes from 1 to 16777216"
            ),
        );
    }
}

#[test]
fn conditions_are_on_what_there_can_be() {
    let when =
        |when: &str| format!(r#""name":"b","operations":["POST /b"],"when":{when},"cost":1"#);
    let check = |conditions: &str, expected: &str| {
        check_rule(
            &when(conditions),
            &format!("invalid configuration at `costs.rules[1].when{expected}"),
        );
    };
    check(
        r#"{"headers":{"a b":"1"}}"#,
        ".headers`: \"a b\": expected the name of a request header other than `host`, of which the property `request.host` tells",
    );
    check(
        r#"{"headers":{"Host":"1"}}"#,
        ".headers`: \"Host\": expected the name of a request header other than `host`, of which the property `request.host` tells",
    );
    check(
        r#"{"headers":{"X-A":"1","x-a":"2"}}"#,
        ".headers`: \"x-a\": expected each header once (names are compared without case)",
    );
    check(
        r#"{"properties":[{"property":[],"value":"1"}]}"#,
        ".properties[0].property`: []: expected the segments of a property's path, at least one, none empty and none with a NUL",
    );
    check(
        r#"{"properties":[{"property":["a"],"value":"1"},{"property":["a"],"value":"2"}]}"#,
        ".properties[1].property`: [\"a\"]: expected each property once",
    );
    check(
        r#"{"body":{"method":"1"}}"#,
        ".body`: \"method\": expected a JSON Pointer to a member of the body, such as \"/method\"",
    );
    check(
        r#"{"body":{"":"1"}}"#,
        ".body`: \"\": expected a JSON Pointer to a member of the body, such as \"/method\"",
    );
    check(
        r#"{"body":{"/a~2":"1"}}"#,
        ".body`: \"/a~2\": expected `~0` for `~` and `~1` for `/` in a JSON Pointer",
    );
    check(
        r#"{"body":{"/a":"1","/A":true}}"#,
        ".body`: \"/A\": expected each member once (keys are compared without case)",
    );
    check(
        r#"{"graphql":{}}"#,
        ".graphql`: {}: expected `operation`, `type`, or both",
    );
    check(
        r#"{"graphql":{"operation":"a b"}}"#,
        ".graphql.operation`: \"a b\": expected the name of a GraphQL operation, or \"*\" for any name",
    );
    let many: Vec<String> = (0..65).map(|at| format!("\"/m{at}\":1")).collect();
    check(
        &format!("{{\"body\":{{{}}}}}", many.join(",")),
        ".body`: \"/m64\": expected at most 64 different members in the conditions of all rules",
    );
}

#[test]
fn rules_with_the_same_conditions_compete() {
    for (one, other) in [
        (r#"{"headers":{"X":"a"}}"#, r#"{"headers":{"x":"A"}}"#),
        (r#"{"body":{"/a":"x"}}"#, r#"{"body":{"/A":"X"}}"#),
        (r#"{"body":{"/a":1}}"#, r#"{"body":{"/a":1}}"#),
        (
            r#"{"graphql":{"operation":"A"}}"#,
            r#"{"graphql":{"operation":"A"}}"#,
        ),
        (r#"{"a":"1"}"#, r#"{"query":{"A":"1"}}"#),
    ] {
        let rule = |name: &str, when: &str| {
            format!(r#"{{"name":"{name}","operations":["POST /b"],"when":{when},"cost":1}}"#)
        };
        let rules = [rule("one", one), rule("other", other)].join(",");
        check(
            &format!(r#"{{"default":1,"rules":[{rules}]}}"#),
            "invalid configuration at `costs.rules[1].operations[0]`: \"POST /b\": expected an operation with another \"when\" than \
             `costs.rules[0].operations[0]` (rule \"one\"), which prices the same calls",
        );
    }
    for (one, other) in [
        (r#"{"headers":{"a":"1"}}"#, r#"{"a":"1"}"#),
        (r#"{"body":{"/a":"1"}}"#, r#"{"body":{"/a":1}}"#),
        (r#"{"body":{"/a":"1"}}"#, r#"{"body":{"/a":"*"}}"#),
        (
            r#"{"graphql":{"operation":"A"}}"#,
            r#"{"graphql":{"operation":"*"}}"#,
        ),
        (
            r#"{"graphql":{"type":"query"}}"#,
            r#"{"graphql":{"operation":"A"}}"#,
        ),
    ] {
        let rule = |name: &str, when: &str| {
            format!(r#"{{"name":"{name}","operations":["POST /b"],"when":{when},"cost":1}}"#)
        };
        let rules = [rule("one", one), rule("other", other)].join(",");
        assert!(compile_text(&format!(r#"{{"default":1,"rules":[{rules}]}}"#)).is_ok());
    }
}

#[test]
fn a_response_states_its_cost_in_one_place() {
    let check = |settle: &str, expected: &str| {
        check_rule(
            &format!(r#""name":"b","operations":["POST /b"],"cost":1,"settle_from":{settle}"#),
            &format!("invalid configuration at `costs.rules[1].settle_from{expected}"),
        );
    };
    check(
        "{}",
        "`: {…}: expected one of `header`, `trailer` and `body`",
    );
    check(
        r#"{"header":"x","body":"/a"}"#,
        "`: {…}: expected one of `header`, `trailer` and `body`",
    );
    check(
        r#"{"body":"usage"}"#,
        ".body`: \"usage\": expected a JSON Pointer to a member of the body, such as \"/usage/total_tokens\"",
    );
    check(
        r#"{"body":"/a~"}"#,
        ".body`: \"/a~\": expected `~0` for `~` and `~1` for `/` in a JSON Pointer",
    );
}
