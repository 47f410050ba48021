//! What is kept of one organization while a log is replayed.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::outgoing::Outgoing;
use super::reasons::Reasons;
use super::series::Series;
use super::sources::{Place, Source};

/// An organization.
#[derive(Clone, Debug, Default)]
pub struct Organization {
    /// Its name in the log.
    pub name: String,
    /// Whether lines name it. One record is kept for all calls that name no organization.
    pub is_named: bool,
    /// Its days, in order.
    pub days: Vec<Day>,
    /// Its calls by what kind they were.
    pub operations: Vec<(Arc<str>, Operation)>,
    /// Its refused calls by reason.
    pub refusals: Reasons,
    /// The first call that was refused.
    pub first_refusal: Option<Box<FirstRefusal>>,
    /// The most calls that were in progress at the same time, by the log's own durations, refused ones as well.
    pub peak_concurrency: u64,
    /// Over time.
    pub series: Series,
    /// Its number on the roll.
    pub(super) number: usize,
    pub(super) in_progress: u64,
    /// How the module knows it, of one that may have been refused a call.
    pub(super) sent: Option<Box<Sent>>,
}

/// How the module knows an organization.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent {
    pub(super) headers: Vec<(String, String)>,
    /// What filters before the module say of it, by namespace.
    pub(super) metadata: Vec<(String, Value)>,
}

/// A day of an organization, as the module counts days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
pub struct Day {
    /// When its first call came.
    #[cfg_attr(feature = "command", schemars(with = "Option<String>"))]
    pub from: Option<Timestamp>,
    /// Under which terms.
    #[serde(flatten, serialize_with = "shared")]
    #[cfg_attr(feature = "command", schemars(with = "Terms"))]
    pub terms: Arc<Terms>,
    /// Calls that came.
    pub calls: u64,
    /// Those that were refused.
    pub refused: u64,
    /// Those of them that a higher limit would have spared.
    pub refused_by_cost: u64,
    /// Those of them that a higher concurrency limit would have spared.
    pub refused_by_concurrency: u64,
    /// What its calls were charged.
    pub cost: u64,
    /// What the refused ones would have cost, as far as the module tells: those refused for want of credits by its refusal, those refused for
    /// too many calls at once by what the same call costs alone, and those whose refusal was only noted by its answer to the question for the
    /// price. Each counts in full, even one that the log says has failed.
    pub cost_refused: u64,
}

/// The terms of a day, which many organizations have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
pub struct Terms {
    /// When it ended, if the module tells.
    #[cfg_attr(feature = "command", schemars(with = "Option<String>"))]
    pub ends: Option<Timestamp>,
    /// The plan in force.
    pub plan: Option<String>,
    /// How much may be used.
    pub limit: Option<u64>,
    /// How much of that is only there because of what used to be.
    pub protection: Option<u64>,
    /// How much of it was bought.
    pub purchased: Option<u64>,
    /// How much can be bought.
    pub purchasable: Option<u64>,
    /// How many calls may be in progress.
    pub concurrency: Option<u64>,
}

/// What the calls of one kind came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
pub struct Operation {
    /// How many.
    pub calls: u64,
    /// What they were charged.
    pub cost: u64,
    /// How many were refused.
    pub refused: u64,
}

/// A refused call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
pub struct FirstRefusal {
    /// When it came.
    #[cfg_attr(feature = "command", schemars(with = "String"))]
    pub at: Timestamp,
    /// Why it was refused.
    pub reason: String,
    /// Its method and path; not kept of calls whose refusal was only noted.
    pub call: Option<String>,
}

/// The most kinds of calls that are told apart for one organization.
const MOST_OPERATIONS: usize = 200;

/// Up to how many days and kinds of calls of one organization take no more room than they need.
const FEW: usize = 8;

/// What the others are called.
const OTHERS: &str = "(others)";

impl Organization {
    /// Keeps how the module knows it, if that is not known yet: most are never asked for again.
    pub(super) fn remember(&mut self, outgoing: &Outgoing) {
        self.sent.get_or_insert_with(|| {
            Box::new(Sent {
                headers: outgoing.request.headers.clone(),
                metadata: outgoing.metadata.clone(),
            })
        });
    }

    /// Whether its calls state one of these facts, as far as it is known how the module knows it.
    #[must_use]
    pub fn states(&self, facts: &[Source]) -> bool {
        let Some(sent) = &self.sent else {
            return false;
        };
        facts.iter().any(|fact| match &fact.place {
            Place::Header(name) => {
                let mut headers = sent.headers.iter();
                headers.any(|(known, value)| known.eq_ignore_ascii_case(name) && !value.is_empty())
            }
            Place::Metadata(namespace, path) => {
                let mut said = sent.metadata.iter().filter(|(known, _)| known == namespace);
                said.any(|(_, value)| {
                    let mut path = path.iter();
                    let found = path.try_fold(value, |at, member| at.get(member));
                    found.is_some_and(|found| !found.is_null() && found != "")
                })
            }
            Place::Property(_) => false,
        })
    }

    /// All days together.
    fn sum(&self, of: impl Fn(&Day) -> u64) -> u64 {
        self.days.iter().map(of).fold(0, u64::saturating_add)
    }

    /// How many calls came.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.sum(|day| day.calls)
    }

    /// How many were refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.sum(|day| day.refused)
    }

    /// How many were refused that a higher limit would have spared.
    #[must_use]
    pub fn refused_by_cost(&self) -> u64 {
        self.sum(|day| day.refused_by_cost)
    }

    /// How many were refused that a higher concurrency limit would have spared.
    #[must_use]
    pub fn refused_by_concurrency(&self) -> u64 {
        self.sum(|day| day.refused_by_concurrency)
    }

    /// What its calls were charged.
    #[must_use]
    pub fn cost(&self) -> u64 {
        self.sum(|day| day.cost)
    }

    /// The day on which it came nearest to its limit or farthest beyond; without limits, the most expensive one.
    #[must_use]
    pub fn worst_day(&self) -> Option<&Day> {
        self.days.iter().max_by(|a, b| {
            let key = |day: &Day| {
                let limit = i128::from(day.terms.limit.unwrap_or(u64::MAX));
                i128::from(day.need()).saturating_sub(limit)
            };
            key(a).cmp(&key(b))
        })
    }

    /// How much more a day would have been enough.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.days.iter().map(Day::missing).max().unwrap_or(0)
    }

    /// The newest day, if it lasts at that instant.
    pub(super) fn today(&self, at: Timestamp) -> Option<usize> {
        let day = self.days.last()?;
        let lasts = match day.terms.ends {
            Some(ends) => at < ends,
            None => day.from.is_some_and(|from| utc_day(from) == utc_day(at)),
        };
        lasts.then(|| self.days.len().saturating_sub(1))
    }

    /// Another day begins, under these terms.
    pub(super) fn begin_day(&mut self, from: Timestamp, terms: Arc<Terms>) -> usize {
        // Most have few.
        self.days.reserve_exact(usize::from(self.days.len() < FEW));
        self.days.push(Day {
            from: Some(from),
            terms,
            ..Day::default()
        });
        self.days.len().saturating_sub(1)
    }

    /// The record of a kind of calls; `name` finds that for those that are not known yet.
    pub(super) fn operation(
        &mut self,
        kind: &str,
        name: impl FnOnce(&str) -> Arc<str>,
    ) -> Option<&mut Operation> {
        let place = |operations: &[(Arc<str>, Operation)], kind: &str| {
            operations.iter().position(|(known, _)| **known == *kind)
        };
        let mut known = place(&self.operations, kind);
        if known.is_none() {
            let is_full = self.operations.len() >= MOST_OPERATIONS;
            let kind = if is_full { OTHERS } else { kind };
            known = place(&self.operations, kind).or_else(|| {
                self.operations
                    .reserve_exact(usize::from(self.operations.len() < FEW));
                self.operations.push((name(kind), Operation::default()));
                Some(self.operations.len().saturating_sub(1))
            });
        }
        let (_, operation) = self.operations.get_mut(known?)?;
        Some(operation)
    }
}

impl Day {
    /// How much more would have been enough. Where all calls together cost no more than the limit, because some of it was given back, at no
    /// time more is missing than what the refused calls would have been charged.
    fn missing(&self) -> u64 {
        let missing = self
            .need()
            .saturating_sub(self.terms.limit.unwrap_or(u64::MAX));
        if missing == 0 && self.refused_by_cost > 0 {
            return self.cost_refused;
        }
        missing
    }

    /// What all calls would have cost: those that were let pass, and the refused ones as far as their cost is told.
    #[must_use]
    pub fn need(&self) -> u64 {
        self.cost.saturating_add(self.cost_refused)
    }
}

fn shared<S: Serializer>(terms: &Arc<Terms>, serializer: S) -> Result<S::Ok, S::Error> {
    terms.serialize(serializer)
}

fn utc_day(at: Timestamp) -> i64 {
    at.as_second().div_euclid(86_400)
}
