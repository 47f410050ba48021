//! Properties, and the filter state that plugins keep among them.

use wasmtime::{Caller, Linker};

use super::call::{Call, answer, quoted, region, returned};
use super::error::{Failure, Refused};
use crate::vm_state::VmState;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_property",
        |caller: Caller<'_, VmState>,
         path: u32,
         path_length: u32,
         value: u32,
         value_length: u32| {
            answer(caller, "proxy_get_property", |call| {
                let path = path_at(call, path, path_length)?;
                let found = call.state().property(&path)?;
                call.answered(quoted(&found));
                call.give(&found, returned(value, value_length))
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_property",
        |caller: Caller<'_, VmState>,
         path: u32,
         path_length: u32,
         value: u32,
         value_length: u32| {
            answer(caller, "proxy_set_property", |call| {
                let path = path_at(call, path, path_length)?;
                let value = call.text(region(value, value_length))?;
                let stream = call.state_mut().stream_mut().ok_or(Refused::NoStream)?;
                stream.filter_state.borrow_mut().insert(path, value);
                Ok(())
            })
        },
    )?;
    Ok(())
}

/// A path, noted with dots between its segments.
fn path_at(call: &mut Call<'_>, pointer: u32, length: u32) -> Result<Vec<u8>, Failure> {
    let path = call.read(region(pointer, length))?;
    if !call.is_traced() {
        return Ok(path);
    }
    let shown: Vec<u8> = path
        .iter()
        .map(|byte| if *byte == 0 { b'.' } else { *byte })
        .collect();
    call.argument(quoted(&shown));
    Ok(path)
}
