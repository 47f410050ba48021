//! The test language: what a plugin is given, and what a client, an upstream or an operator then sees.
//!
//! A scenario is a TOML file. Parsing is strict: an unknown key, a wrong type or a step with two actions is an error that
//! names the file, the line, the column and the key path. Nothing in it names a host: what only some hosts can do follows
//! from the steps ([`Scenario::needs`]).
//!
//! ```
//! use std::path::Path;
//! use host_sim::scenario::Scenario;
//!
//! let scenario = Scenario::from_toml(r#"
//! about = "The last credit is spendable, and the next call is refused and changes nothing."   # required
//!
//! workers = 2                                  # default 1
//! plugin = { name = "credits", vm_id = "a" }   # Envoy's own settings; also root_id, failure_policy, buffer_limit_bytes, …
//! upstream = { status = 200, body = "{}" }     # what every forwarded request is answered
//! metadata = { jwt = { plan = "free" } }       # what a filter before the plugin says of every request: metadata.filter_metadata.jwt
//!
//! ## What the plugin gets: `config` (a table as JSON, a text as it is), `config_text` (always as it is), or `config_file` (relative to
//! ## this file) with an optional merge patch in `config_patch`. Without any of them the configuration is empty, as Envoy's is then.
//! ## `${clock+4s}` is the time of day four seconds after the host's start, `${date}` its date.
//! config = { daily = 10, day_starts_at = "${clock+4s}" }
//!
//! ## A server of Redis's protocol that the plugin calls, behind a cluster with `envoy.upstreams.http.tcp`: a `[[service]]` with
//! ## `protocol = "resp"` and `replies = [{ command = "EVAL", words = { 2 = "1" }, reply = ["{6}", 0, "+OK"] }]`, of which each command of
//! ## a call gets the first that fits (`{6}` is the command's word at place 6, a number), or `says = "…"` (this, whatever is asked), or `down`.
//! ## A gRPC service that the plugin calls: a `[[grpc_service]]` table with `cluster`, and `answers = [{ method = "pkg.Quota/Take",
//! ## message_hex = "0801" }]` (or `message`, or `status` with `error`) or `down = "hang"` or `"unreachable"`. To a caller that streams:
//! ## `messages`, or `messages_hex`, of which `unasked = 1` come first, `ends = true` to hang up, `initial_metadata`, `trailing_metadata`.
//!
//! ## An expected value is a text (`"9"` or 9), several header lines (`["a", "b"]`), `true` (any), `false` (absent), or a table with one of
//! ## `matches` (a regular expression for all of it), `between` (two numbers), `contains` (a text in it), and `joined = "a, b"` (this list, in
//! ## however many header lines). Bodies that are no text are `body_hex = "00ff"`, wherever there is a `body`.
//! ## Requests and answers have bodies that come in pieces, too: `body_chunks = ["a", "b"]`.
//!
//! ## What a client may upgrade its connection to: `upgrades = ["websocket"]`. The body of such a request has no end.
//!
//! ## After what time Envoy gives up, where not by default: `timeouts = { route = "1s", idle = "1s", max_stream_duration = "1s",
//! ## grpc_timeout_header_max = "0s", request = "1s" }`.
//!
//! ## How the connection manager and the route are set up, in Envoy's own words: `connection_manager = { use_remote_address = true,
//! ## http_protocol_options = { accept_http_10 = true } }`, `route = { retry_policy = { retry_on = "5xx", num_retries = 2 } }`.
//!
//! ## What names resolve to for a plugin that asks Envoy: `[[dns]]` tables with `name`, `addresses` and `ttl` in seconds.
//!
//! ## In place of `plugin` and `config`, several filters, first to last: [[filter]] tables with `plugin`, `config` (or its kin) and
//! ## `module`, a file relative to this one; otherwise it is the module under test. Steps `configure` are for the first of them.
//!
//! ## Instead of steps, `rejected = "…"` says with which one error line the configuration is refused, and `rejected = ["…", "…"]` with
//! ## which several; `rejected = true` is any refusal, also that of a plugin that traps while it starts.
//!
//! ## What must hold after every step, and whatever `host-sim fuzz` makes up: of each answer `status`, and `headers` where there are any; of
//! ## `metrics` whenever no call is in progress; of the `log` what is never logged; `alive = true` that no VM of the plugin dies.
//! [[invariant]]
//! about = "No call is answered 5xx."           # optional
//! status = { matches = "[1-4].." }
//! headers = { x-remaining = { between = [0, 10] } }
//! metrics = { "credits.in_progress" = 0 }
//!
//! [[step]]                                     # exactly one action per step
//! request = { method = "POST", path = "/things", headers = { orgId = "7" }, body = "text" }   # body_json, body_hex, body_chunks
//! expect = { status = 200, upstream_request = { body = "text" }, properties = { "credits.cost" = "3" } }
//!
//! ## Of the access log there are also `response_code_details = "via_upstream"` and, of calls of gRPC, `grpc_status = 0`.
//!
//! [[step]]
//! request = { path = "/things", headers = { orgId = "7" }, repeat = 2, within = "5s" }   # sent again until it is seen so
//! expect = { status = 429, upstream = false, body_json = { left = { between = [0, 2] } }, headers = { retry-after = { matches = "[0-9]+" }, x-cost = false, x-limit = true } }
//!
//! [[step]]
//! parallel = { count = 64, request = { headers = { orgId = "8" } }, expect = { statuses = { "200" = 10, "429" = 54 }, upstream_calls = 10 } }
//!
//! ## `host-sim explore` runs `parallel` steps in every order; then clients may leave at any time, and the upstream counts what it has at once:
//! ## `request = { may_leave = true }`, `expect = { statuses = { "200" = { between = [1, 2] } }, upstream_at_once = 1 }`.
//!
//! [[step]]                                     # a call whose answer the upstream holds; also `count`
//! open = { call = "a", request = { upstream = { status = 201, streams = true } } }   # or "reset", "timeout", "unreachable", …
//!
//! ## An upstream may not be asked at all: it is "no_healthy_upstream", the route answers ("direct_response", "redirect"), or a filter behind
//! ## the last one does: `neighbour = { status = 403, headers = {}, body = "" }`. `upstream = { status = 307, internal_redirect =
//! ## "http://api.example/b" }` answers with a redirect that Envoy follows by itself.
//!
//! [[step]]                                     # a call that the plugin itself holds, for as long as nothing resumes it
//! open = { call = "b", request = {}, held = "filter" }
//!
//! [[step]]
//! finish = { call = "a", expect = { status = 201 } }   # the upstream goes on
//!
//! ## Or the client leaves, as clients do: `disconnect = "a"`. Or in a way of its own: `by` is `close`, `half_close`, `broken_chunk`,
//! ## `invalid_frame` or `window_overflow`; `reset = "NO_ERROR"`, or any other error code of HTTP/2, resets the stream. A request that is
//! ## `unfinished` keeps the end of its body back until it is finished.
//! [[step]]
//! disconnect = { call = "b", by = "half_close", expect = { properties = { "credits.cost" = "0" } } }
//!
//! [[step]]                                     # a service that the plugin itself calls; `[[service]]` says how it starts
//! service = { cluster = "directory", answers = [{ path = { matches = "/o/.*" }, status = 200, body_json = {} }] }   # or `down`
//!
//! [[step]]
//! callouts = { cluster = "directory", requests = [{ path = "/o/7" }] }   # what it has seen since the last such step
//!
//! [[step]]
//! advance = "5s"                               # the simulator's clock moves; a real host waits
//!
//! [[step]]
//! metrics = { "credits.refused" = 56 }         # one that does not exist counts as 0
//!
//! [[step]]
//! log = { level = "warn", line = { matches = "careful.*" } }     # without `level`, at any
//!
//! [[step]]                                     # no such line until now; `absent = true` is no line at all
//! log = { level = "error", absent = { contains = "7" } }
//!
//! [[step]]
//! configure = { config = { daily = 11 } }      # with `rejected` when it is to be refused
//!
//! [[step]]
//! cas_conflicts = 3                            # the next three conditional writes to shared data meet a conflict
//! "#, Path::new("the_last_credit_is_spendable.toml"))?;
//! assert_eq!(scenario.steps().len(), 15);
//! # Ok::<(), host_sim::scenario::ScenarioError>(())
//! ```

mod canned;
mod config_source;
mod config_text;
mod content;
mod disconnect;
mod expect;
pub(crate) mod explanation;
mod fields;
mod filter;
mod grpc_service;
mod invariant;
mod json;
mod log;
mod place;
mod raw;
pub mod report;
mod request;
mod resp_service;
pub mod runner;
mod service;
mod setup;
pub(crate) mod sim_target;
mod status;
mod step;
pub mod target;
#[cfg(test)]
mod tests;
pub(crate) mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;

pub use crate::model::pattern::Pattern;
pub use canned::ServiceError;
pub use config_source::{ConfigSource, ConfigSourceError};
pub use config_text::{ConfigText, InvalidPlaceholder};
pub use content::Hex;
pub use disconnect::Disconnect;
pub use expect::{Expect, ExpectParallel, ExpectUpstream};
pub use filter::FilterSource;
pub use invariant::Invariant;
pub use json::JsonPattern;
pub use log::{ExpectLine, ExpectLog};
pub use request::Requests;
pub use service::ExpectCallouts;
pub use step::{Open, Parallel, Step};

use crate::model::dns::Name;
use crate::model::grpc::GrpcService;
use crate::model::{
    ConnectionManager, LogLevel, RouteSettings, Service, Timeouts, Upstream, UpstreamBehaviour,
};
use crate::scenario::target::{Capability, Setup};
use place::{line_and_column, named_step, start_of_step};
use raw::RawScenario;

/// One behaviour, written down.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawScenario")]
pub struct Scenario {
    /// The behaviour, as one sentence.
    pub about: String,
    /// Worker threads.
    pub workers: u32,
    /// The filters, first to last.
    pub filters: Vec<FilterSource>,
    /// What the upstream answers.
    pub upstream: Upstream,
    /// What filters before the plugin say about every request: dynamic metadata, a JSON object by namespace.
    pub metadata: BTreeMap<String, serde_json::Value>,
    /// The services that the plugin calls itself.
    pub services: Vec<Service>,
    /// The gRPC services that the plugin calls itself.
    pub grpc_services: Vec<GrpcService>,
    /// What names resolve to for the plugin.
    pub names: Vec<Name>,
    /// Protocols that a client may upgrade to.
    pub upgrades: Vec<String>,
    /// After what time the host gives up.
    pub timeouts: Timeouts,
    /// How the connection manager before the filters is set up.
    pub connection_manager: ConnectionManager,
    /// How the route behind them is.
    pub route: RouteSettings,
    /// When the clock starts, if that matters.
    pub clock: Option<Timestamp>,
    /// What must hold after every step.
    pub invariants: Vec<Invariant>,
    /// What happens.
    pub course: Course,
    /// For each host that is known to behave differently, why. The scenario is run there and must fail.
    pub known_difference: BTreeMap<String, String>,
    /// The file it was read from; empty for one that was not.
    pub path: PathBuf,
    /// What was read.
    text: String,
}

/// What happens in a scenario.
#[derive(Clone, Debug)]
pub enum Course {
    /// The configuration is accepted, and then these steps.
    Steps(Vec<Step>),
    /// The configuration is refused with exactly this one line at error level or above; [`Pattern::Present`] is any refusal.
    Rejected(Pattern),
}

/// Why a scenario cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is not a scenario.
    #[error("{}:{line}:{column}: at `{key}`: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in characters.
        column: usize,
        /// The path of the key, as in `step[0].expect.status`; `.` for the whole file.
        key: String,
        /// What is wrong and what was expected.
        message: String,
    },
    /// The configuration cannot be read.
    #[error("{}: {source}", path.display())]
    Config {
        /// The scenario.
        path: PathBuf,
        /// Why.
        source: ConfigSourceError,
    },
}

impl Scenario {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is not a scenario.
    pub fn from_file(path: &Path) -> Result<Self, ScenarioError> {
        let text = fs::read_to_string(path).map_err(|source| ScenarioError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::from_toml(&text, path)
    }

    /// Parses a text; `path` is for messages and for finding files relative to it.
    ///
    /// # Errors
    ///
    /// When it is not a scenario.
    pub fn from_toml(text: &str, path: &Path) -> Result<Self, ScenarioError> {
        let invalid = |key: String, error: &toml::de::Error| {
            let offset = error.span().map_or(0, |span| span.start);
            let message = error.message().trim_end().replace('\n', ", ");
            // What is wrong with the steps together is said of one of them.
            let step = start_of_step(text, &key).or_else(|| named_step(text, &key, &message));
            let (line, column) = line_and_column(text, step.unwrap_or(offset));
            ScenarioError::Invalid {
                path: path.to_owned(),
                line,
                column,
                key,
                message,
            }
        };
        let deserializer =
            toml::Deserializer::parse(text).map_err(|error| invalid(".".to_owned(), &error))?;
        let mut scenario: Self = serde_path_to_error::deserialize(deserializer)
            .map_err(|error| invalid(error.path().to_string(), error.inner()))?;
        path.clone_into(&mut scenario.path);
        text.clone_into(&mut scenario.text);
        Ok(scenario)
    }

    /// All of the file but its steps and what is said of hosts, with another sentence. Files that it names are named as from the working directory.
    pub(crate) fn head(&self, about: &str) -> String {
        let mut table: toml::Table = self.text.parse().unwrap_or_default();
        for key in ["step", "known_difference", "rejected"] {
            table.remove(key);
        }
        table.insert("about".to_owned(), about.into());
        let found = |value: &mut toml::Value| {
            if let toml::Value::String(path) = value {
                let file = self.directory().join(&*path);
                let file = std::path::absolute(&file).unwrap_or(file);
                *path = file.display().to_string();
            }
        };
        table.get_mut("config_file").map(found);
        let filters = table.get_mut("filter").and_then(toml::Value::as_array_mut);
        for filter in filters
            .into_iter()
            .flatten()
            .filter_map(toml::Value::as_table_mut)
        {
            filter.get_mut("config_file").map(found);
            filter.get_mut("module").map(found);
        }
        table.to_string()
    }

    /// The line of the file where this is written, as in `expect.status` of a step, counted from 1, and its text.
    pub(crate) fn line_of(&self, step: Option<usize>, what: &str) -> Option<(usize, &str)> {
        let offset = place::offset_of(&self.text, step, what)?;
        let (line, _) = line_and_column(&self.text, offset);
        let text = self.text.lines().nth(line.checked_sub(1)?)?;
        Some((line, text.trim()))
    }

    /// The steps; none for a scenario about a refused configuration.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        match &self.course {
            Course::Steps(steps) => steps,
            Course::Rejected(_) => &[],
        }
    }

    /// What a host must be able to do beyond what every host can.
    #[must_use]
    pub fn needs(&self) -> BTreeSet<Capability> {
        let clock = self.clock.map(|_| Capability::ManualClock);
        self.steps()
            .iter()
            .flat_map(Step::needs)
            .chain(clock)
            .chain((!self.services.is_empty()).then_some(Capability::Callouts))
            .chain((!self.grpc_services.is_empty()).then_some(Capability::GrpcServices))
            .chain((!self.names.is_empty()).then_some(Capability::Names))
            .collect()
    }

    /// The directory that relative paths in it start from.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// Whether a filter behind the last one answers some request.
    fn has_neighbours(&self) -> bool {
        let mut requests = self.steps().iter().flat_map(Step::requests);
        requests.any(|request| matches!(request.upstream, UpstreamBehaviour::Neighbour(_)))
    }

    /// From which level on lines are looked at. The plugin is told, and may log more when more is wanted.
    fn log_level(&self) -> LogLevel {
        let wants_all = |log: &ExpectLog| log.level.is_none_or(|level| level == LogLevel::Trace);
        let steps = self.steps().iter().filter_map(|step| match step {
            Step::Log(log) => Some(log),
            _ => None,
        });
        let never = self
            .invariants
            .iter()
            .filter_map(|invariant| invariant.log.as_ref());
        if steps.chain(never).any(wants_all) {
            LogLevel::Trace
        } else {
            LogLevel::Debug
        }
    }

    /// What a host needs to know before the first step.
    ///
    /// # Errors
    ///
    /// When the configuration's file cannot be read or patched.
    pub fn setup(&self) -> Result<Setup, ScenarioError> {
        let resolved = |filter: &FilterSource| filter.resolve(self.directory());
        let filters: Result<_, _> = self.filters.iter().map(resolved).collect();
        let filters = filters.map_err(|source| ScenarioError::Config {
            path: self.path.clone(),
            source,
        })?;
        let mut properties = BTreeSet::new();
        for step in self.steps() {
            if let Step::Exchange { expect, .. }
            | Step::Finish { expect, .. }
            | Step::Disconnect(Disconnect { expect, .. }) = step
            {
                properties.extend(expect.properties.keys().cloned());
            }
        }
        let reconfigures = self.needs().contains(&Capability::Reconfigure);
        Ok(Setup {
            filters,
            metadata: self.metadata.clone(),
            workers: self.workers,
            upstream: self.upstream.clone(),
            services: self.services.clone(),
            grpc_services: self.grpc_services.clone(),
            names: self.names.clone(),
            properties: properties.into_iter().collect(),
            clock: self.clock,
            reconfigures,
            neighbours: self.has_neighbours(),
            upgrades: self.upgrades.clone(),
            timeouts: self.timeouts,
            connection_manager: self.connection_manager.clone(),
            route: self.route.clone(),
            log_level: self.log_level(),
        })
    }
}
