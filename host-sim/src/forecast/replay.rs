//! Runs the calls of a log through a plugin, and keeps what came of them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

use jiff::Timestamp;

use super::departure::{Call, Came, Departure};
use super::details::{Details, ask, ask_price, number_in};
use super::error::ForecastError;
use super::mapping::Mapping;
use super::organization::{FirstRefusal, Organization};
use super::pricer::Pricer;
use super::series::Series;
use crate::access_log::Entry;
use crate::simulator::{Ending, Passing, SimulationError, Simulator};
use crate::target::Request;

/// A plugin and what it has done so far.
pub struct Replay {
    simulator: Simulator,
    pricer: Option<Pricer>,
    mapping: Mapping,
    /// The names of the entries' values.
    wanted: Vec<String>,
    details_path: Option<String>,
    keys: [Vec<u8>; 4],
    numbers: HashMap<String, usize>,
    organizations: Vec<Organization>,
    departures: BinaryHeap<Reverse<Departure>>,
    taken: u64,
    series: Series,
    request: Request,
    logged: u64,
    last_logged: Vec<String>,
    priced_by_body: BTreeSet<String>,
    without_body: u64,
}

/// The most organizations that are told apart; those beyond are one.
const MOST_ORGANIZATIONS: usize = 200_000;

/// What they are called, and those that lines do not name.
const OTHERS: &str = "(others)";
const NOBODY: &str = "(nobody)";

/// Why a call is refused that the module holds until its client gives up.
const HELD: &str = "held by the module";

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
            numbers: HashMap::new(),
            organizations: Vec::new(),
            departures: BinaryHeap::new(),
            taken: 0,
            series: Series::default(),
            request: Request::default(),
            logged: 0,
            last_logged: Vec::new(),
            priced_by_body: BTreeSet::new(),
            without_body: 0,
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
        let number = self.number_of(entry);
        let day = self.day_of(number, at)?;
        let passing = self.simulator.pass(&self.request)?;
        let held = !passing.is_forwarded() && !passing.is_answered();
        let bare = self.request.body.is_empty();
        let came = Came {
            at,
            day,
            held,
            bare,
            price: self.price_of_not_refused(&passing)?,
        };
        if let Some(organization) = self.organizations.get_mut(number) {
            organization.in_progress = organization.in_progress.saturating_add(1);
            let peak = organization.peak_concurrency.max(organization.in_progress);
            organization.peak_concurrency = peak;
        }
        let status = (entry.status != 0).then_some(entry.status);
        let call = if passing.is_answered() {
            let ending = self.simulator.end(&passing, status, &self.keys)?;
            self.note(number, came, &ending, Some(entry));
            None
        } else {
            Some(Call {
                passing,
                status,
                came,
            })
        };
        self.taken = self.taken.saturating_add(1);
        self.departures.push(Reverse(Departure {
            at: at.checked_add(entry.duration).unwrap_or(at),
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
            let ending = self.simulator.end(&call.passing, call.status, &self.keys)?;
            self.note(departure.organization, call.came, &ending, None);
        }
        Ok(())
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
        request.headers.clear();
        let value = |name: &str| Self::value(&self.wanted, entry, name);
        for (name, template) in &self.mapping.request.headers {
            let mut written = String::new();
            if template.write(&mut written, value) {
                request.headers.push((name.clone(), written));
            }
        }
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

    fn number_of(&mut self, entry: &Entry) -> usize {
        let mut name = String::new();
        let value = |name: &str| Self::value(&self.wanted, entry, name);
        let is_named = self.mapping.organization.write(&mut name, value);
        if !is_named {
            NOBODY.clone_into(&mut name);
        }
        if let Some(number) = self.numbers.get(&name) {
            return *number;
        }
        if self.organizations.len() >= MOST_ORGANIZATIONS {
            OTHERS.clone_into(&mut name);
            if let Some(number) = self.numbers.get(&name) {
                return *number;
            }
        }
        let number = self.organizations.len();
        self.organizations.push(Organization {
            name: name.clone(),
            is_named,
            headers: self.request.headers.clone(),
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

    /// Keeps what came of a call that has ended; `entry` if the plugin answered it.
    fn note(&mut self, number: usize, came: Came, ending: &Ending, entry: Option<&Entry>) {
        let Some(organization) = self.organizations.get_mut(number) else {
            return;
        };
        let property = |at: usize| ending.properties.get(at).and_then(Option::as_deref);
        let verdicts = &self.mapping.verdicts;
        let verdict = property(0);
        let shadow = verdicts.shadow.as_deref().unwrap_or("\0");
        let reason = match verdict {
            Some(verdict) => verdict.strip_prefix(shadow).or_else(|| {
                let passed = verdicts.passed.iter().any(|passed| passed == verdict);
                (!passed).then_some(verdict)
            }),
            None if entry.is_some() && ending.status >= 400 => Some("answered by the module"),
            None if came.held => Some(HELD),
            None => None,
        };
        let cost = property(1).and_then(|cost| cost.parse().ok()).unwrap_or(0);
        let refused = u64::from(reason.is_some());
        for bucket in [organization.series.at(came.at), self.series.at(came.at)] {
            bucket.calls = bucket.calls.saturating_add(1);
            bucket.refused = bucket.refused.saturating_add(refused);
            bucket.cost = bucket.cost.saturating_add(cost);
        }
        if came.bare && property(2).is_some_and(|kind| self.priced_by_body.contains(kind)) {
            self.without_body = self.without_body.saturating_add(1);
        }
        let operation = organization.operation(property(2).unwrap_or("-"));
        operation.calls = operation.calls.saturating_add(1);
        operation.cost = operation.cost.saturating_add(cost);
        operation.refused = operation.refused.saturating_add(refused);
        let Some(day) = organization.days.get_mut(came.day) else {
            return;
        };
        day.calls = day.calls.saturating_add(1);
        day.refused = day.refused.saturating_add(refused);
        day.cost = day.cost.saturating_add(cost);
        if let (None, Some(plan)) = (&day.plan, property(3)) {
            day.plan = Some(plan.to_owned());
        }
        let Some(reason) = reason else {
            return;
        };
        let is = |list: &[String]| list.iter().any(|listed| listed == reason);
        if is(&verdicts.by_cost) {
            day.refused_by_cost = day.refused_by_cost.saturating_add(1);
            let told = || number_in(&ending.body, self.mapping.refusal.cost.as_deref());
            let price = came.price.or_else(told);
            day.cost_refused = day.cost_refused.saturating_add(price.unwrap_or(0));
        }
        if is(&verdicts.by_concurrency) {
            day.refused_by_concurrency = day.refused_by_concurrency.saturating_add(1);
            let pricer = self.pricer.as_mut().filter(|_| entry.is_some());
            let alone = pricer
                .and_then(|pricer| pricer.price(&self.request, came.at, &self.keys, &self.mapping));
            let price = came.price.or(alone);
            day.cost_refused = day.cost_refused.saturating_add(price.unwrap_or(0));
        }
        let count = organization.refusals.entry(reason.to_owned()).or_default();
        *count = count.saturating_add(1);
        let earlier = organization
            .first_refusal
            .as_ref()
            .is_some_and(|first| first.at <= came.at);
        if !earlier {
            organization.first_refusal = Some(FirstRefusal {
                at: came.at,
                reason: reason.to_owned(),
                call: entry.map(|entry| format!("{} {}", entry.method, entry.path)),
            });
        }
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
