//! The ledger under conflicts.

use super::{fake::FakeSharedData, *};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const TODAY: DayNumber = DayNumber::new(20_779);

fn credits(amount: u64) -> Credits {
    Credits::new(amount).unwrap()
}

fn key() -> AccountKey {
    AccountKey::shared(&Namespace::default(), "callers")
}

fn used(store: &FakeSharedData) -> u64 {
    Ledger::new(store).peek(&key(), TODAY).unwrap().used().get()
}

#[test]
fn the_first_call_of_an_organization_opens_its_account() {
    let store = FakeSharedData::default();
    let posting = Ledger::new(&store).charge(&key(), TODAY, credits(3), credits(10));
    assert_eq!(posting.result.unwrap().used(), credits(3));
    assert_eq!((posting.retries, used(&store)), (0, 3));
}

#[test]
fn two_workers_that_open_an_account_at_the_same_moment_both_count() {
    let mut first = true;
    let store = FakeSharedData::with_rival(move |store, key| {
        if std::mem::take(&mut first) {
            let rival = Account::opened(TODAY)
                .charge(credits(4), credits(10))
                .unwrap();
            store.put(key, &rival.to_record());
        }
    });
    let posting = Ledger::new(&store).charge(&key(), TODAY, credits(3), credits(10));
    assert_eq!((posting.retries, used(&store)), (1, 7));
}

#[test]
fn a_refused_charge_changes_nothing() {
    let store = FakeSharedData::default();
    let ledger = Ledger::new(&store);
    ledger
        .charge(&key(), TODAY, credits(9), credits(10))
        .result
        .unwrap();
    let before = store.dump();
    let posting = ledger.charge(&key(), TODAY, credits(2), credits(10));
    let insufficient = InsufficientCredits {
        cost: credits(2),
        remaining: credits(1),
    };
    assert_eq!(posting.result, Err(ChargeError::Insufficient(insufficient)));
    assert_eq!(store.dump(), before);
}

#[test]
fn losing_every_race_is_an_outcome_of_its_own_and_charges_nothing() {
    let mut rivals_use = 0;
    let store = FakeSharedData::with_rival(move |store, key| {
        rivals_use += 1;
        let rival = Account::opened(TODAY)
            .charge(credits(rivals_use), credits(1000))
            .unwrap();
        store.put(key, &rival.to_record());
    });
    let posting = Ledger::new(&store).charge(&key(), TODAY, credits(1), credits(1000));
    assert_eq!(posting.result, Err(ChargeError::Contended { attempts: 64 }));
    assert_eq!((posting.retries, used(&store)), (64, 64));
}

#[test]
fn an_emptied_key_is_an_account_that_nobody_has_used() {
    let store = FakeSharedData::default();
    store.put(key().as_str(), b"");
    Ledger::new(&store)
        .charge(&key(), TODAY, credits(1), credits(1))
        .result
        .unwrap();
    assert_eq!(used(&store), 1);
}

#[test]
fn another_plugins_bytes_under_our_key_are_not_overwritten() {
    let store = FakeSharedData::default();
    store.put(key().as_str(), b"mine");
    let posting = Ledger::new(&store).charge(&key(), TODAY, credits(1), credits(1));
    let unreadable = ChargeError::Unreadable(UnreadableRecord::Length { bytes: 4 });
    assert_eq!(posting.result, Err(unreadable));
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
    let posting = Ledger::new(&store).charge(&key(), TODAY, credits(1), credits(1));
    assert_eq!(posting.result, Err(ChargeError::Refused(refused)));
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
