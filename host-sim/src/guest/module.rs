//! A compiled module. Compiling takes long and running does not, so whoever runs many simulations keeps the module and
//! compiles once; clones share the code.

mod error;
mod source;

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use wasmparser::BinaryReaderError;
use wasmtime::{
    Engine, ExternType, Instance, InstancePre, Linker, Memory, Ref, Store, Table,
    UnknownImportError, ValType,
};

use crate::abi::AbiVersion;
use crate::abi::callback::{self, Callback};
use crate::guest::coverage::{Coverage, CoverageError};
use crate::guest::engine::{engine, engine_for_debuggers};
use crate::guest::hostcalls;
use crate::guest::imports::{self, Imports, Support};
use crate::guest::instrument::{Woven, counters, hook};
use crate::guest::limits::{MOST_ELEMENTS, MOST_PAGES};
use crate::guest::symbols::{Symbols, SymbolsError};
use crate::guest::vm_state::VmState;
use crate::model::envoy_version::EnvoyVersion;
pub use error::LoadError;
pub(crate) use source::Source;

/// A proxy-wasm module, compiled and linked, ready to be instantiated any number of times.
#[derive(Clone)]
pub struct Module {
    linked: Linked,
    abi: AbiVersion,
    source: Arc<Source>,
}

/// A module with what it imports.
#[derive(Clone)]
enum Linked {
    /// Nothing is missing.
    Wholly(InstancePre<VmState>),
    /// Each VM makes the memory or the table that it imports.
    ButForMemory(wasmtime::Module, Arc<Linker<VmState>>),
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

    /// As [`from_bytes`](Self::from_bytes), and in [profiles](crate::host::profile) its functions are told apart. It does the same, slower.
    ///
    /// # Errors
    ///
    /// When Envoy would not load it.
    pub fn profiled(bytes: &[u8]) -> Result<Self, LoadError> {
        let weave =
            |binary: &[u8]| Ok((hook::instrument(binary, &hook::Point::number)?, Vec::new()));
        Self::woven(bytes, weave)
    }

    /// As [`from_bytes`](Self::from_bytes), and how often each block of its code is executed is counted, in all VMs until they end. It does
    /// the same, slower; limits of instructions and of memory concern what the counters take as well.
    ///
    /// # Errors
    ///
    /// When Envoy would not load it.
    pub fn covered(bytes: &[u8]) -> Result<Self, LoadError> {
        Self::woven(bytes, counters::instrument)
    }

    /// Which lines of its source were executed, of a module that was [loaded](Self::covered) for that, in VMs that have ended.
    ///
    /// # Errors
    ///
    /// When it was not, or has no DWARF that can be read.
    pub fn coverage(&self) -> Result<Coverage, CoverageError> {
        self.source.coverage()
    }

    /// How often each block of its code was executed in VMs that have ended, of a module that was [loaded](Self::covered) for that.
    pub(crate) fn counts(&self) -> Vec<u64> {
        self.source.counts()
    }

    /// What it was compiled from.
    pub(crate) fn code(&self) -> &[u8] {
        self.source.code()
    }

    /// Whether it tells its source lines, which [`coverage`](Self::coverage) needs.
    #[must_use]
    pub fn has_source_lines(&self) -> bool {
        let symbols = self.source.symbols();
        symbols.is_some_and(Symbols::has_lines)
    }

    /// Compiles a module with what is put into its code.
    fn woven(
        bytes: &[u8],
        weave: impl FnOnce(&[u8]) -> Result<(Woven, Vec<counters::Block>), BinaryReaderError>,
    ) -> Result<Self, LoadError> {
        // What is wrong with the module itself is told as always.
        Self::from_bytes(bytes)?;
        let binary =
            wat::parse_bytes(bytes).map_err(|error| LoadError::NotWasm(error.to_string()))?;
        let (woven, blocks) =
            weave(&binary).map_err(|error| LoadError::NotWasm(error.to_string()))?;
        let module = Self::from_bytes(&woven.bytes)?;
        Ok(Self {
            source: Arc::new(Source::woven(&binary, woven.places, blocks)),
            ..module
        })
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

    /// The same for debuggers of the machine: not optimized, and with the places of its source in the machine code ([`image`](Self::image)).
    /// Callbacks are never stopped.
    ///
    /// # Errors
    ///
    /// When Envoy would not load it.
    pub fn debuggable(bytes: &[u8]) -> Result<Self, LoadError> {
        Self::compile(&engine_for_debuggers()?, bytes)
    }

    /// The machine code as an object file for debuggers, and the address at which its section `.text` is in this process.
    ///
    /// # Errors
    ///
    /// When the engine does not tell it.
    pub fn image(&self) -> Result<(Vec<u8>, usize), LoadError> {
        /// Where an ELF file says for which system it is; the engine has a number of its own there.
        const SYSTEM: usize = 7;
        let module = self.compiled();
        let image = module.serialize();
        let mut image = image.map_err(|error| LoadError::Engine(innermost(&error)))?;
        if let Some(system) = image.get_mut(SYSTEM) {
            *system = 0;
        }
        Ok((image, module.text().as_ptr().addr()))
    }

    fn compiled(&self) -> &wasmtime::Module {
        match &self.linked {
            Linked::Wholly(linked) => linked.module(),
            Linked::ButForMemory(module, _) => module,
        }
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
            source: Arc::new(Source::of(bytes)),
        })
    }

    /// The first function of WASI that it imports and that this Envoy does not offer: its module and its name.
    pub(crate) fn missing_in(&self, version: EnvoyVersion) -> Option<(String, String)> {
        let module = self.compiled();
        let of_wasi = ["wasi_snapshot_preview1", "wasi_unstable"];
        let mut imports = module.imports();
        let missing = imports.find(|import| {
            of_wasi.contains(&import.module()) && !version.has_wasi(import.name())
        })?;
        Some((missing.module().to_owned(), missing.name().to_owned()))
    }

    /// The same, with the names and source lines of a twin from which they were not stripped: for backtraces.
    ///
    /// # Errors
    ///
    /// The twin is no module, or one with other code.
    pub fn with_symbols(self, twin: &[u8]) -> Result<Self, SymbolsError> {
        let source = Arc::new(self.source.with_twin(twin)?);
        Ok(Self { source, ..self })
    }

    /// What it was compiled from.
    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// The engine that has compiled it.
    pub(crate) fn engine(&self) -> &Engine {
        self.compiled().engine()
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
        self.source.is_same(&other.source)
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
