//! `proxy_log` and `proxy_get_log_level`.

use wasmtime::{Caller, Linker};

use super::call::{answer, region};
use crate::abi::AbiVersion;
use crate::guest::refused::Refused;
use crate::guest::vm_state::VmState;
use crate::model::LogLevel;

pub(super) fn link(linker: &mut Linker<VmState>, abi: AbiVersion) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_log",
        |caller: Caller<'_, VmState>, level: u32, text: u32, length: u32| {
            answer(caller, "proxy_log", |call| {
                let level = level_of(level).ok_or(Refused::UnknownLogLevel(level))?;
                call.argument(level);
                let text = call.text(region(text, length))?;
                call.state()
                    .host
                    .log(level, String::from_utf8_lossy(&text).into_owned());
                Ok(())
            })
        },
    )?;
    if abi == AbiVersion::V0_2_1 {
        linker.func_wrap(
            "env",
            "proxy_get_log_level",
            |caller: Caller<'_, VmState>, level: u32| {
                answer(caller, "proxy_get_log_level", |call| {
                    let current = call.state().host.log_level;
                    call.answered(current);
                    call.write(level, &(current as u32).to_le_bytes())
                })
            },
        )?;
    }
    Ok(())
}

fn level_of(number: u32) -> Option<LogLevel> {
    Some(match number {
        0 => LogLevel::Trace,
        1 => LogLevel::Debug,
        2 => LogLevel::Info,
        3 => LogLevel::Warn,
        4 => LogLevel::Error,
        5 => LogLevel::Critical,
        _ => return None,
    })
}
