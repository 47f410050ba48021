//! What was going on when a callback failed, as traces tell it.

use wasmtime::WasmBacktrace;

use crate::guest::module::Source;
use crate::guest::symbols::frame_lines;
use crate::guest::vm_state::VmState;
use crate::host::trace::TraceKind;

/// The request, if the callback was about one, and the functions on the stack, the innermost first.
pub(crate) fn circumstances(
    error: &wasmtime::Error,
    state: &VmState,
    source: &Source,
) -> Vec<TraceKind> {
    let mut found = Vec::new();
    if let Some(stream) = state.streams.get(&state.running.at.context) {
        let header = |name: &str| {
            let value = stream.request.headers.get(name).unwrap_or_default();
            String::from_utf8_lossy(value).into_owned()
        };
        found.push(TraceKind::Request(format!(
            "{} {} (host {})",
            header(":method"),
            header(":path"),
            header(":authority")
        )));
    }
    let (Some(backtrace), Some(symbols)) =
        (error.downcast_ref::<WasmBacktrace>(), source.symbols())
    else {
        return found;
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
        found.extend(frame.into_iter().map(TraceKind::Frame));
        if same.len() > 1 {
            found.push(TraceKind::Frame("     repeated".to_owned()));
        }
    }
    found
}
