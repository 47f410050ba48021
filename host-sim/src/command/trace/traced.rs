//! A host that writes down its trace step by step.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use host_sim::SimTarget;
use host_sim::scenario::ConfigText;
use host_sim::target::{
    Capability, Departure, Exchange, Holder, LogLine, Refusal, Request, Service, Session, Setup,
    Started, Target, TargetError, TraceEvent, UpstreamRequest,
};

/// What is written down.
pub(super) enum Line {
    /// A step of the scenario, under which stands what it set off.
    Step(String),
    Event(TraceEvent),
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(step) => f.write_str(step),
            Self::Event(event) => event.fmt(f),
        }
    }
}

/// Where the lines go.
pub(super) type Lines = Arc<Mutex<Vec<Line>>>;

/// The simulator, writing down what it does.
pub(super) struct Traced {
    target: SimTarget,
    lines: Lines,
    start: bool,
}

impl Traced {
    /// With `start`, the start of the VMs is written down as well.
    pub(super) fn new(target: SimTarget, lines: Lines, start: bool) -> Self {
        Self {
            target,
            lines,
            start,
        }
    }
}

struct TracedSession {
    session: Box<dyn Session>,
    lines: Lines,
}

impl TracedSession {
    /// Writes down what one action did, under a line of its own.
    fn note<T>(&mut self, action: &str, outcome: T) -> T {
        let trace = self.session.trace();
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(Line::Step(format!("-- {action}")));
        lines.extend(trace.into_iter().map(Line::Event));
        outcome
    }
}

impl Target for Traced {
    fn name(&self) -> &'static str {
        self.target.name()
    }

    fn supports(&self, capability: Capability) -> bool {
        self.target.supports(capability)
    }

    fn start(&self, setup: &Setup) -> Result<Started, TargetError> {
        let mut session = match self.target.start(setup)? {
            Started::Running(session) => session,
            Started::Rejected(mut refusal) => {
                let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
                lines.push(Line::Step("-- start".to_owned()));
                lines.extend(refusal.trace.drain(..).map(Line::Event));
                return Ok(Started::Rejected(refusal));
            }
        };
        let trace = session.trace();
        if self.start {
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push(Line::Step("-- start".to_owned()));
            lines.extend(trace.into_iter().map(Line::Event));
        }
        Ok(Started::Running(Box::new(TracedSession {
            session,
            lines: Arc::clone(&self.lines),
        })))
    }
}

fn named(request: &Request) -> String {
    format!("{} {}", request.method, request.path)
}

impl Session for TracedSession {
    fn exchange(&mut self, request: &Request) -> Result<Exchange, TargetError> {
        let outcome = self.session.exchange(request);
        self.note(&named(request), outcome)
    }

    fn parallel(
        &mut self,
        requests: &[Request],
        connections: usize,
    ) -> Result<Vec<Exchange>, TargetError> {
        let outcome = self.session.parallel(requests, connections);
        self.note(&format!("{} requests at once", requests.len()), outcome)
    }

    fn open(
        &mut self,
        call: &str,
        request: &Request,
        count: u32,
        held: Holder,
    ) -> Result<(), TargetError> {
        let outcome = self.session.open(call, request, count, held);
        self.note(&format!("open `{call}`: {}", named(request)), outcome)
    }

    fn finish(&mut self, call: &str) -> Result<Vec<Exchange>, TargetError> {
        let outcome = self.session.finish(call);
        self.note(&format!("finish `{call}`"), outcome)
    }

    fn disconnect(
        &mut self,
        call: &str,
        departure: Departure,
    ) -> Result<Vec<Exchange>, TargetError> {
        let outcome = self.session.disconnect(call, departure);
        self.note(&format!("disconnect `{call}`"), outcome)
    }

    fn advance(&mut self, by: Duration) -> Result<(), TargetError> {
        let outcome = self.session.advance(by);
        self.note(&format!("advance {by:?}"), outcome)
    }

    fn configure(&mut self, config: &ConfigText) -> Result<Result<(), Refusal>, TargetError> {
        let outcome = self.session.configure(config);
        self.note("configure", outcome)
    }

    fn metric(&mut self, name: &str) -> Result<Option<u64>, TargetError> {
        self.session.metric(name)
    }

    fn inject_cas_conflicts(&mut self, count: u32) -> Result<(), TargetError> {
        self.session.inject_cas_conflicts(count)
    }

    fn serve(&mut self, service: &Service) -> Result<(), TargetError> {
        self.session.serve(service)
    }

    fn callouts(
        &mut self,
        cluster: &str,
        expected: usize,
    ) -> Result<Vec<UpstreamRequest>, TargetError> {
        self.session.callouts(cluster, expected)
    }

    fn log(&mut self) -> Result<Vec<LogLine>, TargetError> {
        self.session.log()
    }

    /// Everything has been written down already.
    fn trace(&mut self) -> Vec<TraceEvent> {
        Vec::new()
    }
}
