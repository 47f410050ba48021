//! The filter: one call as the SDK's [`HttpContext`], and what the SDK cannot say to the proxy.
//!
//! The SDK exports every callback that there is, and the host enters the VM for every export that it finds, so that an empty callback
//! costs something with each call, or each piece of a body. The linker keeps those that do something (`plugin/link`). Calls end with
//! `proxy_on_delete`, in which the SDK drops their contexts: Envoy calls it for every call that it has created, however it ends (Envoy,
//! `source/extensions/common/wasm/context.cc`), and neither `proxy_on_log` nor `proxy_on_done` has to be entered for that.
//!
//! For policies that price no call by the records in its body there is a module without the callbacks of the body (the feature
//! `headers_only`), and for those that settle calls by the rest of their responses one with two callbacks more (`responses`): an export
//! cannot be switched off for some calls.

#![allow(
    unsafe_code,
    reason = "the host finds callbacks by their unmangled names"
)]

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use proxy_wasm::{
    traits::{Context, HttpContext},
    types,
};

use crate::shell::{
    call::{Action, Call},
    host,
};

/// A call. It is shared with the plugin while it waits for the directory or the engine, whose answers come to the plugin.
pub(super) struct Filter {
    context: u32,
    /// `None` for a call to a plugin that has no configuration, which no host creates. (A context type of its own for it would bring a second
    /// copy of all methods of the SDK's traits.)
    call: Option<Rc<RefCell<Call>>>,
    crash: CrashOnDemand,
}

thread_local! {
    /// What the callback that was called last returns, which the SDK can say only in part.
    static RETURNED: Cell<Action> = const { Cell::new(Action::Continue) };
}

/// Returns `action` to the proxy.
fn returned(action: Action) -> types::Action {
    RETURNED.set(action);
    match action {
        Action::Continue => types::Action::Continue,
        Action::Pause | Action::PauseSender => types::Action::Pause,
    }
}

impl Filter {
    pub(super) fn new(context: u32, call: Option<Call>) -> Self {
        let call = call.map(|call| Rc::new(RefCell::new(call)));
        let crash = CrashOnDemand::default();
        Self {
            context,
            call,
            crash,
        }
    }

    /// Tells the call, and has the plugin keep it if it now waits for the directory, the engine or its body.
    fn tell(&self, on: impl FnOnce(&mut Call) -> Action) -> types::Action {
        let Some(shared) = &self.call else {
            return refuse_unconfigured();
        };
        let mut call = shared.borrow_mut();
        let action = on(&mut call);
        if let Some(awaited) = call.begins_to_await() {
            let running = call.running();
            running.hold(awaited, self.context, Rc::downgrade(shared));
        }
        if call.begins_to_hold() {
            let running = call.running();
            running.hold_for_body(self.context, Rc::downgrade(shared));
        }
        returned(action)
    }

    /// Tells the call of its response, or of its end.
    fn note(&self, on: impl FnOnce(&mut Call)) {
        if let Some(call) = &self.call {
            on(&mut call.borrow_mut());
        }
    }
}

impl Context for Filter {}

impl HttpContext for Filter {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> types::Action {
        self.crash.read();
        let action = self.tell(|call| call.on_head(end_of_stream));
        self.crash.at("charged");
        action
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> types::Action {
        self.tell(|call| call.on_body(size, end_of_stream))
    }

    fn on_http_request_trailers(&mut self, _: usize) -> types::Action {
        self.tell(Call::on_trailers)
    }

    fn on_http_response_headers(&mut self, _: usize, end_of_stream: bool) -> types::Action {
        self.note(|call| call.on_response_head(end_of_stream));
        self.crash.at_answer();
        types::Action::Continue
    }

    #[cfg(feature = "responses")]
    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> types::Action {
        self.note(|call| call.on_response_body(size, end_of_stream));
        types::Action::Continue
    }

    #[cfg(feature = "responses")]
    fn on_http_response_trailers(&mut self, _: usize) -> types::Action {
        self.note(Call::on_response_trailers);
        types::Action::Continue
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        self.crash.at("over");
        self.note(Call::end);
    }
}

#[cold]
#[inline(never)]
fn refuse_unconfigured() -> types::Action {
    if let Err(refused) = host::send_local_response(503, "unconfigured", &[], &[], 14) {
        let line = format!("an unconfigured plugin cannot answer: {refused}");
        host::log(host::Level::Error, &line);
    }
    returned(Action::Pause)
}

unsafe extern "C" {
    fn proxy_on_request_headers(context: u32, headers: usize, end_of_stream: bool)
    -> types::Action;
    #[cfg(not(feature = "headers_only"))]
    fn proxy_on_request_body(context: u32, size: usize, end_of_stream: bool) -> types::Action;
}

/// `proxy_on_request_headers` to the host. The SDK knows two of Envoy's numbers for what to do.
#[unsafe(no_mangle)]
extern "C" fn api_credits_on_request_headers(context: u32, headers: usize, end: bool) -> Action {
    // SAFETY: the SDK's own callback.
    unsafe { proxy_on_request_headers(context, headers, end) };
    RETURNED.get()
}

/// `proxy_on_request_body` to the host, for the same reason.
#[cfg(not(feature = "headers_only"))]
#[unsafe(no_mangle)]
extern "C" fn api_credits_on_request_body(context: u32, size: usize, end: bool) -> Action {
    // SAFETY: the SDK's own callback.
    unsafe { proxy_on_request_body(context, size, end) };
    RETURNED.get()
}

/// Tells the linker (`plugin/link`) that this module is to be shown the rest of responses. Nobody calls it.
#[cfg(feature = "responses")]
#[unsafe(no_mangle)]
extern "C" fn api_credits_reads_responses() {}

/// A crash of the worker at some point of a call, if a header asks for it: for tests of how the other calls end. No module that is
/// shipped can do that.
#[derive(Default)]
struct CrashOnDemand {
    #[cfg(feature = "crash_on_demand")]
    when: Option<Vec<u8>>,
}

impl CrashOnDemand {
    fn read(&mut self) {
        #[cfg(feature = "crash_on_demand")]
        {
            self.when = host::request_header("x-crash-when");
        }
    }

    /// The same, if a header of the answer asks for it.
    fn at_answer(&self) {
        #[cfg(feature = "crash_on_demand")]
        if host::response_header("x-crash-when").as_deref() == Some(b"answered") {
            std::process::abort();
        }
    }

    fn at(&self, _point: &str) {
        #[cfg(feature = "crash_on_demand")]
        if self.when.as_deref() == Some(_point.as_bytes()) {
            std::process::abort();
        }
    }
}
