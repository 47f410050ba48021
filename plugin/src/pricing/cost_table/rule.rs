//! Rules, and the choice between those that price the same operation.

use std::sync::Arc;

use super::RuleId;
use super::folding::{self, fold};
use super::found::Found;
use super::name::{Name, Names};
use super::price::Price;
use super::query::{Parameters, Values, count_records};
use super::quote::{Charge, Highest};

/// One price, and the query parameters that a call must have for it.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) id: RuleId,
    pub(super) conditions: Vec<Condition>,
    pub(super) price: Price,
}

/// Something that a query parameter must be.
#[derive(Debug)]
pub(super) struct Condition {
    /// The name of the parameter.
    pub(super) name: Name,
    /// Its value, or none if any value will do.
    value: Option<Value>,
}

/// A value that a parameter must have.
#[derive(Debug)]
struct Value {
    text: String,
    folded: String,
}

/// The rules that price one operation. At most one of them is without conditions.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// Those with the most conditions first.
    rules: Vec<Candidate>,
    /// The query parameters that the choice or the price depends on.
    names: Names,
}

/// A rule that prices one operation.
#[derive(Debug)]
struct Candidate {
    rule: Arc<Rule>,
    /// Where among the names of all candidates those of the rule are: of its conditions, and of its tiers.
    places: Vec<usize>,
}

impl Rule {
    /// Whether both price the same calls of an operation: their conditions differ in case and order at most.
    fn is_for_same(&self, other: &Self) -> bool {
        let among = |condition: &Condition| other.conditions.iter().any(|c| c.is_same(condition));
        self.conditions.len() == other.conditions.len() && self.conditions.iter().all(among)
    }

    /// Adds what it asks for the most expensive of all values; `values` are those of the parameter that it goes by, if they are known.
    pub(super) fn quote(&self, values: Option<&Values<'_>>, query: &str, highest: &mut Highest) {
        let cost = match &self.price {
            Price::Fixed(cost) => *cost,
            Price::Tiers(tiers) => values.map_or_else(|| tiers.most(), |values| tiers.cost(values)),
            Price::PerRecord(price) => {
                return highest.add_per_record(self.id, price, count_records(query, &price.names));
            }
        };
        highest.add(Charge {
            cost,
            rule: self.id,
        });
    }

    fn names(&self) -> impl Iterator<Item = &Name> {
        let tiers = match &self.price {
            Price::Tiers(tiers) => Some(&tiers.query),
            Price::Fixed(_) | Price::PerRecord(_) => None,
        };
        self.conditions
            .iter()
            .map(|condition| &condition.name)
            .chain(tiers)
    }
}

impl Condition {
    /// A condition on the parameter `name`: that it has a value, or any.
    pub(super) fn new(name: &str, value: Option<&str>) -> Self {
        let value = value.map(|value| Value {
            text: value.to_owned(),
            folded: fold(value),
        });
        Self {
            name: Name::new(name),
            value,
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        let folded = |condition: &Self| condition.value.as_ref().map(|value| value.folded.clone());
        folded(self) == folded(other) && self.name.is_same(&other.name)
    }

    fn holds(&self, values: &Values<'_>) -> Found {
        let Some(wanted) = &self.value else {
            return values.any();
        };
        if values.surely() && values.found().all(|value| value == wanted.text) {
            Found::Surely
        } else if values.found().any(|value| wanted.may_be(value)) {
            Found::Maybe
        } else {
            Found::No
        }
    }
}

impl Value {
    /// Whether some backend takes a value for this one: without case, without blanks around it, as one of a list.
    fn may_be(&self, value: &str) -> bool {
        let is = |value: &str| {
            let value = value.split('\0').next().unwrap_or_default();
            folding::is(value, &self.folded) || folding::is(value.trim(), &self.folded)
        };
        is(value) || (value.contains(',') && value.split(',').any(is))
    }
}

impl Candidate {
    fn holds(&self, parameters: &Parameters<'_>) -> Found {
        let conditions = self.rule.conditions.iter().zip(&self.places);
        let holds = conditions.map(|(condition, place)| condition.holds(parameters.values(*place)));
        holds.min().unwrap_or(Found::Surely)
    }

    /// What its price goes by, if it goes by a parameter.
    fn values<'p, 'q>(&self, parameters: &'p Parameters<'q>) -> Option<&'p Values<'q>> {
        let place = self.places.get(self.rule.conditions.len())?;
        Some(parameters.values(*place))
    }
}

impl Candidates {
    /// Adds a rule that prices the operation.
    ///
    /// # Errors
    /// When another one has the same conditions; its id.
    pub(super) fn insert(&mut self, rule: &Arc<Rule>) -> Result<(), RuleId> {
        let same = |other: &&Candidate| other.rule.is_for_same(rule);
        if let Some(other) = self.rules.iter().find(same) {
            return Err(other.rule.id);
        }
        let places = rule.names().map(|name| self.names.add(name)).collect();
        let more = |other: &Candidate| other.rule.conditions.len() >= rule.conditions.len();
        let place = self.rules.partition_point(more);
        let rule = Arc::clone(rule);
        self.rules.insert(place, Candidate { rule, places });
        Ok(())
    }

    /// Adds what a call with this query costs, in every reading of it; `otherwise` where no rule's conditions hold.
    pub(super) fn quote(&self, query: &str, otherwise: Charge, highest: &mut Highest) {
        let Ok(parameters) = Parameters::read(query, &self.names) else {
            highest.add(otherwise);
            let rules = self.rules.iter();
            return rules.for_each(|candidate| candidate.rule.quote(None, query, highest));
        };
        // Where rules surely hold, how many conditions they have: of several with as many the most expensive counts, and none with fewer.
        let mut most = None;
        for candidate in &self.rules {
            let count = candidate.rule.conditions.len();
            if most.is_some_and(|most| count < most) {
                break;
            }
            let found = candidate.holds(&parameters);
            if found != Found::No {
                candidate
                    .rule
                    .quote(candidate.values(&parameters), query, highest);
            }
            if found == Found::Surely {
                most = Some(count);
            }
        }
        if most.is_none() {
            highest.add(otherwise);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::price::Tiers;
    use super::super::quote::Quote;
    use super::*;
    use crate::model::credits::Credits;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn credits(amount: u64) -> Credits {
        Credits::new(amount).unwrap()
    }

    fn rule(id: u32, when: &[(&str, &str)], price: Price) -> Arc<Rule> {
        let condition =
            |&(name, value): &(&str, &str)| Condition::new(name, (value != "*").then_some(value));
        Arc::new(Rule {
            id: RuleId(id),
            conditions: when.iter().map(condition).collect(),
            price,
        })
    }

    fn fixed(id: u32, when: &[(&str, &str)], cost: u64) -> Arc<Rule> {
        rule(id, when, Price::Fixed(credits(cost)))
    }

    fn cost(rules: &[Arc<Rule>], query: &str) -> (u64, u32) {
        let mut candidates = Candidates::default();
        rules
            .iter()
            .for_each(|rule| candidates.insert(rule).unwrap());
        let mut highest = Highest::default();
        let otherwise = Charge {
            cost: credits(1),
            rule: RuleId::DEFAULT,
        };
        candidates.quote(query, otherwise, &mut highest);
        let Quote::Known(charge) = highest.into_quote() else {
            panic!()
        };
        (charge.cost.get(), charge.rule.0)
    }

    #[test]
    fn the_rule_with_the_most_conditions_wins() {
        let rules = [
            fixed(1, &[], 5),
            fixed(2, &[("include", "*")], 4),
            fixed(3, &[("include", "*"), ("limit", "100")], 3),
            fixed(4, &[("include", "contacts")], 6),
        ];
        let check = |query: &str, expected: (u64, u32)| {
            assert_eq!(cost(&rules, query), expected, "{query}")
        };
        check("", (5, 1));
        check("limit=100", (5, 1));
        check("include=agents", (4, 2));
        check("include", (4, 2));
        check("include=contacts", (6, 4));
        check("include=agents&limit=100", (3, 3));
        check("include=contacts&limit=100", (3, 3));
        check("include=agents&limit=50", (4, 2));
    }

    #[test]
    fn without_a_rule_that_holds_the_default_applies() {
        let rules = [fixed(1, &[("include", "*")], 4)];
        assert_eq!(cost(&rules, "limit=1"), (1, 0));
        assert_eq!(cost(&rules, "include=1"), (4, 1));
    }

    #[test]
    fn no_reading_of_the_query_costs_more_than_is_charged() {
        let steps = vec![(2000, credits(3))];
        let tiers = Price::Tiers(Tiers {
            query: Name::new("from"),
            steps,
            beyond: credits(50),
        });
        let rules = [rule(1, &[], tiers), fixed(2, &[("preview", "true")], 0)];
        let check = |query: &str, expected: (u64, u32)| {
            assert_eq!(cost(&rules, query), expected, "{query}")
        };
        check("from=9999", (50, 1));
        check("from=9999&preview=true", (0, 2));
        // A backend that takes the first of two, or the last, or minds the case, or does not split at `;`.
        check("from=9999&preview=false&preview=true", (50, 1));
        check("from=9999&preview=true&preview=false", (50, 1));
        check("from=9999&Preview=true", (50, 1));
        check("from=9999&preview=TRUE", (50, 1));
        check("from=9999&a=1;preview=true", (50, 1));
        check("from=1&from=9999&from=1", (50, 1));
        check("from=1;from=9999", (50, 1));
        check("FROM=9999", (50, 1));
        // More than are worth looking at.
        let many: String = (0..33).map(|from| format!("from={from}&")).collect();
        check(&many, (50, 1));
        check(&format!("preview=true&{many}"), (50, 1));
    }
}
