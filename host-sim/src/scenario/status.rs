//! Status codes, which are numbers; a text in their place is told so in words of HTTP.

use std::fmt;

use serde::de::{self, Deserializer, Visitor};

/// A status code, for `#[serde(deserialize_with)]`.
pub(super) fn optional<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u16>, D::Error> {
    deserializer.deserialize_any(StatusVisitor).map(Some)
}

struct StatusVisitor;

impl Visitor<'_> for StatusVisitor {
    type Value = u16;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a status code, as in `status = 200`")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<u16, E> {
        match u16::try_from(number) {
            Ok(status @ 100..=999) => Ok(status),
            _ => Err(E::custom(format_args!(
                "{number} is no status code, expected 100 to 999"
            ))),
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u16, E> {
        Err(match text.parse::<u16>() {
            Ok(number) => E::custom(format_args!(
                "\"{text}\" is a text, expected the number {number} without quotation marks"
            )),
            Err(_) => E::invalid_type(de::Unexpected::Str(text), &self),
        })
    }
}
