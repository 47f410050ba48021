//! Waiting: calls that are held until one of the filter's own calls is answered, and the engine, for which calls of several workers wait.

use std::{cell::RefCell, rc::Weak, time::Duration};

use jiff::Timestamp;

use super::{Running, TICK};
use crate::{
    outbound::{awaited::Awaited, engine::Learned},
    shell::{
        call::Call,
        host::{self, HostSharedData, Level},
    },
    show::metrics::Metric,
};

/// How often it looks whether another worker has been answered, while calls wait for that.
const SHORT_TICK: Duration = Duration::from_millis(2);

/// A call that waits, as the proxy knows it and, as long as it lasts, as it is.
pub(super) struct Held {
    context: u32,
    call: Weak<RefCell<Call>>,
}

impl Held {
    /// Whether the call has waited for the engine for as long as it may, or is over.
    fn has_waited(&self, now: Timestamp) -> bool {
        self.call
            .upgrade()
            .is_none_or(|call| call.borrow().has_waited(now))
    }
}

impl Running {
    /// Keeps a call until the directory has answered about `organization`.
    pub(crate) fn hold(&self, awaited: Awaited, context: u32, call: Weak<RefCell<Call>>) {
        if matches!(awaited, Awaited::Engine(_)) {
            self.add(Metric::EngineWaits, 1);
            self.tick_every(SHORT_TICK);
        }
        let mut held = self.held.borrow_mut();
        held.entry(awaited)
            .or_default()
            .push(Held { context, call });
    }

    pub(super) fn tick_every(&self, period: Duration) {
        if self.period.replace(period) != period {
            host::set_tick_period(period);
        }
    }

    /// Asks the engine, but not while an answer is being read: Envoy would send the question over the connection that the answer came
    /// over, which is about to be closed, and it would be lost (seen on 1.40 with `envoy.upstreams.http.tcp`).
    pub(super) fn ask_engine(&self) {
        let Some(engine) = self
            .policy
            .engine
            .as_ref()
            .filter(|engine| engine.has_due())
        else {
            return;
        };
        if self.reading.get() {
            return self.tick_every(SHORT_TICK);
        }
        let now = self.now();
        if let Some(callout) = engine.take_survey(&HostSharedData, host::random) {
            let called = host::call_out(&callout);
            let refused = called.is_err();
            engine.note_survey(called, now);
            if refused {
                self.release(&Awaited::Survey);
            }
        }
        for call in engine.take_due(now, &HostSharedData, host::random) {
            match host::call_out(&call.callout) {
                Ok(id) => engine.note(id, call),
                Err(refused) => self.hear(&engine.not_sent(&call, refused, now)),
            }
        }
    }

    /// Counts what came of a call to the engine, and lets operators know.
    pub(super) fn hear(&self, learned: &Learned) {
        let metric = learned
            .failure
            .map_or(Metric::EngineAnswers, Metric::EngineFailures);
        self.add(metric, 1);
        if let Some(line) = &learned.line {
            host::log(Level::Warn, line);
        }
    }

    /// Lets the calls go on that wait for the engine, where another worker has been answered or they have waited long enough.
    pub(super) fn release_answered(&self, now: Timestamp) {
        let Some(engine) = &self.policy.engine else {
            return;
        };
        let answered: Vec<_> = {
            let held = self.held.borrow();
            let awaited = held.iter().filter(|(awaited, calls)| match awaited {
                Awaited::Directory(_) | Awaited::Survey => false,
                Awaited::Engine(key) => {
                    calls.iter().any(|held| held.has_waited(now))
                        || !engine.is_awaited(key, now, &HostSharedData)
                }
            });
            awaited.map(|(awaited, _)| awaited.clone()).collect()
        };
        for awaited in answered {
            self.release(&awaited);
        }
        self.ask_engine();
        let waits = self
            .held
            .borrow()
            .keys()
            .any(|awaited| matches!(awaited, Awaited::Engine(_)));
        if !waits && !engine.has_due() {
            self.tick_every(TICK);
        }
    }

    /// Keeps a call for as long as the rest of its body may come.
    pub(crate) fn hold_for_body(&self, context: u32, call: Weak<RefCell<Call>>) {
        self.uploads.borrow_mut().push(Held { context, call });
    }

    /// Ends the calls whose bodies have not been complete in time, and forgets those that are held no longer.
    pub(super) fn end_late_uploads(&self, now: Timestamp) {
        let mut late = Vec::new();
        self.uploads.borrow_mut().retain(|held| {
            let Some(call) = held.call.upgrade() else {
                return false;
            };
            let until = call.borrow().body_until();
            let is_late =
                until.is_some_and(|until| until <= now) && call.borrow().awaits().is_none();
            if is_late {
                late.push((held.context, call));
                return false;
            }
            until.is_some()
        });
        for (context, call) in late {
            if host::enter_call(context) {
                call.borrow_mut().on_late_body();
            }
        }
    }

    /// Lets the calls go on that waited for this.
    pub(super) fn release(&self, awaited: &Awaited) {
        let held = self.held.borrow_mut().remove(awaited).unwrap_or_default();
        for Held { context, call } in held {
            let Some(shared) = call.upgrade() else {
                continue;
            };
            // It may be over, or have been decided without the answer.
            let waits = shared.borrow().awaits() == Some(awaited);
            if !waits || !host::enter_call(context) {
                continue;
            }
            shared.borrow_mut().resume();
            let still = shared.borrow_mut().begins_to_await();
            if let Some(awaited) = still {
                self.hold(awaited, context, call);
            } else if shared.borrow_mut().begins_to_hold() {
                self.hold_for_body(context, call);
            }
        }
    }
}
