//! Prices: what a rule asks for a call.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::name::{Name, Names};
use super::query::Values;
use super::records::{Arrays, UnreadableBody};
use crate::model::credits::Credits;

/// What a rule asks for a call.
#[derive(Debug)]
pub(super) enum Price {
    /// Always the same.
    Fixed(Credits),
    /// By the value of a query parameter.
    Tiers(Tiers),
    /// By the number of records in the body. Shared with the quotes that wait for the body.
    PerRecord(Arc<PerRecord>),
}

/// A price by the value of a query parameter.
#[derive(Debug)]
pub(super) struct Tiers {
    /// The name of the parameter.
    pub(super) query: Name,
    /// The largest value of each step and its price. Invariant: not empty, ascending.
    pub(super) steps: Vec<(u64, Credits)>,
    /// The price of any larger value.
    pub(super) beyond: Credits,
}

/// A price by the number of records in the body.
#[derive(Debug)]
pub(super) struct PerRecord {
    /// Where the records are.
    pub(super) arrays: Arrays,
    /// What a query calls these arrays.
    pub(super) names: Names,
    /// The price of each group of records.
    pub(super) credits: Credits,
    /// The number of records in a group.
    pub(super) records: NonZeroU64,
    /// The least that a call costs.
    pub(super) at_least: Credits,
}

impl Tiers {
    /// The most that any of the values costs: the first step without one, the most expensive step for what is not a whole number.
    pub(super) fn cost(&self, values: &Values<'_>) -> Credits {
        let first = || self.steps.first().map_or(self.beyond, |&(_, cost)| cost);
        let absent = (!values.surely()).then(first);
        let costs = values.found().map(|value| self.cost_of(value, first));
        costs.chain(absent).max().unwrap_or_default()
    }

    fn cost_of(&self, value: &str, first: impl Fn() -> Credits) -> Credits {
        let value = value.trim();
        if value.is_empty() {
            return first();
        }
        if !value.bytes().all(|byte| byte.is_ascii_digit()) {
            return self.most();
        }
        // Digits that are no `u64` are a larger number than any step names.
        let Ok(value) = value.parse::<u64>() else {
            return self.beyond;
        };
        let step = self.steps.iter().find(|&&(up_to, _)| value <= up_to);
        step.map_or(self.beyond, |&(_, cost)| cost)
    }

    /// The most that any value costs.
    pub(super) fn most(&self) -> Credits {
        self.steps
            .iter()
            .map(|&(_, cost)| cost)
            .fold(self.beyond, Credits::max)
    }
}

impl PerRecord {
    /// The price of a call with this body, and with so many records in its query.
    pub(super) fn cost(&self, body: &[u8], in_query: u64) -> Result<Credits, UnreadableBody> {
        Ok(self.cost_of(self.arrays.count(body)?.saturating_add(in_query)))
    }

    /// The price of a call with so many records.
    pub(super) fn cost_of(&self, records: u64) -> Credits {
        let groups = records.div_ceil(self.records.get());
        self.credits.saturating_mul(groups).max(self.at_least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::cost_table::query::Parameters;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn credits(amount: u64) -> Credits {
        Credits::new(amount).unwrap()
    }

    #[test]
    fn tiers_go_by_the_value_of_a_parameter() {
        fn check(query: &str, expected: u64) {
            let tiers = Tiers {
                query: Name::new("from"),
                steps: vec![
                    (2000, credits(3)),
                    (10_000, credits(200)),
                    (100_000, credits(50)),
                ],
                beyond: credits(100),
            };
            let mut names = Names::default();
            names.add(&tiers.query);
            let parameters = Parameters::read(query, &names).unwrap();
            let cost = tiers.cost(parameters.values(0));
            assert_eq!(cost, credits(expected), "{query}");
        }
        check("", 3);
        check("from", 3);
        check("from=", 3);
        check("from=%20", 3);
        check("from=0", 3);
        check("from=2000", 3);
        check("from=0002000", 3);
        check("from=%202000%0A", 3);
        check("from=2001", 200);
        check("from=10000", 200);
        check("from=10001", 50);
        check("from=100000", 50);
        check("from=100001", 100);
        check("from=18446744073709551615", 100);
        check("from=18446744073709551616", 100);
        check(&format!("from={}", "9".repeat(5000)), 100);
        for strange in [
            "-1", "%2B1", "+", "+1", "1.0", "1e3", "0x10", "abc", "1%00", "%D9%A1", "1%201", "1,2",
        ] {
            check(&format!("from={strange}"), 200);
        }
    }

    #[test]
    fn a_price_per_record_rounds_up_and_has_a_floor() {
        fn check(price: (u64, u64, u64), body: &str, expected: u64) {
            let (amount, records, at_least) = price;
            let mut arrays = Arrays::default();
            arrays.insert("/ids").unwrap();
            let records = NonZeroU64::new(records).unwrap();
            let price = PerRecord {
                arrays,
                names: Names::default(),
                credits: credits(amount),
                records,
                at_least: credits(at_least),
            };
            assert_eq!(
                price.cost(body.as_bytes(), 0).unwrap(),
                credits(expected),
                "{body}"
            );
        }
        let (six_each, one_per_two) = ((6, 1, 6), (1, 2, 1));
        check(six_each, "", 6);
        check(six_each, r#"{"ids":[]}"#, 6);
        check(six_each, r#"{"ids":[1]}"#, 6);
        check(six_each, r#"{"ids":[1,2]}"#, 12);
        check(one_per_two, "{}", 1);
        check(one_per_two, r#"{"ids":[1]}"#, 1);
        check(one_per_two, r#"{"ids":[1,2]}"#, 1);
        check(one_per_two, r#"{"ids":[1,2,3]}"#, 2);
        check((5, 1, 0), "", 0);
    }
}
