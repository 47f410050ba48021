//! Whatever workers count and whoever is faster, nothing is lost and nothing is counted twice.
#![cfg(not(target_arch = "wasm32"))]

use std::{cell::Cell, collections::HashMap, rc::Rc};

use proptest::prelude::*;

use super::{tests::holder, *};
use crate::{
    accounts::ledger::fake::FakeSharedData,
    model::{client::ClientId, credits::Credits, reason::Reason},
};

/// What one of the workers does next.
#[derive(Clone, Debug)]
enum Act {
    Charge {
        account: usize,
        rule: usize,
        cost: u64,
    },
    Refund {
        account: usize,
        cost: u64,
    },
    Refuse {
        account: usize,
    },
    /// Flushes while other workers are faster so many times.
    Flush {
        rivals: u32,
    },
    /// A day passes for everybody.
    NextDay,
}

const ACCOUNTS: [&str; 3] = ["a", "b", "c"];

fn acts() -> impl Strategy<Value = Vec<(usize, Act)>> {
    let account = 0..ACCOUNTS.len();
    let act = prop_oneof![
        // More rules than are counted apart.
        8 => (account.clone(), 0_usize..90, 0_u64..200)
            .prop_map(|(account, rule, cost)| Act::Charge { account, rule, cost }),
        2 => (account.clone(), 0_u64..200).prop_map(|(account, cost)| Act::Refund { account, cost }),
        2 => account.prop_map(|account| Act::Refuse { account }),
        3 => (0_u32..24).prop_map(|rivals| Act::Flush { rivals }),
        1 => Just(Act::NextDay),
    ];
    prop::collection::vec((0_usize..3, act), 1..300)
}

fn key(account: usize) -> AccountKey {
    holder(ACCOUNTS[account]).key.clone()
}

fn cost(cost: u64) -> Credits {
    Credits::new(cost).unwrap()
}

/// Charged calls and credits, refunded calls and credits, refused calls.
type Sums = [u64; 5];

fn sums(statistics: &Statistics) -> Sums {
    let operations = statistics.operations();
    let counts = operations.named().map(|(_, count)| count);
    let charged: Vec<_> = counts.chain([operations.others()]).collect();
    let refused = statistics.refusals().named().map(|(_, count)| count.calls);
    [
        charged.iter().map(|count| count.calls).sum(),
        charged.iter().map(|count| count.credits.get()).sum(),
        statistics.refunds().calls,
        statistics.refunds().credits.get(),
        refused.sum(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_nothing_is_counted_twice(acts in acts()) {
        let rivals = Rc::new(Cell::new(0_u32));
        let faster = Rc::clone(&rivals);
        // A rival changes the version and not the counts, as a worker that wrote the same does.
        let data = FakeSharedData::with_rival(move |data, key| {
            if faster.get() > 0 {
                faster.set(faster.get() - 1);
                let stored = data.get(key).unwrap().map(|stored| stored.value);
                data.put(key, &stored.unwrap_or_default());
            }
        });
        let holders = ACCOUNTS.map(holder);
        let (mut told, mut all) = (Sums::default(), Sums::default());
        let mut workers: [Tally; 3] = Default::default();
        let mut expected = HashMap::<(usize, i32), Sums>::new();
        let mut day = 20_779;

        for (worker, act) in acts {
            let tally = &mut workers[worker];
            let mut count = |account: usize, event: Event<'_>, sums: Sums| {
                // Some clients are told apart, others are not.
                let client = (worker > 0).then(|| ClientId::stated(Some(["x", "y", "z"][worker])));
                tally.add(&holders[account], DayNumber::new(day), client.as_ref(), event);
                let known = expected.entry((account, day)).or_default();
                known.iter_mut().zip(sums).for_each(|(known, more)| *known += more);
                all.iter_mut().zip(sums).for_each(|(all, more)| *all += more);
            };
            match act {
                Act::Charge { account, rule, cost: credits } => {
                    let rule = &format!("rule {rule}");
                    count(account, Event::Charged { rule, cost: cost(credits) }, [1, credits, 0, 0, 0]);
                }
                Act::Refund { account, cost: credits } => {
                    count(account, Event::Refunded(cost(credits)), [0, 0, 1, credits, 0]);
                }
                Act::Refuse { account } => {
                    count(account, Event::Refused(Reason::DailyCredits), [0, 0, 0, 0, 1]);
                }
                Act::Flush { rivals: faster } => {
                    rivals.set(faster);
                    let flushed = tally.flush(&data, |_, written| { told.iter_mut().zip(sums(written)).for_each(|(told, more)| *told += more); });
                    rivals.set(0);
                    prop_assert_eq!(flushed.kept == 0, tally.is_empty());
                }
                Act::NextDay => day += 1,
            }
        }
        for tally in &mut workers {
            tally.flush(&data, |_, written| { told.iter_mut().zip(sums(written)).for_each(|(told, more)| *told += more); });
            prop_assert!(tally.is_empty());
        }
        // Also what was counted on days that are over.
        prop_assert_eq!(told, all);
        for account in 0..ACCOUNTS.len() {
            let today = DayNumber::new(day);
            let statistics = Tally::default().read(&key(account), today, &data).unwrap();
            let known = expected.get(&(account, day)).copied().unwrap_or_default();
            prop_assert_eq!(sums(&statistics), known);
            prop_assert!(statistics.operations().named().count() <= 64);
            let (_, history) = Tally::default().history(&key(account), today, &data).unwrap();
            for past in (day - 31).max(20_779)..day {
                let found = history.days().find(|known| known.day().get() == past);
                let known = expected.get(&(account, past)).copied().unwrap_or_default();
                prop_assert_eq!(found.map_or(Sums::default(), sums), known, "day {}", past);
            }
        }
    }
}
