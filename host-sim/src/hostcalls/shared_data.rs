//! Shared data.

use wasmtime::{Caller, Linker};

use super::call::{answer, quoted, region, returned};
use super::error::Refused;
use crate::explore::{Access, Kind};
use crate::vm_state::VmState;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_shared_data",
        |caller: Caller<'_, VmState>,
         key: u32,
         key_length: u32,
         value: u32,
         value_length: u32,
         cas: u32| {
            answer(caller, "proxy_get_shared_data", |call| {
                let key = call.text(region(key, key_length))?;
                let state = call.state();
                let vm_id = &state.identity.vm_id;
                state
                    .host
                    .pass_gate(|| Access::of_key(vm_id, &key, Kind::Read));
                let found = state
                    .host
                    .shared_data
                    .borrow()
                    .get(&state.identity.vm_id, &key)
                    .cloned();
                let found = found.ok_or(Refused::NoSuchKey)?;
                call.answered(format_args!("{} cas {}", quoted(&found.value), found.cas));
                call.give(&found.value, returned(value, value_length))?;
                call.write(cas, &found.cas.get().to_le_bytes())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_shared_data",
        |caller: Caller<'_, VmState>,
         key: u32,
         key_length: u32,
         value: u32,
         value_length: u32,
         cas: u32| {
            answer(caller, "proxy_set_shared_data", |call| {
                let key = call.text(region(key, key_length))?;
                let value = call.text(region(value, value_length))?;
                call.argument(format_args!("cas {cas}"));
                let state = call.state();
                let vm_id = &state.identity.vm_id;
                state
                    .host
                    .pass_gate(|| Access::of_key(vm_id, &key, Kind::Write));
                let mut data = state.host.shared_data.borrow_mut();
                state.host.miss_if(|| data.is_overtaken(vm_id, &key, cas));
                Ok(data.set(vm_id, &key, value, cas)?)
            })
        },
    )?;
    Ok(())
}
