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
//! - [`fuzz`] looks for what breaks a plugin.
//! - [`service_extensions`] runs tests that were written for Google's Service Extensions.
//! - [`recording`] makes scenarios of what a tap filter or a browser recorded.
//! - [`access_log`] reads what proxies wrote of calls, and [`forecast`] tells what a plugin would have done to them.
//! - [`runner`] walks a scenario over a target; it is the one comparison that every host shares. [`report`] says what differed.
//!
//! What is inside, folder by folder; each imports from those before it alone, which a test holds:
//!
//! 1. `model`: what a host is told and what it shows.
//! 2. `abi`: the numbers of the proxy-wasm ABI, the callbacks, and lists of pairs as they cross it.
//! 3. `http`: what Envoy itself does around the filters, and `stream`, the state machine of one request and its response without any VM.
//! 4. `host`: what all VMs share (`shared_data`, `shared_queue`, `metrics`), and the callouts that they make.
//! 5. `guest`: a `module` in its `vm`; `hostcalls` translate between its memory and the state machines of the layers below.
//! 6. `proxy`: a `worker` drives streams through a `chain` of VMs; `simulator` holds workers.
//! 7. [`scenario`], with [`target`], [`runner`] and [`report`].
//! 8. [`explore`], [`fuzz`], [`recording`] and [`service_extensions`], and [`forecast`], which reads with [`access_log`].
//!
//! # What is not simulated
//!
//! HTTP/2 `METADATA` frames, and with them `proxy_on_request_metadata` and `proxy_on_response_metadata`; TCP filters; the
//! foreign functions that compile expressions or use keys. A module that calls one of these is told so by name.
//!
#![doc = include_str!("../../.github/GLOSSARY.md")]

mod abi;
pub mod access_log;
pub mod explore;
pub mod forecast;
pub mod fuzz;
mod guest;
mod host;
mod http;
mod model;
mod proxy;
pub mod recording;
pub mod scenario;
pub mod service_extensions;

pub use abi::{AbiVersion, callback};
pub use guest::imports::{Imports, Support};
pub use guest::module::{LoadError, Module};
pub use guest::vm::VmFailure;
pub use guest::{coverage, symbols};
pub use host::shared_data::Written;
pub use host::trace::{HostcallOutcome, TraceEvent, TraceKind};
pub use host::{Counts, profile};
pub use http::hidden_body::HiddenBody;
pub use http::stream::Ending;
pub use model::envoy_version::EnvoyVersion;
pub use model::{grpc, resp};
pub use proxy::simulator::{
    Builder, CallId, CalloutId, Event, PendingCall, Piece, SimulationError, Simulator, StartError,
    WorkerSeed,
};
pub use scenario::explanation::Explanation;
pub use scenario::sim_target::SimTarget;
pub use scenario::{report, runner, target};

/// The smallest module that Envoy loads, in the text format: it lets everything pass. For examples and tests.
pub const SMALLEST: &[u8] = br#"(module
    (memory (export "memory") 1)
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024))"#;
