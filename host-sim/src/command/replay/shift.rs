//! What one thread replays: its organizations' calls, under each configuration.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use host_sim::access_log::Entry;
use host_sim::forecast::{Caller, Replay, Tally};
use host_sim::{Module, Written};
use jiff::Timestamp;

use super::candidate::Candidate;
use super::watchdog::{Watchdog, Work};
use crate::command::started;

/// What is replayed, and how.
#[derive(Clone, Copy)]
pub(super) struct Matter<'m> {
    pub(super) tried: &'m [Tried<'m>],
    pub(super) module: &'m Module,
    /// The names of the entries' values.
    pub(super) wanted: &'m [String],
    /// How long the filter may take.
    pub(super) timeout: Duration,
    /// Among how many threads the organizations are divided.
    pub(super) threads: u16,
}

impl Matter<'_> {
    /// Whether calls of this caller are replayed.
    pub(super) fn concerns(&self, caller: usize) -> bool {
        self.tried.iter().any(|tried| tried.concerns(caller))
    }
}

/// A candidate with some configuration.
#[derive(Clone, Copy)]
pub(super) struct Tried<'m> {
    pub(super) candidate: &'m Candidate,
    pub(super) configuration: &'m Arc<[u8]>,
    /// The organizations of these numbers alone, to try what is recommended to them.
    pub(super) only: Option<&'m BTreeSet<usize>>,
}

impl Tried<'_> {
    fn concerns(&self, caller: usize) -> bool {
        self.only.is_none_or(|only| only.contains(&caller))
    }
}

/// The replays of one thread.
pub(super) struct Shift<'m> {
    tried: &'m [Tried<'m>],
    /// Of each.
    replays: Vec<Replay>,
    watchdog: Watchdog,
}

/// What one of them came to.
pub(super) struct Done {
    pub(super) tally: Tally,
    /// What the filter has written to shared data.
    pub(super) written: Vec<Written>,
    /// Whether what it did for one organization cannot depend on others, as far as can be seen.
    pub(super) kept_apart: bool,
}

impl<'m> Shift<'m> {
    /// Replays that begin when the first call of the log came, on the first thread or on another one.
    pub(super) fn begin(
        matter: Matter<'m>,
        first: Timestamp,
        is_first: bool,
    ) -> anyhow::Result<Self> {
        let watchdog = Watchdog::begin(matter.timeout);
        let replays = matter.tried.iter().map(|tried| {
            let candidate = tried.candidate;
            let builder = candidate.builder(matter.module, tried.configuration);
            let builder = builder.clock(first);
            let pricing = builder.clone();
            let simulator = watchdog.watch(Work::Start, || builder.start_workers());
            let mut simulator = started(simulator, &candidate.plugin)?;
            if !is_first {
                // Each says the same.
                let _ = simulator.take_log();
            }
            let replay = candidate.replay(simulator, matter.wanted);
            Ok(replay.priced_by(pricing, candidate.configuration.with_few()))
        });
        Ok(Self {
            replays: replays.collect::<anyhow::Result<_>>()?,
            tried: matter.tried,
            watchdog,
        })
    }

    /// Replays a call, of which it is said the how manyth of the log it is.
    pub(super) fn take(
        &mut self,
        number: u64,
        caller: Caller,
        entry: &Entry,
    ) -> anyhow::Result<()> {
        let is_again = self.tried.iter().any(|tried| tried.only.is_some());
        let work = if is_again {
            Work::Remedy
        } else {
            Work::Call(number)
        };
        let all = self.replays.iter_mut().zip(self.tried);
        let mut all = all.filter(|(_, tried)| tried.concerns(caller.number));
        self.watchdog.watch(work, || {
            all.try_for_each(|(replay, _)| replay.take(number, caller, entry))
        })?;
        Ok(())
    }

    /// Whether what the filters do for one organization cannot depend on others, as far as can be seen.
    pub(super) fn keeps_apart(&self) -> bool {
        self.replays.iter().all(Replay::keeps_apart)
    }

    /// The log has ended; what came of it under each configuration.
    pub(super) fn end(self) -> anyhow::Result<Vec<Done>> {
        let ended = self.replays.into_iter().map(|mut replay| {
            replay.finish()?;
            Ok(Done {
                written: replay.written(),
                kept_apart: replay.keeps_apart(),
                tally: replay.into_tally(),
            })
        });
        ended.collect()
    }
}
