//! A wasm filter's settings in an Envoy configuration, wherever in it they are.
//!
//! What makes a filter one of wasm is the type of its `typed_config`, `envoy.extensions.filters.http.wasm.v3.Wasm`; below it is what
//! Envoy calls a `PluginConfig`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use host_sim::target::{ConnectionManager, FailurePolicy, PluginSettings, RouteSettings, Timeouts};
use serde_json::{Map, Value};

use crate::command::diagnostic::Pointed;

/// What the configuration says of a filter.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) module: Option<PathBuf>,
    pub(super) settings: PluginSettings,
    pub(super) configuration: Vec<u8>,
    pub(super) manager: Manager,
}

/// What the configuration says of the connection manager around the filters, and of its only route.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manager {
    pub(super) settings: ConnectionManager,
    pub(super) route: RouteSettings,
    pub(super) upgrades: Vec<String>,
    pub(super) timeouts: Timeouts,
}

/// Filters of wasm in one chain.
#[derive(Debug)]
pub(super) struct Chain {
    /// What the configuration says of them, first to last.
    pub(super) found: Vec<Found>,
    /// The names of other filters in the chain, without the router.
    pub(super) others: Vec<String>,
}

/// A filter, and the listener's buffer limit that holds for it.
struct Candidate<'a> {
    name: String,
    /// The elements of `http_filters` among which it is.
    among: &'a [Value],
    plugin: &'a Map<String, Value>,
    /// The connection manager that it is in.
    manager: Option<&'a Map<String, Value>>,
    buffer_limit: Option<u64>,
}

/// Reads the filter of this name, or all filters of the only chain that has any.
///
/// # Errors
///
/// When the file cannot be read, has no such filter, or says of it what Envoy would not understand.
pub(super) fn read(file: &Path, name: Option<&str>) -> anyhow::Result<Chain> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let document = parse(file, text)?;
    let mut candidates = Vec::new();
    search(&document, &[], None, (None, None), &mut candidates);
    let names: Vec<_> = candidates.iter().map(|found| found.name.clone()).collect();
    candidates.retain(|found| name.is_none_or(|name| found.name == name));
    let place = file.display();
    let read = |candidate: &Candidate<'_>| {
        found(candidate, file).with_context(|| format!("{place}: filter `{}`", candidate.name))
    };
    match (candidates.as_slice(), name) {
        ([only], Some(_)) => Ok(Chain {
            found: vec![read(only)?],
            others: Vec::new(),
        }),
        ([first, others @ ..], None)
            if others
                .iter()
                .all(|other| std::ptr::eq(first.among, other.among)) =>
        {
            let found: anyhow::Result<_> = candidates.iter().map(read).collect();
            Ok(Chain {
                found: found?,
                others: other_filters(first.among, &names),
            })
        }
        ([], Some(name)) if !names.is_empty() => bail!(
            "{place}: no filter of wasm is named `{name}`, there are: {}",
            names.join(", ")
        ),
        ([], _) => bail!(
            "{place}: no filter of the type envoy.extensions.filters.http.wasm.v3.Wasm is in it"
        ),
        (_, None) => bail!(
            "{place}: filters of wasm are in several chains, choose one with --filter: {}",
            names.join(", ")
        ),
        (_, Some(name)) => bail!("{place}: several filters of wasm are named `{name}`"),
    }
}

fn parse(file: &Path, text: String) -> anyhow::Result<Value> {
    let error = match serde_norway::from_str(&text) {
        Ok(document) => return Ok(document),
        Err(error) => error,
    };
    let message = error.to_string();
    Err(match error.location() {
        Some(at) => Pointed::new(file, text, (at.line(), at.column()), message, "here").into(),
        None => anyhow!("{}: {message}", file.display()),
    })
}

/// The names of a chain's filters that are not of wasm, without the router.
fn other_filters(chain: &[Value], of_wasm: &[String]) -> Vec<String> {
    const ROUTER: &str = "envoy.filters.http.router";
    let names = chain
        .iter()
        .filter_map(|filter| filter.get("name").and_then(Value::as_str));
    names
        .filter(|name| *name != ROUTER && !of_wasm.iter().any(|of_wasm| of_wasm == name))
        .map(str::to_owned)
        .collect()
}

/// Finds all filters of wasm below a value.
fn search<'a>(
    value: &'a Value,
    among: &'a [Value],
    name: Option<&str>,
    (manager, buffer_limit): (Option<&'a Map<String, Value>>, Option<u64>),
    candidates: &mut Vec<Candidate<'a>>,
) {
    match value {
        Value::Array(items) => {
            for item in items {
                search(item, items, name, (manager, buffer_limit), candidates);
            }
        }
        Value::Object(object) => {
            let name = object.get("name").and_then(Value::as_str).or(name);
            let limit = object.get("per_connection_buffer_limit_bytes");
            let buffer_limit = limit.and_then(Value::as_u64).or(buffer_limit);
            let manager = object
                .contains_key("http_filters")
                .then_some(object)
                .or(manager);
            if let Some(plugin) = plugin_of(object) {
                candidates.push(Candidate {
                    name: name.unwrap_or_default().to_owned(),
                    among,
                    plugin,
                    manager,
                    buffer_limit,
                });
                return;
            }
            for value in object.values() {
                search(value, among, name, (manager, buffer_limit), candidates);
            }
        }
        _ => {}
    }
}

/// The plugin's settings, if this is the `typed_config` of a filter of wasm.
fn plugin_of(object: &Map<String, Value>) -> Option<&Map<String, Value>> {
    const TYPE: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";
    let is_wasm = |key: &str| {
        let named = object.get(key).and_then(Value::as_str);
        named.is_some_and(|named| named.rsplit('/').next() == Some(TYPE))
    };
    if is_wasm("@type") {
        return object.get("config")?.as_object();
    }
    // A `TypedStruct` names the type beside the value.
    if is_wasm("type_url") {
        return object.get("value")?.get("config")?.as_object();
    }
    None
}

fn found(candidate: &Candidate<'_>, file: &Path) -> anyhow::Result<Found> {
    let plugin = candidate.plugin;
    let text = |from: &Map<String, Value>, key: &str| {
        let text = from.get(key).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let nothing = Map::new();
    let vm = plugin
        .get("vm_config")
        .and_then(Value::as_object)
        .unwrap_or(&nothing);
    let limit = candidate.buffer_limit.map(u32::try_from).transpose();
    let vm_configuration =
        bytes(vm.get("configuration")).context("config.vm_config.configuration")?;
    let settings = PluginSettings {
        name: text(plugin, "name"),
        root_id: text(plugin, "root_id"),
        vm_id: text(vm, "vm_id"),
        vm_configuration: String::from_utf8(vm_configuration)
            .context("config.vm_config.configuration")?,
        environment: environment(vm),
        allow_on_headers_stop_iteration: plugin
            .get("allow_on_headers_stop_iteration")
            .and_then(Value::as_bool)
            .unwrap_or(false),
        failure_policy: failure_policy(plugin)?,
        reload_after_ms: reload_after(plugin)?,
        capabilities: capabilities(plugin).or_else(|| capabilities(vm)),
        buffer_limit_bytes: limit.context("per_connection_buffer_limit_bytes")?,
    };
    Ok(Found {
        module: module(vm, file)?,
        settings,
        configuration: bytes(plugin.get("configuration")).context("config.configuration")?,
        manager: candidate.manager.map_or(Ok(Manager::default()), manager)?,
    })
}

/// What of a connection manager is simulated.
fn manager(manager: &Map<String, Value>) -> anyhow::Result<Manager> {
    let known = serde_json::to_value(ConnectionManager::default())?;
    let optional = [
        "internal_address_config",
        "generate_request_id",
        "via",
        "server_name",
        "normalize_path",
    ];
    let mut settings = Map::new();
    for (key, value) in manager {
        if known.get(key).is_none() && !optional.contains(&key.as_str()) {
            continue;
        }
        let value = match key.as_str() {
            "common_http_protocol_options" => only(
                value,
                &["max_headers_count", "headers_with_underscores_action"],
            ),
            "http_protocol_options" => only(
                value,
                &[
                    "accept_http_10",
                    "default_host_for_http_10",
                    "allow_chunked_length",
                ],
            ),
            "internal_address_config" => only(value, &["cidr_ranges"]),
            _ => value.clone(),
        };
        settings.insert(key.clone(), value);
    }
    let settings = serde_path_to_error::deserialize(Value::Object(settings));
    let upgrades = manager.get("upgrade_configs").and_then(Value::as_array);
    let upgrades = upgrades.into_iter().flatten().filter_map(|upgrade| {
        let enabled = upgrade.get("enabled").and_then(Value::as_bool) != Some(false);
        let name = upgrade.get("upgrade_type").and_then(Value::as_str);
        name.filter(|_| enabled).map(str::to_owned)
    });
    let common = manager.get("common_http_protocol_options");
    let mut timeouts = Map::new();
    let mut time = |key: &str, value: Option<&Value>| {
        if let Some(value) = value {
            timeouts.insert(key.to_owned(), value.clone());
        }
    };
    time("idle", manager.get("stream_idle_timeout"));
    time("request", manager.get("request_timeout"));
    time(
        "max_stream_duration",
        common.and_then(|common| common.get("max_stream_duration")),
    );
    let route = only_route(manager);
    time("route", route.and_then(|route| route.get("timeout")));
    let policy = route.and_then(|route| route.get("retry_policy"));
    let policy = policy.map(|policy| {
        only(
            policy,
            &[
                "retry_on",
                "num_retries",
                "per_try_timeout",
                "retriable_status_codes",
            ],
        )
    });
    let policy = policy.map(serde_json::from_value).transpose();
    Ok(Manager {
        settings: settings.context("the connection manager")?,
        route: RouteSettings {
            retry_policy: policy.context("route.retry_policy")?,
        },
        upgrades: upgrades.collect(),
        timeouts: serde_json::from_value(Value::Object(timeouts)).context("a time-out")?,
    })
}

/// These members of an object.
fn only(value: &Value, keys: &[&str]) -> Value {
    let members = value.as_object().into_iter().flatten();
    let kept = members.filter(|(key, _)| keys.contains(&key.as_str()));
    kept.map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// The route of a connection manager that has one only.
fn only_route(manager: &Map<String, Value>) -> Option<&Value> {
    let hosts = manager
        .get("route_config")?
        .get("virtual_hosts")?
        .as_array()?;
    let [host] = hosts.as_slice() else {
        return None;
    };
    match host.get("routes")?.as_array()?.as_slice() {
        [route] => route.get("route"),
        _ => None,
    }
}

fn failure_policy(plugin: &Map<String, Value>) -> anyhow::Result<FailurePolicy> {
    if plugin.get("fail_open").and_then(Value::as_bool) == Some(true) {
        return Ok(FailurePolicy::FailOpen);
    }
    Ok(match plugin.get("failure_policy").and_then(Value::as_str) {
        None | Some("UNSPECIFIED" | "FAIL_CLOSED") => FailurePolicy::FailClosed,
        Some("FAIL_OPEN") => FailurePolicy::FailOpen,
        Some("FAIL_RELOAD") => FailurePolicy::FailReload,
        Some(other) => bail!(
            "config.failure_policy: unknown policy `{other}`, expected FAIL_CLOSED, FAIL_OPEN or FAIL_RELOAD"
        ),
    })
}

/// The base interval of the back-off, which Envoy writes as `0.2s`.
fn reload_after(plugin: &Map<String, Value>) -> anyhow::Result<Option<u32>> {
    let interval = plugin
        .get("reload_config")
        .and_then(|reload| reload.pointer("/backoff/base_interval"));
    let Some(interval) = interval else {
        return Ok(None);
    };
    let text = interval.as_str().unwrap_or_default();
    let seconds = text
        .strip_suffix('s')
        .and_then(|seconds| seconds.parse().ok());
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    match duration.and_then(|duration| u32::try_from(duration.as_millis()).ok()) {
        Some(milliseconds) => Ok(Some(milliseconds)),
        None => bail!(
            "config.reload_config.backoff.base_interval: {interval} is no duration, expected one such as `0.5s`"
        ),
    }
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

/// The names that `capability_restriction_config` allows, if it restricts any.
fn capabilities(from: &Map<String, Value>) -> Option<BTreeSet<String>> {
    let restriction = from.get("capability_restriction_config")?;
    let allowed = restriction.get("allowed_capabilities")?.as_object()?;
    // An empty list restricts nothing.
    (!allowed.is_empty()).then(|| allowed.keys().cloned().collect())
}

/// The environment of the VM: what is written there, and those of this program's own variables that are named, as Envoy gives it its own.
fn environment(vm: &Map<String, Value>) -> BTreeMap<String, String> {
    let variables = vm.get("environment_variables");
    let of = |key| variables.and_then(|variables| variables.get(key));
    let values = of("key_values").and_then(Value::as_object);
    let written = values.into_iter().flatten();
    let written = written.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.into())));
    let named = of("host_env_keys").and_then(Value::as_array);
    let named = named.into_iter().flatten().filter_map(Value::as_str);
    let named = named.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)));
    written.chain(named).collect()
}
