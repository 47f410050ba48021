//! The conditions of a rule, as they are written.
//!
//! A member of `when` whose value is a text is a condition on the query parameter of that name, whatever the name. A member whose value
//! is an object or a list is a group of conditions on something else. So a parameter called `headers` needs no other form.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, MapAccess, SeqAccess},
};

/// Conditions, in the order in which they are written. A repeated name is kept, so that it can be refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// On query parameters: names and values.
    pub query: Vec<(String, String)>,
    /// On request headers: names and values.
    pub headers: Vec<(String, String)>,
    /// On properties.
    pub properties: Vec<PropertyCondition>,
    /// On members of a JSON body: JSON Pointers and values.
    pub body: Vec<(String, MemberValue)>,
    /// On the operation of a GraphQL call.
    pub graphql: Option<GraphqlCondition>,
}

/// A condition on the operation that a GraphQL call runs, by its document and `operationName`, in the body or the query. Whoever writes the
/// document chooses the name: a name makes a call cheaper only where your server takes no documents but those it knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(deny_unknown_fields))]
pub struct GraphqlCondition {
    /// The name of the operation; `"*"` is any name.
    pub operation: Option<String>,
    /// What it does.
    pub r#type: Option<OperationType>,
}

/// The keys of a [`GraphqlCondition`].
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum GraphqlKey {
    Operation,
    Type,
}

/// What a GraphQL operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OperationType {
    /// It reads.
    Query,
    /// It changes something.
    Mutation,
    /// It goes on being told.
    Subscription,
}

/// What a member of a body must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberValue {
    /// This text; `*` is any value.
    Text(String),
    /// This whole number.
    Number(i64),
    /// True or false.
    Flag(bool),
}

/// A condition on a property (an Envoy attribute), such as the claim of a token.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "PropertyCondition", deny_unknown_fields)]
pub struct PropertyCondition {
    /// The path of the property as segments: for the claim of a JWT, for instance,
    /// `["metadata", "filter_metadata", "envoy.filters.http.jwt_authn", "payload", "plan"]`.
    pub property: Vec<String>,
    /// What it must be: `"*"` is any value, anything else is the value itself. A number is compared as it is written here, a claim that
    /// is true or false as `"true"` or `"false"`, and of a list one element has to be it.
    pub value: String,
}

crate::document::json::objects!(PropertyCondition);

/// The groups of conditions.
const GROUPS: [&str; 5] = ["query", "headers", "properties", "body", "graphql"];

impl When {
    /// Whether there are no conditions.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = When;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of query parameters and their values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<When, A::Error> {
                let (mut when, mut groups) = (When::default(), Vec::new());
                while let Some(name) = map.next_key::<String>()? {
                    let when = &mut when;
                    if let Some(group) = map.next_value_seed(Member { name, when })? {
                        if groups.contains(&group) {
                            return Err(de::Error::duplicate_field(group));
                        }
                        groups.push(group);
                    }
                }
                Ok(when)
            }
        }

        deserializer.deserialize_map(Visitor)
    }
}

/// Reads a member of `when`; which group it is, unless it is a query parameter.
struct Member<'w> {
    name: String,
    when: &'w mut When,
}

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> de::Visitor<'de> for Member<'_> {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.as_str() {
            "query" | "headers" | "body" => f.write_str("an object of names and their values, or a string for the query parameter of this name"),
            "properties" => f.write_str("an array of conditions such as {\"property\": [\"metadata\", …], \"value\": …}, or a string for the query parameter of this name"),
            _ => f.write_str("a string"),
        }
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        self.when.query.push((self.name, value.to_owned()));
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (group, conditions) = match self.name.as_str() {
            "query" => ("query", &mut self.when.query),
            "headers" => ("headers", &mut self.when.headers),
            "body" => {
                while let Some(condition) = map.next_entry()? {
                    self.when.body.push(condition);
                }
                return Ok(Some("body"));
            }
            "graphql" => {
                let condition = self.when.graphql.get_or_insert_default();
                while let Some(key) = map.next_key()? {
                    match key {
                        GraphqlKey::Operation => condition.operation = Some(map.next_value()?),
                        GraphqlKey::Type => condition.r#type = Some(map.next_value()?),
                    }
                }
                return Ok(Some("graphql"));
            }
            "properties" => return Err(de::Error::invalid_type(de::Unexpected::Map, &self)),
            other => return Err(de::Error::unknown_field(other, &GROUPS)),
        };
        while let Some(condition) = map.next_entry()? {
            conditions.push(condition);
        }
        Ok(Some(group))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        if self.name != "properties" {
            return Err(de::Error::invalid_type(de::Unexpected::Seq, &self));
        }
        while let Some(condition) = elements.next_element()? {
            self.when.properties.push(condition);
        }
        Ok(Some("properties"))
    }
}

impl<'de> Deserialize<'de> for MemberValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = MemberValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a whole number, `true` or `false`")
            }

            fn visit_bool<E>(self, value: bool) -> Result<MemberValue, E> {
                Ok(MemberValue::Flag(value))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<MemberValue, E> {
                Ok(MemberValue::Number(value))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<MemberValue, E> {
                let number = i64::try_from(value).map(MemberValue::Number);
                number.map_err(|_| E::invalid_value(de::Unexpected::Unsigned(value), &self))
            }

            fn visit_str<E>(self, value: &str) -> Result<MemberValue, E> {
                Ok(MemberValue::Text(value.to_owned()))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for When {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "When".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let property = generator.subschema_for::<PropertyCondition>();
        let graphql = generator.subschema_for::<GraphqlCondition>();
        let names = |description: &str| {
            schemars::json_schema!({
                "description": description,
                "type": ["string", "object"], "additionalProperties": {"type": "string"}
            })
        };
        schemars::json_schema!({
            "type": "object",
            "properties": {
                "query": names("Query parameters and their values."),
                "headers": names("Request headers and their values. Clients choose their headers: what one makes cheaper is only as true as whoever sets it."),
                "properties": {
                    "description": "Properties (Envoy attributes), such as the claims of a token.",
                    "type": ["string", "array"], "items": property
                },
                "body": {
                    "description": "Members of a JSON body: JSON Pointers (RFC 6901) and values. A body that is an array is a batch, of which each element is priced by itself.",
                    "type": ["string", "object"],
                    "propertyNames": {"pattern": "^(/([^/~]|~[01])*)+$"},
                    "additionalProperties": {"type": ["string", "integer", "boolean"]}
                },
                "graphql": {"anyOf": [{"type": "string"}, graphql]}
            },
            "additionalProperties": {"type": "string"}
        })
    }
}
