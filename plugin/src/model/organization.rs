//! Organizations: who is charged.

use std::borrow::Borrow;

use serde::Deserialize;

use crate::{
    document::unique_map::UniqueMap,
    model::{
        agents::Agents, calendar_date::CalendarDate, client_limits::ClientLimits, credits::Credits,
        edition::EditionName, enforcement::Enforcement, policy_name::PolicyName,
        purchase::Purchase, scaled_limit::ScaledLimit,
    },
};

/// The name of an organization as the authentication filter states it, and as metrics, logs and shared-data keys show it.
///
/// Ids are the same if their bytes are: `7` and `07` are two organizations.
///
/// Invariant: 1 to [`OrganizationId::MAX_BYTES`] visible ASCII characters without `,` (a header given twice arrives joined by
/// commas, and must never name an organization), `/` (it separates the parts of a shared-data key), `"` and `\`; neither `.` nor `..`
/// (in the path of a question to the directory, they would lead elsewhere, escaped or not: RFC 3986, section 6.2.2.3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct OrganizationId(String);

/// A text that cannot name an organization.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid organization id {id:?}, expected 1 to 128 visible ASCII characters without `,`, `/`, `\"` and `\\`, other than `.` and `..`"
)]
pub struct InvalidOrganizationId {
    /// The text.
    pub id: String,
}

impl OrganizationId {
    /// The longest id, in bytes.
    pub const MAX_BYTES: usize = 128;

    /// Whether `id` can name an organization.
    #[must_use]
    pub fn is_valid(id: &str) -> bool {
        (1..=Self::MAX_BYTES).contains(&id.len())
            && !matches!(id, "." | "..")
            && id
                .bytes()
                .all(|b| b.is_ascii_graphic() && !matches!(b, b',' | b'/' | b'"' | b'\\'))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for OrganizationId {
    type Error = InvalidOrganizationId;

    fn try_from(id: String) -> Result<Self, InvalidOrganizationId> {
        if Self::is_valid(&id) {
            Ok(Self(id))
        } else {
            Err(InvalidOrganizationId { id })
        }
    }
}

impl Borrow<str> for OrganizationId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for OrganizationId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// One organization of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "Organization", deny_unknown_fields)]
pub struct Organization {
    /// The edition it subscribes to: a key of `editions`.
    pub edition: EditionName,
    /// Its agents. Light agents are not among them.
    #[serde(default)]
    pub agents: Agents,
    /// Its light agents, which bring no credits; stated so that the record of an organization can be complete.
    #[serde(default)]
    pub light_agents: Agents,
    /// Credits a day bought on top, at most the edition's `additional_max`.
    #[serde(default)]
    pub additional: Credits,
    /// Where it is: a key of `data_centers`.
    #[serde(default)]
    pub data_center: Option<String>,
    /// When it signed up; left out for one that was there before the transition.
    #[serde(default)]
    pub signed_up: Option<CalendarDate>,
    /// Its own API limit under the old model, in place of its edition's.
    #[serde(default)]
    pub legacy_limit: Option<ScaledLimit>,
    /// How many of its calls may be in progress at the same time, at least 1, in place of its edition's limit.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub concurrency: Option<u32>,
    /// Whether refusals of its calls are meant, in place of its edition's rule.
    #[serde(default)]
    pub enforcement: Option<Enforcement>,
    /// How much its clients may use, in place of `clients.limits`.
    #[serde(default)]
    pub clients: Option<Box<ClientLimits>>,
    /// How much it may use in periods, by their names, in place of its edition's limits and of those for all.
    #[serde(default)]
    pub period_limits: UniqueMap<PolicyName, ScaledLimit>,
    /// Credits that it bought once, by a name for each, such as the number of the order; at most 32. They are used when the day's own
    /// credits are used up, those first that began first.
    #[serde(default)]
    pub purchases: UniqueMap<String, Purchase>,
}

crate::document::json::objects!(Organization);

impl Organization {
    /// An organization of which only the edition is known.
    #[must_use]
    pub fn of(edition: EditionName) -> Self {
        Self {
            edition,
            agents: Agents::default(),
            light_agents: Agents::default(),
            additional: Credits::ZERO,
            data_center: None,
            signed_up: None,
            legacy_limit: None,
            concurrency: None,
            enforcement: None,
            clients: None,
            period_limits: UniqueMap::default(),
            purchases: UniqueMap::default(),
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for OrganizationId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "OrganizationId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": r#"^(?!\.{1,2}$)[!#-+\-.0-\[\]-~]{1,128}$"#})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn an_id_cannot_be_a_joined_header_or_part_of_another_key() {
        for id in ["7", "2389290", "acme", "auth0|5f7c", "a.b-c_d:e@f"] {
            assert!(OrganizationId::is_valid(id), "{id}");
        }
        for id in [
            "",
            ".",
            "..",
            "7,8",
            "a/b",
            "a b",
            "a\"b",
            "a\\b",
            "ü",
            "a\n",
            &"x".repeat(129),
        ] {
            assert!(!OrganizationId::is_valid(id), "{id}");
        }
    }

    #[test]
    fn a_bad_id_is_shown_with_what_was_expected() {
        let error = serde_json::from_str::<OrganizationId>(r#""7,8""#).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"invalid organization id "7,8", expected 1 to 128 visible ASCII characters without `,`, `/`, `"` and `\`, other than `.` and `..`"#
        );
    }
}
