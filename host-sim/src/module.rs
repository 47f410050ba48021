//! A compiled module. Compiling takes long and running does not, so whoever runs many simulations keeps the module and
//! compiles once; clones share the code.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use wasmtime::{
    Engine, ExternType, Instance, InstancePre, Linker, Memory, Ref, Store, Table,
    UnknownImportError, ValType,
};

use crate::abi::AbiVersion;
use crate::callback::{self, Callback};
use crate::engine::engine;
use crate::hostcalls;
use crate::imports::{self, Imports, Support};
use crate::instrument::instrument;
use crate::limits::{MOST_ELEMENTS, MOST_PAGES};
use crate::profile::number;
use crate::symbols::{Symbols, SymbolsError};
use crate::vm_state::VmState;

/// A proxy-wasm module, compiled and linked, ready to be instantiated any number of times.
#[derive(Clone)]
pub struct Module {
    linked: Linked,
    abi: AbiVersion,
    source: Arc<Source>,
}

/// What a module was compiled from.
#[derive(Debug)]
pub(crate) struct Source {
    code: Box<[u8]>,
    symbols: OnceLock<Option<Symbols>>,
}

impl Source {
    /// Names and source lines, which are read when they are first asked for.
    pub(crate) fn symbols(&self) -> Option<&Symbols> {
        let read = || Symbols::of(&self.code).ok();
        self.symbols.get_or_init(read).as_ref()
    }
}

/// A module with what it imports.
#[derive(Clone)]
enum Linked {
    /// Nothing is missing.
    Wholly(InstancePre<VmState>),
    /// Each VM makes the memory or the table that it imports.
    ButForMemory(wasmtime::Module, Arc<Linker<VmState>>),
}

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

impl Module {
    /// Compiles a module from a file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or Envoy would not load it.
    pub fn from_file(path: &Path) -> Result<Self, LoadError> {
        let bytes = fs::read(path).map_err(|source| LoadError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::from_bytes(&bytes)
    }

    /// Compiles a module from its bytes (or from the text format). Its callbacks' instructions are counted, so that one that never
    /// returns is stopped.
    ///
    /// # Errors
    ///
    /// When Envoy would not load it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LoadError> {
        Self::compile(&engine(true)?, bytes)
    }

    /// As [`from_bytes`](Self::from_bytes), which counts the instructions that callbacks execute.
    ///
    /// # Errors
    ///
    /// When Envoy would not load it.
    pub fn metered(bytes: &[u8]) -> Result<Self, LoadError> {
        Self::from_bytes(bytes)
    }

    /// As [`from_bytes`](Self::from_bytes), and in [profiles](crate::profile) its functions are told apart. It does the same, slower.
    ///
    /// # Errors
    ///
    /// When Envoy would not load it.
    pub fn profiled(bytes: &[u8]) -> Result<Self, LoadError> {
        // What is wrong with the module itself is told as always.
        Self::from_bytes(bytes)?;
        let binary =
            wat::parse_bytes(bytes).map_err(|error| LoadError::NotWasm(error.to_string()))?;
        let woven = instrument(&binary, &number);
        Self::from_bytes(&woven.map_err(|error| LoadError::NotWasm(error.to_string()))?)
    }

    /// The same without counting instructions, as Envoy runs it: somewhat faster, and a callback that never returns is never
    /// noticed. For measuring and serving.
    ///
    /// # Errors
    ///
    /// When Envoy would not load it.
    pub fn unmetered(bytes: &[u8]) -> Result<Self, LoadError> {
        Self::compile(&engine(false)?, bytes)
    }

    fn compile(engine: &Engine, bytes: &[u8]) -> Result<Self, LoadError> {
        let module = wasmtime::Module::new(engine, bytes)
            .map_err(|error| LoadError::NotWasm(innermost(&error)))?;
        let abi = abi_version(&module)?;
        if ["malloc", "proxy_on_memory_allocate"]
            .iter()
            .all(|name| module.get_export(name).is_none())
        {
            return Err(LoadError::MissingAllocator);
        }
        refuse_large(&module)?;
        refuse_mistyped_exports(&module, abi)?;
        refuse_tcp_filters(&module)?;
        let mut linker = Linker::new(engine);
        hostcalls::link(&mut linker, abi).map_err(|error| LoadError::Link(innermost(&error)))?;
        let makes_some = module.imports().any(|import| is_made(&import.ty()));
        let linked = if makes_some {
            missing_function(&module, abi)?;
            Linked::ButForMemory(module, Arc::new(linker))
        } else {
            Linked::Wholly(linker.instantiate_pre(&module).map_err(|error| {
                error.downcast_ref::<UnknownImportError>().map_or_else(
                    || {
                        mistyped_import(&module, abi)
                            .unwrap_or_else(|| LoadError::Link(format!("{error:#}")))
                    },
                    |unknown| missing_import(unknown.module(), unknown.name(), abi),
                )
            })?)
        };
        Ok(Self {
            linked,
            abi,
            source: Arc::new(Source {
                code: bytes.into(),
                symbols: OnceLock::new(),
            }),
        })
    }

    /// The same, with the names and source lines of a twin from which they were not stripped: for backtraces.
    ///
    /// # Errors
    ///
    /// The twin is no module, or one with other code.
    pub fn with_symbols(self, twin: &[u8]) -> Result<Self, SymbolsError> {
        let symbols = Symbols::with_twin(&self.source.code, twin)?;
        Ok(Self {
            source: Arc::new(Source {
                code: self.source.code.clone(),
                symbols: Some(symbols).into(),
            }),
            ..self
        })
    }

    /// What it was compiled from.
    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// The engine that has compiled it.
    pub(crate) fn engine(&self) -> &Engine {
        match &self.linked {
            Linked::Wholly(instance) => instance.module().engine(),
            Linked::ButForMemory(module, _) => module.engine(),
        }
    }

    /// A new instance, and the memory that was made for it if it imports one.
    pub(crate) fn instantiate(
        &self,
        store: &mut Store<VmState>,
    ) -> wasmtime::Result<(Instance, Option<Memory>)> {
        let (module, linker) = match &self.linked {
            Linked::Wholly(instance) => return Ok((instance.instantiate(store)?, None)),
            Linked::ButForMemory(module, linker) => (module, linker),
        };
        let mut linker = Linker::clone(linker);
        let mut made = None;
        for import in module.imports() {
            match import.ty() {
                ExternType::Memory(ty) => {
                    let memory = Memory::new(&mut *store, ty)?;
                    made = Some(memory);
                    linker.define(&mut *store, import.module(), import.name(), memory)?;
                }
                ExternType::Table(ty) => {
                    let nothing = Ref::null(ty.element().heap_type());
                    let table = Table::new(&mut *store, ty, nothing)?;
                    linker.define(&mut *store, import.module(), import.name(), table)?;
                }
                _ => {}
            }
        }
        Ok((linker.instantiate(store, module)?, made))
    }

    /// Whether the other one has the same code.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.source.code == other.source.code
    }

    /// The ABI that the module was built for.
    #[must_use]
    pub fn abi(&self) -> AbiVersion {
        self.abi
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("abi", &self.abi)
            .finish_non_exhaustive()
    }
}

/// The first export that names a version wins, as in Envoy.
fn abi_version(module: &wasmtime::Module) -> Result<AbiVersion, LoadError> {
    const PREFIX: &str = "proxy_abi_version_";
    let mut unknown = None;
    for export in module.exports() {
        let name = export.name();
        let known = AbiVersion::ALL
            .into_iter()
            .find(|version| version.export() == name);
        match (known, export.ty()) {
            (Some(version), ExternType::Func(_)) => return Ok(version),
            _ if name.starts_with(PREFIX) => unknown = Some(name.to_owned()),
            _ => {}
        }
    }
    Err(unknown.map_or(LoadError::MissingAbiVersion, LoadError::UnknownAbiVersion))
}

/// Whether the host makes what is imported for each instance.
fn is_made(ty: &ExternType) -> bool {
    matches!(ty, ExternType::Memory(_) | ExternType::Table(_))
}

/// What V8 does not have room for.
fn refuse_large(module: &wasmtime::Module) -> Result<(), LoadError> {
    let wanted = module.resources_required();
    let most_elements = u64::try_from(MOST_ELEMENTS).unwrap_or(u64::MAX);
    let refused = |wanted: String, most| Err(LoadError::TooLarge { wanted, most });
    match (
        wanted.max_initial_memory_size,
        wanted.max_initial_table_size,
    ) {
        (Some(pages), _) if pages > MOST_PAGES => {
            refused(format!("{pages} pages of memory"), MOST_PAGES)
        }
        (_, Some(elements)) if elements > most_elements => {
            refused(format!("a table of {elements} elements"), most_elements)
        }
        _ => Ok(()),
    }
}

/// Envoy looks at the type of each function that it may call. What is no function it passes over.
fn refuse_mistyped_exports(module: &wasmtime::Module, abi: AbiVersion) -> Result<(), LoadError> {
    let has = |name: &str| matches!(module.get_export(name), Some(ExternType::Func(_)));
    for export in module.exports() {
        let (name, ExternType::Func(ty)) = (export.name(), export.ty()) else {
            continue;
        };
        let Some(callback) = Callback::named(name, Some(abi)) else {
            continue;
        };
        if callback::is_shadowed(name, has) {
            continue;
        }
        let are_numbers = |mut types: Box<dyn Iterator<Item = ValType> + '_>| {
            types.all(|ty| matches!(ty, ValType::I32))
        };
        let is_right = ty.params().len() == callback.parameters
            && ty.results().len() == usize::from(callback.returns)
            && are_numbers(Box::new(ty.params()))
            && are_numbers(Box::new(ty.results()));
        if !is_right {
            let name = name.to_owned();
            return Err(LoadError::WrongExport { name });
        }
    }
    Ok(())
}

/// Whether any function is missing, of a module that imports more than functions.
fn missing_function(module: &wasmtime::Module, abi: AbiVersion) -> Result<(), LoadError> {
    let known = Imports::of(abi).map_err(|error| LoadError::Link(innermost(&error)))?;
    for import in module.imports().filter(|import| !is_made(&import.ty())) {
        if known.support(import.module(), import.name()) != Support::Simulated {
            return Err(missing_import(import.module(), import.name(), abi));
        }
    }
    mistyped_import(module, abi).map_or(Ok(()), Err)
}

fn missing_import(module: &str, name: &str, abi: AbiVersion) -> LoadError {
    let (module, name) = (module.to_owned(), name.to_owned());
    match hostcalls::versions_of(&name) {
        versions @ [_, ..] if module == "env" => LoadError::ImportOfOtherVersion {
            name,
            abi,
            versions,
        },
        _ => LoadError::UnknownImport { module, name },
    }
}

/// The first import that has another type than what is simulated.
fn mistyped_import(module: &wasmtime::Module, abi: AbiVersion) -> Option<LoadError> {
    let known = Imports::of(abi).ok()?;
    module.imports().find_map(|import| {
        let ExternType::Func(ty) = import.ty() else {
            return None;
        };
        let wanted = imports::function_type(&ty);
        let offered = known.type_of(import.module(), import.name())?;
        (wanted != offered).then(|| LoadError::ImportOfOtherType {
            module: import.module().to_owned(),
            name: import.name().to_owned(),
            wanted,
            offered: offered.to_owned(),
        })
    })
}

/// A module with callbacks for connections only would load and never be called.
fn refuse_tcp_filters(module: &wasmtime::Module) -> Result<(), LoadError> {
    const OF_TCP: [&str; 5] = [
        "proxy_on_new_connection",
        "proxy_on_downstream_data",
        "proxy_on_upstream_data",
        "proxy_on_downstream_connection_close",
        "proxy_on_upstream_connection_close",
    ];
    let is_http = |name: &str| {
        name.starts_with("proxy_on_request_")
            || name.starts_with("proxy_on_response_")
            || name == "proxy_on_log"
    };
    if module.exports().any(|export| is_http(export.name())) {
        return Ok(());
    }
    let mut of_tcp = OF_TCP.into_iter();
    match of_tcp.find(|name| module.get_export(name).is_some()) {
        Some(callback) => Err(LoadError::TcpFilter { callback }),
        None => Ok(()),
    }
}

pub(crate) fn innermost(error: &wasmtime::Error) -> String {
    error.root_cause().to_string()
}
