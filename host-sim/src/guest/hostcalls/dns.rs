//! `envoy_resolve_dns`, which Envoy has beyond the ABI, and which no capability restricts.

use wasmtime::{Caller, Linker};

use super::call::{Hostcall, answer, region};
use crate::guest::refused::Failure;
use crate::guest::vm_state::VmState;
use crate::model::dns::{Found, Lookup};

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "envoy_resolve_dns",
        |caller: Caller<'_, VmState>, name: u32, length: u32, token: u32| {
            answer(caller, "envoy_resolve_dns", |call| {
                let name = call.text(region(name, length))?;
                let name = String::from_utf8_lossy(&name);
                let state = call.state_mut();
                let (root, id) = (state.root_id(), state.outbound.take_lookup_token());
                call.answered(id);
                call.write(token, &id.to_le_bytes())?;
                let found = call.state().host.outside.names.borrow().look_up(&name);
                match found {
                    Found::Now(bytes) => tell(call, root, id, bytes),
                    Found::Later(answer) => {
                        let lookup = Lookup {
                            token: id,
                            root,
                            answer,
                        };
                        call.state().host.reach_out();
                        call.state_mut().outbound.lookups.push(lookup);
                        Ok(())
                    }
                }
            })
        },
    )?;
    Ok(())
}

/// Tells the guest while it waits for its hostcall, as Envoy does when it need not ask anybody.
fn tell(call: &mut Hostcall<'_>, root: u32, token: u32, bytes: Vec<u8>) -> Result<(), Failure> {
    let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let state = call.state_mut();
    let before = state.nest(root, bytes);
    call.enter_guest("envoy_on_resolve_dns", (root, token, size))?;
    call.state_mut().unnest(before);
    Ok(())
}
