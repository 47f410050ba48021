//! Runs the calls of a log through a plugin, and keeps what came of them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use jiff::Timestamp;

use super::bound::Bound;
use super::departure::{Came, Departure, ReplayedCall};
use super::details::{Details, ask, price_of};
use super::error::ForecastError;
use super::mapping::Mapping;
use super::organization::Organization;
use super::outgoing::Outgoing;
use super::pricer::{ConfigurationOf, Pricer};
use super::roll::{Caller, Who};
use super::talk::Talk;
use super::tally::{Tally, When};
use crate::access_log::Entry;
use crate::host::shared_data::Written;
use crate::http::stream::Ending;
use crate::model::{AnswerOverride, Request};
use crate::proxy::simulator::{Builder, PendingCall, SimulationError, Simulator};
use crate::scenario::explanation::Explanation;

/// A plugin and what it has done so far.
pub struct Replay {
    simulator: Simulator,
    pub(super) pricer: Option<Pricer>,
    pub(super) mapping: Mapping,
    /// The names of the entries' values.
    wanted: Vec<String>,
    details_path: Option<String>,
    pub(super) keys: [Vec<u8>; 4],
    pub(super) tally: Tally,
    /// Where the callers of these numbers are among the organizations.
    places: Vec<Option<usize>>,
    departures: BinaryHeap<Reverse<Departure>>,
    pub(super) outgoing: Outgoing,
    /// The end of the last call, to be written over.
    ending: Ending,
    pub(super) priced_by_body: BTreeSet<String>,
    pub(super) priced_by_head: BTreeSet<String>,
    /// Whether calls are sent without any headers but those that say who calls.
    pub(super) without_headers: bool,
    /// The header that settles a kind of calls.
    pub(super) settling: BTreeMap<String, String>,
    talk: Talk,
}

/// What those are called whom lines do not name, and those that are not told apart.
const NOBODY: &str = "(nobody)";
const OTHERS: &str = "(others)";

/// Why a call is refused that the module holds until its client gives up.
pub(super) const HELD: &str = "held by the module";

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
            tally: Tally::default(),
            places: Vec::new(),
            departures: BinaryHeap::new(),
            outgoing: Outgoing::new(&mapping.request, wanted),
            ending: Ending::default(),
            priced_by_body: BTreeSet::new(),
            priced_by_head: BTreeSet::new(),
            without_headers: mapping.request.headers.is_empty(),
            settling: BTreeMap::new(),
            talk: Talk::default(),
        }
    }

    /// Has calls that are refused for too many at once priced by another simulation of the same plugin, in which no two calls are in progress at
    /// once. It is started so when it is needed, with a configuration that lists the organizations that have to be asked for. Without one they are
    /// taken to cost nothing.
    #[must_use]
    pub fn priced_by(mut self, builder: Builder, configuration: Box<ConfigurationOf>) -> Self {
        self.pricer = Some(Pricer::new(builder, configuration));
        self
    }

    /// Counts calls of these kinds that are sent without a body, which decides what they cost.
    #[must_use]
    pub fn with_kinds_priced_by_body(mut self, kinds: BTreeSet<String>) -> Self {
        self.priced_by_body = kinds;
        self
    }

    /// Counts calls of these kinds that are sent without headers, which decide what they cost.
    #[must_use]
    pub fn with_kinds_priced_by_head(mut self, kinds: BTreeSet<String>) -> Self {
        self.priced_by_head = kinds;
        self
    }

    /// Says what answers cost by the headers that settle these kinds of calls, as far as the log has them, and counts calls of those kinds of which it
    /// has none.
    #[must_use]
    pub fn with_settling(mut self, settling: BTreeMap<String, String>) -> Self {
        self.outgoing = self.outgoing.settled_by(&settling, &self.wanted);
        self.settling = settling;
        self
    }

    /// Takes the next call, of which it is said how many of the log came before it, and who made it. One that came before the one before it is
    /// taken at the same time as that.
    ///
    /// # Errors
    ///
    /// When the module dies, or needs what host-sim cannot do.
    pub fn take(
        &mut self,
        number: u64,
        caller: Caller,
        entry: &Entry,
    ) -> Result<(), ForecastError> {
        let outcome = self.try_take(number, caller, entry);
        if let Some(failure) = self.simulator.failure(0) {
            let failure = failure.to_string();
            let trace = self.simulator.take_trace();
            let explained = Explanation::of(&trace, &[]);
            return Err(ForecastError::Died {
                call: named(&self.outgoing.request, entry.started),
                failure,
                place: explained
                    .map(Explanation::into_backtrace)
                    .unwrap_or_default(),
            });
        }
        outcome.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: SimulationError) -> ForecastError {
        ForecastError::Simulation {
            call: named(&self.outgoing.request, self.simulator.now()),
            source: Box::new(source),
        }
    }

    fn try_take(
        &mut self,
        number: u64,
        caller: Caller,
        entry: &Entry,
    ) -> Result<(), SimulationError> {
        self.depart_until(entry.started)?;
        self.advance_to(entry.started);
        let at = self.simulator.now();
        self.outgoing.fill(entry);
        for (namespace, value) in &self.outgoing.metadata {
            self.simulator.set_metadata(namespace, value.clone());
        }
        let place = self.place_of(caller, entry);
        let day = self.day_of(place, at)?;
        let pending = self.simulator.pass(&self.outgoing.request)?;
        let held = !pending.is_forwarded() && !pending.is_answered();
        let bare = self.outgoing.request.body.is_empty();
        let settled = self.outgoing.settled(entry);
        let came = Came {
            at,
            day,
            held,
            bare,
            unsettled: settled.is_empty(),
            price: self.price_of_not_refused(&pending)?,
        };
        if (held || came.price.is_some())
            && let Some(organization) = self.tally.organizations.get_mut(place)
        {
            organization.remember(&self.outgoing);
        }
        if let Some(organization) = self.tally.organizations.get_mut(place) {
            organization.in_progress = organization.in_progress.saturating_add(1);
            let peak = organization.peak_concurrency.max(organization.in_progress);
            organization.peak_concurrency = peak;
        }
        let status = (entry.status != 0).then_some(entry.status);
        let call = if pending.is_answered() {
            self.end(&pending, status, settled, place, came, Some(entry))?;
            None
        } else {
            Some(ReplayedCall {
                pending,
                status,
                settled,
                came,
            })
        };
        self.departures.push(Reverse(Departure {
            at: entry
                .duration
                .and_then(|taken| at.checked_add(taken).ok())
                .unwrap_or(at),
            number,
            organization: place,
            call,
        }));
        self.take_log(number, false, Some(place));
        if number.is_multiple_of(1024) {
            self.simulator.forget_callouts();
        }
        Ok(())
    }

    /// What the call that was just sent would have cost, if its refusal was only noted.
    fn price_of_not_refused(
        &mut self,
        pending: &PendingCall,
    ) -> Result<Option<u64>, SimulationError> {
        let (Some(shadow), Some(path), [verdict, ..]) = (
            &self.mapping.verdicts.shadow,
            &self.details_path,
            &self.keys,
        ) else {
            return Ok(None);
        };
        let is_noted = |verdict: &[u8]| verdict.starts_with(shadow.as_bytes());
        if !pending.is_forwarded() || !self.simulator.has_property(pending, verdict, is_noted) {
            return Ok(None);
        }
        let call = &self.outgoing.request;
        let price = price_of(&mut self.simulator, &self.mapping, path, call)?;
        Ok(price.and_then(|price| price.cost))
    }

    /// Ends the calls that are still in progress: the log has ended.
    ///
    /// # Errors
    ///
    /// As [`take`](Self::take).
    pub fn finish(&mut self) -> Result<(), ForecastError> {
        self.depart_until(Timestamp::MAX)
            .map_err(|source| self.failed(source))?;
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
            if let Some(organization) = self.tally.organizations.get_mut(departure.organization) {
                organization.in_progress = organization.in_progress.saturating_sub(1);
            }
            let Some(call) = departure.call else {
                continue;
            };
            self.advance_to(departure.at);
            let Departure {
                organization,
                number,
                ..
            } = departure;
            let ReplayedCall {
                pending,
                status,
                settled,
                came,
            } = call;
            self.end(&pending, status, settled, organization, came, None)?;
            self.take_log(number, true, Some(organization));
        }
        Ok(())
    }

    /// Time passes, in which the module may do something by itself.
    fn advance_to(&mut self, at: Timestamp) {
        self.simulator.advance_to(at);
        self.take_log(0, false, None);
    }

    /// A call ends, of which is kept what came of it; `entry` if the plugin answered it.
    fn end(
        &mut self,
        pending: &PendingCall,
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
            .end_with(pending, answer, &self.keys, &mut ending);
        if ended.is_ok() {
            self.note(organization, came, &ending, entry);
        }
        self.ending = ending;
        ended
    }

    /// Where a caller is among the organizations.
    fn place_of(&mut self, caller: Caller, entry: &Entry) -> usize {
        let Caller { number, who } = caller;
        if let Some(Some(place)) = self.places.get(number) {
            return *place;
        }
        let name = match who {
            Who::Nobody => NOBODY.to_owned(),
            Who::Others => OTHERS.to_owned(),
            Who::Named => {
                let mut name = String::new();
                let organization = Bound::new(&self.mapping.organization, &self.wanted);
                organization.write(&mut name, entry);
                name
            }
        };
        let place = self.tally.organizations.len();
        self.tally.organizations.push(Box::new(Organization {
            name,
            number,
            is_named: who != Who::Nobody,
            ..Organization::default()
        }));
        if self.places.len() <= number {
            self.places.resize(number.saturating_add(1), None);
        }
        if let Some(known) = self.places.get_mut(number) {
            *known = Some(place);
        }
        place
    }

    /// The day of an organization, of which the module is asked when it begins.
    fn day_of(&mut self, place: usize, at: Timestamp) -> Result<usize, SimulationError> {
        let Some(organization) = self.tally.organizations.get(place) else {
            return Ok(0);
        };
        if let Some(day) = organization.today(at) {
            return Ok(day);
        }
        let headers = self.outgoing.request.headers.clone();
        let details = match &self.details_path {
            Some(path) => ask(&mut self.simulator, &self.mapping, path, headers)?,
            None => Details::default(),
        };
        let terms = self.tally.terms(details.terms(at));
        let organization = self.tally.organizations.get_mut(place);
        Ok(organization.map_or(0, |organization| organization.begin_day(at, terms)))
    }

    /// Keeps what the module has logged when a call of the organization at this place came or ended, or by itself.
    fn take_log(&mut self, number: u64, ended: bool, place: Option<usize>) {
        if !self.simulator.has_logged() {
            return;
        }
        let at = self.simulator.now();
        let when = When { at, number, ended };
        let organization = place.and_then(|place| self.tally.organizations.get(place));
        let name = organization.map(|organization| organization.name.as_str());
        let lines = self.simulator.take_log();
        for line in &lines {
            self.talk.hear(at, name, &line.text);
        }
        for line in &lines {
            self.tally.log(when, line);
        }
    }

    /// Whether what the module does for one organization cannot depend on others, as far as can be seen: it has called nobody, and each line
    /// of its log is about the organization whose call it was.
    #[must_use]
    pub fn keeps_apart(&self) -> bool {
        self.talk.is_of_each() && !self.simulator.has_reached_out()
    }

    /// What the module has written to shared data.
    #[must_use]
    pub fn written(&self) -> Vec<Written> {
        self.simulator.written()
    }

    /// What came of the calls.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// What came of the calls, of which there will be no more.
    #[must_use]
    pub fn into_tally(mut self) -> Tally {
        self.tally.missing_services = self.simulator.calls_to_missing_services();
        self.tally.unit = self.mapping.details.unit;
        self.tally.words = self.mapping.verdicts.words;
        self.tally
    }
}

fn named(request: &Request, at: Timestamp) -> String {
    format!("{} {} at {at}", request.method, request.path)
}
