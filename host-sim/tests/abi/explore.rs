//! Scenarios under every order of events.

use std::path::Path;

use host_sim::EnvoyVersion;
use host_sim::explore::{Bounds, Explored, Explorer, Problem, Schedule};
use host_sim::scenario::Scenario;

use crate::guest::module;

/// Counts calls in shared data. `CREATE` is the number with which a missing key is written, and `AGAIN` what happens after a conflict.
const COUNTER: &str = r#"
    (func $count (result i32) (local $cas i32)
        (local.set $cas (i32.const CREATE))
        (i32.store8 (i32.const 16) (i32.const 48))
        (if (i32.eqz (call $get_shared <count> (i32.const 8) (i32.const 12) (i32.const 20)))
            (then
                (local.set $cas (i32.load (i32.const 20)))
                (i32.store8 (i32.const 16) (i32.load8_u (i32.load (i32.const 8))))))
        (i32.store8 (i32.const 16) (i32.add (i32.load8_u (i32.const 16)) (i32.const 1)))
        (call $set_shared <count> (i32.const 16) (i32.const 1) (local.get $cas)))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (loop $again (if (call $count) (then AGAIN)))
        i32.const 0)
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
        (drop (call $get_shared <count> (i32.const 8) (i32.const 12) (i32.const 20)))
        (drop (call $add (i32.const 2) <x-count> (i32.load (i32.const 8)) (i32.const 1)))
        i32.const 0)"#;

fn counter(create: &str, again: &str) -> host_sim::Module {
    module(&COUNTER.replace("CREATE", create).replace("AGAIN", again))
}

fn scenario(count: usize) -> Scenario {
    let toml = format!(
        r#"
about = "Calls at the same time are all counted."
workers = {count}
config = {{}}

[[step]]
parallel = {{ count = {count}, request = {{}}, expect = {{ statuses = {{ "200" = {count} }} }} }}

[[step]]
request = {{}}
expect = {{ headers = {{ x-count = "{}" }} }}
"#,
        count + 1
    );
    Scenario::from_toml(&toml, Path::new("counted.toml")).unwrap()
}

fn explore(module: &host_sim::Module, scenario: &Scenario) -> Explored {
    Explorer::new(module, scenario, Bounds::default())
        .run(|_| {})
        .unwrap()
}

#[test]
fn a_counter_that_creates_without_a_condition_loses_an_update() {
    let wrong = counter("0", "(br $again)");
    let explored = explore(&wrong, &scenario(2));
    let failure = explored.failure.unwrap();
    assert_eq!(
        (failure.schedule.to_string().as_str(), failure.preemptions),
        ("1*2 2", 1)
    );
    let Problem::Differs(report) = failure.problem else {
        panic!("{:?}", failure.problem);
    };
    let mismatch = report.mismatches.first().unwrap();
    assert_eq!(
        (mismatch.what.as_str(), mismatch.observed.as_str()),
        ("expect.headers.x-count", "\"2\"")
    );
    // What was found is found again, and nothing else fails.
    let again = Explorer::replay(
        &wrong,
        &scenario(2),
        &failure.schedule,
        EnvoyVersion::NEWEST,
    )
    .unwrap()
    .unwrap();
    assert_eq!(again.mismatches, report.mismatches);
    let other: Schedule = "1*3 2".parse().unwrap();
    let held = Explorer::replay(&wrong, &scenario(2), &other, EnvoyVersion::NEWEST)
        .unwrap()
        .unwrap();
    assert_eq!(held.mismatches, []);
}

#[test]
fn a_counter_that_creates_and_writes_under_a_condition_counts_in_every_order() {
    let right = counter("-1", "(br $again)");
    // Of two, the second reads before the first writes, which then makes its own write fail, or after. The first reads its answer's
    // count before or after the write of the second that counts: 2 + 2. Which of the two is the first makes no difference, nor does when
    // the write fails.
    for (count, schedules) in [(2, 4), (3, 66)] {
        let explored = explore(&right, &scenario(count));
        assert!(
            explored.complete && explored.failure.is_none(),
            "{explored:?}"
        );
        assert_eq!(explored.schedules, schedules, "{count}");
    }
}

#[test]
fn more_orders_than_the_bound_are_drawn_by_lot() {
    let bounds = Bounds {
        schedules: 2,
        ..Bounds::default()
    };
    let explored = Explorer::new(&counter("-1", "(br $again)"), &scenario(3), bounds)
        .run(|_| {})
        .unwrap();
    assert_eq!(
        (explored.schedules, explored.drawn, explored.complete),
        (2, 2, false)
    );
}

#[test]
fn a_call_that_is_stuck_in_one_order_is_found() {
    // Whoever finds the other's mark waits for ever.
    let module = module(
        r#"
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (if (i32.eqz (call $get_shared <mark> (i32.const 8) (i32.const 12) (i32.const 20)))
            (then (return (i32.const 1))))
        (drop (call $set_shared <mark> <x> (i32.const 0)))
        i32.const 0)"#,
    );
    let scenario = Scenario::from_toml(
        "about = \"x\"\nworkers = 2\n[[step]]\nparallel = { count = 2, request = {} }",
        Path::new("stuck.toml"),
    )
    .unwrap();
    let failure = explore(&module, &scenario).failure.unwrap();
    let Problem::Broken(what) = failure.problem else {
        panic!("{:?}", failure.problem);
    };
    assert_eq!(
        what.lines().next(),
        Some("GET / hangs: nothing that could end it is left to happen")
    );
    assert_eq!(failure.preemptions, 0);
}

#[test]
fn timers_clients_and_shapes_are_explored_where_they_are_asked_for() {
    // The timer forgets the mark that the request's headers leave and its end finds.
    let module = module(
        r#"
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
        (drop (call $tick (i32.const 100)))
        i32.const 1)
    (func (export "proxy_on_tick") (param i32)
        (drop (call $set_shared <mark> <-> (i32.const 0))))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $set_shared <mark> <+> (i32.const 0)))
        i32.const 0)
    (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
        (if (i32.and (local.get 2) (i32.eq (local.get 1) (i32.const 1)))
            (then (drop (call $set_property <shape> <last> ))))
        i32.const 0)
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
        (drop (call $get_shared <mark> (i32.const 8) (i32.const 12) (i32.const 20)))
        (drop (call $add (i32.const 2) <x-mark> (i32.load (i32.const 8)) (i32.const 1)))
        i32.const 0)"#,
    );
    let scenario = |expect: &str| {
        let toml = format!(
            "about = \"x\"\n[[step]]\nparallel = {{ count = 1, request = {{ method = \"POST\", body = \"ab\", may_leave = true }}, expect = {{ statuses = {expect} }} }}\n[[step]]\nadvance = \"1ms\""
        );
        Scenario::from_toml(&toml, Path::new("x.toml")).unwrap()
    };
    let run = |ticks, shapes, expect: &str| {
        let bounds = Bounds {
            ticks,
            shapes,
            ..Bounds::default()
        };
        Explorer::new(&module, &scenario(expect), bounds)
            .run(|_| {})
            .unwrap()
    };
    let any = "{ \"200\" = { between = [0, 1] }, \"0\" = { between = [0, 1] } }";
    // The upstream answers, or the client leaves first.
    assert_eq!(run(false, false, any).schedules, 2);
    // The timer fires before the call, between, or after it.
    assert_eq!(run(true, false, any).schedules, 6);
    // Two versions of HTTP times one or two pieces.
    assert_eq!(run(false, true, any).schedules, 8);
    let failure = run(true, true, "{ \"200\" = 1 }").failure.unwrap();
    assert_eq!(
        failure.schedule.to_string(),
        "ticks shapes shape-1-0 1*2 leave-1"
    );
}

#[test]
fn what_cannot_be_explored_is_said() {
    let module = counter("-1", "(br $again)");
    let alone = Scenario::from_toml(
        "about = \"x\"\n[[step]]\nrequest = {}",
        Path::new("alone.toml"),
    )
    .unwrap();
    let error = Explorer::new(&module, &alone, Bounds::default())
        .run(|_| {})
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "alone.toml: no step is `parallel`, expected at least one: its requests are what is explored"
    );
    let schedule: Schedule = "1 tick-0".parse().unwrap();
    let error =
        Explorer::replay(&module, &scenario(2), &schedule, EnvoyVersion::NEWEST).unwrap_err();
    assert_eq!(
        error.to_string(),
        "counted.toml: step 2 of the schedule is `tick-0`, which cannot happen there; possible are `1`, `2`"
    );
}
