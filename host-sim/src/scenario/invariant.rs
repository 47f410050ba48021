//! What must hold whatever happens: looked at after every step of a scenario, and after whatever `host-sim fuzz` makes up.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::log::{ExpectLine, ExpectLog};
use crate::model::pattern::Pattern;

/// What must hold after every step; what is not given does not matter.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "RawInvariant")]
pub struct Invariant {
    /// The rule, as a sentence.
    pub about: Option<String>,
    /// Whether no VM of the plugin may die; on hosts that can say.
    pub alive: bool,
    /// The status of every answer that a client gets.
    pub status: Option<Pattern>,
    /// Response headers, wherever an answer has them; [`Pattern::Absent`] forbids one.
    pub headers: BTreeMap<String, Pattern>,
    /// Metrics, whenever no call is in progress; one that does not exist counts as 0.
    pub metrics: BTreeMap<String, Pattern>,
    /// A line that is never logged.
    pub log: Option<ExpectLog>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInvariant {
    about: Option<String>,
    #[serde(default)]
    alive: bool,
    status: Option<Pattern>,
    #[serde(default)]
    headers: BTreeMap<String, Pattern>,
    #[serde(default)]
    metrics: BTreeMap<String, Pattern>,
    log: Option<ExpectLog>,
}

impl TryFrom<RawInvariant> for Invariant {
    type Error = &'static str;

    fn try_from(raw: RawInvariant) -> Result<Self, Self::Error> {
        let says_nothing = !raw.alive
            && raw.status.is_none()
            && raw.headers.is_empty()
            && raw.metrics.is_empty()
            && raw.log.is_none();
        if says_nothing {
            return Err(
                "expected at least one of `alive = true`, `status`, `headers`, `metrics` and `log`",
            );
        }
        if let Some(log) = &raw.log
            && !matches!(log.line, ExpectLine::Absent(_))
        {
            return Err("expected `absent` in `log`: what is never logged");
        }
        Ok(Self {
            about: raw.about,
            alive: raw.alive,
            status: raw.status,
            headers: raw.headers,
            metrics: raw.metrics,
            log: raw.log,
        })
    }
}
