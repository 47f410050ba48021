//! What a replay came to, ready to be shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::organization::{Day, FirstRefusal, Operation, Organization};
use super::reasons::Reasons;
use super::remedy::Remedy;
use super::series::Series;
use super::tally::Tally;

/// What one configuration would have done.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
pub struct Forecast {
    /// What it is called: the file of the configuration.
    pub name: String,
    /// All calls.
    pub calls: u64,
    /// Those that were refused.
    pub refused: u64,
    /// Those of them that the module did not refuse: it only noted that it would have.
    pub noted: u64,
    /// What the others were charged.
    pub cost: u64,
    /// What costs and limits are counted in, if the mapping says.
    pub unit: Option<String>,
    /// How many organizations had a call refused.
    pub organizations_refused: usize,
    /// The calls that name no organization, if there are any.
    pub nobody: Option<Prospect>,
    /// Calls that are priced by their body and were sent without one, so that the least was charged.
    pub without_body: u64,
    /// Calls among whose prices headers or claims decide, and that were sent without any.
    pub without_head: u64,
    /// Calls that were charged their estimate, because the log does not tell what their answer said of their cost.
    pub unsettled: u64,
    /// How many calls the module made to services of which nothing is known, by cluster. The host refused them.
    pub missing_services: BTreeMap<String, u64>,
    /// What people read in place of the reasons of refusals.
    pub words: BTreeMap<String, String>,
    /// Every organization: those that need most first. There may be very many: each is made of one that is given up at once.
    pub organizations: Vec<Box<Prospect>>,
    /// All of them together, over time.
    pub series: Series,
    /// How many lines the module logged.
    pub lines_logged: u64,
    /// The first of them.
    pub logged: Vec<String>,
}

/// What is in prospect for an organization.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
pub struct Prospect {
    /// Its name.
    pub organization: String,
    /// Its plan on the worst day.
    pub plan: Option<String>,
    /// Its calls.
    pub calls: u64,
    /// Those that were refused.
    pub refused: u64,
    /// What the others were charged, on all days.
    pub cost: u64,
    /// What it might use on the day on which it needed most.
    pub limit: Option<u64>,
    /// What it used then.
    pub used: u64,
    /// What all its calls of that day would have cost.
    pub need: u64,
    /// `need` in percent of `limit`.
    pub share: Option<u64>,
    /// How much of the limit is only there because of what used to be.
    pub protection: Option<u64>,
    /// Whether it needed some of that.
    pub protected: bool,
    /// The most calls in progress at once.
    pub peak_concurrency: u64,
    /// How many may be.
    pub concurrency: Option<u64>,
    /// The first refused call.
    pub first_refusal: Option<Box<FirstRefusal>>,
    /// Refused calls by reason.
    pub refusals: Reasons,
    /// What would have been enough.
    pub remedy: Option<Remedy>,
    /// Its calls by kind, the most expensive first.
    #[serde(serialize_with = "by_name")]
    #[cfg_attr(feature = "command", schemars(with = "Vec<(String, Operation)>"))]
    pub operations: Vec<(Arc<str>, Operation)>,
    /// Its days.
    pub days: Vec<Day>,
    /// Over time.
    pub series: Series,
}

/// What another configuration changes for an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
pub struct Change {
    /// Its name.
    pub organization: String,
    /// What it was charged, under the one and the other.
    pub cost: (u64, u64),
    /// Its refused calls.
    pub refused: (u64, u64),
    /// Its limits.
    pub limit: (Option<u64>, Option<u64>),
    /// Whether it needed what only former terms give.
    pub protected: (bool, bool),
}

impl Forecast {
    /// What a replay came to that has ended.
    #[must_use]
    pub fn new(name: &str, tally: Tally, mut remedies: BTreeMap<usize, Remedy>) -> Self {
        let (lines_logged, logged) = tally.logged();
        let mut nobody = None;
        let mut organizations = Vec::with_capacity(tally.organizations.len());
        for (place, organization) in tally.organizations.into_iter().enumerate() {
            if organization.is_named {
                organizations.push(Box::new(Prospect::new(
                    *organization,
                    remedies.remove(&place),
                )));
            } else {
                nobody = Some(Prospect::new(*organization, None));
            }
        }
        organizations.sort_unstable_by(|a, b| {
            let missing = |of: &Prospect| of.need.saturating_sub(of.limit.unwrap_or(u64::MAX));
            let key = |of: &Prospect| (of.refused > 0, missing(of), of.refused, of.share, of.cost);
            key(b)
                .cmp(&key(a))
                .then_with(|| a.organization.cmp(&b.organization))
        });
        let all = || organizations.iter().map(Box::as_ref).chain(&nobody);
        let sum = |of: fn(&Prospect) -> u64| all().map(of).sum();
        Self {
            name: name.to_owned(),
            calls: sum(|of| of.calls),
            refused: sum(|of| of.refused),
            noted: tally.noted,
            cost: sum(|of| of.cost),
            unit: tally.unit,
            organizations_refused: organizations.iter().filter(|of| of.refused > 0).count(),
            without_body: tally.without_body,
            without_head: tally.without_head,
            unsettled: tally.unsettled,
            missing_services: tally.missing_services,
            words: tally.words,
            series: tally.series,
            organizations,
            nobody,
            lines_logged,
            logged,
        }
    }

    /// Whether anything can be said of what would have spared an organization its refusals. Modules without limits and plans tell nothing of it.
    #[must_use]
    pub fn has_remedies(&self) -> bool {
        self.organizations.iter().any(|of| of.remedy.is_some())
    }

    /// The reason of a refusal in words, where the mapping has any.
    #[must_use]
    pub fn said<'r>(&'r self, reason: &'r str) -> &'r str {
        self.words.get(reason).map_or(reason, String::as_str)
    }

    /// What the other configuration changes: organizations that it lets be refused more often or less, charges otherwise, or gives
    /// another limit; those with the greatest change of refusals first.
    #[must_use]
    pub fn changes(&self, other: &Self) -> Vec<Change> {
        let others: BTreeMap<_, _> = other
            .organizations
            .iter()
            .map(|of| (of.organization.as_str(), of))
            .collect();
        let mut changes: Vec<_> = self
            .organizations
            .iter()
            .filter_map(|one| {
                let two = others.get(one.organization.as_str())?;
                let change = Change {
                    organization: one.organization.clone(),
                    cost: (one.cost, two.cost),
                    refused: (one.refused, two.refused),
                    limit: (one.limit, two.limit),
                    protected: (one.protected, two.protected),
                };
                let same =
                    one.cost == two.cost && one.refused == two.refused && one.limit == two.limit;
                (!same || one.protected != two.protected).then_some(change)
            })
            .collect();
        changes.sort_by_key(|change| {
            let (one, two) = change.refused;
            std::cmp::Reverse((one.abs_diff(two), change.cost.0.abs_diff(change.cost.1)))
        });
        changes
    }
}

impl Prospect {
    fn new(organization: Organization, remedy: Option<Remedy>) -> Self {
        let worst = organization.worst_day();
        let limit = worst.and_then(|day| day.terms.limit);
        let need = worst.map_or(0, Day::need);
        let protection = worst.and_then(|day| day.terms.protection);
        let without = limit
            .zip(protection)
            .map(|(limit, part)| limit.saturating_sub(part));
        let percent = |limit: u64| need.saturating_mul(100).checked_div(limit);
        let mut prospect = Self {
            plan: worst.and_then(|day| day.terms.plan.clone()),
            calls: organization.calls(),
            refused: organization.refused(),
            cost: organization.cost(),
            limit,
            used: worst.map_or(0, |day| day.cost),
            need,
            share: limit.and_then(percent),
            protection,
            protected: without.is_some_and(|without| need > without),
            peak_concurrency: organization.peak_concurrency,
            concurrency: worst.and_then(|day| day.terms.concurrency),
            remedy,
            organization: organization.name,
            first_refusal: organization.first_refusal,
            refusals: organization.refusals,
            operations: organization.operations,
            days: organization.days,
            series: organization.series,
        };
        prospect.operations.sort_by(|(a, of_a), (b, of_b)| {
            let key = |of: &Operation| (of.cost, of.calls);
            key(of_b).cmp(&key(of_a)).then_with(|| a.cmp(b))
        });
        prospect
    }
}

/// Kinds of calls as pairs of a name and what they came to.
fn by_name<S: Serializer>(
    operations: &[(Arc<str>, Operation)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(operations.iter().map(|(name, of)| (&**name, of)))
}
