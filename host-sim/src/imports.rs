//! Which functions modules may import, and which of them this simulator really has.

use std::collections::BTreeSet;
use std::rc::Rc;

use wasmtime::{Engine, Linker, Store};

use crate::abi::AbiVersion;
use crate::clock::Instant;
use crate::host::Host;
use crate::hostcalls;
use crate::target::LogLevel;
use crate::vm_state::VmState;

/// What this simulator has of the functions that Envoy 1.40 offers to modules of one ABI.
#[derive(Clone, Debug)]
pub struct Imports {
    simulated: BTreeSet<(String, String)>,
}

/// How well a function is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It does what it does in Envoy.
    Simulated,
    /// Modules that import it load; the VM ends when they call it.
    Missing,
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
        hostcalls::link_simulated(&mut linker, abi)?;
        let start = Instant::from_timestamp(jiff::Timestamp::UNIX_EPOCH);
        let host = Rc::new(Host::new(start, 0, LogLevel::Info, false));
        let mut store = Store::new(&engine, VmState::new(host, Rc::default(), String::new()));
        let simulated = linker
            .iter(&mut store)
            .map(|(module, name, _)| (module.to_owned(), name.to_owned()))
            .collect();
        Ok(Self { simulated })
    }

    /// What there is of this import.
    #[must_use]
    pub fn support(&self, module: &str, name: &str) -> Support {
        let import = (module.to_owned(), name.to_owned());
        if self.simulated.contains(&import) {
            return Support::Simulated;
        }
        if module != "env" {
            return Support::Unknown;
        }
        if hostcalls::UNIMPLEMENTED.contains(&name) {
            return Support::Missing;
        }
        match hostcalls::versions_of(name) {
            [] => Support::Unknown,
            versions => Support::OtherVersions(versions),
        }
    }
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
            ("env", "envoy_resolve_dns", Support::Missing),
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
