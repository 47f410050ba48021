//! Header and trailer maps.

use wasmtime::{Caller, Linker};

use super::call::{Call, answer, quoted, region, returned};
use super::error::{Failure, Refused};
use crate::abi::{AbiVersion, MapType};
use crate::header_map::HeaderMap;
use crate::pairs;
use crate::vm_state::VmState;

pub(super) fn link(linker: &mut Linker<VmState>, abi: AbiVersion) -> wasmtime::Result<()> {
    link_whole_maps(linker)?;
    link_value(linker, abi)?;
    link_edits(linker)
}

fn link_whole_maps(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_header_map_size",
        |caller: Caller<'_, VmState>, of: u32, size: u32| {
            answer(caller, "proxy_get_header_map_size", |call| {
                let of = map_type(call, of)?;
                let found = map_mut(call, of)?.byte_size();
                call.answered(found);
                call.write(size, &found.to_le_bytes())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_header_map_pairs",
        |caller: Caller<'_, VmState>, of: u32, pairs: u32, length: u32| {
            answer(caller, "proxy_get_header_map_pairs", |call| {
                let of = map_type(call, of)?;
                let map = call.state().map(of);
                let (count, encoded) =
                    map.map_or((0, Vec::new()), |map| (map.len(), pairs::encode_map(map)));
                call.answered(format_args!("{count} entries"));
                call.give(&encoded, returned(pairs, length))
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_header_map_pairs",
        |caller: Caller<'_, VmState>, of: u32, pairs: u32, length: u32| {
            answer(caller, "proxy_set_header_map_pairs", |call| {
                let of = map_type(call, of)?;
                let pairs = pairs::decode(&call.read(region(pairs, length))?);
                call.argument(format_args!("{} entries", pairs.len()));
                let map = map_mut(call, of)?;
                map.clear();
                for (name, value) in pairs {
                    map.add(&String::from_utf8_lossy(&name), value);
                }
                Ok(())
            })
        },
    )?;
    Ok(())
}

fn link_value(linker: &mut Linker<VmState>, abi: AbiVersion) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_header_map_value",
        move |caller: Caller<'_, VmState>,
              of: u32,
              name: u32,
              name_length: u32,
              value: u32,
              value_length: u32| {
            answer(caller, "proxy_get_header_map_value", |call| {
                let of = map_type(call, of)?;
                let name = name_at(call, name, name_length)?;
                let found = match value_of(call.state(), of, &name) {
                    // To modules of the first ABI a missing header is an empty one.
                    Err(Refused::MapAbsentInLog(_) | Refused::NoSuchHeader)
                        if abi == AbiVersion::V0_1_0 =>
                    {
                        Vec::new()
                    }
                    found => found?,
                };
                call.answered(quoted(&found));
                call.give(&found, returned(value, value_length))
            })
        },
    )?;
    Ok(())
}

fn link_edits(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_add_header_map_value",
        |caller: Caller<'_, VmState>,
         of: u32,
         name: u32,
         name_length: u32,
         value: u32,
         value_length: u32| {
            answer(caller, "proxy_add_header_map_value", |call| {
                let of = map_type(call, of)?;
                let name = name_at(call, name, name_length)?;
                let value = call.text(region(value, value_length))?;
                map_mut(call, of)?.add(&name, value);
                Ok(())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_replace_header_map_value",
        |caller: Caller<'_, VmState>,
         of: u32,
         name: u32,
         name_length: u32,
         value: u32,
         value_length: u32| {
            answer(caller, "proxy_replace_header_map_value", |call| {
                let of = map_type(call, of)?;
                let name = name_at(call, name, name_length)?;
                let value = call.text(region(value, value_length))?;
                map_mut(call, of)?.set(&name, value);
                Ok(())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_remove_header_map_value",
        |caller: Caller<'_, VmState>, of: u32, name: u32, name_length: u32| {
            answer(caller, "proxy_remove_header_map_value", |call| {
                let of = map_type(call, of)?;
                let name = name_at(call, name, name_length)?;
                map_mut(call, of)?.remove(&name);
                Ok(())
            })
        },
    )?;
    Ok(())
}

fn value_of(state: &VmState, of: MapType, name: &str) -> Result<Vec<u8>, Refused> {
    let logging = state.stream().is_some_and(|stream| stream.logging);
    let absent = if logging {
        Refused::MapAbsentInLog(of)
    } else {
        Refused::MapAbsent(of)
    };
    let map = state.map(of).ok_or(absent)?;
    Ok(map.get(name).ok_or(Refused::NoSuchHeader)?.to_vec())
}

fn map_type(call: &mut Call<'_>, number: u32) -> Result<MapType, Refused> {
    let of = MapType::from_number(number).ok_or(Refused::UnknownMap(number))?;
    call.argument(of);
    Ok(of)
}

fn name_at(call: &mut Call<'_>, pointer: u32, length: u32) -> Result<String, Failure> {
    let name = String::from_utf8(call.text(region(pointer, length))?);
    Ok(name.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

fn map_mut<'c>(call: &'c mut Call<'_>, of: MapType) -> Result<&'c mut HeaderMap, Refused> {
    call.state_mut().map_mut(of).ok_or(Refused::MapAbsent(of))
}
