//! Two plugins in a row: requests come to the first one first, and what it adds is seen by the second.

use host_sim::target::{PluginSettings, Request};
use host_sim::{Module, Simulator, TraceEvent, TraceKind};

/// Adds a line `x-seen: yes` to every request.
const PLUGIN: &[u8] = br#"(module
    (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) "x-seen")
    (data (i32.const 32) "yes")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024)
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $add (i32.const 0) (i32.const 16) (i32.const 6) (i32.const 32) (i32.const 3)))
        i32.const 0))"#;

/// All of it.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let module = Module::from_bytes(PLUGIN)?;
    let named = |name: &str| PluginSettings {
        name: name.to_owned(),
        ..PluginSettings::default()
    };
    let mut simulator = Simulator::builder(&module)
        .settings(named("first"))
        .filter(&module, named("second"), "")
        .start()?;

    simulator.take_trace();
    let exchange = simulator.exchange(&Request::default())?;
    let upstream = exchange.upstream.unwrap_or_default();
    let seen = upstream.headers.iter().filter(|(name, _)| name == "x-seen");
    assert_eq!(seen.count(), 2);

    let trace = simulator.take_trace();
    let is_asked = |event: &&TraceEvent| match &event.kind {
        TraceKind::Callback { function, .. } => function == "proxy_on_request_headers",
        _ => false,
    };
    let asked = trace.iter().filter(is_asked);
    let order: Vec<_> = asked.map(|event| event.vm.as_str()).collect();
    assert_eq!(order, ["first", "second"]);
    Ok(())
}
