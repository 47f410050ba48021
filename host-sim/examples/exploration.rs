//! Every order in which two workers can get in each other's way: a counter that reads, adds and writes loses a call in one of them.

use std::path::Path;

use host_sim::Module;
use host_sim::explore::{Bounds, Explorer};
use host_sim::scenario::Scenario;

/// Counts calls in shared data. It passes no number for compare-and-set, which would tell it that another worker was faster.
const PLUGIN: &[u8] = br#"(module
    (import "env" "proxy_get_shared_data" (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) "count")
    (data (i32.const 32) "x-count")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024)
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (i32.store8 (i32.const 64) (i32.const 48))
        (if (i32.eqz (call $get (i32.const 16) (i32.const 5) (i32.const 0) (i32.const 4) (i32.const 8)))
            (then (i32.store8 (i32.const 64) (i32.load8_u (i32.load (i32.const 0))))))
        (i32.store8 (i32.const 64) (i32.add (i32.load8_u (i32.const 64)) (i32.const 1)))
        (drop (call $set (i32.const 16) (i32.const 5) (i32.const 64) (i32.const 1) (i32.const 0)))
        i32.const 0)
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
        (drop (call $add (i32.const 2) (i32.const 32) (i32.const 7) (i32.const 64) (i32.const 1)))
        i32.const 0))"#;

const SCENARIO: &str = r#"
about = "Two calls at the same time are both counted."
workers = 2

[[step]]
parallel = { count = 2, request = {}, expect = { statuses = { "200" = 2 } } }

[[step]]
request = {}
expect = { headers = { x-count = "3" } }
"#;

/// All of it.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let module = Module::from_bytes(PLUGIN)?;
    let scenario = Scenario::from_toml(SCENARIO, Path::new("counted.toml"))?;
    let explored = Explorer::new(&module, &scenario, Bounds::default()).run(|_| {})?;
    let failure = explored.failure.ok_or("no order loses a call")?;
    // The simplest order in which it goes wrong; `host-sim run --schedule` runs it again.
    assert!(!failure.schedule.to_string().is_empty());
    Ok(())
}
