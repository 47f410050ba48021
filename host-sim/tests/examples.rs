//! The examples do what they say.

#![allow(
    unreachable_pub,
    reason = "an example is a program of its own, whose main is called here"
)]

#[path = "../examples/callout.rs"]
mod callout;
#[path = "../examples/chain.rs"]
mod chain;
#[path = "../examples/clock.rs"]
mod clock;
#[path = "../examples/counter.rs"]
mod counter;
#[path = "../examples/exploration.rs"]
mod exploration;

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[test]
fn a_plugin_that_counts() -> Outcome {
    counter::main()
}

#[test]
fn a_plugin_that_asks_a_service() -> Outcome {
    callout::main()
}

#[test]
fn two_plugins_in_a_row() -> Outcome {
    chain::main()
}

#[test]
fn a_plugin_that_ticks() -> Outcome {
    clock::main()
}

#[test]
fn a_plugin_that_loses_a_call() -> Outcome {
    exploration::main()
}
