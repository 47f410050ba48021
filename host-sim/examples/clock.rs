//! A clock that stands still until you turn it: timers fire, and days begin, when you say so.

use std::time::Duration;

use host_sim::{Module, Simulator};

/// Ticks once a minute, and counts in the metric `ticks`.
const PLUGIN: &[u8] = br#"(module
    (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
    (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_increment_metric" (func $add (param i32 i64) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) "ticks")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024)
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
        (drop (call $tick (i32.const 60000)))
        (drop (call $define (i32.const 0) (i32.const 16) (i32.const 5) (i32.const 8)))
        i32.const 1)
    (func (export "proxy_on_tick") (param i32)
        (drop (call $add (i32.load (i32.const 8)) (i64.const 1)))))"#;

/// All of it.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let module = Module::from_bytes(PLUGIN)?;
    let mut simulator = Simulator::builder(&module)
        .clock("2026-11-22T23:59:30Z".parse()?)
        .start()?;

    simulator.advance(Duration::from_secs(59))?;
    assert_eq!(simulator.metric("ticks"), Some(0));
    simulator.advance(Duration::from_secs(1))?;
    // The worker's VM ticks, and that of the main thread.
    assert_eq!(simulator.metric("ticks"), Some(2));
    simulator.advance(Duration::from_secs(3600))?;
    assert_eq!(simulator.metric("ticks"), Some(122));
    assert_eq!(simulator.now(), "2026-11-23T01:00:30Z".parse()?);
    Ok(())
}
