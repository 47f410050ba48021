//! API credits for Envoy: a proxy-wasm filter that gives every organization a daily allotment of credits, charges each call by a
//! cost table, refuses what cannot be paid for, and tells everybody the same numbers.
//!
//! # Layers
//!
//! Each folder is a layer, and imports point one way, from the first of these to the last (`tests/layers.rs` holds that):
//!
//! - `shell`: the contexts of the Proxy-Wasm SDK, what is read of a call and done to it, and the hostcalls. It exists on `wasm32-wasip1`
//!   alone; everything else compiles natively, which proves that it is pure: it takes values and returns values, and time is an argument.
//! - [`config`]: the JSON document, and the policy that it describes.
//! - [`decide`]: the [policy](decide::policy), and the [meter](decide::meter), the state machine of one call.
//! - [`show`]: what clients, operators and log readers are shown, all of it from one [receipt](show::receipt).
//! - [`outbound`]: whom the filter calls itself: the [directory](outbound::directory), the [engine](outbound::engine), and
//!   whoever is told of warnings and of what was charged (the [outbox](outbound::outbox)).
//! - [`accounts`]: what was used and is in progress: pure steps of an [account](accounts::account) behind a [ledger](accounts::ledger) of two
//!   methods, and what one [worker](accounts::worker) remembers between calls.
//! - [`pricing`]: the [cost table](pricing::cost_table).
//! - [`model`]: the words of the domain.
//! - [`document`]: how a document is read, and what is wrong with it.
//!
//! # A request
//!
//! Envoy calls the filter with the request headers. The shell reads method, path and identity and hands them to a
//! [`Meter`](decide::meter::Meter), which asks the [`CostTable`](pricing::cost_table::CostTable) for a quote and charges it to the payer's
//! account through the [`Ledger`](accounts::ledger::Ledger). The resulting [`Verdict`](decide::meter::Verdict) says to forward the call, to
//! hold it for its body, or to refuse it, and the [`Receipt`](show::receipt::Receipt) of what was decided is the one source of every
//! header, property, body and counter.
//!
#![doc = include_str!("../../.github/GLOSSARY.md")]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        reason = "an overflow in a test fails the test"
    )
)]

pub mod accounts;
pub mod config;
pub mod decide;
pub mod document;
pub mod model;
pub mod outbound;
pub mod pricing;
pub mod show;

#[cfg(target_os = "wasi")]
mod shell;
