//! The functions of WASI that Envoy offers, under both of their module names (`wasi_snapshot_preview1`, `wasi_unstable`).
//!
//! Envoy 1.40 offers all of the first preview but `proc_raise`, and does next to nothing: output is logged, there are no
//! files, sockets or arguments, and `proc_exit` does not stop the VM. What each function answers was observed there.

mod files;
mod process;

use wasmtime::Linker;

use crate::guest::vm_state::VmState;

const SUCCESS: u32 = 0;
const BADF: u32 = 8;
const FAULT: u32 = 20;
const INVAL: u32 = 28;
const NOENT: u32 = 44;
const NOSYS: u32 = 52;
const NOTSUP: u32 = 58;

/// Links functions that always answer the same.
macro_rules! always {
    ($linker:ident, $module:ident, $($name:literal ($($parameter:ty),*) $answer:expr;)*) => {
        $($linker.func_wrap(
            $module,
            $name,
            |caller: wasmtime::Caller<'_, VmState>, $(_: $parameter),*| {
                crate::guest::hostcalls::call::wasi(caller, $name, |_| Ok($answer))
            },
        )?;)*
    };
}
use always;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    for module in ["wasi_snapshot_preview1", "wasi_unstable"] {
        files::link(linker, module)?;
        process::link(linker, module)?;
    }
    Ok(())
}
