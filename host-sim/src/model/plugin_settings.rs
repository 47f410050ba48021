//! What an operator says of a plugin besides its configuration.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// Envoy's own settings of the plugin (`envoy.extensions.wasm.v3.PluginConfig`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PluginSettings {
    /// The plugin's name in logs.
    pub name: String,
    /// Which root context of the module serves this plugin.
    pub root_id: String,
    /// The scope of shared data.
    pub vm_id: String,
    /// The VM's own configuration.
    pub vm_configuration: String,
    /// The environment that the module sees.
    pub environment: BTreeMap<String, String>,
    /// Whether pausing in the headers lets body callbacks go on (Envoy 1.35 and later).
    pub allow_on_headers_stop_iteration: bool,
    /// How requests are treated once the VM has failed.
    pub failure_policy: FailurePolicy,
    /// The base interval of `reload_config.backoff`, in milliseconds: how long a VM must have been loaded before
    /// [`FailurePolicy::FailReload`] loads it anew. Envoy's default is 1,000.
    pub reload_after_ms: Option<u32>,
    /// The only hostcalls and callbacks that are allowed (`capability_restriction_config`); all of them if it is not said.
    pub capabilities: Option<BTreeSet<String>>,
    /// The listener's `per_connection_buffer_limit_bytes`; Envoy's default is 1 MiB.
    pub buffer_limit_bytes: Option<u32>,
}

impl Default for PluginSettings {
    fn default() -> Self {
        Self {
            name: "plugin".to_owned(),
            root_id: String::new(),
            vm_id: String::new(),
            vm_configuration: String::new(),
            environment: BTreeMap::new(),
            allow_on_headers_stop_iteration: false,
            failure_policy: FailurePolicy::FailClosed,
            reload_after_ms: None,
            capabilities: None,
            buffer_limit_bytes: None,
        }
    }
}

/// How requests are treated once the VM has failed (`envoy.extensions.wasm.v3.FailurePolicy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailurePolicy {
    /// 503 for every later request of that worker; Envoy's default.
    #[default]
    FailClosed,
    /// Later requests pass without the filter.
    FailOpen,
    /// As `FailClosed`, until a request finds the VM to have been loaded for so long ([`PluginSettings::reload_after_ms`]) or longer,
    /// and starts it anew.
    FailReload,
}
