//! The numbers that are shown, and the examples of them that other tests use.

use super::*;
use crate::{
    accounts::statistics::Event,
    model::{client::ClientId, day::DayNumber},
};
use jiff::tz::TimeZoneDatabase;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const RULES: [&str; 3] = ["default", "list", "single action"];

fn credits(amount: u64) -> Credits {
    Credits::new(amount).unwrap()
}

fn allotment(edition: &str, organization: &str) -> Allotment {
    let edition = serde_json::from_str(edition).unwrap();
    Allotment::of(&serde_json::from_str(organization).unwrap(), &edition).unwrap()
}

fn professional() -> Allotment {
    allotment(
        r#"{"base":75000,"per_agent":500}"#,
        r#"{"edition":"Professional","agents":12,"additional":4000}"#,
    )
}

fn facts(zone: &TimeZone) -> Facts<'_> {
    Facts {
        organization: "2389290",
        edition: "Professional",
        data_center: Some("US"),
        plan: Plan {
            agents: Some(12),
            light_agents: Some(3),
            credits_per_agent: Some(credits(500)),
            additional_max: Some(credits(20_000)),
        },
        allotment: professional(),
        terms: Terms::new(Model::Credits, credits(85_000)),
        legacy_limit: None,
        used: credits(55_348),
        elsewhere: None,
        day: Day {
            number: DayNumber::new(20_779),
            start: "2026-11-22T08:00:00Z".parse().unwrap(),
            end: "2026-11-23T08:00:00Z".parse().unwrap(),
        },
        time_zone: zone,
        now: "2026-11-23T02:48:00.5Z".parse().unwrap(),
        concurrency: Some(Concurrency {
            limit: 15,
            in_progress: 2,
        }),
        enforced: true,
        clients: None,
        periods: Vec::new(),
        purchases: Vec::new(),
        purchased: Credits::ZERO,
    }
}

fn zone() -> TimeZone {
    TimeZoneDatabase::bundled()
        .get("America/Los_Angeles")
        .unwrap()
}

fn statistics() -> Statistics {
    let mut statistics = Statistics::opened(DayNumber::new(20_779));
    for (rule, cost, calls) in [
        ("single action", 1, 348),
        ("list", 50, 1_100),
        ("gone", 5, 2),
    ] {
        for _ in 0..calls {
            let cost = credits(cost);
            statistics.add(None, Event::Charged { rule, cost });
        }
    }
    statistics.add(None, Event::Refunded(credits(10)));
    statistics.add(None, Event::Refused(Reason::BodyTooLarge));
    statistics.add(None, Event::Refused(Reason::DailyCredits));
    statistics.add(None, Event::Refused(Reason::DailyCredits));
    statistics
}

fn details(change: impl FnOnce(&mut Facts<'_>)) -> Details {
    let zone = zone();
    let mut facts = facts(&zone);
    change(&mut facts);
    Details::new(&facts, &statistics(), &History::default(), RULES)
}

/// One whose clients are told apart, with two days before today.
pub(crate) fn with_clients() -> Details {
    let zone = zone();
    let client = |id| ClientId::stated(Some(id));
    let known = [
        ("importer", Some(60_000), 50_100),
        ("ann@acme.example", None, 5_000),
    ];
    let known = known.map(|(id, cap, used)| ClientBalance {
        id: client(id),
        cap: cap.map(credits),
        used: credits(used),
    });
    let facts = Facts {
        clients: Some(known.to_vec()),
        ..facts(&zone)
    };
    let charged = |rule, cost| Event::Charged {
        rule,
        cost: credits(cost),
    };
    let count = |statistics: &mut Statistics, id, event, times| {
        (0..times).for_each(|_| statistics.add(Some(&client(id)), event));
    };
    let mut today = Statistics::opened(facts.day.number);
    count(&mut today, "importer", charged("list", 50), 1_000);
    count(&mut today, "ann@acme.example", charged("list", 50), 100);
    count(
        &mut today,
        "importer",
        Event::Refused(Reason::ClientCredits),
        3,
    );
    let day = |number| DayNumber::new(facts.day.number.get() - number);
    let mut first = Statistics::opened(day(3));
    first.add(None, charged("gone", 7));
    let mut second = Statistics::opened(day(1));
    count(&mut second, "importer", charged("list", 50), 2);
    second.add(None, Event::Refused(Reason::DailyCredits));
    let history = History::default().with(&first).with(&second);
    Details::new(&facts, &today, &history, RULES)
}

/// An organization on an ordinary day.
pub(crate) fn ordinary() -> Details {
    details(|_| {})
}

/// One that several proxies share.
pub(crate) fn shared() -> Details {
    details(|facts| {
        facts.elsewhere = Some(Elsewhere {
            used: credits(20_348),
            reserved: credits(1_652),
            age: Some(Seconds::new(1)),
        });
    })
}

/// One that keeps its API limit because it is higher.
pub(crate) fn grandfathered() -> Details {
    details(|facts| {
        facts.terms = Terms::new(Model::Grandfathered, credits(100_000));
        facts.legacy_limit = Some(credits(100_000));
        facts.used = credits(86_000);
    })
}

/// One whose calls count against its API limit.
pub(crate) fn legacy() -> Details {
    details(|facts| {
        facts.terms = Terms::new(Model::Legacy, credits(15_000));
        facts.legacy_limit = Some(credits(15_000));
        facts.used = credits(1_448);
    })
}

fn split(details: &Details) -> Vec<(PartKind, u64, u64)> {
    let parts = details.parts.iter();
    parts
        .map(|part| (part.kind, part.allotted.get(), part.used.get()))
        .collect()
}

#[test]
fn overage_comes_after_everything_else_and_is_no_part_of_the_total() {
    for (used, overage_used, remaining, spendable) in [
        (84_000, 0, 1_000, 9_500),
        (85_000, 0, 0, 8_500),
        (90_000, 5_000, 0, 3_500),
        (93_500, 8_500, 0, 0),
    ] {
        let details = details(|facts| {
            facts.used = credits(used);
            facts.terms = facts.terms.with_overage(10);
        });
        let last = split(&details).pop().unwrap();
        assert_eq!(
            last,
            (PartKind::Overage, 8_500, overage_used),
            "{used} used"
        );
        assert_eq!(details.total, credits(85_000));
        assert_eq!(
            (details.remaining, details.spendable),
            (credits(remaining), credits(spendable))
        );
    }
}

#[test]
fn credits_are_used_from_the_base_up() {
    use PartKind::{Additional, Base, Variable};
    for (used, parts) in [
        (0, [0, 0, 0]),
        (75_000, [75_000, 0, 0]),
        (75_001, [75_000, 1, 0]),
        (81_500, [75_000, 6_000, 500]),
        (85_000, [75_000, 6_000, 4_000]),
        (90_000, [75_000, 6_000, 4_000]),
    ] {
        let details = details(|facts| facts.used = credits(used));
        let [base, variable, additional] = parts;
        let expected = [
            (Base, 75_000, base),
            (Variable, 6_000, variable),
            (Additional, 4_000, additional),
        ];
        assert_eq!(split(&details), expected, "{used} used");
        assert_eq!(
            details.remaining.get(),
            85_000_u64.saturating_sub(used),
            "{used} used"
        );
    }
}

#[test]
fn a_higher_limit_is_a_part_of_its_own_and_a_lower_one_none() {
    let higher = grandfathered();
    assert_eq!(
        split(&higher).last(),
        Some(&(PartKind::Grandfathered, 15_000, 1_000))
    );
    let lower = details(|facts| facts.terms.model = Model::Grandfathered);
    assert_eq!(split(&lower).len(), 3);
}

#[test]
fn a_legacy_limit_is_one_part() {
    assert_eq!(split(&legacy()), [(PartKind::Limit, 15_000, 1_448)]);
}

#[test]
fn a_hundred_percent_means_that_nothing_is_left() {
    for (used, total, expected) in [
        (0, 81_000, "0.0"),
        (40, 81_000, "0.0"),
        (81, 81_000, "0.1"),
        (80_999, 81_000, "99.9"),
        (81_000, 81_000, "100.0"),
        (97_200, 81_000, "120.0"),
        (0, 0, "100.0"),
        (Credits::MAX.get(), Credits::MAX.get(), "100.0"),
    ] {
        let percentage = Percentage::of(credits(used), credits(total));
        assert_eq!(percentage.to_string(), expected, "{used} of {total}");
    }
}

#[test]
fn the_reset_is_told_in_the_organizations_zone_and_never_too_early() {
    let details = ordinary();
    assert_eq!(details.resets_at.rfc3339, "2026-11-23T00:00:00-08:00");
    assert_eq!(details.resets_in, Seconds::new(18_720));
    assert_eq!(details.time_zone, "America/Los_Angeles");
}

#[test]
fn operations_get_their_names_back_and_former_ones_are_summed() {
    let rows: Vec<_> = ordinary()
        .operations
        .iter()
        .map(|operation| {
            let Count { calls, credits } = operation.count;
            (operation.rule.clone(), calls, credits.get())
        })
        .collect();
    let expected = [
        ("list", 1_100, 55_000),
        ("single action", 348, 348),
        ("(a former rule)", 2, 10),
    ];
    assert_eq!(rows, expected.map(|(rule, c, n)| (rule.to_owned(), c, n)));
}

#[test]
fn what_is_used_here_is_itemized_or_shown_as_not_yet() {
    for (used, elsewhere, expected) in [
        (55_358, None, 0),
        (55_359, None, 1),
        (60_358, Some(5_000), 0),
        (60_360, Some(5_000), 2),
        // An itemized call may be settled between the two readings.
        (55_000, None, 0),
    ] {
        let details = details(|facts| {
            facts.used = credits(used);
            facts.elsewhere = elsewhere.map(|used| Elsewhere {
                used: credits(used),
                reserved: Credits::ZERO,
                age: None,
            });
        });
        assert_eq!(details.not_itemized, credits(expected), "{used}");
    }
}

#[test]
fn refusals_get_their_reasons_back_the_most_frequent_first() {
    let rows: Vec<_> = ordinary()
        .refusals
        .iter()
        .map(|refusals| (refusals.reason, refusals.calls))
        .collect();
    assert_eq!(rows, [("daily_credits", 2), ("body_too_large", 1)]);
}

#[test]
fn each_client_has_what_it_used_whether_it_is_itemized_or_not() {
    let details = with_clients();
    let clients = details.clients.unwrap();
    let rows = clients.iter().map(|client| {
        let id = client.balance.id.as_str();
        let used = client.balance.used.get();
        (id, used, client.not_itemized.get(), client.refused)
    });
    assert_eq!(
        rows.collect::<Vec<_>>(),
        [
            ("importer", 50_100, 100, 3),
            ("ann@acme.example", 5_000, 0, 0)
        ]
    );
    assert_eq!(clients[0].operations[0].rule, "list");
    assert_eq!(clients[0].operations[0].count.calls, 1_000);
}

#[test]
fn todays_pace_tells_when_nothing_is_left() {
    let at = |used| {
        let details = details(|facts| facts.used = credits(used));
        details.runs_out_at.map(|at| at.time)
    };
    // Used since midnight, it is 18:48 now.
    assert_eq!(at(84_000).as_deref(), Some("19:01:26"));
    assert_eq!(at(55_348), None, "lasts until the end of the day");
    assert_eq!(at(85_000), None, "nothing is left already");
    assert_eq!(at(0), None);
}
