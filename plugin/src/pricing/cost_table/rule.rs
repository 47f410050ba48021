//! Rules, and the choice between those that price the same operation.

use std::sync::Arc;

use super::RuleId;
use super::alternatives::{Alternatives, Choice, Cost};
use super::found::Found;
use super::graphql::{Graphql, InQuery};
use super::members::Read;
use super::name::{Name, Names};
use super::price::Price;
use super::query::{Parameters, Values, count_records};
use super::quote::{Charge, Highest};
use super::stated::{Facts, Statement};
use super::value::Value;
use super::wanted::MemberCondition;

/// One price, and what a call must be like for it.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) id: RuleId,
    pub(super) conditions: Conditions,
    pub(super) price: Price,
}

/// What a call must be like.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    /// Its query.
    pub(super) query: Vec<Condition>,
    /// Its headers and properties.
    pub(super) stated: Vec<Statement>,
    /// Members of its body.
    pub(super) members: Vec<MemberCondition>,
    /// Its GraphQL operation.
    pub(super) graphql: Option<Graphql>,
}

/// Something that a query parameter must be.
#[derive(Debug)]
pub(super) struct Condition {
    /// The name of the parameter.
    pub(super) name: Name,
    /// Its value, or none if any value will do.
    value: Option<Value>,
}

/// The rules that price one operation. At most one of them is without conditions.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// Those with the most conditions first.
    rules: Vec<Candidate>,
    /// The query parameters that the choice or the price depends on.
    names: Names,
    /// Whether the choice depends on the body.
    by_body: bool,
}

/// A rule that prices one operation.
#[derive(Debug)]
struct Candidate {
    rule: Arc<Rule>,
    /// How many conditions it has.
    count: usize,
    /// Where among the names of all candidates those of the rule are: of its conditions, and of its tiers.
    places: Vec<usize>,
}

impl Rule {
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

    /// What it asks, in the same way.
    fn cost(&self, values: Option<&Values<'_>>, query: &str) -> Cost {
        match &self.price {
            Price::Fixed(cost) => Cost::Known(*cost),
            Price::Tiers(tiers) => {
                Cost::Known(values.map_or_else(|| tiers.most(), |values| tiers.cost(values)))
            }
            Price::PerRecord(price) => {
                Cost::PerRecord(Arc::clone(price), count_records(query, &price.names))
            }
        }
    }

    /// It as one of the rules among which the body decides.
    pub(super) fn choice(
        self: &Arc<Self>,
        found: Found,
        values: Option<&Values<'_>>,
        query: &str,
        in_query: InQuery,
    ) -> Choice {
        Choice {
            rule: Arc::clone(self),
            found,
            in_query,
            cost: self.cost(values, query),
        }
    }

    fn names(&self) -> impl Iterator<Item = &Name> {
        let tiers = match &self.price {
            Price::Tiers(tiers) => Some(&tiers.query),
            Price::Fixed(_) | Price::PerRecord(_) => None,
        };
        let graphql = self.conditions.graphql.iter();
        let query = self.conditions.query.iter();
        query
            .map(|condition| &condition.name)
            .chain(tiers)
            .chain(graphql.flat_map(|graphql| &graphql.parameters))
    }
}

impl Conditions {
    pub(super) fn count(&self) -> usize {
        let head = self.query.len().saturating_add(self.stated.len());
        let graphql = self.graphql.as_ref().map_or(0, Graphql::count);
        head.saturating_add(self.members.len())
            .saturating_add(graphql)
    }

    /// Whether they ask for anything that the query does not tell.
    pub(super) fn depend_on_more_than_query(&self) -> bool {
        self.depend_on_body() || !self.stated.is_empty()
    }

    /// Whether they ask for anything that only the body tells.
    pub(super) fn depend_on_body(&self) -> bool {
        !self.members.is_empty() || self.graphql.is_some()
    }

    /// Whether a body has what they ask for in it, of a call whose query gives this of a GraphQL operation.
    pub(super) fn hold_in(&self, body: &Read, in_query: &InQuery) -> Found {
        let members = self.members.iter();
        let members = members.map(|condition| condition.holds(body));
        let graphql = self.graphql.iter();
        least(members.chain(graphql.map(|graphql| graphql.holds(in_query, body))))
    }

    /// Whether both ask for the same, in whatever case and order.
    fn is_same(&self, other: &Self) -> bool {
        let query = |one: &Condition| other.query.iter().any(|other| one.is_same(other));
        let stated = |one: &Statement| other.stated.iter().any(|other| one.is_same(other));
        let member = |one: &MemberCondition| other.members.iter().any(|other| one.is_same(other));
        self.query.len() == other.query.len()
            && self.stated.len() == other.stated.len()
            && self.members.len() == other.members.len()
            && self.query.iter().all(query)
            && self.stated.iter().all(stated)
            && self.members.iter().all(member)
            && match (&self.graphql, &other.graphql) {
                (Some(one), Some(other)) => one.is_same(other),
                (one, other) => one.is_none() && other.is_none(),
            }
    }
}

/// In how many readings all of several conditions hold. What follows one that holds in none is not looked at.
fn least(conditions: impl Iterator<Item = Found>) -> Found {
    let mut least = Found::Surely;
    for found in conditions {
        least = least.min(found);
        if least == Found::No {
            break;
        }
    }
    least
}

impl Condition {
    /// A condition on the parameter `name`: that it has a value, or any.
    pub(super) fn new(name: &str, value: Option<&str>) -> Self {
        Self {
            name: Name::new(name),
            value: value.map(Value::new),
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

impl Candidate {
    fn holds(&self, parameters: &Parameters<'_>, facts: Facts<'_>) -> Found {
        if self.count == 0 {
            return Found::Surely;
        }
        let conditions = &self.rule.conditions;
        let query = conditions.query.iter().zip(&self.places);
        let query = query.map(|(condition, place)| condition.holds(parameters.values(*place)));
        let stated = conditions.stated.iter();
        let stated = stated.map(|statement| statement.holds(facts));
        least(query.chain(stated))
    }

    /// What the query gives of a GraphQL operation.
    fn in_query(&self, parameters: Option<&Parameters<'_>>, query: &str) -> InQuery {
        let (Some(parameters), [.., document, name]) = (parameters, self.places.as_slice()) else {
            return InQuery::unknown();
        };
        match self.rule.conditions.graphql {
            Some(_) => InQuery::new(query, [*document, *name].map(|at| parameters.values(at))),
            None => InQuery::unknown(),
        }
    }

    /// What its price goes by, if it goes by a parameter.
    fn values<'p, 'q>(&self, parameters: &'p Parameters<'q>) -> Option<&'p Values<'q>> {
        let place = self.places.get(self.rule.conditions.query.len())?;
        Some(parameters.values(*place))
    }
}

impl Candidates {
    /// Adds a rule that prices the operation.
    ///
    /// # Errors
    /// When another one has the same conditions; its id.
    pub(super) fn insert(&mut self, rule: &Arc<Rule>) -> Result<(), RuleId> {
        let same = |other: &&Candidate| other.rule.conditions.is_same(&rule.conditions);
        if let Some(other) = self.rules.iter().find(same) {
            return Err(other.rule.id);
        }
        self.by_body |= rule.conditions.depend_on_body();
        let places = rule.names().map(|name| self.names.add(name)).collect();
        let count = rule.conditions.count();
        let more = |other: &Candidate| other.count >= count;
        let place = self.rules.partition_point(more);
        let rule = Arc::clone(rule);
        self.rules.insert(
            place,
            Candidate {
                rule,
                count,
                places,
            },
        );
        Ok(())
    }

    /// Adds what a call with this query costs, in every reading of it; `otherwise` where no rule's conditions hold.
    pub(super) fn quote(
        &self,
        query: &str,
        facts: Facts<'_>,
        otherwise: Charge,
        highest: &mut Highest,
    ) {
        // As most operations are priced.
        if let [only] = self.rules.as_slice()
            && let Price::Fixed(cost) = only.rule.price
            && only.count == 0
        {
            let rule = only.rule.id;
            return highest.add(Charge { cost, rule });
        }
        if self.by_body {
            return self.quote_by_body(query, facts, otherwise, highest);
        }
        let Ok(parameters) = Parameters::read(query, &self.names) else {
            highest.add(otherwise);
            let rules = self.rules.iter();
            return rules.for_each(|candidate| candidate.rule.quote(None, query, highest));
        };
        // Where rules surely hold, how many conditions they have: of several with as many the most expensive counts, and none with fewer.
        let mut most = None;
        for candidate in &self.rules {
            if most.is_some_and(|most| candidate.count < most) {
                break;
            }
            let found = candidate.holds(&parameters, facts);
            if found != Found::No {
                candidate
                    .rule
                    .quote(candidate.values(&parameters), query, highest);
            }
            if found == Found::Surely {
                most = Some(candidate.count);
            }
        }
        if most.is_none() {
            highest.add(otherwise);
        }
    }

    /// The same where the choice depends on the body as well; with too many parameters, all of them may hold.
    #[inline(never)]
    fn quote_by_body(
        &self,
        query: &str,
        facts: Facts<'_>,
        otherwise: Charge,
        highest: &mut Highest,
    ) {
        let parameters = Parameters::read(query, &self.names).ok();
        let parameters = parameters.as_ref();
        let (mut choices, mut most) = (Vec::new(), None);
        for candidate in &self.rules {
            let conditions = &candidate.rule.conditions;
            if most.is_some_and(|most| candidate.count < most) {
                break;
            }
            let found = parameters.map_or(Found::Maybe, |known| candidate.holds(known, facts));
            if found != Found::No {
                let values = parameters.and_then(|known| candidate.values(known));
                let in_query = candidate.in_query(parameters, query);
                choices.push(candidate.rule.choice(found, values, query, in_query));
            }
            if found == Found::Surely && !conditions.depend_on_body() {
                most = Some(candidate.count);
            }
        }
        let by_body = |choice: &Choice| choice.rule.conditions.depend_on_body();
        if !choices.iter().any(by_body) {
            let choices = choices.into_iter();
            choices.for_each(|choice| highest.add_cost(choice.rule.id, choice.cost));
            if most.is_none() {
                highest.add(otherwise);
            }
            return;
        }
        highest.add_alternatives(Alternatives { otherwise, choices });
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
            conditions: Conditions {
                query: when.iter().map(condition).collect(),
                ..Conditions::default()
            },
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
        candidates.quote(query, Facts::None, otherwise, &mut highest);
        let Quote::Known(charge) = highest.into_quote(&Arc::default()) else {
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
