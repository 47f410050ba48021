//! Rules, and the choice between those that price the same operation.

use std::sync::Arc;

use super::RuleId;
use super::price::Price;
use super::query::{Reading, each_reading};
use super::quote::{Charge, Dearest};

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
    pub(super) name: String,
    /// Its value, or none if any value will do.
    pub(super) value: Option<String>,
}

/// The rules that price one operation. At most one of them is without conditions.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// Those with the most conditions first.
    rules: Vec<Arc<Rule>>,
    /// The query parameters that the choice or the price depends on.
    names: Vec<String>,
}

impl Rule {
    /// Whether both price the same calls of an operation: their conditions differ in case and order at most.
    fn is_for_same(&self, other: &Self) -> bool {
        let among = |condition: &Condition| other.conditions.iter().any(|c| c.is_same(condition));
        self.conditions.len() == other.conditions.len() && self.conditions.iter().all(among)
    }

    fn holds(&self, reading: Reading<'_>) -> bool {
        self.conditions
            .iter()
            .all(|condition| condition.holds(reading))
    }

    fn quote(&self, reading: Reading<'_>, dearest: &mut Dearest) {
        match &self.price {
            Price::Fixed(cost) => dearest.add(Charge {
                cost: *cost,
                rule: self.id,
            }),
            Price::Tiers(tiers) => dearest.add(Charge {
                cost: tiers.cost(reading),
                rule: self.id,
            }),
            Price::PerRecord(price) => dearest.add_per_record(self.id, price),
        }
    }

    fn quote_dearest(&self, dearest: &mut Dearest) {
        match &self.price {
            Price::Fixed(cost) => dearest.add(Charge {
                cost: *cost,
                rule: self.id,
            }),
            Price::Tiers(tiers) => dearest.add(Charge {
                cost: tiers.dearest(),
                rule: self.id,
            }),
            Price::PerRecord(price) => dearest.add_per_record(self.id, price),
        }
    }

    fn names(&self) -> impl Iterator<Item = &String> {
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
    fn is_same(&self, other: &Self) -> bool {
        let same = match (&self.value, &other.value) {
            (None, None) => true,
            (Some(value), Some(other)) => value.eq_ignore_ascii_case(other),
            _ => false,
        };
        same && self.name.eq_ignore_ascii_case(&other.name)
    }

    fn holds(&self, reading: Reading<'_>) -> bool {
        match (reading.value(&self.name), &self.value) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(found), Some(wanted)) => reading.same(found, wanted),
        }
    }
}

impl Candidates {
    /// Adds a rule that prices the operation.
    ///
    /// # Errors
    /// When another one has the same conditions; its id.
    pub(super) fn insert(&mut self, rule: &Arc<Rule>) -> Result<(), RuleId> {
        if let Some(other) = self.rules.iter().find(|other| other.is_for_same(rule)) {
            return Err(other.id);
        }
        for name in rule.names() {
            if !self.names.contains(name) {
                self.names.push(name.clone());
            }
        }
        let more = |other: &Arc<Rule>| other.conditions.len() >= rule.conditions.len();
        let place = self.rules.partition_point(more);
        self.rules.insert(place, Arc::clone(rule));
        Ok(())
    }

    /// Adds what a call with this query costs, in every reading of it; `otherwise` where no rule's conditions hold.
    pub(super) fn quote(&self, query: &str, otherwise: Charge, dearest: &mut Dearest) {
        let readings = each_reading(query, &self.names, |reading| {
            self.quote_reading(reading, otherwise, dearest)
        });
        if readings.is_err() {
            dearest.add(otherwise);
            self.rules
                .iter()
                .for_each(|rule| rule.quote_dearest(dearest));
        }
    }

    /// The rule with the most conditions prices the call; of several with as many, the dearest.
    fn quote_reading(&self, reading: Reading<'_>, otherwise: Charge, dearest: &mut Dearest) {
        let mut most = None;
        for rule in self.rules.iter().filter(|rule| rule.holds(reading)) {
            if most.is_some_and(|most| rule.conditions.len() < most) {
                break;
            }
            most = Some(rule.conditions.len());
            rule.quote(reading, dearest);
        }
        if most.is_none() {
            dearest.add(otherwise);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::price::Tiers;
    use super::super::quote::Quote;
    use super::*;
    use crate::credits::Credits;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn credits(amount: u64) -> Credits {
        Credits::new(amount).unwrap()
    }

    fn rule(id: u32, when: &[(&str, &str)], price: Price) -> Arc<Rule> {
        let condition = |&(name, value): &(&str, &str)| {
            let value = (value != "*").then(|| value.to_owned());
            Condition {
                name: name.to_owned(),
                value,
            }
        };
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
        let mut dearest = Dearest::default();
        let otherwise = Charge {
            cost: credits(1),
            rule: RuleId::DEFAULT,
        };
        candidates.quote(query, otherwise, &mut dearest);
        let Quote::Known(charge) = dearest.into_quote() else {
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
    fn no_reading_of_the_query_is_cheaper_than_the_dearest() {
        let steps = vec![(2000, credits(3))];
        let tiers = Price::Tiers(Tiers {
            query: "from".to_owned(),
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
        check(&"from=1&".repeat(17), (50, 1));
        check(&format!("preview=true&{}", "from=1&".repeat(17)), (50, 1));
    }
}
