//! The filters of a scenario: usually one, which the file's own keys describe, or several in `[[filter]]` tables.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::config_source::{ConfigSource, ConfigSourceError};
use crate::model::PluginSettings;
use crate::scenario::target::Filter;

/// A filter.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "RawFilter")]
pub struct FilterSource {
    /// Its module, relative to the scenario's file; without one, the module under test.
    pub module: Option<PathBuf>,
    /// Envoy's own settings of the plugin.
    pub plugin: PluginSettings,
    /// The plugin's configuration.
    pub config: ConfigSource,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFilter {
    module: Option<PathBuf>,
    #[serde(default)]
    plugin: PluginSettings,
    config: Option<toml::Value>,
    config_text: Option<String>,
    config_file: Option<String>,
    config_patch: Option<toml::Value>,
}

impl TryFrom<RawFilter> for FilterSource {
    type Error = String;

    fn try_from(raw: RawFilter) -> Result<Self, Self::Error> {
        let config = ConfigSource::new(
            raw.config,
            raw.config_text,
            raw.config_file,
            raw.config_patch,
        )?;
        Ok(Self {
            module: raw.module,
            plugin: raw.plugin,
            config: config.unwrap_or_default(),
        })
    }
}

impl FilterSource {
    /// All filters of a scenario, either those in its tables or the one that its own keys are about.
    pub(super) fn all(
        tables: Vec<Self>,
        plugin: Option<PluginSettings>,
        config: Option<ConfigSource>,
    ) -> Result<Vec<Self>, String> {
        if tables.is_empty() {
            return Ok(vec![Self {
                module: None,
                plugin: plugin.unwrap_or_default(),
                config: config.unwrap_or_default(),
            }]);
        }
        let beside = match (plugin, config) {
            (Some(_), _) => "plugin",
            (None, Some(_)) => "config",
            (None, None) => return Ok(tables),
        };
        Err(format!(
            "`{beside}` beside `[[filter]]`, expected it in the table of its filter"
        ))
    }

    /// The filter with its configuration; files are looked up from `directory`.
    pub(super) fn resolve(&self, directory: &Path) -> Result<Filter, ConfigSourceError> {
        Ok(Filter {
            module: self.module.as_ref().map(|module| directory.join(module)),
            plugin: self.plugin.clone(),
            config: self.config.resolve(directory)?,
        })
    }
}
