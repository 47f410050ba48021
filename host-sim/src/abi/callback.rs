//! The exports that Envoy looks for, and when it calls them.

use serde::Serialize;

use crate::abi::AbiVersion;

/// When Envoy calls an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Called {
    /// While a VM starts, before any context exists.
    AtStart,
    /// For the plugin as a whole: configuration, timers, answers to callouts.
    ForThePlugin,
    /// For every request.
    PerRequest,
    /// For connections, which HTTP filters do not have.
    PerConnection,
    /// Envoy does not look for it.
    Never,
}

impl Called {
    /// As sentences say it: Envoy …
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::AtStart => "calls when a VM starts",
            Self::ForThePlugin => "calls for the plugin",
            Self::PerRequest => "calls for every request",
            Self::PerConnection => {
                "calls for connections in TCP filters, which host-sim does not simulate"
            }
            Self::Never => "never calls",
        }
    }
}

/// An export that Envoy looks for.
#[derive(Clone, Copy, Debug)]
pub struct Callback {
    /// Its name.
    pub name: &'static str,
    /// When Envoy calls it.
    pub called: Called,
    /// The type in Envoy: how many numbers go in, all of them `i32`.
    pub parameters: usize,
    /// Whether one comes out.
    pub returns: bool,
    /// When exactly, where the name does not say it.
    pub when: &'static str,
}

const fn callback(
    name: &'static str,
    called: Called,
    parameters: usize,
    returns: bool,
    when: &'static str,
) -> Callback {
    Callback {
        name,
        called,
        parameters,
        returns,
        when,
    }
}

use Called::{AtStart, ForThePlugin, PerConnection, PerRequest};

#[rustfmt::skip]
const CALLBACKS: &[Callback] = &[
    callback("_initialize", AtStart, 0, false, "first of all; only proxy_log and WASI may be called"),
    callback("_start", AtStart, 0, false, "when there is no _initialize"),
    callback("main", AtStart, 2, true, "after _initialize"),
    callback("__main_void", AtStart, 0, true, "after _initialize, when there is no main"),
    callback("malloc", AtStart, 1, true, "whenever the host hands over bytes; before proxy_on_memory_allocate"),
    callback("proxy_on_memory_allocate", AtStart, 1, true, "whenever the host hands over bytes, when there is no malloc"),
    callback("proxy_on_vm_start", ForThePlugin, 2, true, "in a canary VM, then in the main thread's and in every worker's"),
    callback("proxy_validate_configuration", ForThePlugin, 2, true, ""),
    callback("proxy_on_configure", ForThePlugin, 2, true, "after proxy_on_vm_start, in as many VMs"),
    callback("proxy_on_tick", ForThePlugin, 1, false, "after proxy_set_tick_period_milliseconds"),
    callback("proxy_on_queue_ready", ForThePlugin, 2, false, "for every item of a registered queue"),
    callback("proxy_on_foreign_function", ForThePlugin, 3, false, ""),
    callback("proxy_on_http_call_response", ForThePlugin, 5, false, "for every proxy_http_call"),
    callback("proxy_on_grpc_receive_initial_metadata", ForThePlugin, 3, false, ""),
    callback("proxy_on_grpc_receive", ForThePlugin, 3, false, ""),
    callback("proxy_on_grpc_receive_trailing_metadata", ForThePlugin, 3, false, ""),
    callback("proxy_on_grpc_close", ForThePlugin, 3, false, ""),
    callback("envoy_on_resolve_dns", ForThePlugin, 3, false, "for every envoy_resolve_dns"),
    callback("envoy_on_stats_update", ForThePlugin, 2, false, ""),
    callback("proxy_on_context_create", PerRequest, 2, false, "also once per configuration, with 0 for the parent"),
    callback("proxy_on_request_headers", PerRequest, 3, true, ""),
    callback("proxy_on_request_body", PerRequest, 3, true, "for every piece of the body"),
    callback("proxy_on_request_trailers", PerRequest, 2, true, "when there are trailers"),
    callback("proxy_on_request_metadata", PerRequest, 2, true, "when there is metadata"),
    callback("proxy_on_response_headers", PerRequest, 3, true, "of local responses as well"),
    callback("proxy_on_response_body", PerRequest, 3, true, "for every piece of the body"),
    callback("proxy_on_response_trailers", PerRequest, 2, true, "when there are trailers"),
    callback("proxy_on_response_metadata", PerRequest, 2, true, "when there is metadata"),
    callback("proxy_on_log", PerRequest, 1, false, ""),
    callback("proxy_on_done", PerRequest, 1, true, "after proxy_on_log; what it returns counts only for the plugin"),
    callback("proxy_on_delete", PerRequest, 1, false, "last"),
    callback("proxy_on_new_connection", PerConnection, 1, true, ""),
    callback("proxy_on_downstream_data", PerConnection, 3, true, ""),
    callback("proxy_on_upstream_data", PerConnection, 3, true, ""),
    callback("proxy_on_downstream_connection_close", PerConnection, 2, false, ""),
    callback("proxy_on_upstream_connection_close", PerConnection, 2, false, ""),
];

impl Callback {
    /// The export of this name, as a module of this version has it.
    #[must_use]
    pub fn named(name: &str, abi: Option<AbiVersion>) -> Option<Self> {
        let mut found = *CALLBACKS.iter().find(|callback| callback.name == name)?;
        // The first ABI does not say whether the headers are all.
        if abi == Some(AbiVersion::V0_1_0) && name.ends_with("_headers") {
            found.parameters = 2;
        }
        Some(found)
    }
}

/// Whether Envoy passes over this export because of another one that the module has.
pub fn is_shadowed(name: &str, has: impl Fn(&str) -> bool) -> bool {
    match name {
        "_start" => has("_initialize"),
        "main" => !has("_initialize"),
        "__main_void" => !has("_initialize") || has("main"),
        "proxy_on_memory_allocate" => has("malloc"),
        _ => false,
    }
}

/// Whether the name looks as if Envoy were expected to call it.
#[must_use]
pub fn looks_like_one(name: &str) -> bool {
    (name.starts_with("proxy_") || name.starts_with("envoy_"))
        && !name.starts_with("proxy_abi_version_")
}
