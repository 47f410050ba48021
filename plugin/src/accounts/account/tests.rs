//! One account, step by step.

use super::*;
use crate::{
    accounts::slots::{CallsOf, Group, WorkerId},
    model::day::Seconds,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn credits(amount: u64) -> Credits {
    Credits::new(amount).unwrap()
}

fn account(day: i32, used: u64) -> Account {
    Account {
        used: credits(used),
        ..Account::opened(DayNumber::new(day))
    }
}

fn charge(account: &Account, cost: u64, allotment: u64) -> Result<Account, NotAdmitted> {
    let (cost, allotment) = (credits(cost), Some(credits(allotment)));
    account.admit(&Admission {
        cost,
        allotment,
        slot: None,
        ceiling: Ceiling::Allotment,
        client: None,
        lasting: None,
    })
}

fn insufficient(cost: u64, remaining: u64) -> NotAdmitted {
    InsufficientCredits {
        cost: credits(cost),
        remaining: credits(remaining),
    }
    .into()
}

#[test]
fn the_last_credit_is_spendable_and_the_next_is_not() {
    assert_eq!(charge(&account(1, 9), 1, 10), Ok(account(1, 10)));
    assert_eq!(charge(&account(1, 10), 1, 10), Err(insufficient(1, 0)));
}

#[test]
fn a_call_is_paid_in_full_or_not_at_all() {
    assert_eq!(charge(&account(1, 9), 50, 10), Err(insufficient(50, 1)));
}

#[test]
fn a_lowered_allotment_leaves_nothing_and_a_raised_one_counts_at_once() {
    assert_eq!(account(1, 9).remaining(credits(5)), Credits::ZERO);
    assert!(charge(&account(1, 9), 1, 5).is_err());
    assert_eq!(charge(&account(1, 9), 1, 11), Ok(account(1, 10)));
}

#[test]
fn who_is_never_refused_is_counted_all_the_same() {
    let admission = Admission {
        cost: credits(50),
        allotment: None,
        slot: None,
        ceiling: Ceiling::Allotment,
        client: None,
        lasting: None,
    };
    assert_eq!(account(1, 9).admit(&admission), Ok(account(1, 59)));
    let full = Account {
        used: Credits::MAX,
        ..account(1, 0)
    };
    assert_eq!(full.admit(&admission), Ok(full));
}

#[test]
fn a_new_day_starts_with_nothing_used_and_an_earlier_one_never_comes_back() {
    assert_eq!(account(1, 9).on(DayNumber::new(2)), account(2, 0));
    assert_eq!(account(1, 9).on(DayNumber::new(1)), account(1, 9));
    assert_eq!(account(2, 9).on(DayNumber::new(1)), account(2, 9));
    assert_eq!(
        account(1, 9).with_warned(3).on(DayNumber::new(2)).warned(),
        0
    );
}

#[test]
fn a_call_without_a_slot_is_not_charged_and_one_without_credits_takes_no_slot() {
    let claim = Claim {
        worker: WorkerId(1),
        group: Group::NONE,
        held: 1,
        limits: Limits {
            all: Some(1),
            group: None,
        },
        lease: Seconds::new(30),
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    let admission = Admission {
        cost: credits(1),
        allotment: Some(credits(10)),
        slot: Some(claim),
        ceiling: Ceiling::Allotment,
        client: None,
        lasting: None,
    };
    let too_many = TooManyCalls {
        in_progress: 1,
        limit: 1,
        of: CallsOf::Organization,
    };
    assert_eq!(
        account(1, 0).admit(&admission),
        Err(NotAdmitted::TooMany(too_many))
    );
    let admission = Admission {
        slot: Some(Claim { held: 0, ..claim }),
        ..admission
    };
    let admitted = account(1, 9).admit(&admission).unwrap();
    assert_eq!(
        (admitted.used(), admitted.slots().holdings().len()),
        (credits(10), 1)
    );
    assert_eq!(account(1, 10).admit(&admission), Err(insufficient(1, 0)));
}

#[test]
fn calls_in_progress_outlast_the_day() {
    let claim = Claim {
        worker: WorkerId(1),
        group: Group::NONE,
        held: 0,
        limits: Limits::default(),
        lease: Seconds::new(30),
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    let admission = Admission {
        cost: credits(1),
        allotment: None,
        slot: Some(claim),
        ceiling: Ceiling::Allotment,
        client: None,
        lasting: None,
    };
    let next_day = account(1, 0)
        .admit(&admission)
        .unwrap()
        .on(DayNumber::new(2));
    assert_eq!(
        (next_day.used(), next_day.slots().holdings().len()),
        (Credits::ZERO, 1)
    );
}

#[test]
fn a_refund_gives_back_what_was_charged_on_the_same_day_alone() {
    let day = DayNumber::new(1);
    assert_eq!(
        account(1, 9).refund(day, credits(3), &CountedAs::default()),
        account(1, 6)
    );
    assert_eq!(
        account(1, 2).refund(day, credits(3), &CountedAs::default()),
        account(1, 0)
    );
    assert_eq!(
        account(2, 9).refund(day, credits(3), &CountedAs::default()),
        account(2, 9)
    );
}

#[test]
fn what_a_call_costs_more_in_the_end_is_taken_as_far_as_there_are_credits() {
    let (day, ten) = (DayNumber::new(1), Some(credits(10)));
    assert_eq!(
        account(1, 5).charge_more(day, credits(3), ten, &CountedAs::default()),
        account(1, 8)
    );
    assert_eq!(
        account(1, 5).charge_more(day, credits(30), ten, &CountedAs::default()),
        account(1, 10)
    );
    assert_eq!(
        account(1, 5).charge_more(day, credits(30), None, &CountedAs::default()),
        account(1, 35)
    );
    assert_eq!(
        account(2, 5).charge_more(day, credits(3), ten, &CountedAs::default()),
        account(2, 5)
    );
}
