//! Enforcement: whether refusals are meant, and from when on.

use serde::Deserialize;

/// How calls are treated that the policy refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Enforcement {
    /// They are refused.
    #[default]
    Enforce,
    /// They are forwarded, and counted and logged as if they were refused: a refused call costs nothing and takes no slot.
    Shadow,
    /// They are forwarded and charged, whatever is left: the organization is counted, and never refused for its credits or its calls in
    /// progress.
    NeverRefuse,
    /// They are refused once more is used than the day's credits and this much overage. What is used beyond the day's credits is counted
    /// and shown apart.
    Overage(Overage),
}

/// How much may be used beyond a day's credits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "Overage", deny_unknown_fields)]
pub struct Overage {
    /// In percent of the day's credits, from 1 to 1000.
    pub up_to_percent: OveragePercent,
}

crate::document::json::objects!(Overage);

/// A share of a day's credits beyond them, in percent.
///
/// Invariant: from 1 to 1,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub struct OveragePercent(u16);

/// A number that is no overage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid overage {percent}, expected 1 to 1000 percent")]
pub struct InvalidOverage {
    /// The number.
    pub percent: u64,
}

impl Enforcement {
    /// Whether calls are refused at all.
    #[must_use]
    pub const fn refuses(self) -> bool {
        matches!(self, Self::Enforce | Self::Overage(_))
    }

    /// How much may be used beyond the day's credits, in percent of them.
    #[must_use]
    pub const fn overage_percent(self) -> u64 {
        match self {
            Self::Overage(overage) => overage.up_to_percent.0 as u64,
            Self::Enforce | Self::Shadow | Self::NeverRefuse => 0,
        }
    }
}

impl TryFrom<u64> for OveragePercent {
    type Error = InvalidOverage;

    fn try_from(percent: u64) -> Result<Self, InvalidOverage> {
        match u16::try_from(percent) {
            Ok(valid @ 1..=1_000) => Ok(Self(valid)),
            _ => Err(InvalidOverage { percent }),
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for OveragePercent {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "OveragePercent".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "integer", "minimum": 1, "maximum": 1000})
    }
}
