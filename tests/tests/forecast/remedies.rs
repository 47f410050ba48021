//! What would have sufficed, and whom former terms protect: checked by giving it to them.

use std::collections::BTreeMap;
use std::time::Duration;

use host_sim::access_log::{Fields, Format, Reader};
use host_sim::forecast::{Change, Forecast, Mapping, Reordering, Replay, Roll, Tally, remedies};
use host_sim::target::PluginSettings;
use host_sim::{Builder, Module, Simulator, StartError};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::mapping;

fn module() -> Module {
    let module = std::fs::read(api_credits_tests::artifacts::module().unwrap()).unwrap();
    Module::unmetered(&module).unwrap()
}

const DETAILS: &str = "/.well-known/api-credits";

fn builder(module: &Module, configuration: &[u8]) -> Builder {
    let settings = PluginSettings {
        allow_on_headers_stop_iteration: true,
        ..PluginSettings::default()
    };
    let builder = Simulator::builder(module)
        .configuration(configuration)
        .settings(settings);
    builder.untraced()
}

fn start(module: &Module, configuration: &[u8], at: Timestamp) -> Result<Simulator, StartError> {
    builder(module, configuration).clock(at).start()
}

/// The mapping, with what lines say put where a configuration says that it is stated.
fn mapping_for(configuration: &Value) -> Mapping {
    let mapping = Mapping::from_toml(&mapping()).unwrap();
    let sources = mapping.sources(configuration);
    mapping.with_sources(&sources)
}

fn replay(module: &Module, log: &str, configuration: &Value) -> Tally {
    let mapping = mapping_for(configuration);
    let wanted = mapping.wanted();
    let format = Format::named("json").unwrap();
    let mut reader = Reader::new(log.as_bytes(), &format, &Fields::new(&wanted));
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
    let pricing = builder(module, &bytes);
    let mut replay = Replay::new(simulator, &mapping, &wanted, Some(DETAILS.to_owned()))
        .priced_by(pricing, Box::new(move |_| bytes.clone()));
    let mut roll = Roll::new(&mapping, &wanted);
    for (number, entry) in (1..).zip(&entries) {
        replay.take(number, roll.caller(entry), entry).unwrap();
    }
    replay.finish().unwrap();
    replay.into_tally()
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
    let replay = replay(&module, &eight_lists(), &configuration);
    let start = |bytes: &[u8], at| start(&module, bytes, at);
    let remedies = remedies(
        replay.organizations(),
        &Mapping::from_toml(&mapping()).unwrap(),
        &configuration,
        Some(DETAILS),
        &start,
    )
    .unwrap();
    let forecast = Forecast::new("", replay, remedies);
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
        let before = replay(&module, &eight_lists(), &configuration);
        let start = |bytes: &[u8], at| start(&module, bytes, at);
        let organizations = before.organizations();
        let found = remedies(
            organizations,
            &Mapping::from_toml(&mapping()).unwrap(),
            &configuration,
            Some(DETAILS),
            &start,
        )
        .unwrap();
        let told = &Forecast::new("", before, found).organizations[0];
        let remedy = told.remedy.as_ref().unwrap();
        assert_eq!(
            (told.used, told.need, remedy.additional, remedy.concurrency),
            (9, 24, 14, Some(5)),
            "{places} places"
        );
        let organization = &mut configuration["organizations"]["a"];
        organization["additional"] = json!(remedy.additional);
        organization["concurrency"] = json!(remedy.concurrency);
        let after = replay(&module, &eight_lists(), &configuration);
        let told = &Forecast::new("", after, BTreeMap::new()).organizations[0];
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
            replay(&module, &eight_lists(), configuration),
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

#[test]
fn what_is_only_noted_is_priced_as_if_it_were_refused() {
    // The same calls where refusals count, and where they are only noted: the need, and so the remedy, is the same.
    let mut configuration = json!({
        "identity": { "header": "orgId" },
        "editions": { "Small": { "base": 10, "additional_max": 50 }, "Large": { "base": 40 } },
        "organizations": { "a": { "edition": "Small" } },
        "usage": {},
        "costs": { "default": 3 },
    });
    let module = module();
    let told = |configuration: &Value| {
        let replayed = replay(&module, &eight_lists(), configuration);
        let start = |bytes: &[u8], at| start(&module, bytes, at);
        let organizations = replayed.organizations();
        let mapping = Mapping::from_toml(&mapping()).unwrap();
        let found = remedies(
            organizations,
            &mapping,
            configuration,
            Some(DETAILS),
            &start,
        )
        .unwrap();
        let forecast = Forecast::new("", replayed, found);
        let of = &forecast.organizations[0];
        let remedy = of.remedy.clone().unwrap();
        let plan = remedy.plan().unwrap().name.clone();
        let counts = (of.refused, of.used, of.need, remedy.additional, plan);
        (counts, forecast.noted)
    };
    let expected = (5, 9, 24, 14, "Large".to_owned());
    assert_eq!(told(&configuration), (expected.clone(), 0));
    configuration["enforcement"] = json!("shadow");
    assert_eq!(told(&configuration), (expected, 5));
}
