//! Editions: what a subscription gives.

use std::borrow::Borrow;

use serde::Deserialize;

use crate::{
    document::unique_map::UniqueMap,
    model::{
        credits::Credits, enforcement::Enforcement, policy_name::PolicyName,
        scaled_limit::ScaledLimit,
    },
};

/// The name of an edition: a key of `editions`, such as `Professional`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct EditionName(String);

impl EditionName {
    /// The edition called `name`, whether there is one or not.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for EditionName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for EditionName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an edition gives an organization each day.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "Edition", deny_unknown_fields)]
pub struct Edition {
    /// Credits a day, whatever the size of the organization.
    pub base: Credits,
    /// Credits a day for each agent that is not a light agent.
    #[serde(default)]
    pub per_agent: Credits,
    /// The most additional credits a day that an organization can buy; without it, any number.
    #[serde(default)]
    pub additional_max: Option<Credits>,
    /// Whether it is paid for: organizations that paid before the transition keep their API limit's number of credits if that is
    /// higher.
    #[serde(default = "paid")]
    pub paid: bool,
    /// How many calls of an organization may be in progress at the same time, at least 1; without it, any number.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub concurrency: Option<u32>,
    /// Whether refusals of its organizations' calls are meant; without it, as for all.
    #[serde(default)]
    pub enforcement: Option<Enforcement>,
    /// The API limit of its organizations under the old model; without it, they never had one.
    #[serde(default)]
    pub legacy_limit: Option<ScaledLimit>,
    /// How much its organizations may use in periods, by their names, in place of the limits for all.
    #[serde(default)]
    pub period_limits: UniqueMap<PolicyName, ScaledLimit>,
}

crate::document::json::objects!(Edition);

fn paid() -> bool {
    true
}
