//! Everything that runs the shipped module in real programs: the Envoy that runs scenarios, and what it needs.
//!
//! - [`artifacts`] are the module and Envoy itself, built and fetched when they are not there.
//! - [`envoy`] is the host on which scenarios run, beside the simulator: one real Envoy per scenario.
//! - [`example`] is the example that operators copy, run as they run it.
//! - [`mod@bench`] measures what the filter costs in Envoy.
//! - [`client`] and [`upstream`] are the two ends of a call through it, a [`service`] is what the plugin calls itself, and
//!   or by gRPC a [`mod@grpc`], [`body`] and [`reply`] are what they send; a [`call`] is one that is on its way while other things happen.
//! - [`clients`] are the libraries with which others make calls.
//! - [`engine`] is what several Envoys share their counters in.
//! - [`prometheus`] is what operators look at Envoys with.
//! - [`traffic`] is made up: access logs of a realistic shape; a [`web_server`] writes real ones.

pub mod artifacts;
pub mod bench;
pub mod body;
pub mod call;
pub mod client;
pub mod clients;
pub mod engine;
pub mod envoy;
pub mod example;
pub mod grpc;
pub mod prometheus;
pub mod reply;
pub mod service;
pub mod traffic;
pub mod upstream;
pub mod web_server;
