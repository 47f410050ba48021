//! The DWARF of a module.

use std::convert::Infallible;

use addr2line::{Context, Frame};
use gimli::{DwarfSections, EndianSlice, LittleEndian, SectionId};

use super::binary::Binary;
use super::demangle::demangled;
use super::{CallSite, Place};

/// The bytes of a module's DWARF.
#[derive(Debug)]
pub(super) struct Dwarf(DwarfSections<Vec<u8>>);

/// Bytes of a section.
pub(crate) type Slice<'a> = EndianSlice<'a, LittleEndian>;

impl Dwarf {
    /// That of a module which has any.
    pub(super) fn of(binary: &Binary) -> Option<Self> {
        let section = |id: SectionId| Ok::<_, Infallible>(binary.debug(id.name()).to_vec());
        let Ok(sections) = DwarfSections::load(section);
        (!binary.debug(SectionId::DebugLine.name()).is_empty()).then_some(Self(sections))
    }

    /// The same for reading.
    pub(super) fn borrow(&self) -> gimli::Dwarf<Slice<'_>> {
        self.0
            .borrow(|section| EndianSlice::new(section.as_slice(), LittleEndian))
    }

    /// What is at each address in the code, the innermost function first; nothing where it cannot be read. The name of a function of
    /// which it tells only the line is empty.
    pub(super) fn call_sites(&self, addresses: &[u64]) -> Vec<Vec<CallSite>> {
        let context = Context::from_dwarf(self.borrow()).ok();
        let of = |address: &u64| {
            let sites = context.as_ref().map(|context| at(context, *address));
            sites.and_then(Result::ok).unwrap_or_default()
        };
        addresses.iter().map(of).collect()
    }
}

fn at(context: &Context<Slice<'_>>, address: u64) -> Result<Vec<CallSite>, gimli::Error> {
    let mut frames = context.find_frames(address).skip_all_loads()?;
    let mut sites = Vec::new();
    while let Some(frame) = frames.next()? {
        sites.push(site(&frame));
    }
    Ok(sites)
}

fn site(frame: &Frame<'_, Slice<'_>>) -> CallSite {
    let name = frame.function.as_ref();
    let name = name.and_then(|name| Some(demangled(&name.raw_name().ok()?)));
    let location = frame.location.as_ref();
    // A line of 0 is code that the compiler has added.
    let place = location.and_then(|location| {
        Some(Place {
            file: location.file?.to_owned(),
            line: location.line.filter(|line| *line > 0)?,
            column: location.column.filter(|column| *column > 0),
        })
    });
    CallSite {
        function: name.unwrap_or_default(),
        place,
    }
}
