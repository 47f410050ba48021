//! Where a response states what its call did cost, as it is written.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

use crate::model::credits::Credits;
use crate::model::header_name::HeaderName;

/// Where a response states what its call did cost: a header by its name, or an object that says where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettleConfig(pub SettlePlace);

/// One place in a response, and what is stated there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(deny_unknown_fields))]
pub struct SettlePlace {
    /// A response header.
    pub header: Option<HeaderName>,
    /// A response trailer; of a response without a body, its header of that name. Needs `api_credits_responses.wasm`.
    pub trailer: Option<HeaderName>,
    /// A member of the JSON body or, of an event stream, of the last event that has it: a JSON Pointer such as `"/usage/total_tokens"`.
    /// Needs `api_credits_responses.wasm`.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^(/([^/~]|~[01])*)+$")))]
    pub body: Option<String>,
    /// What a thousand of what is stated cost, in credits; the sum is rounded up. Left out, what is stated is in credits.
    pub per_1000: Option<Credits>,
}

/// The keys of a [`SettlePlace`].
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum SettleKey {
    Header,
    Trailer,
    Body,
    #[serde(rename = "per_1000")]
    Per1000,
}

impl SettleConfig {
    /// Whether it is in the rest of a response, behind its head.
    #[must_use]
    pub fn is_behind_head(&self) -> bool {
        self.0.trailer.is_some() || self.0.body.is_some()
    }
}

impl<'de> Deserialize<'de> for SettleConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = SettlePlace;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a response header, {\"header\": …}, {\"trailer\": …} or {\"body\": …}")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<SettlePlace, E> {
                let header = HeaderName::try_from(name.to_owned()).map_err(E::custom)?;
                Ok(SettlePlace {
                    header: Some(header),
                    ..SettlePlace::default()
                })
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<SettlePlace, A::Error> {
                let mut place = SettlePlace::default();
                while let Some(key) = map.next_key()? {
                    match key {
                        SettleKey::Header => place.header = Some(map.next_value()?),
                        SettleKey::Trailer => place.trailer = Some(map.next_value()?),
                        SettleKey::Body => place.body = Some(map.next_value()?),
                        SettleKey::Per1000 => place.per_1000 = Some(map.next_value()?),
                    }
                }
                Ok(place)
            }
        }

        deserializer.deserialize_any(Visitor).map(Self)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for SettleConfig {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SettleConfig".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let header = generator.subschema_for::<HeaderName>();
        let place = generator.subschema_for::<SettlePlace>();
        schemars::json_schema!({
            "description": "Where a response states what its call did cost: a header by its name, or an object that says where.",
            "anyOf": [header, place]
        })
    }
}
