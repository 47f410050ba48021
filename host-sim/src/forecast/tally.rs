//! What is kept of all calls of a log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::organization::{Organization, Terms};
use super::series::Series;
use crate::model::LogLine;

/// The most lines of the module's log that are kept.
const MOST_LOGGED: usize = 20;

/// When something happened: at that time, when the call of that number came or, after that, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct When {
    pub(super) at: Timestamp,
    pub(super) number: u64,
    pub(super) ended: bool,
}

/// What came of the calls, of all organizations or of some.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// In the order of their numbers.
    #[expect(
        clippy::vec_box,
        reason = "there may be very many, and room for as many again would be as large"
    )]
    pub(super) organizations: Vec<Box<Organization>>,
    /// The names of kinds of calls and of reasons, each once.
    pub(super) texts: BTreeSet<Arc<str>>,
    /// The terms of days, each once.
    pub(super) terms: BTreeSet<Arc<Terms>>,
    pub(super) series: Series,
    pub(super) without_body: u64,
    pub(super) without_head: u64,
    pub(super) noted: u64,
    pub(super) unsettled: u64,
    /// How many calls the module made to each service of which nothing is known.
    pub(super) missing_services: BTreeMap<String, u64>,
    logged: u64,
    first_logged: Vec<(When, String)>,
    pub(super) unit: Option<String>,
    pub(super) words: BTreeMap<String, String>,
}

impl Tally {
    /// What came of all calls where each of these knows some of the organizations, and no two the same.
    #[must_use]
    pub fn of(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut parts = parts.into_iter();
        let mut all = parts.next().unwrap_or_default();
        for part in parts {
            all.organizations.extend(part.organizations);
            all.series.add(&part.series);
            all.without_body = all.without_body.saturating_add(part.without_body);
            all.without_head = all.without_head.saturating_add(part.without_head);
            all.noted = all.noted.saturating_add(part.noted);
            all.unsettled = all.unsettled.saturating_add(part.unsettled);
            for (service, calls) in part.missing_services {
                let sum = all.missing_services.entry(service).or_default();
                *sum = sum.saturating_add(calls);
            }
            all.logged = all.logged.saturating_add(part.logged);
            all.first_logged.extend(part.first_logged);
        }
        all.first_logged.sort_by_key(|(when, _)| *when);
        all.first_logged.truncate(MOST_LOGGED);
        all.organizations
            .sort_unstable_by_key(|organization| organization.number);
        all
    }

    /// What is known of every organization, in the order of their first calls.
    #[must_use]
    pub fn organizations(&self) -> &[Box<Organization>] {
        &self.organizations
    }

    /// What is known of the organization of this number on the roll.
    #[must_use]
    pub fn organization(&self, number: usize) -> Option<&Organization> {
        let place = self
            .organizations
            .binary_search_by_key(&number, |organization| organization.number);
        self.organizations.get(place.ok()?).map(Box::as_ref)
    }

    /// These terms, which are kept once.
    pub(super) fn terms(&mut self, terms: Terms) -> Arc<Terms> {
        once(&mut self.terms, &terms, |terms| Arc::new(terms.clone()))
    }

    /// How many lines the module logged, and the first of them.
    #[must_use]
    pub fn logged(&self) -> (u64, Vec<String>) {
        let first = self.first_logged.iter().map(|(_, line)| line.clone());
        (self.logged, first.collect())
    }

    /// The module logged a line.
    pub(super) fn log(&mut self, when: When, line: &LogLine) {
        self.logged = self.logged.saturating_add(1);
        if self.first_logged.len() < MOST_LOGGED {
            self.first_logged.push((when, line.to_string()));
        }
    }
}

/// What is kept of this value once.
pub(super) fn once<T: Ord + ?Sized>(
    all: &mut BTreeSet<Arc<T>>,
    one: &T,
    kept: impl FnOnce(&T) -> Arc<T>,
) -> Arc<T> {
    if let Some(known) = all.get(one) {
        return Arc::clone(known);
    }
    let new = kept(one);
    all.insert(Arc::clone(&new));
    new
}
