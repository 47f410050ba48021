//! The body of a call: when it is waited for, and when it is read.

#![cfg_attr(
    feature = "headers_only",
    allow(dead_code, reason = "the module that reads no bodies is shown none")
)]

use super::{Action, Call};
use crate::shell::host::{self, HostSharedData};

impl Call {
    /// More of the body is there, `size` bytes of it in all.
    pub(crate) fn on_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if self.body_sealed {
            return Action::PauseSender;
        }
        if self.awaits.is_some() {
            self.body_seen = Some(size);
            self.body_complete = end_of_stream;
            return if self.meter.needs_body(size) {
                Action::Pause
            } else {
                Action::PauseSender
            };
        }
        if !self.meter.is_holding() || self.head_gone && self.step_aside() {
            return Action::Continue;
        }
        self.body_seen = Some(size);
        let action = if end_of_stream {
            self.on_complete_body()
        } else {
            self.on_growing_body()
        };
        self.asked(action)
    }

    /// The trailers are there, and with them the whole body.
    pub(crate) fn on_trailers(&mut self) -> Action {
        if self.body_sealed {
            return Action::Pause;
        }
        if self.awaits.is_some() {
            self.body_complete = true;
            Action::Pause
        } else if self.meter.is_holding() && !(self.head_gone && self.step_aside()) {
            let action = self.on_complete_body();
            self.asked(action)
        } else {
            Action::Continue
        }
    }

    pub(super) fn on_growing_body(&mut self) -> Action {
        let (size, now) = (self.body_seen.unwrap_or_default(), self.running.now());
        let verdict = self
            .meter
            .on_request_body_growing(size, now, &HostSharedData);
        self.carry_out(verdict)
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
