//! The path under which the directory knows an organization.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::model::organization::OrganizationId;

/// The path of organizations, in which `{id}` stands for the id.
///
/// Invariant: absolute, at most 1,024 visible ASCII characters without `#`, and `{id}` once.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct OrganizationsPath {
    before: String,
    after: String,
}

/// A text that cannot be the path of organizations.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid path {path:?}, expected one such as \"/organizations/{{id}}\", with `{{id}}` once and at most 1024 visible ASCII characters"
)]
pub struct InvalidOrganizationsPath {
    /// The text.
    pub path: String,
}

/// All but the unreserved characters (RFC 3986, section 2.3): an id is one segment, whatever it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl OrganizationsPath {
    /// The path of one organization.
    #[must_use]
    pub fn of(&self, id: &OrganizationId) -> String {
        let id = utf8_percent_encode(id.as_str(), SEGMENT);
        format!("{}{id}{}", self.before, self.after)
    }
}

impl Default for OrganizationsPath {
    fn default() -> Self {
        Self {
            before: "/organizations/".to_owned(),
            after: String::new(),
        }
    }
}

impl TryFrom<String> for OrganizationsPath {
    type Error = InvalidOrganizationsPath;

    fn try_from(path: String) -> Result<Self, InvalidOrganizationsPath> {
        let plain = |b: u8| b.is_ascii_graphic() && b != b'#';
        let usable = path.starts_with('/') && path.len() <= 1_024 && path.bytes().all(plain);
        match path.split_once("{id}") {
            Some((before, after)) if usable && !after.contains("{id}") => Ok(Self {
                before: before.to_owned(),
                after: after.to_owned(),
            }),
            _ => Err(InvalidOrganizationsPath { path }),
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for OrganizationsPath {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "OrganizationsPath".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": r##"^/[!"$-~]*\{id\}[!"$-~]*$"##,
            "maxLength": 1024,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn path(template: &str, id: &str) -> Result<String, String> {
        let path = OrganizationsPath::try_from(template.to_owned());
        let id = OrganizationId::try_from(id.to_owned()).unwrap();
        path.map(|path| path.of(&id))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn an_id_is_one_segment_whatever_it_is() {
        let default = OrganizationsPath::default();
        let id = |id: &str| default.of(&OrganizationId::try_from(id.to_owned()).unwrap());
        assert_eq!(id("2389290"), "/organizations/2389290");
        assert_eq!(
            id("auth0|5f?x=1#y"),
            "/organizations/auth0%7C5f%3Fx%3D1%23y"
        );
        assert_eq!(
            path("/o?org={id}&full=1", "a&b"),
            Ok("/o?org=a%26b&full=1".to_owned())
        );
    }

    #[test]
    fn a_path_without_a_place_for_the_id_is_an_error() {
        for template in [
            "/organizations",
            "organizations/{id}",
            "/{id}/{id}",
            "/a b/{id}",
        ] {
            assert_eq!(
                path(template, "7"),
                Err(format!(
                    "invalid path {template:?}, expected one such as \"/organizations/{{id}}\", with `{{id}}` once and at most 1024 visible ASCII characters"
                ))
            );
        }
    }
}
