//! gRPC calls and streams that the plugin makes itself.

use std::time::Duration;

use prost::Message as _;
use wasmtime::{Caller, Linker};

use super::call::{Hostcall, Region, answer, region};
use super::quoted::quoted;
use crate::abi::pairs;
use crate::guest::refused::{Failure, Refused};
use crate::guest::vm_state::VmState;
use crate::host::grpc_call::GrpcCall;
use crate::model::grpc::GrpcRequest;

/// The part of `envoy.config.core.v3.GrpcService` that says where the service is.
#[derive(Clone, PartialEq, prost::Message)]
struct ServiceConfig {
    #[prost(message, optional, tag = "1")]
    envoy_grpc: Option<EnvoyGrpc>,
}

/// `envoy.config.core.v3.GrpcService.EnvoyGrpc`.
#[derive(Clone, PartialEq, prost::Message)]
struct EnvoyGrpc {
    #[prost(string, tag = "1")]
    cluster_name: String,
}

/// How the plugin names a service.
enum Named {
    /// By the cluster alone, which must exist.
    Cluster(String),
    /// By Envoy's own message, of which Envoy looks for the cluster only when it calls.
    Config(String),
}

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    link_calls(linker)?;
    link_streams(linker)
}

fn link_calls(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_grpc_call",
        |caller: Caller<'_, VmState>,
         service: u32,
         service_length: u32,
         name: u32,
         name_length: u32,
         method: u32,
         method_length: u32,
         metadata: u32,
         metadata_length: u32,
         message: u32,
         message_length: u32,
         timeout: u32,
         token: u32| {
            answer(caller, "proxy_grpc_call", |call| {
                let named = service_at(call, region(service, service_length))?;
                let mut request = request_at(
                    call,
                    region(name, name_length),
                    region(method, method_length),
                    region(metadata, metadata_length),
                )?;
                request.messages = vec![call.text(region(message, message_length))?];
                request.closed = true;
                call.argument(timeout);
                let timeout = Duration::from_millis(timeout.into());
                let root = call.state().root_id();
                start(call, named, token, |cluster| {
                    GrpcCall::unary(root, cluster, request, timeout)
                })
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_grpc_stream",
        |caller: Caller<'_, VmState>,
         service: u32,
         service_length: u32,
         name: u32,
         name_length: u32,
         method: u32,
         method_length: u32,
         metadata: u32,
         metadata_length: u32,
         token: u32| {
            answer(caller, "proxy_grpc_stream", |call| {
                let named = service_at(call, region(service, service_length))?;
                let request = request_at(
                    call,
                    region(name, name_length),
                    region(method, method_length),
                    region(metadata, metadata_length),
                )?;
                let root = call.state().root_id();
                start(call, named, token, |cluster| {
                    GrpcCall::stream(root, cluster, request, true)
                })
            })
        },
    )?;
    Ok(())
}

fn link_streams(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_grpc_send",
        |caller: Caller<'_, VmState>, token: u32, message: u32, length: u32, end: u32| {
            answer(caller, "proxy_grpc_send", |call| {
                call.argument(token);
                let message = call.text(region(message, length))?;
                call.argument(end != 0);
                if token & 3 != 2 {
                    return Err(Refused::NoGrpcStream(token).into());
                }
                let calls = &mut call.state_mut().outbound.grpc_calls;
                let open = calls.get_mut(&token).ok_or(Refused::UnknownGrpc(token))?;
                open.request.messages.push(message);
                open.request.closed |= end != 0;
                Ok(())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_grpc_close",
        |caller: Caller<'_, VmState>, token: u32| {
            answer(caller, "proxy_grpc_close", |call| {
                call.argument(token);
                let open = open(call, token)?;
                open.closed_here = true;
                open.request.closed = true;
                // A call has only one side to close; of a stream the other side goes on.
                if !open.streams || open.closed_there {
                    call.state_mut().outbound.grpc_calls.remove(&token);
                }
                Ok(())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_grpc_cancel",
        |caller: Caller<'_, VmState>, token: u32| {
            answer(caller, "proxy_grpc_cancel", |call| {
                call.argument(token);
                open(call, token)?;
                call.state_mut().outbound.grpc_calls.remove(&token);
                Ok(())
            })
        },
    )?;
    Ok(())
}

/// A call or a stream that is open; other tokens are none of gRPC's.
fn open<'c>(call: &'c mut Hostcall<'_>, token: u32) -> Result<&'c mut GrpcCall, Refused> {
    if token & 3 != 1 && token & 3 != 2 {
        return Err(Refused::NoGrpc(token));
    }
    let calls = &mut call.state_mut().outbound.grpc_calls;
    calls.get_mut(&token).ok_or(Refused::UnknownGrpc(token))
}

fn service_at(call: &mut Hostcall<'_>, at: Region) -> Result<Named, Failure> {
    let bytes = call.text(at)?;
    let Ok(config) = ServiceConfig::decode(bytes.as_slice()) else {
        return Ok(Named::Cluster(String::from_utf8_lossy(&bytes).into_owned()));
    };
    let cluster = config.envoy_grpc.map(|envoy| envoy.cluster_name);
    Ok(Named::Config(cluster.ok_or(Refused::NoEnvoyGrpc)?))
}

fn request_at(
    call: &mut Hostcall<'_>,
    name: Region,
    method: Region,
    metadata: Region,
) -> Result<GrpcRequest, Failure> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let (name, method) = (text(call.text(name)?), text(call.text(method)?));
    let pairs = pairs::decode(&call.read(metadata)?);
    let shown: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{}: {}", quoted(name), quoted(value)))
        .collect();
    call.argument(format_args!("{{{}}}", shown.join(", ")));
    Ok(GrpcRequest {
        method: format!("{name}/{method}"),
        metadata: pairs
            .into_iter()
            .map(|(name, value)| (text(name).to_ascii_lowercase(), text(value)))
            .collect(),
        ..GrpcRequest::default()
    })
}

fn start(
    call: &mut Hostcall<'_>,
    named: Named,
    token: u32,
    make: impl FnOnce(String) -> GrpcCall,
) -> Result<(), Failure> {
    let (cluster, must_exist) = match named {
        Named::Cluster(cluster) => (cluster, true),
        Named::Config(cluster) => (cluster, false),
    };
    let state = call.state_mut();
    state.host.reach_out();
    let exists = state
        .host
        .outside
        .grpc_services
        .borrow()
        .contains_key(&cluster);
    if !exists && must_exist {
        return Err(Refused::NoGrpcService(cluster).into());
    }
    let started = make(cluster.clone());
    if !exists {
        state.outbound.add_grpc_call(started.without_cluster());
        return Err(Refused::NoGrpcCluster(cluster).into());
    }
    let id = state.outbound.add_grpc_call(started);
    call.answered(id);
    call.write(token, &id.to_le_bytes())
}
