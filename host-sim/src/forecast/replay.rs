//! Runs the calls of a log through a plugin, and keeps what came of them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

use foldhash::fast::RandomState;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::departure::{Call, Came, Departure};
use super::details::{Details, ask, ask_price};
use super::error::ForecastError;
use super::mapping::Mapping;
use super::organization::Organization;
use super::pricer::Pricer;
use super::series::Series;
use super::sources::put_member;
use crate::access_log::Entry;
use crate::simulator::{Ending, Passing, SimulationError, Simulator};
use crate::target::{AnswerOverride, Request};

/// A plugin and what it has done so far.
pub struct Replay {
    simulator: Simulator,
    pub(super) pricer: Option<Pricer>,
    pub(super) mapping: Mapping,
    /// The names of the entries' values.
    wanted: Vec<String>,
    details_path: Option<String>,
    pub(super) keys: [Vec<u8>; 4],
    numbers: HashMap<String, usize, RandomState>,
    pub(super) organizations: Vec<Organization>,
    departures: BinaryHeap<Reverse<Departure>>,
    taken: u64,
    pub(super) series: Series,
    pub(super) request: Request,
    /// What filters before the module say of the last call, by namespace.
    pub(super) metadata: Vec<(String, Value)>,
    /// The name of the last call's organization, to be written over.
    name: String,
    /// The end of the last call, to be written over.
    ending: Ending,
    logged: u64,
    last_logged: Vec<String>,
    pub(super) priced_by_body: BTreeSet<String>,
    pub(super) without_body: u64,
    pub(super) noted: u64,
    /// The header that settles a kind of calls.
    pub(super) settling: BTreeMap<String, String>,
    pub(super) unsettled: u64,
}

/// The most organizations that are told apart; those beyond are one.
const MOST_ORGANIZATIONS: usize = 200_000;

/// What they are called, and those that lines do not name.
const OTHERS: &str = "(others)";
const NOBODY: &str = "(nobody)";

/// Why a call is refused that the module holds until its client gives up.
pub(super) const HELD: &str = "held by the module";

/// The most lines of the module's log that are kept.
const MOST_LOGGED: usize = 20;

impl Replay {
    /// A replay of a simulation that has just started, at or before the time of the first call. `wanted` names the values of entries,
    /// and `details_path` is where the module answers with an organization's account.
    #[must_use]
    pub fn new(
        simulator: Simulator,
        mapping: &Mapping,
        wanted: &[String],
        details_path: Option<String>,
    ) -> Self {
        let properties = &mapping.properties;
        let key = |key: &Option<String>| key.clone().unwrap_or_default().into_bytes();
        Self {
            simulator,
            pricer: None,
            keys: [
                key(&properties.verdict),
                key(&properties.cost),
                key(&properties.operation),
                key(&properties.plan),
            ],
            mapping: mapping.clone(),
            wanted: wanted.to_vec(),
            details_path,
            numbers: HashMap::default(),
            organizations: Vec::new(),
            departures: BinaryHeap::new(),
            taken: 0,
            series: Series::default(),
            request: Request::default(),
            metadata: Vec::new(),
            name: String::new(),
            ending: Ending::default(),
            logged: 0,
            last_logged: Vec::new(),
            priced_by_body: BTreeSet::new(),
            without_body: 0,
            noted: 0,
            settling: BTreeMap::new(),
            unsettled: 0,
        }
    }

    /// Has calls that are refused for too many at once priced by this simulation of the same plugin, in which no two calls are in progress at once.
    /// Without one they are taken to cost nothing.
    #[must_use]
    pub fn priced_by(mut self, simulator: Simulator) -> Self {
        self.pricer = Some(Pricer::new(simulator));
        self
    }

    /// Counts calls of these kinds that are sent without a body, which decides what they cost.
    #[must_use]
    pub fn with_kinds_priced_by_body(mut self, kinds: BTreeSet<String>) -> Self {
        self.priced_by_body = kinds;
        self
    }

    /// Says what answers cost by the headers that settle these kinds of calls, as far as the log has them, and counts calls of those kinds of which it
    /// has none.
    #[must_use]
    pub fn with_settling(mut self, settling: BTreeMap<String, String>) -> Self {
        self.settling = settling;
        self
    }

    /// Takes the next call. One that came before the one before it is taken at the same time as that.
    ///
    /// # Errors
    ///
    /// When the module dies, or needs what host-sim cannot do.
    pub fn take(&mut self, entry: &Entry) -> Result<(), ForecastError> {
        let outcome = self.try_take(entry);
        if let Some(failure) = self.simulator.failure(0) {
            return Err(ForecastError::Died {
                call: named(&self.request, entry.started),
                failure: failure.to_string(),
            });
        }
        outcome.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: SimulationError) -> ForecastError {
        ForecastError::Simulation {
            call: named(&self.request, self.simulator.now()),
            source: Box::new(source),
        }
    }

    fn try_take(&mut self, entry: &Entry) -> Result<(), SimulationError> {
        self.depart_until(entry.started)?;
        self.simulator.advance_to(entry.started);
        let at = self.simulator.now();
        self.fill_request(entry);
        self.fill_metadata(entry);
        let number = self.number_of(entry);
        let day = self.day_of(number, at)?;
        let passing = self.simulator.pass(&self.request)?;
        let held = !passing.is_forwarded() && !passing.is_answered();
        let bare = self.request.body.is_empty();
        let settled = self.settled(entry);
        let came = Came {
            at,
            day,
            held,
            bare,
            unsettled: settled.is_empty(),
            price: self.price_of_not_refused(&passing)?,
        };
        if let Some(organization) = self.organizations.get_mut(number) {
            organization.in_progress = organization.in_progress.saturating_add(1);
            let peak = organization.peak_concurrency.max(organization.in_progress);
            organization.peak_concurrency = peak;
        }
        let status = (entry.status != 0).then_some(entry.status);
        let call = if passing.is_answered() {
            self.end(&passing, status, settled, number, came, Some(entry))?;
            None
        } else {
            Some(Call {
                passing,
                status,
                settled,
                came,
            })
        };
        self.taken = self.taken.saturating_add(1);
        self.departures.push(Reverse(Departure {
            at: entry
                .duration
                .and_then(|taken| at.checked_add(taken).ok())
                .unwrap_or(at),
            number: self.taken,
            organization: number,
            call,
        }));
        if self.taken.is_multiple_of(1024) {
            self.take_log();
        }
        Ok(())
    }

    /// What the call that was just sent would have cost, if its refusal was only noted.
    fn price_of_not_refused(&mut self, passing: &Passing) -> Result<Option<u64>, SimulationError> {
        let (Some(shadow), Some(path), [verdict, ..]) = (
            &self.mapping.verdicts.shadow,
            &self.details_path,
            &self.keys,
        ) else {
            return Ok(None);
        };
        let is_noted = |verdict: &[u8]| verdict.starts_with(shadow.as_bytes());
        if !passing.is_forwarded() || !self.simulator.has_property(passing, verdict, is_noted) {
            return Ok(None);
        }
        ask_price(&mut self.simulator, &self.mapping, path, &self.request)
    }

    /// Ends the calls that are still in progress: the log has ended.
    ///
    /// # Errors
    ///
    /// As [`take`](Self::take).
    pub fn finish(&mut self) -> Result<(), ForecastError> {
        self.depart_until(Timestamp::MAX)
            .map_err(|source| self.failed(source))?;
        self.take_log();
        Ok(())
    }

    fn depart_until(&mut self, until: Timestamp) -> Result<(), SimulationError> {
        while let Some(Reverse(first)) = self.departures.peek() {
            if first.at > until {
                break;
            }
            let Some(Reverse(departure)) = self.departures.pop() else {
                break;
            };
            if let Some(organization) = self.organizations.get_mut(departure.organization) {
                organization.in_progress = organization.in_progress.saturating_sub(1);
            }
            let Some(call) = departure.call else {
                continue;
            };
            self.simulator.advance_to(departure.at);
            let Departure { organization, .. } = departure;
            let Call {
                passing,
                status,
                settled,
                came,
            } = call;
            self.end(&passing, status, settled, organization, came, None)?;
        }
        Ok(())
    }

    /// A call ends, of which is kept what came of it; `entry` if the plugin answered it.
    fn end(
        &mut self,
        passing: &Passing,
        status: Option<u16>,
        settled: Vec<(String, String)>,
        organization: usize,
        came: Came,
        entry: Option<&Entry>,
    ) -> Result<(), SimulationError> {
        let mut ending = std::mem::take(&mut self.ending);
        let answer = status.map(|status| AnswerOverride {
            status: Some(status),
            headers: (!settled.is_empty()).then_some(settled),
            ..AnswerOverride::default()
        });
        let ended = self
            .simulator
            .end_with(passing, answer, &self.keys, &mut ending);
        if ended.is_ok() {
            self.note(organization, came, &ending, entry);
        }
        self.ending = ending;
        ended
    }

    /// The value of a field of the log.
    fn value<'e>(wanted: &[String], entry: &'e Entry, name: &str) -> Option<&'e str> {
        match name {
            "method" => return Some(&entry.method),
            "path" => return Some(&entry.path),
            _ => {}
        }
        let at = wanted.iter().position(|wanted| wanted == name)?;
        entry.values.get(at)?.as_deref()
    }

    fn fill_request(&mut self, entry: &Entry) {
        let request = &mut self.request;
        request.method.clone_from(&entry.method);
        request.path.clone_from(&entry.path);
        let value = |name: &str| Self::value(&self.wanted, entry, name);
        // The texts of the call before are written over.
        let mut count = 0_usize;
        for (name, template) in &self.mapping.request.headers {
            if request.headers.len() == count {
                request.headers.push(Default::default());
            }
            let Some((place, written)) = request.headers.get_mut(count) else {
                break;
            };
            place.clone_from(name);
            written.clear();
            count = count.saturating_add(usize::from(template.write(written, value)));
        }
        request.headers.truncate(count);
        request.body.clear();
        let bodies = &self.mapping.request.bodies;
        let body = value("body").or_else(|| {
            let rule = bodies
                .iter()
                .find(|rule| rule.applies(&entry.method, &entry.path));
            rule.map(|rule| rule.text.as_str())
        });
        if let Some(body) = body.filter(|body| !body.is_empty()) {
            request.body.push(body.as_bytes().to_vec());
        }
    }

    /// The headers of the answer that say what the call costs, as far as the log has them.
    fn settled(&self, entry: &Entry) -> Vec<(String, String)> {
        let mut settled: Vec<(String, String)> = Vec::new();
        for header in self.settling.values() {
            let value = Self::value(&self.wanted, entry, header);
            if let (Some(value), false) = (value, settled.iter().any(|(name, _)| name == header)) {
                settled.push((header.clone(), value.to_owned()));
            }
        }
        settled
    }

    /// What filters before the module say of the call.
    fn fill_metadata(&mut self, entry: &Entry) {
        let mut namespaces: BTreeMap<&str, Value> = BTreeMap::new();
        let value = |name: &str| Self::value(&self.wanted, entry, name);
        let mut written = String::new();
        for metadata in &self.mapping.request.metadata {
            let namespace = namespaces.entry(&metadata.namespace);
            let object = namespace.or_insert_with(|| Value::Object(Map::new()));
            written.clear();
            if metadata.value.write(&mut written, value) {
                put_member(object, &metadata.path, Value::String(written.clone()));
            }
        }
        self.metadata.clear();
        for (namespace, value) in namespaces {
            self.simulator.set_metadata(namespace, value.clone());
            self.metadata.push((namespace.to_owned(), value));
        }
    }

    /// The organization that a line names.
    #[must_use]
    pub fn organization_of(&self, entry: &Entry) -> Option<String> {
        let value = |name: &str| Self::value(&self.wanted, entry, name);
        let mut name = String::new();
        let template = &self.mapping.organization;
        template.write(&mut name, value).then_some(name)
    }

    fn number_of(&mut self, entry: &Entry) -> usize {
        let mut name = std::mem::take(&mut self.name);
        name.clear();
        let value = |name: &str| Self::value(&self.wanted, entry, name);
        let is_named = self.mapping.organization.write(&mut name, value);
        if !is_named {
            NOBODY.clone_into(&mut name);
        }
        let mut known = self.numbers.get(&name).copied();
        if known.is_none() && self.organizations.len() >= MOST_ORGANIZATIONS {
            OTHERS.clone_into(&mut name);
            known = self.numbers.get(&name).copied();
        }
        if let Some(number) = known {
            self.name = name;
            return number;
        }
        let number = self.organizations.len();
        self.organizations.push(Organization {
            name: name.clone(),
            is_named,
            headers: self.request.headers.clone(),
            metadata: self.metadata.clone(),
            ..Organization::default()
        });
        self.numbers.insert(name, number);
        number
    }

    /// The day of an organization, of which the module is asked when it begins.
    fn day_of(&mut self, number: usize, at: Timestamp) -> Result<usize, SimulationError> {
        let Some(organization) = self.organizations.get(number) else {
            return Ok(0);
        };
        if let Some(day) = organization.today(at) {
            return Ok(day);
        }
        let headers = organization.headers.clone();
        let details = match &self.details_path {
            Some(path) => ask(&mut self.simulator, &self.mapping, path, headers)?,
            None => Details::default(),
        };
        let organization = self.organizations.get_mut(number);
        Ok(organization.map_or(0, |organization| organization.begin_day(at, details)))
    }

    fn take_log(&mut self) {
        for line in self.simulator.take_log() {
            self.logged = self.logged.saturating_add(1);
            if self.last_logged.len() < MOST_LOGGED {
                self.last_logged.push(line.to_string());
            }
        }
    }

    /// What is known of every organization, in the order of their first calls.
    #[must_use]
    pub fn organizations(&self) -> &[Organization] {
        &self.organizations
    }

    /// All organizations together, over time.
    #[must_use]
    pub fn series(&self) -> &Series {
        &self.series
    }

    /// How many calls are priced by their body and were sent without one.
    #[must_use]
    pub fn without_body(&self) -> u64 {
        self.without_body
    }

    /// How many calls were charged their estimate, because the log does not tell what their answer said.
    #[must_use]
    pub fn unsettled(&self) -> u64 {
        self.unsettled
    }

    /// How many refusals the module only noted.
    #[must_use]
    pub fn noted(&self) -> u64 {
        self.noted
    }

    /// What limits and costs are counted in, if the mapping says.
    #[must_use]
    pub fn unit(&self) -> Option<&str> {
        self.mapping.details.unit.as_deref()
    }

    /// What people read in place of the reasons of refusals.
    #[must_use]
    pub fn words(&self) -> &BTreeMap<String, String> {
        &self.mapping.verdicts.words
    }

    /// How many calls the module made to each service of which nothing is known.
    #[must_use]
    pub fn calls_to_missing_services(&self) -> BTreeMap<String, u64> {
        self.simulator.calls_to_missing_services()
    }

    /// How many lines the module logged, and the first of them.
    #[must_use]
    pub fn logged(&self) -> (u64, &[String]) {
        (self.logged, &self.last_logged)
    }
}

fn named(request: &Request, at: Timestamp) -> String {
    format!("{} {} at {at}", request.method, request.path)
}
