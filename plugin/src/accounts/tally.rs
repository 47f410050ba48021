//! The tally: what one worker has counted and not yet put into the shared statistics.
//!
//! A call adds to the memory of its worker, which costs no hostcall; every tick moves what has gathered into shared data. What could
//! not be written stays for the next time, so that nothing is lost and nothing is counted twice. What is of a day that is over goes into the
//! [history](super::history).

use std::{collections::HashMap, rc::Rc};

use super::{
    history::History,
    statistics::{Event, Statistics, UnreadableStatistics},
};
use crate::{
    accounts::{
        holder::AccountHolder,
        ledger::AccountKey,
        shared_data::{Change, HostRefused, NotChanged, SharedData, change},
    },
    model::{client::ClientId, day::DayNumber, spread::BuildSpread},
};

/// What one worker has counted, by account. It outlives a configuration: events carry the names of their rules.
#[derive(Debug, Default)]
pub struct Tally {
    pending: HashMap<AccountKey, Pending, BuildSpread>,
    /// What was counted on a day that is over.
    former: Vec<Pending>,
    /// What is to go into the history, and was told when it was written before.
    passed: Vec<Pending>,
}

/// What has gathered for one account.
#[derive(Debug)]
struct Pending {
    holder: Rc<AccountHolder>,
    statistics: Statistics,
}

/// What came of writing a tally.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flushed {
    /// Accounts whose statistics were written.
    pub written: u32,
    /// How many times another worker was faster.
    pub retries: u32,
    /// Accounts whose statistics were not written, to be tried again with the next flush.
    pub kept: u32,
    /// What kept the last of them.
    pub trouble: Option<StatisticsError>,
}

/// Why statistics could not be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatisticsError {
    /// Other workers were faster each time.
    #[error("another worker was faster {attempts} times")]
    Contended {
        /// How often it was tried.
        attempts: u32,
    },
    /// What is stored are no statistics.
    #[error("the stored statistics are unreadable: {0}")]
    Unreadable(#[from] UnreadableStatistics),
    /// The host refused a call.
    #[error(transparent)]
    Refused(#[from] HostRefused),
}

impl Tally {
    /// How often a write is tried. There is another flush soon, so it need not outlast many workers.
    pub const ATTEMPTS: u32 = 16;

    /// The most days of accounts that wait for their place in a history.
    const MOST_PASSED: usize = 100_000;

    /// Counts `event` for `holder` and its client on `day`: the day of the account that was charged or looked at.
    pub fn add(
        &mut self,
        holder: &Rc<AccountHolder>,
        day: DayNumber,
        client: Option<&ClientId>,
        event: Event<'_>,
    ) {
        if let Some(pending) = self.pending.get_mut(&holder.key) {
            if pending.statistics.day() < day {
                let former = std::mem::replace(&mut pending.statistics, Statistics::opened(day));
                let holder = Rc::clone(holder);
                self.former.push(Pending {
                    holder,
                    statistics: former,
                });
            }
            pending.statistics.add(client, event);
            return;
        }
        let mut statistics = Statistics::opened(day);
        statistics.add(client, event);
        let holder = Rc::clone(holder);
        let key = holder.key.clone();
        self.pending.insert(key, Pending { holder, statistics });
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.former.is_empty() && self.passed.is_empty()
    }

    /// Moves everything into shared data, and tells `written` of each holder what was moved.
    pub fn flush(
        &mut self,
        data: &impl SharedData,
        mut written: impl FnMut(&Rc<AccountHolder>, &Statistics),
    ) -> Flushed {
        let mut flushed = Flushed::default();
        let mut passed = std::mem::take(&mut self.passed);
        let mut keeps = |Pending { holder, statistics }: &Pending| {
            let key = holder.key.as_str();
            match write(data, key, statistics, &mut flushed.retries) {
                Ok(before) => {
                    written(holder, statistics);
                    flushed.written = flushed.written.saturating_add(1);
                    let holder = Rc::clone(holder);
                    passed.extend(before.map(|statistics| Pending { holder, statistics }));
                    false
                }
                Err(error) => {
                    flushed.kept = flushed.kept.saturating_add(1);
                    flushed.trouble = Some(error);
                    true
                }
            }
        };
        self.former.retain(&mut keeps);
        self.pending.retain(|_, pending| keeps(pending));
        passed.retain(|Pending { holder, statistics }| {
            let key = holder.key.as_str();
            let kept = pass(data, key, statistics, &mut flushed.retries);
            if let Err(error) = kept {
                flushed.kept = flushed.kept.saturating_add(1);
                flushed.trouble = Some(error);
            }
            kept.is_err()
        });
        let too_many = passed.len().saturating_sub(Self::MOST_PASSED);
        passed.drain(..too_many);
        self.passed = passed;
        flushed
    }

    /// The same as [`Self::read`], and the days before `today`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn history(
        &self,
        key: &AccountKey,
        today: DayNumber,
        data: &impl SharedData,
    ) -> Result<(Statistics, History), StatisticsError> {
        let stored = data.get(&[key.as_str(), History::BELOW].concat())?;
        let stored = stored.map(|stored| stored.value).unwrap_or_default();
        let mut history = History::from_record(&stored)?;
        let statistics = self.latest(key, data)?;
        // Nobody has called today yet.
        if let Some(last) = &statistics {
            history = history.with(last);
        }
        for Pending { holder, statistics } in self.former.iter().chain(&self.passed) {
            if holder.key == *key {
                history = history.with(statistics);
            }
        }
        Ok((self.as_of(today, key, statistics), history.before(today)))
    }

    /// The statistics of the account at `key` as of `today`: what all workers have written and what this one has not. What other
    /// workers have not written yet is missing.
    ///
    /// # Errors
    /// When what is stored are no statistics, or the host refuses the call.
    pub fn read(
        &self,
        key: &AccountKey,
        today: DayNumber,
        data: &impl SharedData,
    ) -> Result<Statistics, StatisticsError> {
        let statistics = self.latest(key, data)?;
        Ok(self.as_of(today, key, statistics))
    }

    /// What all workers have written of the last day on which there was something.
    fn latest(
        &self,
        key: &AccountKey,
        data: &impl SharedData,
    ) -> Result<Option<Statistics>, StatisticsError> {
        let stored = data.get(&stored_at(key.as_str()))?;
        let stored = stored.map(|stored| stored.value).unwrap_or_default();
        Ok(statistics(&stored)?)
    }

    /// What was written as of `today`, with what this worker has not written.
    fn as_of(
        &self,
        today: DayNumber,
        key: &AccountKey,
        statistics: Option<Statistics>,
    ) -> Statistics {
        let mut statistics = statistics.unwrap_or_else(|| Statistics::opened(today));
        if let Some(pending) = self.pending.get(key) {
            statistics.merge(&pending.statistics);
        }
        statistics.on(today)
    }
}

/// Where the statistics of the account at `account` are: no account is there, because ids hold no `/`.
fn stored_at(account: &str) -> String {
    [account, Statistics::BELOW].concat()
}

/// The statistics whose record is `stored`; `None` where there are no bytes.
fn statistics(stored: &[u8]) -> Result<Option<Statistics>, UnreadableStatistics> {
    if stored.is_empty() {
        return Ok(None);
    }
    Statistics::from_record(stored).map(Some)
}

/// Merges `pending` into what is stored, once. Returns what is of a day that is over, and belongs into the history.
fn write(
    data: &impl SharedData,
    account: &str,
    pending: &Statistics,
    retries: &mut u32,
) -> Result<Option<Statistics>, StatisticsError> {
    let changed = change(data, &stored_at(account), Tally::ATTEMPTS, |stored| {
        if let Some(record) = Statistics::added_to(stored, pending) {
            return Ok(Change::Store(record, None));
        }
        Ok(match statistics(stored)? {
            None => Change::Store(pending.to_record(), None),
            Some(known) if known.day() < pending.day() => {
                Change::Store(pending.to_record(), Some(known))
            }
            Some(known) if known.day() > pending.day() && !known.is_far_ahead_of(pending.day()) => {
                Change::Keep(Some(pending.clone()))
            }
            Some(mut known) => {
                known.merge(pending);
                Change::Store(known.to_record(), None)
            }
        })
    });
    *retries = retries.saturating_add(changed.retries);
    changed.result.map_err(StatisticsError::from)
}

/// Adds a day to the history.
fn pass(
    data: &impl SharedData,
    account: &str,
    day: &Statistics,
    retries: &mut u32,
) -> Result<(), StatisticsError> {
    let key = [account, History::BELOW].concat();
    let changed = change(data, &key, Tally::ATTEMPTS, |stored| {
        // One that cannot be read begins anew, rather than be tried for ever.
        let history = History::from_record(stored).unwrap_or_default().with(day);
        Ok::<_, UnreadableStatistics>(Change::Store(history.to_record(), ()))
    });
    *retries = retries.saturating_add(changed.retries);
    changed.result.map_err(StatisticsError::from)
}

impl From<NotChanged<UnreadableStatistics>> for StatisticsError {
    fn from(why: NotChanged<UnreadableStatistics>) -> Self {
        match why {
            NotChanged::Stopped(unreadable) => Self::Unreadable(unreadable),
            NotChanged::Contended { attempts } => Self::Contended { attempts },
            NotChanged::Refused(refused) => refused.into(),
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
pub(crate) mod tests;
