//! Dynamic metadata: what filters before the plugin said about a request, such as an authentication filter about the claims of
//! a token.

use std::collections::BTreeMap;

use prost::Message as _;
use serde_json::Value;

/// Namespaces with a JSON value each.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Metadata {
    namespaces: BTreeMap<String, Value>,
}

/// `google.protobuf.Struct` and its relatives, in which metadata crosses to whoever asks for all of it.
#[derive(Clone, PartialEq, prost::Message)]
struct Struct {
    #[prost(btree_map = "string, message", tag = "1")]
    fields: BTreeMap<String, AnyValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct AnyValue {
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6")]
    kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Kind {
    #[prost(int32, tag = "1")]
    Null(i32),
    #[prost(double, tag = "2")]
    Number(f64),
    #[prost(string, tag = "3")]
    Text(String),
    #[prost(bool, tag = "4")]
    Flag(bool),
    #[prost(message, tag = "5")]
    Fields(Struct),
    #[prost(message, tag = "6")]
    Elements(List),
}

#[derive(Clone, PartialEq, prost::Message)]
struct List {
    #[prost(message, repeated, tag = "1")]
    values: Vec<AnyValue>,
}

/// `envoy.config.core.v3.Metadata`.
#[derive(Clone, PartialEq, prost::Message)]
struct Whole {
    #[prost(btree_map = "string, message", tag = "1")]
    filter_metadata: BTreeMap<String, Struct>,
}

impl Metadata {
    /// Replaces a namespace.
    pub(crate) fn set(&mut self, namespace: String, value: Value) {
        self.namespaces.insert(namespace, value);
    }

    pub(crate) fn namespace(&self, name: &str) -> Option<&Value> {
        self.namespaces.get(name)
    }

    pub(crate) fn namespaces(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.namespaces
            .iter()
            .map(|(name, value)| (name.as_str(), value))
    }

    /// All of it as the protocol buffer that Envoy keeps.
    pub(crate) fn message(&self) -> Vec<u8> {
        let namespaces = self.namespaces.iter();
        let whole = Whole {
            filter_metadata: namespaces
                .map(|(name, value)| (name.clone(), fields(value)))
                .collect(),
        };
        whole.encode_to_vec()
    }
}

fn fields(value: &Value) -> Struct {
    let fields = value.as_object().into_iter().flatten();
    Struct {
        fields: fields
            .map(|(name, value)| (name.clone(), any(value)))
            .collect(),
    }
}

fn any(value: &Value) -> AnyValue {
    let kind = match value {
        Value::Null => Kind::Null(0),
        Value::Bool(flag) => Kind::Flag(*flag),
        Value::Number(number) => Kind::Number(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Kind::Text(text.clone()),
        Value::Array(elements) => Kind::Elements(List {
            values: elements.iter().map(any).collect(),
        }),
        Value::Object(_) => Kind::Fields(fields(value)),
    };
    AnyValue { kind: Some(kind) }
}
