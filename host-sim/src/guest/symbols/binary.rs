//! A module's file: where its code is, and which names stand in it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use wasmparser::{
    BinaryReaderError, ExternalKind, KnownCustom, Name, NameSectionReader, Parser, Payload, TypeRef,
};

use super::SymbolsError;
use super::demangle::demangled;

/// What stands in a module's file.
#[derive(Debug, Default)]
pub(super) struct Binary {
    bytes: Vec<u8>,
    /// Where the content of the code section is.
    code: Range<u64>,
    /// Where the bodies of its functions are, in order.
    functions: Vec<Range<u64>>,
    /// How many functions are imported.
    imported: u32,
    names: BTreeMap<u32, String>,
    /// Functions that the name section names.
    stated: BTreeSet<u32>,
    /// Custom sections for debuggers, by their names.
    debug: BTreeMap<String, Range<usize>>,
}

impl Binary {
    pub(super) fn read(module: &[u8]) -> Result<Self, SymbolsError> {
        let bytes = wat::parse_bytes(module)
            .map_err(|error| SymbolsError::NotWasm(error.to_string()))?
            .into_owned();
        let mut binary = Self::default();
        binary
            .parse(&bytes)
            .map_err(|error| SymbolsError::NotWasm(error.to_string()))?;
        binary.bytes = bytes;
        Ok(binary)
    }

    fn parse(&mut self, bytes: &[u8]) -> Result<(), BinaryReaderError> {
        let mut stated = BTreeMap::new();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        if matches!(import.ty, TypeRef::Func(_)) {
                            self.names.insert(self.imported, import.name.to_owned());
                            self.imported = self.imported.saturating_add(1);
                        }
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        if export.kind == ExternalKind::Func {
                            self.names.insert(export.index, export.name.to_owned());
                        }
                    }
                }
                Payload::CodeSectionStart {
                    unchecked_range, ..
                } => self.code = unchecked_range,
                Payload::CodeSectionEntry(body) => self.functions.push(body.range()),
                Payload::CustomSection(section) => {
                    let name = section.name();
                    if name.starts_with(".debug_") {
                        let start = usize::try_from(section.data_offset()).unwrap_or(usize::MAX);
                        let end = start.saturating_add(section.data().len());
                        self.debug.insert(name.to_owned(), start..end);
                    }
                    if let KnownCustom::Name(reader) = section.as_known() {
                        // A custom section that is broken does not make a module invalid.
                        stated.extend(function_names(reader).map_while(Result::ok));
                    }
                }
                _ => {}
            }
        }
        self.stated.extend(stated.keys());
        self.names.extend(stated);
        Ok(())
    }

    /// The content of the code section.
    pub(super) fn code(&self) -> &[u8] {
        let place = |place: u64| usize::try_from(place).unwrap_or(usize::MAX);
        self.bytes
            .get(place(self.code.start)..place(self.code.end))
            .unwrap_or_default()
    }

    pub(super) fn code_start(&self) -> u64 {
        self.code.start
    }

    pub(super) fn names(&self) -> &BTreeMap<u32, String> {
        &self.names
    }

    /// Functions that the name section names.
    pub(super) fn stated(&self) -> &BTreeSet<u32> {
        &self.stated
    }

    /// The content of a custom section for debuggers; empty if there is none.
    pub(super) fn debug(&self, name: &str) -> &[u8] {
        let range = self.debug.get(name).cloned().unwrap_or_default();
        self.bytes.get(range).unwrap_or_default()
    }

    /// The number of the function whose body has this offset in the file.
    pub(super) fn function_at(&self, offset: u64) -> Option<u32> {
        let behind = self.functions.partition_point(|body| body.end <= offset);
        let body = self.functions.get(behind)?;
        let number = u32::try_from(behind).ok()?.saturating_add(self.imported);
        body.contains(&offset).then_some(number)
    }
}

/// The functions that a name section names.
fn function_names(
    section: NameSectionReader<'_>,
) -> impl Iterator<Item = Result<(u32, String), BinaryReaderError>> {
    section.into_iter().flat_map(|part| {
        let (functions, broken) = match part {
            Ok(Name::Function(functions)) => (Some(functions), None),
            Ok(_) => (None, None),
            Err(error) => (None, Some(Err(error))),
        };
        let functions = functions.into_iter().flatten();
        let named = functions.map(|function| {
            let function = function?;
            Ok((function.index, demangled(function.name)))
        });
        named.chain(broken)
    })
}
