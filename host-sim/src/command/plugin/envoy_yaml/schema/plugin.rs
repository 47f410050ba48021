//! A filter of wasm (`envoy/extensions/wasm/v3/wasm.proto`).

use super::{Kind, Message};

pub(in crate::command::plugin::envoy_yaml) const WASM: Message = Message {
    name: "Wasm",
    fields: &[("config", Kind::Message(&PLUGIN_CONFIG))],
    unsimulated: &[],
    unnoticed: &[],
};

const PLUGIN_CONFIG: Message = Message {
    name: "PluginConfig",
    fields: &[
        ("name", Kind::Text),
        ("root_id", Kind::Text),
        ("vm_config", Kind::Message(&VM_CONFIG)),
        ("configuration", Kind::Any),
        ("fail_open", Kind::Flag),
        (
            "failure_policy",
            Kind::Words(&["UNSPECIFIED", "FAIL_RELOAD", "FAIL_CLOSED", "FAIL_OPEN"]),
        ),
        ("reload_config", Kind::Message(&RELOAD_CONFIG)),
        (
            "capability_restriction_config",
            Kind::Message(&CAPABILITY_RESTRICTION_CONFIG),
        ),
        ("allow_on_headers_stop_iteration", Kind::Flag),
    ],
    unsimulated: &[],
    unnoticed: &[],
};

const VM_CONFIG: Message = Message {
    name: "VmConfig",
    fields: &[
        ("vm_id", Kind::Text),
        ("code", Kind::Message(&ASYNC_DATA_SOURCE)),
        ("configuration", Kind::Any),
        (
            "environment_variables",
            Kind::Message(&ENVIRONMENT_VARIABLES),
        ),
        (
            "capability_restriction_config",
            Kind::Message(&CAPABILITY_RESTRICTION_CONFIG),
        ),
    ],
    unsimulated: &[],
    unnoticed: &["runtime", "allow_precompiled", "nack_on_code_cache_miss"],
};

const ASYNC_DATA_SOURCE: Message = Message {
    name: "AsyncDataSource",
    fields: &[("local", Kind::Message(&DATA_SOURCE))],
    unsimulated: &[],
    unnoticed: &["remote"],
};

const DATA_SOURCE: Message = Message {
    name: "DataSource",
    fields: &[("filename", Kind::Text)],
    unsimulated: &[],
    unnoticed: &[
        "inline_bytes",
        "inline_string",
        "environment_variable",
        "watched_directory",
    ],
};

const ENVIRONMENT_VARIABLES: Message = Message {
    name: "EnvironmentVariables",
    fields: &[
        ("host_env_keys", Kind::List(&Kind::Text)),
        ("key_values", Kind::Any),
    ],
    unsimulated: &[],
    unnoticed: &[],
};

const CAPABILITY_RESTRICTION_CONFIG: Message = Message {
    name: "CapabilityRestrictionConfig",
    fields: &[("allowed_capabilities", Kind::Any)],
    unsimulated: &[],
    unnoticed: &[],
};

const RELOAD_CONFIG: Message = Message {
    name: "ReloadConfig",
    fields: &[("backoff", Kind::Message(&BACKOFF_STRATEGY))],
    unsimulated: &[],
    unnoticed: &[],
};

const BACKOFF_STRATEGY: Message = Message {
    name: "BackoffStrategy",
    fields: &[("base_interval", Kind::Duration)],
    unsimulated: &[],
    unnoticed: &["max_interval"],
};
