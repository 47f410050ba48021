//! A plugin that counts: its metric, and what the client gets.

use host_sim::target::Request;
use host_sim::{Module, Simulator};

/// Counts requests in the metric `calls`. Your own is a file: `Module::from_file`.
const PLUGIN: &[u8] = br#"(module
    (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_increment_metric" (func $add (param i32 i64) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) "calls")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024)
    (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
        (drop (call $define (i32.const 0) (i32.const 16) (i32.const 5) (i32.const 8)))
        i32.const 1)
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $add (i32.load (i32.const 8)) (i64.const 1)))
        i32.const 0))"#;

/// All of it.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let module = Module::from_bytes(PLUGIN)?;
    let mut simulator = Simulator::builder(&module).workers(2).start()?;

    for path in ["/a", "/b", "/c"] {
        let request = Request {
            path: path.to_owned(),
            ..Request::default()
        };
        let exchange = simulator.exchange(&request)?;
        assert_eq!(exchange.status, 200);
        assert_eq!(
            exchange.upstream.map(|seen| seen.path),
            Some(path.to_owned())
        );
    }
    // Workers take turns, and the metric is that of all of them.
    assert_eq!(simulator.metric("calls"), Some(3));
    Ok(())
}
