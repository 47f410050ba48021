//! What was going on when a callback failed, as traces tell it.

use wasmtime::WasmBacktrace;

use crate::guest::module::Source;
use crate::guest::symbols::frame_lines;
use crate::guest::vm_state::VmState;

/// Begins the line that says in which request it was.
pub(crate) const REQUEST: &str = "[request] ";

/// Begins a line with a function that was on the stack.
pub(crate) const FRAME: &str = "[backtrace] ";

/// The request, if the callback was about one, and the functions on the stack, the innermost first.
pub(crate) fn lines(error: &wasmtime::Error, state: &VmState, source: &Source) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(stream) = state.streams.get(&state.current) {
        let header = |name: &str| {
            let value = stream.request.headers.get(name).unwrap_or_default();
            String::from_utf8_lossy(value).into_owned()
        };
        lines.push(format!(
            "{REQUEST}{} {} (host {})",
            header(":method"),
            header(":path"),
            header(":authority")
        ));
    }
    let (Some(backtrace), Some(symbols)) =
        (error.downcast_ref::<WasmBacktrace>(), source.symbols())
    else {
        return lines;
    };
    let offsets: Vec<u64> = backtrace
        .frames()
        .iter()
        .filter_map(|frame| source.original(u64::try_from(frame.module_offset()?).ok()?))
        .collect();
    let sites = symbols.call_sites(&offsets);
    let frames: Vec<_> = offsets.iter().zip(&sites).enumerate().collect();
    // Where a function calls itself without an end, one is like the other, and the engine does not tell all.
    for same in frames.chunk_by(|(_, (one, _)), (_, (other, _))| one == other) {
        let Some((number, (offset, sites))) = same.first() else {
            continue;
        };
        let frame = frame_lines(*number, **offset, sites);
        lines.extend(frame.into_iter().map(|line| format!("{FRAME}{line}")));
        if same.len() > 1 {
            lines.push(format!("{FRAME}     repeated"));
        }
    }
    lines
}
