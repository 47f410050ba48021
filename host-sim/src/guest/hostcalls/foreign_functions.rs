//! `proxy_call_foreign_function`: whatever Envoy offers beyond the ABI, by name.

use wasmtime::{Caller, Linker};

use super::call::{answer, region};
use super::quoted::quoted;
use crate::guest::foreign_function;
use crate::guest::refused::{Failure, Refused};
use crate::guest::vm_state::VmState;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_call_foreign_function",
        |caller: Caller<'_, VmState>,
         name: u32,
         name_length: u32,
         argument: u32,
         argument_length: u32,
         results: u32,
         results_length: u32| {
            answer(caller, "proxy_call_foreign_function", |call| {
                let name = call.text(region(name, name_length))?;
                let argument = call.text(region(argument, argument_length))?;
                let name = String::from_utf8_lossy(&name);
                let outcome = foreign_function::call(call.state_mut(), &name, &argument);
                let unknown = matches!(
                    outcome,
                    Err(Refused::UnknownForeignFunction(_)
                        | Refused::ForeignFunctionNotSimulated(_))
                );
                let (found, refused) = match outcome {
                    Ok(found) => (found, None),
                    Err(refused) => (Vec::new(), Some(Failure::from(refused))),
                };
                // Envoy says where the results are whenever there is such a function, and only to those who want to know.
                if !unknown {
                    call.give_wanted(&found, results, results_length)?;
                    call.answered(quoted(&found));
                }
                refused.map_or(Ok(()), Err)
            })
        },
    )?;
    Ok(())
}
