//! The reference of the configuration in `plugin/README.md` is what the schema says: `BLESS=1` renews it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use api_credits::config::schema::schema;
use serde_json::{Map, Value};

const BEGIN: &str = "<!-- The table is made from envoy/filter.schema.json: BLESS=1 cargo test --locked --workspace --all-features --test reference -->\n";
const END: &str = "<!-- end of the table -->\n";

/// The rows of the table.
struct Reference<'a> {
    schema: &'a Value,
    /// Where each definition is described.
    described: BTreeMap<&'a str, String>,
    rows: String,
}

impl<'a> Reference<'a> {
    /// The schema that a reference leads to, its name, and whether it may be null.
    fn resolved(&self, schema: &'a Value) -> (&'a Value, Option<&'a str>) {
        let alternatives = schema.get("anyOf").and_then(Value::as_array);
        let other = alternatives.into_iter().flatten().find(|other| {
            let kind = other.get("type").and_then(Value::as_str);
            kind != Some("null")
        });
        let schema = other.unwrap_or(schema);
        let name = schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| reference.strip_prefix("#/$defs/"));
        match name {
            Some(name) => {
                let place = format!("/$defs/{name}");
                (self.schema.pointer(&place).unwrap(), Some(name))
            }
            None => (schema, None),
        }
    }

    /// What may stand there, in words.
    fn kind(&self, schema: &'a Value, path: &str) -> String {
        let (resolved, name) = self.resolved(schema);
        if let Some(place) = name.and_then(|name| self.described.get(name))
            && place != path
        {
            return format!("as `{place}`");
        }
        if let Some(constant) = resolved.get("const") {
            return format!("`{constant}`");
        }
        if let Some(values) = resolved.get("enum").and_then(Value::as_array) {
            let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
            return values.join(" or ");
        }
        for key in ["oneOf", "anyOf"] {
            if let Some(all) = resolved.get(key).and_then(Value::as_array) {
                let all = all
                    .iter()
                    .filter(|one| one.get("type") != Some(&"null".into()));
                let all: Vec<_> = all.map(|one| self.kind(one, path)).collect();
                return all.join(" or ");
            }
        }
        let kind = match resolved.get("type") {
            Some(Value::Array(kinds)) => kinds.first(),
            kind => kind,
        };
        match kind.and_then(Value::as_str) {
            Some("object") => {
                let members = resolved.get("properties").and_then(Value::as_object);
                match (members, resolved.get("required").and_then(Value::as_array)) {
                    (Some(members), Some(required))
                        if members.len() == 1 && required.len() == 1 =>
                    {
                        let key = members.keys().next().unwrap();
                        format!("`{{\"{key}\": …}}`")
                    }
                    (Some(_), _) => "object".to_owned(),
                    (None, _) => "object of any names".to_owned(),
                }
            }
            Some("array") => "list".to_owned(),
            Some("integer") => {
                let bound = |key| resolved.get(key).and_then(Value::as_u64);
                let least = bound("minimum").unwrap_or(0);
                match bound("maximum").filter(|most| *most < 999_999_999_999_999) {
                    Some(most) => format!("whole number, {least} to {most}"),
                    None => "whole number".to_owned(),
                }
            }
            Some("string") => "text".to_owned(),
            Some("boolean") => "`true` or `false`".to_owned(),
            _ => panic!("{path}: {resolved}"),
        }
    }

    /// The rows of everything within.
    fn within(&mut self, schema: &'a Value, path: &str) {
        let (resolved, name) = self.resolved(schema);
        if let Some(name) = name {
            match self.described.get(name) {
                Some(place) if place != path => return,
                _ => self.described.insert(name, path.to_owned()),
            };
        }
        for key in ["oneOf", "anyOf"] {
            for one in resolved
                .get(key)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                self.alternative(one, path);
            }
        }
        if let Some(members) = resolved.get("properties").and_then(Value::as_object) {
            self.members(members, resolved, path);
        }
        if let Some(values) = resolved
            .get("additionalProperties")
            .filter(|values| values.is_object())
        {
            self.within(values, &format!("{path}.…"));
        }
        if let Some(items) = resolved.get("items") {
            self.within(items, &format!("{path}[]"));
        }
    }

    /// The rows of one of several things that may stand there: an object of one key is named by it.
    fn alternative(&mut self, schema: &'a Value, path: &str) {
        let members = schema.get("properties").and_then(Value::as_object);
        let words = schema.get("description");
        match members.filter(|members| members.len() == 1 && words.is_some()) {
            Some(members) => {
                for (key, member) in members {
                    let path = format!("{path}.{key}");
                    let kind = self.kind(member, &path);
                    self.row(&path, &kind, "", words);
                    self.within(member, &path);
                }
            }
            None => self.within(schema, path),
        }
    }

    fn row(&mut self, path: &str, kind: &str, default: &str, words: Option<&Value>) {
        let words = words.and_then(Value::as_str).unwrap_or_default();
        let words = words.replace('\n', " ").replace('|', "\\|");
        self.rows
            .push_str(&format!("| `{path}` | {kind} | {default} | {words} |\n"));
    }

    fn members(&mut self, members: &'a Map<String, Value>, of: &'a Value, path: &str) {
        let required = of.get("required").and_then(Value::as_array);
        // What others are like comes first.
        let mut members: Vec<_> = members.iter().collect();
        members.sort_by_key(|(key, _)| *key != "identity");
        for (key, member) in members {
            let path = match path {
                "" => key.clone(),
                path => format!("{path}.{key}"),
            };
            let kind = self.kind(member, &path);
            let is_required =
                required.is_some_and(|required| required.iter().any(|name| name == key));
            let default = match member.get("default") {
                _ if is_required => "required".to_owned(),
                None | Some(Value::Null) => String::new(),
                Some(Value::Object(members)) if members.is_empty() => String::new(),
                Some(default) => format!("`{default}`"),
            };
            let (resolved, _) = self.resolved(member);
            let words = [member, resolved].map(|schema| schema.get("description"));
            let words = words.into_iter().flatten().next();
            self.row(&path, &kind, &default, words);
            self.within(member, &path);
        }
    }
}

#[test]
fn the_reference_of_the_configuration_is_what_the_schema_says() {
    let schema = schema();
    let mut reference = Reference {
        schema: schema.as_value(),
        described: BTreeMap::new(),
        rows: String::new(),
    };
    reference.within(schema.as_value(), "");
    let rows = reference.rows;
    let table = format!("| key | value | default | |\n|---|---|---|---|\n{rows}");

    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (committed, after) = rest.split_once(END).unwrap();
    if env::var_os("BLESS").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert!(
        committed == table,
        "the table in plugin/README.md is out of date: run with BLESS=1 to renew it"
    );
}
