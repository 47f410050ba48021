//! Why Envoy would not load a module.

use std::path::PathBuf;

use crate::abi::AbiVersion;

const EXPECTED_VERSIONS: &str =
    "proxy_abi_version_0_1_0, proxy_abi_version_0_2_0 or proxy_abi_version_0_2_1";

/// Why Envoy would not load a module.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The bytes are no WebAssembly module.
    #[error("not a WebAssembly module: {0}")]
    NotWasm(String),
    /// No export says which ABI the module was built for.
    #[error("missing or unknown Proxy-Wasm ABI version: no export named {EXPECTED_VERSIONS}")]
    MissingAbiVersion,
    /// The module was built for an ABI that host-sim does not know.
    #[error("unknown Proxy-Wasm ABI version `{0}`, expected {EXPECTED_VERSIONS}")]
    UnknownAbiVersion(String),
    /// Neither `malloc` nor `proxy_on_memory_allocate` is exported.
    #[error("the module exports no allocator, expected `malloc` or `proxy_on_memory_allocate`")]
    MissingAllocator,
    /// A callback or the allocator is not of the ABI's type.
    #[error("the module's export `{name}` is no function of the ABI's type")]
    WrongExport {
        /// The export.
        name: String,
    },
    /// V8 has less memory, or smaller tables.
    #[error("the module wants {wanted}, and V8 gives {most} at most")]
    TooLarge {
        /// What it wants at the start, as in `20000 pages of memory`.
        wanted: String,
        /// How much there is.
        most: u64,
    },
    /// Envoy does not offer this import.
    #[error("failed to load the module due to a missing import: {module}.{name}")]
    UnknownImport {
        /// The module of the import.
        module: String,
        /// Its name.
        name: String,
    },
    /// Envoy offers this import to modules of other versions only.
    #[error(
        "failed to load the module due to a missing import: env.{name} belongs to ABI {}, and the module says that it was built for {abi}",
        .versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
    )]
    ImportOfOtherVersion {
        /// Its name.
        name: String,
        /// What the module was built for.
        abi: AbiVersion,
        /// Who may import it.
        versions: &'static [AbiVersion],
    },
    /// Envoy offers this import with another type.
    #[error(
        "failed to load the module due to an import type mismatch: {module}.{name}, want: {wanted}, but host exports: {offered}"
    )]
    ImportOfOtherType {
        /// The module of the import.
        module: String,
        /// Its name.
        name: String,
        /// The type that the module imports, as in `i32 i32 -> i32`.
        wanted: String,
        /// The type that Envoy offers.
        offered: String,
    },
    /// The module is a filter for connections: it has such callbacks and none of an HTTP filter's.
    #[error(
        "the module is a TCP filter: it exports {callback} and no callback of an HTTP filter; host-sim simulates HTTP filters"
    )]
    TcpFilter {
        /// The first such callback.
        callback: &'static str,
    },
    /// The WebAssembly engine cannot be set up on this machine.
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
    /// The module does not fit together with this simulator.
    #[error("failed to link the module: {0}")]
    Link(String),
}
