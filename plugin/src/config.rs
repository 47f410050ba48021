//! The configuration: one JSON document, read strictly.
//!
//! Two stages: the text becomes the types below, which know only shapes, and these become a [`Policy`], which holds together. Unknown
//! and repeated keys are errors, and every error names its place. Enums are externally tagged, because an error inside any other
//! kind loses its place. The JSON Schema in `envoy/` is generated from these same types.

use serde::Deserialize;

pub use clients::{ClientAttributesConfig, ClientsConfig};
pub use concurrency::ConcurrencyConfig;
pub use operators::OperatorsConfig;
pub use sources::{AttributesConfig, SourceConfig};

use crate::{
    decide::policy::Policy,
    document::{
        config_error::{ConfigError, ConfigErrors},
        json,
        unique_map::UniqueMap,
    },
    model::{
        calendar_date::CalendarDate,
        edition::{Edition, EditionName},
        enforcement::Enforcement,
        namespace::Namespace,
        organization::{Organization, OrganizationId},
        period::PeriodConfig,
        policy_name::PolicyName,
        refunds::Refunds,
    },
    outbound::{directory::DirectoryConfig, engine::EngineConfig, usage_events::UsageEventsConfig},
    pricing::cost_table::CostsConfig,
    show::{
        access_log::AccessLog,
        refusal::{Answer, Refusals},
        response_headers::ResponseHeaders,
        usage::config::{UsageConfig, WarningsConfig},
    },
};

/// API credits for Envoy: the configuration of the filter.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "Config", deny_unknown_fields)]
pub struct Config {
    /// The schema of this document, for editors; it means nothing to the filter.
    #[serde(default, rename = "$schema")]
    pub schema: Option<String>,
    /// Names the accounts' place in shared data. Filters with the same namespace (and the same `vm_id`) charge the same accounts.
    #[serde(default)]
    pub namespace: Namespace,
    /// Where an authentication filter states the organization of a call.
    pub identity: SourceConfig,
    /// Where an authentication filter states facts about the organization of a call that is not listed here.
    #[serde(default)]
    pub attributes: Option<Box<AttributesConfig>>,
    /// Who within an organization calls, and how much each may use; without it, clients are not told apart.
    #[serde(default)]
    pub clients: Option<Box<ClientsConfig>>,
    /// An HTTP service that knows the organizations that are neither listed here nor described by their calls.
    #[serde(default)]
    pub directory: Option<Box<DirectoryConfig>>,
    /// The day in which credits are counted.
    #[serde(default)]
    pub day: Box<DayConfig>,
    /// Periods beside the day, by name, at most 8: a month, a week, any 5 hours, any minute. A call is admitted by the day and by every period
    /// in which its organization has a limit, or not at all.
    #[serde(default)]
    pub periods: UniqueMap<PolicyName, PeriodConfig>,
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
    /// How organizations that are not listed are treated.
    #[serde(default)]
    pub strangers: Box<StrangersConfig>,
    /// How calls that state no organization are treated.
    #[serde(default)]
    pub anonymous: Box<AnonymousConfig>,
    /// What calls cost.
    pub costs: Box<CostsConfig>,
    /// Which header fields tell clients what a call cost and what is left.
    #[serde(default)]
    pub response_headers: Box<ResponseHeaders>,
    /// What access logs can read of a call, beside the receipt.
    #[serde(default)]
    pub access_log: AccessLog,
    /// How refusals look.
    #[serde(default)]
    pub refusals: Box<Refusals>,
    /// Which outcomes of a call give its credits back.
    #[serde(default)]
    pub refunds: Box<Refunds>,
    /// How calls in progress are counted.
    #[serde(default)]
    pub concurrency: Box<ConcurrencyConfig>,
    /// A counter that several proxies share; without it, each counts for itself.
    #[serde(default)]
    pub engine: Option<Box<EngineConfig>>,
    /// Whether refusals are meant, where neither edition nor organization says so.
    #[serde(default)]
    pub enforcement: Enforcement,
    /// Where organizations see what they have used, answered by the filter; without it, nowhere.
    #[serde(default)]
    pub usage: Option<Box<UsageConfig>>,
    /// Who may look at all organizations at once; without it, nobody.
    #[serde(default)]
    pub operators: Option<Box<OperatorsConfig>>,
    /// Who is told what was charged; without it, nobody.
    #[serde(default)]
    pub usage_events: Option<Box<UsageEventsConfig>>,
    /// At which shares of a day's credits the log warns, once a day for each organization and share.
    #[serde(default)]
    pub warnings: Box<WarningsConfig>,
}

/// The day in which credits are counted.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "DayConfig", deny_unknown_fields, default)]
pub struct DayConfig {
    /// The time zone, by its IANA name.
    #[cfg_attr(
        feature = "schema",
        schemars(regex(pattern = r"^[A-Za-z][A-Za-z0-9_+/-]*$"))
    )]
    pub time_zone: String,
    /// The local time of day at which a day starts, `HH:MM` or `HH:MM:SS`.
    #[cfg_attr(
        feature = "schema",
        schemars(regex(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"))
    )]
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
#[serde(remote = "DataCenterConfig", deny_unknown_fields)]
pub struct DataCenterConfig {
    /// Its time zone, by its IANA name.
    #[cfg_attr(
        feature = "schema",
        schemars(regex(pattern = r"^[A-Za-z][A-Za-z0-9_+/-]*$"))
    )]
    pub time_zone: String,
    /// The local time of day at which a day starts there, `HH:MM` or `HH:MM:SS`.
    #[cfg_attr(
        feature = "schema",
        schemars(regex(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"))
    )]
    #[serde(default = "midnight")]
    pub starts_at: String,
    /// The first day on which its organizations count credits; before it, every call counts 1 against an organization's API limit.
    #[serde(default)]
    pub credits_from: Option<CalendarDate>,
}

/// The end of the transition from limits to credits.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "TransitionConfig", deny_unknown_fields)]
pub struct TransitionConfig {
    /// The day from which on every data centre counts credits, and new sign-ups never had a limit.
    pub completed_on: CalendarDate,
}

fn midnight() -> String {
    "00:00".to_owned()
}

/// How organizations that are not listed are treated.
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

/// How calls that state no organization are treated.
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
#[serde(remote = "ShareConfig", deny_unknown_fields)]
pub struct ShareConfig {
    /// The edition whose base credits they share: a key of `editions`.
    pub edition: EditionName,
}

crate::document::json::objects!(
    Config,
    DayConfig,
    DataCenterConfig,
    TransitionConfig,
    ShareConfig
);

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// When the text is not JSON of this shape, to the end.
    pub fn from_json(text: &[u8]) -> Result<Self, ConfigError> {
        Ok(json::read(text)?)
    }
}

/// A configuration that can be used.
#[derive(Debug)]
pub struct Accepted {
    /// What it says.
    pub policy: Policy,
    /// What in it is probably not meant, a line for each.
    pub doubts: Vec<String>,
    /// What was understood, in one line.
    pub summary: String,
}

/// Whether the module reads the bodies of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bodies {
    /// It reads those of requests.
    Read,
    /// It reads those of requests, and of responses what is behind their heads.
    ReadBoth,
    /// It does not, and refuses prices by records unless it is said how they are treated here.
    Unread,
}

/// Reads the JSON document `text`.
///
/// # Errors
/// When the text is not a configuration, or one that contradicts itself: everything that is wrong, in the order of the text.
pub fn read(text: &[u8], bodies: Bodies) -> Result<Accepted, ConfigErrors> {
    let config = Config::from_json(text)?;
    let summary = config.summary();
    let (policy, doubts) = config
        .into_policy(bodies)
        .map_err(|errors| errors.in_text(text))?;
    let doubts = doubts
        .into_iter()
        .map(|doubt| doubt.in_text(text).as_doubt());
    Ok(Accepted {
        policy,
        doubts: doubts.collect(),
        summary,
    })
}

impl Policy {
    /// The policy that a JSON document describes.
    ///
    /// # Errors
    /// As [`read`].
    pub fn from_json(json: &[u8]) -> Result<Self, ConfigErrors> {
        read(json, Bodies::ReadBoth).map(|accepted| accepted.policy)
    }
}

mod building;
mod checks;
mod clients;
mod concurrency;
mod contradiction;
mod operators;
mod periods;
#[cfg(feature = "schema")]
pub mod schema;
mod sources;
mod summary;
#[cfg(test)]
mod tests;
