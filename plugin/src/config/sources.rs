//! Where the configuration says that something is stated about a call.

use serde::Deserialize;

use crate::{
    decide::attributes::AttributeSources,
    document::config_error::ConfigError,
    model::{header_name::HeaderName, property_path::PropertyPath},
};

/// Where something is stated about a call.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SourceConfig {
    /// A request header, set by whatever authenticates the caller.
    Header(HeaderName),
    /// A property (an Envoy attribute), as path segments: for the claim of a JWT, for instance,
    /// `["metadata", "filter_metadata", "envoy.filters.http.jwt_authn", "payload", "org"]`. A claim that is a whole number is read as
    /// one; an id of 16 digits is better a string, because the bytes of some such numbers are those of eight letters.
    Property(Vec<String>),
}

/// Where an authentication filter states facts about the organization of a call. Clients must not be able to set any of it.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "AttributesConfig", deny_unknown_fields)]
pub struct AttributesConfig {
    /// Its edition: a key of `editions`. An organization of which this is not stated is a stranger.
    pub edition: SourceConfig,
    /// The number of its agents, light agents not among them.
    #[serde(default)]
    pub agents: Option<SourceConfig>,
    /// Its additional credits.
    #[serde(default)]
    pub additional: Option<SourceConfig>,
    /// Its data centre: a key of `data_centers`.
    #[serde(default)]
    pub data_center: Option<SourceConfig>,
}

crate::document::json::objects!(AttributesConfig);

impl SourceConfig {
    /// The header that is meant, if one is.
    pub(super) fn header(&self) -> Option<&str> {
        match self {
            Self::Header(name) => Some(name.as_str()),
            Self::Property(_) => None,
        }
    }

    /// The property that is meant; errors are said at `path`.
    pub(super) fn into_path(self, path: &str) -> Result<PropertyPath, ConfigError> {
        let segments = match self {
            Self::Header(name) => {
                vec![
                    "request".to_owned(),
                    "headers".to_owned(),
                    name.as_str().to_owned(),
                ]
            }
            Self::Property(segments) => segments,
        };
        PropertyPath::new(&segments).ok_or_else(|| {
            let expected =
                "the segments of a property's path, at least one, none empty and none with a NUL";
            ConfigError::invalid(
                format!("{path}.property"),
                format!("{segments:?}"),
                expected,
            )
        })
    }
}

impl AttributesConfig {
    pub(super) fn into_sources(self) -> Result<AttributeSources, ConfigError> {
        let optional = |name: &str, source: Option<SourceConfig>| {
            source
                .map(|source| source.into_path(&format!("attributes.{name}")))
                .transpose()
        };
        Ok(AttributeSources {
            edition: self.edition.into_path("attributes.edition")?,
            agents: optional("agents", self.agents)?,
            additional: optional("additional", self.additional)?,
            data_center: optional("data_center", self.data_center)?,
        })
    }
}
