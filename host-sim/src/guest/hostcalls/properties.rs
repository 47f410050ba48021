//! Properties, and the filter state that plugins keep among them.

use wasmtime::{Caller, Linker};

use super::call::{Hostcall, Region, answer, region, returned};
use super::quoted::quoted;
use crate::guest::refused::{Failure, Refused};
use crate::guest::vm_state::VmState;

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
                let path = region(path, path_length);
                note_path(call, path)?;
                let found = call.look([path], |[path], state| state.property(path))??;
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
                let (path, value) = (region(path, path_length), region(value, value_length));
                note_path(call, path)?;
                call.note_text(value)?;
                call.look([path, value], |[path, value], state| {
                    let stream = state.stream_mut().ok_or(Refused::NoStream)?;
                    stream.filter_state.borrow_mut().set(path, value);
                    Ok(())
                })?
            })
        },
    )?;
    Ok(())
}

/// Notes a path with dots between its segments.
fn note_path(call: &mut Hostcall<'_>, at: Region) -> Result<(), Failure> {
    if call.is_traced() {
        let mut path = call.read(at)?;
        for byte in &mut path {
            if *byte == 0 {
                *byte = b'.';
            }
        }
        call.argument(quoted(&path));
    }
    Ok(())
}
