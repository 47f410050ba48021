//! The functions that a module can call, file by file as in the ABI. These files only translate: between guest memory and
//! values, and between outcomes and statuses. What the calls do is in the state machines beside them.

mod buffers;
mod call;
mod callouts;
mod error;
mod header_maps;
mod logging;
mod metrics;
mod properties;
mod shared_data;
mod streams;
mod time;
mod wasi;

use wasmtime::{ExternType, Linker, Module};

use crate::abi::AbiVersion;
use crate::vm_state::VmState;
pub(crate) use error::Fatal;

/// Hostcalls that exist and that host-sim cannot do yet. Modules that import them load, and trap when they make them.
const UNIMPLEMENTED: &[&str] = &[
    "envoy_resolve_dns",
    "proxy_call_foreign_function",
    "proxy_dequeue_shared_queue",
    "proxy_enqueue_shared_queue",
    "proxy_get_status",
    "proxy_grpc_call",
    "proxy_grpc_cancel",
    "proxy_grpc_close",
    "proxy_grpc_send",
    "proxy_grpc_stream",
    "proxy_register_shared_queue",
    "proxy_resolve_shared_queue",
];

/// Everything that a module of this version may import.
pub(crate) fn link(
    linker: &mut Linker<VmState>,
    module: &Module,
    abi: AbiVersion,
) -> wasmtime::Result<()> {
    logging::link(linker, abi)?;
    time::link(linker)?;
    buffers::link(linker)?;
    header_maps::link(linker)?;
    properties::link(linker)?;
    shared_data::link(linker)?;
    metrics::link(linker)?;
    streams::link(linker)?;
    callouts::link(linker)?;
    wasi::link(linker)?;
    for import in module.imports() {
        let name = import.name();
        if let ExternType::Func(ty) = import.ty()
            && import.module() == "env"
            && UNIMPLEMENTED.contains(&name)
        {
            let owned = name.to_owned();
            linker.func_new("env", name, ty, move |_, _, _| {
                Err(wasmtime::Error::new(Fatal::Unimplemented(owned.clone())))
            })?;
        }
    }
    Ok(())
}
