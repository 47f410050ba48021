//! Names of a module's functions: from its name section or that of an unstripped twin, or by what it imports and exports.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use host_sim::profile::Frame;
use wasmparser::{ExternalKind, KnownCustom, Name, Parser, Payload, TypeRef};

/// Names of a module's functions.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<u32, String>);

impl Names {
    /// The names of a module, with those of its twin before its own.
    ///
    /// # Errors
    ///
    /// The twin cannot be read, or is another module: its code is different.
    pub(super) fn of(module: &[u8], twin: Option<&Path>) -> anyhow::Result<Self> {
        let (mut names, code) = read(module)?;
        if let Some(file) = twin {
            let place = || file.display().to_string();
            let bytes = std::fs::read(file).with_context(place)?;
            let (of_twin, code_of_twin) = read(&bytes).with_context(place)?;
            if code != code_of_twin {
                bail!(
                    "{}: its code is not that of the filter: expected the same module with the names of its functions",
                    file.display()
                );
            }
            names.extend(of_twin);
        }
        Ok(Self(names))
    }

    /// What a frame is called.
    pub(super) fn name(&self, frame: Frame) -> String {
        match frame {
            Frame::Callback(name) | Frame::Hostcall(name) => name.to_owned(),
            Frame::Function(number) => match self.0.get(&number) {
                Some(name) => name.clone(),
                None => format!("function {number}"),
            },
        }
    }
}

/// The names in a module, and its code.
fn read(bytes: &[u8]) -> anyhow::Result<(BTreeMap<u32, String>, Vec<u8>)> {
    let bytes = wat::parse_bytes(bytes)?;
    let (mut names, mut code) = (BTreeMap::new(), Vec::new());
    let mut stated = BTreeMap::new();
    let mut imported = 0_u32;
    for payload in Parser::new(0).parse_all(&bytes) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    if matches!(import.ty, TypeRef::Func(_)) {
                        names.insert(imported, import.name.to_owned());
                        imported = imported.saturating_add(1);
                    }
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    if export.kind == ExternalKind::Func {
                        names.insert(export.index, export.name.to_owned());
                    }
                }
            }
            Payload::CodeSectionEntry(body) => code.extend(body.as_bytes()),
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(reader) = section.as_known() {
                    for part in reader {
                        if let Name::Function(functions) = part? {
                            for function in functions {
                                let function = function?;
                                stated.insert(function.index, function.name.to_owned());
                            }
                        }
                    }
                }
            }
            _ => {}
        }
    }
    names.extend(stated);
    Ok((names, code))
}
