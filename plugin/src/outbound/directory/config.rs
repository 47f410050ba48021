//! What is configured about the directory of organizations.

use std::{ops::RangeInclusive, rc::Rc};

use serde::Deserialize;

use super::{Directory, Limits, OrganizationsPath, Pace, WhenDown};
use crate::{
    accounts::subscription::Subscriptions,
    document::{
        config_error::{ConfigError, ConfigErrors},
        unique_map::UniqueMap,
    },
    model::{day::Seconds, edition::EditionName, header_name::HeaderName},
    outbound::callout::{CalloutName, HeaderValue, Service, TimeoutMs},
};

/// What the account is called of ids that the directory has not known, while it does not answer.
const UNCONFIRMED: &str = "unconfirmed";

/// An HTTP service that knows the organizations. It is asked with `GET`, and answers 200 with the same members as an organization of
/// this configuration has (others are ignored), or 404 for one that it does not know.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "DirectoryConfig", deny_unknown_fields)]
pub struct DirectoryConfig {
    /// The name of its cluster in the proxy's configuration.
    pub cluster: CalloutName,
    /// The host that it is called by (`:authority`).
    pub authority: CalloutName,
    /// The path of an organization; `{id}` stands for its id. `/organizations/{id}` unless stated otherwise.
    #[serde(default)]
    pub path: OrganizationsPath,
    /// Header fields of every call, such as `authorization`.
    #[serde(default)]
    pub headers: UniqueMap<HeaderName, HeaderValue>,
    /// How long an answer may take, in milliseconds: as long as the first call of an organization waits at the most.
    #[serde(default = "quarter_of_a_second")]
    pub timeout_ms: TimeoutMs,
    /// For how many seconds an answer is new. Later ones are asked for while calls go on with the old one.
    #[serde(default = "minute")]
    pub ttl_seconds: u32,
    /// For how many seconds after that an old answer serves, if there is no newer one.
    #[serde(default = "day")]
    pub stale_seconds: u32,
    /// For how many seconds an organization stays unknown that the directory did not know.
    #[serde(default = "half_a_minute")]
    pub unknown_seconds: u32,
    /// How many seconds after a failure the directory is asked again about the same organization.
    #[serde(default = "moment")]
    pub retry_seconds: u32,
    /// How many organizations each worker remembers at the most, and as many ids that are none, from 16 to 1,000,000.
    #[serde(default = "thousands")]
    pub max_organizations: u32,
    /// How many questions about ids that the directory has not known each worker has on their way at the same time, from 1 to 10,000. Ten
    /// times as many calls wait for that, and others are refused with 503.
    #[serde(default = "hundred")]
    pub max_requests: u32,
    /// How many such questions each worker sends in a second, from 1 to 1,000,000.
    #[serde(default = "thousand")]
    pub max_requests_per_second: u32,
    /// How calls are decided whose organization is not known because the directory does not answer.
    #[serde(default)]
    pub when_down: WhenDownConfig,
}

crate::document::json::objects!(DirectoryConfig);

/// How calls are decided whose organization is not known because the directory does not answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WhenDownConfig {
    /// They are refused, with 503.
    #[default]
    Refuse,
    /// They are forwarded, and nobody is charged.
    Allow,
    /// As if the organization subscribed to this edition without agents, a key of `editions`: one that the directory has known is charged to
    /// its own account, and all other ids, which may be made up, share the account `unconfirmed`.
    Edition(EditionName),
}

const fn quarter_of_a_second() -> TimeoutMs {
    TimeoutMs::of(250)
}

const fn moment() -> u32 {
    5
}

const fn half_a_minute() -> u32 {
    30
}

const fn minute() -> u32 {
    60
}

const fn day() -> u32 {
    86_400
}

const fn hundred() -> u32 {
    100
}

const fn thousand() -> u32 {
    1_000
}

const fn thousands() -> u32 {
    10_000
}

impl DirectoryConfig {
    /// The directory, of which nothing is known yet.
    ///
    /// # Errors
    /// When a number is out of its range, or there is no such edition.
    pub fn into_directory(self, subscriptions: &Subscriptions) -> Result<Directory, ConfigErrors> {
        let mut errors = ConfigErrors::default();
        let mut seconds = |name: &str, value: u32, least: u32| {
            if !(least..=31_536_000).contains(&value) {
                let expected = format!("from {least} to 31536000 seconds, a year");
                let path = format!("directory.{name}");
                errors.add(ConfigError::invalid(path, value.to_string(), expected));
            }
            Seconds::new(u64::from(value))
        };
        let limits = Limits {
            fresh: seconds("ttl_seconds", self.ttl_seconds, 1),
            stale: seconds("stale_seconds", self.stale_seconds, 0),
            unknown: seconds("unknown_seconds", self.unknown_seconds, 1),
            retry: seconds("retry_seconds", self.retry_seconds, 1),
        };
        let mut number = |name: &str, value: u32, range: RangeInclusive<u32>, what: &str| {
            if !range.contains(&value) {
                let expected = format!("from {} to {} {what}", range.start(), range.end());
                let path = format!("directory.{name}");
                errors.add(ConfigError::invalid(path, value.to_string(), expected));
            }
            usize::try_from(value).unwrap_or(usize::MAX)
        };
        let most = number(
            "max_organizations",
            self.max_organizations,
            16..=1_000_000,
            "organizations",
        );
        let pace = Pace {
            at_once: number("max_requests", self.max_requests, 1..=10_000, "questions"),
            per_second: number(
                "max_requests_per_second",
                self.max_requests_per_second,
                1..=1_000_000,
                "questions",
            ),
        };
        let when_down = match self.when_down {
            WhenDownConfig::Refuse => WhenDown::Refuse,
            WhenDownConfig::Allow => WhenDown::Allow,
            WhenDownConfig::Edition(edition) => {
                let shared = subscriptions.share(UNCONFIRMED, &edition).map_err(|error| {
                    ConfigError::new("directory.when_down.edition", error.to_string())
                });
                match errors.take(shared) {
                    Some(shared) => WhenDown::Edition(edition, Rc::new(shared)),
                    None => return Err(errors),
                }
            }
        };
        errors.into_result()?;
        let service = Service {
            cluster: self.cluster,
            authority: self.authority,
            headers: self.headers.into_inner().into_iter().collect(),
            timeout: self.timeout_ms,
        };
        Ok(Directory::new(
            service, self.path, limits, when_down, pace, most,
        ))
    }
}
