//! The body of a call: when it is waited for, and when it is read.

#![cfg_attr(
    feature = "headers_only",
    allow(dead_code, reason = "the module that reads no bodies is shown none")
)]

use std::rc::Rc;

use super::{Action, Call};
use crate::{
    awaited::Awaited,
    host::{self, HostSharedData},
};

/// The most of a body that is held while the directory is asked, in bytes: half of what Envoy holds unless told otherwise
/// (`per_connection_buffer_limit_bytes`), beyond which it answers 413 by itself.
const AWAIT_WITH: usize = 524_288;

impl Call {
    /// More of the body is there, `size` bytes of it in all.
    pub(crate) fn on_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if self.awaits.is_some() {
            self.body_seen = true;
            self.body_complete = end_of_stream;
            return self.await_with(size);
        }
        if !self.meter.is_holding() {
            return Action::Continue;
        }
        self.body_seen = true;
        if end_of_stream {
            let action = self.on_complete_body();
            return self.asked(action);
        }
        let verdict = self
            .meter
            .on_request_body_growing(size, self.running.now(), &HostSharedData);
        let action = self.carry_out(verdict);
        self.asked(action)
    }

    /// The trailers are there, and with them the whole body.
    pub(crate) fn on_trailers(&mut self) -> Action {
        if self.awaits.is_some() {
            self.body_complete = true;
            Action::Pause
        } else if self.meter.is_holding() {
            let action = self.on_complete_body();
            self.asked(action)
        } else {
            Action::Continue
        }
    }

    /// Waits on, unless the body has become so large that the proxy might refuse to hold more of it.
    fn await_with(&mut self, size: usize) -> Action {
        let policy = Rc::clone(&self.running.policy);
        if size <= AWAIT_WITH {
            return Action::Pause;
        }
        let now = self.running.now();
        match &self.awaits {
            Some(Awaited::Directory(organization)) => {
                if let Some(directory) = &policy.directory {
                    directory.give_up(organization, &policy.subscriptions, now);
                }
            }
            Some(Awaited::Engine(_)) => self.meter.waits_no_longer(now),
            None => {}
        }
        self.decide_late()
    }

    pub(super) fn on_complete_body(&mut self) -> Action {
        self.body_complete = true;
        let max = self.running.policy.costs.body().max_bytes;
        // One byte more than is allowed shows that a body is too large.
        let body = host::request_body(max.saturating_add(1));
        let verdict = self
            .meter
            .on_request_body(&body, self.running.now(), &HostSharedData);
        self.carry_out(verdict)
    }
}
