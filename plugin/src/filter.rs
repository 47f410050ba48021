//! The filter: the callbacks of one call, handed on to the [`Call`].
//!
//! The call is shared with the plugin while it waits for the directory, whose answers come to the plugin.

use std::{cell::RefCell, rc::Rc};

use proxy_wasm::{
    traits::{Context, HttpContext},
    types::Action,
};

use crate::{call::Call, host, plugin::Running};

/// What the proxy calls for one call.
pub(crate) struct Filter {
    running: Rc<Running>,
    context: u32,
    call: Rc<RefCell<Call>>,
}

impl Filter {
    /// The filter of a new call, which the proxy knows by `context`.
    pub(crate) fn new(running: &Rc<Running>, context: u32) -> Self {
        Self {
            running: Rc::clone(running),
            context,
            call: Rc::new(RefCell::new(Call::new(Rc::clone(running)))),
        }
    }

    /// Has the plugin keep the call, if it now waits for the directory.
    fn hold(&self) {
        let awaited = self.call.borrow_mut().begins_to_await();
        if let Some(organization) = awaited {
            let call = Rc::downgrade(&self.call);
            self.running.hold(organization, self.context, call);
        }
    }
}

impl Context for Filter {}

impl HttpContext for Filter {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        let action = self.call.borrow_mut().on_head(end_of_stream);
        crash_on_demand("charged", host::request_header);
        self.hold();
        action
    }

    fn on_http_request_body(&mut self, body_size: usize, end_of_stream: bool) -> Action {
        let action = self.call.borrow_mut().on_body(body_size, end_of_stream);
        self.hold();
        action
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        let action = self.call.borrow_mut().on_trailers();
        self.hold();
        action
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        self.call.borrow_mut().on_response_head();
        crash_on_demand("answered", host::response_header);
        Action::Continue
    }

    fn on_log(&mut self) {
        crash_on_demand("over", host::request_header);
        self.call.borrow_mut().on_log();
    }
}

/// A call ends with whichever of `on_log` and `on_delete` (which drops the filter) comes first, once.
impl Drop for Filter {
    fn drop(&mut self) {
        self.call.borrow_mut().end();
    }
}

/// A crash of the worker at this point of a call, if a header asks for it: for tests of what becomes of the other calls. No module that
/// is shipped can do that.
fn crash_on_demand(_point: &str, _header: fn(&str) -> Option<Vec<u8>>) {
    #[cfg(feature = "crash_on_demand")]
    if _header("x-crash-when").as_deref() == Some(_point.as_bytes()) {
        std::process::abort();
    }
}
