//! What is configured about usage events.

use std::{cell::Cell, rc::Rc};

use serde::Deserialize;

use super::UsageEvents;
use crate::{
    accounts::statistics::NameHash,
    document::config_error::ConfigError,
    model::{day::Seconds, namespace::Namespace},
    outbound::webhook::WebhookConfig,
};

/// What was charged, by organization, operation and time, sent to an HTTP service. No call waits for it.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "UsageEventsConfig", deny_unknown_fields)]
pub struct UsageEventsConfig {
    /// The service. What it has not accepted is sent again, with the same ids.
    pub webhook: WebhookConfig,
    /// The form of the body.
    #[serde(default)]
    pub format: Format,
    /// How often each worker sends, in seconds, from 1 to 3600. A new hour begins a new batch in any case.
    #[serde(default = "minute")]
    pub interval_seconds: u32,
}

/// The form of usage events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// A batch of `CloudEvents` (`application/cloudevents-batch+json`).
    #[default]
    Cloudevents,
    /// CSV with a line that names the columns (`text/csv`).
    Csv,
}

crate::document::json::objects!(UsageEventsConfig);

const fn minute() -> u32 {
    60
}

impl UsageEventsConfig {
    /// Events of operations with these names, none yet.
    ///
    /// # Errors
    /// When the interval is out of its range.
    pub fn into_usage_events<'a>(
        self,
        namespace: &Namespace,
        rules: impl Iterator<Item = &'a str>,
    ) -> Result<UsageEvents, ConfigError> {
        if !(1..=3_600).contains(&self.interval_seconds) {
            let value = self.interval_seconds.to_string();
            let path = "usage_events.interval_seconds";
            return Err(ConfigError::invalid(path, value, "from 1 to 3600"));
        }
        let content_type = match self.format {
            Format::Cloudevents => "application/cloudevents-batch+json; charset=utf-8",
            Format::Csv => "text/csv; charset=utf-8; header=present",
        };
        Ok(UsageEvents {
            outbox: self.webhook.into_outbox(content_type, UsageEvents::RETRIES),
            format: self.format,
            interval: Seconds::new(u64::from(self.interval_seconds)),
            source: format!("/api-credits/{}", namespace.as_str()),
            rules: rules
                .map(|name| (NameHash::of(name), Rc::from(name)))
                .collect(),
            gathering: None.into(),
            lot: Cell::default(),
            ticked: Cell::default(),
            batches: Cell::default(),
        })
    }
}
