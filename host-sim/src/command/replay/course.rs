//! The course of a replay: all calls of the logs, on one thread or on several, or those of some organizations once more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use host_sim::access_log::Entry;
use host_sim::forecast::{Caller, Mapping, Organization, Roll, Tally};
use jiff::Timestamp;

use super::calls::{Calls, Progress};
use super::feed::Feed;
use super::kept::{Keeper, Kept, Take};
use super::shift::{Done, Matter, Shift};
use super::summary::LogSummary;
use super::threads::{Outcome, ReplayThreads};

/// What came of the calls under each configuration, and what is known of the logs.
pub(super) struct Replayed {
    pub(super) tallies: Vec<Tally>,
    pub(super) log: LogSummary,
    /// The calls, unless they were too many to be kept.
    pub(super) kept: Option<Kept>,
}

/// Replays all calls under each configuration that is tried, until somebody interrupts it.
pub(super) fn replay(
    calls: &Calls<'_>,
    matter: Matter<'_>,
    interrupted: &Arc<AtomicBool>,
) -> anyhow::Result<Replayed> {
    if matter.threads > 1
        && let Some(replayed) = divided(calls, matter, interrupted)?
    {
        return Ok(replayed);
    }
    whole(calls, matter, interrupted)
}

/// On this thread.
fn whole(
    calls: &Calls<'_>,
    matter: Matter<'_>,
    interrupted: &Arc<AtomicBool>,
) -> anyhow::Result<Replayed> {
    let mut log = LogSummary::default();
    let mut shift: Option<Shift<'_>> = None;
    let mut roll = roll(matter);
    let mut keeper = Keeper::new();
    let mut progress = Progress::new();
    let mut take = |entry: Entry, feed: &mut Feed| {
        log.count(&entry);
        if log.calls.is_multiple_of(8192) {
            progress.show(feed);
        }
        let shift = match &mut shift {
            Some(shift) => shift,
            None => shift.insert(Shift::begin(matter, entry.started, true)?),
        };
        let caller = roll.caller(&entry);
        keeper.put(log.calls, caller, &entry);
        shift.take(log.calls, caller, &entry)?;
        feed.spare().push(entry);
        Ok(())
    };
    let (feed, reordering) = calls.hand_over(Arc::clone(interrupted), &mut take)?;
    log.finish(feed, &reordering);
    let done = shift.map_or_else(|| Ok(Vec::new()), Shift::end)?;
    Ok(Replayed {
        tallies: tallies_of(done),
        log,
        kept: keeper.into_kept(),
    })
}

/// On several threads, among which the organizations are divided; `None` if those may depend on each other.
fn divided(
    calls: &Calls<'_>,
    matter: Matter<'_>,
    interrupted: &Arc<AtomicBool>,
) -> anyhow::Result<Option<Replayed>> {
    let mut log = LogSummary::default();
    let dependent = AtomicBool::new(false);
    let mut roll = roll(matter);
    let mut keeper = Keeper::new();
    let mut progress = Progress::new();
    thread::scope(|scope| {
        let mut threads: Option<ReplayThreads<'_, '_>> = None;
        let mut ended = false;
        let mut take = |entry: Entry, feed: &mut Feed| {
            log.count(&entry);
            if log.calls.is_multiple_of(8192) {
                progress.show(feed);
            }
            let first = entry.started;
            let threads = threads
                .get_or_insert_with(|| ReplayThreads::begin(scope, matter, first, &dependent));
            let caller = roll.caller(&entry);
            // Once it is for nothing, the rest is only read: what comes on the standard input can then be read again.
            if ended || dependent.load(Ordering::Relaxed) {
                feed.spare().push(entry);
            } else {
                keeper.put(log.calls, caller, &entry);
                ended = !threads.put(log.calls, caller, roll.name(), entry, feed.spare());
            }
            Ok(())
        };
        let (mut feed, reordering) = calls.hand_over(Arc::clone(interrupted), &mut take)?;
        let outcome = match threads {
            Some(threads) => threads.end(feed.spare())?,
            None => Outcome::Tallies(Vec::new()),
        };
        log.finish(feed, &reordering);
        Ok(match outcome {
            Outcome::Tallies(tallies) => Some(Replayed {
                tallies,
                log,
                kept: keeper.into_kept(),
            }),
            Outcome::Dependent => None,
        })
    })
}

/// Calls that have been replayed.
pub(super) struct Again<'a> {
    pub(super) calls: &'a Calls<'a>,
    pub(super) kept: Option<&'a Kept>,
    /// When the first one came.
    pub(super) first: Timestamp,
    /// Who made them.
    pub(super) organizations: &'a [Box<Organization>],
}

impl Again<'_> {
    /// Replays those of them that concern what is tried.
    pub(super) fn replay(&self, matter: Matter<'_>) -> anyhow::Result<Vec<Tally>> {
        if matter.threads > 1
            && let Some(tallies) = self.divided(matter)?
        {
            return Ok(tallies);
        }
        let mut shift = Shift::begin(matter, self.first, true)?;
        let mut take = |number, caller, entry: Entry, spare: &mut Vec<Entry>| {
            shift.take(number, caller, &entry)?;
            spare.push(entry);
            Ok(())
        };
        self.hand_over(matter, &mut take)?;
        Ok(tallies_of(shift.end()?))
    }

    fn divided(&self, matter: Matter<'_>) -> anyhow::Result<Option<Vec<Tally>>> {
        let dependent = AtomicBool::new(false);
        thread::scope(|scope| {
            let mut threads = ReplayThreads::begin(scope, matter, self.first, &dependent);
            let mut ended = false;
            let mut take = |number, caller: Caller, entry, spare: &mut Vec<Entry>| {
                let organization = self.organizations.get(caller.number);
                let name = organization.map_or("", |organization| organization.name.as_str());
                ended = ended || dependent.load(Ordering::Relaxed);
                ended = ended || !threads.put(number, caller, name, entry, spare);
                Ok(())
            };
            self.hand_over(matter, &mut take)?;
            Ok(match threads.end(&mut Vec::new())? {
                Outcome::Tallies(tallies) => Some(tallies),
                Outcome::Dependent => None,
            })
        })
    }

    fn hand_over(&self, matter: Matter<'_>, take: Take<'_>) -> anyhow::Result<()> {
        if let Some(kept) = self.kept {
            return kept.hand_over(&|caller| matter.concerns(caller), take);
        }
        let mut roll = roll(matter);
        let mut number = 0_u64;
        let mut take = |entry: Entry, feed: &mut Feed| {
            number = number.saturating_add(1);
            let caller = roll.caller(&entry);
            if matter.concerns(caller.number) {
                return take(number, caller, entry, feed.spare());
            }
            feed.spare().push(entry);
            Ok(())
        };
        self.calls.hand_over(Arc::default(), &mut take)?;
        Ok(())
    }
}

fn tallies_of(done: Vec<Done>) -> Vec<Tally> {
    done.into_iter().map(|done| done.tally).collect()
}

/// Nobody has called yet.
fn roll(matter: Matter<'_>) -> Roll {
    let first = matter.tried.first();
    let mapping = first.map_or_else(Mapping::default, |tried| tried.candidate.mapping.clone());
    Roll::new(&mapping, matter.wanted)
}
