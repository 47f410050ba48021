//! The frame around every hostcall: may it be made now, what are its arguments, what is answered, and the line in the trace.

use std::fmt::{Display, Write as _};

use wasmtime::{Caller, Extern, Memory};

use super::quoted::quoted;
use crate::abi::Status;
use crate::guest::refused::{Failure, Fatal, Refused};
use crate::guest::vm_state::{Phase, VmState};
use crate::host::trace::{HostcallOutcome, TraceKind};

/// A region of guest memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Region {
    pub(super) pointer: u32,
    pub(super) length: u32,
}

/// Where the guest wants to find a region that the host allocates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Returned {
    pub(super) pointer: u32,
    pub(super) length: u32,
}

pub(super) fn region(pointer: u32, length: u32) -> Region {
    Region { pointer, length }
}

impl Region {
    /// What stands there.
    fn of(self, memory: &[u8]) -> Result<&[u8], Refused> {
        let start = usize::try_from(self.pointer).ok();
        let end = usize::try_from(self.length)
            .ok()
            .and_then(|length| start?.checked_add(length));
        let bytes = start
            .zip(end)
            .and_then(|(start, end)| memory.get(start..end));
        bytes.ok_or(Refused::NoMemory {
            pointer: self.pointer,
            length: self.length.into(),
        })
    }
}

/// Writes there.
fn put(memory: &mut [u8], pointer: u32, bytes: &[u8]) -> Result<(), Refused> {
    let start = usize::try_from(pointer).unwrap_or(usize::MAX);
    let room = memory.get_mut(start..);
    match room.and_then(|room| room.get_mut(..bytes.len())) {
        Some(room) => {
            room.copy_from_slice(bytes);
            Ok(())
        }
        None => Err(Refused::NoMemory {
            pointer,
            length: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        }),
    }
}

pub(super) fn returned(pointer: u32, length: u32) -> Returned {
    Returned { pointer, length }
}

/// A running hostcall.
pub(super) struct Hostcall<'a> {
    caller: Caller<'a, VmState>,
    /// What the trace will show of it, if anybody reads the trace: arguments and answers are written down only then.
    notes: Option<Box<Notes>>,
    /// Whether a profile is drawn up.
    is_profiled: bool,
}

#[derive(Default)]
struct Notes {
    arguments: String,
    answer: String,
}

/// Runs a hostcall of the proxy-wasm ABI: refuses it in restricted phases, turns its outcome into a status, and traces it.
pub(super) fn answer(
    caller: Caller<'_, VmState>,
    name: &'static str,
    body: impl FnOnce(&mut Hostcall<'_>) -> Result<(), Failure>,
) -> wasmtime::Result<u32> {
    // What Envoy has beyond the ABI is not restricted.
    if !caller.data().identity.allows(name) && name.starts_with("proxy_") {
        trace_refusal(&caller, name, Status::InternalFailure);
        return Ok(Status::InternalFailure as u32);
    }
    let mut call = Hostcall::begin(caller, name, |phase| {
        name == "proxy_log" || phase == Phase::Running
    })?;
    let outcome = body(&mut call);
    call.trace(name, |notes| match &outcome {
        Ok(()) => answered(Status::Ok, &notes.answer),
        Err(Failure::Refused(refused)) => answered(refused.status(), &format!("({refused})")),
        Err(Failure::Fatal(error)) => HostcallOutcome::Fatal(error.to_string()),
    });
    match outcome {
        Ok(()) => Ok(Status::Ok as u32),
        Err(Failure::Refused(refused)) => Ok(refused.status() as u32),
        Err(Failure::Fatal(error)) => Err(error),
    }
}

fn trace_refusal(caller: &Caller<'_, VmState>, name: &str, answer: impl Display) {
    let state = caller.data();
    state.host.count_hostcall();
    state.host.trace(state.label(), || TraceKind::Hostcall {
        function: name.to_owned(),
        arguments: String::new(),
        outcome: answered(answer, "(the plugin's capabilities do not allow it)"),
    });
}

fn answered(status: impl Display, detail: &str) -> HostcallOutcome {
    HostcallOutcome::Answered {
        status: status.to_string(),
        detail: detail.trim_end().to_owned(),
    }
}

/// Runs a WASI function, whose answer is an error number of WASI's own: 21 is `EFAULT`, 76 is `ENOTCAPABLE`.
pub(super) fn wasi(
    caller: Caller<'_, VmState>,
    name: &'static str,
    body: impl FnOnce(&mut Hostcall<'_>) -> Result<u32, Failure>,
) -> wasmtime::Result<u32> {
    const NOT_CAPABLE: u32 = 76;
    if !caller.data().identity.allows(name) {
        trace_refusal(&caller, name, NOT_CAPABLE);
        return Ok(NOT_CAPABLE);
    }
    let mut call = Hostcall::begin(caller, name, |phase| match name {
        "fd_write" | "clock_time_get" | "poll_oneoff" => true,
        "fd_close" | "fd_read" | "fd_seek" | "path_open" | "proc_exit" | "sched_yield" => {
            phase == Phase::Running
        }
        _ => phase != Phase::Allocating,
    })?;
    let errno = match body(&mut call) {
        Ok(errno) => errno,
        Err(Failure::Refused(_)) => 21,
        Err(Failure::Fatal(error)) => return Err(error),
    };
    call.trace(name, |notes| answered(errno, &notes.answer));
    Ok(errno)
}

impl Drop for Hostcall<'_> {
    fn drop(&mut self) {
        if self.is_profiled {
            let fuel = self.caller.get_fuel().unwrap_or_default();
            let host = &self.caller.data().host;
            host.profile(|profiler| profiler.end_hostcall(fuel));
        }
    }
}

impl<'a> Hostcall<'a> {
    fn begin(
        caller: Caller<'a, VmState>,
        name: &'static str,
        is_allowed: impl FnOnce(Phase) -> bool,
    ) -> wasmtime::Result<Self> {
        let state = caller.data();
        state.host.count_hostcall();
        let phase = state.phase;
        let notes = state.host.traced.then(Box::default);
        let is_profiled = state.host.is_profiled();
        if is_profiled {
            let fuel = caller.get_fuel().unwrap_or_default();
            let host = &caller.data().host;
            host.profile(|profiler| profiler.begin_hostcall(name, fuel));
        }
        let call = Self {
            caller,
            notes,
            is_profiled,
        };
        if is_allowed(phase) {
            return Ok(call);
        }
        let phase = match phase {
            Phase::Starting => "the module starts",
            Phase::Running => "callbacks run",
            Phase::Allocating => "the host allocates guest memory",
        };
        let fatal = Fatal::Forbidden {
            hostcall: name,
            phase,
        };
        call.trace(name, |_| HostcallOutcome::Fatal(fatal.to_string()));
        Err(wasmtime::Error::new(fatal))
    }

    fn trace(&self, name: &str, outcome: impl FnOnce(&Notes) -> HostcallOutcome) {
        let Some(notes) = &self.notes else {
            return;
        };
        let state = self.caller.data();
        state.host.trace(state.label(), || TraceKind::Hostcall {
            function: name.to_owned(),
            arguments: notes.arguments.clone(),
            outcome: outcome(notes),
        });
    }

    /// Whether arguments and answers are written down. Only worth asking where showing them takes work.
    pub(super) fn is_traced(&self) -> bool {
        self.notes.is_some()
    }

    /// Notes an argument for the trace.
    pub(super) fn argument(&mut self, argument: impl Display) {
        let Some(notes) = &mut self.notes else {
            return;
        };
        if !notes.arguments.is_empty() {
            notes.arguments.push_str(", ");
        }
        // Writing to a string cannot fail.
        let _ = write!(notes.arguments, "{argument}");
    }

    /// Notes what is answered besides OK, for the trace.
    pub(super) fn answered(&mut self, answer: impl Display) {
        if let Some(notes) = &mut self.notes {
            notes.answer = answer.to_string();
        }
    }

    pub(super) fn state(&self) -> &VmState {
        self.caller.data()
    }

    pub(super) fn state_mut(&mut self) -> &mut VmState {
        self.caller.data_mut()
    }

    fn memory(&mut self) -> Result<Memory, Fatal> {
        if let Some(memory) = self.caller.data().memory.exported {
            return Ok(memory);
        }
        match self.caller.get_export("memory") {
            Some(Extern::Memory(memory)) => Ok(memory),
            _ => Err(Fatal::NoMemory),
        }
    }

    /// Looks at regions of guest memory where they stand.
    pub(super) fn look<const N: usize, T>(
        &mut self,
        at: [Region; N],
        act: impl FnOnce([&[u8]; N], &mut VmState) -> T,
    ) -> Result<T, Failure> {
        let length = |sum: usize, at: &Region| {
            sum.saturating_add(usize::try_from(at.length).unwrap_or_default())
        };
        self.copies(at.iter().fold(0, length));
        let (memory, state) = self.memory()?.data_and_store_mut(&mut self.caller);
        let mut regions = [&[][..]; N];
        for (region, at) in regions.iter_mut().zip(at) {
            *region = at.of(memory)?;
        }
        Ok(act(regions, state))
    }

    /// Looks at texts in guest memory where they stand, and notes them as arguments.
    pub(super) fn texts<const N: usize, T>(
        &mut self,
        at: [Region; N],
        act: impl FnOnce([&[u8]; N], &mut VmState) -> T,
    ) -> Result<T, Failure> {
        for text in at {
            self.note_text(text)?;
        }
        self.look(at, act)
    }

    /// Notes a text as an argument for the trace.
    pub(super) fn note_text(&mut self, at: Region) -> Result<(), Failure> {
        if self.is_traced() {
            self.text(at)?;
        }
        Ok(())
    }

    /// Copies a region out of guest memory.
    pub(super) fn read(&mut self, at: Region) -> Result<Vec<u8>, Failure> {
        self.look([at], |[bytes], _| bytes.to_vec())
    }

    /// Copies a text out of guest memory and notes it as an argument.
    pub(super) fn text(&mut self, at: Region) -> Result<Vec<u8>, Failure> {
        let bytes = self.read(at)?;
        self.argument(quoted(&bytes));
        Ok(bytes)
    }

    /// Writes to guest memory.
    pub(super) fn write(&mut self, pointer: u32, bytes: &[u8]) -> Result<(), Failure> {
        self.copies(bytes.len());
        let memory = self.memory()?.data_mut(&mut self.caller);
        put(memory, pointer, bytes)?;
        Ok(())
    }

    /// Notes for the profile that bytes go from or to the guest.
    fn copies(&self, bytes: usize) {
        if self.is_profiled {
            let host = &self.caller.data().host;
            host.profile(|profiler| profiler.copy(bytes));
        }
    }

    /// Gives the guest what is found for it, as [`give`](Self::give) does. It is put into a buffer that is used again and again, because
    /// the guest, which allocates the memory, must not run while anybody looks at the state.
    pub(super) fn give_found<T>(
        &mut self,
        at: Returned,
        find: impl FnOnce(&mut Self, &mut Vec<u8>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut found = std::mem::take(&mut self.state_mut().found);
        found.clear();
        let besides = find(self, &mut found)?;
        self.give(&found, at)?;
        self.state_mut().found = found;
        Ok(besides)
    }

    /// Gives the guest a region of its own memory: allocated by the guest, filled by the host. No bytes are a null pointer.
    pub(super) fn give(&mut self, bytes: &[u8], at: Returned) -> Result<(), Failure> {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let pointer = match length {
            0 => 0,
            length => self.allocate(length)?,
        };
        self.copies(bytes.len());
        let memory = self.memory()?.data_mut(&mut self.caller);
        put(memory, pointer, bytes)?;
        put(memory, at.pointer, &pointer.to_le_bytes())?;
        put(memory, at.length, &length.to_le_bytes())?;
        Ok(())
    }

    /// The same for a guest that says by null pointers what it does not want to know. Without a wish for the bytes, none are
    /// allocated.
    pub(super) fn give_wanted(
        &mut self,
        bytes: &[u8],
        pointer_at: u32,
        length_at: u32,
    ) -> Result<(), Failure> {
        if pointer_at != 0 {
            let pointer = self.copy_in(bytes)?;
            self.write(pointer_at, &pointer.to_le_bytes())?;
        }
        if length_at != 0 {
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            self.write(length_at, &length.to_le_bytes())?;
        }
        Ok(())
    }

    fn copy_in(&mut self, bytes: &[u8]) -> Result<u32, Failure> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let pointer = self.allocate(u32::try_from(bytes.len()).unwrap_or(u32::MAX))?;
        self.write(pointer, bytes)?;
        Ok(pointer)
    }

    /// Calls an export of the guest in the middle of its own hostcall, if it has it.
    pub(super) fn enter_guest(
        &mut self,
        name: &str,
        (context, number, size): (u32, u32, u32),
    ) -> Result<(), Failure> {
        let export = self.caller.get_export(name).and_then(Extern::into_func);
        let typed = export.map(|export| export.typed::<(u32, u32, u32), ()>(&self.caller));
        let Some(Ok(function)) = typed else {
            return Ok(());
        };
        let state = self.caller.data();
        state.host.count_callback();
        let label = state.label().to_owned();
        state.host.trace(&label, || TraceKind::Callback {
            function: name.to_owned(),
            arguments: format!("{context}, {number}, {size}"),
        });
        let outcome = function.call(&mut self.caller, (context, number, size));
        let state = self.caller.data_mut();
        state.host.trace(&label, || TraceKind::Return {
            function: name.to_owned(),
            result: None,
        });
        // In Envoy the callback that made the hostcall goes on, in a VM that has failed.
        if let Err(error) = outcome {
            state.poison.get_or_insert(error);
        }
        Ok(())
    }

    fn allocate(&mut self, length: u32) -> Result<u32, Failure> {
        let Some(allocator) = self.caller.data_mut().memory.allocator.take() else {
            return Err(Refused::NotAllocated(length).into());
        };
        let before = std::mem::replace(&mut self.caller.data_mut().phase, Phase::Allocating);
        let outcome = allocator.call(&mut self.caller, length);
        let state = self.caller.data_mut();
        state.phase = before;
        state.memory.allocator = Some(allocator);
        match outcome {
            Ok(0) => Err(Refused::NotAllocated(length).into()),
            Ok(pointer) => Ok(pointer),
            // In Envoy the callback that asked goes on, in a VM that has failed.
            Err(error) => {
                self.caller.data_mut().poison.get_or_insert(error);
                Err(Refused::NotAllocated(length).into())
            }
        }
    }
}
