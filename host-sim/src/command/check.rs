//! `host-sim check`: whether Envoy would accept a configuration.

use std::path::PathBuf;

use clap::Args;
use host_sim::target::{LogLevel, LogLine};
use host_sim::{LoadError, Module, StartError};

use super::plugin::PluginOptions;
use crate::command::output::say;

/// What `host-sim check` is told.
#[derive(Args, Debug)]
pub(crate) struct Check {
    #[command(flatten)]
    plugin: PluginOptions,
    /// The configuration, as the filter gets it; without any, an empty one
    #[arg(value_name = "FILTER.json")]
    configuration: Option<PathBuf>,
}

impl Check {
    /// Whether the configuration is accepted.
    pub(crate) fn execute(&self) -> anyhow::Result<bool> {
        let options = self.plugin.clone().with_config(self.configuration.as_ref());
        let plugin = options.resolve()?;
        let module = match Module::from_file(&plugin.file) {
            // What is no module at all is bad input.
            Ok(module) => module,
            Err(LoadError::Read { .. } | LoadError::NotWasm(_)) => plugin.load()?,
            Err(refused) => {
                say!("{}: {refused}", plugin.name());
                return Ok(false);
            }
        };
        match plugin.builder(&module).start() {
            Ok(_) => {
                say!("accepted");
                Ok(true)
            }
            Err(StartError::Rejected { log, .. }) => {
                for line in reasons(&log) {
                    say!("{line}");
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

/// What the filter says of a configuration that it refuses.
pub(crate) fn reasons(log: &[LogLine]) -> Vec<&str> {
    let lines = log.iter().filter(|line| line.level >= LogLevel::Error);
    let reasons: Vec<_> = lines.map(|line| line.text.as_str()).collect();
    if reasons.is_empty() {
        return vec!["refused, and the filter does not say why"];
    }
    reasons
}
