//! Calls of a hook where functions begin and end.
//!
//! The hook is no import, but the value of a global variable, which the host sets once there is an instance; until then it is a function
//! that does nothing.
//!
//! A function's body becomes a block, so that whatever leaves the function by a branch comes by its end.

use wasmparser::{
    BinaryReaderError, CompositeInnerType, FuncType, FunctionBody, Operator, Parser, Payload,
    ValType,
};

use super::{
    Additions, CODE, FUNCTIONS, GLOBALS, Numbers, TYPES, Weaver, Woven, rewrite, signed, unsigned,
};

/// The export under which the global variable with the hook is found: a function that takes an `i32`.
pub(crate) const HOOK: &str = "host-sim.hook";

/// A place in a function where the hook is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// The function with this number begins.
    Enter(u32),
    /// It ends, unless it traps or throws.
    Leave(u32),
}

impl Point {
    /// With which number the hook is called there.
    pub(crate) fn number(self) -> Option<i32> {
        match self {
            Self::Enter(function) => i32::try_from(function).ok(),
            Self::Leave(function) => i32::try_from(function).ok().map(|function| !function),
        }
    }
}

/// The same module with calls of the hook; `at` says with which number at which point, or that there is none.
///
/// # Errors
///
/// The bytes are no module.
pub(crate) fn instrument(
    bytes: &[u8],
    at: &dyn Fn(Point) -> Option<i32>,
) -> Result<Woven, BinaryReaderError> {
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
        global: facts.numbers.globals,
        lists_from: types,
        lists,
        at,
    };
    let additions = weaving.additions(&facts);
    let imported = u32::try_from(facts.numbers.imported_functions).unwrap_or(u32::MAX);
    rewrite(bytes, &additions, |number, body, weaver| {
        let own = usize::try_from(number.saturating_sub(imported)).unwrap_or(usize::MAX);
        match facts.functions.get(own).and_then(Option::as_ref) {
            Some(results) => weaving.body(body, results, number, weaver),
            None => Ok(()),
        }
    })
}

/// What has to be known of a module beforehand.
#[derive(Default)]
struct Facts {
    types: Vec<Option<FuncType>>,
    numbers: Numbers,
    /// What each function of the module itself gives; nothing where that cannot be written down.
    functions: Vec<Option<Results>>,
}

/// What a function gives.
enum Results {
    None,
    One(u8),
    Several(Vec<u8>),
}

impl Facts {
    fn of(bytes: &[u8]) -> Result<Self, BinaryReaderError> {
        let mut facts = Self {
            numbers: Numbers::of(bytes)?,
            ..Self::default()
        };
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
                Payload::FunctionSection(section) => {
                    for ty in section {
                        let ty = usize::try_from(ty?).unwrap_or(usize::MAX);
                        let ty = facts.types.get(ty).and_then(Option::as_ref);
                        facts.functions.push(ty.and_then(Results::of));
                    }
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
    fn additions(&self, facts: &Facts) -> Additions {
        let mut additions = Additions::default();
        additions.add(TYPES, &[0x60, 1, 0x7f, 0]);
        for list in &self.lists {
            let mut ty = vec![0x60, 0];
            unsigned(&mut ty, list.len());
            ty.extend(list);
            additions.add(TYPES, &ty);
        }
        let mut hook = Vec::new();
        unsigned(&mut hook, self.hook_type);
        additions.add(FUNCTIONS, &hook);
        additions.add(GLOBALS, &self.global_variable(facts));
        additions.export(HOOK, 3, self.global);
        additions.add(CODE, &[2, 0, 0x0b]);
        additions
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
            facts
                .numbers
                .imported_functions
                .saturating_add(facts.functions.len()),
        );
        variable.push(0x0b);
        variable
    }

    fn body(
        &self,
        body: &FunctionBody<'_>,
        results: &Results,
        number: u32,
        weaver: &mut Weaver<'_>,
    ) -> Result<(), BinaryReaderError> {
        let mut operators = body.get_operators_reader()?;
        weaver.copy_until(operators.original_position());
        self.call(&mut weaver.woven, Point::Enter(number));
        weaver.woven.push(0x02);
        match results {
            Results::None => weaver.woven.push(0x40),
            Results::One(byte) => weaver.woven.push(*byte),
            Results::Several(list) => {
                let place = self.lists.iter().position(|known| known == list);
                let ty = self.lists_from.saturating_add(place.unwrap_or_default());
                signed(&mut weaver.woven, i64::try_from(ty).unwrap_or_default());
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
                weaver.copy_until(position);
                self.call(&mut weaver.woven, Point::Leave(number));
            }
        }
        // With the `end` of the function, which is that of the block.
        weaver.copy_until(body.range().end);
        self.call(&mut weaver.woven, Point::Leave(number));
        weaver.woven.push(0x0b);
        Ok(())
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
