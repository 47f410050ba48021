//! Instrumented modules: as it is loaded, a module gets calls of a hook put into its functions, and is otherwise as it was.
//!
//! Nothing that is in the module gets another number: the hook is no import, but the value of a global variable behind all others,
//! which the host sets once there is an instance; until then it is a function that does nothing. The bytes of the code are copied and
//! never written anew, so that whatever an engine understands stays as it is. What changes is where code is in the file.
//!
//! A function's body becomes a block, so that whatever leaves the function by a branch comes by its end.

use std::ops::Range;

use wasmparser::{
    BinaryReaderError, CompositeInnerType, FuncType, FunctionBody, Operator, Parser, Payload,
    TypeRef, ValType,
};

/// The export under which the global variable with the hook is found: a function that takes an `i32`.
pub(crate) const HOOK: &str = "host-sim.hook";

/// What a call of the hook takes, in the engine's count of instructions.
pub(crate) const HOOK_FUEL: u64 = 3;

/// A place in a function where the hook is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// The function with this number begins.
    Enter(u32),
    /// It ends, unless it traps or throws.
    Leave(u32),
}

/// The same module with calls of the hook; `at` says with which number at which point, or that there is none.
///
/// # Errors
///
/// The bytes are no module.
pub(crate) fn instrument(
    bytes: &[u8],
    at: &dyn Fn(Point) -> Option<i32>,
) -> Result<Vec<u8>, BinaryReaderError> {
    let facts = Facts::of(bytes)?;
    let mut types = facts.types.len();
    // Behind all others: the hook's type, and one for each list of several results.
    let hook_type = types;
    types = types.saturating_add(1);
    let mut lists: Vec<Vec<u8>> = Vec::new();
    for function in &facts.functions {
        if let Some(Results::Several(list)) = function
            && !lists.contains(list)
        {
            lists.push(list.clone());
        }
    }
    let weaving = Weaving {
        hook_type,
        global: facts.globals,
        lists_from: types,
        lists,
        at,
    };
    let mut woven = bytes.get(..8).unwrap_or_default().to_vec();
    let mut added = false;
    for section in sections(bytes)? {
        let Section { id, content } = section;
        // A module need not have global variables; they come before these.
        if !added && matches!(id, 7..=12) {
            added = true;
            if !facts.has_globals {
                write_section(&mut woven, 6, 0, &[], 1, &weaving.global_variable(&facts));
            }
        }
        let mut more = Vec::new();
        match id {
            1 => {
                weaving.types(&mut more);
                let count = weaving.lists.len().saturating_add(1);
                append(&mut woven, id, content, count, &more)?;
            }
            3 => {
                unsigned(&mut more, hook_type);
                append(&mut woven, id, content, 1, &more)?;
            }
            6 => append(&mut woven, id, content, 1, &weaving.global_variable(&facts))?,
            7 => {
                unsigned(&mut more, HOOK.len());
                more.extend(HOOK.as_bytes());
                more.push(3);
                unsigned(&mut more, facts.globals);
                append(&mut woven, id, content, 1, &more)?;
            }
            10 => {
                let bodies = weaving.code(bytes, &facts)?;
                let count = facts.functions.len().saturating_add(1);
                write_section(&mut woven, id, 0, &[], count, &bodies);
            }
            // Hints are about places in the code.
            0 if is_about_code(content) => {}
            _ => {
                woven.push(id);
                unsigned(&mut woven, content.len());
                woven.extend(content);
            }
        }
    }
    Ok(woven)
}

/// What has to be known of a module beforehand.
#[derive(Default)]
struct Facts {
    types: Vec<Option<FuncType>>,
    /// How many functions are imported.
    imported: usize,
    /// What each function of the module itself gives; nothing where that cannot be written down.
    functions: Vec<Option<Results>>,
    /// How many global variables there are, with those that are imported.
    globals: usize,
    has_globals: bool,
}

/// What a function gives.
enum Results {
    None,
    One(u8),
    Several(Vec<u8>),
}

impl Facts {
    fn of(bytes: &[u8]) -> Result<Self, BinaryReaderError> {
        let mut facts = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::TypeSection(section) => {
                    for group in section {
                        let types = group?.into_types();
                        facts
                            .types
                            .extend(types.map(|ty| match ty.composite_type.inner {
                                CompositeInnerType::Func(function) => Some(function),
                                _ => None,
                            }));
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        match import?.ty {
                            TypeRef::Func(_) => facts.imported = facts.imported.saturating_add(1),
                            TypeRef::Global(_) => facts.globals = facts.globals.saturating_add(1),
                            _ => {}
                        }
                    }
                }
                Payload::FunctionSection(section) => {
                    for ty in section {
                        let ty = usize::try_from(ty?).unwrap_or(usize::MAX);
                        let ty = facts.types.get(ty).and_then(Option::as_ref);
                        facts.functions.push(ty.and_then(Results::of));
                    }
                }
                Payload::GlobalSection(section) => {
                    let count = usize::try_from(section.count()).unwrap_or(usize::MAX);
                    facts.globals = facts.globals.saturating_add(count);
                    facts.has_globals = true;
                }
                _ => {}
            }
        }
        Ok(facts)
    }
}

impl Results {
    fn of(ty: &FuncType) -> Option<Self> {
        let byte = |ty: &ValType| {
            Some(match ty {
                ValType::I32 => 0x7f,
                ValType::I64 => 0x7e,
                ValType::F32 => 0x7d,
                ValType::F64 => 0x7c,
                ValType::V128 => 0x7b,
                ValType::Ref(_) => return None,
            })
        };
        let bytes: Vec<u8> = ty.results().iter().map(byte).collect::<Option<_>>()?;
        Some(match bytes.as_slice() {
            [] => Self::None,
            [only] => Self::One(*only),
            _ => Self::Several(bytes),
        })
    }
}

struct Weaving<'a> {
    /// The number of the hook's type.
    hook_type: usize,
    /// The number of the global variable with the hook.
    global: usize,
    /// Types that are only results, and the number of the first.
    lists: Vec<Vec<u8>>,
    lists_from: usize,
    at: &'a dyn Fn(Point) -> Option<i32>,
}

impl Weaving<'_> {
    fn types(&self, to: &mut Vec<u8>) {
        to.extend([0x60, 1, 0x7f, 0]);
        for list in &self.lists {
            to.extend([0x60, 0]);
            unsigned(to, list.len());
            to.extend(list);
        }
    }

    /// Of the type `(mut (ref $hook))`; at first the function behind all others.
    fn global_variable(&self, facts: &Facts) -> Vec<u8> {
        let mut variable = vec![0x64];
        signed(
            &mut variable,
            i64::try_from(self.hook_type).unwrap_or_default(),
        );
        variable.extend([1, 0xd2]);
        unsigned(
            &mut variable,
            facts.imported.saturating_add(facts.functions.len()),
        );
        variable.push(0x0b);
        variable
    }

    fn code(&self, bytes: &[u8], facts: &Facts) -> Result<Vec<u8>, BinaryReaderError> {
        let mut bodies = Vec::new();
        let mut functions = facts.functions.iter();
        let mut number = facts.imported;
        for payload in Parser::new(0).parse_all(bytes) {
            let Payload::CodeSectionEntry(body) = payload? else {
                continue;
            };
            let results = functions.next().and_then(Option::as_ref);
            let woven = match results {
                Some(results) => self.body(bytes, &body, results, number)?,
                None => part(bytes, body.range()).to_vec(),
            };
            unsigned(&mut bodies, woven.len());
            bodies.extend(woven);
            number = number.saturating_add(1);
        }
        bodies.extend([2, 0, 0x0b]);
        Ok(bodies)
    }

    fn body(
        &self,
        bytes: &[u8],
        body: &FunctionBody<'_>,
        results: &Results,
        number: usize,
    ) -> Result<Vec<u8>, BinaryReaderError> {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let range = body.range();
        let mut operators = body.get_operators_reader()?;
        let copy = |woven: &mut Vec<u8>, from: u64, to: u64| {
            woven.extend(part(bytes, from..to));
        };
        let mut woven = Vec::new();
        let mut copied = operators.original_position();
        copy(&mut woven, range.start, copied);
        self.call(&mut woven, Point::Enter(number));
        woven.push(0x02);
        match results {
            Results::None => woven.push(0x40),
            Results::One(byte) => woven.push(*byte),
            Results::Several(list) => {
                let place = self.lists.iter().position(|known| known == list);
                let ty = self.lists_from.saturating_add(place.unwrap_or_default());
                signed(&mut woven, i64::try_from(ty).unwrap_or_default());
            }
        }
        while !operators.eof() {
            let position = operators.original_position();
            let leaves = matches!(
                operators.read()?,
                Operator::Return
                    | Operator::ReturnCall { .. }
                    | Operator::ReturnCallIndirect { .. }
                    | Operator::ReturnCallRef { .. }
            );
            if leaves {
                copy(&mut woven, copied, position);
                self.call(&mut woven, Point::Leave(number));
                copied = position;
            }
        }
        // With the `end` of the function, which is that of the block.
        copy(&mut woven, copied, range.end);
        self.call(&mut woven, Point::Leave(number));
        woven.push(0x0b);
        Ok(woven)
    }

    fn call(&self, to: &mut Vec<u8>, point: Point) {
        if let Some(number) = (self.at)(point) {
            to.push(0x41);
            signed(to, number.into());
            to.push(0x23);
            unsigned(to, self.global);
            to.push(0x14);
            unsigned(to, self.hook_type);
        }
    }
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
        .is_ok_and(|name| name.starts_with("metadata.code."))
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
