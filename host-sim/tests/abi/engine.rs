//! What loads as it does in Envoy's V8, and what does not.

use host_sim::Module;

use crate::guest::get;

/// How a module with this in it ends: why it does not load, or the status of a call.
fn loaded(inside: &str) -> String {
    let text = format!(
        r#"(module {inside}
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "malloc") (param i32) (result i32) i32.const 1024))"#
    );
    let module = match Module::from_bytes(text.as_bytes()) {
        Ok(module) => module,
        Err(error) => return error.to_string(),
    };
    let mut simulator = match host_sim::Simulator::builder(&module).start() {
        Ok(simulator) => simulator,
        Err(error) => return error.to_string(),
    };
    simulator.exchange(&get("/")).unwrap().status.to_string()
}

/// A module whose request callback does this, and which has these declarations.
fn doing(declarations: &str, body: &str) -> String {
    loaded(&format!(
        r#"{declarations}
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {body} i32.const 0)"#
    ))
}

const MEMORY: &str = r#"(memory (export "memory") 1)"#;

#[test]
fn what_v8_knows_beyond_the_first_webassembly_loads() {
    for (declarations, body) in [
        (
            r#"(import "env" "emscripten_notify_memory_growth" (func $grown (param i32)))
            (import "env" "pthread_equal" (func $equal (param i32 i32) (result i32)))
            (memory (export "memory") 1)"#,
            "(call $grown (i32.const 0)) (if (i32.eqz (call $equal (i32.const 3) (i32.const 3))) (then unreachable))",
        ),
        (
            r#"(memory (export "memory") 1) (tag $oops (param i32))"#,
            "(drop (block $caught (result i32) (try_table (catch $oops $caught) (throw $oops (i32.const 7))) unreachable))",
        ),
        (
            r#"(memory (export "memory") 1) (type $pair (struct (field i32) (field i32)))"#,
            "(drop (struct.get $pair 1 (struct.new $pair (i32.const 1) (i32.const 2))))",
        ),
        (
            r#"(memory (export "memory") 1) (table $t 4 externref)"#,
            "(table.set $t (i32.const 1) (ref.null extern))",
        ),
        (
            MEMORY,
            "(drop (i32.atomic.rmw.add (i32.const 8) (i32.const 1)))",
        ),
        (
            r#"(import "env" "memory" (memory 1)) (import "env" "__indirect_function_table" (table 2 funcref))"#,
            "(i32.store (i32.const 8) (i32.const 1))",
        ),
    ] {
        assert_eq!(doing(declarations, body), "200", "{declarations}");
    }
}

#[test]
fn memories_and_tables_are_as_large_as_in_v8() {
    assert_eq!(
        loaded(r#"(memory (export "memory") 16385)"#),
        "the module wants 16385 pages of memory, and V8 gives 16384 at most"
    );
    assert_eq!(
        loaded(r#"(memory (export "memory") 1) (table 10000001 funcref)"#),
        "the module wants a table of 10000001 elements, and V8 gives 10000000 at most"
    );
    let refused = "(if (i32.ne (memory.grow (i32.const 16384)) (i32.const -1)) (then unreachable))";
    assert_eq!(doing(MEMORY, refused), "200");
}

#[test]
fn callbacks_are_of_the_types_that_envoy_calls() {
    for (export, expected) in [
        (
            r#"(func (export "proxy_on_configure") (param i64) (result i32) i32.const 1)"#,
            "the module's export `proxy_on_configure` is no function of the ABI's type",
        ),
        (
            r#"(func (export "proxy_on_log") (param i32) (result i32) i32.const 1)"#,
            "the module's export `proxy_on_log` is no function of the ABI's type",
        ),
        // What is no function is passed over, and so is what nobody calls.
        (
            r#"(global (export "proxy_on_log") i32 (i32.const 1))"#,
            "200",
        ),
        (
            r#"(func (export "_initialize")) (func (export "_start") (param i32))"#,
            "200",
        ),
    ] {
        let inside = format!("{MEMORY} {export}");
        assert_eq!(loaded(&inside), expected, "{export}");
    }
}

#[test]
fn a_loop_may_take_its_time_but_not_for_ever() {
    let counts = "(local $i i32) (loop $again
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $i) (i32.const 50000000))))";
    assert_eq!(doing(MEMORY, counts), "200");
    let endless = crate::guest::builder(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (loop $again (br $again)) i32.const 0)"#,
    );
    let limit = std::time::Duration::from_millis(50);
    let mut simulator = crate::guest::started(endless.time_limit(Some(limit)));
    assert_eq!(
        simulator.exchange(&get("/")).unwrap_err().to_string(),
        "proxy_on_request_headers did not return within 50ms; in Envoy that worker would never do anything again"
    );
}
