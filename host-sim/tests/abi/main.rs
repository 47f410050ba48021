//! The edges of the ABI, each with a guest of a few lines: what Envoy answers where guests do unusual things.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that panics says so by failing"
)]

mod abi_0_1_0;
mod bodies;
mod callouts;
mod contexts;
mod engine;
mod explore;
mod failures;
mod foreign_functions;
mod grpc;
mod guest;
mod header_maps;
mod instrumented;
mod lifecycle;
mod limits;
mod loading;
mod local_responses;
mod logging;
mod metrics;
mod names;
mod overlap;
mod properties;
mod scenarios;
mod shared_data;
mod shared_queues;
mod streams;
mod threads;
mod upstreams;
mod wasi;
