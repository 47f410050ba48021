//! The few functions of WASI that Envoy offers, under both of their module names (`wasi_snapshot_preview1`, `wasi_unstable`).
//!
//! Standard output is logged as info and standard error as error, without one trailing newline. Nothing is read, and
//! `proc_exit` does not stop the VM.

use wasmtime::{Caller, Linker};

use super::call::{Call, region, wasi};
use super::error::{Failure, Refused};
use crate::target::LogLevel;
use crate::vm_state::VmState;

const SUCCESS: u32 = 0;
const BADF: u32 = 8;
const INVAL: u32 = 28;
const NOENT: u32 = 44;
const NOSYS: u32 = 52;
const NOTSUP: u32 = 58;

/// `random_get` gives no more than this.
const MAX_RANDOM: u32 = 64 * 1024;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    for module in ["wasi_snapshot_preview1", "wasi_unstable"] {
        link_files(linker, module)?;
        link_process(linker, module)?;
    }
    Ok(())
}

fn link_files(linker: &mut Linker<VmState>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(
        module,
        "fd_write",
        |caller: Caller<'_, VmState>, fd: u32, vectors: u32, count: u32, written: u32| {
            wasi(caller, "fd_write", |call| {
                call.argument(fd);
                let level = match fd {
                    1 => LogLevel::Info,
                    2 => LogLevel::Error,
                    _ => return Ok(BADF),
                };
                let bytes = gather(call, vectors, count)?;
                if !bytes.is_empty() {
                    let text = String::from_utf8_lossy(&bytes);
                    call.argument(format_args!("{text:?}"));
                    call.state()
                        .host
                        .log(level, text.strip_suffix('\n').unwrap_or(&text).to_owned());
                }
                let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                call.write(written, &length.to_le_bytes())?;
                Ok(SUCCESS)
            })
        },
    )?;
    linker.func_wrap(
        module,
        "fd_fdstat_get",
        |caller: Caller<'_, VmState>, fd: u32, stat: u32| {
            wasi(caller, "fd_fdstat_get", |call| {
                if fd != 1 && fd != 2 {
                    return Ok(BADF);
                }
                // 24 bytes, of which the base rights say "may write".
                let words = [0_u64, 64, 0].map(u64::to_le_bytes);
                call.write(stat, words.as_flattened())?;
                Ok(SUCCESS)
            })
        },
    )?;
    linker.func_wrap(
        module,
        "fd_read",
        |_: Caller<'_, VmState>, _: u32, _: u32, _: u32, _: u32| NOSYS,
    )?;
    linker.func_wrap(
        module,
        "fd_seek",
        |_: Caller<'_, VmState>, _: u32, _: i64, _: u32, _: u32| SUCCESS,
    )?;
    linker.func_wrap(module, "fd_close", |_: Caller<'_, VmState>, _: u32| SUCCESS)?;
    linker.func_wrap(
        module,
        "fd_fdstat_set_flags",
        |_: Caller<'_, VmState>, _: u32, _: u32| NOTSUP,
    )?;
    linker.func_wrap(
        module,
        "fd_prestat_get",
        |_: Caller<'_, VmState>, _: u32, _: u32| BADF,
    )?;
    linker.func_wrap(
        module,
        "fd_prestat_dir_name",
        |_: Caller<'_, VmState>, _: u32, _: u32, _: u32| NOSYS,
    )?;
    linker.func_wrap(
        module,
        "path_open",
        |_: Caller<'_, VmState>,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u64,
         _: u64,
         _: u32,
         _: u32| NOENT,
    )?;
    Ok(())
}

fn link_process(linker: &mut Linker<VmState>, module: &str) -> wasmtime::Result<()> {
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
        "args_get",
        |_: Caller<'_, VmState>, _: u32, _: u32| SUCCESS,
    )?;
    linker.func_wrap(module, "sched_yield", |_: Caller<'_, VmState>| SUCCESS)?;
    linker.func_wrap(module, "proc_exit", |_: Caller<'_, VmState>, _: u32| ())?;
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
    Ok(())
}

/// The bytes of a list of (pointer, length) pairs.
fn gather(call: &mut Call<'_>, vectors: u32, count: u32) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut at = vectors;
    for _ in 0..count {
        let vector = call.read(region(at, 8))?;
        let (pointer, length) = vector.split_at_checked(4).unwrap_or_default();
        let number = |bytes: &[u8]| bytes.try_into().map(u32::from_le_bytes).unwrap_or(0);
        bytes.extend(call.read(region(number(pointer), number(length)))?);
        at = at.checked_add(8).ok_or(Refused::NoMemory {
            pointer: at,
            length: 8,
        })?;
    }
    Ok(bytes)
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
    call: &mut Call<'_>,
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
