//! Calls that the plugin makes itself.

use std::time::Duration;

use wasmtime::{Caller, Linker};

use super::call::{answer, region};
use super::quoted::quoted;
use crate::abi::pairs;
use crate::guest::refused::Refused;
use crate::guest::vm_state::VmState;
use crate::host::callout::Callout;
use crate::http::header_map::HeaderMap;

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_http_call",
        |caller: Caller<'_, VmState>,
         cluster: u32,
         cluster_length: u32,
         headers: u32,
         headers_length: u32,
         body: u32,
         body_length: u32,
         trailers: u32,
         trailers_length: u32,
         timeout: i32,
         token: u32| {
            answer(caller, "proxy_http_call", |call| {
                let cluster = call.text(region(cluster, cluster_length))?;
                let cluster = String::from_utf8_lossy(&cluster).into_owned();
                let pairs = pairs::decode(&call.read(region(headers, headers_length))?);
                let mut headers = HeaderMap::of_request();
                let mut shown = Vec::new();
                for (name, value) in pairs {
                    shown.push(format!("{}: {}", quoted(&name), quoted(&value)));
                    headers.add(&name, value);
                }
                call.argument(format_args!("{{{}}}", shown.join(", ")));
                let body = call.text(region(body, body_length))?;
                call.read(region(trailers, trailers_length))?;
                call.argument(timeout);
                call.state().host.reach_out();
                if !call
                    .state()
                    .host
                    .outside
                    .services
                    .borrow()
                    .contains_key(&cluster)
                {
                    call.state().host.miss_service(&cluster);
                    return Err(Refused::UnknownCluster(cluster).into());
                }
                for name in [":authority", ":method", ":path"] {
                    headers.get(name).ok_or(Refused::CalloutWithout(name))?;
                }
                let timeout = u64::try_from(timeout).map_err(|_| Refused::NegativeTimeout)?;
                let timeout = Duration::from_millis(timeout);
                let state = call.state_mut();
                let callout = Callout::new(state.root_id(), cluster, headers, body, timeout);
                let id = state.outbound.add_callout(callout);
                call.answered(id);
                call.write(token, &id.to_le_bytes())
            })
        },
    )?;
    Ok(())
}
