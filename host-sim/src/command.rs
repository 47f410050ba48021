//! The command's parts: one file for each thing that it does, and what several of them need.

pub(crate) mod bench;
pub(crate) mod check;
mod cost_table;
pub(crate) mod coverage;
mod diagnostic;
pub(crate) mod explore;
pub(crate) mod fuzz;
pub(crate) mod import;
pub(crate) mod inspect;
pub(crate) mod interruption;
mod metadata;
pub(crate) mod new;
mod openapi;
pub(crate) mod output;
mod plugin;
pub(crate) mod record;
pub(crate) mod replay;
mod request;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod symbolize;
pub(crate) mod trace;
mod watch;

use std::path::Path;

use anyhow::Context as _;
use host_sim::forecast::ForecastError;
use host_sim::{Explanation, Module, StartError};

use diagnostic::Pointed;
use plugin::{Plugin, SymbolsOptions};

/// Says on the standard error output what is wrong with the input, and where.
pub(crate) fn print_error(error: &anyhow::Error) {
    match error.downcast_ref::<Pointed>() {
        Some(pointed) => eprint!("{}", pointed.rendered()),
        None => eprintln!("error: {error:#}"),
    }
}

/// The module in this file. What is wrong with a module says which file it is in.
fn load(plugin: &Path) -> anyhow::Result<Module> {
    let extension = plugin.extension().and_then(|extension| extension.to_str());
    if let Some(extension @ ("toml" | "json" | "yaml" | "yml")) = extension {
        anyhow::bail!(
            "{}: a .{extension} file is no filter, expected the .wasm file that Envoy loads",
            plugin.display()
        );
    }
    Module::from_file(plugin).map_err(|error| match error {
        host_sim::LoadError::Read { .. } => anyhow::Error::msg(error),
        error => anyhow::anyhow!("{}: {error}", plugin.display()),
    })
}

/// The same module, with the names of a twin.
fn with_symbols(module: Module, symbols: &SymbolsOptions) -> anyhow::Result<Module> {
    let Some(file) = &symbols.symbols else {
        return Ok(module);
    };
    let place = || file.display().to_string();
    let twin = std::fs::read(file).with_context(place)?;
    module.with_symbols(&twin).with_context(place)
}

/// Envoy would not start with this filter. That is a finding, not a mistake in what the command was given.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotStarted(String);

/// Whether it is about the filter, and not about what the command was given.
pub(crate) fn is_finding(error: &anyhow::Error) -> bool {
    let forecast = error.downcast_ref::<ForecastError>();
    error.is::<NotStarted>() || matches!(forecast, Some(ForecastError::Died { .. }))
}

/// A simulation that has started, for commands that need one.
fn started<T>(outcome: Result<T, StartError>, plugin: &Plugin) -> anyhow::Result<T> {
    outcome.map_err(|error| NotStarted(why(&error, plugin)).into())
}

/// Why a plugin does not start, with what it logged and what explains it.
fn why(error: &StartError, plugin: &Plugin) -> String {
    let name = plugin.name();
    match error {
        StartError::Rejected { log, .. } => format!(
            "{name} refuses its configuration: {}",
            check::reasons(log).join("\n")
        ),
        StartError::Failed {
            failure,
            log,
            trace,
        } => {
            let logged = log.iter().map(|line| format!("\n  {line}"));
            let explained = Explanation::of(trace, log).map(|explanation| {
                let text = explanation.to_string();
                format!("\n{}", text.trim_end())
            });
            format!("{name}: {failure}")
                + &logged.collect::<String>()
                + &explained.unwrap_or_default()
        }
        StartError::Load(error) => format!("{name}: {error}"),
    }
}
