//! The least host: what an admitted call without a body asks for, on wasmtime, and nothing else. For tests that make a million of them,
//! which the simulator with all that it knows takes minutes for.

use std::collections::HashMap;

use wasmtime::{Caller, Engine, Extern, Instance, Linker, Memory, Module, Store, TypedFunc};

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
const INVALID_MEMORY_ACCESS: u32 = 6;
const CAS_MISMATCH: u32 = 8;

const PLUGIN: u32 = 1;

/// A worker with the module.
pub(crate) struct LeastHost {
    store: Store<State>,
    memory: Memory,
    create: TypedFunc<(u32, u32), ()>,
    request_headers: TypedFunc<(u32, u32, u32), u32>,
    response_headers: TypedFunc<(u32, u32, u32), u32>,
    delete: TypedFunc<u32, ()>,
    tick: TypedFunc<u32, ()>,
    next_context: u32,
}

/// What hostcalls are about.
struct State {
    configuration: Vec<u8>,
    /// The request headers, as `proxy_get_header_map_pairs` hands them over.
    head: Vec<u8>,
    /// Values with the numbers of their last writes.
    shared_data: HashMap<Vec<u8>, (Vec<u8>, u32)>,
    writes: u32,
    nanoseconds: u64,
    memory: Option<Memory>,
    /// Taken out while it is called, because a copy costs more than the call.
    allocate: Option<TypedFunc<u32, u32>>,
}

impl LeastHost {
    /// A worker whose plugin has this configuration, at this time in seconds since the epoch.
    pub(crate) fn start(bytes: &[u8], configuration: &str, seconds: u64) -> Self {
        let engine = Engine::default();
        let module = Module::new(&engine, bytes).unwrap();
        let state = State {
            configuration: configuration.into(),
            head: Vec::new(),
            shared_data: HashMap::new(),
            writes: 0,
            nanoseconds: seconds * 1_000_000_000,
            memory: None,
            allocate: None,
        };
        let mut store = Store::new(&engine, state);
        let mut linker = Linker::new(&engine);
        link(&mut linker);
        linker
            .define_unknown_imports_as_default_values(&mut store, &module)
            .unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let memory = instance.get_memory(&mut store, "memory").unwrap();
        let allocate = export(&instance, &mut store, "proxy_on_memory_allocate");
        store.data_mut().memory = Some(memory);
        store.data_mut().allocate = Some(allocate);
        export::<(), ()>(&instance, &mut store, "_initialize")
            .call(&mut store, ())
            .unwrap();
        let mut host = Self {
            create: export(&instance, &mut store, "proxy_on_context_create"),
            request_headers: export(&instance, &mut store, "proxy_on_request_headers"),
            response_headers: export(&instance, &mut store, "proxy_on_response_headers"),
            delete: export(&instance, &mut store, "proxy_on_delete"),
            tick: export(&instance, &mut store, "proxy_on_tick"),
            next_context: PLUGIN + 1,
            memory,
            store,
        };
        host.create.call(&mut host.store, (PLUGIN, 0)).unwrap();
        let configure: TypedFunc<(u32, u32), u32> =
            export(&instance, &mut host.store, "proxy_on_configure");
        let accepted = configure.call(&mut host.store, (PLUGIN, 0)).unwrap();
        assert_eq!(accepted, 1, "the configuration is refused");
        host
    }

    /// Makes a call without a body, which is answered 200; whether it is admitted. `head` is made by [`head`].
    pub(crate) fn call(&mut self, head: &[u8]) -> bool {
        self.store.data_mut().head = head.to_vec();
        let context = self.next_context;
        self.next_context += 1;
        let store = &mut self.store;
        self.create.call(&mut *store, (context, PLUGIN)).unwrap();
        let action = self.request_headers.call(&mut *store, (context, 0, 1));
        self.response_headers
            .call(&mut *store, (context, 0, 0))
            .unwrap();
        self.delete.call(&mut *store, context).unwrap();
        action.unwrap() == 0
    }

    /// So many seconds pass, and the plugin's timer ticks.
    pub(crate) fn tick(&mut self, seconds: u64) {
        self.store.data_mut().nanoseconds += seconds * 1_000_000_000;
        self.tick.call(&mut self.store, PLUGIN).unwrap();
    }

    /// The size of the worker's linear memory, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory.data_size(&self.store)
    }

    /// How many bytes keys and values of the shared data have, by what `of` makes of the key.
    pub(crate) fn shared_data_bytes(
        &self,
        of: impl Fn(&str) -> Option<String>,
    ) -> HashMap<Option<String>, usize> {
        let mut sums = HashMap::new();
        for (key, (value, _)) in &self.store.data().shared_data {
            let sum: &mut usize = sums
                .entry(of(std::str::from_utf8(key).unwrap()))
                .or_default();
            *sum += key.len() + value.len();
        }
        sums
    }
}

/// Headers, as `proxy_get_header_map_pairs` hands them over: their number, the lengths of all names and values, then each with a NUL.
pub(crate) fn head(headers: &[(&str, &str)]) -> Vec<u8> {
    let length = |text: &str| u32::try_from(text.len()).unwrap().to_le_bytes();
    let mut bytes = u32::try_from(headers.len()).unwrap().to_le_bytes().to_vec();
    for (name, value) in headers {
        bytes.extend(length(name));
        bytes.extend(length(value));
    }
    for text in headers.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend(text.as_bytes());
        bytes.push(0);
    }
    bytes
}

fn export<P: wasmtime::WasmParams, R: wasmtime::WasmResults>(
    instance: &Instance,
    store: &mut Store<State>,
    name: &str,
) -> TypedFunc<P, R> {
    let function = instance.get_export(&mut *store, name);
    let function = function.and_then(Extern::into_func).unwrap();
    function.typed(store).unwrap()
}

/// The hostcalls that have something to say. All others do nothing and return `OK`.
fn link(linker: &mut Linker<State>) {
    type Guest<'a> = Caller<'a, State>;
    let env = "env";
    linker
        .func_wrap(
            env,
            "proxy_get_current_time_nanoseconds",
            |mut guest: Guest<'_>, time: u32| {
                let now = guest.data().nanoseconds;
                write(&mut guest, time, &now.to_le_bytes())
            },
        )
        .unwrap();
    linker
        .func_wrap(
            env,
            "proxy_get_buffer_bytes",
            |mut guest: Guest<'_>, _: u32, _: u32, _: u32, data: u32, len: u32| {
                let configuration = guest.data().configuration.clone();
                give(&mut guest, &configuration, data, len)
            },
        )
        .unwrap();
    linker
        .func_wrap(
            env,
            "proxy_get_header_map_pairs",
            |mut guest: Guest<'_>, _: u32, data: u32, len: u32| {
                let head = guest.data().head.clone();
                give(&mut guest, &head, data, len)
            },
        )
        .unwrap();
    linker
        .func_wrap(
            env,
            "proxy_get_header_map_value",
            |mut guest: Guest<'_>, _: u32, key: u32, key_len: u32, data: u32, len: u32| {
                if read(&guest, key, key_len) == b":status" {
                    give(&mut guest, b"200", data, len)
                } else {
                    NOT_FOUND
                }
            },
        )
        .unwrap();
    linker
        .func_wrap(
            env,
            "proxy_get_property",
            |_: u32, _: u32, _: u32, _: u32| NOT_FOUND,
        )
        .unwrap();
    linker
        .func_wrap(
            env,
            "proxy_get_shared_data",
            |mut guest: Guest<'_>, key: u32, key_len: u32, data: u32, len: u32, cas: u32| {
                let key = read(&guest, key, key_len);
                let Some((value, number)) = guest.data().shared_data.get(&key).cloned() else {
                    return NOT_FOUND;
                };
                write(&mut guest, cas, &number.to_le_bytes());
                give(&mut guest, &value, data, len)
            },
        )
        .unwrap();
    linker
        .func_wrap(
            env,
            "proxy_set_shared_data",
            |mut guest: Guest<'_>, key: u32, key_len: u32, data: u32, len: u32, cas: u32| {
                let (key, value) = (read(&guest, key, key_len), read(&guest, data, len));
                if key.is_empty() {
                    return INVALID_MEMORY_ACCESS;
                }
                let state = guest.data_mut();
                let known = state.shared_data.get(&key).map(|(_, number)| *number);
                if cas != 0 && known.is_some_and(|known| known != cas) {
                    return CAS_MISMATCH;
                }
                state.writes += 1;
                state.shared_data.insert(key, (value, state.writes));
                OK
            },
        )
        .unwrap();
    // These would do nothing as well if they were left out, at several times the cost of a call.
    linker
        .func_wrap(
            env,
            "proxy_set_property",
            |_: u32, _: u32, _: u32, _: u32| OK,
        )
        .unwrap();
    linker
        .func_wrap(env, "proxy_increment_metric", |_: u32, _: u64| OK)
        .unwrap();
    linker
        .func_wrap(
            env,
            "proxy_replace_header_map_value",
            |_: u32, _: u32, _: u32, _: u32, _: u32| OK,
        )
        .unwrap();
    linker
        .func_wrap(
            env,
            "proxy_remove_header_map_value",
            |_: u32, _: u32, _: u32| OK,
        )
        .unwrap();
}

fn read(caller: &Caller<'_, State>, at: u32, len: u32) -> Vec<u8> {
    let memory = caller.data().memory.unwrap();
    let bytes = memory
        .data(caller)
        .get(at as usize..)
        .and_then(|bytes| bytes.get(..len as usize));
    bytes.unwrap_or_default().to_vec()
}

fn write(caller: &mut Caller<'_, State>, at: u32, bytes: &[u8]) -> u32 {
    let memory = caller.data().memory.unwrap();
    match memory.write(caller, at as usize, bytes) {
        Ok(()) => OK,
        Err(_) => INVALID_MEMORY_ACCESS,
    }
}

/// Hands bytes over in memory that the guest allocates for it.
fn give(caller: &mut Caller<'_, State>, bytes: &[u8], data: u32, len: u32) -> u32 {
    let memory = caller.data().memory.unwrap();
    if data as usize >= memory.data_size(&*caller) {
        return INVALID_MEMORY_ACCESS;
    }
    let length = u32::try_from(bytes.len()).unwrap();
    let allocate = caller.data_mut().allocate.take().unwrap();
    let at = allocate.call(&mut *caller, length).unwrap();
    caller.data_mut().allocate = Some(allocate);
    let memory = caller.data().memory.unwrap();
    let memory = memory.data_mut(caller);
    for (at, bytes) in [
        (at, bytes),
        (data, &at.to_le_bytes()),
        (len, &length.to_le_bytes()),
    ] {
        memory[at as usize..][..bytes.len()].copy_from_slice(bytes);
    }
    OK
}
