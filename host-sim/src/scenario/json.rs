//! JSON in a scenario: values to send, and patterns for what comes back.

use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::model::pattern::Pattern;

/// Turns a TOML value into JSON. Dates become text; numbers that JSON cannot hold are errors.
pub(super) fn from_toml(value: toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => serde_json::Number::from_f64(number)
            .map(Value::Number)
            .ok_or_else(|| format!("JSON has no number {number}"))?,
        toml::Value::Boolean(boolean) => Value::Bool(boolean),
        toml::Value::Datetime(datetime) => Value::String(datetime.to_string()),
        toml::Value::Array(array) => {
            Value::Array(array.into_iter().map(from_toml).collect::<Result<_, _>>()?)
        }
        toml::Value::Table(table) => Value::Object(
            table
                .into_iter()
                .map(|(key, value)| Ok::<_, String>((key, from_toml(value)?)))
                .collect::<Result<_, _>>()?,
        ),
    })
}

/// A JSON value written in TOML.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "toml::Value")]
pub(super) struct Json(pub(super) Value);

impl TryFrom<toml::Value> for Json {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, Self::Error> {
        from_toml(value).map(Self)
    }
}

/// Applies an RFC 7396 merge patch.
pub(super) fn merge_patch(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else {
        return;
    };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(&key);
        } else {
            merge_patch(target.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// What an observed JSON value may be: every given member must be there and be allowed; members that are not given do not
/// matter. Arrays are compared element by element and must be as long.
///
/// A table whose only key is `between`, `matches` or `contains` is a [`Pattern`] for the text of a string or number.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "toml::Value")]
pub enum JsonPattern {
    /// Exactly this scalar.
    Exactly(Value),
    /// A string or number whose text is allowed.
    Text(Pattern),
    /// As many elements, each allowed.
    Array(Vec<JsonPattern>),
    /// At least these members, each allowed.
    Object(Vec<(String, JsonPattern)>),
}

impl TryFrom<toml::Value> for JsonPattern {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, Self::Error> {
        Ok(match value {
            toml::Value::Table(table)
                if table.len() == 1
                    && ["between", "matches", "contains"]
                        .iter()
                        .any(|key| table.contains_key(*key)) =>
            {
                Self::Text(Pattern::deserialize(table).map_err(|error| error.message().to_owned())?)
            }
            toml::Value::Table(table) => Self::Object(
                table
                    .into_iter()
                    .map(|(key, value)| Ok::<_, String>((key, Self::try_from(value)?)))
                    .collect::<Result<_, _>>()?,
            ),
            toml::Value::Array(array) => Self::Array(
                array
                    .into_iter()
                    .map(Self::try_from)
                    .collect::<Result<_, _>>()?,
            ),
            scalar => Self::Exactly(from_toml(scalar)?),
        })
    }
}

impl JsonPattern {
    /// Adds to `differences` each place (such as `.errors[0].code`) where the value is not allowed.
    pub(crate) fn compare(
        &self,
        at: &str,
        observed: Option<&Value>,
        differences: &mut Vec<JsonDifference>,
    ) {
        match (self, observed) {
            (Self::Object(members), Some(Value::Object(object))) => {
                for (key, pattern) in members {
                    pattern.compare(&format!("{at}.{key}"), object.get(key), differences);
                }
            }
            (Self::Array(patterns), Some(Value::Array(values)))
                if patterns.len() == values.len() =>
            {
                for (index, (pattern, value)) in patterns.iter().zip(values).enumerate() {
                    pattern.compare(&format!("{at}[{index}]"), Some(value), differences);
                }
            }
            (Self::Exactly(expected), Some(value)) if same_scalar(expected, value) => {}
            (Self::Text(pattern), Some(Value::String(text))) if pattern.allows(&[text]) => {}
            (Self::Text(pattern), Some(Value::Number(number)))
                if pattern.allows(&[&number.to_string()]) => {}
            (expected, observed) => differences.push(JsonDifference {
                at: at.to_owned(),
                expected: expected.to_string(),
                observed: observed.map_or_else(|| "absent".to_owned(), Value::to_string),
            }),
        }
    }
}

/// One place where a JSON value was not as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JsonDifference {
    pub(crate) at: String,
    pub(crate) expected: String,
    pub(crate) observed: String,
}

/// JSON does not tell `1` from `1.0`.
fn same_scalar(a: &Value, b: &Value) -> bool {
    a == b
        || a.as_f64().is_some_and(|number| {
            a.is_number() && b.as_f64() == Some(number) && (a.is_f64() || b.is_f64())
        })
}

impl fmt::Display for JsonPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(value) => write!(f, "{value}"),
            Self::Text(pattern) => write!(f, "{pattern}"),
            Self::Array(patterns) => {
                f.write_str("[")?;
                for (index, pattern) in patterns.iter().enumerate() {
                    if index > 0 {
                        f.write_str(",")?;
                    }
                    write!(f, "{pattern}")?;
                }
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                for (key, pattern) in members {
                    write!(f, "{}:{pattern},", Value::String(key.clone()))?;
                }
                f.write_str("…}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn differences(toml: &str, observed: &Value) -> Vec<(String, String, String)> {
        #[derive(Deserialize)]
        struct Holder {
            p: JsonPattern,
        }
        let holder: Holder = toml::from_str(&format!("p = {toml}")).unwrap();
        let mut differences = Vec::new();
        holder.p.compare("", Some(observed), &mut differences);
        differences
            .into_iter()
            .map(|d| (d.at, d.expected, d.observed))
            .collect()
    }

    #[test]
    fn members_that_are_not_given_do_not_matter() {
        let observed = json!({"code": "A", "left": 9, "list": [1.0, {"a": true, "b": 2}]});
        assert_eq!(
            differences("{ code = 'A', list = [1, { a = true }] }", &observed),
            []
        );
        assert_eq!(
            differences(
                "{ left = { between = [8, 9] }, code = { matches = '[A-C]' } }",
                &observed
            ),
            []
        );
    }

    #[test]
    fn differences_say_where() {
        let at = |at: &str, expected: &str, observed: &str| {
            (at.to_owned(), expected.to_owned(), observed.to_owned())
        };
        assert_eq!(
            differences(
                "{ a = { b = 1 }, c = [1, 2], d = 'x' }",
                &json!({"a": {"b": 2}, "c": [1]})
            ),
            [
                at(".a.b", "1", "2"),
                at(".c", "[1,2]", "[1]"),
                at(".d", "\"x\"", "absent")
            ]
        );
    }

    #[test]
    fn patches_follow_rfc_7396() {
        for (target, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": "b", "b": "c"}),
                json!({"a": null}),
                json!({"b": "c"}),
            ),
            (
                json!({"a": ["b"]}),
                json!({"a": {"b": null}}),
                json!({"a": {}}),
            ),
            (
                json!(["a"]),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
        ] {
            let mut patched = target.clone();
            merge_patch(&mut patched, patch);
            assert_eq!(patched, result, "from {target}");
        }
    }
}
