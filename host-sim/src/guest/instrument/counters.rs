//! Counters of how often code was executed.
//!
//! They are in a memory of their own, behind those of the module, which only the host reads. A counter is added to where straight code
//! begins: at the start of a function, of a loop and of the arms of `if`, behind a branch that need not be taken and behind the end
//! of a block.

use std::ops::Range;

use wasmparser::{BinaryReaderError, FunctionBody, Operator};

use super::{Additions, MEMORIES, Numbers, Weaver, Woven, each_body, rewrite, signed, unsigned};

/// The export under which the memory with the counters is found: 64 bits each, least significant byte first.
pub(crate) const COUNTERS: &str = "host-sim.counters";

/// Bytes of a counter.
pub(crate) const WIDTH: usize = 8;

/// Bytes of a page of memory.
const PAGE: usize = 65536;

/// What a counter counts: it lasts until the next one, or the end of the function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The number of the function.
    pub(crate) function: u32,
    /// Its places in the module's file.
    pub(crate) places: Range<u64>,
    /// Those in it with instructions that do something and are reached, without those that only say where blocks begin and end: to what line
    /// a compiler says that these belong means nothing.
    pub(crate) code: Range<u64>,
}

/// The same module with counters, and what each of them counts, in the order of the code.
///
/// # Errors
///
/// The bytes are no module.
pub(crate) fn instrument(bytes: &[u8]) -> Result<(Woven, Vec<Block>), BinaryReaderError> {
    let mut blocks = Vec::new();
    each_body(bytes, |function, body| {
        of_function(&mut blocks, function, body)
    })?;
    let memory = Numbers::of(bytes)?.memories;
    let pages = blocks.len().saturating_mul(WIDTH).div_ceil(PAGE);
    let mut additions = Additions::default();
    let mut ty = vec![0x00];
    unsigned(&mut ty, pages);
    additions.add(MEMORIES, &ty);
    additions.export(COUNTERS, 2, memory);
    let mut counters = blocks.iter().enumerate().peekable();
    let woven = rewrite(bytes, &additions, |function, _, weaver| {
        while let Some((number, block)) = counters.next_if(|(_, block)| block.function == function)
        {
            weaver.copy_until(block.places.start);
            count(weaver, number, memory);
        }
        Ok(())
    })?;
    Ok((woven, blocks))
}

/// Adds one to a counter.
fn count(weaver: &mut Weaver<'_>, number: usize, memory: usize) {
    let address = i64::try_from(number.saturating_mul(WIDTH)).unwrap_or_default();
    let to = &mut weaver.woven;
    // The address is a number of 32 bits.
    for _ in 0..2 {
        to.push(0x41);
        signed(to, address);
    }
    // i64.load, aligned to 8 bytes, of another memory than the first.
    to.extend([0x29, 0x43]);
    unsigned(to, memory);
    // Without offset; i64.const 1; i64.add; i64.store.
    to.extend([0x00, 0x42, 0x01, 0x7c, 0x37, 0x43]);
    unsigned(to, memory);
    to.push(0x00);
}

fn of_function(
    blocks: &mut Vec<Block>,
    function: u32,
    body: &FunctionBody<'_>,
) -> Result<(), BinaryReaderError> {
    let end = body.range().end;
    let mut operators = body.get_operators_reader()?;
    let mut start = operators.original_position();
    let (mut code, mut ended) = (start..start, false);
    while !operators.eof() {
        let before = operators.original_position();
        let operator = operators.read()?;
        let position = operators.original_position();
        if !ended && !is_structure(&operator) {
            let first = if code.is_empty() { before } else { code.start };
            code = first..position;
        }
        ended |= goes_elsewhere(&operator);
        if begins_code(&operator) && position < end {
            blocks.push(Block {
                function,
                places: start..position,
                code,
            });
            start = position;
            (code, ended) = (start..start, false);
        }
    }
    blocks.push(Block {
        function,
        places: start..end,
        code,
    });
    Ok(())
}

/// Whether it says no more than where a block begins or ends.
fn is_structure(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::Else
            | Operator::End
            | Operator::Try { .. }
            | Operator::TryTable { .. }
            | Operator::Catch { .. }
            | Operator::CatchAll
            | Operator::Delegate { .. }
            | Operator::Nop
    )
}

/// Whether what stands right behind this is never reached from here.
fn goes_elsewhere(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Br { .. }
            | Operator::BrTable { .. }
            | Operator::Return
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. }
            | Operator::Throw { .. }
            | Operator::ThrowRef
            | Operator::Rethrow { .. }
            | Operator::Unreachable
    )
}

/// Whether what stands behind this may be executed more or less often than what stands before.
fn begins_code(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Else
            | Operator::End
            | Operator::BrIf { .. }
            | Operator::BrOnNull { .. }
            | Operator::BrOnNonNull { .. }
            | Operator::BrOnCast { .. }
            | Operator::BrOnCastFail { .. }
            | Operator::TryTable { .. }
            | Operator::Try { .. }
            | Operator::Catch { .. }
            | Operator::CatchAll
            | Operator::Delegate { .. }
    )
}
