//! What happens in a scenario that is made up: a step, and nothing that is expected of it.

use std::time::Duration;

use super::words::Words;
use crate::model::{Departure, Request, Service};
use crate::scenario::{Scenario, Step};

/// One thing that happens.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Call(Box<Request>),
    /// At the same time.
    Calls(Vec<Request>),
    /// A call under a number, whose answer the upstream holds.
    Open(u32, Box<Request>),
    /// The upstream goes on with it. One that is not open is passed over.
    Finish(u32),
    /// Its client leaves.
    Leave(u32, Departure),
    Advance(Duration),
    Service(Service),
    Configure(String),
    CasConflicts(u32),
}

impl Act {
    /// The request of it, if it is one.
    pub(super) fn request(&self) -> Option<&Request> {
        match self {
            Self::Call(request) | Self::Open(_, request) => Some(request),
            _ => None,
        }
    }
}

/// How much time passes in these steps.
pub(super) fn passing(acts: &[Act]) -> Duration {
    let time = |act: &Act| match act {
        Act::Advance(by) => *by,
        _ => Duration::ZERO,
    };
    acts.iter()
        .map(time)
        .fold(Duration::ZERO, Duration::saturating_add)
}

/// The steps of a scenario, as far as such are made up.
pub(super) fn of_steps(scenario: &Scenario, words: &mut Words) -> Vec<Act> {
    let mut acts = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    for step in scenario.steps() {
        for request in step.requests() {
            words.add_request(request);
        }
        let number = |names: &[&str], call: &str| {
            let place = names.iter().position(|name| *name == call);
            u32::try_from(place.unwrap_or(0)).unwrap_or(0)
        };
        match step {
            Step::Exchange { requests, .. } => {
                // What is repeated a thousand times is found by repeating it a few times.
                for _ in 0..requests.repeat.min(4) {
                    acts.push(Act::Call(Box::new(requests.request.clone())));
                }
            }
            Step::Parallel(parallel) => {
                let requests = parallel.requests.iter().take(4).cloned();
                acts.push(Act::Calls(requests.collect()));
            }
            Step::Open(open) => {
                if !names.contains(&open.call.as_str()) {
                    names.push(&open.call);
                }
                let number = number(&names, &open.call);
                acts.push(Act::Open(number, Box::new(open.request.clone())));
            }
            Step::Finish { call, .. } => acts.push(Act::Finish(number(&names, call))),
            Step::Disconnect(left) => {
                acts.push(Act::Leave(number(&names, &left.call), left.departure));
            }
            Step::Advance(by) => acts.push(Act::Advance(*by)),
            Step::Service(service) => acts.push(Act::Service(service.clone())),
            Step::Configure { config, .. } => {
                let text = config.resolve(scenario.directory()).ok();
                let text =
                    text.map(|text| text.at(crate::scenario::sim_target::start_of(scenario.clock)));
                acts.extend(
                    text.and_then(|text| String::from_utf8(text).ok())
                        .map(Act::Configure),
                );
            }
            Step::CasConflicts(count) => acts.push(Act::CasConflicts(*count)),
            Step::Callouts(_) | Step::Metrics(_) | Step::Log(_) => {}
        }
    }
    acts
}
