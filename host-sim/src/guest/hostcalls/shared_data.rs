//! Shared data.

use wasmtime::{Caller, Linker};

use super::call::{answer, region, returned};
use super::quoted::quoted;
use crate::guest::refused::Refused;
use crate::guest::vm_state::VmState;
use crate::host::access::{Access, Kind};

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
                let key = region(key, key_length);
                let number = call.give_found(returned(value, value_length), |call, found| {
                    let number = call.texts([key], |[key], state| {
                        let vm_id = &state.identity.vm_id;
                        state.host.reach(|| Access::of_key(vm_id, key, Kind::Read));
                        let data = state.host.process.data.borrow();
                        let entry = data.get(vm_id, key)?;
                        found.extend_from_slice(&entry.value);
                        Some(entry.cas)
                    })?;
                    let number = number.ok_or(Refused::NoSuchKey)?;
                    call.answered(format_args!("{} cas {number}", quoted(found)));
                    Ok(number)
                })?;
                call.write(cas, &number.get().to_le_bytes())
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
                let texts = [region(key, key_length), region(value, value_length)];
                let outcome = call.texts(texts, |[key, value], state| {
                    let vm_id = &state.identity.vm_id;
                    state.host.reach(|| Access::of_key(vm_id, key, Kind::Write));
                    let mut data = state.host.process.data.borrow_mut();
                    state.host.miss_if(|| data.is_overtaken(vm_id, key, cas));
                    data.set(vm_id, key, value, cas)
                });
                call.argument(format_args!("cas {cas}"));
                Ok(outcome??)
            })
        },
    )?;
    Ok(())
}
