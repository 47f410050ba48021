//! Where a scenario takes a configuration from.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::config_text::{ConfigText, InvalidPlaceholder};
use super::json::{from_toml, merge_patch};

/// Nobody has a configuration of more bytes than this.
const MOST: u64 = 64 * 1024 * 1024;

/// A configuration, or the file that holds it.
#[derive(Clone, Debug)]
pub enum ConfigSource {
    /// The configuration itself.
    Text(ConfigText),
    /// A JSON file, relative to the scenario's, and an RFC 7396 merge patch for it.
    File {
        /// The file.
        path: PathBuf,
        /// What to change.
        patch: Option<Value>,
    },
}

/// No configuration is an empty one.
impl Default for ConfigSource {
    fn default() -> Self {
        Self::Text(ConfigText::default())
    }
}

/// Why a configuration could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ConfigSourceError {
    /// The file cannot be read.
    #[error("cannot read `config_file = {path:?}`: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no file, or a huge one.
    #[error("cannot read `config_file = {path:?}`: expected a file of at most {MOST} bytes")]
    NoFile {
        /// What it is called.
        path: PathBuf,
    },
    /// There is a patch, and the file is not JSON.
    #[error("cannot patch `config_file = {path:?}`: {source}")]
    NotJson {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// The file holds something that only looks like a placeholder.
    #[error("`config_file = {path:?}`: {source}")]
    Placeholder {
        /// The file.
        path: PathBuf,
        /// What.
        source: InvalidPlaceholder,
    },
}

impl ConfigSource {
    /// From the keys of a table, of which at most one may be given; `None` without any.
    ///
    /// `config` as a text is the configuration itself; anything else is sent as JSON.
    pub(super) fn new(
        config: Option<toml::Value>,
        text: Option<String>,
        file: Option<String>,
        patch: Option<toml::Value>,
    ) -> Result<Option<Self>, String> {
        if patch.is_some() && file.is_none() {
            return Err(
                "`config_patch` without `config_file`: there is nothing to patch".to_owned(),
            );
        }
        let parse = |text: &str| {
            ConfigText::parse(text)
                .map(|text| Some(Self::Text(text)))
                .map_err(|e| e.to_string())
        };
        match (config, text, file) {
            (None, None, None) => Ok(None),
            (Some(toml::Value::String(text)), None, None) => parse(&text),
            (Some(value), None, None) => parse(&from_toml(value)?.to_string()),
            (None, Some(text), None) => parse(&text),
            (None, None, Some(path)) => Ok(Some(Self::File {
                path: path.into(),
                patch: patch.map(parse_patch).transpose()?,
            })),
            _ => {
                Err("expected at most one of `config`, `config_text` and `config_file`".to_owned())
            }
        }
    }

    /// The configuration; a file is looked up from `directory`.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or patched.
    pub fn resolve(&self, directory: &Path) -> Result<ConfigText, ConfigSourceError> {
        let (path, patch) = match self {
            Self::Text(text) => return Ok(text.clone()),
            Self::File { path, patch } => (directory.join(path), patch),
        };
        // Devices have no end.
        if fs::metadata(&path).is_ok_and(|found| !found.is_file() || found.len() > MOST) {
            return Err(ConfigSourceError::NoFile { path });
        }
        let mut text = fs::read_to_string(&path).map_err(|source| ConfigSourceError::Read {
            path: path.clone(),
            source,
        })?;
        if let Some(patch) = patch {
            let mut value: Value =
                serde_json::from_str(&text).map_err(|source| ConfigSourceError::NotJson {
                    path: path.clone(),
                    source,
                })?;
            merge_patch(&mut value, patch.clone());
            text = value.to_string();
        }
        ConfigText::parse(&text).map_err(|source| ConfigSourceError::Placeholder { path, source })
    }
}

/// TOML has no null, which a patch needs in order to remove a member; so a patch may also be JSON text.
fn parse_patch(patch: toml::Value) -> Result<Value, String> {
    match patch {
        toml::Value::String(json) => serde_json::from_str(&json)
            .map_err(|error| format!("`config_patch` is not JSON: {error}")),
        value => from_toml(value),
    }
}
