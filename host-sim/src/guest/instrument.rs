//! Instrumented modules: as it is loaded, a module gets code put into its functions, and is otherwise as it was.
//!
//! Nothing that is in the module gets another number: whatever is added to a section comes behind what is there. The bytes of the code
//! are copied and never written anew, so that whatever an engine understands stays as it is. What changes is where code is in the
//! file, and it is noted what was where.

pub(crate) mod counters;
pub(crate) mod hook;

use std::collections::BTreeMap;
use std::ops::Range;

use wasmparser::{BinaryReaderError, FunctionBody, Parser, Payload, TypeRef};

/// An instrumented module.
pub(crate) struct Woven {
    pub(crate) bytes: Vec<u8>,
    pub(crate) places: Places,
}

/// Where in the file of the module itself the code of the instrumented one comes from.
#[derive(Debug, Default)]
pub(crate) struct Places(
    /// Pieces that were copied, in order: where each begins in the instrumented file and in the other.
    Vec<(u64, u64)>,
);

impl Places {
    /// Where the code at this place of the instrumented file is in the other.
    pub(crate) fn original(&self, woven: u64) -> Option<u64> {
        let behind = self.0.partition_point(|(place, _)| *place <= woven);
        let (place, original) = self.0.get(behind.checked_sub(1)?)?;
        Some(original.saturating_add(woven.saturating_sub(*place)))
    }
}

/// The sections of a module with numbers, in the order in which they stand.
const TYPES: u8 = 1;
const FUNCTIONS: u8 = 3;
const MEMORIES: u8 = 5;
const GLOBALS: u8 = 6;
const EXPORTS: u8 = 7;
const CODE: u8 = 10;
const ORDER: [u8; 13] = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];

/// What is added to the sections of a module, each with how many entries it is.
#[derive(Default)]
struct Additions(BTreeMap<u8, (usize, Vec<u8>)>);

impl Additions {
    fn add(&mut self, section: u8, entry: &[u8]) {
        let (count, bytes) = self.0.entry(section).or_default();
        *count = count.saturating_add(1);
        bytes.extend(entry);
    }

    fn export(&mut self, name: &str, kind: u8, number: usize) {
        let mut entry = Vec::new();
        unsigned(&mut entry, name.len());
        entry.extend(name.as_bytes());
        entry.push(kind);
        unsigned(&mut entry, number);
        self.add(EXPORTS, &entry);
    }
}

/// The body of a function that is being written anew.
struct Weaver<'b> {
    bytes: &'b [u8],
    woven: Vec<u8>,
    /// What was copied: where it begins in the new body, and in the module's file.
    pieces: Vec<(usize, u64)>,
    /// Until where the module's file was copied.
    copied: u64,
}

impl<'b> Weaver<'b> {
    fn new(bytes: &'b [u8], body: &FunctionBody<'_>) -> Self {
        Self {
            bytes,
            woven: Vec::new(),
            pieces: Vec::new(),
            copied: body.range().start,
        }
    }

    /// Copies until this place in the module's file.
    fn copy_until(&mut self, place: u64) {
        if place > self.copied {
            self.pieces.push((self.woven.len(), self.copied));
            self.woven.extend(part(self.bytes, self.copied..place));
            self.copied = place;
        }
    }
}

/// Writes a module anew, with what is added, and its functions as `weave` makes them of their numbers and bodies.
fn rewrite(
    bytes: &[u8],
    additions: &Additions,
    mut weave: impl FnMut(u32, &FunctionBody<'_>, &mut Weaver<'_>) -> Result<(), BinaryReaderError>,
) -> Result<Woven, BinaryReaderError> {
    let mut woven = bytes.get(..8).unwrap_or_default().to_vec();
    let mut pieces = Vec::new();
    let mut missing: Vec<u8> = additions.0.keys().copied().collect();
    missing.sort_by_key(|id| rank(*id));
    let nothing = (0, Vec::new());
    for section in sections(bytes)? {
        let Section { id, content } = section;
        let before = |other: &u8| id != 0 && rank(*other) < rank(id);
        for absent in missing.extract_if(.., |other| before(other)) {
            let (count, more) = additions.0.get(&absent).unwrap_or(&nothing);
            write_section(&mut woven, absent, 0, &[], *count, more);
        }
        missing.retain(|other| *other != id);
        let (count, more) = additions.0.get(&id).unwrap_or(&nothing);
        match id {
            CODE => {
                let (own, mut bodies, found) = bodies(bytes, &mut weave)?;
                pieces = found;
                bodies.extend(more);
                write_section(&mut woven, id, own, &[], *count, &bodies);
            }
            // Hints and DWARF are about places in the code.
            0 if is_about_code(content) => {}
            _ if *count > 0 => append(&mut woven, id, content, *count, more)?,
            _ => {
                woven.push(id);
                unsigned(&mut woven, content.len());
                woven.extend(content);
            }
        }
    }
    let starts = body_starts(&woven)?;
    let place = |(function, offset, original): (usize, usize, u64)| {
        let start = starts.get(function).copied()?;
        Some((start.saturating_add(u64::try_from(offset).ok()?), original))
    };
    Ok(Woven {
        places: Places(pieces.into_iter().filter_map(place).collect()),
        bytes: woven,
    })
}

/// A piece of a body: the function, where it is in it, and where it was in the module's file.
type Piece = (usize, usize, u64);

/// All bodies of a module as they become, how many they are, and which pieces of them were copied.
fn bodies(
    bytes: &[u8],
    weave: &mut impl FnMut(u32, &FunctionBody<'_>, &mut Weaver<'_>) -> Result<(), BinaryReaderError>,
) -> Result<(usize, Vec<u8>, Vec<Piece>), BinaryReaderError> {
    let (mut written, mut pieces, mut count) = (Vec::new(), Vec::new(), 0_usize);
    each_body(bytes, |number, body| {
        let mut weaver = Weaver::new(bytes, body);
        weave(number, body, &mut weaver)?;
        weaver.copy_until(body.range().end);
        unsigned(&mut written, weaver.woven.len());
        written.extend(&weaver.woven);
        let found = weaver.pieces.into_iter();
        pieces.extend(found.map(|(offset, original)| (count, offset, original)));
        count = count.saturating_add(1);
        Ok(())
    })?;
    Ok((count, written, pieces))
}

/// Does something with each function of a module's own, which has this number and this body.
fn each_body(
    bytes: &[u8],
    mut act: impl FnMut(u32, &FunctionBody<'_>) -> Result<(), BinaryReaderError>,
) -> Result<(), BinaryReaderError> {
    let mut number = u32::try_from(Numbers::of(bytes)?.imported_functions).unwrap_or(u32::MAX);
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::CodeSectionEntry(body) = payload? {
            act(number, &body)?;
            number = number.saturating_add(1);
        }
    }
    Ok(())
}

/// How many there are of what has numbers in a module.
#[derive(Default)]
struct Numbers {
    imported_functions: usize,
    /// With those that are imported.
    memories: usize,
    /// With those that are imported.
    globals: usize,
}

impl Numbers {
    fn of(bytes: &[u8]) -> Result<Self, BinaryReaderError> {
        let mut numbers = Self::default();
        let more = |to: &mut usize, count: u32| {
            *to = to.saturating_add(usize::try_from(count).unwrap_or(usize::MAX));
        };
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        match import?.ty {
                            TypeRef::Func(_) => more(&mut numbers.imported_functions, 1),
                            TypeRef::Memory(_) => more(&mut numbers.memories, 1),
                            TypeRef::Global(_) => more(&mut numbers.globals, 1),
                            _ => {}
                        }
                    }
                }
                Payload::MemorySection(section) => more(&mut numbers.memories, section.count()),
                Payload::GlobalSection(section) => more(&mut numbers.globals, section.count()),
                _ => {}
            }
        }
        Ok(numbers)
    }
}

/// Where the body of each function begins.
fn body_starts(bytes: &[u8]) -> Result<Vec<u64>, BinaryReaderError> {
    let mut starts = Vec::new();
    each_body(bytes, |_, body| {
        starts.push(body.range().start);
        Ok(())
    })?;
    Ok(starts)
}

fn rank(id: u8) -> usize {
    let place = ORDER.iter().position(|other| *other == id);
    place.unwrap_or(usize::MAX)
}

/// A section of a module.
struct Section<'b> {
    id: u8,
    content: &'b [u8],
}

fn sections(bytes: &[u8]) -> Result<Vec<Section<'_>>, BinaryReaderError> {
    let mut reader = wasmparser::BinaryReader::new(bytes, 0);
    reader.read_bytes(8)?;
    let mut sections = Vec::new();
    while !reader.eof() {
        let id = reader.read_u8()?;
        let size = usize::try_from(reader.read_var_u32()?).unwrap_or(usize::MAX);
        let content = reader.read_bytes(size)?;
        sections.push(Section { id, content });
    }
    Ok(sections)
}

/// The bytes at these places, as far as there are any.
fn part(bytes: &[u8], places: Range<u64>) -> &[u8] {
    let place = |place: u64| {
        usize::try_from(place)
            .unwrap_or(usize::MAX)
            .min(bytes.len())
    };
    bytes
        .get(place(places.start)..place(places.end))
        .unwrap_or_default()
}

fn is_about_code(custom: &[u8]) -> bool {
    let mut reader = wasmparser::BinaryReader::new(custom, 0);
    reader
        .read_string()
        .is_ok_and(|name| name.starts_with("metadata.code.") || name.starts_with(".debug_"))
}

/// Writes a section with so many entries more, which are behind the others.
fn append(
    to: &mut Vec<u8>,
    id: u8,
    content: &[u8],
    count: usize,
    more: &[u8],
) -> Result<(), BinaryReaderError> {
    let mut reader = wasmparser::BinaryReader::new(content, 0);
    let before = usize::try_from(reader.read_var_u32()?).unwrap_or(usize::MAX);
    let entries = part(content, reader.original_position()..u64::MAX);
    write_section(to, id, before, entries, count, more);
    Ok(())
}

fn write_section(
    to: &mut Vec<u8>,
    id: u8,
    before: usize,
    entries: &[u8],
    count: usize,
    more: &[u8],
) {
    let mut content = Vec::new();
    unsigned(&mut content, before.saturating_add(count));
    content.extend(entries);
    content.extend(more);
    to.push(id);
    unsigned(to, content.len());
    to.extend(content);
}

/// A number as LEB128.
fn unsigned(to: &mut Vec<u8>, mut number: usize) {
    loop {
        let byte = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            return to.push(byte);
        }
        to.push(byte | 0x80);
    }
}

fn signed(to: &mut Vec<u8>, mut number: i64) {
    loop {
        let byte = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        let is_negative = byte & 0x40 != 0;
        if (number == 0 && !is_negative) || (number == -1 && is_negative) {
            return to.push(byte);
        }
        to.push(byte | 0x80);
    }
}
