//! One VM: an instance of the module with its own memory, and the callbacks that the host makes into it.

use std::any::Any;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use wasmtime::{Caller, Func, Instance, Store, Trap, TypedFunc, WasmParams, WasmResults};

use crate::guest::crash;
use crate::guest::engine::ticks;
use crate::guest::instrument::counters::{COUNTERS, WIDTH};
use crate::guest::instrument::hook::HOOK;
use crate::guest::module::{LoadError, Module, Source};
use crate::guest::refused::Fatal;
use crate::guest::vm_state::{Identity, Phase, Plugin, VmState};
use crate::host::Host;
use crate::host::trace::TraceKind;

/// Why a VM is dead. Envoy never calls into it again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VmFailure {
    /// The module trapped; a Rust panic does.
    #[error("{callback} trapped: {trap}")]
    Trapped {
        /// The callback.
        callback: String,
        /// What the engine says.
        trap: String,
    },
    /// The module made a hostcall that it must not make at that moment.
    #[error("{callback} broke the ABI: {reason}")]
    Forbidden {
        /// The callback.
        callback: String,
        /// Which call, and when.
        reason: String,
    },
    /// The module did not return. Envoy would wait for ever, and its worker with it.
    #[error("{callback} did not return within {limit}")]
    Endless {
        /// The callback.
        callback: String,
        /// When it was stopped, as in `30s` or `1000 instructions`.
        limit: String,
    },
    /// The module did something on which the whole of Envoy crashes.
    #[error("{reason}, on which Envoy 1.40 crashes")]
    Crash {
        /// What it did.
        reason: &'static str,
    },
}

/// A VM.
pub(crate) struct Vm {
    pub(crate) store: Store<VmState>,
    instance: Instance,
    source: Arc<Source>,
    /// Exports that were called, or were to be and are not there; looking them up takes longer than calling them.
    exports: Vec<(&'static str, Option<Box<dyn Any>>)>,
    /// Whether its engine counts instructions.
    metered: bool,
    failure: Option<VmFailure>,
}

/// How a callback's result is shown in traces.
pub(crate) trait Shown {
    fn shown(&self, callback: &str) -> Option<String>;
}

impl Shown for () {
    fn shown(&self, _: &str) -> Option<String> {
        None
    }
}

impl Shown for u32 {
    fn shown(&self, callback: &str) -> Option<String> {
        let action = callback.ends_with("_headers")
            || callback.ends_with("_body")
            || callback.ends_with("_trailers");
        Some(match self {
            0 if action => "Continue".to_owned(),
            1 if action => "Pause".to_owned(),
            0 => "false".to_owned(),
            1 => "true".to_owned(),
            other => other.to_string(),
        })
    }
}

impl Vm {
    /// Instantiates the module and runs its start functions, in which it may do next to nothing.
    pub(crate) fn new(
        module: &Module,
        host: Rc<Host>,
        identity: Rc<Identity>,
        plugin: Rc<Plugin>,
    ) -> Result<Self, VmStartError> {
        let mut store = Store::new(module.engine(), VmState::new(host, identity, plugin));
        store.limiter(|state| &mut state.memory.guard);
        // All the fuel there is, of which each callback gets a part. Engines that do not count have none.
        let metered = store.set_fuel(u64::MAX).is_ok();
        store.set_epoch_deadline(ticks(store.data().identity.limits.time));
        let (instance, imported) = module.instantiate(&mut store).map_err(|error| {
            let failure = failure_of("(start function)", &error, store.data());
            Self::trace_failure(&store, module.source(), "start", &failure, &error);
            failure
        })?;
        if let Some(hook) = instance.get_global(&mut store, HOOK) {
            let noted = Func::wrap(&mut store, |caller: Caller<'_, VmState>, number: i32| {
                let fuel = caller.get_fuel().unwrap_or_default();
                let host = &caller.data().host;
                host.profile(|profiler| profiler.hook(number, fuel));
            });
            // A module that exports something else under this name is no instrumented one.
            let _ = hook.set(&mut store, noted.into());
        }
        let exported = instance.get_memory(&mut store, "memory");
        store.data_mut().memory.exported = imported.or(exported);
        let mut vm = Self {
            store,
            instance,
            source: Arc::clone(module.source()),
            exports: Vec::new(),
            metered,
            failure: None,
        };
        let initialized = vm
            .call::<(), ()>("_initialize", (), format_args!(""))?
            .is_some();
        if initialized {
            let arguments = vm.has("main").then_some(());
            if arguments.is_some() {
                vm.call::<(u32, u32), u32>("main", (0, 0), format_args!("0, 0"))?;
            } else {
                vm.call::<(), u32>("__main_void", (), format_args!(""))?;
            }
        } else {
            vm.call::<(), ()>("_start", (), format_args!(""))?;
        }
        let name = if vm.has("malloc") {
            "malloc"
        } else {
            "proxy_on_memory_allocate"
        };
        let allocator = vm.instance.get_typed_func::<u32, u32>(&mut vm.store, name);
        let allocator = allocator.map_err(|_| LoadError::WrongExport {
            name: name.to_owned(),
        })?;
        let state = vm.store.data_mut();
        state.memory.allocator = Some(allocator);
        state.phase = Phase::Running;
        Ok(vm)
    }

    /// Nothing is called any more.
    pub(crate) fn fail(&mut self, failure: VmFailure) {
        self.failure.get_or_insert(failure);
    }

    /// Why it is dead, if it is.
    pub(crate) fn failure(&self) -> Option<&VmFailure> {
        self.failure.as_ref()
    }

    fn has(&mut self, export: &str) -> bool {
        self.instance.get_func(&mut self.store, export).is_some()
    }

    /// Calls an export; `None` when there is none. `arguments` are for the trace.
    ///
    /// After a failure nothing is called any more.
    pub(crate) fn call<P, R>(
        &mut self,
        name: &'static str,
        parameters: P,
        arguments: fmt::Arguments<'_>,
    ) -> Result<Option<R>, CallError>
    where
        P: WasmParams + 'static,
        R: WasmResults + Shown + 'static,
    {
        if let Some(failure) = &self.failure {
            return Err(CallError::Failure(failure.clone()));
        }
        if !self.store.data().identity.allows(name) && name.starts_with("proxy_") {
            return Ok(None);
        }
        let position = self.export::<P, R>(name)?;
        let export = self
            .exports
            .get(position)
            .and_then(|(_, export)| export.as_ref());
        let Some(function) = export.and_then(|export| export.downcast_ref::<TypedFunc<P, R>>())
        else {
            return Ok(None);
        };
        let state = self.store.data();
        state.host.count_callback();
        Self::trace(&self.store, || TraceKind::Callback {
            function: name.to_owned(),
            arguments: arguments.to_string(),
        });
        let limit = state.identity.limits.instructions_of(name);
        // Asking an engine that does not count makes an error each time.
        let fuel = self.metered.then(|| self.store.get_fuel().ok()).flatten();
        let profiled = fuel.and_then(|fuel| {
            let host = &self.store.data().host;
            host.profile(|profiler| {
                let depth = profiler.begin_callback(name, fuel);
                profiler.refuel(limit);
                depth
            })
        });
        // An engine that counts takes and gives fuel.
        let _ = fuel.map(|_| self.store.set_fuel(limit));
        let time = ticks(self.store.data().identity.limits.time);
        self.store.set_epoch_deadline(time);
        let before_it = self.store.data().host.enter_callback(name);
        let outcome = function.call(&mut self.store, parameters);
        self.store.data().host.enter_callback(before_it);
        if let Some(before) = fuel {
            let left = self.store.get_fuel().unwrap_or(limit);
            let now = before.saturating_sub(limit.saturating_sub(left));
            let _ = self.store.set_fuel(now);
            if let Some(depth) = profiled {
                self.store.data().host.profile(|profiler| {
                    profiler.end_callback(depth, left);
                    profiler.refuel(now);
                });
            }
        }
        let poison = self.store.data_mut().poison.take();
        let outcome = outcome.and_then(|result| poison.map_or(Ok(result), Err));
        match outcome {
            Ok(result) => {
                Self::trace(&self.store, || TraceKind::Return {
                    function: name.to_owned(),
                    result: result.shown(name),
                });
                Ok(Some(result))
            }
            Err(error) => {
                let failure = failure_of(name, &error, self.store.data());
                Self::trace_failure(&self.store, &self.source, name, &failure, &error);
                self.failure = Some(failure.clone());
                Err(CallError::Failure(failure))
            }
        }
    }

    /// Where the export of this name is among those that were looked up.
    fn export<P, R>(&mut self, name: &'static str) -> Result<usize, CallError>
    where
        P: WasmParams + 'static,
        R: WasmResults + 'static,
    {
        // Most names are the very same literal.
        let same = |(known, _): &(&str, _)| std::ptr::eq(*known, name);
        let known = self.exports.iter().position(same);
        let known = known.or_else(|| self.exports.iter().position(|(known, _)| *known == name));
        if let Some(position) = known {
            return Ok(position);
        }
        let function = self.instance.get_func(&mut self.store, name);
        let typed = function.map(|function| function.typed::<P, R>(&self.store));
        let typed = typed.transpose().map_err(|_| CallError::WrongType {
            name: name.to_owned(),
        })?;
        let export = typed.map(|typed| Box::new(typed) as Box<dyn Any>);
        self.exports.push((name, export));
        Ok(self.exports.len().saturating_sub(1))
    }

    fn trace(store: &Store<VmState>, kind: impl FnOnce() -> TraceKind) {
        let state = store.data();
        state.host.trace(state.label(), kind);
    }

    /// How a callback failed, and what was going on.
    fn trace_failure(
        store: &Store<VmState>,
        source: &Source,
        callback: &str,
        failure: &VmFailure,
        error: &wasmtime::Error,
    ) {
        let state = store.data();
        let label = state.label();
        state.host.trace_end(label, || TraceKind::Failure {
            function: callback.to_owned(),
            reason: failure.to_string(),
        });
        for kind in crash::circumstances(error, state, source) {
            state.host.trace_end(label, || kind);
        }
    }

    /// Makes a callback for a context; its first argument is the context's number.
    pub(crate) fn callback<P, R>(
        &mut self,
        name: &'static str,
        context: u32,
        parameters: P,
        rest: fmt::Arguments<'_>,
    ) -> Result<Option<R>, VmFailure>
    where
        P: WasmParams + 'static,
        R: WasmResults + Shown + 'static,
    {
        self.store.data_mut().enter(context);
        let outcome = if rest.as_str() == Some("") {
            self.call(name, parameters, format_args!("{context}"))
        } else {
            self.call(name, parameters, format_args!("{context}, {rest}"))
        };
        match outcome {
            Ok(result) => Ok(result),
            Err(CallError::Failure(failure)) => Err(failure),
            Err(CallError::WrongType { name }) => {
                let reason = "the export is no function of the ABI's type".to_owned();
                let failure = VmFailure::Forbidden {
                    callback: name,
                    reason,
                };
                self.failure = Some(failure.clone());
                Err(failure)
            }
        }
    }

    /// `proxy_on_context_create`.
    pub(crate) fn on_context_create(&mut self, context: u32, parent: u32) -> Result<(), VmFailure> {
        let created = self.callback::<_, ()>(
            "proxy_on_context_create",
            context,
            (context, parent),
            format_args!("{parent}"),
        );
        created.map(|_| ())
    }

    /// `proxy_on_vm_start`: whether the module accepts the VM configuration.
    pub(crate) fn on_vm_start(&mut self, root: u32) -> Result<bool, VmFailure> {
        let size =
            u32::try_from(self.store.data().identity.vm_configuration.len()).unwrap_or(u32::MAX);
        let accepted = self.callback::<_, u32>(
            "proxy_on_vm_start",
            root,
            (root, size),
            format_args!("{size}"),
        )?;
        Ok(accepted != Some(0))
    }

    /// `proxy_on_configure`: whether the module accepts this plugin configuration.
    pub(crate) fn on_configure(&mut self, root: u32, size: u32) -> Result<bool, VmFailure> {
        let accepted = self.callback::<_, u32>(
            "proxy_on_configure",
            root,
            (root, size),
            format_args!("{size}"),
        )?;
        Ok(accepted != Some(0))
    }

    /// A callback that says whether it is done.
    pub(crate) fn on_done(&mut self, context: u32) -> Result<bool, VmFailure> {
        Ok(
            self.callback::<_, u32>("proxy_on_done", context, context, format_args!(""))?
                != Some(0),
        )
    }

    /// A callback with nothing but the context.
    pub(crate) fn notify(&mut self, name: &'static str, context: u32) -> Result<(), VmFailure> {
        self.callback::<_, ()>(name, context, context, format_args!(""))
            .map(|_| ())
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        let counters = self.instance.get_memory(&mut self.store, COUNTERS);
        if let Some(memory) = counters {
            let counters = memory.data(&self.store).chunks_exact(WIDTH);
            let count = |counter: &[u8]| counter.try_into().map(u64::from_le_bytes);
            self.source
                .add(counters.map(|counter| count(counter).unwrap_or_default()));
        }
    }
}

/// Why an export could not be called to its end.
pub(crate) enum CallError {
    Failure(VmFailure),
    WrongType { name: String },
}

/// Why there is no VM.
pub(crate) enum VmStartError {
    Load(LoadError),
    Failure(VmFailure),
}

impl From<VmFailure> for VmStartError {
    fn from(failure: VmFailure) -> Self {
        Self::Failure(failure)
    }
}

impl From<LoadError> for VmStartError {
    fn from(error: LoadError) -> Self {
        Self::Load(error)
    }
}

impl From<CallError> for VmStartError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Failure(failure) => Self::Failure(failure),
            CallError::WrongType { name } => Self::Load(LoadError::WrongExport { name }),
        }
    }
}

fn failure_of(callback: &str, error: &wasmtime::Error, state: &VmState) -> VmFailure {
    let callback = callback.to_owned();
    match error.downcast_ref::<Fatal>() {
        Some(fatal @ (Fatal::Forbidden { .. } | Fatal::NoMemory)) => VmFailure::Forbidden {
            callback,
            reason: fatal.to_string(),
        },
        None if error.downcast_ref() == Some(&Trap::OutOfFuel) => {
            let instructions = state.identity.limits.instructions_of(&callback);
            VmFailure::Endless {
                callback,
                limit: format!("{instructions} instructions"),
            }
        }
        None if error.downcast_ref() == Some(&Trap::Interrupt) => {
            let limit = state.identity.limits.time.unwrap_or_default();
            VmFailure::Endless {
                callback,
                limit: format!("{limit:?}"),
            }
        }
        None => {
            let mut trap = error
                .downcast_ref::<Trap>()
                .map_or_else(|| error.root_cause().to_string(), Trap::to_string);
            if let Some(limit) = state.memory.guard.refused() {
                trap.push_str(&format!(
                    ", after more memory was asked for than the {limit} bytes that are allowed"
                ));
            }
            VmFailure::Trapped { callback, trap }
        }
    }
}
