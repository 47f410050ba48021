//! The promises, for any calls in any order with any conflicts: never overspent, all or nothing, conserved.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::accounts::{
    account::{Account, Admission, Ceiling},
    ledger::fake::FakeSharedData,
};

/// One call, and how many times other workers charge a credit at the very moment that it is charged.
#[derive(Clone, Debug)]
struct Call {
    organization: usize,
    cost: u64,
    rivals: u32,
    seconds_later: i64,
}

const ORGANIZATIONS: [&str; 3] = ["1", "2", "3"];

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let call = (0..ORGANIZATIONS.len(), 0_u64..12, 0_u32..80, -5_i64..50_000).prop_map(
        |(organization, cost, rivals, seconds_later)| {
            // Most calls meet few rivals; some meet more than a charge outlasts.
            let rivals = if rivals < 60 { rivals % 4 } else { rivals };
            Call {
                organization,
                cost,
                rivals,
                seconds_later,
            }
        },
    );
    prop::collection::vec(call, 1..60)
}

fn policy(allotments: [u64; 3], costs: u64) -> Rc<Policy> {
    let rules: Vec<_> = (0..costs)
        .map(|cost| serde_json::json!({"name": format!("c{cost}"), "operations": [format!("GET /{cost}")], "cost": cost}))
        .collect();
    let mut editions = serde_json::Map::new();
    let mut organizations = serde_json::Map::new();
    for (id, allotment) in ORGANIZATIONS.into_iter().zip(allotments) {
        editions.insert(id.to_owned(), serde_json::json!({"base": allotment}));
        organizations.insert(id.to_owned(), serde_json::json!({"edition": id}));
    }
    let config = serde_json::json!({
        "identity": {"header": "orgId"},
        "editions": editions,
        "organizations": organizations,
        "costs": {"default": 1, "rules": rules},
    });
    Rc::new(Policy::from_json(config.to_string().as_bytes()).unwrap())
}

/// A store in which `rivals` other workers are faster at the next charges, each by one credit if the account can pay for it.
fn store(
    policy: &Rc<Policy>,
    rivals: &Rc<std::cell::Cell<u32>>,
    spent_by_rivals: &Spent,
) -> FakeSharedData {
    let (policy, rivals, spent) = (
        Rc::clone(policy),
        Rc::clone(rivals),
        Rc::clone(spent_by_rivals),
    );
    FakeSharedData::with_rival(move |store, key| {
        if rivals.get() == 0 {
            return;
        }
        rivals.set(rivals.get() - 1);
        let holder = policy
            .organizations
            .values()
            .find(|holder| holder.key.as_str() == key)
            .unwrap();
        let Some(stored) = store.get(key).unwrap() else {
            return;
        };
        let account = Account::from_record(&stored.value).unwrap();
        let one = Admission {
            cost: Credits::ONE,
            allotment: Some(holder.allotment.total()),
            slot: None,
            ceiling: Ceiling::Allotment,
            client: None,
            lasting: None,
        };
        if let Ok(charged) = account.admit(&one) {
            store.put(key, &charged.to_record());
            *spent
                .borrow_mut()
                .entry((key.to_owned(), account.day().get()))
                .or_default() += 1;
        }
    })
}

type Spent = Rc<std::cell::RefCell<HashMap<(String, i32), u64>>>;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_day_is_overspent_and_what_is_used_is_the_sum_of_what_was_charged(
        allotments in [0_u64..60, 0_u64..60, 0_u64..60],
        calls in calls(),
    ) {
        let policy = policy(allotments, 12);
        let rivals = Rc::new(std::cell::Cell::new(0));
        let spent: Spent = Rc::default();
        let data = store(&policy, &rivals, &spent);
        let mut now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();

        for call in calls {
            now += jiff::SignedDuration::from_secs(call.seconds_later);
            rivals.set(call.rivals);
            let before = data.dump();
            let spent_before = spent.borrow().values().sum::<u64>();
            let mut meter = Meter::new(Rc::clone(&policy), Rc::default());
            let path = format!("/{}", call.cost);
            let identity = ORGANIZATIONS.get(call.organization).copied();
            let head = RequestHead { method: "GET", path: &path, identity, attributes: None, end_of_stream: true, ..RequestHead::default() };
            let verdict = meter.on_request_headers(head, now, &data);
            rivals.set(0);

            let receipt = meter.receipt().unwrap();
            let holder = receipt.holder.as_ref().unwrap();
            match verdict.step {
                Step::Forward => {
                    prop_assert_eq!(receipt.cost.get(), call.cost);
                    if call.cost > 0 {
                        let account = Account::from_record(&data.dump()[holder.key.as_str()]).unwrap();
                        let day = (holder.key.as_str().to_owned(), account.day().get());
                        *spent.borrow_mut().entry(day).or_default() += call.cost;
                    }
                }
                Step::Refuse(_) => {
                    prop_assert_eq!(receipt.cost, Credits::ZERO);
                    if spent.borrow().values().sum::<u64>() == spent_before {
                        prop_assert_eq!(data.dump(), before, "a refused call changes no account");
                    }
                }
                Step::HoldForBody | Step::HoldForDirectory(_) | Step::HoldForEngine(_) | Step::Answer(_) => prop_assert!(false, "nothing to hold for"),
            }
            prop_assert_eq!(verdict.counts.charged, receipt.cost);

            for (key, record) in data.dump() {
                let account = Account::from_record(&record).unwrap();
                let holder = policy.organizations.values().find(|holder| holder.key.as_str() == key).unwrap();
                prop_assert!(account.used() <= holder.allotment.total(), "overspent: {account:?}");
                let sum = spent.borrow().get(&(key, account.day().get())).copied().unwrap_or_default();
                prop_assert_eq!(account.used().get(), sum, "used is the sum of the charges");
            }
        }
    }
}
