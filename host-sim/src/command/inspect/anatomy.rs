//! What is in the file of a module, read without running it.

use std::collections::BTreeMap;

use serde::Serialize;
use wasmparser::{ExternalKind, Parser, Payload, TypeRef, ValType};

/// A module's file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Anatomy {
    /// Its size in bytes.
    pub(crate) size: u64,
    pub(crate) imports: Vec<ImportedFunction>,
    pub(crate) exports: Vec<Export>,
    pub(crate) sections: Vec<Section>,
    pub(crate) memory: Option<Memory>,
    /// What it was made with, as its toolchain wrote down.
    pub(crate) producers: BTreeMap<String, Vec<String>>,
    /// The number of functions in it.
    pub(crate) functions: u64,
}

/// A function that it imports.
#[derive(Clone, Debug)]
pub(crate) struct ImportedFunction {
    pub(crate) module: String,
    pub(crate) name: String,
}

/// Something that it exports.
#[derive(Clone, Debug)]
pub(crate) struct Export {
    pub(crate) name: String,
    /// The type, if it is a function.
    pub(crate) function: Option<Signature>,
}

/// A function's type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) parameters: Vec<String>,
    pub(crate) results: Vec<String>,
}

/// A part of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Section {
    pub(crate) name: String,
    /// In bytes.
    pub(crate) size: u64,
}

/// The module's memory, in pages of 64 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Memory {
    /// How many it starts with.
    pub(crate) pages: u64,
    /// How many it can grow to; as many as it likes if `None`.
    pub(crate) most_pages: Option<u64>,
}

impl Anatomy {
    /// Reads the bytes of a module.
    ///
    /// # Errors
    ///
    /// When they are no module.
    pub(crate) fn of(bytes: &[u8]) -> Result<Self, wasmparser::BinaryReaderError> {
        let mut anatomy = Self {
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            ..Self::default()
        };
        let mut types: Vec<Option<Signature>> = Vec::new();
        let mut functions: Vec<u32> = Vec::new();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            anatomy.note_section(&payload);
            match payload {
                Payload::TypeSection(section) => {
                    for group in section {
                        types.extend(group?.into_types().map(|ty| signature(&ty.composite_type)));
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        if let TypeRef::Func(ty) = import.ty {
                            functions.push(ty);
                            anatomy.imports.push(ImportedFunction {
                                module: import.module.to_owned(),
                                name: import.name.to_owned(),
                            });
                        }
                    }
                }
                Payload::FunctionSection(section) => {
                    anatomy.functions = u64::from(section.count());
                    for ty in section {
                        functions.push(ty?);
                    }
                }
                Payload::MemorySection(section) => {
                    for memory in section {
                        let memory = memory?;
                        anatomy.memory = Some(Memory {
                            pages: memory.initial,
                            most_pages: memory.maximum,
                        });
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        let place = |index: u32| usize::try_from(index).unwrap_or(usize::MAX);
                        let function = (export.kind == ExternalKind::Func).then(|| {
                            let ty = functions.get(place(export.index)).copied();
                            let ty = ty.and_then(|ty| types.get(place(ty)).cloned());
                            ty.flatten().unwrap_or_default()
                        });
                        anatomy.exports.push(Export {
                            name: export.name.to_owned(),
                            function,
                        });
                    }
                }
                Payload::CustomSection(section) => {
                    if let wasmparser::KnownCustom::Producers(reader) = section.as_known() {
                        anatomy.note_producers(reader)?;
                    }
                }
                _ => {}
            }
        }
        Ok(anatomy)
    }

    fn note_section(&mut self, payload: &Payload<'_>) {
        let (name, range) = match payload {
            Payload::CustomSection(section) => {
                (format!("custom {}", section.name()), section.range())
            }
            Payload::CodeSectionStart {
                unchecked_range, ..
            } => ("code".to_owned(), unchecked_range.clone()),
            other => match other.as_section() {
                Some((id, range)) if id != 10 => (section_name(id), range),
                _ => return,
            },
        };
        self.sections.push(Section {
            name,
            size: range.end.saturating_sub(range.start),
        });
    }

    fn note_producers(
        &mut self,
        reader: wasmparser::ProducersSectionReader<'_>,
    ) -> Result<(), wasmparser::BinaryReaderError> {
        for field in reader {
            let field = field?;
            let values = self.producers.entry(field.name.to_owned()).or_default();
            for value in field.values {
                let value = value?;
                values.push(
                    format!("{} {}", value.name, value.version)
                        .trim()
                        .to_owned(),
                );
            }
        }
        Ok(())
    }
}

fn section_name(id: u8) -> String {
    let name = match id {
        1 => "type",
        2 => "import",
        3 => "function",
        4 => "table",
        5 => "memory",
        6 => "global",
        7 => "export",
        8 => "start",
        9 => "element",
        11 => "data",
        12 => "data count",
        13 => "tag",
        _ => return format!("section {id}"),
    };
    name.to_owned()
}

fn signature(ty: &wasmparser::CompositeType) -> Option<Signature> {
    let wasmparser::CompositeInnerType::Func(function) = &ty.inner else {
        return None;
    };
    let names = |types: &[ValType]| types.iter().map(ToString::to_string).collect();
    Some(Signature {
        parameters: names(function.params()),
        results: names(function.results()),
    })
}
