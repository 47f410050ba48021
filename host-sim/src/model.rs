//! What is told to a host and what it shows: requests, answers, settings, services and their behaviour, time. Data without any host.

pub(crate) mod clock;
mod connection_manager;
mod departure;
pub(crate) mod dns;
pub(crate) mod envoy_version;
mod exchange;
pub mod grpc;
mod log_line;
pub(crate) mod metadata;
pub mod octets;
pub(crate) mod pattern;
mod plugin_settings;
pub(crate) mod random;
pub mod resp;
mod services;
mod timeouts;
pub(crate) mod usual_answer;

pub use connection_manager::{
    CidrRange, CommonHttpOptions, ConnectionManager, EscapedSlashes, Http1Options,
    InternalAddressConfig, RetryPolicy, RouteSettings, ServerHeaderTransformation, Underscores,
};
pub use departure::{Departure, ErrorCode};
pub use exchange::{
    AnswerOverride, BrokenOff, Exchange, HttpVersion, Request, Upstream, UpstreamBehaviour,
    UpstreamRequest,
};
pub use log_line::{LogLevel, LogLine};
pub use plugin_settings::{FailurePolicy, PluginSettings};
pub use services::{Service, ServiceAnswer, ServiceBehaviour, ServiceFunction};
pub use timeouts::Timeouts;
