//! Shared queues.

use wasmtime::{Caller, Linker};

use super::call::{answer, region, returned};
use super::quoted::quoted;
use crate::guest::vm_state::VmState;
use crate::host::access::Access;
use crate::host::shared_queue::Listener;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    link_names(linker)?;
    link_items(linker)
}

fn link_names(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_register_shared_queue",
        |caller: Caller<'_, VmState>, name: u32, name_length: u32, token: u32| {
            answer(caller, "proxy_register_shared_queue", |call| {
                let name = call.text(region(name, name_length))?;
                let state = call.state();
                let listener = Listener {
                    vm: state.number,
                    root: state.root_id(),
                };
                let mut queues = state.host.process.queues.borrow_mut();
                let given = queues.register(&state.identity.vm_id, &name, listener);
                drop(queues);
                call.answered(given);
                call.write(token, &given.to_le_bytes())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_resolve_shared_queue",
        |caller: Caller<'_, VmState>,
         vm_id: u32,
         vm_id_length: u32,
         name: u32,
         name_length: u32,
         token: u32| {
            answer(caller, "proxy_resolve_shared_queue", |call| {
                let vm_id = call.text(region(vm_id, vm_id_length))?;
                let name = call.text(region(name, name_length))?;
                let state = call.state();
                let vm_id = if vm_id.is_empty() {
                    state.identity.vm_id.clone()
                } else {
                    String::from_utf8_lossy(&vm_id).into_owned()
                };
                let found = state.host.process.queues.borrow().resolve(&vm_id, &name)?;
                call.answered(found);
                call.write(token, &found.to_le_bytes())
            })
        },
    )?;
    Ok(())
}

fn link_items(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_enqueue_shared_queue",
        |caller: Caller<'_, VmState>, token: u32, item: u32, item_length: u32| {
            answer(caller, "proxy_enqueue_shared_queue", |call| {
                call.argument(token);
                let item = call.text(region(item, item_length))?;
                let host = &call.state().host;
                host.reach(|| Access::of_queue(token));
                host.note_enqueued();
                let mut queues = host.process.queues.borrow_mut();
                Ok(queues.enqueue(token, item)?)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_dequeue_shared_queue",
        |caller: Caller<'_, VmState>, token: u32, item: u32, item_length: u32| {
            answer(caller, "proxy_dequeue_shared_queue", |call| {
                call.argument(token);
                let host = &call.state().host;
                host.reach(|| Access::of_queue(token));
                let taken = host.process.queues.borrow_mut().dequeue(token)?;
                call.answered(quoted(&taken));
                call.give(&taken, returned(item, item_length))
            })
        },
    )?;
    Ok(())
}
