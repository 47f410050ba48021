//! What is configured about calls in progress.

use serde::Deserialize;

use crate::{
    decide::policy::{Concurrency, GroupLimit},
    document::{config_error::ConfigError, unique_map::UniqueMap},
    model::day::Seconds,
};

/// How calls in progress are counted.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "ConcurrencyConfig", deny_unknown_fields, default)]
pub struct ConcurrencyConfig {
    /// After how many seconds the slots of a crashed worker come back, from 3 to 3600.
    pub lease_seconds: u32,
    /// Groups of operations that have a limit of their own: how many of an organization's calls of the group may be in progress, at
    /// least 1.
    pub groups: UniqueMap<String, u32>,
}

crate::document::json::objects!(ConcurrencyConfig);

impl Default for ConcurrencyConfig {
    fn default() -> Self {
        Self {
            lease_seconds: 30,
            groups: UniqueMap::default(),
        }
    }
}

impl ConcurrencyConfig {
    pub(super) fn into_concurrency(self) -> Result<Concurrency, ConfigError> {
        if !(3..=3600).contains(&self.lease_seconds) {
            let value = self.lease_seconds.to_string();
            return Err(ConfigError::invalid(
                "concurrency.lease_seconds",
                value,
                "from 3 to 3600 seconds",
            ));
        }
        let groups: Vec<_> = self
            .groups
            .into_inner()
            .into_iter()
            .map(|(name, limit)| GroupLimit { name, limit })
            .collect();
        if groups.len() > usize::from(u8::MAX) {
            let value = format!("{} groups", groups.len());
            return Err(ConfigError::invalid(
                "concurrency.groups",
                value,
                "at most 255",
            ));
        }
        Ok(Concurrency {
            lease: Seconds::new(u64::from(self.lease_seconds)),
            groups,
        })
    }
}
