//! The cost table: what each call costs.
//!
//! A call is priced by the most specific operation that fits its method and path; among the rules of that operation, by the one with
//! the most conditions on query parameters that hold; if none holds, or no operation fits, by the default. Less specific operations
//! are not consulted once one is found, so the table says in one place what an operation costs.
//!
//! Invariant: wherever a backend might read a call differently from how it is written (escapes, dot segments, repeated slashes, case,
//! repeated parameters, numbers that are none), all readings are priced and the dearest counts. No spelling of a call is cheaper than
//! the plain one.

mod compile;
mod config;
mod operation;
mod path;
mod price;
mod query;
mod quote;
mod records;
mod rule;
mod target;
mod trie;

#[cfg(test)]
mod tests;

pub use config::{
    BodyConfig, CostConfig, CostsConfig, Fallback, PerRecordConfig, RuleConfig, StepConfig,
    TiersConfig, When,
};
pub use quote::{Charge, PerRecordQuote, Quote};
pub use records::UnreadableBody;

use self::path::{Dots, Segments};
use self::quote::Dearest;
use self::target::Target;
use self::trie::Node;
use crate::config_error::ConfigErrors;
use crate::credits::Credits;
use crate::day::Seconds;
use crate::response_headers::HeaderName;

/// What each call costs, ready to be asked.
#[derive(Debug)]
pub struct CostTable {
    default: Credits,
    body: BodyLimits,
    /// The rules; the default first.
    rules: Vec<RuleFacts>,
    root: Node,
}

/// How the bodies of calls with a price per record are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// The longest body that is read, in bytes.
    pub max_bytes: usize,
    /// How long a call waits for its body to be complete.
    pub timeout: Seconds,
    /// What becomes of a call whose body is longer.
    pub too_large: Fallback,
    /// What becomes of a call whose records cannot be counted.
    pub unreadable: Fallback,
    /// What becomes of every call with such a price where no bodies are read; `None` where they are.
    pub unread: Option<Fallback>,
}

/// A rule of one table, or its default; [`CostTable::rule_name`] tells its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(u32);

/// What the configuration says of a rule beside its price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFacts {
    /// Its name.
    pub name: String,
    /// The group in which its calls are in progress.
    pub group: Option<String>,
    /// The response header in which the upstream states what a call did cost.
    pub settle_from: Option<HeaderName>,
}

impl RuleFacts {
    fn of_default() -> Self {
        Self {
            name: RuleId::DEFAULT_NAME.to_owned(),
            group: None,
            settle_from: None,
        }
    }
}

impl RuleId {
    /// Stands for the default: no rule priced the call.
    pub const DEFAULT: Self = Self(0);

    /// What the default is called, so no rule can be.
    const DEFAULT_NAME: &'static str = "default";
}

impl CostTable {
    /// Checks the costs and prepares them for lookups. Paths in errors start at `costs`.
    ///
    /// # Errors
    ///
    /// Something is malformed, contradicts something else, or could never apply: everything that is.
    pub fn compile(costs: &CostsConfig) -> Result<Self, ConfigErrors> {
        compile::compile(costs)
    }

    /// What a call with this method and request target (path and query) costs.
    #[must_use]
    pub fn quote(&self, method: &str, target: &str) -> Quote {
        let target = Target::read(target);
        let query = target.query;
        let mut dearest = Dearest::default();
        let decoded = path::lenient(&target);
        for dots in Dots::of(&target) {
            self.read(
                method,
                &Segments::strict(&target, *dots),
                query,
                &mut dearest,
            );
            if let Some(decoded) = &decoded {
                self.read(
                    method,
                    &Segments::lenient(decoded, *dots),
                    query,
                    &mut dearest,
                );
            }
        }
        dearest.into_quote()
    }

    /// How the bodies of calls with a price per record are read.
    #[must_use]
    pub fn body(&self) -> &BodyLimits {
        &self.body
    }

    /// From now on no bodies are read: calls with a price per record are decided by this ([`CostsConfig::unread`]).
    pub fn leave_bodies_unread(&mut self, unread: Fallback) {
        self.body.unread = Some(unread);
    }

    /// The name of a rule of this table, `default` for the default.
    #[must_use]
    pub fn rule_name(&self, rule: RuleId) -> &str {
        self.facts(rule)
            .map_or(RuleId::DEFAULT_NAME, |facts| facts.name.as_str())
    }

    /// What the configuration says of a rule beside its price; `None` for a rule of another table.
    #[must_use]
    pub fn facts(&self, rule: RuleId) -> Option<&RuleFacts> {
        self.rules.get(usize::try_from(rule.0).ok()?)
    }

    /// The rules, the default first.
    #[must_use]
    pub fn rules(&self) -> &[RuleFacts] {
        &self.rules
    }

    /// The names of all rules, the default's first.
    pub fn rule_names(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.name.as_str())
    }

    /// One reading of a path: without case, and with it where that may differ.
    fn read(&self, method: &str, segments: &Segments<'_>, query: &str, dearest: &mut Dearest) {
        let default = Charge {
            cost: self.default,
            rule: RuleId::DEFAULT,
        };
        for folded in [true, false] {
            let found = self.root.find(method, segments.as_slice(), folded);
            match found.candidates {
                Some(candidates) => candidates.quote(query, default, dearest),
                None => dearest.add(default),
            }
            if !found.case_matters {
                return;
            }
        }
    }
}
