//! `host-sim coverage`: which operations of an API a cost table does not name, and which of its rules name none.
//!
//! Nothing is compared here: the module itself is asked what a call of each operation would cost, and which rule says so. For rules that
//! this does not name it is asked the other way round, with the operations of the document for a cost table.

mod answer;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde_json::Value;

use super::cost_table::probe::{self, By, Entry, PriceList};
use super::cost_table::rules::{Making, Priced, priced};
use super::openapi::{Api, Documents, Parameter};
use super::plugin::{Plugin, PluginOptions};
use crate::command::output::{say, say_json, show};
use answer::{Answer, Unpriced};

/// What `host-sim coverage` is told.
#[derive(Args, Debug)]
pub(crate) struct Coverage {
    #[command(flatten)]
    plugin: PluginOptions,
    /// The OpenAPI document (3.0 to 3.2) or Swagger 2.0, in YAML or JSON
    #[arg(long, value_name = "API.yaml", required_unless_present = "json_schema")]
    openapi: Option<PathBuf>,
    /// What stands before the paths, in place of what the document's servers say
    #[arg(long, value_name = "PATH")]
    base_path: Option<String>,
    /// Print one JSON document in place of the text
    #[arg(long)]
    json: bool,
    /// Print the JSON Schema of what --json prints, and do nothing else
    #[arg(long)]
    json_schema: bool,
}

impl Coverage {
    /// Whether every operation has a price of its own.
    pub(crate) fn execute(&self) -> anyhow::Result<bool> {
        if self.json_schema {
            let schema = schemars::schema_for!(Answer);
            say!("{}", serde_json::to_string_pretty(&schema)?);
            return Ok(true);
        }
        let document = self.openapi.as_ref().context("there is no --openapi")?;
        let plugin = self.plugin.resolve()?;
        let documents = Documents::read(document)?;
        let api = Api::read(&documents, self.base_path.as_deref())?;
        let mut remarks = api.remarks.clone();
        // Prices do not matter here.
        let making = Making {
            extension: String::new(),
            default: 1,
            suggests: false,
        };
        let operations = priced(&api, &making, &mut remarks);
        remarks.sort();
        remarks.dedup();
        let asked = Asked::of(&plugin, &operations)?;
        let answer = Answer::new(
            document,
            self.plugin.config_name(),
            operations.len(),
            asked.unpriced,
            &asked.unused,
            &asked.entries,
            &remarks,
        );
        if self.json {
            say_json(&answer);
        } else {
            show!("{}", answer.text());
        }
        Ok(answer.unpriced.is_empty())
    }
}

/// What the module said.
struct Asked {
    unpriced: Vec<Unpriced>,
    entries: Vec<Entry>,
    /// The entries that no operation is.
    unused: Vec<usize>,
}

impl Asked {
    fn of(plugin: &Plugin, operations: &[Priced<'_, '_>]) -> anyhow::Result<Self> {
        let module = plugin.load()?;
        super::started(plugin.builder(&module).start(), plugin)?;
        let configuration: Value = serde_json::from_slice(&plugin.configuration)
            .context("the configuration is no JSON, and so not that of the API credits filter")?;
        let start = |configuration: &Value| -> anyhow::Result<PriceList> {
            let list = PriceList::start(&module, configuration, plugin.time_limit())?;
            super::started(list, plugin)
        };
        let mut table = start(&probe::by_entry(&configuration))?;
        let mut unpriced = Vec::new();
        let mut used = BTreeSet::new();
        for operation in operations {
            let method = &operation.template.method;
            let mut without = None;
            for path in calls(operation) {
                let answer = table.ask(method, &path)?;
                match answer.by {
                    By::Entry(number) => {
                        used.insert(number);
                    }
                    By::Usage => {}
                    By::Default => {
                        without.get_or_insert((path, answer.cost));
                    }
                }
            }
            if let Some((path, cost)) = without {
                unpriced.push(Unpriced::new(operation, &path, cost));
            }
        }
        let entries = probe::entries(&configuration);
        let templates = operations.iter().map(|operation| &operation.template);
        let mut document = start(&probe::of_templates(templates))?;
        let mut unused = Vec::new();
        for (number, entry) in entries.iter().enumerate() {
            if used.contains(&number) {
                continue;
            }
            if let Some((method, path)) = entry.sample()
                && let By::Entry(_) = document.ask(&method, &path)?.by
            {
                continue;
            }
            unused.push(number);
        }
        Ok(Self {
            unpriced,
            entries,
            unused,
        })
    }
}

/// Paths of calls of an operation, with the parameters of the query that all of them have: one, and where a part of the path has only
/// certain values, one for each of these.
fn calls(priced: &Priced<'_, '_>) -> Vec<String> {
    let parameters = &priced.operation.parameters;
    let mut query: Vec<_> = priced
        .when
        .iter()
        .map(|(name, value)| {
            let value = if value == "*" { "1" } else { value };
            (name.clone(), value.to_owned())
        })
        .collect();
    for parameter in parameters {
        let known = query.iter().any(|(name, _)| *name == parameter.name);
        if parameter.is_in_query && parameter.is_required && !known {
            let value = parameter.usual.clone().unwrap_or_else(|| "1".to_owned());
            query.push((parameter.name.clone(), value));
        }
    }
    let first = |name: &str| named(parameters, name)?.values.first().cloned();
    let path = |value: &dyn Fn(&str) -> Option<String>| {
        probe::with_query(&priced.template.sample(value), &query)
    };
    let mut calls = vec![path(&first)];
    for parameter in parameters.iter().filter(|parameter| parameter.is_in_path) {
        for other in parameter.values.iter().skip(1) {
            let call = path(&|name| match name == parameter.name {
                true => Some(other.clone()),
                false => first(name),
            });
            if !calls.contains(&call) {
                calls.push(call);
            }
        }
    }
    calls
}

/// The parameter of the path that has this name.
fn named<'p>(parameters: &'p [Parameter], name: &str) -> Option<&'p Parameter> {
    parameters
        .iter()
        .find(|parameter| parameter.is_in_path && parameter.name == name)
}
