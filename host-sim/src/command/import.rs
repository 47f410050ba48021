//! `host-sim import`: a cost table for the API credits filter, from an OpenAPI document.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;

use super::cost_table::price::{MOST_CREDITS, Price};
use super::cost_table::rules::{Making, Rule, Rules};
use super::cost_table::text;
use super::openapi::tree::{Tree, Value};
use super::openapi::{Api, Documents, json_tree};
use crate::command::output::show;

/// What `host-sim import` is told.
#[derive(Args, Debug)]
pub(crate) struct Import {
    /// The OpenAPI document (3.0 to 3.2) or Swagger 2.0, in YAML or JSON
    #[arg(value_name = "API.yaml")]
    document: PathBuf,
    /// Print this configuration with the new rules in place of its own, and otherwise as it is
    #[arg(long, value_name = "FILTER.json")]
    config: Option<PathBuf>,
    /// Credits of an operation for which no price is stated and none is suggested; otherwise what the document states at its root, the
    /// configuration's default, or 1
    #[arg(long, value_name = "CREDITS", value_parser = clap::value_parser!(u64).range(..=MOST_CREDITS))]
    default: Option<u64>,
    /// The vendor extension that states prices
    #[arg(long, value_name = "NAME", default_value = "x-credits")]
    extension: String,
    /// What stands before the paths, in place of what the document's servers say
    #[arg(long, value_name = "PATH")]
    base_path: Option<String>,
    /// Suggest no prices for lists and bulk operations
    #[arg(long)]
    no_suggestions: bool,
}

impl Import {
    /// Whether nothing of the document is lost.
    pub(crate) fn execute(&self) -> anyhow::Result<bool> {
        let documents = Documents::read(&self.document)?;
        let api = Api::read(&documents, self.base_path.as_deref())?;
        let configuration = self
            .config
            .as_deref()
            .map(Configuration::read)
            .transpose()?;
        let mut remarks = Vec::new();
        let making = Making {
            default: self.default(&api, configuration.as_ref(), &mut remarks),
            extension: self.extension.clone(),
            suggests: !self.no_suggestions,
        };
        let mut rules = Rules::of(&api, &making);
        rules.remarks.extend(remarks);
        for remark in &rules.remarks {
            eprintln!("{remark}");
        }
        for rule in rules.rules.iter().filter(|rule| rule.is_suggested) {
            eprintln!("{}", suggestion(rule));
        }
        eprintln!("{}", summary(&rules, making.default));
        match &configuration {
            Some(configuration) => show!("{}", configuration.with(&rules.rules)?),
            None => {
                eprintln!(
                    "identity, editions and organizations are placeholders: write your own, or name a configuration with --config"
                );
                show!("{}", text::configuration(making.default, &rules.rules));
            }
        }
        Ok(!rules.remarks.iter().any(|remark| remark.is_loss))
    }

    fn default(
        &self,
        api: &Api<'_>,
        configuration: Option<&Configuration>,
        remarks: &mut Vec<super::openapi::Remark>,
    ) -> u64 {
        let info = || api.root.get("info")?.get(&self.extension);
        let stated = api.root.get(&self.extension).or_else(info);
        let stated = stated.and_then(|place| match Price::read(&place) {
            Ok(Price::Fixed(credits)) => Some(credits),
            read => {
                let why = read.err().unwrap_or_else(|| {
                    format!(
                        "expected a whole number of credits, found {}",
                        place.shown()
                    )
                });
                let text = format!("`{}`: {why}", self.extension);
                remarks.push(super::openapi::Remark::loss(place.at(), text));
                None
            }
        });
        let of_configuration = configuration.and_then(|configuration| configuration.default);
        self.default.or(stated).or(of_configuration).unwrap_or(1)
    }
}

/// What is suggested for the operations of a rule.
fn suggestion(rule: &Rule) -> String {
    let operations = match rule.operations.as_slice() {
        [only] => only.to_string(),
        [first, others @ ..] => format!("{first} and {} more", others.len()),
        [] => String::new(),
    };
    let price = match &rule.price {
        Price::Fixed(credits) => format!("{credits} for a list"),
        Price::Tiers(tiers) => {
            let costs = tiers.steps.iter().map(|(_, credits)| credits.to_string());
            let costs: Vec<_> = costs.collect();
            format!(
                "{} or {} by `{}`",
                costs.join(", "),
                tiers.beyond,
                tiers.query
            )
        }
        Price::PerRecord(price) => {
            let each = match price.records.get() {
                1 => "each record".to_owned(),
                records => format!("each {records} records"),
            };
            format!("{} for {each} of {:?}", price.credits, price.arrays)
        }
    };
    format!("suggested: rule {:?} ({operations}): {price}", rule.name)
}

fn summary(rules: &Rules, default: u64) -> String {
    let count = |is_one: &dyn Fn(&&Rule) -> bool| -> usize {
        let of = rules.rules.iter().filter(is_one);
        of.map(|rule| rule.operations.len()).sum()
    };
    let all = count(&|_| true);
    let suggested = count(&|rule| rule.is_suggested);
    let others = all.saturating_sub(suggested).saturating_sub(rules.stated);
    format!(
        "{all} operations in {} rules: {} with a price that the document states, {suggested} with a suggested one, {others} at the default of {default}",
        rules.rules.len(),
        rules.stated
    )
}

/// A configuration into which rules are written.
struct Configuration {
    text: String,
    /// Where the value of `costs.rules` is, in bytes.
    rules: std::ops::Range<usize>,
    /// Credits of what no rule names.
    default: Option<u64>,
}

impl Configuration {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let name = || path.display().to_string();
        let text = fs::read_to_string(path).with_context(name)?;
        let tree = json_tree(&text)
            .map_err(|error| anyhow!("{error}"))
            .with_context(name)?;
        let costs = tree.member(Tree::ROOT, "costs");
        let costs = costs.with_context(|| format!("{}: no `costs`", path.display()))?;
        let Some(rules) = tree.member(costs.node, "rules") else {
            bail!(
                "{}: no `costs.rules`, where the rules go: write `\"rules\": []`",
                path.display()
            );
        };
        let default = tree.member(costs.node, "default");
        let default = default.and_then(|default| tree.node(default.node));
        let default = default.and_then(|node| match &node.value {
            Value::Number(number) => number.parse().ok(),
            _ => None,
        });
        let rules = tree.node(rules.node).map(|node| node.bytes.clone());
        Ok(Self {
            rules: rules.unwrap_or_default(),
            text,
            default,
        })
    }

    /// The same with these rules.
    fn with(&self, rules: &[Rule]) -> anyhow::Result<String> {
        let before = self.text.get(..self.rules.start);
        let behind = self.text.get(self.rules.end..);
        let (before, behind) = before.zip(behind).context("the rules are nowhere")?;
        // As far from the left as the line on which they begin.
        let line = before.rsplit('\n').next().unwrap_or_default();
        let indent = line.chars().take_while(|c| *c == ' ').count();
        Ok(format!("{before}{}{behind}", text::rules(rules, indent)))
    }
}
