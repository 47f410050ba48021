//! Who is in the overview, and with which numbers.

use super::*;
use crate::{
    accounts::{ledger::fake::FakeSharedData, statistics::Event},
    model::reason::Reason,
    outbound::engine::Failure,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const CONFIG: &[u8] = br#"{
    "identity": {"header": "o"}, "editions": {"E": {"base": 100}, "Big": {"base": 1000}},
    "organizations": {"a": {"edition": "E"}, "b": {"edition": "Big"}, "idle": {"edition": "E"}},
    "strangers": {"share": {"edition": "E"}}, "costs": {"default": 1},
    "operators": {"identity": {"header": "x"}, "values": ["y"]}
}"#;

fn now() -> Timestamp {
    "2026-11-30T12:00:00Z".parse().unwrap()
}

fn spend(data: &FakeSharedData, holder: &AccountHolder, amount: u64) {
    let (day, amount) = (holder.day(now()).number, Credits::new(amount).unwrap());
    let posting = Ledger::new(data).post(&holder.key, day, |account| {
        Ok::<_, std::convert::Infallible>(account.charge_more(
            day,
            amount,
            None,
            &crate::accounts::account::CountedAs::default(),
        ))
    });
    posting.result.unwrap();
}

/// A described organization that a worker has entered, as another worker finds it.
fn enter(policy: &Policy, data: &FakeSharedData, id: &str) -> Rc<AccountHolder> {
    let id = OrganizationId::try_from(id.to_owned()).unwrap();
    let edition = policy.subscriptions.editions.keys().next().unwrap().clone();
    let organization = crate::model::organization::Organization::of(edition);
    let holder = policy.subscriptions.subscribe(&id, &organization).unwrap();
    let (holder, roster) = (Rc::new(holder), policy.roster.as_ref().unwrap());
    let day = holder.day(now()).number;
    roster.note(&holder, day, || holder.schedule.at(now()));
    roster.flush(data);
    holder
}

fn rows(overview: &Overview) -> Vec<(&str, u64, u64)> {
    let total = |row: &Row| row.total.map_or(0, |total| total.get());
    let rows = overview.rows.iter();
    rows.map(|row| (row.organization.as_str(), row.used.get(), total(row)))
        .collect()
}

#[test]
fn everybody_is_there_who_is_listed_shares_an_account_or_was_active() {
    let (policy, worker) = (Policy::from_json(CONFIG).unwrap(), Worker::default());
    let data = FakeSharedData::default();
    spend(&data, &policy.organizations["a"], 50);
    spend(&data, &policy.organizations["b"], 51);
    let described = enter(&policy, &data, "described");
    spend(&data, &described, 900);
    let refused = Event::Refused(Reason::DailyCredits);
    worker.counts(&described, described.day(now()).number, None, refused);

    let sorted = |query| {
        let view = View::from_query(query).unwrap();
        policy.overview(&view, &worker, None, now(), &data)
    };
    let by_share = [
        ("described", 900, 1_000),
        ("a", 50, 100),
        ("b", 51, 1_000),
        ("idle", 0, 100),
        ("strangers", 0, 100),
    ];
    let overview = sorted("");
    assert_eq!(rows(&overview), by_share);
    assert_eq!(overview.organizations, 5);
    assert_eq!(
        (overview.is_incomplete, &overview.elsewhere),
        (false, &None)
    );
    assert_eq!(overview.rows[0].refused, 1);
    assert_eq!(rows(&sorted("sort=used&top=2")), [by_share[0], by_share[2]]);
    assert_eq!(rows(&sorted("sort=refused&top=1")), [by_share[0]]);
    assert_eq!(rows(&sorted("search=BIG")), [by_share[0], by_share[2]]);
    let by_id = sorted("sort=organization");
    let ids = rows(&by_id)
        .into_iter()
        .map(|row| row.0)
        .collect::<Vec<_>>();
    assert_eq!(ids, ["a", "b", "described", "idle", "strangers"]);
}

#[test]
fn credits_run_out_at_the_pace_of_the_day() {
    let day = Day {
        number: crate::model::day::DayNumber::new(0),
        start: "2026-11-30T00:00:00Z".parse().unwrap(),
        end: "2026-12-01T00:00:00Z".parse().unwrap(),
    };
    let at = |used, total| {
        let credits = |number| Credits::new(number).unwrap();
        day.runs_out_at(credits(used), credits(total), now())
            .map(|at| at.to_string())
    };
    assert_eq!(at(60, 100).as_deref(), Some("2026-11-30T20:00:00Z"));
    assert_eq!(at(50, 100), None, "just as the day ends");
    assert_eq!(at(1, 1_000_000_000_000), None);
    assert_eq!((at(0, 100), at(100, 100), at(0, 0)), (None, None, None));
}

#[test]
fn what_other_proxies_do_is_what_the_engine_says() {
    let policy = Policy::from_json(CONFIG).unwrap();
    let (data, worker) = (FakeSharedData::default(), Worker::default());
    spend(&data, &policy.organizations["a"], 10);
    let day = |date: &str, used, allotment| DayAtEngine {
        date: CalendarDate::try_from(date.to_owned()).unwrap(),
        used_elsewhere: Credits::new(used).unwrap(),
        reserved: Credits::ZERO,
        allotment: Credits::new(allotment).unwrap(),
        calls_elsewhere: 3,
    };
    let account = |label: &str| Surveyed {
        shared: false,
        label: label.to_owned(),
    };
    let days = HashMap::from([
        (
            account("a"),
            vec![day("2026-11-29", 99, 100), day("2026-11-30", 5, 100)],
        ),
        (account("idle"), vec![day("2026-11-29", 99, 100)]),
        (
            account("far"),
            vec![day("2026-11-29", 8, 10), day("2026-11-30", 7, 10)],
        ),
    ]);
    let mut survey = Survey {
        days,
        failure: None,
    };
    let view = View::from_query("sort=organization").unwrap();
    let overview = policy.overview(&view, &worker, Some(&survey), now(), &data);
    assert_eq!(
        rows(&overview),
        [
            ("a", 15, 100),
            ("b", 0, 1_000),
            ("far", 7, 10),
            ("idle", 0, 100),
            ("strangers", 0, 100)
        ]
    );
    assert_eq!(overview.rows[0].in_progress, 3);
    assert_eq!(overview.elsewhere, Some(Ok(())));
    survey.failure = Some(Failure::TimedOut);
    let overview = policy.overview(&view, &worker, Some(&survey), now(), &data);
    let why = "it does not answer in time".to_owned();
    assert_eq!(overview.elsewhere, Some(Err(why)));
}
