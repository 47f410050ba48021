//! How the call that has just come back went.

use wasmtime::{Caller, Linker};

use super::call::{answer, returned};
use super::quoted::quoted;
use crate::guest::vm_state::VmState;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_status",
        |caller: Caller<'_, VmState>, code: u32, message: u32, message_length: u32| {
            answer(caller, "proxy_get_status", |call| {
                let state = call.state();
                let root = state.roots.get(&state.root_id());
                let status = root.map(|root| root.status.clone()).unwrap_or_default();
                call.answered(format_args!(
                    "{} {}",
                    status.code,
                    quoted(status.message.as_bytes())
                ));
                call.write(code, &status.code.to_le_bytes())?;
                call.give(status.message.as_bytes(), returned(message, message_length))
            })
        },
    )?;
    Ok(())
}
