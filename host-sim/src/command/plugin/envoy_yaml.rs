//! A wasm filter's settings in an Envoy configuration, wherever in it they are.
//!
//! What makes a filter one of wasm is the type of its `typed_config`, `envoy.extensions.filters.http.wasm.v3.Wasm`; below it is what
//! Envoy calls a `PluginConfig`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use host_sim::EnvoyVersion;
use host_sim::target::PluginSettings;
use serde_json::{Map, Value};

mod clusters;
mod document;
mod manager;
mod reading;
mod schema;
mod settings;

pub(crate) use clusters::{Clusters, Protocol};
use document::{Document, below};
pub(crate) use manager::Manager;
use reading::{Reading, member};
use settings::CAPABILITIES;

/// What the configuration says of a filter.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) module: Option<PathBuf>,
    pub(super) settings: PluginSettings,
    pub(super) configuration: Vec<u8>,
    pub(super) manager: Manager,
}

/// Filters of wasm in one chain.
#[derive(Debug)]
pub(super) struct Chain {
    /// What the configuration says of them, first to last.
    pub(super) found: Vec<Found>,
    /// What a filter could notice and is not simulated, with its line in the file.
    pub(super) unsimulated: Vec<(usize, String)>,
    /// The names of other filters in the chain, without the router.
    pub(super) others: Vec<String>,
    /// The clusters of the whole configuration.
    pub(super) clusters: Clusters,
}

/// A filter, and where it is.
struct Candidate<'a> {
    name: String,
    /// The elements of `http_filters` among which it is.
    among: &'a [Value],
    /// What `typed_config` has, with its JSON pointer.
    plugin: At<'a>,
    around: Around<'a>,
}

/// An object of the document, and its JSON pointer.
type At<'a> = (&'a Map<String, Value>, String);

/// What a filter is in.
#[derive(Clone, Default)]
struct Around<'a> {
    listener: Option<At<'a>>,
    manager: Option<At<'a>>,
}

/// Reads the filter of this name, or all filters of the only chain that has any.
///
/// # Errors
///
/// When the file cannot be read, has no such filter, or says of it what Envoy would not understand.
pub(super) fn read(
    file: &Path,
    name: Option<&str>,
    version: EnvoyVersion,
) -> anyhow::Result<Chain> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let document = Document::parse(file, text)?;
    let mut candidates = Vec::new();
    let around = Around::default();
    search(&document.value, "", &[], None, around, &mut candidates);
    let names: Vec<_> = candidates.iter().map(|found| found.name.clone()).collect();
    candidates.retain(|found| name.is_none_or(|name| found.name == name));
    let place = file.display();
    let mut clusters = Clusters::read(&document.value);
    let manager = candidates
        .first()
        .and_then(|first| first.around.manager.as_ref());
    clusters.of_route = manager.and_then(|(manager, _)| manager::cluster(manager));
    let mut reading = Reading::new(&document);
    for candidate in &candidates {
        refuse_later_keys(candidate, &document, version)?;
    }
    match (candidates.as_slice(), name) {
        ([only], Some(_)) => Ok(Chain {
            found: vec![found(only, file, &mut reading)?],
            unsimulated: reading.into_unsimulated().collect(),
            others: Vec::new(),
            clusters,
        }),
        ([first, others @ ..], None)
            if others
                .iter()
                .all(|other| std::ptr::eq(first.among, other.among)) =>
        {
            let found = candidates
                .iter()
                .map(|candidate| found(candidate, file, &mut reading));
            let found = found.collect::<anyhow::Result<_>>()?;
            Ok(Chain {
                found,
                unsimulated: reading.into_unsimulated().collect(),
                others: other_filters(first.among, &names),
                clusters,
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

/// The names of a chain's filters that are not of wasm, without the router.
fn other_filters(chain: &[Value], of_wasm: &[String]) -> Vec<String> {
    const ROUTER: &str = "envoy.filters.http.router";
    let run = chain
        .iter()
        .filter_map(Value::as_object)
        .filter(|filter| !is_disabled(filter));
    let names = run.filter_map(|filter| filter.get("name").and_then(Value::as_str));
    names
        .filter(|name| *name != ROUTER && !of_wasm.iter().any(|of_wasm| of_wasm == name))
        .map(str::to_owned)
        .collect()
}

fn is_disabled(filter: &Map<String, Value>) -> bool {
    filter.get("disabled").and_then(Value::as_bool) == Some(true)
}

/// Finds all filters of wasm below a value. Those that are disabled do not run.
fn search<'a>(
    value: &'a Value,
    pointer: &str,
    among: &'a [Value],
    name: Option<&str>,
    mut around: Around<'a>,
    candidates: &mut Vec<Candidate<'a>>,
) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let pointer = below(pointer, &index.to_string());
                search(item, &pointer, items, name, around.clone(), candidates);
            }
        }
        Value::Object(object) => {
            if is_disabled(object) {
                return;
            }
            let name = object.get("name").and_then(Value::as_str).or(name);
            let here = || Some((object, pointer.to_owned()));
            if member(object, "filter_chains").is_some() {
                around.listener = here();
            }
            if member(object, "http_filters").is_some() {
                around.manager = here();
            }
            if let Some((key, plugin)) = plugin_of(object) {
                candidates.push(Candidate {
                    name: name.unwrap_or_default().to_owned(),
                    among,
                    plugin: (plugin, format!("{pointer}{key}")),
                    around,
                });
                return;
            }
            for (key, value) in object {
                let pointer = below(pointer, key);
                search(value, &pointer, among, name, around.clone(), candidates);
            }
        }
        _ => {}
    }
}

/// The settings of a filter of wasm and where in the object they are, if this is its `typed_config`.
fn plugin_of(object: &Map<String, Value>) -> Option<(&'static str, &Map<String, Value>)> {
    const TYPE: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";
    let is_wasm = |key: &str| {
        let named = member(object, key).and_then(Value::as_str);
        named.is_some_and(|named| named.rsplit('/').next() == Some(TYPE))
    };
    if is_wasm("@type") {
        return object.contains_key("config").then_some(("", object));
    }
    // A `TypedStruct` names the type beside the value.
    if is_wasm("type_url") {
        let value = object.get("value")?.as_object()?;
        return value.contains_key("config").then_some(("/value", value));
    }
    None
}

/// Refuses what this version does not know yet.
fn refuse_later_keys(
    candidate: &Candidate<'_>,
    document: &Document,
    version: EnvoyVersion,
) -> anyhow::Result<()> {
    const FIRST: EnvoyVersion = EnvoyVersion::NEWEST;
    let (plugin, pointer) = &candidate.plugin;
    let config = member(plugin, "config").and_then(Value::as_object);
    let vm = config.and_then(|config| member(config, "vm_config")?.as_object());
    let later = vm.is_some_and(|vm| member(vm, CAPABILITIES).is_some());
    if later && version < FIRST {
        let pointer = below(&below(pointer, "config"), "vm_config");
        let message = format!("VmConfig has no key `{CAPABILITIES}` before Envoy {FIRST}");
        return Err(document.error(&below(&pointer, CAPABILITIES), message));
    }
    Ok(())
}

fn found(
    candidate: &Candidate<'_>,
    file: &Path,
    reading: &mut Reading<'_>,
) -> anyhow::Result<Found> {
    let mut read = |(object, pointer): &At<'_>, message| {
        let value = Value::Object((*object).clone());
        reading.message(&value, pointer, message)
    };
    let wasm = read(&candidate.plugin, &schema::WASM)?;
    let nothing = Map::new();
    let plugin = wasm.get("config").and_then(Value::as_object);
    let plugin = settings::read(plugin.unwrap_or(&nothing), file)
        .with_context(|| format!("{}: filter `{}`", file.display(), candidate.name))?;
    let listener = candidate.around.listener.as_ref();
    let listener = listener.map(|listener| read(listener, &schema::LISTENER));
    let listener = listener.transpose()?.unwrap_or_default();
    let limit = listener.get("per_connection_buffer_limit_bytes");
    let limit = limit.and_then(Value::as_u64);
    let manager = candidate.around.manager.as_ref();
    let manager = manager.map(|(manager, pointer)| manager::read(manager, pointer, reading));
    Ok(Found {
        module: plugin.module,
        settings: PluginSettings {
            buffer_limit_bytes: limit.and_then(|limit| u32::try_from(limit).ok()),
            ..plugin.settings
        },
        configuration: plugin.configuration,
        manager: manager.transpose()?.unwrap_or_default(),
    })
}
