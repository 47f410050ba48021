//! The promises that must hold in every order of events, on the module as it ships: never overspent, all or nothing, conserved, and nothing
//! left in progress. The scenarios are in `tests/exploration`; with three workers on which calls come at once, each promise is explored by:
//!
//! | | a charge | a refusal | a refund | calls in progress |
//! |---|---|---|---|---|
//! | 1, never overspent | `calls_at_once_never_overspend`: all 11 orders | the same | `refunds_at_once_conserve_the_credits`: all 272 | `calls_at_once_keep_the_concurrency_limit`: a part |
//! | 2, all or nothing | the same | the same | the same | the same |
//! | 4, no leak | `a_refused_call_takes_no_credits_and_no_place`: all 528 | the same | `a_refunded_call_leaves_no_credits_and_no_place`: all 768 | the same |
//!
//! Where several calls are in progress at once, three workers have too many orders for a test run: the first ones are run, and as many
//! are drawn by lot. With two workers all are. An optimized build runs all 120,000 or so of three as well, within minutes:
//! `host-sim explore --plugin FILTER.wasm --schedules 1000000 tests/exploration`.

use anyhow::ensure;
use api_credits_tests::artifacts;
use host_sim::Module;
use host_sim::explore::{Bounds, Explored, Explorer};
use host_sim::scenario::Scenario;

fn explore(name: &str, bounds: Bounds) -> anyhow::Result<Explored> {
    let module = Module::from_file(&artifacts::module()?)?;
    let folder = artifacts::root().join("tests/exploration");
    let scenario = Scenario::from_file(&folder.join(name).with_extension("toml"))?;
    let explored = Explorer::new(&module, &scenario, bounds).run(|_| {})?;
    ensure!(explored.failure.is_none(), "{name}: {:?}", explored.failure);
    Ok(explored)
}

/// Explores a scenario completely. There are `most` orders: more mean that the filter touches what workers share more often than it did, so
/// that its hot path has become longer.
fn every_order_holds(name: &str, bounds: Bounds, most: u64) -> anyhow::Result<()> {
    let explored = explore(name, bounds)?;
    assert!(explored.complete, "{name}: {explored:?}");
    // Several calls that write one record have more than one order.
    assert!(
        explored.schedules > 2 && explored.schedules <= most,
        "{name}: {explored:?}"
    );
    Ok(())
}

#[test]
fn three_workers_never_overspend() -> anyhow::Result<()> {
    every_order_holds("calls_at_once_never_overspend", Bounds::default(), 11)
}

#[test]
fn two_workers_keep_the_parts_of_clients() -> anyhow::Result<()> {
    every_order_holds(
        "calls_of_clients_at_once_keep_their_parts",
        Bounds::default(),
        64,
    )
}

#[test]
fn two_workers_share_the_day_between_two_clients() -> anyhow::Result<()> {
    every_order_holds(
        "two_clients_at_once_share_what_the_day_has",
        Bounds::default(),
        11,
    )
}

#[test]
fn two_workers_use_exactly_what_a_period_and_a_purchase_allow() -> anyhow::Result<()> {
    every_order_holds(
        "calls_at_once_use_exactly_what_a_period_and_a_purchase_allow",
        Bounds::default(),
        64,
    )
}

#[test]
fn three_workers_give_back_once_what_the_upstream_failed() -> anyhow::Result<()> {
    every_order_holds(
        "refunds_at_once_conserve_the_credits",
        Bounds::default(),
        272,
    )
}

#[test]
fn clients_that_leave_at_any_time_keep_nothing_in_progress() -> anyhow::Result<()> {
    every_order_holds(
        "clients_that_leave_keep_nothing_in_progress",
        Bounds::default(),
        320,
    )
}

#[test]
fn two_workers_keep_the_concurrency_limit() -> anyhow::Result<()> {
    every_order_holds(
        "two_calls_at_once_keep_the_concurrency_limit",
        Bounds::default(),
        24,
    )
}

#[test]
fn three_workers_keep_the_concurrency_limit() -> anyhow::Result<()> {
    let bounds = Bounds {
        schedules: 300,
        ..Bounds::default()
    };
    let explored = explore("calls_at_once_keep_the_concurrency_limit", bounds)?;
    assert_eq!(
        (explored.complete, explored.schedules, explored.drawn),
        (false, 300, 300)
    );
    Ok(())
}

#[test]
fn three_workers_refuse_without_a_trace() -> anyhow::Result<()> {
    every_order_holds(
        "a_refused_call_takes_no_credits_and_no_place",
        Bounds::default(),
        528,
    )
}

#[test]
fn three_workers_refund_without_a_trace() -> anyhow::Result<()> {
    every_order_holds(
        "a_refunded_call_leaves_no_credits_and_no_place",
        Bounds::default(),
        768,
    )
}

#[test]
fn calls_that_wait_for_the_directory_are_charged_once_whatever_comes_first() -> anyhow::Result<()> {
    let bounds = Bounds {
        ticks: true,
        shapes: true,
        ..Bounds::default()
    };
    every_order_holds(
        "calls_that_wait_for_the_directory_are_each_charged_once",
        bounds,
        380,
    )
}
