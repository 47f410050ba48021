//! Rules among which the body of a call decides.
//!
//! What the head of the call tells is known: which of them its query, its headers and properties allow, and what they cost then. A body that
//! is an array is a batch, as JSON-RPC and GraphQL have it: each element is priced as if it came alone, and the call costs what they cost
//! together, but never less than the array as one body. An array within an array is a batch, too.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::found::Found;
use super::graphql::InQuery;
use super::members::{Members, Read, elements};
use super::price::PerRecord;
use super::quote::Charge;
use super::records::UnreadableBody;
use super::rule::Rule;
use crate::model::credits::Credits;

/// The most messages of a batch that are priced one by one: in a longer one each costs the most that any can.
const MAX_MESSAGES: usize = 256;

/// The rules that one reading of a call may fall under.
#[derive(Clone, Debug)]
pub(super) struct Alternatives {
    /// What it costs if none of them applies.
    pub(super) otherwise: Charge,
    /// Those with the most conditions first, unless none of them surely applies.
    pub(super) choices: Vec<Choice>,
}

/// A rule that the head of a call allows.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub(super) rule: Arc<Rule>,
    /// Whether the head surely has what the rule asks for.
    pub(super) found: Found,
    /// What the query gives of a GraphQL operation.
    pub(super) in_query: InQuery,
    pub(super) cost: Cost,
}

/// What a rule asks, by what the head tells.
#[derive(Clone, Debug)]
pub(super) enum Cost {
    Known(Credits),
    /// So much for each record, of which the query names so many.
    PerRecord(Arc<PerRecord>, u64),
}

/// All readings of a call among whose rules its body decides.
#[derive(Clone, Debug)]
pub(super) struct ByBody {
    pub(super) members: Arc<Members>,
    pub(super) readings: Vec<Alternatives>,
}

impl Cost {
    /// What it costs with so many records beside those of the query.
    fn with_records(&self, records: u64) -> Credits {
        match self {
            Self::Known(cost) => *cost,
            Self::PerRecord(price, in_query) => price.cost_of(in_query.saturating_add(records)),
        }
    }

    fn with(&self, message: &[u8]) -> Result<Credits, UnreadableBody> {
        match self {
            Self::Known(cost) => Ok(*cost),
            Self::PerRecord(price, in_query) => price.cost(message, *in_query),
        }
    }
}

impl Choice {
    fn charge(&self, cost: Credits) -> Charge {
        Charge {
            cost,
            rule: self.rule.id,
        }
    }
}

impl Alternatives {
    /// What a message may cost that has so many records.
    fn all(&self, records: u64) -> impl Iterator<Item = Charge> {
        let choices = self.choices.iter();
        let choices = choices.map(move |choice| choice.charge(choice.cost.with_records(records)));
        // Where a rule applies whatever the message is, there is no other.
        let settled = self.choices.iter().any(|choice| {
            choice.found == Found::Surely && !choice.rule.conditions.depend_on_body()
        });
        choices.chain((!settled).then_some(self.otherwise))
    }

    /// What a message costs, in every reading of it.
    fn cost(&self, members: &Read, message: &[u8]) -> Result<Charge, UnreadableBody> {
        let (mut highest, mut most) = (None::<Charge>, None);
        let mut add = |charge: Charge| {
            highest = Some(highest.map_or(charge, |highest| highest.or_higher(charge)));
        };
        for choice in &self.choices {
            let conditions = &choice.rule.conditions;
            let count = conditions.count();
            if most.is_some_and(|most| count < most) {
                break;
            }
            let found = choice
                .found
                .min(conditions.hold_in(members, &choice.in_query));
            if found != Found::No {
                add(choice.charge(choice.cost.with(message)?));
            }
            if found == Found::Surely {
                most = Some(count);
            }
        }
        if most.is_none() {
            add(self.otherwise);
        }
        Ok(highest.unwrap_or(self.otherwise))
    }
}

impl ByBody {
    /// The least that any message costs.
    pub(super) fn least(&self) -> Charge {
        let readings = self.readings.iter();
        let least = readings.map(|reading| {
            let charges = reading.all(0);
            charges.fold(None::<Charge>, |least, charge| match least {
                Some(least) if least.cost <= charge.cost => Some(least),
                _ => Some(charge),
            })
        });
        let least = least.flatten().reduce(Charge::or_higher);
        least.unwrap_or(Charge::NOTHING)
    }

    /// The most that a message costs that has so many records.
    pub(super) fn most(&self, records: u64) -> Charge {
        let readings = self.readings.iter();
        let all = readings.flat_map(|reading| reading.all(records));
        all.reduce(Charge::or_higher).unwrap_or(Charge::NOTHING)
    }

    /// What a call without a body costs.
    pub(super) fn without_body(&self) -> Charge {
        self.one(b"").unwrap_or_else(|_| self.most(0))
    }

    /// The prices per record that may apply.
    pub(super) fn prices(&self) -> impl Iterator<Item = (Credits, NonZeroU64)> {
        let choices = self.readings.iter().flat_map(|reading| &reading.choices);
        choices.filter_map(|choice| match &choice.cost {
            Cost::Known(_) => None,
            Cost::PerRecord(price, _) => Some((price.credits, price.records)),
        })
    }

    /// What a call with this body costs.
    ///
    /// # Errors
    ///
    /// The body is not JSON, or has something else where records are counted.
    pub(super) fn cost(&self, body: &[u8]) -> Result<Charge, UnreadableBody> {
        let mut left = MAX_MESSAGES;
        self.cost_of(body, &mut left)
    }

    /// The same, as long as `left` more messages are priced one by one.
    fn cost_of(&self, body: &[u8], left: &mut usize) -> Result<Charge, UnreadableBody> {
        let whole = self.one(body)?;
        let Some(elements) = elements(body) else {
            return Ok(whole);
        };
        let Some(rest) = left.checked_sub(elements.len()) else {
            return Ok(whole.or_higher(self.at_most(body)));
        };
        *left = rest;
        let (mut sum, mut highest) = (Charge::NOTHING, Credits::ZERO);
        for element in elements {
            let charge = self.cost_of(element, left)?;
            if charge.cost >= highest {
                highest = charge.cost;
                sum.rule = charge.rule;
            }
            sum.cost = sum.cost.checked_add(charge.cost).unwrap_or(Credits::MAX);
        }
        Ok(whole.or_higher(sum))
    }

    /// More than any batch in these bytes costs.
    fn at_most(&self, body: &[u8]) -> Charge {
        let begins = body.iter().filter(|byte| matches!(byte, b',' | b'['));
        let messages = u64::try_from(begins.count()).unwrap_or(u64::MAX);
        // A record takes at least a byte.
        let records = u64::try_from(body.len()).unwrap_or(u64::MAX);
        let most = self.most(records);
        let cost = most.cost.saturating_mul(messages.saturating_add(1));
        Charge { cost, ..most }
    }

    /// What a body costs that is one message.
    fn one(&self, message: &[u8]) -> Result<Charge, UnreadableBody> {
        let members = self.members.read(message)?;
        let readings = self.readings.iter();
        let costs = readings.map(|reading| reading.cost(&members, message));
        let highest = costs.reduce(|highest, cost| Ok(highest?.or_higher(cost?)));
        highest.unwrap_or(Ok(Charge::NOTHING))
    }
}
