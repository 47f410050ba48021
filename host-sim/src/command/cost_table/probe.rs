//! What the module itself says of prices.
//!
//! It is asked as organizations ask it, by the path below its usage details that tells what a call would cost and which rule says so.
//! For that it is started with a configuration of its own: the cost table in question with a rule for each of its operations, so
//! that the answer names the operation, and one organization that is never refused.

use std::collections::BTreeSet;
use std::time::Duration;

use host_sim::forecast::{Mapping, price_of};
use host_sim::target::{LogLevel, Request};
use host_sim::{Module, Simulator, StartError};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::price::MOST_CREDITS;
use super::template::Template;

/// The organization that asks.
const HEADER: &str = "x-organization";
const ORGANIZATION: &str = "1";

/// What is encoded in the values of a query that is made up.
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// An operation that a cost table names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The rule that names it.
    pub(crate) rule: String,
    /// As it is written.
    pub(crate) operation: String,
    /// Conditions on the query.
    when: Vec<(String, String)>,
}

/// What a call costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) cost: u64,
    /// Which entry of the table says so; none if only the default does.
    pub(crate) by: By,
}

/// Who says what a call costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The entry of this number.
    Entry(usize),
    /// The filter answers the call itself, which is free.
    Usage,
    Default,
}

/// A module that is asked for prices.
pub(crate) struct PriceList {
    simulator: Simulator,
    mapping: Mapping,
    /// The path of the usage details.
    path: String,
}

impl Entry {
    /// The path of a call that it is made for.
    pub(crate) fn sample(&self) -> Option<(String, String)> {
        let template = Template::parse(&self.operation)?;
        let value = |value: &str| match value {
            "*" => "1".to_owned(),
            value => value.to_owned(),
        };
        let when = self.when.iter();
        let query = when.map(|(name, wanted)| (name.clone(), value(wanted)));
        let path = template.sample(|_| None);
        let path = with_query(&path, &query.collect::<Vec<_>>());
        Some((template.sample_method().to_owned(), path))
    }
}

/// A path with a query behind it, encoded as clients do.
pub(crate) fn with_query(path: &str, query: &[(String, String)]) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, IN_QUERY).to_string();
    let pairs: Vec<_> = query
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    match pairs.as_slice() {
        [] => path.to_owned(),
        pairs => format!("{path}?{}", pairs.join("&")),
    }
}

/// The operations that the cost table of a configuration names, in their order.
pub(crate) fn entries(configuration: &Value) -> Vec<Entry> {
    let rules = configuration.pointer("/costs/rules");
    let rules = rules.and_then(Value::as_array).into_iter().flatten();
    let entries = rules.flat_map(|rule| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let name = rule.get("name").map(text).unwrap_or_default();
        // A text is a condition on the query, whatever its name; other conditions are in groups.
        let when = rule.get("when").and_then(Value::as_object);
        let query = when.and_then(|when| when.get("query")?.as_object());
        let when = when.into_iter().chain(query).flatten();
        let when: Vec<_> = when
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect();
        let operations = rule.get("operations").and_then(Value::as_array);
        operations
            .into_iter()
            .flatten()
            .map(move |operation| Entry {
                rule: name.clone(),
                operation: text(operation),
                when: when.clone(),
            })
    });
    entries.collect()
}

/// The cost table of a configuration with a rule for each of its operations, by their numbers.
pub(crate) fn by_entry(configuration: &Value) -> Value {
    let rules = configuration.pointer("/costs/rules");
    let rules = rules.and_then(Value::as_array).into_iter().flatten();
    let operations = rules.flat_map(|rule| {
        let operations = rule.get("operations").and_then(Value::as_array);
        let operations = operations.into_iter().flatten();
        operations.map(move |operation| (rule, operation))
    });
    let alone = operations.enumerate().map(|(number, (rule, operation))| {
        let mut alone = Map::new();
        alone.insert("name".to_owned(), number.to_string().into());
        alone.insert("operations".to_owned(), json!([operation]));
        for part in ["when", "cost"] {
            if let Some(value) = rule.get(part) {
                alone.insert(part.to_owned(), value.clone());
            }
        }
        Value::Object(alone)
    });
    let mut costs = Map::new();
    for part in ["default", "body"] {
        if let Some(value) = configuration.get("costs").and_then(|costs| costs.get(part)) {
            costs.insert(part.to_owned(), value.clone());
        }
    }
    costs.insert("rules".to_owned(), alone.collect());
    asking(costs.into(), configuration.get("usage"))
}

/// A cost table that names these operations, each once.
pub(crate) fn of_templates<'t>(templates: impl Iterator<Item = &'t Template>) -> Value {
    let mut known = BTreeSet::new();
    let templates = templates.filter(|template| known.insert(template.anonymous()));
    let rules = templates.enumerate().map(|(number, template)| {
        json!({
            "name": number.to_string(),
            "operations": [template.to_string()],
            "cost": 1,
        })
    });
    let costs = json!({"default": 0, "rules": rules.collect::<Value>()});
    asking(costs, None)
}

/// A configuration with these costs under which one organization can ask for prices.
fn asking(costs: Value, usage: Option<&Value>) -> Value {
    json!({
        "identity": {"header": HEADER},
        "editions": {"any": {"base": MOST_CREDITS}},
        "organizations": {ORGANIZATION: {"edition": "any"}},
        "usage": usage.cloned().unwrap_or_else(|| json!({})),
        "costs": costs,
    })
}

impl PriceList {
    /// Starts the module with a configuration of [`by_entry`] or [`of_templates`].
    ///
    /// # Errors
    ///
    /// The module does not take it.
    pub(crate) fn start(
        module: &Module,
        configuration: &Value,
        time_limit: Option<Duration>,
    ) -> anyhow::Result<Result<Self, StartError>> {
        let mapping = Mapping::from_toml(Mapping::DEFAULT)?;
        let stated = configuration.pointer("/usage/path").and_then(Value::as_str);
        let path = stated.or(mapping.details.path.as_deref());
        let path = path.unwrap_or_default().to_owned();
        let simulator = Simulator::builder(module)
            .configuration(configuration.to_string())
            .time_limit(time_limit)
            .untraced()
            .log_level(LogLevel::Error)
            .start_workers();
        Ok(simulator.map(|simulator| Self {
            simulator,
            mapping,
            path,
        }))
    }

    /// What a call with this method and this path and query costs.
    ///
    /// # Errors
    ///
    /// The module does not tell it, as the API credits filter does.
    pub(crate) fn ask(&mut self, method: &str, path: &str) -> anyhow::Result<Answer> {
        let call = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: vec![(HEADER.to_owned(), ORGANIZATION.to_owned())],
            ..Request::default()
        };
        let price = price_of(&mut self.simulator, &self.mapping, &self.path, &call)?;
        let told = price.and_then(|price| Some((price.cost?, price.operation?)));
        let Some((cost, rule)) = told else {
            anyhow::bail!(
                "the module does not tell what {method} {path} costs, as the API credits filter does at {}",
                self.path
            );
        };
        let by = match rule.parse() {
            Ok(number) => By::Entry(number),
            Err(_) if rule == "default" => By::Default,
            Err(_) => By::Usage,
        };
        Ok(Answer { cost, by })
    }
}
