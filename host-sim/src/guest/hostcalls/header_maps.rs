//! Header and trailer maps.

use wasmtime::{Caller, Linker};

use super::call::{Hostcall, answer, region, returned};
use super::quoted::quoted;
use crate::abi::pairs;
use crate::abi::{AbiVersion, MapType};
use crate::guest::refused::{Failure, Refused};
use crate::guest::vm_state::VmState;
use crate::http::header_map::HeaderMap;

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
                let found = map_mut(call.state_mut(), of)?.byte_size();
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
                call.give_found(returned(pairs, length), |call, found| {
                    let map = call.state().map(of);
                    let count = map.map_or(0, HeaderMap::len);
                    if let Some(map) = map {
                        pairs::encode(map.iter(), found);
                    }
                    call.answered(format_args!("{count} entries"));
                    Ok(())
                })
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
                let map = map_mut(call.state_mut(), of)?;
                map.clear();
                for (name, value) in pairs {
                    map.add(&name, value);
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
                let name = region(name, name_length);
                call.give_found(returned(value, value_length), |call, found| {
                    let outcome = call.texts([name], |[name], state| {
                        let value = value_of(state, of, name)?;
                        found.extend_from_slice(value);
                        Ok(())
                    })?;
                    match outcome {
                        // To modules of the first ABI a missing header is an empty one.
                        Err(Refused::MapAbsentInLog(_) | Refused::NoSuchHeader)
                            if abi == AbiVersion::V0_1_0 => {}
                        outcome => outcome?,
                    }
                    call.answered(quoted(found));
                    Ok(())
                })
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
                let texts = [region(name, name_length), region(value, value_length)];
                call.texts(texts, |[name, value], state| {
                    let map = map_mut(state, of)?;
                    map.add(name, value);
                    Ok(())
                })?
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
                let texts = [region(name, name_length), region(value, value_length)];
                call.texts(texts, |[name, value], state| {
                    let map = map_mut(state, of)?;
                    map.set(name, value);
                    Ok(())
                })?
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_remove_header_map_value",
        |caller: Caller<'_, VmState>, of: u32, name: u32, name_length: u32| {
            answer(caller, "proxy_remove_header_map_value", |call| {
                let of = map_type(call, of)?;
                call.texts([region(name, name_length)], |[name], state| {
                    map_mut(state, of)?.remove(name);
                    Ok(())
                })?
            })
        },
    )?;
    Ok(())
}

fn value_of<'s>(state: &'s VmState, of: MapType, name: &[u8]) -> Result<&'s [u8], Refused> {
    let logging = state.stream().is_some_and(|stream| stream.logging);
    let absent = if logging {
        Refused::MapAbsentInLog(of)
    } else {
        Refused::MapAbsent(of)
    };
    let map = state.map(of).ok_or(absent)?;
    map.get(name).ok_or(Refused::NoSuchHeader)
}

fn map_type(call: &mut Hostcall<'_>, number: u32) -> Result<MapType, Refused> {
    let of = MapType::from_number(number).ok_or(Refused::UnknownMap(number))?;
    call.argument(of);
    Ok(of)
}

fn map_mut(state: &mut VmState, of: MapType) -> Result<&mut HeaderMap, Failure> {
    Ok(state.map_mut(of).ok_or(Refused::MapAbsent(of))?)
}
