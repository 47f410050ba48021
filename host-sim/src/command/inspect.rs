//! `host-sim inspect`: what a module is, what it needs from Envoy, and what Envoy will call in it.
//!
//! The file is only read, and compiled to see whether it loads; nothing of it runs.

mod anatomy;
mod table;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use host_sim::callback::{self, Callback, Called};
use host_sim::symbols::Symbols;
use host_sim::{AbiVersion, EnvoyVersion, Imports, LoadError, Module, Support};
use serde::Serialize;

use crate::command::output::{say, show};
use anatomy::{Anatomy, Export, Memory, Section};

/// What `host-sim inspect` is told.
#[derive(Args, Debug)]
pub(crate) struct Inspect {
    /// The filter, as Envoy loads it
    #[arg(value_name = "FILTER.wasm", required_unless_present = "plugin")]
    module: Option<PathBuf>,
    /// The same, as other commands name it
    #[arg(long, value_name = "FILTER.wasm", conflicts_with = "module")]
    plugin: Option<PathBuf>,
    /// Judge by this release of Envoy
    #[arg(long, value_name = "VERSION", default_value_t = EnvoyVersion::NEWEST)]
    envoy: EnvoyVersion,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Everything that is known of a module.
#[derive(Debug, Serialize)]
struct Inspection {
    file: PathBuf,
    bytes: u64,
    functions: u64,
    abi: Option<String>,
    memory: Option<Memory>,
    /// What it was made with.
    producers: BTreeMap<String, Vec<String>>,
    /// The release of Envoy by which it is judged.
    envoy: String,
    /// Why that Envoy would not load it; empty when it would.
    problems: Vec<String>,
    /// Why host-sim does not run what that Envoy would load.
    not_simulated: Option<String>,
    /// What is told of where it crashes.
    crashes: &'static str,
    exports: Vec<InspectedExport>,
    imports: Vec<InspectedImport>,
    sections: Vec<Section>,
}

#[derive(Debug, Serialize)]
struct InspectedExport {
    name: String,
    called: Called,
    when: &'static str,
}

#[derive(Debug, Serialize)]
struct InspectedImport {
    module: String,
    name: String,
    /// Whether that Envoy offers it to modules of this ABI.
    in_envoy: bool,
    /// Whether host-sim simulates it.
    simulated: bool,
    /// What else there is to say.
    remark: String,
}

impl Inspect {
    /// Whether that Envoy would load the module.
    pub(crate) fn execute(&self) -> anyhow::Result<bool> {
        let module = self.module.as_ref().or(self.plugin.as_ref());
        let module = module.context("there is no filter: name FILTER.wasm")?;
        let inspection = Inspection::of(module, self.envoy)?;
        if self.json {
            say!("{}", serde_json::to_string_pretty(&inspection)?);
        } else {
            show!("{}", table::text(&inspection));
        }
        Ok(inspection.problems.is_empty())
    }
}

impl Inspection {
    fn of(file: &Path, envoy: EnvoyVersion) -> anyhow::Result<Self> {
        let place = || file.display().to_string();
        let bytes = fs::read(file).with_context(place)?;
        let bytes = binary(bytes).with_context(place)?;
        let anatomy = Anatomy::of(&bytes)
            .with_context(|| format!("{}: not a WebAssembly module", file.display()))?;
        let abi = abi_of(&anatomy.exports);
        let imports = inspect_imports(&anatomy, abi, envoy)?;
        let mut problems = Vec::new();
        for import in imports.iter().filter(|import| !import.in_envoy) {
            let InspectedImport {
                module,
                name,
                remark,
                ..
            } = import;
            problems.push(format!("the import {module}.{name} is missing: {remark}"));
        }
        problems.extend(
            anatomy
                .exports
                .iter()
                .filter_map(|export| wrong_type(export, abi)),
        );
        let mut not_simulated = None;
        // What the lists above do not know, loading it shows.
        if problems.is_empty() {
            match Module::from_bytes(&bytes) {
                Ok(_) => {}
                // Of the functions, only those are left that Envoy has. It also lends modules a memory.
                Err(error) if is_envoys(&error, &imports) => {
                    not_simulated = Some(error.to_string());
                }
                Err(
                    error @ (LoadError::TcpFilter { .. }
                    | LoadError::Engine(_)
                    | LoadError::Link(_)),
                ) => not_simulated = Some(error.to_string()),
                Err(error) => problems.push(error.to_string()),
            }
        }
        Ok(Self {
            file: file.to_owned(),
            bytes: anatomy.size,
            functions: anatomy.functions,
            abi: abi.map(|abi| abi.to_string()),
            memory: anatomy.memory,
            producers: anatomy.producers,
            envoy: envoy.to_string(),
            problems,
            not_simulated,
            crashes: crashes(&bytes),
            exports: inspect_exports(&anatomy.exports, abi),
            imports,
            sections: anatomy.sections,
        })
    }
}

/// What Envoy's log and `host-sim` can tell of where it crashes.
fn crashes(bytes: &[u8]) -> &'static str {
    let symbols = Symbols::of(bytes).ok();
    let names = symbols.as_ref().is_some_and(Symbols::has_names);
    let lines = symbols.as_ref().is_some_and(Symbols::has_lines);
    match (names, lines) {
        (true, true) => "Envoy logs a backtrace, and host-sim symbolize knows its source lines",
        (true, false) => {
            "Envoy logs a backtrace; its source lines are known of an unstripped twin (--symbols)"
        }
        (false, true) => "Envoy logs no backtrace, for want of a name section",
        (false, false) => {
            "Envoy logs no backtrace, for want of a name section; source lines are known of an unstripped twin (--symbols)"
        }
    }
}

/// Whether a module does not load because of an import that Envoy has.
fn is_envoys(error: &LoadError, imports: &[InspectedImport]) -> bool {
    let LoadError::UnknownImport { module, name } = error else {
        return false;
    };
    let is_function = |import: &InspectedImport| import.module == *module && import.name == *name;
    name == "memory" || imports.iter().any(is_function)
}

/// The module in its binary form; the text format is for people and tests.
fn binary(bytes: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    if bytes.starts_with(b"\0asm") {
        return Ok(bytes);
    }
    let text = wat::parse_bytes(&bytes);
    Ok(text
        .context("neither a WebAssembly module nor the text of one")?
        .into_owned())
}

/// The first export that names a version wins, as in Envoy.
fn abi_of(exports: &[Export]) -> Option<AbiVersion> {
    exports.iter().find_map(|export| {
        AbiVersion::ALL
            .into_iter()
            .find(|version| version.export() == export.name)
    })
}

fn inspect_imports(
    anatomy: &Anatomy,
    abi: Option<AbiVersion>,
    envoy: EnvoyVersion,
) -> anyhow::Result<Vec<InspectedImport>> {
    let known = Imports::of(abi.unwrap_or(AbiVersion::V0_2_1)).map_err(anyhow::Error::msg)?;
    let inspected = anatomy.imports.iter().map(|import| {
        let support = known.support(&import.module, &import.name);
        let is_wasi = ["wasi_snapshot_preview1", "wasi_unstable"].contains(&import.module.as_str());
        let (in_envoy, remark) = if is_wasi {
            of_wasi(&import.name, envoy, support)
        } else {
            of_env(support, abi)
        };
        InspectedImport {
            module: import.module.clone(),
            name: import.name.clone(),
            in_envoy,
            simulated: support == Support::Simulated,
            remark,
        }
    });
    Ok(inspected.collect())
}

fn of_wasi(name: &str, envoy: EnvoyVersion, support: Support) -> (bool, String) {
    let remark = match (EnvoyVersion::with_wasi(name), envoy.has_wasi(name)) {
        (None, _) => "no Envoy has this function of WASI".to_owned(),
        (Some(releases), false) => format!("only Envoy {releases} have it"),
        (Some(_), true) if support == Support::Simulated => String::new(),
        (Some(_), true) => "host-sim does not load modules with it".to_owned(),
    };
    (envoy.has_wasi(name), remark)
}

fn of_env(support: Support, abi: Option<AbiVersion>) -> (bool, String) {
    match support {
        Support::Simulated => (true, String::new()),
        Support::OtherVersions(versions) => {
            let versions: Vec<_> = versions.iter().map(ToString::to_string).collect();
            let of = abi.map_or_else(|| "unknown".to_owned(), |abi| abi.to_string());
            let remark = format!("it belongs to ABI {}, not {of}", versions.join(" and "));
            (false, remark)
        }
        Support::Unknown => (false, "no function of the proxy-wasm ABI".to_owned()),
    }
}

fn inspect_exports(exports: &[Export], abi: Option<AbiVersion>) -> Vec<InspectedExport> {
    let has = |name: &str| exports.iter().any(|export| export.name == name);
    let mut inspected: Vec<_> = exports
        .iter()
        .filter_map(|export| {
            let callback = Callback::named(&export.name, abi);
            if callback.is_none() && !callback::looks_like_one(&export.name) {
                return None;
            }
            let shadowed = callback::is_shadowed(&export.name, has);
            Some(InspectedExport {
                name: export.name.clone(),
                called: callback
                    .filter(|_| !shadowed)
                    .map_or(Called::Never, |callback| callback.called),
                when: callback.map_or("", |callback| callback.when),
            })
        })
        .collect();
    inspected.sort_by_key(|export| export.called);
    inspected
}

/// What Envoy would say of an export of another type than it expects.
fn wrong_type(export: &Export, abi: Option<AbiVersion>) -> Option<String> {
    let callback = Callback::named(&export.name, abi)?;
    // What is no function Envoy passes over.
    let signature = export.function.as_ref()?;
    let parameters = vec!["i32".to_owned(); callback.parameters];
    let results = vec!["i32".to_owned(); usize::from(callback.returns)];
    if signature.parameters == parameters && signature.results == results {
        return None;
    }
    let shown = |parameters: &[String], results: &[String]| {
        format!("({}) -> ({})", parameters.join(", "), results.join(", "))
    };
    Some(format!(
        "the export {} has the type {}, expected {}",
        export.name,
        shown(&signature.parameters, &signature.results),
        shown(&parameters, &results)
    ))
}
