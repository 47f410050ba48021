//! Warnings: an organization, and whoever operates the API, hears of much use before calls are refused.
//!
//! Each threshold is told once a day. Which ones have been told are the bits of a number that lies beside what was used, in the same
//! record, so that of all workers exactly one sets a bit and tells.

use serde::{Deserialize, Serialize};

use super::{
    details::Percentage,
    json::{self, OneDecimal},
    local_time::LocalTime,
};
use crate::{
    model::{
        credits::Credits,
        day::Seconds,
        terms::{Model, Terms},
    },
    outbound::outbox::Retries,
};

/// The shares of a day's credits at which is warned.
///
/// Invariant: at most 8 (an account keeps a bit for each), ascending percentages from 1 to 100.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<u64>")]
pub struct Thresholds(Vec<Threshold>);

/// A share at which is warned, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Threshold(u8);

/// Numbers that are no thresholds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid thresholds {percentages:?}, expected at most 8 ascending percentages from 1 to 100"
)]
pub struct InvalidThresholds {
    /// The numbers.
    pub percentages: Vec<u64>,
}

/// Thresholds that were told, a bit for each, by their place in the configuration. A configuration with other thresholds reads the
/// bits of its day as its own: at worst, one is told twice or not at all on that day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told(pub u8);

/// What is warned of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning<'a> {
    /// The organization's id.
    pub organization: &'a str,
    /// The client that has reached a share of its cap, which the terms then state; `None` for the organization itself.
    pub client: Option<&'a str>,
    /// The name of its edition.
    pub edition: &'a str,
    /// What was reached.
    pub threshold: Threshold,
    /// What it has used today.
    pub used: Credits,
    /// How its calls are counted, and what it may use in this day.
    pub terms: Terms,
    /// When the day ends.
    pub resets_at: LocalTime,
    /// How long that is from now.
    pub resets_in: Seconds,
}

/// What the webhook is told: the body of a `POST`, as `application/json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    /// `api_credits.threshold_reached`.
    event: &'static str,
    /// The same for each attempt to tell the same thing: organization, end of the day, threshold and client.
    id: String,
    organization: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'a str>,
    edition: &'a str,
    model: &'static str,
    threshold: u8,
    limit: u64,
    used: u64,
    remaining: u64,
    /// What is used beyond the limit, and how much of that is allowed; only where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    overage: Option<OverageMember>,
    percentage_used: OneDecimal,
    resets_at: &'a str,
    resets_in_seconds: u64,
}

impl Warning<'_> {
    /// The media type of [`Self::document`].
    pub const CONTENT_TYPE: &'static str = "application/json";

    /// How often the webhook is told the same: what it does not take is in the log in any case.
    pub const RETRIES: Retries = Retries {
        attempts: Some(3),
        pause: Seconds::new(5),
        longest_pause: Seconds::new(20),
        most: 1_000,
    };
}

/// What is used beyond a limit.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OverageMember {
    used: u64,
    limit: u64,
}

impl Threshold {
    /// The share in percent.
    #[must_use]
    pub const fn percent(self) -> u8 {
        self.0
    }

    /// Whether `used` is this share of `total` or more. Whoever has nothing never reaches a share of it.
    #[must_use]
    pub fn is_reached(self, used: Credits, total: Credits) -> bool {
        // At most 10^17 each, which fits; a multiplication that looks whether it does takes sixty instructions.
        let (used, total) = (used.get().wrapping_mul(100), total.get());
        total > 0 && used >= total.wrapping_mul(u64::from(self.0))
    }
}

impl Thresholds {
    /// Each threshold, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Threshold> {
        self.0.iter().copied()
    }

    /// Whether warnings are turned off.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What has been told once everything has that is to be told at `used` of `total`, given what has been `told` today: the same
    /// number if there is nothing new. A purchase untells nothing, and a lowered allotment may bring several thresholds at once.
    #[must_use]
    pub fn told_at(&self, used: Credits, total: Credits, told: Told) -> Told {
        let reached = self
            .numbered()
            .take_while(|(_, threshold)| threshold.is_reached(used, total));
        Told(reached.fold(told.0, |bits, (bit, _)| bits | bit))
    }

    /// The thresholds that are told `now` and were not `before`: what the one worker tells whose record with `now` was stored.
    pub fn newly_told(&self, before: Told, now: Told) -> impl Iterator<Item = Threshold> {
        let new = now.0 & !before.0;
        self.numbered()
            .filter(move |(bit, _)| new & bit != 0)
            .map(|(_, threshold)| threshold)
    }

    fn numbered(&self) -> impl Iterator<Item = (u8, Threshold)> {
        let bits = std::iter::successors(Some(1_u8), |bit| bit.checked_mul(2));
        bits.zip(self.iter())
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        Self([50, 80, 90, 100].map(Threshold).to_vec())
    }
}

impl TryFrom<Vec<u64>> for Thresholds {
    type Error = InvalidThresholds;

    fn try_from(percentages: Vec<u64>) -> Result<Self, InvalidThresholds> {
        let valid = |percentage: &u64| match u8::try_from(*percentage) {
            Ok(percent @ 1..=100) => Some(Threshold(percent)),
            _ => None,
        };
        let thresholds: Option<Vec<_>> = percentages.iter().map(valid).collect();
        thresholds
            .filter(|all| all.len() <= 8 && all.is_sorted_by(|a, b| a < b))
            .map(Self)
            .ok_or(InvalidThresholds { percentages })
    }
}

impl Warning<'_> {
    /// The line for the log.
    #[must_use]
    pub fn log_line(&self) -> String {
        let Self {
            organization,
            client,
            edition,
            used,
            terms: Terms { model, total, .. },
            ..
        } = self;
        let client = client.map_or_else(String::new, |client| format!("client {client:?} of "));
        let unit = match model {
            Model::Legacy => "calls",
            Model::Credits | Model::Grandfathered => "credits",
        };
        format!(
            "{client}organization {organization:?} ({edition}) has used {} % of its {unit} of the day: {used} of {total}, {} are left until {}",
            self.threshold.percent(),
            total.saturating_sub(*used),
            self.resets_at.rfc3339,
        )
    }

    /// The JSON for the webhook.
    #[must_use]
    pub fn document(&self) -> String {
        let threshold = self.threshold.percent();
        let resets_at = self.resets_at.rfc3339.as_str();
        let Terms {
            model,
            total,
            overage,
        } = self.terms;
        json::text(&Document {
            event: "api_credits.threshold_reached",
            id: match self.client {
                None => format!("{}/{resets_at}/{threshold}", self.organization),
                Some(client) => {
                    format!("{}/{resets_at}/{threshold}/{client}", self.organization)
                }
            },
            organization: self.organization,
            client: self.client,
            edition: self.edition,
            model: model.name(),
            threshold,
            limit: total.get(),
            used: self.used.get(),
            remaining: total.saturating_sub(self.used).get(),
            overage: (!overage.is_zero()).then(|| OverageMember {
                used: self.used.saturating_sub(total).get(),
                limit: overage.get(),
            }),
            percentage_used: OneDecimal(Percentage::of(self.used, total)),
            resets_at,
            resets_in_seconds: self.resets_in.get(),
        })
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Thresholds {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Thresholds".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "array",
            "items": {"type": "integer", "minimum": 1, "maximum": 100},
            "maxItems": 8,
            "uniqueItems": true,
        })
    }
}

#[cfg(test)]
mod tests;
