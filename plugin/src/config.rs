//! The configuration: one JSON document, read strictly.
//!
//! Two stages: the text becomes the types below, which know only shapes, and these become a [`Policy`], which holds together. Unknown
//! and repeated keys are errors, and every error names its place. Enums are externally tagged, because an error inside any other
//! kind loses its place. The JSON Schema in `envoy/` is generated from these same types.

use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use serde::Deserialize;

use contradiction::{calendar, contradiction, expected};

pub use concurrency::ConcurrencyConfig;
pub use sources::{AttributesConfig, SourceConfig};

use crate::{
    attributes::Described,
    calendar_date::CalendarDate,
    config_error::ConfigError,
    cost_table::{CostTable, CostsConfig},
    data_center::{DEFAULT_NAME, DataCenter},
    directory::DirectoryConfig,
    edition::{Edition, EditionName},
    enforcement::Enforcement,
    engine::EngineConfig,
    json,
    namespace::Namespace,
    organization::{Organization, OrganizationId},
    policy::{Outsiders, Policy},
    refunds::Refunds,
    refusal::{Answer, Refusals},
    response_headers::ResponseHeaders,
    subscription::Subscriptions,
    unique_map::UniqueMap,
    usage::{
        answer::Usage,
        config::{UsageConfig, WarningsConfig},
    },
    webhook::WebhookConfig,
};

/// API credits for Envoy: the configuration of the filter.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Names the accounts' place in shared data. Filters with the same namespace (and the same `vm_id`) charge the same accounts.
    #[serde(default)]
    pub namespace: Namespace,
    /// Where an authentication filter states the organization of a call.
    pub identity: SourceConfig,
    /// Where an authentication filter states facts about the organization of a call that is not listed here.
    #[serde(default)]
    pub attributes: Option<AttributesConfig>,
    /// An HTTP service that knows the organizations that are neither listed here nor described by their calls.
    #[serde(default)]
    pub directory: Option<DirectoryConfig>,
    /// The day in which credits are counted.
    #[serde(default)]
    pub day: DayConfig,
    /// The data centres, by name, for organizations in more than one.
    #[serde(default)]
    pub data_centers: UniqueMap<String, DataCenterConfig>,
    /// The end of the transition from limits to credits.
    #[serde(default)]
    pub transition: Option<TransitionConfig>,
    /// What the editions give, by name.
    pub editions: UniqueMap<EditionName, Edition>,
    /// The organizations, by id.
    pub organizations: UniqueMap<OrganizationId, Organization>,
    /// What becomes of organizations that are not listed.
    #[serde(default)]
    pub strangers: StrangersConfig,
    /// What becomes of calls that state no organization.
    #[serde(default)]
    pub anonymous: AnonymousConfig,
    /// What calls cost.
    pub costs: CostsConfig,
    /// Which header fields tell clients what a call cost and what is left.
    #[serde(default)]
    pub response_headers: ResponseHeaders,
    /// How refusals look.
    #[serde(default)]
    pub refusals: Refusals,
    /// Which outcomes of a call give its credits back.
    #[serde(default)]
    pub refunds: Refunds,
    /// How calls in progress are counted.
    #[serde(default)]
    pub concurrency: ConcurrencyConfig,
    /// A counter that several proxies share; without it, each counts for itself.
    #[serde(default)]
    pub engine: Option<EngineConfig>,
    /// Whether refusals are meant, where neither edition nor organization says so.
    #[serde(default)]
    pub enforcement: Enforcement,
    /// Where organizations see what they have used, answered by the filter; without it, nowhere.
    #[serde(default)]
    pub usage: Option<UsageConfig>,
    /// At which shares of a day's credits the log warns, once a day for each organization and share.
    #[serde(default)]
    pub warnings: WarningsConfig,
}

/// The day in which credits are counted.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct DayConfig {
    /// The time zone, by its IANA name.
    pub time_zone: String,
    /// The local time of day at which a day starts, `HH:MM` or `HH:MM:SS`.
    pub starts_at: String,
}

impl Default for DayConfig {
    fn default() -> Self {
        Self {
            time_zone: "UTC".to_owned(),
            starts_at: midnight(),
        }
    }
}

/// A data centre.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DataCenterConfig {
    /// Its time zone, by its IANA name.
    pub time_zone: String,
    /// The local time of day at which a day starts there, `HH:MM` or `HH:MM:SS`.
    #[serde(default = "midnight")]
    pub starts_at: String,
    /// The first day on which its organizations count credits; before it, every call counts 1 against an organization's API limit.
    #[serde(default)]
    pub credits_from: Option<CalendarDate>,
}

/// The end of the transition from limits to credits.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TransitionConfig {
    /// The day from which on every data centre counts credits, and new sign-ups never had a limit.
    pub completed_on: CalendarDate,
}

fn midnight() -> String {
    "00:00".to_owned()
}

/// What becomes of organizations that are not listed.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StrangersConfig {
    /// They are refused, with 403 unless stated otherwise.
    Refuse(Answer),
    /// They share one account.
    Share(ShareConfig),
}

impl Default for StrangersConfig {
    fn default() -> Self {
        Self::Refuse(Answer::default())
    }
}

/// What becomes of calls that state no organization.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AnonymousConfig {
    /// They are refused, with 401 unless stated otherwise.
    Refuse(Answer),
    /// They share one account.
    Share(ShareConfig),
    /// They are forwarded, and nobody is charged.
    Allow,
}

impl Default for AnonymousConfig {
    fn default() -> Self {
        Self::Refuse(Answer::default())
    }
}

/// An account that callers share.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ShareConfig {
    /// The edition whose base credits they share: a key of `editions`.
    pub edition: EditionName,
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// When the text is not JSON of this shape, to the end.
    pub fn from_json(text: &[u8]) -> Result<Self, ConfigError> {
        Ok(json::read(text)?)
    }

    /// The policy that the configuration describes.
    ///
    /// # Errors
    /// When one part contradicts another, or cannot be.
    pub fn into_policy(self) -> Result<Policy, ConfigError> {
        let completed_on = self.transition.map(|transition| transition.completed_on);
        let default = calendar("day", &self.day.time_zone, &self.day.starts_at)?;
        let mut data_centers = BTreeMap::new();
        for (name, config) in self.data_centers.into_inner() {
            let path = format!("data_centers.{name}");
            let calendar = calendar(&path, &config.time_zone, &config.starts_at)?;
            let built = DataCenter::new(name.clone(), calendar, config.credits_from, completed_on);
            data_centers.insert(name, Rc::new(built));
        }
        let default = DataCenter::new(DEFAULT_NAME.to_owned(), default, None, completed_on);
        let subscriptions = Subscriptions {
            namespace: self.namespace,
            editions: self.editions.into_inner(),
            data_centers,
            default_data_center: Rc::new(default),
            enforcement: self.enforcement,
        };
        let mut organizations = HashMap::new();
        for (id, organization) in self.organizations.into_inner() {
            let holder = subscriptions
                .subscribe(&id, &organization)
                .map_err(|error| {
                    contradiction(&format!("organizations.{id}"), &organization, error)
                })?;
            organizations.insert(id, Rc::new(holder));
        }
        let share = |callers: &str, share: &ShareConfig| {
            let holder = subscriptions
                .share(callers, &share.edition)
                .map_err(|error| {
                    let path = format!("{callers}.share.edition");
                    ConfigError::invalid(
                        path,
                        format!("{:?}", share.edition.as_str()),
                        expected(&error),
                    )
                })?;
            Ok::<_, ConfigError>(Outsiders::Share(Rc::new(holder)))
        };
        let strangers = match &self.strangers {
            StrangersConfig::Refuse(answer) => Outsiders::Refuse(answer.clone()),
            StrangersConfig::Share(shared) => share("strangers", shared)?,
        };
        let anonymous = match &self.anonymous {
            AnonymousConfig::Refuse(answer) => Outsiders::Refuse(answer.clone()),
            AnonymousConfig::Share(shared) => share("anonymous", shared)?,
            AnonymousConfig::Allow => Outsiders::Allow,
        };
        let concurrency = self.concurrency.into_concurrency()?;
        let costs = CostTable::compile(&self.costs)?;
        for (index, rule) in self.costs.rules.iter().enumerate() {
            if let Some(group) = &rule.group
                && concurrency.group(group).is_none()
            {
                let known: Vec<_> = concurrency
                    .groups
                    .iter()
                    .map(|group| format!("{:?}", group.name))
                    .collect();
                let expected = format!("one of the `concurrency.groups`: {}", known.join(", "));
                return Err(ConfigError::invalid(
                    format!("costs.rules[{index}].group"),
                    format!("{group:?}"),
                    expected,
                ));
            }
        }
        let response_headers = distinct(self.response_headers)?;
        let directory = self
            .directory
            .map(|directory| directory.into_directory(&subscriptions))
            .transpose()?;
        let engine = self
            .engine
            .map(|engine| engine.into_engine(&subscriptions.namespace, concurrency.lease))
            .transpose()?;
        let identity_header = self.identity.header().map(str::to_owned);
        Ok(Policy {
            identity: self.identity.into_path("identity")?,
            attributes: self
                .attributes
                .map(AttributesConfig::into_sources)
                .transpose()?,
            described: Described::default(),
            directory,
            subscriptions,
            organizations,
            strangers,
            anonymous,
            costs,
            shadow_headers: response_headers.in_shadow(),
            response_headers,
            refusals: self.refusals,
            refunds: self.refunds,
            concurrency,
            engine,
            enforcement: self.enforcement,
            warnings: self.warnings.at_percent,
            webhook: self.warnings.webhook.map(WebhookConfig::into_webhook),
            usage: self
                .usage
                .map(|usage| Usage::new(usage, identity_header.as_deref())),
        })
    }
}

impl Policy {
    /// The policy that a JSON document describes.
    ///
    /// # Errors
    /// When the text is not a configuration, or one that contradicts itself.
    pub fn from_json(json: &[u8]) -> Result<Self, ConfigError> {
        Config::from_json(json)?.into_policy()
    }

    /// The policy that a JSON document describes, for the module that reads no bodies.
    ///
    /// # Errors
    /// As [`Policy::from_json`]; and when it prices calls by their records without saying what becomes of them here.
    pub fn from_json_without_bodies(json: &[u8]) -> Result<Self, ConfigError> {
        let config = Config::from_json(json)?;
        let unread = config.costs.unread()?;
        let mut policy = config.into_policy()?;
        policy.costs.leave_bodies_unread(unread);
        Ok(policy)
    }
}

/// The fields, if no two have the same name.
fn distinct(headers: ResponseHeaders) -> Result<ResponseHeaders, ConfigError> {
    let mut seen = Vec::new();
    for name in headers.names() {
        if seen.contains(&name) {
            let expected = "a name of its own for each field";
            let value = format!("{:?} twice", name.as_str());
            return Err(ConfigError::invalid("response_headers", value, expected));
        }
        seen.push(name);
    }
    Ok(headers)
}

mod concurrency;
mod contradiction;
#[cfg(feature = "schema")]
pub mod schema;
mod sources;
#[cfg(test)]
mod tests;
