//! What Envoy calls a `PluginConfig`: the settings of a filter of wasm, its configuration and its module.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use host_sim::target::{FailurePolicy, PluginSettings};
use serde_json::{Map, Value};

/// A plugin.
#[derive(Debug, Default)]
pub(super) struct Plugin {
    pub(super) module: Option<PathBuf>,
    pub(super) settings: PluginSettings,
    pub(super) configuration: Vec<u8>,
}

/// Reads a `PluginConfig` of this file whose keys have been checked.
///
/// # Errors
///
/// When it says what Envoy would not understand, or names a file that is not there.
pub(super) fn read(plugin: &Map<String, Value>, file: &Path) -> anyhow::Result<Plugin> {
    let text = |from: &Map<String, Value>, key: &str| {
        let text = from.get(key).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let nothing = Map::new();
    let vm = plugin.get("vm_config").and_then(Value::as_object);
    let vm = vm.unwrap_or(&nothing);
    let flag = |key: &str| plugin.get(key).and_then(Value::as_bool).unwrap_or(false);
    let policy = plugin.get("failure_policy").and_then(Value::as_str);
    let settings = PluginSettings {
        name: text(plugin, "name"),
        root_id: text(plugin, "root_id"),
        vm_id: text(vm, "vm_id"),
        vm_configuration: bytes(vm.get("configuration"))
            .and_then(|bytes| Ok(String::from_utf8(bytes)?))
            .context("config.vm_config.configuration")?,
        environment: environment(vm),
        allow_on_headers_stop_iteration: flag("allow_on_headers_stop_iteration"),
        failure_policy: match policy {
            Some("FAIL_OPEN") => FailurePolicy::FailOpen,
            _ if flag("fail_open") => FailurePolicy::FailOpen,
            Some("FAIL_RELOAD") => FailurePolicy::FailReload,
            _ => FailurePolicy::FailClosed,
        },
        reload_after_ms: reload_after(plugin),
        // Those of the VM count where there are any, also if they restrict nothing.
        capabilities: match vm.contains_key(CAPABILITIES) {
            true => capabilities(vm),
            false => capabilities(plugin),
        },
        buffer_limit_bytes: None,
    };
    Ok(Plugin {
        module: module(vm, file)?,
        settings,
        configuration: bytes(plugin.get("configuration")).context("config.configuration")?,
    })
}

/// The base interval of the back-off, in milliseconds.
fn reload_after(plugin: &Map<String, Value>) -> Option<u32> {
    let interval = plugin
        .get("reload_config")?
        .pointer("/backoff/base_interval")?;
    let seconds = interval.as_str()?.strip_suffix('s')?.parse().ok()?;
    let duration = Duration::try_from_secs_f64(seconds).ok()?;
    u32::try_from(duration.as_millis()).ok()
}

/// The module's file; relative ones are looked for where the command runs, as Envoy does, and beside the configuration.
fn module(vm: &Map<String, Value>, file: &Path) -> anyhow::Result<Option<PathBuf>> {
    let name = vm
        .get("code")
        .and_then(|code| code.pointer("/local/filename"));
    let Some(name) = name.and_then(Value::as_str) else {
        return Ok(None);
    };
    let path = PathBuf::from(name);
    let beside = file.parent().unwrap_or(Path::new("")).join(&path);
    match (path.exists(), beside.exists()) {
        (true, _) => Ok(Some(path)),
        (false, true) => Ok(Some(beside)),
        (false, false) => bail!(
            "config.vm_config.code.local.filename: there is no file `{name}`; another can be named with --plugin"
        ),
    }
}

/// What Envoy makes of an `Any` for the plugin: the text of a `StringValue`, the JSON of a `Struct`.
fn bytes(any: Option<&Value>) -> anyhow::Result<Vec<u8>> {
    let Some(any) = any else {
        return Ok(Vec::new());
    };
    let ty = any.get("@type").and_then(Value::as_str).unwrap_or_default();
    let value = any.get("value").unwrap_or(&Value::Null);
    match (ty.rsplit('/').next(), value) {
        (Some("google.protobuf.StringValue"), Value::String(text)) => Ok(text.clone().into_bytes()),
        (Some("google.protobuf.Struct"), value) => Ok(value.to_string().into_bytes()),
        (Some("google.protobuf.StringValue"), other) => {
            bail!("`value` is {other}, expected a text: write `value: |` before JSON")
        }
        _ => bail!(
            "the type is `{ty}`, expected type.googleapis.com/google.protobuf.StringValue or …Struct"
        ),
    }
}

/// The key of a `PluginConfig` and, from Envoy 1.40 on, of a `VmConfig`.
pub(super) const CAPABILITIES: &str = "capability_restriction_config";

/// The names that `capability_restriction_config` allows, if it restricts any.
fn capabilities(from: &Map<String, Value>) -> Option<BTreeSet<String>> {
    let restriction = from.get(CAPABILITIES)?;
    let allowed = restriction.get("allowed_capabilities")?.as_object()?;
    // An empty list restricts nothing.
    (!allowed.is_empty()).then(|| allowed.keys().cloned().collect())
}

/// The variables that are given by value, and those that are Envoy's own.
fn environment(vm: &Map<String, Value>) -> BTreeMap<String, String> {
    let variables = vm.get("environment_variables");
    let member = |key: &str| variables.and_then(|variables| variables.get(key));
    let values = member("key_values").and_then(Value::as_object);
    let values = values.into_iter().flatten();
    let values =
        values.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    let names = member("host_env_keys").and_then(Value::as_array);
    let names = names.into_iter().flatten().filter_map(Value::as_str);
    let own = names.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)));
    values.chain(own).collect()
}
