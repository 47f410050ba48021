//! A forecast of made-up traffic, recomputed from the log itself by other code: costs by operation, days, limits and refunds.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that panics says so by failing"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use api_credits_tests::artifacts;
use api_credits_tests::traffic::format::Format as Written;
use api_credits_tests::traffic::{Plan, Traffic, organization};
use host_sim::access_log::{Fields, Format, Reader};
use host_sim::forecast::{Change, Forecast, Mapping, Reordering, Replay, remedies};
use host_sim::target::PluginSettings;
use host_sim::{Module, Simulator, StartError};
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Value, json};

/// What the deleting calls are to carry, and what that costs: 6 for each of 3 records.
const BODIES: &str = r#"
[[request.bodies]]
calls = "POST /api/v1/tickets/moveToTrash"
text = '{"ticketIds": ["1", "2", "3"]}'
[[request.bodies]]
calls = "POST /api/v1/closeTickets"
text = '{"ids": ["1", "2", "3"]}'
"#;

/// What was counted for an organization: calls, refused calls, credits charged, and credits that all its calls needed.
type Counts = BTreeMap<String, (u64, u64, u64, u64)>;

/// The example's configuration with these organizations, every tenth of which has very little, and any number of calls at once.
fn configuration(traffic: &Traffic) -> Value {
    let example = std::fs::read_to_string(artifacts::root().join("envoy/filter.json")).unwrap();
    let mut config: Value = serde_json::from_str(&example).unwrap();
    let mut organizations = organization::config(traffic.organizations());
    for entry in organizations
        .as_object_mut()
        .unwrap()
        .values_mut()
        .step_by(10)
    {
        *entry = json!({ "edition": "Demo" });
    }
    config["organizations"] = organizations;
    for edition in config["editions"].as_object_mut().unwrap().values_mut() {
        edition.as_object_mut().unwrap().remove("concurrency");
    }
    config
}

fn mapping() -> Mapping {
    let mapping = Mapping::DEFAULT.replace("\n[properties]", &format!("{BODIES}\n[properties]"));
    Mapping::from_toml(&mapping).unwrap()
}

fn module() -> Module {
    let module = std::fs::read(artifacts::module().unwrap()).unwrap();
    Module::unmetered(&module).unwrap()
}

const DETAILS: &str = "/.well-known/api-credits";

fn start(module: &Module, configuration: &[u8], at: Timestamp) -> Result<Simulator, StartError> {
    let settings = PluginSettings {
        allow_on_headers_stop_iteration: true,
        ..PluginSettings::default()
    };
    let builder = Simulator::builder(module)
        .configuration(configuration)
        .settings(settings);
    builder.untraced().clock(at).start()
}

fn replay(module: &Module, log: &str, configuration: &Value) -> (Replay, Reordering) {
    let mapping = mapping();
    let wanted = mapping.wanted();
    let mut reader = Reader::new(log.as_bytes(), Format::Json, &Fields::new(&wanted));
    let mut reordering = Reordering::new(Duration::from_secs(60), usize::MAX);
    let mut entries = Vec::new();
    while let Some(entry) = reader.next_line().unwrap() {
        reordering.put(entry.unwrap());
        entries.extend(std::iter::from_fn(|| reordering.pop()));
    }
    entries.extend(std::iter::from_fn(|| reordering.pop_any()));
    let simulator = start(
        module,
        configuration.to_string().as_bytes(),
        entries[0].started,
    )
    .unwrap();
    let bytes = configuration.to_string().into_bytes();
    let pricing = start(module, &bytes, entries[0].started).unwrap();
    let mut replay =
        Replay::new(simulator, &mapping, &wanted, Some(DETAILS.to_owned())).priced_by(pricing);
    for entry in &entries {
        replay.take(entry).unwrap();
    }
    replay.finish().unwrap();
    (replay, reordering)
}

fn forecast(log: &str, configuration: &Value) -> Counts {
    let (replay, reordering) = replay(&module(), log, configuration);
    assert!(
        reordering.reordered() > 0,
        "a proxy logs calls when they end"
    );
    assert_eq!(reordering.late(), 0);
    let needs = |name: &str| {
        let all = replay.organizations().iter();
        let found = all.filter(|organization| organization.name == name);
        found
            .flat_map(|organization| &organization.days)
            .map(|day| day.need())
            .sum()
    };
    let forecast = Forecast::new("", &replay, BTreeMap::new());
    let counted = forecast.organizations.iter();
    counted
        .map(|of| {
            (
                of.organization.clone(),
                (of.calls, of.refused, of.cost, needs(&of.organization)),
            )
        })
        .collect()
}

/// The example's prices, written down once more.
fn price(method: &str, path: &str) -> u64 {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let from = query.split('&').find_map(|pair| pair.strip_prefix("from="));
    let from: u64 = from.map_or(0, |from| from.parse().unwrap());
    let lists = ["/tickets", "/search", "/agents", "/departments"];
    match (method, path) {
        ("OPTIONS", _) => 0,
        ("GET", "/api/v1/tasks/count") => 50,
        ("POST", "/api/v1/tickets/updateMany") => 25,
        ("POST", "/api/v1/tickets/moveToTrash") => 18,
        ("POST", "/api/v1/closeTickets") => 2,
        ("GET", path) if lists.iter().any(|list| path.ends_with(list)) => match from {
            0..=2000 => 3,
            2001..=10_000 => 10,
            10_001..=100_000 => 50,
            _ => 100,
        },
        _ => 1,
    }
}

/// Walks over the comings and goings of all calls.
fn recomputed(log: &str, configuration: &Value) -> Counts {
    let zone = TimeZone::get("America/Los_Angeles").unwrap();
    let calls: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let start =
        |call: &Value| -> Timestamp { call["start_time"].as_str().unwrap().parse().unwrap() };
    // At one instant, what ends goes before what comes, and the line that is first goes first.
    let mut moments = Vec::new();
    for (line, call) in calls.iter().enumerate() {
        let took = SignedDuration::from_millis(call["duration"].as_i64().unwrap());
        moments.push((start(call), 1, line));
        moments.push((start(call) + took, 0, line));
    }
    moments.sort_unstable();
    let mut used: BTreeMap<(&str, Date), u64> = BTreeMap::new();
    let mut paid: BTreeMap<usize, (Date, u64)> = BTreeMap::new();
    let mut counts = Counts::new();
    for (at, comes, line) in moments {
        let call = &calls[line];
        let organization = call["organization"].as_str().unwrap();
        let count = counts.entry(organization.to_owned()).or_default();
        if comes == 0 {
            let failed = matches!(call["response_code"].as_u64().unwrap(), 502..=504);
            if let Some((day, cost)) = paid.remove(&line).filter(|_| failed) {
                *used.get_mut(&(organization, day)).unwrap() -= cost;
                count.2 -= cost;
                count.3 -= cost;
            }
            continue;
        }
        let cost = price(
            call["method"].as_str().unwrap(),
            call["path"].as_str().unwrap(),
        );
        let day = at.to_zoned(zone.clone()).date();
        let spent = used.entry((organization, day)).or_default();
        count.0 += 1;
        count.3 += cost;
        if *spent + cost <= limit(configuration, organization) {
            *spent += cost;
            count.2 += cost;
            paid.insert(line, (day, cost));
        } else {
            count.1 += 1;
        }
    }
    counts
}

fn limit(configuration: &Value, organization: &str) -> u64 {
    let organization = &configuration["organizations"][organization];
    let edition = &configuration["editions"][organization["edition"].as_str().unwrap()];
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    number(&edition["base"])
        + number(&edition["per_agent"]) * number(&organization["agents"])
        + number(&organization["additional"])
}

#[test]
fn a_forecast_is_what_the_log_itself_comes_to() {
    let traffic = Traffic::new(&Plan {
        seed: 3,
        organizations: 60,
        start: "2026-11-16T22:00:00Z".parse().unwrap(),
        days: 1,
        calls: 6_000,
    });
    let configuration = configuration(&traffic);
    let organizations = traffic.organizations().to_vec();
    let mut log = Vec::new();
    for call in traffic {
        Written::EnvoyJson
            .put(&mut log, &call, &organizations)
            .unwrap();
    }
    let log = String::from_utf8(log).unwrap();
    let expected = recomputed(&log, &configuration);
    let refused = expected
        .values()
        .filter(|(_, refused, ..)| *refused > 0)
        .count();
    assert!(refused > 3, "{refused} organizations are refused calls");
    assert_eq!(forecast(&log, &configuration), expected);
}

/// Eight calls of one organization in eight seconds, each of which takes five.
fn eight_lists() -> String {
    (0..8)
        .map(|second| {
            let line = json!({
                "start_time": format!("2026-11-16T22:00:0{second}Z"), "method": "GET", "path": "/api/v1/tickets",
                "response_code": 200, "duration": 5000, "organization": "a",
            });
            format!("{line}\n")
        })
        .collect()
}

#[test]
fn what_would_have_sufficed_is_what_the_module_itself_gives_under_other_plans() {
    let configuration = json!({
        "identity": { "header": "orgId" },
        "editions": {
            "Small": { "base": 10, "additional_max": 15, "concurrency": 9 },
            "Narrow": { "base": 100, "concurrency": 3 },
            "Medium": { "base": 20, "per_agent": 1, "concurrency": 9, "additional_max": 0 },
            "Large": { "base": 50 },
        },
        "organizations": { "a": { "edition": "Small", "agents": 4, "additional": 3 } },
        "usage": {},
        "costs": { "default": 1, "rules": [{ "name": "list", "operations": ["GET /api/v1/tickets"], "cost": 3 }] },
    });
    let module = module();
    let (replay, _) = replay(&module, &eight_lists(), &configuration);
    let bytes = configuration.to_string().into_bytes();
    let start = |bytes: &[u8], at| start(&module, bytes, at);
    let remedies = remedies(
        replay.organizations(),
        &mapping(),
        &bytes,
        Some(DETAILS),
        &start,
    )
    .unwrap();
    let forecast = Forecast::new("", &replay, remedies);
    let told = &forecast.organizations[0];
    assert_eq!(
        (told.used, told.need, told.limit, told.refused),
        (12, 24, Some(13), 4)
    );
    let remedy = told.remedy.as_ref().unwrap();
    assert_eq!((remedy.additional, remedy.can_be_bought), (11, Some(true)));
    let plans = remedy.plans.iter();
    let plans: Vec<_> = plans
        .map(|plan| {
            (
                plan.name.as_str(),
                plan.limit,
                plan.concurrency,
                plan.suffices,
            )
        })
        .collect();
    // What was bought has no place in an edition that sells nothing. Five at once are too many for the narrow one.
    assert_eq!(
        plans,
        [
            ("Medium", Some(24), Some(9), true),
            ("Large", Some(53), None, true),
            ("Narrow", Some(103), Some(3), false),
        ]
    );
    assert_eq!(remedy.plan().unwrap().name, "Medium");
}

#[test]
fn with_what_would_suffice_no_call_is_refused() {
    // With two places calls are refused for both reasons; with four for want of credits alone, and then for want of places.
    for places in [2, 4] {
        let mut configuration = json!({
            "identity": { "header": "orgId" },
            "editions": { "Small": { "base": 10, "additional_max": 50, "concurrency": places } },
            "organizations": { "a": { "edition": "Small", "additional": 0 } },
            "usage": {},
            "costs": { "default": 3 },
        });
        let module = module();
        let (before, _) = replay(&module, &eight_lists(), &configuration);
        let bytes = configuration.to_string().into_bytes();
        let start = |bytes: &[u8], at| start(&module, bytes, at);
        let organizations = before.organizations();
        let found = remedies(organizations, &mapping(), &bytes, Some(DETAILS), &start).unwrap();
        let told = &Forecast::new("", &before, found).organizations[0];
        let remedy = told.remedy.as_ref().unwrap();
        assert_eq!(
            (told.used, told.need, remedy.additional, remedy.concurrency),
            (9, 24, 14, Some(5)),
            "{places} places"
        );
        let organization = &mut configuration["organizations"]["a"];
        organization["additional"] = json!(remedy.additional);
        organization["concurrency"] = json!(remedy.concurrency);
        let (after, _) = replay(&module, &eight_lists(), &configuration);
        let told = &Forecast::new("", &after, BTreeMap::new()).organizations[0];
        assert_eq!(
            (told.refused, told.cost, told.limit),
            (0, 24, Some(24)),
            "{places} places"
        );
    }
}

#[test]
fn another_configuration_changes_who_is_refused_and_whom_former_terms_protect() {
    let before = json!({
        "identity": { "header": "orgId" },
        "editions": { "Small": { "base": 10 } },
        "organizations": { "a": { "edition": "Small", "legacy_limit": 30 } },
        "usage": {},
        "costs": { "default": 3 },
    });
    let mut after = before.clone();
    after["costs"]["default"] = json!(5);
    let module = module();
    let of = |configuration| {
        Forecast::new(
            "",
            &replay(&module, &eight_lists(), configuration).0,
            BTreeMap::new(),
        )
    };
    let changes = of(&before).changes(&of(&after));
    let expected = Change {
        organization: "a".to_owned(),
        cost: (24, 30),
        refused: (0, 2),
        limit: (Some(30), Some(30)),
        protected: (true, true),
    };
    assert_eq!(changes, [expected]);
}
