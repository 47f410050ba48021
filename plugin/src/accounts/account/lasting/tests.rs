//! Periods and purchases, step by step and against plain lists of what was charged when.

use jiff::Timestamp;

use super::*;
use crate::{
    accounts::account::{Account, Admission, Ceiling, CountedAs, InsufficientCredits, PeriodTime},
    model::{
        day::DayNumber,
        period::{Span, Unit, Window},
        policy_name::PolicyName,
    },
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const MONTH: u32 = 1;
const MINUTE: u32 = 2;
const DAY: DayNumber = DayNumber::new(20_000);

fn credits(amount: u64) -> Credits {
    Credits::new(amount).unwrap()
}

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + milliseconds).unwrap()
}

/// The month of so many days from the beginning of this one.
fn month(number: i64) -> PeriodTime {
    let start = |number: i64| at(number * 30 * 86_400_000);
    let span = Span {
        start: start(number),
        end: start(number + 1),
    };
    PeriodTime::Calendar(span, span.start.as_second())
}

fn minute(milliseconds: i64) -> PeriodTime {
    let window = Window::of_seconds(60).unwrap();
    PeriodTime::Rolling(window, window.step_at(at(milliseconds)))
}

fn period(id: u32, unit: Unit, limit: u64, time: PeriodTime) -> PeriodClaim {
    PeriodClaim {
        id,
        name: PolicyName::known("p"),
        limit,
        enforced: true,
        unit,
        time,
        counted: None,
    }
}

fn periods(periods: Vec<PeriodClaim>) -> LastingClaim {
    LastingClaim {
        periods,
        day: credits(1_000),
        ..LastingClaim::default()
    }
}

fn bought(day: u64, purchases: &[(u32, u64)]) -> LastingClaim {
    let claim = |(id, amount): &(u32, u64)| PurchaseClaim {
        id: *id,
        credits: credits(*amount),
    };
    LastingClaim {
        periods: Vec::new(),
        purchases: purchases.iter().map(claim).collect(),
        day: credits(day),
    }
}

fn charge(account: &Account, claim: &LastingClaim, cost: u64) -> Result<Account, NotAdmitted> {
    let charged = account.admit(&Admission {
        cost: credits(cost),
        allotment: Some(claim.day),
        slot: None,
        ceiling: Ceiling::Allotment,
        client: None,
        lasting: Some(claim),
    })?;
    // As the next call reads it.
    let read = Account::from_record(&charged.to_record()).unwrap();
    assert_eq!(read, charged);
    Ok(read)
}

fn short(result: Result<Account, NotAdmitted>) -> (u64, Option<Timestamp>) {
    match result {
        Err(NotAdmitted::Period(short)) => (short.remaining, short.enough_at),
        other => panic!("{other:?}"),
    }
}

/// As what a call was counted that took an account from one to the other.
fn as_counted(claim: &LastingClaim, before: &Account, after: &Account) -> CountedAs {
    CountedAs::new(None, Some(Rc::new(claim.clone())), before, after)
}

/// What is used of each purchase.
fn used_of(account: &Account, ids: [u32; 2]) -> [u64; 2] {
    let lasting = account.lasting().unwrap();
    ids.map(|id| lasting.purchase(id).used().get())
}

#[test]
fn a_month_holds_more_than_a_day_and_begins_anew() {
    let claim = |number| periods(vec![period(MONTH, Unit::Credits, 10, month(number))]);
    let account = charge(&Account::opened(DAY), &claim(0), 6).unwrap();
    let tomorrow = account.on(DayNumber::new(20_001));
    assert_eq!(tomorrow.used(), Credits::ZERO);
    let PeriodTime::Calendar(span, _) = month(0) else {
        panic!();
    };
    let left = (4, Some(span.end));
    assert_eq!(short(charge(&tomorrow, &claim(0), 5)), left);
    assert_eq!(short(charge(&tomorrow, &claim(0), 11)), (4, None));
    let full = charge(&tomorrow, &claim(0), 4).unwrap();
    assert_eq!(short(charge(&full, &claim(0), 1)).0, 0);
    charge(&full, &claim(1), 10).unwrap();
}

#[test]
fn a_call_is_counted_in_the_day_and_in_each_period_or_in_none() {
    let claim = periods(vec![
        period(MONTH, Unit::Credits, 100, month(0)),
        period(MINUTE, Unit::Requests, 2, minute(0)),
    ]);
    let account = charge(&Account::opened(DAY), &claim, 7).unwrap();
    let account = charge(&account, &claim, 7).unwrap();
    // What was used is free a minute and a twentieth after the step in which it was used.
    let (left, enough_at) = short(charge(&account, &claim, 7));
    assert_eq!((left, enough_at > Some(at(60_000))), (0, true));
    assert!(enough_at <= Some(at(63_000)));
    let used = |claim: &PeriodClaim| account.lasting().unwrap().period(claim).used();
    let counted: Vec<_> = claim.periods.iter().map(used).collect();
    assert_eq!((account.used(), counted), (credits(14), vec![14, 2]));
}

#[test]
fn a_refund_comes_back_where_it_was_counted_and_a_request_stays_one() {
    let claim = |milliseconds, number| {
        periods(vec![
            period(MONTH, Unit::Credits, 100, month(number)),
            period(MINUTE, Unit::Credits, 100, minute(milliseconds)),
            period(3, Unit::Requests, 100, minute(milliseconds)),
        ])
    };
    let (then, now) = (claim(0, 0), claim(30_000, 0));
    let first = charge(&Account::opened(DAY), &then, 7).unwrap();
    let counted_as = as_counted(&then, &Account::opened(DAY), &first);
    let account = charge(&first, &now, 5).unwrap();
    let used = |account: &Account, claim: &LastingClaim| -> Vec<u64> {
        let lasting = account.lasting().unwrap();
        let periods = claim.periods.iter();
        periods.map(|claim| lasting.period(claim).used()).collect()
    };
    let refunded = account.refund(DAY, credits(4), &counted_as);
    assert_eq!(used(&refunded, &now), [8, 8, 2]);
    assert_eq!(refunded.used(), credits(8));
    // What was used first is over now, so that nothing of it is given back; the day is over as well, and the month is not.
    let later = claim(64_000, 0);
    let tomorrow = charge(&account.clone().on(DayNumber::new(20_001)), &later, 1).unwrap();
    let refunded = tomorrow.refund(DAY, credits(4), &counted_as);
    assert_eq!(used(&refunded, &later), [9, 6, 2]);
    assert_eq!(refunded.used(), credits(1));
    let next = claim(64_000, 1);
    let refunded = charge(&account, &next, 1).unwrap();
    let refunded = refunded.refund(DAY, credits(4), &counted_as);
    assert_eq!(used(&refunded, &next)[0], 1, "of a month that is over");
}

#[test]
fn a_higher_price_is_charged_as_far_as_every_period_has_it() {
    let claim = periods(vec![period(MONTH, Unit::Credits, 10, month(0))]);
    let account = charge(&Account::opened(DAY), &claim, 4).unwrap();
    let counted_as = as_counted(&claim, &Account::opened(DAY), &account);
    let more = account.charge_more(DAY, credits(90), Some(credits(1_000)), &counted_as);
    assert_eq!(more.used(), credits(10));
    assert_eq!(short(charge(&more, &claim, 1)).0, 0);
}

#[test]
fn a_limit_that_changes_counts_at_once_and_resets_nothing() {
    let claim = |limit| periods(vec![period(MONTH, Unit::Credits, limit, month(0))]);
    let account = charge(&Account::opened(DAY), &claim(10), 10).unwrap();
    assert_eq!(short(charge(&account, &claim(5), 1)).0, 0);
    assert_eq!(short(charge(&account, &claim(11), 2)).0, 1);
    // A call that another configuration decides, which knows no periods, leaves what is counted.
    let elsewhere = charge(&account, &periods(Vec::new()), 1).unwrap();
    assert_eq!(short(charge(&elsewhere, &claim(10), 1)).0, 0);
}

#[test]
fn a_clock_that_steps_back_gives_nothing_back_and_one_that_ran_ahead_is_forgiven() {
    let claim = |milliseconds, number| {
        periods(vec![
            period(MONTH, Unit::Credits, 10, month(number)),
            period(MINUTE, Unit::Credits, 10, minute(milliseconds)),
        ])
    };
    let account = charge(&Account::opened(DAY), &claim(6_000, 1), 6).unwrap();
    let back = charge(&account, &claim(0, 0), 3).unwrap();
    assert_eq!(short(charge(&back, &claim(6_000, 1), 2)).0, 1);
    // Ahead by years: all that was used counts now, and is over when the month and the minute are.
    let ahead = charge(&Account::opened(DAY), &claim(4_000_000_000, 50), 6).unwrap();
    assert_eq!(short(charge(&ahead, &claim(0, 0), 5)).0, 4);
    let right = charge(&ahead, &claim(0, 0), 4).unwrap();
    charge(&right, &claim(64_000, 1), 10).unwrap();
}

#[test]
fn purchases_are_used_after_the_day_the_first_one_first() {
    let claim = bought(10, &[(7, 5), (8, 20)]);
    let account = charge(&Account::opened(DAY), &claim, 8).unwrap();
    assert_eq!(account.purchased(&claim), credits(25));
    assert_eq!(used_of(&account, [7, 8]), [0, 0]);
    let account = charge(&account, &claim, 9).unwrap();
    assert_eq!(
        (account.used(), used_of(&account, [7, 8])),
        (credits(17), [5, 2])
    );
    let refused = charge(&account, &claim, 19).unwrap_err();
    let lacks = InsufficientCredits {
        cost: credits(19),
        remaining: credits(18),
    };
    assert_eq!(refused, lacks.into());
    // A refund gives back to what was used last.
    let counted_as = as_counted(&claim, &account, &account);
    let refunded = account.refund(DAY, credits(4), &counted_as);
    assert_eq!(used_of(&refunded, [7, 8]), [3, 0]);
    let more = account.charge_more(DAY, credits(90), Some(credits(10)), &counted_as);
    assert_eq!(
        (more.used(), used_of(&more, [7, 8])),
        (credits(35), [5, 20])
    );
    // On the next day, the day's own credits are there again, and what was used of purchases is gone.
    let tomorrow = account.on(DayNumber::new(20_001));
    assert_eq!(tomorrow.purchased(&claim), credits(18));
    let tomorrow = charge(&tomorrow, &claim, 28).unwrap();
    assert_eq!(used_of(&tomorrow, [7, 8]), [5, 20]);
    charge(&tomorrow, &claim, 1).unwrap_err();
}

#[test]
fn a_day_that_is_raised_gives_back_to_purchases_and_one_that_is_over_keeps_what_it_paid() {
    let account = charge(&Account::opened(DAY), &bought(10, &[(7, 50)]), 30).unwrap();
    assert_eq!(used_of(&account, [7, 8]), [20, 0]);
    let raised = charge(&account, &bought(25, &[(7, 50)]), 1).unwrap();
    assert_eq!(used_of(&raised, [7, 8]), [6, 0]);
    // It cannot be used any more, and has paid for what it paid.
    let over = bought(10, &[(8, 5)]);
    assert_eq!(account.purchased(&over), credits(25));
    let other = charge(&account, &over, 5).unwrap();
    assert_eq!(used_of(&other, [7, 8]), [20, 5]);
    charge(&other, &over, 1).unwrap_err();
}

/// This month, as seen by a clock at so many days since its beginning.
fn seen(number: i64, days: i64) -> PeriodTime {
    let PeriodTime::Calendar(span, first) = month(number) else {
        panic!();
    };
    PeriodTime::Calendar(span, first + days * 86_400)
}

#[test]
fn a_clock_that_ran_into_the_next_month_leaves_no_counter_there() {
    let claim = |number, days| periods(vec![period(MONTH, Unit::Credits, 10, seen(number, days))]);
    let account = charge(&Account::opened(DAY), &claim(0, 20), 3).unwrap();
    let ahead = charge(&account, &claim(1, 10), 4).unwrap();
    // Set right again: the month counts what is known of it, and the next one begins with nothing used.
    let right = charge(&ahead, &claim(0, 20), 6).unwrap();
    assert_eq!(short(charge(&right, &claim(0, 21), 1)).0, 0);
    charge(&right, &claim(1, 0), 10).unwrap();
    // A few seconds ahead, it stays: the month comes once more.
    let early = charge(&account, &claim(1, 0), 4).unwrap();
    let back = charge(&early, &claim(0, 29), 6).unwrap();
    assert_eq!(short(charge(&back, &claim(1, 0), 1)).0, 0);
}

#[test]
fn a_month_that_begins_elsewhere_is_the_same_and_corrections_find_it() {
    let shifted = |hours: i64| {
        let start = |days: i64| at(days * 86_400_000 + hours * 3_600_000);
        let span = Span {
            start: start(0),
            end: start(30),
        };
        let now = span.start.as_second() + 10 * 86_400;
        periods(vec![period(
            MONTH,
            Unit::Credits,
            10,
            PeriodTime::Calendar(span, now),
        )])
    };
    for (before, after) in [(0, 8), (0, -8), (0, 14 * 24)] {
        let (before, after) = (shifted(before), shifted(after));
        let account = charge(&Account::opened(DAY), &before, 9).unwrap();
        let counted_as = as_counted(&before, &Account::opened(DAY), &account);
        assert_eq!(short(charge(&account, &after, 2)).0, 1);
        let moved = charge(&account, &after, 1).unwrap();
        let used = |account: &Account| {
            let lasting = account.lasting().unwrap();
            lasting.period(&after.periods[0]).used()
        };
        assert_eq!(used(&moved), 10);
        let more = moved.charge_more(DAY, credits(5), None, &counted_as);
        assert_eq!(more.used(), credits(10), "nothing is left for it");
    }
    let (before, after) = (shifted(0), shifted(8));
    let account = charge(&Account::opened(DAY), &before, 9).unwrap();
    let counted_as = as_counted(&before, &Account::opened(DAY), &account);
    let moved = charge(&account, &after, 1).unwrap();
    let refunded = moved.refund(DAY, credits(4), &counted_as);
    let lasting = refunded.lasting().unwrap();
    assert_eq!(lasting.period(&after.periods[0]).used(), 6);
}

#[test]
fn a_month_that_begins_earlier_or_later_ends_where_it_says() {
    let of_days = |first: i64, last: i64, now: i64| {
        let start = |day: i64| at(day * 86_400_000);
        let span = Span {
            start: start(first),
            end: start(last),
        };
        let now = start(now).as_second();
        periods(vec![period(
            MONTH,
            Unit::Credits,
            10,
            PeriodTime::Calendar(span, now),
        )])
    };
    // From the 15th on, and then from the 1st on; and the other way round.
    for (before, after, next) in [
        (of_days(14, 44, 20), of_days(0, 30, 21), of_days(30, 61, 30)),
        (
            of_days(0, 30, 10),
            of_days(-16, 14, 11),
            of_days(14, 44, 14),
        ),
        (of_days(-1, 27, 5), of_days(0, 28, 6), of_days(28, 59, 28)),
    ] {
        let account = charge(&Account::opened(DAY), &before, 9).unwrap();
        let counted_as = as_counted(&before, &Account::opened(DAY), &account);
        let moved = charge(&account, &after, 1).unwrap();
        assert_eq!(short(charge(&moved, &after, 1)).0, 0);
        charge(&moved, &next, 10).unwrap();
        let refunded = moved.refund(DAY, credits(4), &counted_as);
        assert_eq!(short(charge(&refunded, &after, 5)).0, 4);
    }
}

#[test]
fn what_came_free_of_charge_at_first_is_charged_in_its_period_when_its_price_is_known() {
    let claim = periods(vec![period(MINUTE, Unit::Credits, 10, minute(0))]);
    let account = charge(&Account::opened(DAY), &claim, 0).unwrap();
    let counted_as = as_counted(&claim, &Account::opened(DAY), &account);
    let more = account.charge_more(DAY, credits(50), None, &counted_as);
    assert_eq!(more.used(), credits(10));
    assert_eq!(short(charge(&more, &claim, 1)).0, 0);
}

#[test]
fn a_call_that_comes_late_is_corrected_where_it_was_counted() {
    let claim = |milliseconds, time| {
        periods(vec![
            period(MONTH, Unit::Credits, 100, time),
            period(MINUTE, Unit::Credits, 100, minute(milliseconds)),
        ])
    };
    // Another worker was first in the next month and step.
    let first = charge(&Account::opened(DAY), &claim(3_000, month(1)), 5).unwrap();
    let late = charge(&first, &claim(0, seen(0, 30)), 7).unwrap();
    let counted_as = as_counted(&claim(0, seen(0, 30)), &first, &late);
    let refunded = late.refund(DAY, credits(7), &counted_as);
    let used = |account: &Account| -> Vec<u64> {
        let now = claim(3_000, month(1));
        let lasting = account.lasting().unwrap();
        let periods = now.periods.iter();
        periods
            .map(|period| lasting.period(period).used())
            .collect()
    };
    assert_eq!((used(&late), used(&refunded)), (vec![12, 12], vec![5, 5]));
}

#[test]
fn a_higher_price_is_measured_by_what_counts_when_it_is_known() {
    let claim = |milliseconds| {
        periods(vec![period(
            MINUTE,
            Unit::Credits,
            10,
            minute(milliseconds),
        )])
    };
    let account = charge(&Account::opened(DAY), &claim(0), 10).unwrap();
    let counted_as = as_counted(&claim(0), &Account::opened(DAY), &account);
    let now = |milliseconds| counted_as.clone().at(Some(Rc::new(claim(milliseconds))));
    let more = |counted_as| {
        account
            .charge_more(DAY, credits(5), None, &counted_as)
            .used()
    };
    assert_eq!(more(now(30_000)), credits(10));
    assert_eq!(more(now(300_000)), credits(15));
}

#[test]
fn a_purchase_gets_back_what_it_paid_on_a_day_that_is_over() {
    let claim = bought(10, &[(7, 5), (8, 20)]);
    let before = charge(&Account::opened(DAY), &claim, 12).unwrap();
    let after = charge(&before, &claim, 6).unwrap();
    let counted_as = as_counted(&claim, &before, &after);
    assert_eq!(counted_as.purchased, credits(6));
    let tomorrow = charge(&after.clone().on(DayNumber::new(20_001)), &claim, 1).unwrap();
    let refunded = tomorrow.refund(DAY, credits(6), &counted_as);
    assert_eq!(refunded.used(), credits(1));
    assert_eq!(used_of(&refunded, [7, 8]), [2, 0]);
    // What the day itself has given back already, nobody gets a second time.
    let less = after.refund(DAY, credits(8), &as_counted(&claim, &before, &before));
    assert_eq!(used_of(&less, [7, 8]), [0, 0]);
    let tomorrow = charge(&less.on(DayNumber::new(20_001)), &claim, 12).unwrap();
    let later = charge(&tomorrow.clone().on(DayNumber::new(20_002)), &claim, 1).unwrap();
    for account in [tomorrow, later] {
        let refunded = account.refund(DAY, credits(6), &counted_as);
        assert_eq!(used_of(&refunded, [7, 8]), [2, 0]);
    }
}

#[test]
fn a_correction_of_a_call_from_before_a_change_divides_nothing_anew() {
    // The day was lowered meanwhile: what purchases paid by then, they go on paying.
    let account = charge(&Account::opened(DAY), &bought(200, &[(7, 90)]), 100).unwrap();
    let counted_as = as_counted(&bought(200, &[(7, 90)]), &account, &account);
    let lowered = charge(&account, &bought(100, &[(7, 90)]), 50).unwrap();
    assert_eq!(used_of(&lowered, [7, 8]), [50, 0]);
    let refunded = lowered.refund(DAY, credits(10), &counted_as);
    assert_eq!(used_of(&refunded, [7, 8]), [40, 0]);
    // It was raised meanwhile: purchases pay no more than before.
    let account = charge(&Account::opened(DAY), &bought(100, &[(7, 900)]), 150).unwrap();
    let counted_as = as_counted(&bought(100, &[(7, 900)]), &account, &account);
    let raised = charge(&account, &bought(200, &[(7, 900)]), 100).unwrap();
    let refunded = raised.refund(DAY, credits(10), &counted_as);
    assert_eq!(used_of(&refunded, [7, 8]), [40, 0]);
}

#[test]
fn a_record_keeps_what_is_asked_for_however_many_there_have_been() {
    let all = |from: u32| -> Vec<PeriodClaim> {
        let ids = from..from + 8;
        ids.map(|id| period(id, Unit::Credits, 1_000, month(0)))
            .collect()
    };
    let mut account = Account::opened(DAY);
    for from in (0..400).step_by(8) {
        account = charge(&account, &periods(all(from)), 1).unwrap();
    }
    assert!(account.to_record().len() < 2_000);
    let used = |claim: &PeriodClaim| account.lasting().unwrap().period(claim).used();
    assert_eq!(all(392).iter().map(used).collect::<Vec<_>>(), [1; 8]);
}

#[test]
fn bytes_that_are_something_else_are_no_record() {
    let claim = LastingClaim {
        purchases: bought(0, &[(7, 50)]).purchases,
        day: Credits::ZERO,
        ..periods(vec![
            period(MONTH, Unit::Credits, 100, month(0)),
            period(MINUTE, Unit::Requests, 100, minute(0)),
        ])
    };
    let account = charge(&Account::opened(DAY), &claim, 7).unwrap();
    let lasting = account.lasting().unwrap();
    let mut bytes = Vec::new();
    lasting.write(&mut bytes);
    assert_eq!(bytes.len(), lasting.length());
    assert!(Lasting::of(&bytes).is_some());
    for length in 0..bytes.len() {
        assert_eq!(Lasting::of(&bytes[..length]), None, "{length}");
    }
    let mut other = bytes.clone();
    other.push(0);
    assert_eq!(Lasting::of(&other), None);
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use proptest::prelude::*;

    use super::*;

    /// After how many milliseconds the next call comes, what it costs, and whether it is refunded then.
    fn calls() -> impl Strategy<Value = Vec<(i64, u64, bool)>> {
        let gap = prop_oneof![0_i64..2_000, 2_000_i64..70_000];
        prop::collection::vec((gap, 0_u64..6, prop::bool::weighted(0.2)), 1..120)
    }

    proptest! {
        #[test]
        fn no_minute_ever_holds_more_than_its_limit_and_what_is_over_is_free(calls in calls()) {
            const LIMIT: u64 = 10;
            let mut account = Account::opened(DAY);
            let mut charged = Vec::<(i64, u64)>::new();
            let mut now = 0;
            for (gap, cost, refunded) in calls {
                now += gap;
                let claim = periods(vec![period(MINUTE, Unit::Credits, LIMIT, minute(now))]);
                let within = |length: i64| -> u64 {
                    let late = charged.iter().filter(|(then, _)| now - then < length);
                    late.map(|(_, cost)| cost).sum()
                };
                match charge(&account, &claim, cost) {
                    Ok(after) => {
                        prop_assert!(within(60_000) + cost <= LIMIT);
                        let counted_as = as_counted(&claim, &account, &after);
                        account = after;
                        if refunded {
                            account = account.refund(DAY, credits(cost), &counted_as);
                        } else {
                            charged.push((now, cost));
                        }
                    }
                    Err(NotAdmitted::Period(short)) => {
                        prop_assert!(within(63_000) + cost > LIMIT);
                        let enough_at = short.enough_at.unwrap();
                        prop_assert!(at(now) < enough_at);
                        // One who comes again then is admitted.
                        let then = enough_at.as_millisecond() - at(0).as_millisecond();
                        let claim = periods(vec![period(MINUTE, Unit::Credits, LIMIT, minute(then))]);
                        prop_assert!(charge(&account, &claim, cost).is_ok());
                    }
                    Err(other) => prop_assert!(false, "{other:?}"),
                }
            }
            prop_assert_eq!(account.used().get(), charged.iter().map(|(_, cost)| cost).sum::<u64>());
        }

        #[test]
        fn purchases_pay_exactly_what_the_days_do_not(days in prop::collection::vec(prop::collection::vec(0_u64..12, 0..6), 1..8)) {
            const OWN: u64 = 10;
            let claim = bought(OWN, &[(7, 15), (8, 12)]);
            let mut account = Account::opened(DAY);
            let mut left = 27;
            for (day, costs) in (20_000..).zip(days) {
                account = account.on(DayNumber::new(day));
                let mut used = 0;
                for cost in costs {
                    let before = account.clone();
                    match charge(&account, &claim, cost) {
                        Ok(after) => {
                            account = after;
                            used += cost;
                        }
                        Err(_) => {
                            prop_assert!(used + cost > OWN + left);
                            prop_assert_eq!(&account, &before);
                        }
                    }
                    prop_assert!(used <= OWN + left);
                }
                left -= used.saturating_sub(OWN);
                let spent = account.lasting().map_or([0, 0], |_| used_of(&account, [7, 8]));
                prop_assert_eq!(spent[0] + spent[1], 27 - left);
                prop_assert!(spent[1] == 0 || spent[0] == 15);
            }
        }
    }
}
