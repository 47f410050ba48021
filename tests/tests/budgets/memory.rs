//! Memory: that of a worker depends on its configuration and on what is in progress, not on how many calls there were, and an
//! organization takes little of the data that workers share.

use std::time::Duration;

use host_sim::{Module, Simulator};
use serde_json::json;

use crate::least_host::{LeastHost, head};
use crate::{BYTES, ORGANIZATION, call, example};

/// What an organization may take of shared data, in bytes, with keys.
const SHARED_BUDGET: usize = 300;

/// What a worker may take with the example and 100,000 organizations in its configuration, 5.5 MB of text, in bytes.
const WORKER_BUDGET: usize = 54 << 20;

/// Where accounts are, and what belongs to them.
const ACCOUNTS: &str = "api_credits/1/default/organization/";

/// The organization that a key of shared data is about.
fn organization(key: &str) -> Option<String> {
    let id = key.strip_prefix(ACCOUNTS)?;
    id.split('/').next().map(str::to_owned)
}

/// Each organization has called once after the first round; the later rounds need nothing more.
#[test]
fn a_million_calls_of_a_hundred_thousand_organizations_leave_nothing_behind() {
    const ORGANIZATIONS: u32 = 100_000;
    const ROUNDS: u32 = 10;
    /// 2026-11-22, 04:00 in Los Angeles, where the example counts its days.
    const MORNING: u64 = 1_795_348_800;
    const PATHS: [&str; 4] = [
        "/api/v1/tickets/4711",
        "/api/v1/tickets?from=20&limit=50",
        "/api/v1/contacts/42",
        "/api/v1/tasks/count",
    ];
    let id = |number: u32| (2_000_000_000_u32 + number).to_string();
    let mut configuration = example();
    let organizations = configuration["organizations"].as_object_mut().unwrap();
    let enterprise = json!({ "edition": "Enterprise", "agents": 12 });
    organizations.extend((0..ORGANIZATIONS).map(|number| (id(number), enterprise.clone())));
    let mut host = LeastHost::start(&BYTES, &configuration.to_string(), MORNING);
    let configured = host.memory_bytes();
    let mut after_first_round = 0;
    for round in 0..ROUNDS {
        for number in 0..ORGANIZATIONS {
            let id = id(number);
            let headers = [
                (":authority", "desk.example.com"),
                (":method", "GET"),
                (":path", PATHS[(number + round) as usize % PATHS.len()]),
                (":scheme", "https"),
                ("orgid", &id),
                ("user-agent", "helpdesk-sdk/3.2.1"),
                ("accept", "application/json"),
                ("authorization", "Bearer 1000.8cb99dxxxxxxxxxxxxx9be93.9b8x"),
            ];
            assert!(host.call(&head(&headers)), "{id} is refused");
            if number % 1_000 == 999 {
                // What was counted meanwhile is told with the tick.
                host.tick(10);
            }
        }
        if round == 0 {
            after_first_round = host.memory_bytes();
        }
    }
    assert_eq!(host.memory_bytes(), after_first_round);
    // What the worker remembers of them fits into what reading the configuration has left.
    assert!(
        after_first_round <= WORKER_BUDGET,
        "{after_first_round} bytes in a worker, {configured} of them before its first call"
    );
    // Beside what belongs to an organization there is only the number of the next worker.
    let bytes = host.shared_data_bytes(organization);
    assert_eq!(
        (bytes.len(), bytes.get(&None).copied()),
        (100_001, Some(33))
    );
    let most = bytes.into_values().max().unwrap();
    assert!(most <= SHARED_BUDGET, "{most} bytes for an organization");
}

/// As `host-sim check` starts a configuration, which stops a module that does not return: one as large as Envoy takes.
#[test]
fn a_configuration_of_100_000_organizations_and_10_000_rules_is_accepted() {
    let mut configuration = example();
    let entry = json!({ "edition": "Professional", "agents": 12, "additional": 0 });
    let organizations =
        (0..100_000).map(|number| ((2_000_000 + number).to_string(), entry.clone()));
    configuration["organizations"] = organizations.collect();
    let rule = |number: u32| {
        let operations = [
            format!("GET /api/v1/resource-{number:05}/{{id}}"),
            format!("POST /api/v1/resource-{number:05}"),
        ];
        json!({ "name": format!("rule {number}"), "operations": operations, "cost": number % 50 })
    };
    configuration["costs"]["rules"] = (0..10_000).map(rule).collect();
    let module = Module::from_bytes(&BYTES).unwrap();
    let builder = Simulator::builder(&module).configuration(configuration.to_string());
    let mut simulator = builder.start().unwrap();
    let request = call("2099999", "GET", "/api/v1/resource-09999/7", "");
    let answer = simulator.exchange(&request).unwrap();
    let cost = answer
        .headers
        .iter()
        .find(|(name, _)| name == "x-rate-limit-request-weight-v3");
    assert_eq!(
        (answer.status, cost.map(|(_, cost)| cost.as_str())),
        (200, Some("49"))
    );
}

/// Two workers that both serve calls of it, three rules and two reasons: an organization of the busy kind.
#[test]
fn a_busy_organization_takes_little_shared_data() {
    let module = Module::unmetered(&BYTES).unwrap();
    let builder = Simulator::builder(&module)
        .workers(2)
        .configuration(example().to_string());
    let mut simulator = builder.start().unwrap();
    for (name, worker) in [("one", 0), ("two", 1)] {
        for path in [
            "/api/v1/tickets/1",
            "/api/v1/tickets",
            "/api/v1/tasks/count",
        ] {
            let mut request = call(ORGANIZATION, "GET", path, "");
            request.worker = Some(worker);
            simulator.exchange(&request).unwrap();
            simulator
                .open(&format!("{name} {path}"), &request, 1)
                .unwrap();
        }
    }
    simulator.advance(Duration::from_secs(1)).unwrap();
    let account = format!("{ACCOUNTS}{ORGANIZATION}");
    let statistics = format!("{account}/statistics/1");
    let bytes: Vec<_> = [account, statistics]
        .iter()
        .map(|key| key.len() + simulator.shared_data(key.as_bytes()).unwrap().len())
        .collect();
    assert!(bytes.iter().sum::<usize>() <= SHARED_BUDGET, "{bytes:?}");
}
