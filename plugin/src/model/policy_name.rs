//! What a policy is called where clients read of it: in the IETF header fields, and in problem details.

use std::rc::Rc;

use serde::Deserialize;

/// The name of a policy, cheap to clone. It stands in a Structured Fields string without escapes: visible ASCII without `"` and `\` (RFC 9651, section 3.3.3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct PolicyName(Rc<str>);

/// A text that cannot name a policy.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid policy name {name:?}, expected 1 to 64 visible ASCII characters without `\"` and `\\`"
)]
pub struct InvalidPolicyName {
    /// The text.
    pub name: String,
}

impl PolicyName {
    /// A name that this filter gives itself.
    #[must_use]
    pub fn known(name: &'static str) -> Self {
        Self(Rc::from(name))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PolicyName {
    type Error = InvalidPolicyName;

    fn try_from(name: String) -> Result<Self, InvalidPolicyName> {
        let plain = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
        let usable = (1..=64).contains(&name.len()) && name.bytes().all(plain);
        if usable {
            Ok(Self(Rc::from(name)))
        } else {
            Err(InvalidPolicyName { name })
        }
    }
}

impl std::borrow::Borrow<str> for PolicyName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for PolicyName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for PolicyName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PolicyName".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": r#"^[!#-\[\]-~]{1,64}$"#})
    }
}
