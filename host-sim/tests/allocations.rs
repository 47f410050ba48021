//! How much a call allocates on the host's side, which is what replaying a log of millions of calls is slow by when nobody watches.

use std::collections::BTreeMap;

use host_sim::access_log::Entry;
use host_sim::forecast::{Forecast, Mapping, Replay, Roll};
use host_sim::target::Request;
use host_sim::{Ending, Module, Simulator};

/// A filter that does in every call what filters do: it reads all request headers, keeps an account in shared data, tells the access log
/// of it, and sets a response header.
const FILTER: &str = r#"(module
  (import "env" "proxy_get_header_map_pairs" (func $pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_shared_data" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $replace (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 100) "an account of somebody")
  (data (i32.const 200) "a.property")
  (data (i32.const 300) "a-header")
  (data (i32.const 400) "some value or other")
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (drop (call $pairs (i32.const 0) (i32.const 0) (i32.const 4)))
    (drop (call $get (i32.const 100) (i32.const 22) (i32.const 0) (i32.const 4) (i32.const 8)))
    (drop (call $set (i32.const 100) (i32.const 22) (i32.const 400) (i32.const 19) (i32.const 0)))
    (drop (call $property (i32.const 200) (i32.const 10) (i32.const 400) (i32.const 19)))
    (i32.const 0))
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
    (drop (call $replace (i32.const 2) (i32.const 300) (i32.const 8) (i32.const 400) (i32.const 19)))
    (i32.const 0)))"#;

/// As many as its own state, its headers, those of its answer and what the connection manager makes of them take. None is for a hostcall.
const MOST_OF_A_CALL: u64 = 14;

#[test]
fn a_call_allocates_for_its_headers_and_not_for_its_hostcalls() {
    let module = Module::unmetered(FILTER.as_bytes()).unwrap();
    let mut simulator = Simulator::builder(&module).untraced().start().unwrap();
    let request = Request {
        headers: vec![("orgid".to_owned(), "2389290".to_owned())],
        ..Request::default()
    };
    let mut ending = Ending::default();
    let mut calls = |count: u64| {
        for _ in 0..count {
            let pending = simulator.pass(&request).unwrap();
            let ended = simulator.end(&pending, Some(200), &["a.property"], &mut ending);
            ended.unwrap();
        }
    };
    calls(10);
    let info = allocation_counter::measure(|| calls(1000));
    let of_a_call = info.count_total / 1000;
    assert!(of_a_call <= MOST_OF_A_CALL, "{of_a_call} allocations");
    assert_eq!(info.count_current, 0, "nothing is left of a call");
    assert_eq!(ending.properties, [Some("some value or other".to_owned())]);
}

/// So that 200,000 organizations take less than 300 MB of a forecast, in bytes.
const MOST_OF_AN_ORGANIZATION: u64 = 750;

#[test]
fn an_organization_of_a_log_takes_little_memory() {
    const ORGANIZATIONS: u64 = 10_000;
    let module = Module::unmetered(FILTER.as_bytes()).unwrap();
    let simulator = Simulator::builder(&module).untraced().start().unwrap();
    let mapping = Mapping::from_toml(Mapping::DEFAULT).unwrap();
    let wanted = ["organization".to_owned()];
    let mut roll = Roll::new(&mapping, &wanted);
    let mut replay = Replay::new(simulator, &mapping, &wanted, None);
    let began: jiff::Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
    let mut entry = Entry {
        started: began,
        duration: None,
        method: "GET".to_owned(),
        path: "/api/v1/tickets".to_owned(),
        status: 200,
        values: Vec::new(),
        doubt: None,
    };
    let mut forecast = None;
    let info = allocation_counter::measure(|| {
        for number in 0..3 * ORGANIZATIONS {
            let name = format!("org-{}", number % ORGANIZATIONS);
            entry.values = vec![Some(name)];
            // Three calls of each on two days.
            let hours = i64::try_from(number / ORGANIZATIONS * 8).unwrap();
            entry.started = began + jiff::SignedDuration::from_hours(hours);
            replay.take(number, roll.caller(&entry), &entry).unwrap();
        }
        replay.finish().unwrap();
        forecast = Some(Forecast::new("", replay.into_tally(), BTreeMap::new()));
    });
    let of_one = info.bytes_max / ORGANIZATIONS;
    assert!(of_one <= MOST_OF_AN_ORGANIZATION, "{of_one} bytes");
    let all = forecast.unwrap().organizations;
    assert_eq!(all.len() as u64, ORGANIZATIONS);
    assert!(all.iter().all(|organization| organization.calls == 3));
}
