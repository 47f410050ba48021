//! The simulator as a host whose workers run on threads of their own, so that somebody can choose the order in which they take their steps.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::chooser::Course;
use super::scheduled_call::ScheduledCall;
use super::scheduler::{Scheduler, SchedulerError, Scope};
use crate::host::trace::{TraceEvent, TraceKind};
use crate::model::{Departure, Exchange, LogLine, Request, Service, UpstreamRequest};
use crate::proxy::simulator::Simulator;
use crate::scenario::ConfigText;
use crate::scenario::sim_target::{NAME, SimTarget, failed, refused, started_at};
use crate::scenario::target::{
    Capability, Holder, Refusal, Session, Setup, Started, Target, TargetError,
};

/// The target.
#[derive(Clone, Debug)]
pub(crate) struct ExploringTarget {
    pub(crate) sim: SimTarget,
    pub(crate) scope: Scope,
    pub(crate) course: Arc<Mutex<Course>>,
    /// Whether anybody reads the trace.
    pub(crate) traced: bool,
    /// What the workers did to what they share in the last step that was explored.
    pub(crate) steps: Arc<Mutex<Vec<String>>>,
}

struct ExploringSession {
    scheduler: Scheduler,
    open: BTreeMap<String, Vec<usize>>,
    started_at: Timestamp,
    steps: Arc<Mutex<Vec<String>>>,
}

/// Whether an event of the trace tells how workers got in each other's way: an event that one takes up, or what it does to what they share.
fn is_step(event: &TraceEvent) -> bool {
    let (function, kinds) = match &event.kind {
        TraceKind::Callback { function, .. } => (function, EVENTS),
        TraceKind::Hostcall { function, .. } => (function, SHARED),
        _ => return false,
    };
    kinds.iter().any(|kind| function.ends_with(kind))
}

/// How callbacks end by which a worker takes up an event.
const EVENTS: &[&str] = &[
    "_request_headers",
    "_response_headers",
    "_tick",
    "_queue_ready",
    "_log",
    "_http_call_response",
];

/// How hostcalls end that touch what workers share.
const SHARED: &[&str] = &[
    "_shared_data",
    "_shared_queue",
    "_record_metric",
    "_get_metric",
];

fn failed_exchange(source: impl Into<SchedulerError>) -> TargetError {
    failed("serving a request", source.into())
}

impl Target for ExploringTarget {
    fn name(&self) -> &'static str {
        NAME
    }

    fn supports(&self, capability: Capability) -> bool {
        match capability {
            Capability::Interleaving => true,
            // Nobody has looked at orders of gRPC events and names yet.
            Capability::GrpcServices | Capability::Names => false,
            other => self.sim.supports(other),
        }
    }

    fn start(&self, setup: &Setup) -> Result<Started, TargetError> {
        let started_at = started_at(setup);
        let builder = match (self.sim.builder(setup)?, self.traced) {
            (builder, true) => builder,
            (builder, false) => builder.untraced(),
        };
        let course = Arc::clone(&self.course);
        let scheduler = Scheduler::start(&builder, setup.workers, self.scope, course);
        match scheduler.map_err(|error| failed("starting the workers", error))? {
            Ok(scheduler) => Ok(Started::Running(Box::new(ExploringSession {
                scheduler,
                open: BTreeMap::new(),
                started_at,
                steps: Arc::clone(&self.steps),
            }))),
            Err(error) => refused("starting the plugin", error).map(Started::Rejected),
        }
    }
}

impl ExploringSession {
    /// What was seen of these calls, the first of which is at this place. They are the last ones.
    fn landed(&mut self, first: usize) -> Vec<Exchange> {
        let landed = self.scheduler.calls.split_off(first);
        let exchanges = landed
            .into_iter()
            .filter_map(super::scheduled_call::ScheduledCall::into_exchange);
        exchanges.collect()
    }

    fn take_open(&mut self, call: &str) -> Result<Vec<usize>, TargetError> {
        self.open.remove(call).ok_or_else(|| TargetError::NotOpen {
            call: call.to_owned(),
        })
    }

    /// What was seen of those calls that have ended.
    fn exchanges(&self, places: &[usize]) -> Vec<Exchange> {
        let calls = places
            .iter()
            .filter_map(|place| self.scheduler.calls.get(*place));
        calls.filter_map(ScheduledCall::exchange).collect()
    }
}

impl Session for ExploringSession {
    fn exchange(&mut self, request: &Request) -> Result<Exchange, TargetError> {
        let index = self.scheduler.take(request);
        self.scheduler.settle().map_err(failed_exchange)?;
        Ok(self.landed(index).pop().unwrap_or_default())
    }

    fn parallel(
        &mut self,
        requests: &[Request],
        _connections: usize,
    ) -> Result<Vec<Exchange>, TargetError> {
        let first = self.scheduler.calls.len();
        for request in requests {
            self.scheduler.take(request);
        }
        let explored = self.scheduler.explore();
        let trace = self.scheduler.process.trace.borrow();
        let steps = trace.iter().filter(|event| is_step(event));
        *self.steps.lock().unwrap_or_else(PoisonError::into_inner) =
            steps.map(ToString::to_string).collect();
        drop(trace);
        explored.map_err(failed_exchange)?;
        Ok(self.landed(first))
    }

    fn upstream_at_once(&self) -> Option<usize> {
        Some(self.scheduler.at_once)
    }

    fn open(
        &mut self,
        call: &str,
        request: &Request,
        count: u32,
        held: Holder,
    ) -> Result<(), TargetError> {
        for _ in 0..count {
            let index = self.scheduler.take(request);
            if let Some(scheduled) = self.scheduler.calls.get_mut(index) {
                scheduled.held = true;
            }
            self.open.entry(call.to_owned()).or_default().push(index);
        }
        self.scheduler.settle().map_err(failed_exchange)?;
        let places = self.open.get(call).map(Vec::as_slice).unwrap_or_default();
        let mut calls = places
            .iter()
            .filter_map(|place| self.scheduler.calls.get(*place));
        match calls.all(|scheduled| scheduled.is_held_by(held)) {
            true => Ok(()),
            false => Err(TargetError::NotHeld {
                call: call.to_owned(),
            }),
        }
    }

    fn finish(&mut self, call: &str) -> Result<Vec<Exchange>, TargetError> {
        let places = self.take_open(call)?;
        for place in &places {
            if let Some(scheduled) = self.scheduler.calls.get_mut(*place) {
                scheduled.held = false;
            }
        }
        self.scheduler.settle().map_err(failed_exchange)?;
        Ok(self.exchanges(&places))
    }

    fn disconnect(
        &mut self,
        call: &str,
        departure: Departure,
    ) -> Result<Vec<Exchange>, TargetError> {
        let places = self.take_open(call)?;
        for place in &places {
            let left = self.scheduler.leave(*place, departure);
            left.map_err(failed_exchange)?;
        }
        self.scheduler.settle().map_err(failed_exchange)?;
        Ok(self.exchanges(&places))
    }

    fn serve(&mut self, service: &Service) -> Result<(), TargetError> {
        let service = service.clone();
        let served = self
            .scheduler
            .each(move |simulator| simulator.serve(&service));
        served.map(drop).map_err(failed_exchange)
    }

    fn callouts(
        &mut self,
        cluster: &str,
        _expected: usize,
    ) -> Result<Vec<UpstreamRequest>, TargetError> {
        let cluster = cluster.to_owned();
        let seen = self
            .scheduler
            .each(move |simulator| simulator.take_callouts(&cluster))
            .map_err(failed_exchange)?;
        Ok(seen.into_iter().flatten().collect())
    }

    fn advance(&mut self, by: Duration) -> Result<(), TargetError> {
        self.scheduler
            .advance(by)
            .map_err(|error| failed("advancing the clock", error))
    }

    fn metric(&mut self, name: &str) -> Result<Option<u64>, TargetError> {
        self.scheduler
            .fire_timers()
            .map_err(|error| failed("firing timers", error))?;
        Ok(self.scheduler.process.metrics.borrow().value(name))
    }

    fn configure(&mut self, config: &ConfigText) -> Result<Result<(), Refusal>, TargetError> {
        let configuration = config.at(self.started_at);
        let outcomes = self
            .scheduler
            .each(move |simulator: &mut Simulator| simulator.configure(&configuration))
            .map_err(failed_exchange)?;
        for outcome in outcomes {
            if let Err(error) = outcome {
                return refused("configuring the plugin", error).map(Err);
            }
        }
        Ok(Ok(()))
    }

    fn inject_cas_conflicts(&mut self, count: u32) -> Result<(), TargetError> {
        self.scheduler
            .process
            .data
            .borrow_mut()
            .inject_conflicts(count);
        Ok(())
    }

    fn log(&mut self) -> Result<Vec<LogLine>, TargetError> {
        Ok(self.scheduler.process.log.borrow().clone())
    }

    fn trace(&mut self) -> Vec<TraceEvent> {
        self.scheduler.process.trace.take()
    }
}
