//! `host-sim check`: whether Envoy would accept a configuration.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use host_sim::forecast::Mapping;
use host_sim::target::{LogLevel, LogLine};
use host_sim::{LoadError, Module, StartError};
use serde_json::Value;

use super::diagnostic::Excerpt;
use super::plugin::{PluginOptions, SymbolsOptions};
use crate::command::output::{say, show};

/// What `host-sim check` is told.
#[derive(Args, Debug)]
pub(crate) struct Check {
    #[command(flatten)]
    plugin: PluginOptions,
    #[command(flatten)]
    symbols: SymbolsOptions,
    /// The configuration, as the filter gets it; without any, an empty one
    #[arg(value_name = "FILTER.json")]
    configuration: Option<PathBuf>,
    /// Also say which operations this other configuration, the deployed one, prices otherwise
    #[arg(long, value_name = "DEPLOYED.json")]
    against: Option<PathBuf>,
}

impl Check {
    /// Whether the configuration is accepted.
    pub(crate) fn execute(&self) -> anyhow::Result<bool> {
        let options = self
            .plugin
            .clone()
            .with_config(self.configuration.as_ref())
            .with_symbols(&self.symbols);
        let plugin = options.resolve()?;
        let module = match Module::from_file(&plugin.file) {
            // What is no module at all is bad input.
            Ok(module) => plugin.with_symbols(module)?,
            Err(LoadError::Read { .. } | LoadError::NotWasm(_)) => plugin.load()?,
            Err(refused) => {
                say!("{}: {refused}", plugin.name());
                return Ok(false);
            }
        };
        let excerpts = Excerpts {
            name: options.config_name(),
            text: String::from_utf8_lossy(&plugin.configuration).into_owned(),
        };
        let builder = plugin.builder(&module).log_level(LogLevel::Debug);
        match builder.start() {
            Ok(simulator) => {
                say!("accepted");
                let log = simulator.log();
                let lines = log.iter().map(|line| (line.level, line.text.as_str()));
                // Each worker says the same.
                let mut told = Vec::new();
                for line in lines {
                    if !told.contains(&line) {
                        told.push(line);
                        say!("{}: {}", line.0, line.1);
                        excerpts.show(line.1);
                    }
                }
                if let Some(deployed) = &self.against {
                    changes(deployed, &plugin.configuration)?;
                }
                Ok(true)
            }
            Err(StartError::Rejected { log, .. }) => {
                for line in reasons(&log) {
                    say!("{line}");
                    excerpts.show(line);
                }
                Ok(false)
            }
            Err(error) => {
                say!("{}", super::why(&error, &plugin));
                Ok(false)
            }
        }
    }
}

/// Says which operations cost something else than in the deployed configuration.
fn changes(deployed: &Path, configuration: &[u8]) -> anyhow::Result<()> {
    let bytes = fs::read(deployed).with_context(|| deployed.display().to_string())?;
    let before: Value =
        serde_json::from_slice(&bytes).with_context(|| deployed.display().to_string())?;
    let after: Value = serde_json::from_slice(configuration)?;
    let mapping = Mapping::from_toml(Mapping::DEFAULT)?;
    let changes = mapping.price_changes(&before, &after);
    match changes.len() {
        0 => say!(
            "no operation has another price than in {}",
            deployed.display()
        ),
        1 => say!(
            "1 operation has another price than in {}:",
            deployed.display()
        ),
        many => say!(
            "{many} operations have another price than in {}:",
            deployed.display()
        ),
    }
    let price = |price: Option<Value>| {
        price.map_or_else(|| "as others".to_owned(), |price| price.to_string())
    };
    for change in changes {
        let (before, after) = (price(change.before), price(change.after));
        say!("  {}: {before} -> {after}", change.operation);
    }
    Ok(())
}

/// The configuration, of which the lines are shown that the filter speaks of.
struct Excerpts {
    name: String,
    text: String,
}

impl Excerpts {
    /// Shows the place that a message is about, if it names a line and a column, as filters do that read JSON with `serde_json`:
    /// `line 3 column 11`.
    fn show(&self, message: &str) {
        if let Some(excerpt) =
            place(message).and_then(|place| Excerpt::new(&self.name, &self.text, place))
        {
            show!("{}", excerpt.rendered());
        }
    }
}

/// The line and the column that a message names.
fn place(message: &str) -> Option<(usize, usize)> {
    let number = |text: &str| {
        let digits = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        text.get(..digits)?.parse().ok()
    };
    let mut rest = message;
    while let Some((_, after)) = rest.split_once("line ") {
        let place = after.split_once(" column ").and_then(|(line, column)| {
            let line = line.trim_end_matches(',').parse().ok()?;
            Some((line, number(column)?))
        });
        if place.is_some() {
            return place;
        }
        rest = after;
    }
    None
}

/// What the filter says of a configuration that it refuses.
pub(crate) fn reasons(log: &[LogLine]) -> Vec<&str> {
    let lines = log.iter().filter(|line| line.level >= LogLevel::Error);
    let reasons: Vec<_> = lines.map(|line| line.text.as_str()).collect();
    if reasons.is_empty() {
        return vec!["refused, and the filter does not say why"];
    }
    reasons
}
