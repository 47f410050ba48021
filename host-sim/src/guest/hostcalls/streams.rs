//! Streams and contexts: resume, close, local responses, effective context, done.

use wasmtime::{Caller, Linker};

use super::call::{Hostcall, answer, region};
use super::quoted::quoted;
use crate::abi::pairs;
use crate::abi::{AbiVersion, StreamType};
use crate::guest::refused::Refused;
use crate::guest::vm_state::{Deferred, VmState};
use crate::http::local_response::LocalResponse;
use crate::http::stream::Side;

pub(super) fn link(linker: &mut Linker<VmState>, abi: AbiVersion) -> wasmtime::Result<()> {
    if abi != AbiVersion::V0_1_0 {
        link_streams(linker)?;
    }
    link_responses(linker)?;
    link_contexts(linker)
}

/// Asks for a message to go on once the callback has returned. Envoy forgets its pointers to the request at once.
pub(super) fn resume(call: &mut Hostcall<'_>, side: Side) {
    let state = call.state_mut();
    let context = state.context();
    if let Some(stream) = state.stream_mut() {
        stream.forget_request();
        state.running.deferred.push(Deferred::Resume(context, side));
    }
}

fn link_streams(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_continue_stream",
        |caller: Caller<'_, VmState>, of: u32| {
            answer(caller, "proxy_continue_stream", |call| {
                let side = match stream_type(call, of)? {
                    StreamType::Request => Side::Request,
                    StreamType::Response => Side::Response,
                    StreamType::Downstream => return Ok(()),
                    StreamType::Upstream => {
                        return Err(Refused::NoNetworkStream.into());
                    }
                };
                resume(call, side);
                Ok(())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_close_stream",
        |caller: Caller<'_, VmState>, of: u32| {
            answer(caller, "proxy_close_stream", |call| {
                let of = stream_type(call, of)?;
                let context = call.state().context();
                call.state_mut()
                    .running
                    .deferred
                    .push(Deferred::Reset(context, of));
                Ok(())
            })
        },
    )?;
    Ok(())
}

fn link_responses(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_send_local_response",
        |caller: Caller<'_, VmState>,
         status: u32,
         details: u32,
         details_length: u32,
         body: u32,
         body_length: u32,
         headers: u32,
         headers_length: u32,
         grpc_status: i32| {
            answer(caller, "proxy_send_local_response", |call| {
                call.argument(status);
                let details = call.text(region(details, details_length))?;
                let body = call.text(region(body, body_length))?;
                let headers = pairs::decode(&call.read(region(headers, headers_length))?);
                if call.is_traced() {
                    let shown = headers.iter();
                    let shown = shown.map(|(n, v)| format!("{}: {}", quoted(n), quoted(v)));
                    let shown = shown.collect::<Vec<_>>().join(", ");
                    call.argument(format_args!("{{{shown}}}"));
                }
                call.argument(grpc_status);
                let local = LocalResponse {
                    status,
                    details: String::from_utf8_lossy(&details).replace(' ', "_"),
                    body,
                    headers,
                    grpc_status: u32::try_from(grpc_status)
                        .ok()
                        .filter(|status| *status <= 16),
                };
                let state = call.state_mut();
                state.running.responded = true;
                if state.stream().is_some() {
                    state
                        .running
                        .deferred
                        .push(Deferred::Respond(state.context(), local));
                }
                Ok(())
            })
        },
    )?;
    Ok(())
}

fn link_contexts(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_set_effective_context",
        |caller: Caller<'_, VmState>, id: u32| {
            answer(caller, "proxy_set_effective_context", |call| {
                call.argument(id);
                if id != 0 && !call.state().has_context(id) {
                    return Err(Refused::UnknownContext(id).into());
                }
                call.state_mut().running.at.effective = Some(id);
                Ok(())
            })
        },
    )?;
    linker.func_wrap("env", "proxy_done", |caller: Caller<'_, VmState>| {
        answer(caller, "proxy_done", |call| {
            let context = call.state().context();
            let root = call
                .state_mut()
                .roots
                .get_mut(&context)
                .filter(|root| root.pending_done);
            root.ok_or(Refused::NothingPending)?.pending_done = false;
            call.state_mut()
                .running
                .deferred
                .push(Deferred::Delete(context));
            Ok(())
        })
    })?;
    Ok(())
}

fn stream_type(call: &mut Hostcall<'_>, number: u32) -> Result<StreamType, Refused> {
    let of = StreamType::from_number(number).ok_or(Refused::UnknownStreamType(number))?;
    call.argument(of);
    Ok(of)
}
