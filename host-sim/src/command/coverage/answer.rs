//! What `host-sim coverage` tells.

use std::fmt::Write as _;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use crate::command::cost_table::probe::Entry;
use crate::command::cost_table::rules::Priced;
use crate::command::openapi::{Remark, Where};

/// How far a cost table covers an API.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Answer {
    /// The document that describes the API.
    document: String,
    /// What the configuration is called: its file.
    configuration: String,
    /// How many operations the API has.
    operations: usize,
    /// How many of them have a price of their own.
    priced: usize,
    /// The others: at least one call of them costs the default.
    pub(super) unpriced: Vec<Unpriced>,
    /// What the cost table names, and the document does not have.
    unused: Vec<Unused>,
    /// What of the document could not be understood, or is an operation only in other words.
    remarks: Vec<Said>,
}

/// An operation without a price of its own.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Unpriced {
    /// Its method and path template, as a cost table would name it.
    operation: String,
    /// Its `operationId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// Where the document describes it.
    at: Where,
    /// A call of it that only the default prices.
    call: String,
    /// What that call costs.
    cost: u64,
}

/// A rule with operations that the document does not have.
#[derive(Debug, Serialize, JsonSchema)]
struct Unused {
    /// The rule's name.
    rule: String,
    /// These operations.
    operations: Vec<String>,
    /// Whether these are all operations of the rule.
    whole: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Said {
    at: Where,
    text: String,
}

impl Unpriced {
    pub(super) fn new(operation: &Priced<'_, '_>, call: &str, cost: u64) -> Self {
        Self {
            operation: operation.template.to_string(),
            id: operation.operation.id.clone(),
            at: operation.operation.at.clone(),
            call: format!("{} {call}", operation.template.method),
            cost,
        }
    }
}

impl Answer {
    pub(super) fn new(
        document: &Path,
        configuration: String,
        operations: usize,
        unpriced: Vec<Unpriced>,
        unused: &[usize],
        entries: &[Entry],
        remarks: &[Remark],
    ) -> Self {
        let mut rules: Vec<Unused> = Vec::new();
        for entry in unused.iter().filter_map(|number| entries.get(*number)) {
            if rules.last().is_none_or(|last| last.rule != entry.rule) {
                rules.push(Unused {
                    rule: entry.rule.clone(),
                    operations: Vec::new(),
                    whole: false,
                });
            }
            if let Some(last) = rules.last_mut() {
                last.operations.push(entry.operation.clone());
            }
        }
        for rule in &mut rules {
            let of_rule = entries.iter().filter(|entry| entry.rule == rule.rule);
            rule.whole = of_rule.count() == rule.operations.len();
        }
        let said = remarks.iter().map(|remark| Said {
            at: remark.place.clone(),
            text: remark.text.clone(),
        });
        Self {
            document: document.display().to_string(),
            configuration,
            operations,
            priced: operations.saturating_sub(unpriced.len()),
            unpriced,
            unused: rules,
            remarks: said.collect(),
        }
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        for said in &self.remarks {
            let Where {
                file,
                line,
                pointer,
            } = &said.at;
            let _ = writeln!(
                text,
                "{}:{line}: {} (#{pointer})",
                file.display(),
                said.text
            );
        }
        let _ = writeln!(
            text,
            "{} of {} operations of {} have a price of their own in {}",
            self.priced, self.operations, self.document, self.configuration
        );
        if !self.unpriced.is_empty() {
            let _ = writeln!(text, "\nonly the default prices:");
        }
        let longest = self.unpriced.iter();
        let longest = longest
            .map(|unpriced| unpriced.operation.chars().count())
            .max();
        let width = longest.unwrap_or_default();
        for unpriced in &self.unpriced {
            let Unpriced {
                operation,
                id,
                at,
                call,
                cost,
            } = unpriced;
            let id = id.as_ref().map_or_else(String::new, |id| format!(" {id},"));
            let place = format!("{}:{}", at.file.display(), at.line);
            let _ = writeln!(
                text,
                "  {operation:width$}  {place},{id} {call} costs {cost}"
            );
        }
        if !self.unused.is_empty() {
            let _ = writeln!(
                text,
                "\nnamed by the cost table, and no operation of the document:"
            );
        }
        for unused in &self.unused {
            let whole = if unused.whole {
                ", all that it names"
            } else {
                ""
            };
            let _ = writeln!(text, "  rule {:?}{whole}:", unused.rule);
            for operation in &unused.operations {
                let _ = writeln!(text, "    {operation}");
            }
        }
        text
    }
}
