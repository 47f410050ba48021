//! API credits for Envoy: a proxy-wasm filter that gives every organization a daily allotment of credits, charges each call by a
//! cost table, refuses what cannot be paid for, and tells everybody the same numbers.
//!
//! # Layout
//!
//! The policy core is pure: it takes values and returns values, time is an argument, and it compiles natively, which proves it.
//!
//! - what is counted: [`credits`], [`edition`], [`organization`], [`allotment`], [`day`];
//! - by which model: [`terms`], [`legacy_limit`], [`data_center`], [`calendar_date`], [`subscription`];
//! - who pays, and where that is stated: [`policy`], [`attributes`], [`property_path`], [`header_map`], [`directory`];
//! - what a call costs: [`cost_table`];
//! - what was used: [`account`] (pure steps of one record), [`ledger`] (the accounts behind a two-method port), [`namespace`];
//! - what several proxies share: [`engine`] (what is reserved there, and what is said to it);
//! - what is in progress: [`slots`] (as an account tells), [`worker`] (what one worker remembers between calls, found by [`spread`]);
//! - what is decided: [`meter`] (the state machine of one call), [`receipt`], [`refunds`], [`enforcement`];
//! - what is shown: [`complaints`], [`refusal`], [`response_headers`], [`metrics`], [`usage`], [`webhook`];
//! - whom the filter calls itself: [`callout`], and for whose answer a call waits: [`awaited`];
//! - what is configured: [`config`], [`config_error`] (said with [`choice`]), [`unique_map`], [`json`].
//!
//! Around it, on `wasm32-wasip1` alone, lies a thin shell of four files: `plugin` and `filter` (the callbacks), `call` (what is
//! read of a call and done to it; nothing is decided there) and `host` (the only file that makes hostcalls).
//!
//! # A request
//!
//! Envoy calls `filter` with the request headers. It reads method, path and identity through `host` and hands them to a
//! [`meter::Meter`], which asks the [`cost_table::CostTable`] for a quote and charges it to the payer's account through the
//! [`ledger::Ledger`]. The resulting [`meter::Verdict`] says to forward the call, to hold it for its body, or to refuse it, and the
//! [`receipt::Receipt`] of what was decided is the one source of every header, property, body and counter.

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
