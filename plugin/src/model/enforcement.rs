//! Enforcement: whether refusals are meant.

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
}
