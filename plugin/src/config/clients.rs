//! What is configured about the clients of organizations.

use serde::Deserialize;

use super::SourceConfig;
use crate::{
    decide::clients::{ClientRules, ClientSources},
    document::config_error::{ConfigError, ConfigErrors},
    model::client_limits::ClientLimits,
};

/// Who within an organization calls: an OAuth client, an API key, an integration or a user; and how much each may use. A call is admitted by
/// its organization and its client, or not at all.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "ClientsConfig", deny_unknown_fields)]
pub struct ClientsConfig {
    /// Where an authentication filter states the client of a call. An id is 1 to 128 ASCII characters without `"`, `\` and control
    /// characters; any other text counts with the `others`.
    pub identity: SourceConfig,
    /// How much clients may use; an organization may have its own. Without any, they are counted and not limited.
    #[serde(default)]
    pub limits: ClientLimits,
    /// Where a call states how much its client may use, in place of `limits`.
    #[serde(default)]
    pub attributes: ClientAttributesConfig,
    /// How many clients of an organization are counted apart on a day beside those that a limit names, those that call first; from 1 to
    /// 256. All further ones are the `others`. Each takes some 50 bytes in the organization's record.
    #[serde(default = "most")]
    pub max_clients: u32,
}

/// Where a call states how much its client may use. Clients must not be able to set any of it.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "ClientAttributesConfig", deny_unknown_fields, default)]
pub struct ClientAttributesConfig {
    /// Credits a day.
    pub credits: Option<SourceConfig>,
    /// The same in percent of the organization's day, from 1 to 100.
    pub percent: Option<SourceConfig>,
    /// How many of its calls may be in progress at the same time, at least 1.
    pub concurrency: Option<SourceConfig>,
}

crate::document::json::objects!(ClientsConfig, ClientAttributesConfig);

const fn most() -> u32 {
    32
}

impl ClientAttributesConfig {
    /// Each source that is stated, with its place.
    pub(super) fn sources(&self) -> impl Iterator<Item = (&'static str, &SourceConfig)> {
        let all = [
            ("clients.attributes.credits", &self.credits),
            ("clients.attributes.percent", &self.percent),
            ("clients.attributes.concurrency", &self.concurrency),
        ];
        all.into_iter()
            .filter_map(|(path, source)| Some((path, source.as_ref()?)))
    }
}

impl ClientsConfig {
    /// The rules for clients.
    ///
    /// # Errors
    /// When a source or a number cannot be.
    pub(super) fn into_rules(self) -> Result<ClientRules, ConfigErrors> {
        let mut errors = ConfigErrors::default();
        if !(1..=256).contains(&self.max_clients) {
            let value = self.max_clients.to_string();
            errors.add(ConfigError::invalid(
                "clients.max_clients",
                value,
                "from 1 to 256",
            ));
        }
        let limits = self.limits.check();
        errors.take(limits.map_err(|error| ConfigError::new("clients.limits", error.to_string())));
        let identity = errors.take(self.identity.into_path("clients.identity"));
        let mut path = |name: &str, source: Option<SourceConfig>| {
            let path = format!("clients.attributes.{name}");
            errors.take(source.map(|source| source.into_path(&path)).transpose())?
        };
        let attributes = ClientSources {
            credits: path("credits", self.attributes.credits),
            percent: path("percent", self.attributes.percent),
            concurrency: path("concurrency", self.attributes.concurrency),
        };
        let Some(identity) = identity else {
            return Err(errors);
        };
        errors.into_result()?;
        Ok(ClientRules {
            identity,
            limits: self.limits,
            attributes,
            most: usize::try_from(self.max_clients).unwrap_or(usize::MAX),
        })
    }
}
