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
