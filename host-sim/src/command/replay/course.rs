//! The course of a replay: all calls of the logs, on one thread or on several.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use host_sim::access_log::Entry;
use host_sim::forecast::{Mapping, Roll, Tally};

use super::calls::{Calls, Progress};
use super::crew::{Crew, Outcome};
use super::feed::Feed;
use super::shift::{Matter, Shift};
use super::summary::LogSummary;

/// Replays all calls under each configuration that is tried, until somebody interrupts it.
pub(super) fn replay(
    calls: &Calls<'_>,
    matter: Matter<'_>,
    interrupted: &Arc<AtomicBool>,
) -> anyhow::Result<(Vec<Tally>, LogSummary)> {
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
) -> anyhow::Result<(Vec<Tally>, LogSummary)> {
    let mut log = LogSummary::default();
    let mut shift: Option<Shift> = None;
    let mut roll = roll(matter);
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
        if matter.concerns(caller) {
            shift.take(log.calls, caller, &entry)?;
        }
        feed.take_back(entry);
        Ok(())
    };
    let (feed, reordering) = calls.hand_over(Arc::clone(interrupted), &mut take)?;
    log.finish(feed, &reordering);
    let done = shift.map_or_else(|| Ok(Vec::new()), Shift::end)?;
    let tallies = done.into_iter().map(|done| done.tally);
    Ok((tallies.collect(), log))
}

/// On several threads, among which the organizations are divided; `None` if those may depend on each other.
fn divided(
    calls: &Calls<'_>,
    matter: Matter<'_>,
    interrupted: &Arc<AtomicBool>,
) -> anyhow::Result<Option<(Vec<Tally>, LogSummary)>> {
    let mut log = LogSummary::default();
    let dependent = AtomicBool::new(false);
    let mut roll = roll(matter);
    let mut progress = Progress::new();
    thread::scope(|scope| {
        let mut crew: Option<Crew<'_, '_>> = None;
        let mut ended = false;
        let mut take = |entry: Entry, feed: &mut Feed| {
            log.count(&entry);
            if log.calls.is_multiple_of(8192) {
                progress.show(feed);
            }
            let first = entry.started;
            let crew = crew.get_or_insert_with(|| Crew::begin(scope, matter, first, &dependent));
            let caller = roll.caller(&entry);
            // Once it is for nothing, the rest is only read: what comes on the standard input can then be read again.
            if ended || dependent.load(Ordering::Relaxed) || !matter.concerns(caller) {
                feed.take_back(entry);
            } else {
                ended = !crew.put(log.calls, caller, roll.name(), entry, feed);
            }
            Ok(())
        };
        let (mut feed, reordering) = calls.hand_over(Arc::clone(interrupted), &mut take)?;
        let outcome = match crew {
            Some(crew) => crew.end(&mut feed)?,
            None => Outcome::Tallies(Vec::new()),
        };
        log.finish(feed, &reordering);
        Ok(match outcome {
            Outcome::Tallies(tallies) => Some((tallies, log)),
            Outcome::Dependent => None,
        })
    })
}

/// Nobody has called yet.
fn roll(matter: Matter<'_>) -> Roll {
    let first = matter.tried.first();
    let mapping = first.map_or_else(Mapping::default, |tried| tried.candidate.mapping.clone());
    Roll::new(&mapping, matter.wanted)
}
