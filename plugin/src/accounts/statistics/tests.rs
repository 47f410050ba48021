//! Counting, days and the record.

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn credits(amount: u64) -> Credits {
    Credits::new(amount).unwrap()
}

fn day(number: i32) -> DayNumber {
    DayNumber::new(number)
}

fn charged(rule: &str, cost: u64) -> Event<'_> {
    Event::Charged {
        rule,
        cost: credits(cost),
    }
}

fn statistics(number: i32, events: &[Event<'_>]) -> Statistics {
    let mut statistics = Statistics::opened(day(number));
    events.iter().for_each(|&event| statistics.add(None, event));
    statistics
}

fn count(breakdown: &Breakdown, name: &str) -> (u64, u64) {
    let found = breakdown
        .named()
        .find(|(hash, _)| *hash == NameHash::of(name));
    found.map_or((0, 0), |(_, count)| (count.calls, count.credits.get()))
}

#[test]
fn the_hash_is_fnv_1a() {
    // The test vectors of draft-eastlake-fnv.
    for (name, hash) in [
        ("", 0x811c_9dc5),
        ("a", 0xe40c_292c),
        ("foobar", 0xbf9c_f968),
    ] {
        assert_eq!(NameHash::of(name), NameHash(hash), "{name:?}");
    }
}

#[test]
fn calls_and_credits_are_counted_by_rule() {
    let statistics = statistics(
        1,
        &[
            charged("list", 3),
            charged("list", 50),
            charged("get", 1),
            Event::Refunded(credits(50)),
            Event::Refused(Reason::DailyCredits),
            Event::Refused(Reason::DailyCredits),
        ],
    );
    assert_eq!(count(statistics.operations(), "list"), (2, 53));
    assert_eq!(count(statistics.operations(), "get"), (1, 1));
    assert_eq!(count(statistics.operations(), "daily_credits"), (0, 0));
    assert_eq!(count(statistics.refusals(), "daily_credits"), (2, 0));
    let refunds = Count {
        calls: 1,
        credits: credits(50),
    };
    assert_eq!(statistics.refunds(), refunds);
}

#[test]
fn a_new_day_starts_empty_and_an_earlier_one_never_comes_back() {
    let today = statistics(2, &[charged("get", 1)]);
    assert_eq!(today.clone().on(day(3)), Statistics::opened(day(3)));
    assert_eq!(today.clone().on(day(2)), today);
    assert_eq!(today.clone().on(day(1)), today);

    let mut merged = today.clone();
    merged.merge(&statistics(1, &[charged("get", 9)]));
    assert_eq!(merged, today, "yesterday is over");
    merged.merge(&today);
    assert_eq!(count(merged.operations(), "get"), (2, 2));
    let tomorrow = statistics(3, &[charged("list", 3)]);
    merged.merge(&tomorrow);
    assert_eq!(merged, tomorrow);
}

#[test]
fn what_exceeds_the_number_of_names_is_summed() {
    let names: Vec<String> = (0..70).map(|n| format!("rule {n}")).collect();
    let mut events: Vec<_> = names.iter().map(|name| charged(name, 2)).collect();
    events.push(charged("rule 0", 5));
    events.push(charged("rule 69", 5));
    let statistics = statistics(1, &events);
    assert_eq!(statistics.operations().named().count(), 64);
    assert_eq!(count(statistics.operations(), "rule 0"), (2, 7));
    let others = Count {
        calls: 7,
        credits: credits(17),
    };
    assert_eq!(statistics.operations().others(), others);
}

#[test]
fn numbers_stay_full_once_they_are() {
    let mut full = Count {
        calls: u64::MAX,
        credits: Credits::MAX,
    };
    full.add(Count::one(credits(1)));
    assert_eq!((full.calls, full.credits), (u64::MAX, Credits::MAX));
}

#[test]
fn the_record_is_compact_and_stable() {
    let small = statistics(
        20_779,
        &[charged("get", 300), Event::Refused(Reason::DailyCredits)],
    );
    let get = NameHash::of("get").0.to_le_bytes();
    let daily = NameHash::of("daily_credits").0.to_le_bytes();
    let mut expected = vec![1, 0x2b, 0x51, 0, 0, /* refunds */ 0, 0, 1];
    expected.extend(get);
    expected.extend([1, 0xac, 0x02, /* others */ 0, 0, 1]);
    expected.extend(daily);
    expected.extend([1, 0, 0, 0]);
    assert_eq!(small.to_record(), expected);

    let mut typical = Statistics::opened(day(20_779));
    for rule in 0..12 {
        let name = format!("rule {rule}");
        for _ in 0..2_000 {
            typical.add(None, charged(&name, 10));
        }
    }
    for reason in [Reason::DailyCredits, Reason::BodyTooLarge] {
        typical.add(None, Event::Refused(reason));
    }
    typical.add(None, Event::Refunded(credits(50)));
    let record = typical.to_record();
    assert!(record.len() < 200, "{} bytes", record.len());
    assert_eq!(Statistics::from_record(&record), Ok(typical));
}

#[test]
fn the_fullest_record_is_bounded_and_read_back() {
    let mut fullest = Statistics::opened(day(i32::MIN));
    let full = Count {
        calls: u64::MAX,
        credits: Credits::MAX,
    };
    for name in 0..100_u32 {
        fullest.operations.add(NameHash(name), full);
        fullest.refusals.add(NameHash(name), full);
    }
    fullest.refunds = full;
    let record = fullest.to_record();
    assert_eq!(record.len(), 2_877);
    assert_eq!(Statistics::from_record(&record), Ok(fullest));
}

/// Where a record is added to as it stands, the outcome is what taking it apart comes to; where it is not, nothing is said.
#[test]
fn a_record_that_is_added_to_as_it_stands_is_as_if_it_were_taken_apart() {
    let check = |stored: &Statistics, pending: &Statistics, as_it_stands: bool| {
        let mut merged = stored.clone();
        merged.merge(pending);
        let added = Statistics::added_to(&stored.to_record(), pending);
        let expected = as_it_stands.then(|| merged.to_record());
        assert_eq!(added, expected, "{stored:?} and {pending:?}");
    };
    let refused = Event::Refused(Reason::DailyCredits);
    let refunded = Event::Refunded(credits(5));
    let stored = statistics(
        7,
        &[charged("get", 300), charged("list", 3), refused, refunded],
    );
    let of = |events: &[Event<'_>]| statistics(7, events);
    check(&stored, &of(&[]), true);
    check(&stored, &of(&[charged("list", 124)]), true);
    check(
        &stored,
        &of(&[charged("list", 2), charged("get", 9), refused, refunded]),
        true,
    );
    check(&stored, &of(&[charged("list", 125)]), false);
    check(&stored, &of(&[charged("new", 1)]), false);
    check(&stored, &of(&[Event::Refused(Reason::BodyTooLarge)]), false);
    check(&stored, &statistics(8, &[charged("list", 1)]), false);
    check(&stored, &statistics(6, &[charged("list", 1)]), false);

    let mut many = of(&[]);
    (0..300).for_each(|_| many.add(None, charged("get", 50)));
    check(&many, &of(&[charged("get", 1)]), true);
    let mut full = of(&[]);
    let count = Count {
        calls: u64::MAX >> 1,
        credits: Credits::MAX,
    };
    full.operations.add(NameHash::of("get"), count);
    check(&full, &of(&[charged("get", 0)]), false);
    check(&full, &of(&[charged("get", 1)]), false);

    // Records that nobody here writes: a name twice, an amount of credits that cannot be, a number that does not end.
    let get = NameHash::of("get").0.to_le_bytes();
    let head = [&[1, 7, 0, 0, 0, 0, 0][..]].concat();
    let twice = [
        &head[..],
        &[2],
        &get,
        &[1, 1],
        &get,
        &[1, 1],
        &[0, 0, 0, 0, 0],
    ]
    .concat();
    assert_eq!(
        Statistics::added_to(&twice, &of(&[charged("get", 1)])),
        None
    );
    for credits in [
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f][..],
        &[0xff; 12],
    ] {
        let record = [&head[..], &[1], &get, &[1], credits, &[0, 0, 0, 0, 0]].concat();
        assert_eq!(Statistics::added_to(&record, &of(&[refunded])), None);
    }

    let record = stored.to_record();
    let longer = [record.as_slice(), b"!"].concat();
    assert_eq!(Statistics::added_to(&longer, &of(&[])), None);
    for length in 0..record.len() {
        assert_eq!(Statistics::added_to(&record[..length], &of(&[])), None);
    }
}

#[test]
fn the_layouts_version_is_in_the_key() {
    let expected = format!("/statistics/{}", Statistics::VERSION);
    assert_eq!(Statistics::BELOW, expected);
}

#[test]
fn what_is_no_record_is_said_to_be_none() {
    fn check(record: &[u8], expected: &str) {
        let error = Statistics::from_record(record).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    check(
        b"",
        "0 bytes of malformed statistics, 0 of them after what is wrong",
    );
    check(b"mine", "statistics of version 109, expected 1");
    let record = statistics(1, &[charged("get", 1)]).to_record();
    check(
        &record[..record.len() - 1],
        "18 bytes of malformed statistics, 0 of them after what is wrong",
    );
    let longer = [record.as_slice(), b"!"].concat();
    check(
        &longer,
        "20 bytes of malformed statistics, 0 of them after what is wrong",
    );
    let too_many = [1, 0, 0, 0, 0, 0, 0, 65];
    check(
        &too_many,
        "8 bytes of malformed statistics, 0 of them after what is wrong",
    );
    let too_large = [
        1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02,
    ];
    check(
        &too_large,
        "15 bytes of malformed statistics, 0 of them after what is wrong",
    );
}

#[test]
fn every_cut_of_a_record_is_refused() {
    let record = statistics(1, &[charged("get", 300), charged("list", 3)]).to_record();
    for length in 0..record.len() {
        assert!(Statistics::from_record(&record[..length]).is_err());
    }
}
