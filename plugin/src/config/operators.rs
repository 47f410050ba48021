//! What is configured about operators.

use serde::Deserialize;

use super::SourceConfig;
use crate::{
    document::config_error::{ConfigError, ConfigErrors},
    show::{overview::Operators, usage::config::UsagePath},
};

/// Who may look at all organizations at once, and where: a page, JSON, CSV, and `OpenMetrics` text with a label for the organization.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "OperatorsConfig", deny_unknown_fields)]
pub struct OperatorsConfig {
    /// Where an operator is stated. Tenants must not be able to set it: the port that was called, the listener's metadata, or a header
    /// that an authentication filter sets, or has in it what only operators know.
    pub identity: SourceConfig,
    /// What is stated there of an operator: one of these texts.
    pub values: Vec<String>,
    /// The path that the filter answers to operators, free of charge; `/api-credits` unless stated otherwise. Below it lie
    /// `/organizations.json`, `/organizations.csv` and `/metrics`. To others it is an ordinary path.
    #[serde(default = "path")]
    pub path: UsagePath,
    /// The name of the product, for the page's heading.
    #[serde(default)]
    pub title: Option<String>,
    /// Of how many organizations `/metrics` tells, those with the greatest share of their credits used; from 1 to 10000.
    #[serde(default = "hundred")]
    pub labels: u32,
}

crate::document::json::objects!(OperatorsConfig);

fn path() -> UsagePath {
    UsagePath::operators()
}

const fn hundred() -> u32 {
    100
}

impl OperatorsConfig {
    /// The operators.
    ///
    /// # Errors
    /// When nobody could be one, or a number is out of its range.
    pub(super) fn into_operators(
        self,
        usage: Option<&UsagePath>,
    ) -> Result<Operators, ConfigErrors> {
        let mut errors = ConfigErrors::default();
        if self.values.is_empty() {
            let expected = "at least one text by which an operator is known";
            errors.add(ConfigError::invalid("operators.values", "[]", expected));
        }
        for (index, value) in self.values.iter().enumerate() {
            if value.is_empty() {
                let path = format!("operators.values[{index}]");
                let expected = "a text: who states nothing is no operator";
                errors.add(ConfigError::invalid(path, "\"\"", expected));
            }
        }
        if !(1..=10_000).contains(&self.labels) {
            let value = self.labels.to_string();
            let expected = "from 1 to 10000";
            errors.add(ConfigError::invalid("operators.labels", value, expected));
        }
        if usage == Some(&self.path) {
            let value = format!("{:?}", self.path.as_str());
            let expected = "another path than `usage.path`, where organizations see their own";
            errors.add(ConfigError::invalid("operators.path", value, expected));
        }
        let identity = errors.take(self.identity.into_path("operators.identity"));
        let Some(identity) = identity else {
            return Err(errors);
        };
        errors.into_result()?;
        let labels = usize::try_from(self.labels).unwrap_or(usize::MAX);
        Ok(Operators::new(
            identity,
            self.values,
            self.path,
            self.title,
            labels,
        ))
    }
}
