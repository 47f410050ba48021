//! Scenarios as they are written, before it is known whether they make sense.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Deserialize;

use super::config_source::ConfigSource;
use super::disconnect::Disconnect;
use super::filter::FilterSource;
use super::grpc_service::GrpcServiceTable;
use super::invariant::Invariant;
use super::json::Json;
use super::request::UpstreamTable;
use super::service::ServiceTable;
use super::step::{Open, Step};
use super::{Course, Scenario};
use crate::model::dns::Name;
use crate::model::pattern::Pattern;
use crate::model::{ConnectionManager, PluginSettings, RouteSettings, Timeouts};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawScenario {
    about: String,
    workers: Option<u32>,
    #[serde(default)]
    filter: Vec<FilterSource>,
    plugin: Option<PluginSettings>,
    config: Option<toml::Value>,
    config_text: Option<String>,
    config_file: Option<String>,
    config_patch: Option<toml::Value>,
    #[serde(default)]
    metadata: BTreeMap<String, Json>,
    #[serde(default)]
    upstream: UpstreamTable,
    #[serde(default)]
    service: Vec<ServiceTable>,
    #[serde(default)]
    grpc_service: Vec<GrpcServiceTable>,
    #[serde(default)]
    dns: Vec<Name>,
    #[serde(default)]
    upgrades: Vec<String>,
    #[serde(default)]
    timeouts: Timeouts,
    #[serde(default)]
    connection_manager: ConnectionManager,
    #[serde(default)]
    route: RouteSettings,
    clock: Option<Timestamp>,
    rejected: Option<Pattern>,
    #[serde(default)]
    invariant: Vec<Invariant>,
    step: Option<Vec<Step>>,
    #[serde(default)]
    known_difference: BTreeMap<String, String>,
}

impl TryFrom<RawScenario> for Scenario {
    type Error = String;

    fn try_from(raw: RawScenario) -> Result<Self, Self::Error> {
        if raw.about.trim().is_empty() {
            return Err("`about` is empty, expected the behaviour as one sentence".to_owned());
        }
        let workers = raw.workers.unwrap_or(1);
        if workers == 0 {
            return Err("`workers = 0`, expected at least 1".to_owned());
        }
        let course = match (raw.step, raw.rejected) {
            (Some(steps), None) if !steps.is_empty() => Course::Steps(steps),
            (None, Some(line)) => Course::Rejected(line),
            _ => return Err("expected either at least one `[[step]]` or `rejected`".to_owned()),
        };
        let config = ConfigSource::new(
            raw.config,
            raw.config_text,
            raw.config_file,
            raw.config_patch,
        )?;
        let metadata = raw.metadata.into_iter();
        let scenario = Self {
            about: raw.about,
            workers,
            filters: FilterSource::all(raw.filter, raw.plugin, config)?,
            metadata: metadata.map(|(name, Json(value))| (name, value)).collect(),
            upstream: raw.upstream.0,
            services: raw.service.into_iter().map(|table| table.0).collect(),
            grpc_services: raw.grpc_service.into_iter().map(|table| table.0).collect(),
            names: raw.dns,
            upgrades: raw.upgrades,
            timeouts: raw.timeouts,
            connection_manager: raw.connection_manager,
            route: raw.route,
            clock: raw.clock,
            invariants: raw.invariant,
            course,
            known_difference: raw.known_difference,
            path: PathBuf::new(),
            text: String::new(),
        };
        for (index, step) in scenario.steps().iter().enumerate() {
            if let Some(worker) = step
                .requests()
                .iter()
                .filter_map(|r| r.worker)
                .find(|worker| *worker >= workers)
            {
                return Err(format!(
                    "`worker = {worker}` in `step[{index}]`, expected less than `workers = {workers}`"
                ));
            }
        }
        check_calls(scenario.steps())?;
        Ok(scenario)
    }
}

/// A call is opened before it ends, and ends once.
fn check_calls(steps: &[Step]) -> Result<(), String> {
    let mut open = BTreeMap::new();
    for (index, step) in steps.iter().enumerate() {
        let call = match step {
            Step::Open(Open { call, request, .. }) => {
                if open.insert(call, request.http).is_some() {
                    return Err(format!(
                        "`open.call = \"{call}\"` in `step[{index}]`, expected a name that is not open already"
                    ));
                }
                continue;
            }
            Step::Finish { call, .. } | Step::Disconnect(Disconnect { call, .. }) => call,
            _ => continue,
        };
        let http = open.remove(call).ok_or_else(|| {
            format!(
                "the call `{call}` in `step[{index}]` is not open, expected an `open` step of that name before it"
            )
        })?;
        if let Step::Disconnect(disconnect) = step {
            disconnect.check(index, http)?;
        }
    }
    Ok(())
}
