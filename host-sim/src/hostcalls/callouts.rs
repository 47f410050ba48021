//! Calls that the plugin makes itself.

use std::time::Duration;

use wasmtime::{Caller, Linker};

use super::call::{answer, region};
use super::error::Refused;
use super::quoted::quoted;
use crate::callout::{Callout, Fate};
use crate::header_map::HeaderMap;
use crate::pairs;
use crate::target::UpstreamRequest;
use crate::vm_state::VmState;

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
                if !call.state().host.services.borrow().contains_key(&cluster) {
                    call.state().host.miss_service(&cluster);
                    return Err(Refused::UnknownCluster(cluster).into());
                }
                let pseudo = |name: &'static str| {
                    let value = headers.text(name);
                    let value = value.ok_or(Refused::CalloutWithout(name))?;
                    Ok::<_, Refused>(value.into_owned())
                };
                let authority = pseudo(":authority")?;
                let (method, path) = (pseudo(":method")?, pseudo(":path")?);
                let timeout = u64::try_from(timeout).map_err(|_| Refused::NegativeTimeout)?;
                headers.set("x-envoy-internal", "true");
                if timeout > 0 {
                    headers.set("x-envoy-expected-rq-timeout-ms", timeout.to_string());
                }
                let mut sent = vec![("host".to_owned(), authority)];
                sent.extend(headers.without_pseudo());
                if !body.is_empty() && headers.get("content-length").is_none() {
                    sent.push(("content-length".to_owned(), body.len().to_string()));
                }
                let state = call.state_mut();
                let callout = Callout {
                    root: state.root_id(),
                    cluster,
                    request: UpstreamRequest {
                        method,
                        path,
                        headers: sent,
                        body,
                    },
                    timeout: (timeout > 0).then(|| Duration::from_millis(timeout)),
                    fate: Fate::Unsent,
                };
                let id = state.add_callout(callout);
                call.answered(id);
                call.write(token, &id.to_le_bytes())
            })
        },
    )?;
    Ok(())
}
