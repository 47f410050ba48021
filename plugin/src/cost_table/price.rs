//! Prices: what a rule asks for a call.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::query::Reading;
use super::records::{Arrays, UnreadableBody};
use crate::credits::Credits;

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
    pub(super) query: String,
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
    /// The price of each group of records.
    pub(super) credits: Credits,
    /// The number of records in a group.
    pub(super) records: NonZeroU64,
    /// The least that a call costs.
    pub(super) at_least: Credits,
}

impl Tiers {
    /// The price in one reading of the query: the first step without a value, the dearest one for what is not a whole number.
    pub(super) fn cost(&self, reading: Reading<'_>) -> Credits {
        let value = reading.value(&self.query).unwrap_or_default().trim();
        if value.is_empty() {
            return self.steps.first().map_or(self.beyond, |&(_, cost)| cost);
        }
        if !value.bytes().all(|byte| byte.is_ascii_digit()) {
            return self.dearest();
        }
        // Digits that are no `u64` are a larger number than any step names.
        let Ok(value) = value.parse::<u64>() else {
            return self.beyond;
        };
        let step = self.steps.iter().find(|&&(up_to, _)| value <= up_to);
        step.map_or(self.beyond, |&(_, cost)| cost)
    }

    /// The most that any value costs.
    pub(super) fn dearest(&self) -> Credits {
        self.steps
            .iter()
            .map(|&(_, cost)| cost)
            .fold(self.beyond, Credits::max)
    }
}

impl PerRecord {
    /// The price of a call with this body.
    pub(super) fn cost(&self, body: &[u8]) -> Result<Credits, UnreadableBody> {
        let groups = self.arrays.count(body)?.div_ceil(self.records.get());
        Ok(self.credits.saturating_mul(groups).max(self.at_least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost_table::query::each_reading;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn credits(amount: u64) -> Credits {
        Credits::new(amount).unwrap()
    }

    #[test]
    fn tiers_go_by_the_value_of_a_parameter() {
        fn check(query: &str, expected: u64) {
            let tiers = Tiers {
                query: "from".to_owned(),
                steps: vec![
                    (2000, credits(3)),
                    (10_000, credits(200)),
                    (100_000, credits(50)),
                ],
                beyond: credits(100),
            };
            let mut cost = None;
            each_reading(query, &["from".to_owned()], |reading| {
                cost = Some(tiers.cost(reading))
            })
            .unwrap();
            assert_eq!(cost, Some(credits(expected)), "{query}");
        }
        check("", 3);
        check("from", 3);
        check("from=", 3);
        check("from=+", 3);
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
            "-1", "%2B1", "1.0", "1e3", "0x10", "abc", "1%00", "%D9%A1", "1%201", "1,2",
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
                credits: credits(amount),
                records,
                at_least: credits(at_least),
            };
            assert_eq!(
                price.cost(body.as_bytes()).unwrap(),
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
