//! The tally and the shared statistics.

use super::*;
use crate::{
    accounts::{ledger::fake::FakeSharedData, statistics::NameHash},
    model::{credits::Credits, namespace::Namespace, reason::Reason},
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const TODAY: DayNumber = DayNumber::new(20_779);
const TOMORROW: DayNumber = DayNumber::new(20_780);

/// An account holder of this name.
pub(crate) fn holder(name: &str) -> Rc<AccountHolder> {
    let config = br#"{"identity":{"header":"o"},"editions":{"E":{"base":100}},"organizations":{},"strangers":{"share":{"edition":"E"}},"costs":{"default":1}}"#;
    let policy = crate::decide::policy::Policy::from_json(config).unwrap();
    let edition = policy.subscriptions.editions.keys().next().unwrap();
    Rc::new(policy.subscriptions.share(name, edition).unwrap())
}

fn key() -> AccountKey {
    AccountKey::shared(&Namespace::default(), "strangers")
}

fn charged(cost: u64) -> Event<'static> {
    let cost = Credits::new(cost).unwrap();
    Event::Charged { rule: "list", cost }
}

fn lists(statistics: &Statistics) -> (u64, u64) {
    let mut named = statistics.operations().named();
    let found = named.find(|(name, _)| *name == NameHash::of("list"));
    found.map_or((0, 0), |(_, count)| (count.calls, count.credits.get()))
}

fn stored(data: &FakeSharedData) -> (u64, u64) {
    let tally = Tally::default();
    lists(&tally.read(&key(), TODAY, data).unwrap())
}

#[test]
fn what_two_workers_counted_adds_up() {
    let data = FakeSharedData::default();
    let (mut one, mut other) = (Tally::default(), Tally::default());
    one.add(&holder("strangers"), TODAY, None, charged(3));
    other.add(&holder("strangers"), TODAY, None, charged(50));
    assert_eq!(one.flush(&data, |_, _| {}).written, 1);
    assert_eq!(other.flush(&data, |_, _| {}).written, 1);
    assert_eq!(stored(&data), (2, 53));
    assert!(one.is_empty() && other.is_empty());
    assert_eq!(one.flush(&data, |_, _| {}), Flushed::default());
    assert_eq!(stored(&data), (2, 53));
}

#[test]
fn a_worker_sees_what_it_has_not_written_yet() {
    let data = FakeSharedData::default();
    let (mut one, mut other) = (Tally::default(), Tally::default());
    one.add(&holder("strangers"), TODAY, None, charged(3));
    one.flush(&data, |_, _| {});
    other.add(&holder("strangers"), TODAY, None, charged(50));
    other.add(
        &holder("strangers"),
        TODAY,
        None,
        Event::Refused(Reason::DailyCredits),
    );
    let seen = other.read(&key(), TODAY, &data).unwrap();
    assert_eq!(lists(&seen), (2, 53));
    assert_eq!(seen.refusals().named().count(), 1);
    assert_eq!(stored(&data), (1, 3));
    assert_eq!(lists(&other.read(&key(), TOMORROW, &data).unwrap()), (0, 0));
}

#[test]
fn statistics_lie_beside_the_account() {
    let data = FakeSharedData::default();
    let mut tally = Tally::default();
    tally.add(&holder("strangers"), TODAY, None, charged(3));
    tally.flush(&data, |_, _| {});
    let keys: Vec<_> = data.dump().into_keys().collect();
    assert_eq!(keys, [format!("{}/statistics/1", key().as_str())]);
}

#[test]
fn what_a_faster_worker_wrote_is_kept() {
    let mut first = true;
    let data = FakeSharedData::with_rival(move |data, key| {
        if std::mem::take(&mut first) {
            let mut rival = Statistics::opened(TODAY);
            rival.add(None, charged(50));
            data.put(key, &rival.to_record());
        }
    });
    let mut tally = Tally::default();
    tally.add(&holder("strangers"), TODAY, None, charged(3));
    let flushed = tally.flush(&data, |_, _| {});
    assert_eq!((flushed.written, flushed.retries), (1, 1));
    assert_eq!(stored(&data), (2, 53));
}

#[test]
fn what_could_not_be_written_is_written_the_next_time() {
    let mut rivals = 20;
    let data = FakeSharedData::with_rival(move |data, key| {
        if rivals > 0 {
            rivals -= 1;
            data.put(key, b"");
        }
    });
    let mut tally = Tally::default();
    tally.add(&holder("strangers"), TODAY, None, charged(3));
    let expected = Flushed {
        written: 0,
        retries: 16,
        kept: 1,
        trouble: Some(StatisticsError::Contended { attempts: 16 }),
    };
    assert_eq!(tally.flush(&data, |_, _| {}), expected);
    tally.add(&holder("strangers"), TODAY, None, charged(50));
    let flushed = tally.flush(&data, |_, _| {});
    assert_eq!((flushed.written, flushed.retries, flushed.kept), (1, 4, 0));
    assert_eq!(stored(&data), (2, 53));
}

#[test]
fn a_refused_call_loses_nothing() {
    let data = FakeSharedData::default();
    let refused = HostRefused {
        call: "proxy_get_shared_data",
        status: 10,
    };
    data.refuse(refused);
    let mut tally = Tally::default();
    tally.add(&holder("strangers"), TODAY, None, charged(3));
    let flushed = tally.flush(&data, |_, _| {});
    assert_eq!(flushed.trouble, Some(StatisticsError::Refused(refused)));
    let willing = FakeSharedData::default();
    tally.flush(&willing, |_, _| {});
    assert_eq!(stored(&willing), (1, 3));
}

#[test]
fn another_plugins_bytes_are_not_overwritten() {
    let data = FakeSharedData::default();
    let place = format!("{}/statistics/1", key().as_str());
    data.put(&place, b"mine");
    let mut tally = Tally::default();
    tally.add(&holder("strangers"), TODAY, None, charged(3));
    let trouble = tally.flush(&data, |_, _| {}).trouble.unwrap();
    assert_eq!(
        trouble.to_string(),
        "the stored statistics are unreadable: statistics of version 109, expected 1"
    );
    assert_eq!(data.dump()[&place], b"mine");
    assert!(!tally.is_empty());
}

#[test]
fn yesterday_does_not_come_back() {
    let data = FakeSharedData::default();
    let (mut late, mut early) = (Tally::default(), Tally::default());
    late.add(&holder("strangers"), TODAY, None, charged(3));
    early.add(&holder("strangers"), TOMORROW, None, charged(50));
    early.flush(&data, |_, _| {});
    let flushed = late.flush(&data, |_, _| {});
    assert_eq!((flushed.written, late.is_empty()), (1, true));
    let tomorrow = Tally::default().read(&key(), TOMORROW, &data).unwrap();
    assert_eq!(lists(&tomorrow), (1, 50));

    late.add(&holder("strangers"), TODAY, None, charged(3));
    late.add(&holder("strangers"), TOMORROW, None, charged(4));
    late.flush(&data, |_, _| {});
    let tomorrow = Tally::default().read(&key(), TOMORROW, &data).unwrap();
    assert_eq!(lists(&tomorrow), (2, 54));
}
