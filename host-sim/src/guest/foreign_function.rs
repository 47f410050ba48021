//! The functions that Envoy offers beyond the ABI (`foreign.cc`), as far as a policy can make use of them in a test.
//!
//! The rest, which compile expressions or use keys, are refused by name.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use prost::Message as _;

use crate::guest::refused::Refused;
use crate::guest::vm_state::VmState;

/// What Envoy 1.40 has and this crate has not.
const NOT_SIMULATED: &[&str] = &[
    "expr_create",
    "expr_delete",
    "expr_evaluate",
    "sign",
    "verify_signature",
];

/// The keys of the filter state that `set_envoy_filter_state` may set to any text. Envoy itself acts upon most of them. A few
/// more that hold addresses are not here.
const FILTER_STATE_KEYS: &[&str] = &[
    "envoy.hashable_string",
    "envoy.network.application_protocols",
    "envoy.network.upstream_server_name",
    "envoy.network.upstream_subject_alt_names",
    "envoy.ratelimit.hits_addend",
    "envoy.string",
    "envoy.tcp_proxy.cluster",
    "envoy.tcp_proxy.disable_tunneling",
    "envoy.tcp_proxy.per_connection_idle_timeout_ms",
    "envoy.upstream.dynamic_host",
    "envoy.upstream.dynamic_port",
];

/// `envoy.source.extensions.common.wasm.DeclarePropertyArguments`.
#[derive(Clone, PartialEq, prost::Message)]
struct DeclareProperty {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bool, tag = "2")]
    readonly: bool,
    #[prost(int32, tag = "3")]
    kind: i32,
    #[prost(bytes = "vec", tag = "4")]
    schema: Vec<u8>,
    #[prost(int32, tag = "5")]
    span: i32,
}

/// `envoy.source.extensions.common.wasm.SetEnvoyFilterStateArguments`.
#[derive(Clone, PartialEq, prost::Message)]
struct SetFilterState {
    #[prost(string, tag = "1")]
    path: String,
    #[prost(string, tag = "2")]
    value: String,
    #[prost(int32, tag = "3")]
    span: i32,
}

/// Calls the function of this name.
pub(crate) fn call(state: &mut VmState, name: &str, argument: &[u8]) -> Result<Vec<u8>, Refused> {
    match name {
        "compress" => compress(argument),
        "uncompress" => uncompress(argument),
        // A simulation has one route, so there is nothing to look up anew.
        "clear_route_cache" => Ok(Vec::new()),
        "declare_property" => declare_property(state, argument),
        "set_envoy_filter_state" => set_filter_state(state, argument),
        name if NOT_SIMULATED.contains(&name) => {
            Err(Refused::ForeignFunctionNotSimulated(name.to_owned()))
        }
        name => Err(Refused::UnknownForeignFunction(name.to_owned())),
    }
}

/// A zlib stream of these bytes. Envoy's may be a few bytes longer or shorter.
fn compress(bytes: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.map_err(|_| Refused::NotCompressible)
}

fn uncompress(bytes: &[u8]) -> Result<Vec<u8>, Refused> {
    if bytes.is_empty() {
        return Err(Refused::NotCompressed);
    }
    let mut found = Vec::new();
    match ZlibDecoder::new(bytes).read_to_end(&mut found) {
        Ok(_) => Ok(found),
        Err(_) => Err(Refused::NotCompressed),
    }
}

/// Says how a property is kept before it is set. A property is declared once. Envoy 1.40 lets it be set again even if it was declared
/// to be read-only.
fn declare_property(state: &mut VmState, argument: &[u8]) -> Result<Vec<u8>, Refused> {
    let declared = DeclareProperty::decode(argument).map_err(|_| Refused::MalformedArgument)?;
    let root = state.root_id();
    let root = state.roots.get_mut(&root).ok_or(Refused::NoStream)?;
    if root.declared.insert(declared.name) {
        Ok(Vec::new())
    } else {
        Err(Refused::AlreadyDeclared)
    }
}

/// Sets an object that Envoy's own parts look for.
fn set_filter_state(state: &mut VmState, argument: &[u8]) -> Result<Vec<u8>, Refused> {
    let set = SetFilterState::decode(argument).map_err(|_| Refused::MalformedArgument)?;
    if !FILTER_STATE_KEYS.contains(&set.path.as_str()) {
        return Err(Refused::UnknownFilterState(set.path));
    }
    let stream = state.stream_mut().ok_or(Refused::NoStream)?;
    stream
        .filter_state
        .borrow_mut()
        .objects
        .insert(set.path, set.value.into_bytes());
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_can_be_uncompressed() {
        let text = b"again and again and again and again".repeat(20);
        let compressed = compress(&text).unwrap();
        assert!(compressed.len() < 60, "{} bytes", compressed.len());
        assert_eq!(uncompress(&compressed).unwrap(), text);
        let error = uncompress(b"no zlib").unwrap_err();
        assert_eq!(error.to_string(), "not in the format of zlib");
        let cut = uncompress(&compressed[..compressed.len() / 2]).unwrap_err();
        assert_eq!(cut.to_string(), "not in the format of zlib");
    }
}
