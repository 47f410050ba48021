//! `metadata.*`: what filters before this one said about the request (dynamic metadata).
//!
//! A namespace is a JSON object. Numbers are doubles, objects and lists are lists of pairs, of a list with the elements as keys.

use serde_json::Value;

use super::{Found, NOT_FOUND, NOT_SERIALIZABLE, PropertyError};
use crate::abi::pairs;
use crate::model::metadata::Metadata;

pub(super) fn get(metadata: &Metadata, rest: &[&str]) -> Found {
    match rest {
        [] => Ok(metadata.message()),
        ["filter_metadata"] => {
            let values: Result<Vec<_>, _> = metadata
                .namespaces()
                .map(|(name, value)| Ok((name.as_bytes().to_vec(), encode(value)?)))
                .collect();
            Ok(list(&values?))
        }
        ["filter_metadata", namespace, path @ ..] => {
            let value = metadata.namespace(namespace);
            let value = path
                .iter()
                .try_fold(value, |value, segment| Some(step(value?, segment)));
            match value.flatten() {
                Some(value) => encode(value),
                None => NOT_FOUND,
            }
        }
        _ => NOT_FOUND,
    }
}

fn step<'v>(value: &'v Value, segment: &str) -> Option<&'v Value> {
    match value {
        Value::Object(fields) => fields.get(segment),
        Value::Array(elements) => elements.get(segment.parse::<usize>().ok()?),
        _ => None,
    }
}

fn encode(value: &Value) -> Found {
    match value {
        Value::Null => NOT_SERIALIZABLE,
        Value::Bool(flag) => Ok(vec![u8::from(*flag)]),
        Value::Number(number) => {
            let number = number.as_f64().ok_or(PropertyError::NotSerializable)?;
            Ok(number.to_le_bytes().to_vec())
        }
        Value::String(text) => Ok(text.as_bytes().to_vec()),
        Value::Array(elements) => {
            let elements: Result<Vec<_>, _> = elements
                .iter()
                .map(|element| Ok((encode(element)?, Vec::new())))
                .collect();
            Ok(list(&elements?))
        }
        Value::Object(fields) => {
            let fields: Result<Vec<_>, _> = fields
                .iter()
                .map(|(name, value)| Ok((name.as_bytes().to_vec(), encode(value)?)))
                .collect();
            Ok(list(&fields?))
        }
    }
}

/// Pairs, of which an empty list is its count alone.
fn list(pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    if pairs.is_empty() {
        return 0_u32.to_le_bytes().to_vec();
    }
    let pairs = pairs.iter();
    let mut encoded = Vec::new();
    pairs::encode(
        pairs.map(|(key, value)| (key.as_slice(), value.as_slice())),
        &mut encoded,
    );
    encoded
}
