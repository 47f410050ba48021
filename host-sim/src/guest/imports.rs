//! Which functions modules may import, and which of them this simulator really has.

use std::collections::BTreeMap;
use std::rc::Rc;

use wasmtime::{Engine, Extern, FuncType, Linker, Store, ValType};

use crate::abi::AbiVersion;
use crate::guest::hostcalls;
use crate::guest::vm_state::VmState;
use crate::host::Host;
use crate::model::LogLevel;
use crate::model::clock::Instant;

/// What this simulator has of the functions that Envoy 1.40 offers to modules of one ABI.
#[derive(Clone, Debug)]
pub struct Imports {
    /// Their types, by module and name.
    simulated: BTreeMap<(String, String), String>,
}

/// How well a function is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It does what it does in Envoy.
    Simulated,
    /// Envoy has it for modules of these other versions of the ABI only.
    OtherVersions(&'static [AbiVersion]),
    /// Neither this simulator nor the proxy-wasm ABI knows it.
    Unknown,
}

impl Imports {
    /// The functions for modules of this version.
    ///
    /// # Errors
    ///
    /// When the simulator itself is broken: two of its functions have one name.
    pub fn of(abi: AbiVersion) -> wasmtime::Result<Self> {
        let engine = Engine::default();
        let mut linker = Linker::new(&engine);
        hostcalls::link(&mut linker, abi)?;
        let start = Instant::from_timestamp(jiff::Timestamp::UNIX_EPOCH);
        let host = Rc::new(Host::new(start, 0, LogLevel::Info, false));
        let mut store = Store::new(&engine, VmState::new(host, Rc::default(), Rc::default()));
        let functions: Vec<_> = linker
            .iter(&mut store)
            .filter_map(|(module, name, found)| match found {
                Extern::Func(function) => Some((module.to_owned(), name.to_owned(), function)),
                _ => None,
            })
            .collect();
        let typed = functions.into_iter().map(|(module, name, function)| {
            let ty = function_type(&function.ty(&store));
            ((module, name), ty)
        });
        Ok(Self {
            simulated: typed.collect(),
        })
    }

    /// The type of a function that is simulated, as Envoy writes types.
    pub(crate) fn type_of(&self, module: &str, name: &str) -> Option<&str> {
        let import = (module.to_owned(), name.to_owned());
        self.simulated.get(&import).map(String::as_str)
    }

    /// What there is of this import.
    #[must_use]
    pub fn support(&self, module: &str, name: &str) -> Support {
        let import = (module.to_owned(), name.to_owned());
        if self.simulated.contains_key(&import) {
            return Support::Simulated;
        }
        if module != "env" {
            return Support::Unknown;
        }
        match hostcalls::versions_of(name) {
            [] => Support::Unknown,
            versions => Support::OtherVersions(versions),
        }
    }
}

/// A type in Envoy's words: `i32 i32 -> i32`, or `void` where there is nothing.
pub(crate) fn function_type(ty: &FuncType) -> String {
    let words = |types: &mut dyn Iterator<Item = ValType>| {
        let types: Vec<_> = types.map(|ty| ty.to_string()).collect();
        if types.is_empty() {
            "void".to_owned()
        } else {
            types.join(" ")
        }
    };
    let parameters = words(&mut ty.params());
    format!("{parameters} -> {}", words(&mut ty.results()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_known_by_the_version_of_the_abi() {
        let imports = Imports::of(AbiVersion::V0_2_0).unwrap();
        for (module, name, expected) in [
            ("env", "proxy_log", Support::Simulated),
            ("wasi_unstable", "fd_write", Support::Simulated),
            ("wasi_snapshot_preview1", "proxy_log", Support::Unknown),
            ("env", "envoy_resolve_dns", Support::Simulated),
            ("env", "proxy_get_loglevel", Support::Unknown),
            (
                "env",
                "proxy_get_log_level",
                Support::OtherVersions(&[AbiVersion::V0_2_1]),
            ),
        ] {
            assert_eq!(imports.support(module, name), expected, "{module}.{name}");
        }
    }
}
