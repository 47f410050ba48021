//! The edges of the ABI, each with a guest of a few lines: what Envoy answers where guests do unusual things.

mod bodies;
mod contexts;
mod failures;
mod guest;
mod header_maps;
mod lifecycle;
mod loading;
mod local_responses;
mod logging;
mod metrics;
mod properties;
mod scenarios;
mod shared_data;
mod streams;
mod wasi;
