//! Clients: who calls within an organization: an OAuth client, an API key, an integration, a user.

use std::{borrow::Borrow, rc::Rc};

use serde::Deserialize;

use crate::model::credits::Credits;

/// The name of a client as the authentication filter states it. Cheap to clone.
///
/// Clients are the same if their bytes are.
///
/// Invariant: [valid](ClientId::is_valid), or one of the two names that stand for several clients.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct ClientId(Rc<str>);

/// A text that cannot name a client.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid client id {id:?}, expected 1 to 128 ASCII characters without control characters, `\"` and `\\`, not beginning with `(`, and no space at either end"
)]
pub struct InvalidClientId {
    /// The text.
    pub id: String,
}

/// What a client has used of what it may use in a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientBalance {
    /// Who: the client, or whatever it is counted as.
    pub id: ClientId,
    /// The most that it may use in a day; `None` for any amount.
    pub cap: Option<Credits>,
    /// What it has used of it.
    pub used: Credits,
}

impl ClientBalance {
    /// What is left of its cap.
    #[must_use]
    pub fn remaining(&self) -> Option<Credits> {
        Some(self.cap?.saturating_sub(self.used))
    }
}

impl ClientId {
    /// The longest id, in bytes.
    pub const MAX_BYTES: usize = 128;
    /// What calls that state no client are counted as.
    pub const NONE: &'static str = "(none)";
    /// What clients are counted as that are too many to be counted apart, or whose names are none.
    pub const OTHERS: &'static str = "(others)";

    /// Whether `id` can name a client.
    #[must_use]
    pub fn is_valid(id: &str) -> bool {
        (1..=Self::MAX_BYTES).contains(&id.len())
            && !id.starts_with(['(', ' '])
            && !id.ends_with(' ')
            && id
                .bytes()
                .all(|b| matches!(b, b' '..=b'~') && !matches!(b, b'"' | b'\\'))
    }

    /// The client of a call that states this. What can name no client is counted with the others, so that inventing names gains nothing.
    #[must_use]
    pub fn stated(text: Option<&str>) -> Self {
        match text {
            None | Some("") => Self::none(),
            Some(id) if Self::is_valid(id) => Self(Rc::from(id)),
            Some(_) => Self::others(),
        }
    }

    /// What calls that state no client are counted as.
    #[must_use]
    pub fn none() -> Self {
        Self(Rc::from(Self::NONE))
    }

    /// What clients are counted as that are not counted apart.
    #[must_use]
    pub fn others() -> Self {
        Self(Rc::from(Self::OTHERS))
    }

    /// A name that a record of ours holds.
    #[must_use]
    pub fn recorded(name: &str) -> Self {
        Self(Rc::from(name))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it stands for calls that state no client.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.as_str() == Self::NONE
    }

    /// Whether it stands for clients that are not counted apart.
    #[must_use]
    pub fn is_others(&self) -> bool {
        self.as_str() == Self::OTHERS
    }
}

impl TryFrom<String> for ClientId {
    type Error = InvalidClientId;

    fn try_from(id: String) -> Result<Self, InvalidClientId> {
        if Self::is_valid(&id) {
            Ok(Self(Rc::from(id)))
        } else {
            Err(InvalidClientId { id })
        }
    }
}

impl Borrow<str> for ClientId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ClientId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for ClientId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ClientId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": r#"^(?!\()(?! )(?!.* $)[ !#-\[\]-~]{1,128}$"#})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_client_may_be_called_by_a_url_an_address_or_a_few_words() {
        for id in [
            "7",
            "https://app.example/cb",
            "ann@acme.example",
            "Data Importer",
            "a,b",
        ] {
            assert_eq!(ClientId::stated(Some(id)).as_str(), id);
        }
    }

    #[test]
    fn what_names_nobody_is_one_of_the_others_and_no_name_is_none() {
        for text in [
            " a",
            "a ",
            "(none)",
            "(x",
            "a\"b",
            "a\\b",
            "a\tb",
            "ü",
            &"x".repeat(129),
        ] {
            assert!(ClientId::stated(Some(text)).is_others(), "{text:?}");
        }
        assert!(ClientId::stated(None).is_none());
        assert!(ClientId::stated(Some("")).is_none());
    }
}
