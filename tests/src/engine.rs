//! What Envoys share their counters in, as the tests have it: real servers, and what can go wrong between them and Envoy.
//!
//! - a [`program`] is fetched like Envoy (Valkey) or from Debian's packages (Redis, Webdis);
//! - a [`server`] is a running Valkey or Redis, with the users and settings of `envoy/valkey.conf`;
//! - a [`gateway`] is Webdis in front of one, for Envoys that reach it by HTTP;
//! - an [`authority`] signs the certificate of a server that speaks TLS;
//! - a [`cluster`] is two Envoys that share one;
//! - a [`fault`] is a connection that breaks on demand;
//! - a [`script`] is what an engine does with a message, without a server.

pub mod authority;
pub mod cluster;
mod debian;
pub mod fault;
pub mod gateway;
pub mod program;
pub mod script;
pub mod server;
pub(crate) mod started;
