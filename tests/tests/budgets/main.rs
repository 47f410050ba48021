//! Budgets: what a call costs in the module as it ships, in numbers that are the same on every machine.
//!
//! Hostcalls and callbacks are counted exactly, so that a test fails when one is added. Fuel is the number of instructions as wasmtime
//! counts them; its budgets leave a few percent for another compiler. Whoever changes a number here says in the commit what for.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "all of this file is tests"
)]

mod hostile;
mod least_host;
mod memory;

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use api_credits_tests::artifacts::{self, root};
use host_sim::TraceKind;
use host_sim::target::{PluginSettings, Request};
use host_sim::{Module, Simulator};
use serde_json::{Value, json};

static FILE: LazyLock<PathBuf> = LazyLock::new(|| artifacts::module().unwrap());
static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| fs::read(&*FILE).unwrap());
static METERED: LazyLock<Module> = LazyLock::new(|| Module::metered(&BYTES).unwrap());

/// An organization with enough credits for all that a test asks for.
const ORGANIZATION: &str = "2389290";

/// What one call costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cost {
    callbacks: usize,
    hostcalls: usize,
    fuel: u64,
}

/// The example, with an organization that has enough.
fn example() -> Value {
    let text = fs::read_to_string(root().join("envoy/filter.json")).unwrap();
    let mut example: Value = serde_json::from_str(&text).unwrap();
    example["organizations"][ORGANIZATION] =
        json!({ "edition": "Enterprise", "agents": 1_000_000 });
    example
}

fn started(module: &Module, configuration: &Value) -> Simulator {
    let settings = PluginSettings {
        allow_on_headers_stop_iteration: true,
        ..PluginSettings::default()
    };
    let builder = Simulator::builder(module).settings(settings);
    builder
        .configuration(configuration.to_string())
        .start()
        .unwrap()
}

/// A call of an organization, with what client libraries send along.
fn call(organization: &str, method: &str, path: &str, body: &str) -> Request {
    let headers = [
        ("orgId", organization),
        ("user-agent", "helpdesk-sdk/3.2.1"),
        ("accept", "application/json"),
        ("authorization", "Bearer 1000.8cb99dxxxxxxxxxxxxx9be93.9b8x"),
    ];
    Request {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        body: if body.is_empty() {
            Vec::new()
        } else {
            vec![body.as_bytes().to_vec()]
        },
        ..Request::default()
    }
}

/// What a call costs once others of its kind went before, and its status.
fn cost(simulator: &mut Simulator, request: &Request) -> (u16, Cost) {
    for _ in 0..20 {
        simulator.exchange(request).unwrap();
    }
    simulator.take_trace();
    let before = simulator.fuel_used().unwrap();
    let status = simulator.exchange(request).unwrap().status;
    let fuel = simulator.fuel_used().unwrap() - before;
    let trace = simulator.take_trace();
    let count = |is: fn(&TraceKind) -> bool| trace.iter().filter(|event| is(&event.kind)).count();
    let cost = Cost {
        callbacks: count(|kind| matches!(kind, TraceKind::Callback { .. })),
        hostcalls: count(|kind| matches!(kind, TraceKind::Hostcall { .. })),
        fuel,
    };
    (status, cost)
}

/// Checks a call of `organization` against its budget: its status, callbacks, hostcalls, and at most that much fuel.
#[track_caller]
fn check(request: &Request, status: u16, callbacks: usize, hostcalls: usize, fuel: u64) {
    let (answered, cost) = cost(&mut started(&METERED, &example()), request);
    assert_eq!(
        (answered, cost.callbacks, cost.hostcalls),
        (status, callbacks, hostcalls),
        "status, callbacks, hostcalls"
    );
    assert!(
        cost.fuel <= fuel && cost.fuel >= fuel / 2,
        "{} instructions, budgeted are {fuel}",
        cost.fuel
    );
}

#[test]
fn a_get() {
    let request = call(ORGANIZATION, "GET", "/api/v1/tickets/4711", "");
    check(&request, 200, 4, 12, 18_300);
}

/// Telling clients apart takes no hostcall. It takes instructions: of ids, limits, the record and two more items in response headers. (Of a record
/// with many clients, each byte that is moved counts as one too.)
#[test]
fn a_get_of_a_client() {
    let mut request = call(ORGANIZATION, "GET", "/api/v1/tickets/4711", "");
    let client = ("x-client-id".to_owned(), "importer".to_owned());
    request.headers.push(client);
    let (_, plain) = cost(&mut started(&METERED, &example()), &request);
    let mut clients = example();
    clients["clients"] = json!({
        "identity": {"header": "x-client-id"},
        "limits": {"default": {"percent": 50}},
    });
    takes_at_most(&clients, &request, plain, 9_900);
}

/// A month and a short-term limit take no hostcall either, but instructions: of what the record holds, and of two more items in response headers.
#[test]
fn a_get_in_periods() {
    let request = call(ORGANIZATION, "GET", "/api/v1/tickets/4711", "");
    let (_, plain) = cost(&mut started(&METERED, &example()), &request);
    let mut periods = example();
    periods["periods"] = json!({
        "monthly": {"month_from": 1, "limit": 2_000_000},
        "minute": {"seconds": 60, "unit": "requests", "limit": 600},
    });
    takes_at_most(&periods, &request, plain, 10_600);
}

/// Checks that a call takes no more hostcalls than the same under another configuration did, and at most so many more instructions.
#[track_caller]
fn takes_at_most(config: &Value, request: &Request, other: Cost, more: u64) {
    let (status, cost) = cost(&mut started(&METERED, config), request);
    assert_eq!(status, 200);
    assert_eq!(cost.hostcalls, other.hostcalls);
    assert!(
        cost.fuel <= other.fuel + more,
        "{} instructions, {} otherwise",
        cost.fuel,
        other.fuel
    );
}

#[test]
fn a_list() {
    let request = call(ORGANIZATION, "GET", "/api/v1/tickets?from=20&limit=50", "");
    check(&request, 200, 4, 12, 22_300);
}

#[test]
fn a_refusal() {
    let request = call("7", "GET", "/api/v1/tickets/4711", "");
    check(&request, 429, 4, 5, 27_000);
}

#[test]
fn a_bulk_call() {
    let request = call(
        ORGANIZATION,
        "POST",
        "/api/v1/closeTickets",
        r#"{"ids":[1,2,3,4,5]}"#,
    );
    check(&request, 200, 6, 18, 28_800);
}

#[test]
fn a_usage_page() {
    let mut request = call(ORGANIZATION, "GET", "/.well-known/api-credits", "");
    for (name, value) in &mut request.headers {
        if name == "accept" {
            *value = "text/html".to_owned();
        }
    }
    check(&request, 200, 4, 8, 134_500);
}

/// `make bench` measures what the hostcalls of this very call cost by themselves.
#[test]
fn the_bare_hostcalls_are_those_of_a_get() {
    let request = call(ORGANIZATION, "GET", "/api/v1/tickets/4711", "");
    let bare = wat::parse_file(root().join("tests/bare/hostcalls.wat")).unwrap();
    let bare = Simulator::builder(&Module::from_bytes(&bare).unwrap())
        .start()
        .unwrap();
    assert_eq!(
        calls(bare, &request),
        calls(started(&METERED, &example()), &request)
    );
}

/// The names of the callbacks and hostcalls of a call once others of its kind went before, in their order.
fn calls(mut simulator: Simulator, request: &Request) -> Vec<String> {
    for _ in 0..20 {
        simulator.exchange(request).unwrap();
    }
    simulator.take_trace();
    simulator.exchange(request).unwrap();
    let trace = simulator.take_trace().into_iter();
    let entered = trace.filter_map(|event| match event.kind {
        TraceKind::Callback { function, .. } => Some(format!("[host->vm] {function}")),
        TraceKind::Hostcall { function, .. } => Some(format!("[vm->host] {function}")),
        _ => None,
    });
    entered.collect()
}

/// A body that no price depends on costs a callback for each of its pieces, in which nothing is asked of the host; in the module that
/// reads no bodies it costs nothing. Nor does the body of a response.
#[test]
fn a_body_without_records_is_not_read() {
    let cost_with = |module: &Module, body: &str| {
        let request = call(ORGANIZATION, "POST", "/api/v1/tickets", body);
        let (status, cost) = cost(&mut started(module, &example()), &request);
        assert_eq!(status, 200);
        cost
    };
    let (without, with) = (cost_with(&METERED, ""), cost_with(&METERED, "{}"));
    assert_eq!(with.hostcalls, without.hostcalls);
    assert!(with.callbacks > without.callbacks);
    let pieces = u64::try_from(with.callbacks - without.callbacks).unwrap();
    assert!(
        with.fuel < without.fuel + 1_000 * pieces,
        "{with:?}, {without:?}"
    );
    let bytes = fs::read(artifacts::headers_module().unwrap()).unwrap();
    let headers = Module::metered(&bytes).unwrap();
    let (without, with) = (cost_with(&headers, ""), cost_with(&headers, "{}"));
    assert_eq!((with.callbacks, with.hostcalls), (4, 13));
    assert_eq!((without.callbacks, without.hostcalls), (4, 13));
    // But for the field that tells its length.
    assert!(
        with.fuel.abs_diff(without.fuel) < 20,
        "{with:?}, {without:?}"
    );
}

/// A table of so many operations, all siblings, of which the one that is asked for is in the middle.
fn table(operations: usize) -> Value {
    let operations: Vec<_> = (0..operations)
        .map(|number| format!("GET /api/v1/resource-{number:05}/{{id}}"))
        .collect();
    json!({
        "identity": { "header": "orgId" },
        "editions": { "E": { "base": 1_000_000, "concurrency": 10 } },
        "organizations": { ORGANIZATION: { "edition": "E" } },
        "costs": { "default": 1, "rules": [{ "name": "all", "operations": operations, "cost": 2 }] },
    })
}

#[test]
fn a_call_costs_little_more_with_ten_thousand_operations_than_with_ten() {
    let fuel = |operations: usize| {
        let path = format!("/api/v1/resource-{:05}/7", operations / 2);
        let request = call(ORGANIZATION, "GET", &path, "");
        let (status, cost) = cost(&mut started(&METERED, &table(operations)), &request);
        assert_eq!(status, 200);
        cost.fuel
    };
    let (few, many, most) = (fuel(10), fuel(1_000), fuel(10_000));
    assert!(
        most * 10 <= few * 11,
        "{few} with 10, {many} with 1,000, {most} with 10,000"
    );
}

/// Envoy keeps every definition for as long as the VM lives, which has one configuration after another.
#[test]
fn counters_are_defined_once_for_all_configurations_of_a_vm() {
    let mut simulator = started(&METERED, &example());
    simulator.take_trace();
    let mut other = example();
    other["costs"]["default"] = json!(2);
    simulator.configure(other.to_string().as_bytes()).unwrap();
    let request = call(ORGANIZATION, "GET", "/api/v1/nothing/there", "");
    assert_eq!(simulator.exchange(&request).unwrap().status, 200);
    let trace = simulator.take_trace();
    let trace: Vec<_> = trace.iter().map(ToString::to_string).collect();
    let made = |call: &str| {
        trace
            .iter()
            .any(|line| line.starts_with("[") && line.contains(call))
    };
    assert!(made("proxy_on_configure"));
    let defined = |line: &&String| line.starts_with('[') && line.contains("proxy_define_metric");
    // To find out whether the host allows it at all, it is asked for one without a name.
    let defined: Vec<_> = trace.iter().filter(defined).collect();
    assert!(
        defined
            .iter()
            .all(|line| line.contains("INVALID_MEMORY_ACCESS")),
        "{defined:#?}"
    );
}

/// Seven eighths of it are code, which Envoy compiles before it takes the first call.
#[test]
fn the_module_does_not_grow() {
    let budget = 1_364_000;
    assert!(
        BYTES.len() <= budget,
        "{} bytes, budgeted are {budget}",
        BYTES.len()
    );
}
