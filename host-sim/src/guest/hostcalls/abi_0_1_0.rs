//! The functions that only modules of ABI 0.1.0 may import. All of them answer a status, whatever the specification says:
//! published modules import them so.

use wasmtime::{Caller, Linker};

use super::call::{answer, returned};
use super::quoted::quoted;
use super::streams::resume;
use crate::guest::vm_state::VmState;
use crate::http::stream::Side;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_configuration",
        |caller: Caller<'_, VmState>, bytes: u32, length: u32| {
            answer(caller, "proxy_get_configuration", |call| {
                let state = call.state();
                let found = state.running.configuration.as_deref();
                let found = found.unwrap_or(&state.identity.vm_configuration).to_vec();
                call.answered(quoted(&found));
                call.give(&found, returned(bytes, length))
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_continue_request",
        |caller: Caller<'_, VmState>| {
            answer(caller, "proxy_continue_request", |call| {
                resume(call, Side::Request);
                Ok(())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_continue_response",
        |caller: Caller<'_, VmState>| {
            answer(caller, "proxy_continue_response", |call| {
                resume(call, Side::Response);
                Ok(())
            })
        },
    )?;
    // A simulation has one route, so there is nothing to look up anew.
    linker.func_wrap(
        "env",
        "proxy_clear_route_cache",
        |caller: Caller<'_, VmState>| answer(caller, "proxy_clear_route_cache", |_| Ok(())),
    )?;
    Ok(())
}
