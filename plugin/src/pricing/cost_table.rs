//! The cost table: what each call costs.
//!
//! A call is priced by the most specific operation that fits its method and path; among the rules of that operation, by the one with
//! the most conditions that hold; if none holds, or no operation fits, by the default. Less specific operations
//! are not consulted once one is found, so the table says in one place what an operation costs.
//!
//! Invariant: wherever a backend might read a call differently from how it is written (escapes, dot segments, repeated slashes, case,
//! repeated parameters, numbers that are none), all readings are priced and the most expensive counts. No spelling of a call is cheaper
//! than the plain one. Where there are more readings than are worth looking at, the most expensive price of the table counts.

mod alternatives;
mod compile;
mod config;
mod folding;
mod found;
mod graphql;
mod members;
mod name;
mod operation;
mod path;
mod pointer;
mod price;
mod queries;
mod query;
mod quote;
mod readings;
mod records;
mod rewriting;
mod rule;
mod stated;
mod target;
mod trie;
mod value;
mod wanted;

#[cfg(test)]
mod tests;

pub use config::{
    BodyConfig, CostConfig, CostsConfig, Fallback, GraphqlCondition, Hold, MemberValue,
    OperationType, PerRecordConfig, PropertyCondition, RuleConfig, SettleConfig, SettlePlace,
    StepConfig, TiersConfig, When,
};
pub use quote::{BodyKind, BodyQuote, Charge, Quote};
pub use records::UnreadableBody;
pub use stated::{Facts, Stated};

use std::sync::Arc;

use self::alternatives::Alternatives;
use self::found::Found;
use self::graphql::InQuery;
use self::members::Members;
use self::name::Names;
use self::path::{Slashes, segments};
use self::queries::Queries;
use self::quote::Highest;
use self::readings::Reading;
use self::rule::Rule;
use self::target::Target;
use self::trie::{Matches, Node};
use crate::document::config_error::ConfigErrors;
use crate::model::credits::Credits;
use crate::model::day::Seconds;
use crate::pricing::settling::SettleFrom;

/// The longest target that is found at once, in bytes, as those of nearly all calls are. What a longer one costs the proxy must not depend on
/// how it is spelled by more than a small factor, so that none is taken apart much faster than the others.
const LONGEST_FOUND_AT_ONCE: usize = 128;

/// What each call costs, ready to be asked.
#[derive(Debug)]
pub struct CostTable {
    default: Credits,
    body: BodyLimits,
    /// The rules; the default first.
    rules: Vec<RuleFacts>,
    /// What they ask, in the order of the configuration.
    all: Vec<Arc<Rule>>,
    root: Node,
    /// The parameter that names another method.
    method: Names,
    /// The members of bodies that rules are chosen by.
    members: Arc<Members>,
    /// Whether a rule has conditions on more than the query.
    conditional: bool,
}

/// How the bodies of calls with a price per record are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// The longest body that is read, in bytes.
    pub max_bytes: usize,
    /// How long a call waits for its body to be complete.
    pub timeout: Seconds,
    /// What of a call is held until then.
    pub hold: Hold,
    /// How a call is treated whose body is longer.
    pub too_large: Fallback,
    /// How a call is treated whose records cannot be counted.
    pub unreadable: Fallback,
    /// How every call with such a price is treated where no bodies are read; `None` where they are.
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
    /// Where a response states what its call did cost.
    pub settle_from: Option<SettleFrom>,
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

    /// What a call with this method and request target (path and query) costs, about which nothing else is stated.
    #[must_use]
    pub fn quote(&self, method: &str, target: &str) -> Quote {
        self.quote_with(method, target, Facts::None)
    }

    /// What a call with this method and request target costs, of which this is known beside them.
    #[must_use]
    pub fn quote_with(&self, method: &str, target: &str, facts: Facts<'_>) -> Quote {
        let default = Charge {
            cost: self.default,
            rule: RuleId::DEFAULT,
        };
        let mut highest = Highest::default();
        let is_short = target.len() <= LONGEST_FOUND_AT_ONCE;
        let found = is_short.then(|| self.root.find_plainly(method, target));
        match found.flatten() {
            // By its query, a POST may stand for another method.
            Some((candidates, query)) if is_upper(method) && (query == 0 || method != "POST") => {
                let query = target::query(target, query);
                candidates.quote(query, facts, default, &mut highest);
            }
            _ => {
                let target = Target::read(target);
                self.quote_closely(method, &target, facts, default, &mut highest);
            }
        }
        highest.into_quote(&self.members)
    }

    /// Adds what a call costs that backends may read in several ways, or that may be more than one operation.
    #[inline(never)]
    fn quote_closely(
        &self,
        method: &str,
        target: &Target<'_>,
        facts: Facts<'_>,
        default: Charge,
        highest: &mut Highest,
    ) {
        let mut matches = Matches::default();
        let mut queries = Queries::of(target.query);
        let found = self.find(method, target, &mut matches, &mut queries);
        match (found, matches.all(), queries.all()) {
            (Some(found), Ok(matches), Ok(queries)) => {
                if found != Found::Surely {
                    highest.add(default);
                }
                matches.for_each(|candidates| {
                    let queries = queries.clone();
                    queries.for_each(|query| {
                        candidates.quote(query, facts, default, highest);
                    });
                });
            }
            _ => {
                highest.add(default);
                self.quote_all(target.query, default, highest);
            }
        }
    }

    /// Adds what every rule asks of a call that may be anything.
    fn quote_all(&self, query: &str, otherwise: Charge, highest: &mut Highest) {
        let all = self.all.iter();
        if self.members.len() == 0 {
            return all.for_each(|rule| rule.quote(None, query, highest));
        }
        // It may be a batch, of which each part may fall under any of them.
        let choices = all.map(|rule| rule.choice(Found::Maybe, None, query, InQuery::unknown()));
        // Any may hold and none surely does, so that their order does not matter.
        let choices = choices.collect();
        highest.add_alternatives(Alternatives { otherwise, choices });
    }

    /// Finds the operations that a call is in any reading; in how many of them it is one, and nothing if there are too many.
    fn find<'t, 'q>(
        &'t self,
        method: &str,
        target: &Target<'q>,
        matches: &mut Matches<'t>,
        queries: &mut Queries<'q>,
    ) -> Option<Found> {
        let readings = match target.is_plain {
            true => None,
            false => Some(readings::of(target.path).ok()?),
        };
        let readings = readings.as_deref();
        let ended = readings.into_iter().flatten();
        ended
            .filter(|reading| reading.has_end())
            .for_each(|reading| queries.see(&reading.text));
        let found = self.find_in(method, target, readings, matches);
        if target.query.is_empty() && readings.is_none() {
            return Some(found);
        }
        let others = queries::methods(method, queries.all().ok()?, &self.method).ok()?;
        let others = others.iter();
        let others = others.map(|method| self.find_in(method, target, readings, matches));
        Some(others.fold(found, Found::min))
    }

    /// The same for a method and the readings of a path, or the path itself.
    fn find_in<'t>(
        &'t self,
        method: &str,
        target: &Target<'_>,
        readings: Option<&[Reading]>,
        matches: &mut Matches<'t>,
    ) -> Found {
        // Some backends do not mind the case of methods.
        let upper = (!is_upper(method)).then(|| method.to_ascii_uppercase());
        let mut find = |path: &[u8], slashes| {
            let (segments, empty) = segments(path, slashes);
            let found = self.root.find(method, &segments, matches);
            let other = upper
                .as_ref()
                .map(|upper| self.root.find(upper, &segments, matches));
            (found.min(other.unwrap_or(Found::Surely)), empty)
        };
        let Some(readings) = readings else {
            return find(target.path.as_bytes(), Slashes::Merged).0;
        };
        let mut least = Found::Surely;
        for Reading { text, .. } in readings {
            let (found, empty) = find(text, Slashes::Merged);
            least = least.min(found);
            if empty {
                least = least.min(find(text, Slashes::Kept).0);
            }
        }
        least
    }

    /// Whether a price depends on more of a call than its method, its target and the records in its body.
    #[must_use]
    pub fn depends_on_more_than_targets(&self) -> bool {
        self.conditional
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
}

/// Whether a method is in upper case, as all are that HTTP knows.
fn is_upper(method: &str) -> bool {
    !method.bytes().any(|byte| byte.is_ascii_lowercase())
}
