//! Refunds: which outcomes of a call give its credits back.
//!
//! What a failed call costs is explicit and configurable. By default a call is refunded if the platform failed it: the upstream
//! answered 502, 503 or 504, or the proxy did because it could not reach the upstream or waited too long for it, or there was no
//! response at all although the client waited. A client that goes away itself has paid.

use serde::Deserialize;

/// Which outcomes are refunded.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Refunds {
    /// Responses with these statuses; `[]` for none.
    #[cfg_attr(feature = "schema", schemars(with = "std::collections::BTreeSet<u16>"))]
    pub statuses: Vec<u16>,
    /// Calls that ended without a response while the client still waited.
    pub no_response: bool,
}

impl Default for Refunds {
    fn default() -> Self {
        Self {
            statuses: vec![502, 503, 504],
            no_response: true,
        }
    }
}
