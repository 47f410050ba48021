//! The ledger under conflicts.

use super::{fake::FakeSharedData, *};
use crate::{
    accounts::account::{Admission, Ceiling, InsufficientCredits, NotAdmitted},
    model::credits::Credits,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const TODAY: DayNumber = DayNumber::new(20_779);

fn credits(amount: u64) -> Credits {
    Credits::new(amount).unwrap()
}

fn key() -> AccountKey {
    AccountKey::shared(&Namespace::default(), "callers")
}

/// Charges `cost` of an allotment: what is used then, or why nothing is, and the races lost.
fn charge(
    store: &FakeSharedData,
    cost: u64,
    allotment: u64,
) -> (Result<u64, NotPosted<NotAdmitted>>, u32) {
    let (cost, allotment) = (credits(cost), Some(credits(allotment)));
    let admission = Admission {
        cost,
        allotment,
        slot: None,
        ceiling: Ceiling::Allotment,
        client: None,
        lasting: None,
    };
    let posting = Ledger::new(store).post(&key(), TODAY, |account| account.admit(&admission));
    (
        posting.result.map(|posted| posted.after.used().get()),
        posting.retries,
    )
}

/// What a rival stores that has used `used`.
fn rival(used: u64) -> Vec<u8> {
    let admission = Admission {
        cost: credits(used),
        allotment: None,
        slot: None,
        ceiling: Ceiling::Allotment,
        client: None,
        lasting: None,
    };
    Account::opened(TODAY)
        .admit(&admission)
        .unwrap()
        .to_record()
}

fn used(store: &FakeSharedData) -> u64 {
    Ledger::new(store).peek(&key(), TODAY).unwrap().used().get()
}

#[test]
fn the_first_call_of_an_organization_opens_its_account() {
    let store = FakeSharedData::default();
    assert_eq!(charge(&store, 3, 10), (Ok(3), 0));
    assert_eq!(used(&store), 3);
}

#[test]
fn two_workers_that_open_an_account_at_the_same_moment_both_count() {
    let mut first = true;
    let store = FakeSharedData::with_rival(move |store, key| {
        if std::mem::take(&mut first) {
            store.put(key, &rival(4));
        }
    });
    assert_eq!(charge(&store, 3, 10), (Ok(7), 1));
}

#[test]
fn a_declined_step_changes_nothing() {
    let store = FakeSharedData::default();
    charge(&store, 9, 10).0.unwrap();
    let before = store.dump();
    let insufficient = InsufficientCredits {
        cost: credits(2),
        remaining: credits(1),
    };
    assert_eq!(
        charge(&store, 2, 10),
        (Err(NotPosted::Declined(insufficient.into())), 0)
    );
    assert_eq!(store.dump(), before);
}

#[test]
fn losing_every_race_is_an_outcome_of_its_own_and_charges_nothing() {
    let mut rivals_use = 0;
    let store = FakeSharedData::with_rival(move |store, key| {
        rivals_use += 1;
        store.put(key, &rival(rivals_use));
    });
    let contended = PostingFailure::Contended { attempts: 64 };
    assert_eq!(charge(&store, 1, 1000), (Err(contended.into()), 64));
    assert_eq!(used(&store), 64);
}

#[test]
fn a_step_that_changes_nothing_is_not_stored() {
    let store = FakeSharedData::default();
    let posting = Ledger::new(&store).post(&key(), TODAY, |account| Ok::<_, ()>(account.clone()));
    assert!(posting.result.is_ok());
    assert!(store.dump().is_empty());
}

#[test]
fn an_emptied_key_is_an_account_that_nobody_has_used() {
    let store = FakeSharedData::default();
    store.put(key().as_str(), b"");
    assert_eq!(charge(&store, 1, 1), (Ok(1), 0));
}

#[test]
fn another_plugins_bytes_under_our_key_are_not_overwritten() {
    let store = FakeSharedData::default();
    store.put(key().as_str(), b"mine");
    let length = UnreadableRecord::Length {
        bytes: 4,
        expected: 18,
    };
    assert_eq!(
        charge(&store, 1, 1),
        (Err(PostingFailure::Unreadable(length).into()), 0)
    );
    assert_eq!(store.dump()[key().as_str()], b"mine");
}

#[test]
fn a_call_that_the_host_refuses_is_reported_with_its_status() {
    let store = FakeSharedData::default();
    let refused = HostRefused {
        call: "proxy_get_shared_data",
        status: 10,
    };
    store.refuse(refused);
    assert_eq!(
        charge(&store, 1, 1),
        (Err(PostingFailure::Refused(refused).into()), 0)
    );
}

#[test]
fn every_worker_gets_a_number_of_its_own() {
    let mut first = true;
    let store = FakeSharedData::with_rival(move |store, key| {
        if std::mem::take(&mut first) {
            store.put(key, &1_u32.to_le_bytes());
        }
    });
    let ledger = Ledger::new(&store);
    assert_eq!(ledger.enlist(&Namespace::default()), Ok(WorkerId(2)));
    assert_eq!(ledger.enlist(&Namespace::default()), Ok(WorkerId(3)));
}

#[test]
fn accounts_never_share_a_key() {
    let id = |id: &str| OrganizationId::try_from(id.to_owned()).unwrap();
    assert_eq!(
        AccountKey::of(&Namespace::default(), &id("7")).as_str(),
        "api_credits/1/default/organization/7"
    );
    assert_ne!(
        AccountKey::of(&Namespace::default(), &id("strangers")),
        AccountKey::shared(&Namespace::default(), "strangers")
    );
}
