//! The overview of all organizations: who there is, what each has used, and until when that suffices.
//!
//! There are the organizations that the configuration lists, those that have been active and are on the [roster](crate::accounts::roster),
//! and, where several proxies share the accounts, those that only the others serve and the engine knows.

use std::{cmp::Ordering, collections::HashMap, rc::Rc};

use jiff::Timestamp;

use crate::{
    accounts::{
        account::{Account, LastingClaim},
        holder::AccountHolder,
        ledger::{AccountKey, Ledger, SharedData},
        roster::Entry,
        worker::Worker,
    },
    decide::{
        meter::{in_progress, of_account},
        policy::{Outsiders, Policy},
    },
    model::{
        calendar_date::CalendarDate,
        credits::Credits,
        data_center::{DEFAULT_NAME, DataCenter},
        day::{Day, DayNumber},
        organization::OrganizationId,
        terms::{Model, Terms},
    },
    outbound::engine::{DayAtEngine, Survey, Surveyed},
    show::overview::{Overview, Row, Sort, View},
};

/// What is known of an organization beside its account.
struct Known {
    key: AccountKey,
    edition: String,
    data_center: Rc<DataCenter>,
    terms: Terms,
    lasting: Option<Rc<LastingClaim>>,
    concurrency: Option<u32>,
    enforced: bool,
}

/// A row, and where the statistics are that are not looked up for all.
struct Found {
    row: Row,
    statistics: Option<(AccountKey, Day)>,
}

impl Policy {
    /// The organizations that `view` asks for, at `now`. `survey` is what the engine knows, where there is one.
    #[must_use]
    pub fn overview(
        &self,
        view: &View,
        worker: &Worker,
        survey: Option<&Survey>,
        now: Timestamp,
        data: &impl SharedData,
    ) -> Overview {
        let (known, is_incomplete) = self.known(now, data);
        let mut found = Vec::new();
        for (account, known) in &known {
            let center = known.data_center.name.as_str();
            if view.finds([account.label.as_str(), &known.edition, center]) {
                let days = survey.and_then(|survey| survey.days.get(account));
                found.push(self.row(&account.label, known, days, now, data));
            }
        }
        // Days that are over are kept at the engine for another one.
        let today = self.earliest_today(now);
        for (account, days) in survey.iter().flat_map(|survey| &survey.days) {
            if !known.contains_key(account)
                && view.finds([account.label.as_str()])
                && let Some(day) = days.iter().max_by_key(|day| day.date)
                && day.date >= today
            {
                found.push(Found::elsewhere(&account.label, day));
            }
        }
        let organizations = found.len();
        if view.sort == Sort::Refused {
            found.iter_mut().for_each(|found| found.count(worker, data));
        }
        found.sort_unstable_by(|one, other| order(view.sort, &one.row, &other.row));
        found.truncate(view.top);
        if view.sort != Sort::Refused {
            found.iter_mut().for_each(|found| found.count(worker, data));
        }
        Overview {
            as_of: now,
            rows: found.into_iter().map(|found| found.row).collect(),
            organizations,
            is_incomplete,
            elsewhere: survey.map(|survey| match &survey.failure {
                None => Ok(()),
                Some(failure) => Err(failure.to_string()),
            }),
        }
    }

    /// The earliest date that it is in any data centre.
    fn earliest_today(&self, now: Timestamp) -> CalendarDate {
        let subscriptions = &self.subscriptions;
        let all = subscriptions.data_centers.values();
        let all = all.chain([&subscriptions.default_data_center]);
        let days = all.map(|data_center| data_center.calendar.day(now).number);
        let earliest = days.min().unwrap_or(DayNumber::new(0));
        CalendarDate::of(earliest)
    }

    /// Every account that this proxy knows of, and whether there are more.
    fn known(&self, now: Timestamp, data: &impl SharedData) -> (HashMap<Surveyed, Known>, bool) {
        let mut known = HashMap::new();
        let listed = self.roster.as_ref().map(|roster| roster.read(data));
        let listed = listed.unwrap_or_default();
        for entry in listed.entries {
            let account = Surveyed {
                shared: entry.shared,
                label: entry.label.clone(),
            };
            if let Some(entered) = self.entered(entry) {
                known.insert(account, entered);
            }
        }
        let shared = [&self.strangers, &self.anonymous];
        let shared = shared.into_iter().filter_map(|outsiders| match outsiders {
            Outsiders::Share(holder) => Some(holder),
            Outsiders::Refuse(_) | Outsiders::Allow => None,
        });
        // What the configuration says now is newer than what was entered.
        for holder in self.organizations.values().chain(shared) {
            let account = Surveyed {
                shared: holder.key.is_shared(),
                label: holder.label.clone(),
            };
            known.insert(account, Known::of(holder, now));
        }
        (known, listed.is_incomplete)
    }

    /// Somebody who is on the roster; `None` for what no worker enters.
    fn entered(&self, entry: Entry) -> Option<Known> {
        let subscriptions = &self.subscriptions;
        let namespace = &subscriptions.namespace;
        let key = if entry.shared {
            AccountKey::shared(namespace, &entry.label)
        } else {
            AccountKey::of(namespace, &OrganizationId::try_from(entry.label).ok()?)
        };
        let data_center = subscriptions.data_centers.get(&entry.data_center);
        let data_center = data_center.unwrap_or(&subscriptions.default_data_center);
        Some(Known {
            key,
            edition: entry.edition,
            data_center: Rc::clone(data_center),
            terms: Terms::new(
                Model::named(&entry.model)?,
                Credits::saturating(entry.total),
            ),
            lasting: None,
            concurrency: entry.concurrency,
            enforced: entry.enforced,
        })
    }

    fn row(
        &self,
        label: &str,
        known: &Known,
        days: Option<&Vec<DayAtEngine>>,
        now: Timestamp,
        data: &impl SharedData,
    ) -> Found {
        let day = known.data_center.calendar.day(now);
        let account = Ledger::new(data).peek(&known.key, day.number);
        let account = account.unwrap_or_else(|_| Account::opened(day.number));
        let date = CalendarDate::of(day.number);
        let at_engine = days.and_then(|days| days.iter().find(|day| day.date == date));
        let lease = self.concurrency.lease;
        let (used, calls) = match at_engine {
            None => (account.used_by_all(), in_progress(&account, lease, now)),
            Some(at_engine) => {
                let used = account.used().checked_add(at_engine.used_elsewhere);
                let here = account.slots().in_progress(lease, now);
                let calls = here.saturating_add(at_engine.calls_elsewhere);
                (used.unwrap_or(Credits::MAX), calls)
            }
        };
        let center = known.data_center.name.as_str();
        let total = of_account(known.terms, &account, known.lasting.as_deref()).total;
        Found {
            row: Row {
                organization: label.to_owned(),
                edition: Some(known.edition.clone()),
                data_center: (center != DEFAULT_NAME).then(|| center.to_owned()),
                model: Some(known.terms.model),
                enforced: known.enforced,
                total: Some(total),
                used,
                in_progress: calls,
                concurrency: known.concurrency,
                refused: 0,
                runs_out_at: day.runs_out_at(used, total, now),
                resets_at: Some(day.end),
            },
            statistics: Some((known.key.clone(), day)),
        }
    }
}

impl Known {
    fn of(holder: &AccountHolder, now: Timestamp) -> Self {
        let terms = holder.schedule.at(now);
        Self {
            key: holder.key.clone(),
            edition: holder.edition.to_string(),
            data_center: Rc::clone(&holder.data_center),
            lasting: holder.lasting_claim(terms, holder.day(now), now),
            terms,
            concurrency: holder.concurrency,
            enforced: holder.enforcement.refuses(),
        }
    }
}

impl Found {
    /// An organization that only other proxies serve.
    fn elsewhere(label: &str, day: &DayAtEngine) -> Self {
        let total = Some(day.allotment).filter(|total| !total.is_zero());
        Self {
            row: Row {
                organization: label.to_owned(),
                edition: None,
                data_center: None,
                model: None,
                enforced: total.is_some(),
                total,
                used: day.used_elsewhere,
                in_progress: day.calls_elsewhere,
                concurrency: None,
                refused: 0,
                runs_out_at: None,
                resets_at: None,
            },
            statistics: None,
        }
    }

    /// Counts the calls that were refused.
    fn count(&mut self, worker: &Worker, data: &impl SharedData) {
        if let Some((key, day)) = &self.statistics {
            let statistics = worker.statistics(key, day.number, data);
            let refusals = statistics.refusals();
            let calls = refusals.named().map(|(_, count)| count.calls);
            self.row.refused = calls.fold(refusals.others().calls, u64::saturating_add);
        }
    }
}

/// The order of two rows, by id where they are otherwise equal.
fn order(sort: Sort, one: &Row, other: &Row) -> Ordering {
    let first = match sort {
        Sort::Share => other.percentage().cmp(&one.percentage()),
        Sort::Used => other.used.cmp(&one.used),
        Sort::InProgress => other.in_progress.cmp(&one.in_progress),
        Sort::Refused => other.refused.cmp(&one.refused),
        // Those first of which nothing is left, then those that run out, then the others.
        Sort::RunsOut => {
            let rank = |row: &Row| {
                let is_out = row.remaining().is_some_and(Credits::is_zero);
                (!is_out, row.runs_out_at.is_none(), row.runs_out_at)
            };
            rank(one).cmp(&rank(other))
        }
        Sort::Organization => Ordering::Equal,
    };
    first.then_with(|| one.organization.cmp(&other.organization))
}

#[cfg(test)]
mod tests;
