//! The filter: the callbacks of the Proxy-Wasm ABI 0.2.1 that the host calls, and the contexts that they are about.
//!
//! They are exported here instead of by the SDK, which exports all that there are: the host enters the VM for every export that it
//! finds, so that an empty callback for the chunks of bodies costs something with each chunk. For policies that price no call by the
//! records in its body there is a module without those of the request as well (the feature `headers_only`): an export cannot be
//! switched off for some calls. `proxy_on_response_body` and `proxy_on_delete` are not exported, because nothing is to be done there:
//! Envoy calls `proxy_on_log` and then `proxy_on_done` for every call that it has created, however it ends (Envoy,
//! `source/extensions/common/wasm/context.cc`).
//!
//! A call is shared with the plugin while it waits for the directory or the engine, whose answers come to the plugin.

#![allow(
    unsafe_code,
    reason = "the host finds callbacks by their unmangled names"
)]

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use crate::{
    call::{Action, Call},
    host,
    plugin::Plugin,
    spread::BuildSpread,
};

thread_local! {
    /// The host says of every callback by number whom it is about, so that they have to be found somewhere.
    static CONTEXTS: Contexts = const { Contexts {
        plugins: RefCell::new(Vec::new()),
        calls: RefCell::new(HashMap::with_hasher(BuildSpread::new())),
    } };
}

/// Everything that the host may call about.
struct Contexts {
    /// There is hardly ever more than one.
    plugins: RefCell<Vec<(u32, Rc<Plugin>)>>,
    calls: RefCell<HashMap<u32, SharedCall, BuildSpread>>,
}

/// What the host calls for one call.
type SharedCall = Rc<RefCell<Call>>;

impl Contexts {
    fn plugin(&self, context: u32) -> Option<Rc<Plugin>> {
        let plugins = self.plugins.borrow();
        let plugin = plugins.iter().find(|(number, _)| *number == context);
        plugin.map(|(_, plugin)| Rc::clone(plugin))
    }

    fn call(&self, context: u32) -> Option<SharedCall> {
        self.calls.borrow().get(&context).map(Rc::clone)
    }

    /// A plugin, which has no parent, or a call to one.
    fn create(&self, context: u32, parent: u32) {
        if parent == 0 {
            let plugin = Rc::new(Plugin::default());
            self.plugins.borrow_mut().push((context, plugin));
        } else if let Some(running) = self.plugin(parent).and_then(|plugin| plugin.running()) {
            let call = Rc::new(RefCell::new(Call::new(running)));
            self.calls.borrow_mut().insert(context, call);
        }
    }

    /// A call about which nothing more is heard, or a plugin whose calls have all ended.
    fn done(&self, context: u32) {
        let call = self.calls.borrow_mut().remove(&context);
        if let Some(call) = call {
            call.borrow_mut().end();
            return;
        }
        if let Some(plugin) = self.plugin(context) {
            let mut plugins = self.plugins.borrow_mut();
            plugins.retain(|(number, _)| *number != context);
            drop(plugins);
            let others = self.plugins.borrow();
            let others: Vec<_> = others.iter().map(|(_, other)| Rc::clone(other)).collect();
            plugin.on_done(&others);
        }
    }
}

/// Tells the plugin; what the host asks about one that it has not created is declined.
fn plugin<T>(context: u32, otherwise: T, on: impl FnOnce(&Plugin) -> T) -> T {
    let plugin = CONTEXTS.with(|contexts| contexts.plugin(context));
    plugin.map_or(otherwise, |plugin| on(&plugin))
}

/// Tells the call, and has the plugin keep it if it now waits for the directory, the engine or its body. A call to a plugin that has no configuration, which
/// no host creates, is refused.
fn call(context: u32, on: impl FnOnce(&mut Call) -> Action) -> Action {
    let Some(call) = CONTEXTS.with(|contexts| contexts.call(context)) else {
        return host::refuse_unconfigured();
    };
    let mut borrowed = call.borrow_mut();
    let action = on(&mut borrowed);
    if let Some(awaited) = borrowed.begins_to_await() {
        let running = borrowed.running();
        running.hold(awaited, context, Rc::downgrade(&call));
    }
    if borrowed.begins_to_hold() {
        let running = borrowed.running();
        running.hold_for_body(context, Rc::downgrade(&call));
    }
    action
}

unsafe extern "C" {
    fn __wasm_call_ctors();
}

#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    // SAFETY: the host calls this once, before anything else.
    unsafe { __wasm_call_ctors() };
}

#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

/// Memory for what the host hands over; it is freed as the boxed slice that it is.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    Box::into_raw(Box::<[u8]>::new_uninit_slice(size)).cast()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(context: u32, parent: u32) {
    CONTEXTS.with(|contexts| contexts.create(context, parent));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(context: u32, _size: usize) -> bool {
    plugin(context, false, Plugin::on_configure)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(context: u32) {
    plugin(context, (), Plugin::on_tick);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(
    context: u32,
    callout: u32,
    headers: usize,
    _body: usize,
    _trailers: usize,
) {
    plugin(context, (), |plugin| plugin.on_reply(callout, headers > 0));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(context: u32, _: usize, end_of_stream: bool) -> Action {
    call(context, |call| {
        let action = call.on_head(end_of_stream);
        crash_on_demand("charged", host::request_header);
        action
    })
}

#[cfg(not(feature = "headers_only"))]
#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(context: u32, size: usize, end_of_stream: bool) -> Action {
    call(context, |call| call.on_body(size, end_of_stream))
}

#[cfg(not(feature = "headers_only"))]
#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(context: u32, _: usize) -> Action {
    call(context, Call::on_trailers)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(context: u32, _: usize, _end_of_stream: bool) -> Action {
    if let Some(call) = CONTEXTS.with(|contexts| contexts.call(context)) {
        call.borrow_mut().on_response_head();
        crash_on_demand("answered", host::response_header);
    }
    Action::Continue
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_log(context: u32) {
    if let Some(call) = CONTEXTS.with(|contexts| contexts.call(context)) {
        crash_on_demand("over", host::request_header);
        call.borrow_mut().on_log();
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_done(context: u32) -> bool {
    CONTEXTS.with(|contexts| contexts.done(context));
    true
}

/// A crash of the worker at this point of a call, if a header asks for it: for tests of what becomes of the other calls. No module that
/// is shipped can do that.
fn crash_on_demand(_point: &str, _header: fn(&str) -> Option<Vec<u8>>) {
    #[cfg(feature = "crash_on_demand")]
    if _header("x-crash-when").as_deref() == Some(_point.as_bytes()) {
        std::process::abort();
    }
}
