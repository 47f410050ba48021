//! The functions that a module can call, file by file as in the ABI. These files only translate: between guest memory and
//! values, and between outcomes and statuses. What the calls do is in the state machines beside them.

mod abi_0_1_0;
mod buffers;
mod call;
mod callouts;
mod dns;
mod foreign_functions;
mod grpc;
mod header_maps;
mod logging;
mod metrics;
mod properties;
mod quoted;
mod shared_data;
mod shared_queues;
mod status;
mod streams;
mod time;
mod wasi;

use wasmtime::Linker;

use crate::abi::AbiVersion;
use crate::guest::vm_state::VmState;

/// The functions of `env` that only some versions of the ABI have.
const OF_SOME_VERSIONS: &[(&str, &[AbiVersion])] = &[
    ("proxy_get_configuration", &[AbiVersion::V0_1_0]),
    ("proxy_continue_request", &[AbiVersion::V0_1_0]),
    ("proxy_continue_response", &[AbiVersion::V0_1_0]),
    ("proxy_clear_route_cache", &[AbiVersion::V0_1_0]),
    (
        "proxy_continue_stream",
        &[AbiVersion::V0_2_0, AbiVersion::V0_2_1],
    ),
    (
        "proxy_close_stream",
        &[AbiVersion::V0_2_0, AbiVersion::V0_2_1],
    ),
    ("proxy_get_log_level", &[AbiVersion::V0_2_1]),
];

/// The versions of the ABI that have a function which not all of them have.
pub(crate) fn versions_of(function: &str) -> &'static [AbiVersion] {
    let found = OF_SOME_VERSIONS.iter().find(|(name, _)| *name == function);
    found.map_or(&[], |(_, versions)| versions)
}

/// Everything that a module of this version may import.
pub(crate) fn link(linker: &mut Linker<VmState>, abi: AbiVersion) -> wasmtime::Result<()> {
    logging::link(linker, abi)?;
    time::link(linker)?;
    buffers::link(linker)?;
    header_maps::link(linker, abi)?;
    properties::link(linker)?;
    shared_data::link(linker)?;
    metrics::link(linker)?;
    streams::link(linker, abi)?;
    if abi == AbiVersion::V0_1_0 {
        abi_0_1_0::link(linker)?;
    }
    callouts::link(linker)?;
    grpc::link(linker)?;
    shared_queues::link(linker)?;
    status::link(linker)?;
    foreign_functions::link(linker)?;
    dns::link(linker)?;
    wasi::link(linker)
}
