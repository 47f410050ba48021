//! Header fields, as scenarios write them.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

/// Whether this can be a method, or the name of a header (RFC 9110, section 5.6.2).
pub(super) fn is_token(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_part)
}

/// A table of header fields in the order written; an array gives several values of one name.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(pub(super) Vec<(String, String)>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a string or an array of strings")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of header names and values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, values)) = map.next_entry::<String, OneOrMany>()? {
                    if !is_token(&name) {
                        return Err(de::Error::custom(format_args!(
                            "`{name}` is no header name, expected letters, digits and the likes of `-`"
                        )));
                    }
                    match values {
                        OneOrMany::One(value) => fields.push((name, value)),
                        OneOrMany::Many(values) => {
                            fields.extend(values.into_iter().map(|value| (name.clone(), value)));
                        }
                    }
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_headers_are_checked() {
        let read = |text: &str| {
            let fields: Result<Fields, _> = toml::from_str(text);
            fields
                .map(|fields| fields.0.len())
                .map_err(|error| error.message().to_owned())
        };
        assert_eq!(read("a = '1'\nx-B_2 = ['1', '2']"), Ok(3));
        for name in ["a b", ":path", "", "grüße"] {
            assert_eq!(
                read(&format!("\"{name}\" = '1'")),
                Err(format!(
                    "`{name}` is no header name, expected letters, digits and the likes of `-`"
                ))
            );
        }
    }
}
