//! Arrays in the JSON body of a request: what a bulk operation takes its records from.

use super::place::Place;
use super::reference::escaped;

/// How many schemas one inside the other are looked into.
const MOST_LEVELS: usize = 8;

/// An array in a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ArrayInBody {
    /// Its name; empty if it is the body itself.
    pub(crate) name: String,
    /// The JSON Pointer to it.
    pub(crate) pointer: String,
    /// Whether every body has it, or nothing beside it.
    pub(crate) is_main: bool,
}

/// The arrays that the body of an operation is, or has as its members.
pub(super) fn arrays(operation: &Place<'_>, parameters: &[Place<'_>]) -> Vec<ArrayInBody> {
    let schema = schema_of(operation).or_else(|| {
        // Swagger 2.
        let body = parameters.iter().find(|parameter| {
            let location = parameter.get("in");
            location.and_then(|location| location.text()) == Some("body")
        })?;
        body.get("schema")
    });
    let mut found = Members::default();
    if let Some(schema) = schema {
        found.look_into(&schema, MOST_LEVELS);
    }
    if found.is_array {
        return vec![ArrayInBody {
            name: String::new(),
            pointer: String::new(),
            is_main: true,
        }];
    }
    let is_alone = found.names.len() == 1;
    let arrays = found.arrays.iter().map(|name| ArrayInBody {
        pointer: format!("/{}", escaped(name)),
        is_main: is_alone || found.required.contains(name),
        name: name.clone(),
    });
    arrays.collect()
}

/// The schema of the body in JSON.
fn schema_of<'d>(operation: &Place<'d>) -> Option<Place<'d>> {
    let body = operation.get("requestBody")?.resolved().ok()?;
    let content = body.get("content")?.members();
    let is_json = |kind: &str| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind == "*/*"
            || kind == "application/*"
            || kind.eq_ignore_ascii_case("application/json")
            || kind.to_ascii_lowercase().ends_with("+json")
    };
    let (_, json) = content.into_iter().find(|(kind, _)| is_json(kind))?;
    json.resolved().ok()?.get("schema")
}

/// What schemas say of a body.
#[derive(Debug, Default)]
struct Members {
    is_array: bool,
    names: Vec<String>,
    arrays: Vec<String>,
    required: Vec<String>,
}

impl Members {
    fn look_into(&mut self, schema: &Place<'_>, levels: usize) {
        let Some(levels) = levels.checked_sub(1) else {
            return;
        };
        let Ok(schema) = schema.resolved() else {
            return;
        };
        self.is_array |= is_array(&schema);
        if let Some(required) = schema.get("required") {
            let names = required.items();
            let names = names.iter().filter_map(|name| name.text());
            self.required.extend(names.map(str::to_owned));
        }
        if let Some(properties) = schema.get("properties") {
            for (name, property) in properties.members() {
                if self.names.iter().any(|known| known == name) {
                    continue;
                }
                self.names.push(name.to_owned());
                if property
                    .resolved()
                    .is_ok_and(|property| is_array(&property))
                {
                    self.arrays.push(name.to_owned());
                }
            }
        }
        for parts in ["allOf", "oneOf", "anyOf"] {
            let parts = schema.get(parts).map(|parts| parts.items());
            for part in parts.into_iter().flatten() {
                self.look_into(&part, levels);
            }
        }
    }
}

fn is_array(schema: &Place<'_>) -> bool {
    let Some(kind) = schema.get("type") else {
        return schema.get("items").is_some();
    };
    let is_one = |kind: &Place<'_>| kind.text() == Some("array");
    is_one(&kind) || kind.items().iter().any(is_one)
}
