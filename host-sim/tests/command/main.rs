//! The command: what it prints and how it exits.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that panics says so by failing"
)]

mod bench;
mod check;
mod covered;
mod envoy_version;
mod envoy_yaml;
mod explore;
mod folder;
mod fuzz;
mod import;
mod inspect;
mod interruption;
mod record;
mod replay;
mod run;
mod serve;
mod server;
mod source;
mod tests_textpb;
mod trace;
mod watch;
