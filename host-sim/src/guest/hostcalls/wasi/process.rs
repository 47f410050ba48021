//! Time, chance, the environment, and the rest of what a process has.

use wasmtime::{Caller, Linker};

use super::{INVAL, NOTSUP, SUCCESS, always};
use crate::guest::hostcalls::call::{Hostcall, wasi};
use crate::guest::refused::Failure;
use crate::guest::vm_state::VmState;

/// `random_get` gives no more than this.
const MAX_RANDOM: u32 = 64 * 1024;

pub(super) fn link(linker: &mut Linker<VmState>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(
        module,
        "clock_time_get",
        |caller: Caller<'_, VmState>, clock: u32, _precision: u64, time: u32| {
            wasi(caller, "clock_time_get", |call| {
                call.argument(clock);
                if clock > 1 {
                    return Ok(NOTSUP);
                }
                let now = call.state().host.clock.get().as_nanoseconds();
                call.write(time, &now.to_le_bytes())?;
                Ok(SUCCESS)
            })
        },
    )?;
    linker.func_wrap(
        module,
        "random_get",
        |caller: Caller<'_, VmState>, bytes: u32, length: u32| {
            wasi(caller, "random_get", |call| {
                call.argument(length);
                if length > MAX_RANDOM {
                    return Ok(INVAL);
                }
                let count = usize::try_from(length).unwrap_or(0);
                let random = call.state().host.random.borrow_mut().bytes(count);
                call.write(bytes, &random)?;
                Ok(SUCCESS)
            })
        },
    )?;
    linker.func_wrap(
        module,
        "environ_sizes_get",
        |caller: Caller<'_, VmState>, count: u32, size: u32| {
            wasi(caller, "environ_sizes_get", |call| {
                sizes(call, environment_of, count, size)
            })
        },
    )?;
    linker.func_wrap(
        module,
        "environ_get",
        |caller: Caller<'_, VmState>, pointers: u32, bytes: u32| {
            wasi(caller, "environ_get", |call| {
                let (mut slot, mut at) = (pointers, bytes);
                for variable in environment_of(call.state()) {
                    call.write(slot, &at.to_le_bytes())?;
                    call.write(at, &variable)?;
                    slot = slot.wrapping_add(4);
                    at = at.wrapping_add(u32::try_from(variable.len()).unwrap_or(0));
                }
                Ok(SUCCESS)
            })
        },
    )?;
    linker.func_wrap(
        module,
        "args_sizes_get",
        |caller: Caller<'_, VmState>, count: u32, size: u32| {
            wasi(caller, "args_sizes_get", |call| {
                sizes(call, |_| Vec::new(), count, size)
            })
        },
    )?;
    linker.func_wrap(
        module,
        "poll_oneoff",
        |caller: Caller<'_, VmState>, _: u32, _: u32, _: u32, events: u32| {
            wasi(caller, "poll_oneoff", |call| {
                call.write(events, &0_u32.to_le_bytes())?;
                Ok(SUCCESS)
            })
        },
    )?;
    linker.func_wrap(
        module,
        "clock_res_get",
        |caller: Caller<'_, VmState>, clock: u32, resolution: u32| {
            wasi(caller, "clock_res_get", |call| {
                call.argument(clock);
                if clock > 1 {
                    return Ok(NOTSUP);
                }
                call.write(resolution, &1_u64.to_le_bytes())?;
                Ok(SUCCESS)
            })
        },
    )?;
    // It stops nothing.
    linker.func_wrap(
        module,
        "proc_exit",
        |caller: Caller<'_, VmState>, _: u32| wasi(caller, "proc_exit", |_| Ok(SUCCESS)).map(drop),
    )?;
    always! { linker, module,
        "args_get" (u32, u32) SUCCESS;
        "sched_yield" () SUCCESS;
    }
    Ok(())
}

/// The environment as `KEY=value\0` each.
fn environment_of(state: &VmState) -> Vec<Vec<u8>> {
    state
        .identity
        .environment
        .iter()
        .map(|(key, value)| format!("{key}={value}\0").into_bytes())
        .collect()
}

fn sizes(
    call: &mut Hostcall<'_>,
    list: impl Fn(&VmState) -> Vec<Vec<u8>>,
    count: u32,
    size: u32,
) -> Result<u32, Failure> {
    let list = list(call.state());
    let total: usize = list.iter().map(Vec::len).sum();
    call.write(count, &u32::try_from(list.len()).unwrap_or(0).to_le_bytes())?;
    call.write(size, &u32::try_from(total).unwrap_or(0).to_le_bytes())?;
    Ok(SUCCESS)
}
