//! What a call will cost, as far as its request headers tell.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::RuleId;
use super::config::Fallback;
use super::price::PerRecord;
use super::records::UnreadableBody;
use crate::credits::Credits;

/// The cost of a call and the rule that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The cost in credits.
    pub cost: Credits,
    /// The rule that priced the call.
    pub rule: RuleId,
}

/// What a call will cost. It does not borrow from the table, so it can wait for the body.
#[derive(Clone, Debug)]
pub enum Quote {
    /// The cost is known.
    Known(Charge),
    /// The cost depends on the records in the body.
    PerRecord(PerRecordQuote),
}

/// What a call will cost once its body is known.
#[derive(Clone, Debug)]
pub struct PerRecordQuote {
    at_least: Charge,
    /// Not empty; more than one only where readings of the call differ.
    prices: Vec<(RuleId, Arc<PerRecord>)>,
}

/// Gathers what the readings of a call cost and keeps the dearest.
#[derive(Debug, Default)]
pub(super) struct Dearest {
    known: Option<Charge>,
    prices: Vec<(RuleId, Arc<PerRecord>)>,
}

impl Quote {
    /// The rule that prices the call, as far as its request headers tell.
    #[must_use]
    pub fn rule(&self) -> RuleId {
        match self {
            Self::Known(charge) => charge.rule,
            Self::PerRecord(quote) => quote.at_least().rule,
        }
    }
}

impl Charge {
    /// The dearer of two charges; of two equal ones, that of a rule rather than the default.
    fn dearer(self, other: Self) -> Self {
        let rank = |charge: Self| (charge.cost, charge.rule != RuleId::DEFAULT);
        if rank(other) > rank(self) {
            other
        } else {
            self
        }
    }
}

impl PerRecordQuote {
    /// What the call costs at least, whatever its body.
    #[must_use]
    pub fn at_least(&self) -> Charge {
        self.at_least
    }

    /// The prices that may apply, each as so many credits for each so many records.
    pub fn prices(&self) -> impl Iterator<Item = (Credits, NonZeroU64)> {
        self.prices
            .iter()
            .map(|(_, price)| (price.credits, price.records))
    }

    /// What the call costs with this body; an empty one has no records.
    ///
    /// # Errors
    ///
    /// The records cannot be counted: the configured fallback applies, see [`PerRecordQuote::fall_back`].
    pub fn settle(&self, body: &[u8]) -> Result<Charge, UnreadableBody> {
        let mut dearest = self.at_least;
        for (rule, price) in &self.prices {
            dearest = dearest.dearer(Charge {
                cost: price.cost(body)?,
                rule: *rule,
            });
        }
        Ok(dearest)
    }

    /// What the call costs if its records cannot be counted: never less than with a body that has none. None if it is refused.
    #[must_use]
    pub fn fall_back(&self, fallback: Fallback) -> Option<Charge> {
        match fallback {
            Fallback::Refuse => None,
            Fallback::Charge(cost) => {
                let rule = self
                    .prices
                    .first()
                    .map_or(self.at_least.rule, |&(rule, _)| rule);
                Some(self.at_least.dearer(Charge { cost, rule }))
            }
        }
    }
}

impl Dearest {
    /// The call may cost this.
    pub(super) fn add(&mut self, charge: Charge) {
        self.known = Some(self.known.map_or(charge, |known| known.dearer(charge)));
    }

    /// The call may cost this per record.
    pub(super) fn add_per_record(&mut self, rule: RuleId, price: &Arc<PerRecord>) {
        if self.prices.iter().any(|(known, _)| *known == rule) {
            return;
        }
        self.add(Charge {
            cost: price.at_least,
            rule,
        });
        self.prices.push((rule, Arc::clone(price)));
    }

    /// The dearest of everything added; nothing added is the default at no cost.
    pub(super) fn into_quote(self) -> Quote {
        let at_least = self.known.unwrap_or(Charge {
            cost: Credits::ZERO,
            rule: RuleId::DEFAULT,
        });
        if self.prices.is_empty() {
            return Quote::Known(at_least);
        }
        Quote::PerRecord(PerRecordQuote {
            at_least,
            prices: self.prices,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::records::Arrays;
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn charge(cost: u64, rule: u32) -> Charge {
        Charge {
            cost: Credits::new(cost).unwrap(),
            rule: RuleId(rule),
        }
    }

    fn per_record(credits: u64, at_least: u64) -> Arc<PerRecord> {
        let mut arrays = Arrays::default();
        arrays.insert("").unwrap();
        let (credits, at_least) = (Credits::saturating(credits), Credits::saturating(at_least));
        Arc::new(PerRecord {
            arrays,
            credits,
            records: NonZeroU64::MIN,
            at_least,
        })
    }

    #[test]
    fn the_dearest_reading_counts() {
        let mut dearest = Dearest::default();
        for reading in [charge(1, 0), charge(3, 1), charge(2, 2), charge(3, 3)] {
            dearest.add(reading);
        }
        let Quote::Known(known) = dearest.into_quote() else {
            panic!()
        };
        assert_eq!(known, charge(3, 1));
    }

    #[test]
    fn a_rule_is_named_rather_than_the_default() {
        for order in [[charge(1, 0), charge(1, 4)], [charge(1, 4), charge(1, 0)]] {
            assert_eq!(order[0].dearer(order[1]), charge(1, 4));
        }
    }

    #[test]
    fn a_known_cost_and_a_price_per_record_are_compared_when_the_body_is_there() {
        let mut dearest = Dearest::default();
        dearest.add(charge(10, 1));
        dearest.add_per_record(RuleId(2), &per_record(6, 7));
        dearest.add_per_record(RuleId(3), &per_record(4, 30));
        let Quote::PerRecord(quote) = dearest.into_quote() else {
            panic!()
        };
        assert_eq!(quote.at_least(), charge(30, 3));
        assert_eq!(quote.settle(b"[1]").unwrap(), charge(30, 3));
        assert_eq!(quote.settle(b"[1,2,3,4,5,6]").unwrap(), charge(36, 2));
        assert_eq!(quote.settle(b"").unwrap(), charge(30, 3));
        assert_eq!(
            quote.settle(b"{}").unwrap_err().to_string(),
            "invalid type: map, expected an array of records, or null at line 1 column 1"
        );
    }

    #[test]
    fn a_fallback_is_never_cheaper_than_no_records() {
        let mut dearest = Dearest::default();
        dearest.add_per_record(RuleId(2), &per_record(6, 7));
        let Quote::PerRecord(quote) = dearest.into_quote() else {
            panic!()
        };
        assert_eq!(quote.fall_back(Fallback::Refuse), None);
        assert_eq!(
            quote.fall_back(Fallback::Charge(Credits::saturating(500))),
            Some(charge(500, 2))
        );
        assert_eq!(
            quote.fall_back(Fallback::Charge(Credits::ZERO)),
            Some(charge(7, 2))
        );
    }
}
