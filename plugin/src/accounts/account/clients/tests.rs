//! The clients of one account, step by step.

use super::*;
use crate::accounts::account::CountedAs;
use crate::{
    accounts::account::{Account, Admission, Ceiling},
    model::day::{DayNumber, Seconds},
};
use jiff::Timestamp;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const DAY: DayNumber = DayNumber::new(1);

fn credits(amount: u64) -> Credits {
    Credits::new(amount).unwrap()
}

fn claim(id: &str, most: usize) -> ClientClaim {
    let terms = |cap| ClientTerms {
        cap: Some(credits(cap)),
        slot: None,
    };
    ClientClaim {
        id: ClientId::stated(Some(id)),
        kept: false,
        most,
        own: terms(10),
        others: terms(4),
    }
}

fn charge(account: &Account, claim: &ClientClaim, cost: u64) -> Result<Account, NotAdmitted> {
    account.admit(&Admission {
        cost: credits(cost),
        allotment: Some(credits(25)),
        slot: None,
        ceiling: Ceiling::Allotment,
        client: Some(claim),
        lasting: None,
    })
}

fn used(account: &Account) -> Vec<(String, u64)> {
    let clients = account.clients().into_iter().flat_map(Clients::iter);
    clients
        .map(|(id, client)| (id.to_owned(), client.used.get()))
        .collect()
}

fn named(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    let named = expected.iter();
    named.map(|(id, used)| ((*id).to_owned(), *used)).collect()
}

#[test]
fn a_client_pays_of_its_cap_and_its_organization_of_the_day() {
    let one = charge(&Account::opened(DAY), &claim("a", 8), 10).unwrap();
    let short = charge(&one, &claim("a", 8), 1).unwrap_err();
    let nothing = InsufficientCredits {
        cost: credits(1),
        remaining: Credits::ZERO,
    };
    assert_eq!(short, NotAdmitted::Client(nothing));
    let two = charge(&one, &claim("b", 8), 10).unwrap();
    assert_eq!(used(&two), named(&[("b", 10), ("a", 10)]));
    assert_eq!(
        charge(&two, &claim("c", 8), 6).unwrap_err(),
        NotAdmitted::Insufficient(InsufficientCredits {
            cost: credits(6),
            remaining: credits(5)
        })
    );
}

#[test]
fn clients_beyond_those_that_are_kept_apart_share_one_cap() {
    let account = charge(&Account::opened(DAY), &claim("a", 1), 1).unwrap();
    let account = charge(&account, &claim("b", 1), 3).unwrap();
    assert!(
        charge(&account, &claim("c", 1), 2).is_err(),
        "4 for all others"
    );
    let account = charge(&account, &claim("c", 1), 1).unwrap();
    let account = charge(&account, &claim("a", 1), 9).unwrap();
    assert_eq!(used(&account), named(&[("a", 10), ("(others)", 4)]));
    let named_one = ClientClaim {
        kept: true,
        ..claim("d", 1)
    };
    let account = charge(&account, &named_one, 5).unwrap();
    assert_eq!(
        used(&account),
        named(&[("d", 5), ("a", 10), ("(others)", 4)])
    );
}

#[test]
fn a_million_invented_names_take_no_more_room_than_a_few() {
    let mut account = Account::opened(DAY);
    for number in 0..1_000_000_u32 {
        let id = format!("{number:0>128}");
        if let Ok(charged) = charge(&account, &claim(&id, 8), 1) {
            account = charged;
        }
    }
    // Eight that called first, with a credit each, and all others with four together.
    assert_eq!(account.used(), credits(12));
    assert!(account.to_record().len() < 18 + 4 + 2 + 9 * 140);
}

#[test]
fn a_refund_and_a_higher_price_are_the_clients_too() {
    let account = charge(&Account::opened(DAY), &claim("a", 8), 5).unwrap();
    let client = CountedAs {
        client: Some(ChargedClient {
            id: ClientId::stated(Some("a")),
            cap: Some(credits(10)),
        }),
        ..CountedAs::default()
    };
    let less = account.refund(DAY, credits(2), &client);
    assert_eq!((less.used(), used(&less)), (credits(3), named(&[("a", 3)])));
    let more = account.charge_more(DAY, credits(90), Some(credits(25)), &client);
    assert_eq!(
        (more.used(), used(&more)),
        (credits(10), named(&[("a", 10)]))
    );
    let tomorrow = DayNumber::new(2);
    assert_eq!(account.refund(tomorrow, credits(2), &client), account);
}

#[test]
fn on_another_day_only_clients_with_calls_in_progress_are_remembered() {
    let now = Timestamp::UNIX_EPOCH;
    let lease = Seconds::new(30);
    let slot = Claim {
        worker: WorkerId(1),
        group: Group::NONE,
        held: 0,
        limits: crate::accounts::slots::Limits {
            all: Some(1),
            group: None,
        },
        lease,
        now,
    };
    let busy = ClientClaim {
        own: ClientTerms {
            cap: None,
            slot: Some(slot),
        },
        ..claim("busy", 8)
    };
    let account = charge(&Account::opened(DAY), &busy, 3).unwrap();
    let account = charge(&account, &claim("idle", 8), 3).unwrap();
    let next = account.on(DayNumber::new(2));
    assert_eq!(used(&next), named(&[("busy", 0)]));
    let another = ClientClaim {
        own: ClientTerms {
            cap: None,
            slot: Some(Claim { held: 1, ..slot }),
        },
        ..busy.clone()
    };
    let Err(NotAdmitted::TooMany(calls)) = charge(&next, &another, 3) else {
        panic!("one call of the client may be in progress");
    };
    assert_eq!((calls.limit, calls.of), (1, CallsOf::Client));
    let ended = next.with_calls_of(&another.id, WorkerId(1), 0, lease, now);
    assert!(charge(&ended, &busy, 3).is_ok());
}

#[test]
fn clients_survive_the_record_and_what_is_no_record_is_none() {
    let account = charge(&Account::opened(DAY), &claim("Data Importer", 8), 3).unwrap();
    let account = charge(&account, &claim("https://app.example/cb", 8), 4).unwrap();
    let record = account.to_record();
    assert_eq!(Account::from_record(&record), Ok(account));
    for length in 1..record.len() {
        assert!(Account::from_record(&record[..length]).is_err(), "{length}");
    }
    // What another plugin may have written instead of the clients is no client.
    for byte in 18 + 4..record.len() {
        let mut broken = record.clone();
        broken[byte] = 255;
        let account = Account::from_record(&broken).unwrap();
        let _ = charge(&account, &claim("Data Importer", 8), 3);
    }
}
