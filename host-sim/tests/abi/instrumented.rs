//! Modules that are watched: their functions may give several results, throw, catch, and call others in their own place, and what
//! they do stays the same.

use std::collections::BTreeMap;

use host_sim::profile::{Frame, Totals};
use host_sim::{Module, Simulator};

use crate::guest::get;

/// Functions are numbered from 1 on, behind the import. The callback's result is 0 if everything went as it has to.
const ODD: &str = r#"(module
    (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (tag $oops (param i32))
    (type $pair (func (param i32) (result i32 i64)))
    (table funcref (elem $pair))
    (func $pair (type $pair) ;; 1
        (if (i32.eqz (local.get 0)) (then (return (i32.const 5) (i64.const 6))))
        (block $out (result i32 i64)
            (br $out (i32.const 7) (i64.const 8))))
    (func $throws (param i32) (result i32) ;; 2
        (if (local.get 0) (then (throw $oops (local.get 0))))
        (i32.const 3))
    (func $passes (param i32) (result i32) ;; 3
        (i32.add (call $throws (local.get 0)) (i32.const 1)))
    (func $catches (param i32) (result i32) ;; 4
        (block $caught (result i32)
            (try_table (result i32) (catch $oops $caught)
                (call $passes (local.get 0)))))
    (func $tail (param i32) (result i32) ;; 5
        (if (i32.eqz (local.get 0)) (then (return (i32.const 9))))
        (return_call $tail (i32.sub (local.get 0) (i32.const 1))))
    (func $indirect (param i32) (result i32 i64) ;; 6
        (return_call_indirect (type $pair) (local.get 0) (i32.const 0)))
    (func $chooses (param i32) (result i32) ;; 7
        (block $two (block $one (block $zero
            (br_table $zero $one $two (local.get 0)))
            (return (i32.const 10)))
            (return (i32.const 11)))
        (i32.const 12))
    (func $reference (result funcref) ;; 8
        (ref.func $tail))
    (elem declare func $tail)
    (func $is (param i32 i32) ;; 9
        (if (i32.ne (local.get 0) (local.get 1)) (then unreachable)))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) ;; 10
        (local $wide i64)
        (local.set $wide (call $pair (i32.const 0)))
        (call $is (i32.const 5))
        (call $is (i32.wrap_i64 (local.get $wide)) (i32.const 6))
        (local.set $wide (call $indirect (i32.const 1)))
        (call $is (i32.const 7))
        (call $is (i32.wrap_i64 (local.get $wide)) (i32.const 8))
        (call $is (call $catches (i32.const 0)) (i32.const 4))
        (call $is (call $catches (i32.const 42)) (i32.const 42))
        (call $is (call $tail (i32.const 3)) (i32.const 9))
        (call $is (call $chooses (i32.const 1)) (i32.const 11))
        (call $is (call $chooses (i32.const 5)) (i32.const 12))
        (drop (call $reference))
        (drop (call $log (i32.const 2) (i32.const 0) (i32.const 3)))
        (i32.const 0))
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) (i32.const 1024)))"#;

/// Two requests, with a profile; all must pass. Also says what the engine counted.
fn profile(module: &Module) -> (BTreeMap<Frame, Totals>, u64) {
    let mut simulator = Simulator::builder(module).start().unwrap();
    simulator.start_profile();
    for _ in 0..2 {
        assert_eq!(simulator.exchange(&get("/")).unwrap().status, 200);
    }
    assert_eq!(simulator.failure(0), None);
    let profile = simulator.take_profile().unwrap();
    (profile.totals(), profile.instructions())
}

#[test]
fn functions_of_any_kind_are_told_apart_and_cost_what_they_cost() {
    let (plain, instructions) = profile(&Module::from_bytes(ODD.as_bytes()).unwrap());
    let (totals, watched) = profile(&Module::profiled(ODD.as_bytes()).unwrap());
    assert_eq!(watched, instructions);
    let callback = Frame::Callback("proxy_on_request_headers");
    assert_eq!(
        totals[&callback].instructions,
        plain[&callback].instructions
    );
    let calls = |number| {
        let function = totals.get(&Frame::Function(number));
        function.map_or(0, |totals| totals.calls)
    };
    // Twice each; one that gives references is a part of its caller.
    let expected = [2 * 2, 2 * 2, 2 * 2, 2 * 2, 4 * 2, 2, 2 * 2, 0, 9 * 2, 2];
    assert_eq!([1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map(calls), expected);
    // What an exception leaves ends with whoever catches it: nothing of what follows is counted there.
    let catches = totals[&Frame::Function(4)];
    let callback = totals[&Frame::Function(10)];
    assert!(catches.instructions < callback.instructions);
    let own: u64 = totals.values().map(|totals| totals.own_instructions).sum();
    assert_eq!(own, instructions);
}

#[test]
fn counting_blocks_changes_nothing() {
    let run = |module: &Module| {
        let mut simulator = Simulator::builder(module).start().unwrap();
        simulator.exchange(&get("/")).unwrap();
        assert_eq!(simulator.failure(0), None);
        crate::guest::trace(&mut simulator)
    };
    let plain = run(&Module::from_bytes(ODD.as_bytes()).unwrap());
    assert_eq!(run(&Module::covered(ODD.as_bytes()).unwrap()), plain);
    // A module without a memory of its own, and one that imports it.
    for memory in ["", r#"(import "env" "memory" (memory 1))"#] {
        let text = format!(
            r#"(module {memory}
                (func (export "proxy_abi_version_0_2_1"))
                (func (export "malloc") (param i32) (result i32) i32.const 1024)
                (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) i32.const 0))"#
        );
        let plain = run(&Module::from_bytes(text.as_bytes()).unwrap());
        assert_eq!(run(&Module::covered(text.as_bytes()).unwrap()), plain);
        assert_eq!(run(&Module::profiled(text.as_bytes()).unwrap()), plain);
    }
}

#[test]
fn what_is_not_counted_has_no_coverage() {
    let plain = Module::from_bytes(ODD.as_bytes()).unwrap();
    assert_eq!(
        plain.coverage().unwrap_err().to_string(),
        "nothing was counted: the module was not loaded for that"
    );
    let counted = Module::covered(ODD.as_bytes()).unwrap();
    assert_eq!(
        counted.coverage().unwrap_err().to_string(),
        "the module has no source lines (DWARF sections such as .debug_line)"
    );
}
