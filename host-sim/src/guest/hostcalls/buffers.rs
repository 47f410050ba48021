//! Buffers: bodies and configurations.

use wasmtime::{Caller, Linker};

use super::call::{Hostcall, answer, region, returned};
use super::quoted::quoted;
use crate::abi::BufferType;
use crate::guest::refused::{Failure, Refused};
use crate::guest::vm_state::VmState;
use crate::host::grpc_call::GrpcEvent;
use crate::http::body;
use crate::http::stream::Side;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_buffer_bytes",
        |caller: Caller<'_, VmState>, of: u32, start: u32, max: u32, bytes: u32, length: u32| {
            answer(caller, "proxy_get_buffer_bytes", |call| {
                let of = buffer_type(call, of)?;
                call.argument(start);
                call.argument(max);
                let found = body::read(contents(call, of)?, start, max).to_vec();
                call.answered(quoted(&found));
                call.give(&found, returned(bytes, length))
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_buffer_status",
        |caller: Caller<'_, VmState>, of: u32, length: u32, flags: u32| {
            answer(caller, "proxy_get_buffer_status", |call| {
                let of = buffer_type(call, of)?;
                let found = u32::try_from(contents(call, of)?.len()).unwrap_or(u32::MAX);
                call.answered(found);
                call.write(length, &found.to_le_bytes())?;
                call.write(flags, &0_u32.to_le_bytes())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_buffer_bytes",
        |caller: Caller<'_, VmState>, of: u32, start: u32, size: u32, bytes: u32, length: u32| {
            answer(caller, "proxy_set_buffer_bytes", |call| {
                let of = buffer_type(call, of)?;
                call.argument(start);
                call.argument(size);
                let absent = contents(call, of).err();
                if let Some(absent) = absent {
                    return Err(absent);
                }
                let data = call.text(region(bytes, length))?;
                let body = match of {
                    BufferType::HttpRequestBody => body_mut(call, Side::Request),
                    BufferType::HttpResponseBody => body_mut(call, Side::Response),
                    _ => None,
                };
                body::write(
                    body.ok_or(Refused::BufferImmutable(of))?,
                    start,
                    size,
                    &data,
                )?;
                Ok(())
            })
        },
    )?;
    Ok(())
}

fn buffer_type(call: &mut Hostcall<'_>, number: u32) -> Result<BufferType, Refused> {
    let of = BufferType::from_number(number).ok_or(Refused::UnknownBuffer(number))?;
    call.argument(of);
    Ok(of)
}

fn body_mut<'c>(call: &'c mut Hostcall<'_>, side: Side) -> Option<&'c mut Vec<u8>> {
    call.state_mut().stream_mut()?.message_mut(side)?.body_mut()
}

/// What is in a buffer. Bodies outside of their callbacks are empty, not absent; configurations and callouts are absent.
fn contents<'c>(call: &'c Hostcall<'_>, of: BufferType) -> Result<&'c [u8], Failure> {
    let state = call.state();
    let body = |side| state.stream()?.message(side)?.body();
    Ok(match of {
        BufferType::HttpRequestBody => body(Side::Request).map_or(&[], Vec::as_slice),
        BufferType::HttpResponseBody => body(Side::Response).map_or(&[], Vec::as_slice),
        BufferType::VmConfiguration => &state.identity.vm_configuration,
        BufferType::PluginConfiguration => state
            .running
            .configuration
            .as_deref()
            .ok_or(Refused::BufferAbsent(of))?,
        BufferType::HttpCallResponseBody => {
            &state
                .outbound
                .reply
                .as_ref()
                .ok_or(Refused::BufferAbsent(of))?
                .body
        }
        BufferType::GrpcReceiveBuffer => match &state.outbound.grpc_event {
            Some(GrpcEvent::Message(bytes)) => bytes,
            _ => &[],
        },
        BufferType::CallData => &state.running.at.call_data,
        BufferType::DownstreamData | BufferType::UpstreamData => &[],
    })
}
