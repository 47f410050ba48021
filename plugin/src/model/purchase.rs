//! Purchases: credits that are bought once, and used on any day from one date to another.
//!
//! Other than an organization's `additional` credits, which are there each day, what is used of a purchase is gone. A purchase is used when
//! the day's own credits are used up, the one that began first before the others.

use serde::Deserialize;

use crate::model::{calendar_date::CalendarDate, credits::Credits, day::DayNumber, sorted::sorted};

/// Credits that an organization has bought once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "Purchase", deny_unknown_fields)]
pub struct Purchase {
    /// How many.
    pub credits: Credits,
    /// The first day on which they can be used.
    pub from: CalendarDate,
    /// The last day on which they can be used.
    pub until: CalendarDate,
}

crate::document::json::objects!(Purchase);

/// A purchase by its name, such as the number of its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPurchase {
    /// Its name: as long as that is the same, so is what was used of it.
    pub name: String,
    /// What was bought.
    pub purchase: Purchase,
}

/// What was used of a purchase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurchaseBalance {
    /// Its name.
    pub name: String,
    /// What was bought.
    pub purchase: Purchase,
    /// What was used of it.
    pub used: Credits,
    /// Whether it can be used today.
    pub is_usable: bool,
}

/// The purchases of an organization, in the order in which they are used: those that begin first before the others, and of these the ones that
/// end first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purchases(Vec<NamedPurchase>);

/// Purchases that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPurchases {
    /// A purchase that ends before it begins.
    #[error("{name:?} is until {until}, expected a day that is not before its first one, {from}")]
    EndsBefore {
        /// Its name.
        name: String,
        /// Its first day.
        from: CalendarDate,
        /// Its last day.
        until: CalendarDate,
    },
    /// An empty name, or one that is too long.
    #[error(
        "invalid name {name:?}, expected 1 to {} bytes",
        Purchases::LONGEST_NAME
    )]
    Name {
        /// What it was.
        name: String,
    },
    /// More purchases than there is room for in a record.
    #[error("{purchases} purchases, expected at most {}", Purchases::MOST)]
    TooMany {
        /// How many.
        purchases: usize,
    },
}

impl Purchases {
    /// The most purchases of an organization: what is used of each is in its record.
    pub const MOST: usize = 32;
    /// The longest name, in bytes.
    pub const LONGEST_NAME: usize = 64;

    /// These purchases, in the order in which they are used.
    ///
    /// # Errors
    /// When there are too many, or one cannot be.
    pub fn new<'a>(
        purchases: impl IntoIterator<Item = (&'a String, &'a Purchase)>,
    ) -> Result<Self, InvalidPurchases> {
        let mut all = Vec::new();
        for (name, purchase) in purchases {
            let Purchase { from, until, .. } = *purchase;
            let name = name.clone();
            if !(1..=Self::LONGEST_NAME).contains(&name.len()) {
                return Err(InvalidPurchases::Name { name });
            }
            if until < from {
                return Err(InvalidPurchases::EndsBefore { name, from, until });
            }
            all.push(NamedPurchase {
                name,
                purchase: *purchase,
            });
        }
        if all.len() > Self::MOST {
            let purchases = all.len();
            return Err(InvalidPurchases::TooMany { purchases });
        }
        Ok(Self(sorted(all, |a, b| {
            let rank = |named: &NamedPurchase| (named.purchase.from, named.purchase.until);
            rank(a).cmp(&rank(b)).then_with(|| a.name.cmp(&b.name))
        })))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &NamedPurchase> {
        self.0.iter()
    }

    /// Those that can be used on `day`.
    pub fn on(&self, day: DayNumber) -> impl Iterator<Item = &NamedPurchase> {
        let today = CalendarDate::of(day);
        self.iter()
            .filter(move |named| named.purchase.from <= today && today <= named.purchase.until)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn purchases(json: &str) -> Result<Purchases, String> {
        let map: BTreeMap<String, Purchase> = serde_json::from_str(json).unwrap();
        Purchases::new(&map).map_err(|error| error.to_string())
    }

    #[test]
    fn what_began_first_is_used_first_from_its_first_day_to_its_last() {
        let all = purchases(
            r#"{"a":{"credits":1,"from":"2026-11-02","until":"2026-11-30"},
                "b":{"credits":2,"from":"2026-11-01","until":"2026-12-31"},
                "c":{"credits":3,"from":"2026-11-01","until":"2026-11-02"}}"#,
        )
        .unwrap();
        // 2026-11-01 is day 20,758.
        let on = |day| -> String {
            let names = all.on(DayNumber::new(day));
            names.map(|named| named.name.as_str()).collect()
        };
        let days = [
            20_757, 20_758, 20_759, 20_760, 20_787, 20_788, 20_818, 20_819,
        ];
        let used = days.map(on);
        assert_eq!(used, ["", "cb", "cba", "ba", "ba", "b", "b", ""]);
    }

    #[test]
    fn purchases_that_cannot_be_say_why() {
        assert_eq!(
            purchases(r#"{"a":{"credits":1,"from":"2026-11-02","until":"2026-11-01"}}"#),
            Err(r#""a" is until 2026-11-01, expected a day that is not before its first one, 2026-11-02"#.to_owned())
        );
        assert_eq!(
            purchases(r#"{"":{"credits":1,"from":"2026-11-02","until":"2026-11-03"}}"#),
            Err(r#"invalid name "", expected 1 to 64 bytes"#.to_owned())
        );
        let many: Vec<_> = (0..33)
            .map(|n| format!(r#""{n}":{{"credits":1,"from":"2026-11-02","until":"2026-11-03"}}"#))
            .collect();
        assert_eq!(
            purchases(&format!("{{{}}}", many.join(","))),
            Err("33 purchases, expected at most 32".to_owned())
        );
    }
}
