//! A plugin that asks a service before it lets a request pass.

use host_sim::scenario::Pattern;
use host_sim::target::{Request, Service, ServiceAnswer, ServiceBehaviour, Upstream};
use host_sim::{Module, Simulator};

/// Asks the cluster `auth` for `/allowed`, and goes on when it has answered, whatever that is.
const PLUGIN: &[u8] = br#"(module
    (import "env" "proxy_http_call" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
    (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) "auth")
    (data (i32.const 32) "\03\00\00\00\0a\00\00\00\01\00\00\00\07\00\00\00\03\00\00\00\05\00\00\00\08\00\00\00:authority\00a\00:method\00GET\00:path\00/allowed\00")
    (global $held (mut i32) (i32.const 0))
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024)
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (global.set $held (local.get 0))
        (drop (call $call (i32.const 16) (i32.const 4) (i32.const 32) (i32.const 68)
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1000) (i32.const 8)))
        i32.const 1)
    (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
        (drop (call $effective (global.get $held)))
        (drop (call $continue (i32.const 0)))))"#;

/// All of it.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let module = Module::from_bytes(PLUGIN)?;
    let allowed = ServiceAnswer {
        path: Pattern::Exactly("/allowed".to_owned()),
        answer: Upstream::default(),
    };
    let auth = |behaviour| Service {
        cluster: "auth".to_owned(),
        behaviour,
    };
    let mut simulator = Simulator::builder(&module)
        .services(vec![auth(ServiceBehaviour::Answers(vec![allowed]))])
        .start()?;
    let exchange = simulator.exchange(&Request::default())?;
    assert!(exchange.upstream.is_some());
    let asked = simulator.take_callouts("auth");
    assert_eq!(
        asked
            .iter()
            .map(|call| call.path.as_str())
            .collect::<Vec<_>>(),
        ["/allowed"]
    );

    // A service that never answers: the callout's time-out of a second ends the wait, on the simulation's clock.
    simulator.serve(&auth(ServiceBehaviour::Hang));
    let before = simulator.now();
    assert_eq!(simulator.exchange(&Request::default())?.status, 200);
    assert_eq!(simulator.now().duration_since(before).as_secs(), 1);
    Ok(())
}
