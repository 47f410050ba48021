//! The clock and the timer of a root context.

use std::time::Duration;

use wasmtime::{Caller, Linker};

use super::call::answer;
use crate::guest::vm_state::{Tick, VmState};

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_current_time_nanoseconds",
        |caller: Caller<'_, VmState>, time: u32| {
            answer(caller, "proxy_get_current_time_nanoseconds", |call| {
                let now = call.state().host.clock.get();
                call.answered(now.as_timestamp());
                call.write(time, &now.as_nanoseconds().to_le_bytes())
            })
        },
    )?;
    // Of modules that Emscripten has made.
    linker.func_wrap("env", "emscripten_notify_memory_growth", |_: u32| {})?;
    linker.func_wrap("env", "pthread_equal", |a: u32, b: u32| u32::from(a == b))?;
    linker.func_wrap(
        "env",
        "proxy_set_tick_period_milliseconds",
        |caller: Caller<'_, VmState>, period: u32| {
            answer(caller, "proxy_set_tick_period_milliseconds", |call| {
                call.argument(period);
                let now = call.state().host.clock.get();
                let root = call.state().root_id();
                if let Some(root) = call.state_mut().roots.get_mut(&root) {
                    let period = Duration::from_millis(period.into());
                    root.tick = (!period.is_zero()).then(|| Tick {
                        period,
                        due: now.after(period),
                    });
                }
                Ok(())
            })
        },
    )?;
    Ok(())
}
