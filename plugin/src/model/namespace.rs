//! Namespaces: which accounts a filter charges.

use serde::Deserialize;

use crate::model::organization::OrganizationId;

/// The name of the accounts' place in shared data. Filters with the same namespace (and the same `vm_id`) charge the same accounts.
///
/// Invariant: as for an [`OrganizationId`], and for the same reason: it is a part of shared-data keys.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Namespace(String);

/// A text that cannot name a namespace.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid namespace {name:?}, expected 1 to 128 visible ASCII characters without `,`, `/`, `\"` and `\\`"
)]
pub struct InvalidNamespace {
    /// The text.
    pub name: String,
}

impl Namespace {
    /// The name of the namespace that a configuration has which names none.
    pub const DEFAULT: &str = "default";

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

impl TryFrom<String> for Namespace {
    type Error = InvalidNamespace;

    fn try_from(name: String) -> Result<Self, InvalidNamespace> {
        if OrganizationId::is_valid(&name) {
            Ok(Self(name))
        } else {
            Err(InvalidNamespace { name })
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Namespace {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Namespace".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        OrganizationId::json_schema(generator)
    }
}
