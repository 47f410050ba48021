//! From the costs as they are written to a table that answers quickly; whatever contradicts itself or could never apply is an error.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::Arc;

mod conditions;
mod settle;

use super::config::{
    BodyConfig, CostConfig, CostsConfig, Fallback, PerRecordConfig, RuleConfig, SettleConfig,
    TiersConfig,
};
use super::members::Members;
use super::name::{Name, Names};
use super::operation::Operation;
use super::price::{PerRecord, Price, Tiers};
use super::records::Arrays;
use super::rule::Rule;
use super::trie::{Conflict, Node};
use super::{BodyLimits, CostTable, RuleFacts, RuleId};
use crate::document::config_error::{ConfigError, ConfigErrors};
use crate::model::credits::Credits;
use crate::model::day::Seconds;

/// The longest body that can be buffered for counting: 16 MiB.
const MAX_BODY_BYTES: u32 = 16 << 20;

/// The longest that a call can wait for its body: an hour.
const MAX_BODY_SECONDS: u32 = 3600;

/// The longest name of a rule, in characters.
const MAX_NAME: usize = 64;

impl CostsConfig {
    /// How calls that are priced by their body are treated where no bodies are read.
    ///
    /// # Errors
    ///
    /// There are such prices, and `body.unread` does not say it.
    pub fn unread(&self) -> Result<Fallback, ConfigError> {
        let per_record = |rule: &RuleConfig| matches!(rule.cost, CostConfig::PerRecord(_));
        let by_body = |rule: &RuleConfig| {
            per_record(rule) || !rule.when.body.is_empty() || rule.when.graphql.is_some()
        };
        let found = self.rules.iter().enumerate();
        let Some((index, rule)) = { found }.find(|(_, rule)| by_body(rule)) else {
            return Ok(Fallback::Refuse);
        };
        let (place, value) = match per_record(rule) {
            true => ("cost", "{\"per_record\": …}"),
            false if rule.when.body.is_empty() => ("when.graphql", "{…}"),
            false => ("when.body", "{…}"),
        };
        self.body.unread.ok_or_else(|| {
            ConfigError::invalid(
                format!("costs.rules[{index}].{place}"),
                value,
                "a price that needs no body, because this module (api_credits_headers.wasm) reads none: load api_credits.wasm, or say \
                 in `costs.body.unread` how such calls are treated here",
            )
        })
    }
}

impl CostsConfig {
    /// Whether responses are settled by their heads alone, where no more of them is read.
    ///
    /// # Errors
    ///
    /// A rule is settled by something behind them.
    pub fn settled_by_heads(&self) -> Result<(), ConfigError> {
        let behind = |rule: &RuleConfig| {
            rule.settle_from
                .as_ref()
                .is_some_and(SettleConfig::is_behind_head)
        };
        let Some(index) = self.rules.iter().position(behind) else {
            return Ok(());
        };
        Err(ConfigError::invalid(
            format!("costs.rules[{index}].settle_from"),
            "{…}",
            "a header, because this module reads no more of responses than their heads: load api_credits_responses.wasm (`make responses`)",
        ))
    }
}

/// Builds the table.
pub(super) fn compile(costs: &CostsConfig) -> Result<CostTable, ConfigErrors> {
    let mut errors = ConfigErrors::default();
    // A table may have thousands of rules.
    let mut names = HashMap::new();
    let mut members = Members::default();
    let mut table = CostTable {
        default: costs.default,
        body: body_limits(&costs.body, &mut errors),
        rules: vec![RuleFacts::of_default()],
        all: Vec::new(),
        root: Node::default(),
        method: Names::default(),
        members: Arc::default(),
        conditional: false,
    };
    table.method.add(&Name::new("_method"));
    for (index, rule) in costs.rules.iter().enumerate() {
        let path = format!("costs.rules[{index}]");
        let conditions = conditions::compile(&rule.when, &format!("{path}.when"), &mut members);
        let conditions = errors.take(conditions);
        let max_bytes = costs.body.max_bytes;
        let price = errors.take(price(&rule.cost, &format!("{path}.cost"), max_bytes));
        errors.take(name(&rule.name, &path, names.get(rule.name.as_str())));
        names.entry(rule.name.as_str()).or_insert(index);
        let settle_from = rule.settle_from.as_ref();
        let settle_from =
            settle_from.map(|settle| settle::compile(settle, &format!("{path}.settle_from")));
        let settle_from = errors.take(settle_from.transpose());
        let id = RuleId(u32::try_from(table.rules.len()).unwrap_or(u32::MAX));
        table.rules.push(RuleFacts {
            name: rule.name.clone(),
            group: rule.group.clone(),
            settle_from: settle_from.flatten(),
        });
        let compiled = Arc::new(Rule {
            id,
            conditions: conditions.unwrap_or_default(),
            price: price.unwrap_or(Price::Fixed(Credits::ZERO)),
        });
        if rule.operations.is_empty() {
            errors.add(ConfigError::invalid(
                format!("{path}.operations"),
                "[]",
                "at least one operation",
            ));
        }
        for (index, text) in rule.operations.iter().enumerate() {
            let path = format!("{path}.operations[{index}]");
            let operation = Operation::parse(text)
                .map_err(|expected| ConfigError::invalid(path.as_str(), json(text), expected));
            let Some(operation) = errors.take(operation) else {
                continue;
            };
            let inserted = table.root.insert(&operation, &compiled).map_err(|conflict| {
                let expected = match conflict {
                    Conflict::Rule(id) => {
                        let is_other = |rule: &RuleConfig, other: &Operation| {
                            Some(rule) == id.config(costs) && other.folded() == operation.folded()
                        };
                        let other = place(costs, &is_other);
                        format!("an operation with another \"when\" than {other}, which prices the same calls")
                    }
                    Conflict::Ambiguous { segment, other } => {
                        let names = format!("`{segment}` and `{other}` have as much text around their parameters");
                        let other = place(costs, &|_, known| known.segments.contains(&other));
                        format!("no segment that could be one of {other} as well: {names}")
                    }
                };
                ConfigError::invalid(path, json(text), expected)
            });
            errors.take(inserted);
        }
        table.all.push(compiled);
    }
    errors.into_result()?;
    table.members = Arc::new(members);
    let is_conditional = |rule: &Arc<Rule>| rule.conditions.depend_on_more_than_query();
    table.conditional = table.all.iter().any(is_conditional);
    Ok(table)
}

/// Where the first operation is that is looked for, and the name of its rule.
#[inline(never)]
fn place(costs: &CostsConfig, is_it: &dyn Fn(&RuleConfig, &Operation) -> bool) -> String {
    for (index, rule) in costs.rules.iter().enumerate() {
        let is_it =
            |text: &String| Operation::parse(text).is_ok_and(|operation| is_it(rule, &operation));
        if let Some(place) = rule.operations.iter().position(is_it) {
            let name = json(&rule.name);
            return format!("`costs.rules[{index}].operations[{place}]` (rule {name})");
        }
    }
    String::new()
}

impl RuleId {
    /// The rule as it is written.
    fn config(self, costs: &CostsConfig) -> Option<&RuleConfig> {
        costs.rules.get((self.0 as usize).checked_sub(1)?)
    }
}

#[inline(never)]
fn body_limits(body: &BodyConfig, errors: &mut ConfigErrors) -> BodyLimits {
    if !(1..=MAX_BODY_BYTES).contains(&body.max_bytes) {
        errors.add(ConfigError::invalid(
            "costs.body.max_bytes",
            body.max_bytes.to_string(),
            format!("a number of bytes from 1 to {MAX_BODY_BYTES}"),
        ));
    }
    if !(1..=MAX_BODY_SECONDS).contains(&body.timeout_seconds) {
        errors.add(ConfigError::invalid(
            "costs.body.timeout_seconds",
            body.timeout_seconds.to_string(),
            format!("a number of seconds from 1 to {MAX_BODY_SECONDS}"),
        ));
    }
    BodyLimits {
        hold: body.hold,
        max_bytes: usize::try_from(body.max_bytes).unwrap_or(usize::MAX),
        timeout: Seconds::new(body.timeout_seconds.into()),
        too_large: body.too_large,
        unreadable: body.unreadable,
        unread: None,
    }
}

/// Whether a rule can be called so; `other` is the rule before it that is called so too.
#[inline(never)]
fn name(name: &str, path: &str, other: Option<&usize>) -> Result<(), ConfigError> {
    let invalid = |expected: &str| {
        let path = format!("{path}.name");
        Err(ConfigError::invalid(path, json(name), expected))
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '.' | '-');
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(allowed) {
        return invalid(&format!(
            "1 to {MAX_NAME} letters, digits, spaces, `_`, `.` and `-`"
        ));
    }
    if name == RuleId::DEFAULT_NAME {
        return invalid("another name: this is what calls without a rule are listed under");
    }
    if let Some(other) = other {
        return invalid(&format!("another name than that of `costs.rules[{other}]`"));
    }
    Ok(())
}

#[inline(never)]
fn price(cost: &CostConfig, path: &str, max_bytes: u32) -> Result<Price, ConfigError> {
    match cost {
        CostConfig::Fixed(cost) => Ok(Price::Fixed(*cost)),
        CostConfig::Tiers(config) => tiers(config, &format!("{path}.tiers")).map(Price::Tiers),
        CostConfig::PerRecord(config) => {
            let price = per_record(config, &format!("{path}.per_record"), max_bytes)?;
            Ok(Price::PerRecord(Arc::new(price)))
        }
    }
}

#[inline(never)]
fn tiers(config: &TiersConfig, path: &str) -> Result<Tiers, ConfigError> {
    if config.query.is_empty() {
        return Err(ConfigError::invalid(
            format!("{path}.query"),
            "\"\"",
            "the name of a query parameter",
        ));
    }
    if config.steps.is_empty() {
        return Err(ConfigError::invalid(
            format!("{path}.steps"),
            "[]",
            "at least one step",
        ));
    }
    let mut steps: Vec<(u64, Credits)> = Vec::new();
    for (index, step) in config.steps.iter().enumerate() {
        if let Some(&(before, _)) = steps.last()
            && step.up_to <= before
        {
            let expected = format!("more than {before}, where the step before ends");
            return Err(ConfigError::invalid(
                format!("{path}.steps[{index}].up_to"),
                step.up_to.to_string(),
                expected,
            ));
        }
        steps.push((step.up_to, step.credits));
    }
    Ok(Tiers {
        query: Name::new(&config.query),
        steps,
        beyond: config.beyond,
    })
}

#[inline(never)]
fn per_record(
    config: &PerRecordConfig,
    path: &str,
    max_bytes: u32,
) -> Result<PerRecord, ConfigError> {
    if config.arrays.is_empty() {
        return Err(ConfigError::invalid(
            format!("{path}.arrays"),
            "[]",
            "at least one JSON Pointer",
        ));
    }
    let (mut arrays, mut names) = (Arrays::default(), Names::default());
    for (index, pointer) in config.arrays.iter().enumerate() {
        let keys = arrays.insert(pointer).map_err(|expected| {
            ConfigError::invalid(
                format!("{path}.arrays[{index}]"),
                json(pointer),
                expected.to_string(),
            )
        })?;
        if !keys.is_empty() {
            names.add(&Name::of_keys(&keys));
        }
    }
    // A record takes at least a byte in each array that it is in.
    let most =
        u64::from(max_bytes).saturating_mul(u64::try_from(config.arrays.len()).unwrap_or(u64::MAX));
    let groups = NonZeroU64::new(most.div_ceil(config.records.get())).unwrap_or(NonZeroU64::MIN);
    if config.credits.checked_mul(groups.get()).is_none() {
        let limit = Credits::MAX
            .get()
            .checked_div(groups.get())
            .unwrap_or_default();
        let expected = format!(
            "at most {limit}, so that a body of {max_bytes} bytes cannot cost more than {} credits",
            Credits::MAX
        );
        return Err(ConfigError::invalid(
            format!("{path}.credits"),
            config.credits.to_string(),
            expected,
        ));
    }
    Ok(PerRecord {
        arrays,
        names,
        credits: config.credits,
        records: config.records,
        at_least: config.at_least,
    })
}

/// A text as JSON writes it.
fn json(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests;
