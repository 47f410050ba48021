//! Small guests in the text format, and simulations of them.
//!
//! In the text of a guest, `<some text>` stands for a pointer to these bytes and their length; a zero byte is written `␀`.
//! Results of hostcalls go to addresses below 64, which are the guest's scratch space.

use std::collections::HashMap;
use std::fmt::Write as _;

use host_sim::target::{PluginSettings, Request};
use host_sim::{Builder, Module, Simulator};

const IMPORTS: &str = r#"
(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
(import "env" "proxy_get_log_level" (func $log_level (param i32) (result i32)))
(import "env" "proxy_get_current_time_nanoseconds" (func $now (param i32) (result i32)))
(import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
(import "env" "proxy_get_buffer_bytes" (func $get_buffer (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_get_buffer_status" (func $buffer_status (param i32 i32 i32) (result i32)))
(import "env" "proxy_set_buffer_bytes" (func $set_buffer (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_get_header_map_size" (func $map_size (param i32 i32) (result i32)))
(import "env" "proxy_get_header_map_pairs" (func $get_map (param i32 i32 i32) (result i32)))
(import "env" "proxy_set_header_map_pairs" (func $set_map (param i32 i32 i32) (result i32)))
(import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_replace_header_map_value" (func $replace (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_remove_header_map_value" (func $remove (param i32 i32 i32) (result i32)))
(import "env" "proxy_get_property" (func $get_property (param i32 i32 i32 i32) (result i32)))
(import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))
(import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
(import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
(import "env" "proxy_send_local_response" (func $respond (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_get_shared_data" (func $get_shared (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_set_shared_data" (func $set_shared (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
(import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))
(import "env" "proxy_record_metric" (func $record (param i32 i64) (result i32)))
(import "env" "proxy_get_metric" (func $get_metric (param i32 i32) (result i32)))
(import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
(import "env" "proxy_done" (func $done (result i32)))
(import "env" "proxy_http_call"
  (func $http_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
(import "env" "envoy_resolve_dns" (func $resolve_dns (param i32 i32 i32) (result i32)))
(import "env" "proxy_get_status" (func $status (param i32 i32 i32) (result i32)))
(import "env" "proxy_register_shared_queue" (func $register_queue (param i32 i32 i32) (result i32)))
(import "env" "proxy_resolve_shared_queue" (func $resolve_queue (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_enqueue_shared_queue" (func $enqueue (param i32 i32 i32) (result i32)))
(import "env" "proxy_dequeue_shared_queue" (func $dequeue (param i32 i32 i32) (result i32)))
(import "env" "proxy_call_foreign_function" (func $foreign (param i32 i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_grpc_call" (func $grpc_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_grpc_stream" (func $grpc_stream (param i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_grpc_send" (func $grpc_send (param i32 i32 i32 i32) (result i32)))
(import "env" "proxy_grpc_cancel" (func $grpc_cancel (param i32) (result i32)))
(import "env" "proxy_grpc_close" (func $grpc_close (param i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time (param i32 i64 i32) (result i32)))
(import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
(import "wasi_unstable" "sched_yield" (func $yield (result i32)))
"#;

const ALLOCATOR: &str = r#"
(global $top (mut i32) (i32.const 32768))
(func (export "malloc") (param $size i32) (result i32)
  (global.get $top)
  (global.set $top (i32.add (global.get $top) (local.get $size))))
"#;

/// The text of a module with these functions.
pub(crate) fn text(functions: &str) -> String {
    let mut data = String::new();
    let mut places: HashMap<&str, u32> = HashMap::new();
    let mut next = 1024;
    let mut code = String::new();
    let mut rest = functions;
    while let Some((before, after)) = rest.split_once('<') {
        let (constant, after) = after.split_once('>').unwrap();
        let bytes = constant.replace('␀', "\0").into_bytes();
        let place = *places.entry(constant).or_insert_with(|| {
            let escaped: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
            writeln!(data, "(data (i32.const {next}) \"{escaped}\")").unwrap();
            let place = next;
            next += u32::try_from(bytes.len()).unwrap();
            place
        });
        write!(
            code,
            "{before}(i32.const {place}) (i32.const {})",
            bytes.len()
        )
        .unwrap();
        rest = after;
    }
    code.push_str(rest);
    format!(
        "(module {IMPORTS} (memory (export \"memory\") 2) (func (export \"proxy_abi_version_0_2_1\"))\n{data}\n{code})"
    )
}

/// A module with these functions and an allocator that never frees.
pub(crate) fn module(functions: &str) -> Module {
    let text = text(&format!("{ALLOCATOR}{functions}"));
    Module::from_bytes(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A simulation of a guest with these functions.
pub(crate) fn builder(functions: &str) -> Builder {
    Simulator::builder(&module(functions))
}

/// A running simulation of a guest with these functions, with an empty trace.
pub(crate) fn simulator(functions: &str) -> Simulator {
    started(builder(functions))
}

/// A running simulation in which pausing in the headers lets the body go on.
pub(crate) fn simulator_that_stops_headers_only(functions: &str) -> Simulator {
    let settings = PluginSettings {
        allow_on_headers_stop_iteration: true,
        ..PluginSettings::default()
    };
    started(builder(functions).settings(settings))
}

/// Starts a simulation and forgets how.
pub(crate) fn started(builder: Builder) -> Simulator {
    let mut simulator = builder.start().unwrap();
    simulator.take_trace();
    simulator
}

/// A request for a path.
pub(crate) fn get(path: &str) -> Request {
    Request {
        path: path.to_owned(),
        ..Request::default()
    }
}

/// A POST of these chunks.
pub(crate) fn post(chunks: &[&str]) -> Request {
    Request {
        method: "POST".to_owned(),
        body: chunks
            .iter()
            .map(|chunk| chunk.as_bytes().to_vec())
            .collect(),
        ..Request::default()
    }
}

/// The hostcalls since the trace was last taken, without the words that are the same in all.
pub(crate) fn hostcalls(simulator: &mut Simulator) -> Vec<String> {
    let trace = trace(simulator);
    trace
        .iter()
        .filter_map(|line| line.strip_prefix("[vm->host] "))
        .map(str::to_owned)
        .collect()
}

/// The callbacks since the trace was last taken.
pub(crate) fn callbacks(simulator: &mut Simulator) -> Vec<String> {
    let trace = trace(simulator);
    trace
        .iter()
        .filter_map(|line| line.strip_prefix("[host->vm] "))
        .map(str::to_owned)
        .collect()
}

/// The lines of the trace since it was last taken.
pub(crate) fn trace(simulator: &mut Simulator) -> Vec<String> {
    let trace = simulator.take_trace();
    trace.iter().map(ToString::to_string).collect()
}
