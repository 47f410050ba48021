//! One step of a scenario: exactly one action, and what must be seen of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;

use super::config_source::ConfigSource;
use super::disconnect::Disconnect;
use super::expect::{Expect, ExpectParallel};
use super::log::ExpectLog;
use super::request::{MOST, Requests};
use super::service::{ExpectCallouts, ServiceTable};
use crate::model::pattern::Pattern;
use crate::model::{Request, Service, UpstreamBehaviour};
use crate::scenario::target::{Capability, Holder};

/// One step.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawStep")]
pub enum Step {
    /// Send a request, possibly several times, and look at each answer.
    Exchange {
        /// What is sent, and how often.
        requests: Requests,
        /// What must be seen of each exchange.
        expect: Box<Expect>,
    },
    /// Send many requests at once and look at all answers together.
    Parallel(Parallel),
    /// Send requests that the upstream, or the plugin, holds.
    Open(Open),
    /// Let the upstream answer open calls, and look at each answer.
    Finish {
        /// Which calls.
        call: String,
        /// What must be seen of each of them.
        expect: Box<Expect>,
    },
    /// The clients of open calls leave.
    Disconnect(Disconnect),
    /// From now on a service behaves so.
    Service(Service),
    /// What a service must have seen.
    Callouts(ExpectCallouts),
    /// Let time pass.
    Advance(Duration),
    /// Look at metrics; one that does not exist counts as 0.
    Metrics(BTreeMap<String, Pattern>),
    /// Give the plugin a new configuration.
    Configure {
        /// The new configuration.
        config: ConfigSource,
        /// When set, it must be refused with this error line, and the old one stays in force.
        rejected: Option<Pattern>,
    },
    /// A line that must have been logged by now, or must not.
    Log(ExpectLog),
    /// Make this many conditional writes to shared data meet a conflict.
    CasConflicts(u32),
}

/// Many requests at once.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawParallel")]
pub struct Parallel {
    /// The requests to send, as many as were asked for.
    pub requests: Vec<Request>,
    /// Over how many connections.
    pub connections: usize,
    /// What must be seen.
    pub expect: ExpectParallel,
}

/// Calls that somebody holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawOpen")]
pub struct Open {
    /// How later steps call them.
    pub call: String,
    /// What is sent.
    pub request: Request,
    /// How many times, all at once.
    pub count: u32,
    /// Who holds them.
    pub held: Holder,
}

impl Step {
    /// The requests that this step sends.
    #[must_use]
    pub fn requests(&self) -> &[Request] {
        match self {
            Self::Exchange { requests, .. } => std::slice::from_ref(&requests.request),
            Self::Parallel(parallel) => &parallel.requests,
            Self::Open(open) => std::slice::from_ref(&open.request),
            _ => &[],
        }
    }

    /// What a host must be able to do for this step beyond what every host can.
    #[must_use]
    pub fn needs(&self) -> BTreeSet<Capability> {
        let usual = UpstreamBehaviour::default();
        let mut needs = BTreeSet::new();
        for request in self.requests() {
            needs.extend(request.worker.map(|_| Capability::PinWorker));
            needs.extend((request.upstream != usual).then_some(Capability::UpstreamBehaviour));
            needs.extend(request.unfinished.then_some(Capability::UnfinishedRequests));
            needs.extend(request.may_leave.then_some(Capability::Interleaving));
        }
        needs.extend(match self {
            Self::Configure { .. } => Some(Capability::Reconfigure),
            Self::CasConflicts(_) => Some(Capability::InjectCasConflict),
            Self::Open(_) | Self::Finish { .. } | Self::Disconnect(_) => Some(Capability::Overlap),
            Self::Service(_) | Self::Callouts(_) => Some(Capability::Callouts),
            Self::Parallel(parallel) => parallel
                .expect
                .upstream_at_once
                .as_ref()
                .map(|_| Capability::Interleaving),
            Self::Exchange { .. } | Self::Advance(_) | Self::Metrics(_) | Self::Log(_) => None,
        });
        needs
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    request: Option<Requests>,
    expect: Option<Box<Expect>>,
    parallel: Option<Parallel>,
    open: Option<Open>,
    finish: Option<RawFinish>,
    disconnect: Option<Disconnect>,
    service: Option<ServiceTable>,
    callouts: Option<ExpectCallouts>,
    advance: Option<SignedDuration>,
    metrics: Option<BTreeMap<String, Pattern>>,
    configure: Option<RawConfigure>,
    log: Option<ExpectLog>,
    cas_conflicts: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFinish {
    call: String,
    #[serde(default)]
    expect: Box<Expect>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOpen {
    call: String,
    request: Requests,
    count: Option<u32>,
    #[serde(default)]
    held: Holder,
}

impl TryFrom<RawOpen> for Open {
    type Error = String;

    fn try_from(raw: RawOpen) -> Result<Self, Self::Error> {
        if raw.request.repeat != 1 {
            return Err(format!(
                "`repeat = {}` in an open call, expected `count` alone",
                raw.request.repeat
            ));
        }
        refuse_within(&raw.request, "an open call")?;
        let count = raw.count.unwrap_or(1);
        if count == 0 {
            return Err("`count = 0` opens nothing, expected at least 1".to_owned());
        }
        if count > MOST {
            return Err(format!("`count = {count}`, expected at most {MOST}"));
        }
        Ok(Self {
            call: raw.call,
            request: raw.request.request,
            count,
            held: raw.held,
        })
    }
}

/// Only a request by itself can be sent again.
fn refuse_within(requests: &Requests, what: &str) -> Result<(), String> {
    if requests.within.is_zero() {
        return Ok(());
    }
    Err(format!(
        "`within` in {what}, expected only in a `request` step"
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfigure {
    config: Option<toml::Value>,
    config_text: Option<String>,
    config_file: Option<String>,
    config_patch: Option<toml::Value>,
    rejected: Option<Pattern>,
}

impl TryFrom<RawStep> for Step {
    type Error = String;

    fn try_from(raw: RawStep) -> Result<Self, Self::Error> {
        if raw.expect.is_some() && raw.request.is_none() {
            return Err("`expect` without `request`: what is expected of an exchange".to_owned());
        }
        let mut steps = Vec::new();
        if let Some(requests) = raw.request {
            steps.push(Self::Exchange {
                requests,
                expect: raw.expect.unwrap_or_default(),
            });
        }
        if let Some(parallel) = raw.parallel {
            steps.push(Self::Parallel(parallel));
        }
        steps.extend(raw.open.map(Self::Open));
        steps.extend(
            raw.finish
                .map(|RawFinish { call, expect }| Self::Finish { call, expect }),
        );
        steps.extend(raw.service.map(|table| Self::Service(table.0)));
        steps.extend(raw.callouts.map(Self::Callouts));
        steps.extend(raw.disconnect.map(Self::Disconnect));
        if let Some(advance) = raw.advance {
            let back = |_| {
                format!(
                    "`advance` goes back by {:#}, and time cannot",
                    advance.abs()
                )
            };
            let by = Duration::try_from(advance).map_err(back)?;
            steps.push(Self::Advance(by));
        }
        if let Some(metrics) = raw.metrics {
            steps.push(Self::Metrics(metrics));
        }
        if let Some(raw) = raw.configure {
            let config = ConfigSource::new(
                raw.config,
                raw.config_text,
                raw.config_file,
                raw.config_patch,
            )?;
            let config = config
                .ok_or("expected exactly one of `config`, `config_text` and `config_file`")?;
            steps.push(Self::Configure {
                config,
                rejected: raw.rejected,
            });
        }
        if let Some(log) = raw.log {
            steps.push(Self::Log(log));
        }
        if let Some(count) = raw.cas_conflicts {
            steps.push(Self::CasConflicts(count));
        }
        let actions = steps.len();
        match (steps.pop(), actions) {
            (Some(step), 1) => Ok(step),
            _ => Err(format!(
                "{actions} actions, expected exactly one of `request`, `parallel`, `open`, `finish`, `disconnect`, `service`, `callouts`, \
                 `advance`, `metrics`, `configure`, `log` and `cas_conflicts`"
            )),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawParallel {
    count: Option<usize>,
    connections: Option<usize>,
    request: Option<Requests>,
    requests: Option<Vec<Requests>>,
    #[serde(default)]
    expect: ExpectParallel,
}

impl TryFrom<RawParallel> for Parallel {
    type Error = String;

    /// `requests` are dealt out in turn until there are `count`, each once if that is not said.
    fn try_from(raw: RawParallel) -> Result<Self, Self::Error> {
        let (dealt, all) = match (raw.request, raw.requests) {
            (Some(request), None) => (vec![request], None),
            (None, Some(requests)) if !requests.is_empty() => {
                let all = requests.len();
                (requests, Some(all))
            }
            _ => return Err("expected either `request` or a non-empty array `requests`".to_owned()),
        };
        let Some(count) = raw.count.or(all) else {
            return Err("missing `count`: how many times the `request` is sent".to_owned());
        };
        let connections = raw.connections.unwrap_or(count);
        if count == 0 || connections == 0 {
            return Err(format!(
                "`count = {count}` over `connections = {connections}`, expected at least 1 of each"
            ));
        }
        if u32::try_from(count).map_or(true, |count| count > MOST) {
            return Err(format!("`count = {count}`, expected at most {MOST}"));
        }
        if let Some(repeated) = dealt.iter().find(|requests| requests.repeat != 1) {
            return Err(format!(
                "`repeat = {}` in a parallel request, expected `count` alone",
                repeated.repeat
            ));
        }
        for requests in &dealt {
            refuse_within(requests, "a parallel request")?;
        }
        let requests = dealt
            .into_iter()
            .map(|requests| requests.request)
            .cycle()
            .take(count)
            .collect();
        for status in raw.expect.statuses.keys() {
            if status.parse::<u16>().is_err() {
                return Err(format!(
                    "`{status}` in `expect.statuses` is not a status code"
                ));
            }
        }
        Ok(Self {
            requests,
            connections,
            expect: raw.expect,
        })
    }
}
