//! How long the filter's decisions take: in its core, compiled natively, and in the module as it ships, on wasmtime.
//!
//! `cargo bench --workspace --all-features --bench speed`. What calls cost in Envoy is for `make bench` to say.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a benchmark is no part of what ships"
)]

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::hint::black_box;
use std::rc::Rc;

use api_credits::accounts::ledger::{Cas, HostRefused, SetError, SharedData, Versioned};
use api_credits::accounts::worker::Worker;
use api_credits::decide::meter::{Ending, Meter, RequestHead, ResponseHead};
use api_credits::decide::policy::Policy;
use api_credits::show::usage::answer;
use api_credits_tests::artifacts;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use host_sim::target::Request;
use host_sim::{Module, Simulator};
use jiff::Timestamp;
use serde_json::{Value, json};

const ORGANIZATION: &str = "2389290";

/// Shared data that nobody else shares.
#[derive(Default)]
struct Memory(RefCell<HashMap<String, Versioned>>);

impl SharedData for Memory {
    fn get(&self, key: &str) -> Result<Option<Versioned>, HostRefused> {
        Ok(self.0.borrow().get(key).cloned())
    }

    fn compare_and_set(&self, key: &str, value: &[u8], expected: Cas) -> Result<(), SetError> {
        let mut data = self.0.borrow_mut();
        let cas = data.get(key).map_or(Cas(0), |stored| stored.cas);
        if data.contains_key(key) && cas != expected {
            return Err(SetError::Mismatch);
        }
        let stored = Versioned {
            value: value.to_vec(),
            cas: Cas(cas.0 + 1),
        };
        data.insert(key.to_owned(), stored);
        Ok(())
    }
}

/// The example, with an organization that has enough for all calls.
fn example() -> Value {
    let text = fs::read_to_string(artifacts::root().join("envoy/filter.json")).unwrap();
    let mut example: Value = serde_json::from_str(&text).unwrap();
    let enough = json!({ "edition": "Enterprise", "agents": 100_000_000 });
    example["organizations"][ORGANIZATION] = enough;
    example
}

fn policy(configuration: &Value) -> Rc<Policy> {
    Rc::new(Policy::from_json(configuration.to_string().as_bytes()).unwrap())
}

fn cost_lookup(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cost lookup, by operations");
    for operations in [10, 1_000, 10_000] {
        let names: Vec<_> = (0..operations)
            .map(|number| format!("GET /api/v1/resource-{number:05}/{{id}}"))
            .collect();
        let mut configuration = example();
        configuration["costs"] =
            json!({ "default": 1, "rules": [{ "name": "all", "operations": names, "cost": 2 }] });
        let policy = policy(&configuration);
        let path = format!("/api/v1/resource-{:05}/7", operations / 2);
        group.bench_function(BenchmarkId::from_parameter(operations), |bencher| {
            bencher.iter(|| policy.costs.quote(black_box("GET"), black_box(&path)));
        });
    }
    group.finish();
}

fn head(path: &str) -> RequestHead<'_> {
    RequestHead {
        method: "GET",
        path,
        identity: Some(ORGANIZATION),
        attributes: None,
        end_of_stream: true,
        ..RequestHead::default()
    }
}

fn call(criterion: &mut Criterion) {
    let (policy, worker) = (policy(&example()), Rc::new(Worker::default()));
    let (data, now) = (Memory::default(), Timestamp::UNIX_EPOCH);
    criterion.bench_function("a call, charged and answered", |bencher| {
        bencher.iter(|| {
            let mut meter = Meter::new(Rc::clone(&policy), Rc::clone(&worker));
            let head = head(black_box("/api/v1/tickets/4711"));
            let verdict = meter.on_request_headers(head, now, &data);
            let response = ResponseHead {
                status: 200,
                attempts: Some(1),
                ..ResponseHead::default()
            };
            meter.on_response_headers(response, now, &data);
            meter.on_end(Ending::Unanswered, now, &data);
            verdict
        });
    });
}

fn usage_page(criterion: &mut Criterion) {
    const PATH: &str = "/.well-known/api-credits";
    let (policy, worker) = (policy(&example()), Rc::new(Worker::default()));
    let (data, now) = (Memory::default(), Timestamp::UNIX_EPOCH);
    let mut group = criterion.benchmark_group("usage details");
    for (name, accept) in [("page", "text/html"), ("json", "application/json")] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let usage = policy.usage.as_ref().unwrap();
                let resource = usage.resource("GET", PATH).unwrap();
                let request = answer::Request {
                    method: "GET",
                    accept: Some(accept),
                    if_none_match: None,
                };
                let mut meter = Meter::new(Rc::clone(&policy), Rc::clone(&worker));
                meter.on_usage_request(resource, &request, head(PATH), now, &data)
            });
        });
    }
    group.finish();
}

fn module(criterion: &mut Criterion) {
    let file = artifacts::module().unwrap();
    let module = Module::unmetered(&fs::read(file).unwrap()).unwrap();
    let mut simulator = Simulator::builder(&module)
        .configuration(example().to_string())
        .start()
        .unwrap();
    let mut group = criterion.benchmark_group("the module on wasmtime");
    for (name, path) in [
        ("get", "/api/v1/tickets/4711"),
        ("list", "/api/v1/tickets?from=20&limit=50"),
    ] {
        let request = Request {
            path: path.to_owned(),
            headers: vec![("orgId".to_owned(), ORGANIZATION.to_owned())],
            ..Request::default()
        };
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let exchange = simulator.exchange(&request).unwrap();
                simulator.take_trace();
                simulator.take_log();
                exchange
            });
        });
    }
    group.finish();
}

criterion_group!(speed, cost_lookup, call, usage_page, module);
criterion_main!(speed);
