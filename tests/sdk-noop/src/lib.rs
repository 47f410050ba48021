//! A plugin that does nothing, made with the Proxy-Wasm SDK for Rust as its documentation says: what any such plugin costs.
//!
//! `make bench` measures it beside the filter. There is nothing of it where there is no host.

#[cfg(target_os = "wasi")]
mod plugin;
