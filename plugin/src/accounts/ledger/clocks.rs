//! Accounts under clocks that run ahead, step back and are set right.

use super::{fake::FakeSharedData, *};
use crate::{
    accounts::account::{Admission, Ceiling, CountedAs, NotAdmitted},
    model::credits::Credits,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const ALLOTMENT: u64 = 100;

fn credits(amount: u64) -> Credits {
    Credits::new(amount).unwrap()
}

fn key() -> AccountKey {
    AccountKey::shared(&Namespace::default(), "callers")
}

/// Charges `cost` on this day; the account then, or why nothing was charged.
fn charge(store: &FakeSharedData, day: i32, cost: u64) -> Result<Account, NotPosted<NotAdmitted>> {
    let admission = Admission {
        cost: credits(cost),
        allotment: Some(credits(ALLOTMENT)),
        slot: None,
        ceiling: Ceiling::Allotment,
        client: None,
        lasting: None,
    };
    let today = DayNumber::new(day);
    let posting = Ledger::new(store).post_now(&key(), today, |account| account.admit(&admission));
    posting.result.map(|posted| posted.after)
}

fn stored(store: &FakeSharedData) -> (i32, u64) {
    let record = &store.dump()[key().as_str()];
    let account = Account::from_record(record).unwrap();
    (account.day().get(), account.used().get())
}

#[test]
fn a_clock_that_was_ahead_by_years_leaves_no_account_there() {
    let store = FakeSharedData::default();
    charge(&store, 22_000, 60).unwrap();
    charge(&store, 20_000, 30).unwrap();
    assert_eq!(stored(&store), (20_000, 90));
    // Refused, and brought back all the same.
    charge(&store, 22_000, 70).unwrap();
    charge(&store, 20_001, 70).unwrap_err();
    assert_eq!(stored(&store), (20_001, 70));
    charge(&store, 20_002, 70).unwrap();
    assert_eq!(stored(&store), (20_002, 70));
}

#[test]
fn a_clock_that_steps_back_a_little_moves_no_account_back() {
    let store = FakeSharedData::default();
    charge(&store, 20_001, 60).unwrap();
    charge(&store, 20_000, 30).unwrap();
    assert_eq!(stored(&store), (20_001, 90));
    charge(&store, 20_000, 30).unwrap_err();
    charge(&store, 20_001, 10).unwrap();
    assert_eq!(stored(&store), (20_001, 100));
}

#[test]
fn what_comes_late_moves_no_account() {
    let store = FakeSharedData::default();
    charge(&store, 20_000, 60).unwrap();
    let refund = |day| {
        let day = DayNumber::new(day);
        let posting = Ledger::new(&store).amend(&key(), day, |account| {
            Ok::<_, NotAdmitted>(account.refund(day, credits(5), &CountedAs::default()))
        });
        posting.result.unwrap();
    };
    // Of a call that lasted for a week, and of one that began while the clock was ahead.
    refund(19_993);
    refund(22_000);
    assert_eq!(stored(&store), (20_000, 60));
    refund(20_000);
    assert_eq!(stored(&store), (20_000, 55));
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// By how many hours the clock goes on, and what is charged then.
    fn history() -> impl Strategy<Value = Vec<(i32, u64)>> {
        let hours = prop_oneof![
            6 => 0..12,
            2 => -23..0,
            1 => 24..60,
            1 => Just(35_000),
            1 => Just(-35_000),
            1 => -100..-24,
        ];
        prop::collection::vec((hours, 0_u64..40), 1..80)
    }

    proptest! {
        #[test]
        fn no_clock_makes_a_day_worth_more_or_keeps_an_account_from_its_next_one(history in history()) {
            let store = FakeSharedData::default();
            let mut hour = 480_000;
            // What was charged on each day, since the account was last brought back: then it takes what it had used with it.
            let mut charged = HashMap::<i32, u64>::new();
            for (step, cost) in history {
                hour += step;
                let today = i32::div_euclid(hour, 24);
                let before = store.dump().get(key().as_str()).map(|_| stored(&store));
                let result = charge(&store, today, cost);
                if let Some((day, used)) = before
                    && day > today + 1
                {
                    charged = HashMap::from([(today, used)]);
                }
                if let Ok(account) = result {
                    *charged.entry(account.day().get()).or_default() += cost;
                    prop_assert_eq!(account.used().get(), charged[&account.day().get()]);
                }
                prop_assert!(charged.values().all(|charged| *charged <= ALLOTMENT));
                let Some((day, _)) = store.dump().get(key().as_str()).map(|_| stored(&store)) else {
                    continue;
                };
                // Never later than tomorrow, and back only if it was.
                prop_assert!(day <= today + 1);
                if let Some((before, _)) = before {
                    prop_assert!(day >= before || before > today + 1);
                }
            }
            // Two days later everything is there again.
            hour += 48;
            prop_assert_eq!(charge(&store, hour.div_euclid(24), ALLOTMENT).unwrap().used().get(), ALLOTMENT);
        }
    }
}
