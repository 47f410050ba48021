//! The promises that must hold in every order of events, on the module as it ships: never overspent, all or nothing, conserved, and nothing
//! left in progress. The scenarios are in `tests/exploration`.

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

fn every_order_holds(name: &str) -> anyhow::Result<()> {
    let explored = explore(name, Bounds::default())?;
    assert!(explored.complete, "{name}: {explored:?}");
    // Several calls that write one record have more than one order.
    assert!(explored.schedules > 2, "{name}: {explored:?}");
    Ok(())
}

#[test]
fn three_workers_never_overspend() -> anyhow::Result<()> {
    every_order_holds("calls_at_once_never_overspend")
}

#[test]
fn three_workers_give_back_once_what_the_upstream_failed() -> anyhow::Result<()> {
    every_order_holds("refunds_at_once_conserve_the_credits")
}

#[test]
fn clients_that_leave_at_any_time_keep_nothing_in_progress() -> anyhow::Result<()> {
    every_order_holds("clients_that_leave_keep_nothing_in_progress")
}

#[test]
fn two_workers_keep_the_concurrency_limit() -> anyhow::Result<()> {
    every_order_holds("two_calls_at_once_keep_the_concurrency_limit")
}

/// All orders of three are too many for a test run: the first are run, and as many are drawn by lot. An optimized build runs all of them, some
/// 120,000, within minutes:
/// `cargo run --release -p host-sim -- explore --plugin FILTER.wasm --schedules 1000000 tests/exploration/calls_at_once_keep_the_concurrency_limit.toml`.
#[test]
fn three_workers_keep_the_concurrency_limit() -> anyhow::Result<()> {
    let bounds = Bounds {
        schedules: 300,
        ..Bounds::default()
    };
    let explored = explore("calls_at_once_keep_the_concurrency_limit", bounds)?;
    assert_eq!((explored.complete, explored.drawn), (false, 300));
    Ok(())
}

#[test]
fn calls_that_wait_for_the_directory_are_charged_once_whatever_comes_first() -> anyhow::Result<()> {
    let bounds = Bounds {
        ticks: true,
        shapes: true,
        ..Bounds::default()
    };
    let name = "calls_that_wait_for_the_directory_are_each_charged_once";
    let explored = explore(name, bounds)?;
    assert!(explored.complete, "{explored:?}");
    Ok(())
}
