//! Parameters of an operation.

use super::place::Place;

/// A parameter in the path or in the query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) is_in_path: bool,
    pub(crate) is_in_query: bool,
    /// Whether every call has it.
    pub(crate) is_required: bool,
    /// Whether it is a number, if its schema says so.
    pub(crate) is_number: Option<bool>,
    /// Its only values (`enum`).
    pub(crate) values: Vec<String>,
    /// What a call usually says, or an example.
    pub(crate) usual: Option<String>,
    /// Its value in calls without it.
    pub(crate) default: Option<u64>,
    /// Its largest value.
    pub(crate) maximum: Option<u64>,
    /// The regular expression of its values.
    pub(crate) pattern: Option<String>,
}

impl Parameter {
    /// Reads a parameter of OpenAPI 3, whose type is in its schema, or of Swagger 2, where it is beside the name.
    pub(super) fn read(place: &Place<'_>) -> Option<Self> {
        let name = place.get("name")?.text()?.to_owned();
        let location = place.get("in")?.text()?;
        let content = || {
            let content = place.get("content")?.members().into_iter().next()?;
            content.1.get("schema")
        };
        let schema = place.get("schema").or_else(content);
        let schema = schema.and_then(|schema| schema.resolved().ok());
        let schema = schema.unwrap_or_else(|| place.clone());
        let text = |name: &str| schema.get(name)?.text();
        let number = |name: &str| whole(schema.get(name)?.number()?);
        let scalar = |place: &Place<'_>, name: &str| place.get(name)?.scalar();
        let values: Vec<_> = schema
            .get("enum")
            .into_iter()
            .flat_map(|values| values.items())
            .filter_map(|value| value.scalar())
            .collect();
        let first_example = || {
            let example = schema.get("examples")?.items().into_iter().next()?;
            example.scalar()
        };
        Some(Self {
            is_in_path: location == "path",
            is_in_query: location == "query",
            is_required: place.get("required").is_some_and(|is| is.is_true()),
            is_number: is_number(&schema),
            usual: values
                .first()
                .cloned()
                .or_else(|| scalar(&schema, "default"))
                .or_else(|| scalar(place, "example"))
                .or_else(|| scalar(&schema, "example"))
                .or_else(first_example),
            values,
            default: number("default"),
            maximum: number("maximum"),
            pattern: text("pattern").map(str::to_owned),
            name,
        })
    }
}

/// Whether a schema is that of numbers, if it names a type; since OpenAPI 3.1 it may name several.
fn is_number(schema: &Place<'_>) -> Option<bool> {
    let kind = schema.get("type")?;
    let is_one = |kind: &Place<'_>| matches!(kind.text(), Some("integer" | "number"));
    Some(is_one(&kind) || kind.items().iter().any(is_one))
}

/// A whole number in any notation.
pub(super) fn whole(written: &str) -> Option<u64> {
    if let Ok(number) = written.parse() {
        return Some(number);
    }
    let (integer, fraction) = written.split_once('.')?;
    let is_whole = fraction.bytes().all(|byte| byte == b'0');
    is_whole.then(|| integer.parse().ok()).flatten()
}
