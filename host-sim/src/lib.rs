//! Runs proxy-wasm modules as Envoy does, without Envoy.
//!
//! A [`Simulator`] is Envoy with one plugin: a canary VM and several workers that share data and metrics, a clock that stands
//! still until it is advanced, and an upstream that answers, or fails, as it is told. It follows Envoy 1.40 and its proxy-wasm host where
//! these differ from the specification, down to the statuses of hostcalls. A module is seen as bytes and nothing else.
//!
//! # Layout
//!
//! What one uses:
//!
//! - [`Module`] is a compiled module; [`Simulator`] runs it, as its [`Builder`] says. [`grpc`] and [`resp`] describe services for it
//!   that speak no plain HTTP.
//! - [`scenario`] is the test language: what a plugin is given and what a client, an upstream or an operator then sees.
//! - [`target`] is what a host must be able to do so that scenarios can run on it; [`SimTarget`] is the simulator as such a host.
//! - [`profile`] tells where a module spends its instructions and its time, [`coverage`] which lines of its source were executed, and
//!   [`symbols`] what its code is called there.
//! - [`access_log`] reads what proxies wrote of calls, and [`forecast`] tells what a plugin would have done to them.
//! - [`runner`] walks a scenario over a target; it is the one comparison that every host shares. [`report`] says what differed.
//!
//! What is inside, from the outside in: `simulator` holds `worker`s, a worker drives streams through its `vm`; `stream` and
//! `message` are the state machine of one request and its response without any VM; `hostcalls` translate between guest memory
//! and the state machines beside them (`shared_data`, `shared_queue`, `metrics`, `header_map`, `body`, `property`, `local_response`,
//! `callout`, `grpc_call`, `foreign_function`); `envoy` is what Envoy itself does around the filters, and `framing` what clients and
//! upstreams do with bodies of another size than their `content-length`.
//!
//! # What is not simulated
//!
//! HTTP/2 `METADATA` frames, and with them `proxy_on_request_metadata` and `proxy_on_response_metadata`; TCP filters; the
//! foreign functions that compile expressions or use keys. A module that calls one of these is told so by name.
//!
#![doc = include_str!("../../.github/GLOSSARY.md")]

mod abi;
pub mod access_log;
mod body;
pub mod callback;
mod callout;
mod chain;
mod clock;
pub mod coverage;
mod crash;
mod dns;
mod engine;
mod envoy_version;
mod explanation;
pub mod explore;
mod filter_state;
pub mod forecast;
mod foreign_function;
pub mod grpc;
mod grpc_call;
mod host;
mod hostcalls;
mod http;
mod imports;
mod instrument;
mod limits;
mod metadata;
mod metrics;
mod module;
mod pairs;
pub mod profile;
mod property;
mod random;
pub mod report;
pub mod resp;
pub mod runner;
pub mod scenario;
mod shared;
mod shared_data;
mod shared_queue;
mod sim_target;
mod simulator;
mod stream;
pub mod symbols;
pub mod target;
mod usual_answer;
mod vm;
mod vm_state;
mod worker;

pub use abi::AbiVersion;
pub use envoy_version::EnvoyVersion;
pub use explanation::Explanation;
pub use host::Counts;
pub use http::hidden_body::HiddenBody;
pub use imports::{Imports, Support};
pub use module::{LoadError, Module};
pub use shared_data::Written;
pub use sim_target::SimTarget;
pub use simulator::{
    Builder, CallId, CalloutId, Ending, Happening, Passing, Piece, SimulationError, Simulator,
    StartError, WorkerSeed,
};
pub use vm::VmFailure;
