//! The WebAssembly engine: what modules may use, as V8 in Envoy 1.40 has it, and the clock by which callbacks are stopped that never return.

use std::sync::{Mutex, Once, PoisonError};
use std::thread;
use std::time::Duration;

use wasmtime::{Cache, CacheConfig, Config, Engine, EngineWeak, OptLevel};

use crate::guest::module::{LoadError, innermost};

/// How deep calls within a module may go, in bytes; as deep as V8 goes with frames of a usual size, and on any thread.
const STACK: usize = 1024 * 1024;

/// How often the clock goes on.
const TICK: Duration = Duration::from_millis(10);

/// Engines whose callbacks are stopped.
static ENGINES: Mutex<Vec<EngineWeak>> = Mutex::new(Vec::new());

/// An engine that finds what it has compiled before in the cache of the user, under the content of the module and the version of
/// the engine. Without a cache it compiles every time. One that is `watched` counts instructions, and stops callbacks.
pub(crate) fn engine(watched: bool) -> Result<Engine, LoadError> {
    let mut config = configuration();
    if !watched {
        // For millions of calls: no memory is larger than what is reserved for it, and indirect calls need not look whether their table is filled.
        config.memory_may_move(false);
        config.table_lazy_init(false);
    }
    config.consume_fuel(watched);
    config.epoch_interruption(watched);
    config.cache(Cache::new(CacheConfig::new()).ok());
    let engine = Engine::new(&config).map_err(|error| LoadError::Engine(innermost(&error)))?;
    if watched {
        watch(&engine);
    }
    Ok(engine)
}

/// An engine for debuggers: the code is as the module has it, nothing stops it, and it says where its source is.
pub(crate) fn engine_for_debuggers() -> Result<Engine, LoadError> {
    let mut config = configuration();
    config.debug_info(true);
    config.cranelift_opt_level(OptLevel::None);
    Engine::new(&config).map_err(|error| LoadError::Engine(innermost(&error)))
}

/// What modules may use.
fn configuration() -> Config {
    let mut config = Config::new();
    config.max_wasm_stack(STACK);
    config.wasm_gc(true);
    config.wasm_function_references(true);
    config.wasm_exceptions(true);
    config.wasm_threads(true);
    config.shared_memory(true);
    config
}

/// How many ticks a callback may take.
pub(crate) fn ticks(limit: Option<Duration>) -> u64 {
    let Some(limit) = limit else {
        // The clock is never added to so much.
        return u64::MAX / 2;
    };
    let ticks = limit.as_millis().div_ceil(TICK.as_millis());
    u64::try_from(ticks).unwrap_or(u64::MAX / 2).max(1)
}

/// From now on the clock of an engine goes on, for as long as there is one.
fn watch(engine: &Engine) {
    static CLOCK: Once = Once::new();
    let engines = || ENGINES.lock().unwrap_or_else(PoisonError::into_inner);
    engines().push(engine.weak());
    CLOCK.call_once(|| {
        thread::spawn(move || {
            loop {
                thread::park_timeout(TICK);
                engines().retain(|engine| {
                    let engine = engine.upgrade();
                    if let Some(engine) = &engine {
                        engine.increment_epoch();
                    }
                    engine.is_some()
                });
            }
        });
    });
}
