//! Who replays a log: one thread, or several among which the organizations are divided.
//!
//! The answer must be the same. So only organizations that every configuration lists are divided, of whose accounts each is kept by itself; all
//! other callers stay together on the first thread: they may share an account, or wait for the same directory. And the filter has to keep to
//! that: where another thread's calls a service, logs what is not about the organization whose call it is, or writes to shared data what the
//! filter of one more thread writes as well, organizations may depend on each other, and all of the log is replayed once more on one thread.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use anyhow::anyhow;
use host_sim::access_log::Entry;
use host_sim::forecast::{Caller, Tally};
use jiff::Timestamp;

use super::shift::{Done, Matter, Shift};

/// The calls that are looked at before organizations are divided, so that each thread gets about as many.
const SAMPLE: usize = 16_384;

/// Calls that go to a thread at once, and how many such batches may wait there.
const BATCH: usize = 256;
const WAITING: usize = 8;

/// A call on its way to a thread.
struct Dealt {
    number: u64,
    caller: Caller,
    entry: Entry,
}

/// What came of a log on several threads.
pub(super) enum Outcome {
    /// Under each configuration.
    Tallies(Vec<Tally>),
    /// The organizations depend on each other.
    Dependent,
}

/// Several threads.
pub(super) struct ReplayThreads<'scope, 'm> {
    matter: Matter<'m>,
    lanes: Vec<Lane<'scope>>,
    /// Of each caller by number.
    of_callers: Vec<Assigned>,
    /// Those that are looked at first; `None` once the threads have begun.
    sample: Option<Vec<Dealt>>,
}

#[derive(Clone, Copy)]
enum Assigned {
    /// To any thread; it has made so many calls.
    NotYet {
        calls: u64,
    },
    To(usize),
}

/// A thread and what it is sent.
struct Lane<'scope> {
    batch: Vec<Dealt>,
    /// How many calls it got.
    dealt: u64,
    calls: SyncSender<Vec<Dealt>>,
    over: Receiver<Vec<Dealt>>,
    thread: ScopedJoinHandle<'scope, Result<Vec<Done>, Broken>>,
}

/// Why a thread's replay stopped, and at which call.
struct Broken {
    number: u64,
    error: anyhow::Error,
}

impl<'scope, 'm: 'scope> ReplayThreads<'scope, 'm> {
    /// Threads that begin with the calls that come at that time.
    pub(super) fn begin<'env>(
        scope: &'scope Scope<'scope, 'env>,
        matter: Matter<'m>,
        first: Timestamp,
        dependent: &'scope AtomicBool,
    ) -> Self {
        let lanes = (0..matter.threads).map(|number| {
            let (calls, dealt) = sync_channel(WAITING);
            let (done, over) = channel();
            Lane {
                batch: Vec::with_capacity(BATCH),
                dealt: 0,
                calls,
                over,
                thread: scope.spawn(move || {
                    let dependent = (number > 0).then_some(dependent);
                    work(matter, first, &dealt, &done, dependent)
                }),
            }
        });
        Self {
            matter,
            lanes: lanes.collect(),
            of_callers: Vec::new(),
            sample: Some(Vec::with_capacity(SAMPLE)),
        }
    }

    /// Deals a call out; whether there is anybody left who takes it.
    pub(super) fn put(
        &mut self,
        number: u64,
        caller: Caller,
        name: &str,
        entry: Entry,
        spare: &mut Vec<Entry>,
    ) -> bool {
        if self.of_callers.len() <= caller.number {
            let to = if self.is_listed(name) {
                Assigned::NotYet { calls: 0 }
            } else {
                Assigned::To(0)
            };
            self.of_callers.resize(caller.number.saturating_add(1), to);
        }
        let dealt = Dealt {
            number,
            caller,
            entry,
        };
        let Some(sample) = &mut self.sample else {
            return self.deal(dealt, spare);
        };
        if let Some(Assigned::NotYet { calls }) = self.of_callers.get_mut(caller.number) {
            *calls = calls.saturating_add(1);
        }
        sample.push(dealt);
        sample.len() < SAMPLE || self.deal_sample(spare)
    }

    /// Whether every configuration lists an organization.
    fn is_listed(&self, name: &str) -> bool {
        let mut tried = self.matter.tried.iter();
        tried.all(|tried| tried.candidate.configuration.organizations.contains(name))
    }

    /// Whoever has called most goes first, to the thread that has least.
    fn deal_sample(&mut self, spare: &mut Vec<Entry>) -> bool {
        let Some(sample) = self.sample.take() else {
            return true;
        };
        let mut load = vec![0_u64; self.lanes.len()];
        let mut callers: Vec<(u64, usize)> = Vec::new();
        for (number, of) in self.of_callers.iter().enumerate() {
            if let Assigned::NotYet { calls } = of {
                callers.push((*calls, number));
            }
        }
        let listed: u64 = callers.iter().map(|(calls, _)| calls).sum();
        if let Some(first) = load.first_mut() {
            *first = (sample.len() as u64).saturating_sub(listed);
        }
        callers.sort_unstable_by(|a, b| b.cmp(a));
        for (calls, number) in callers {
            let least = load.iter_mut().enumerate().min_by_key(|(_, load)| **load);
            if let (Some((lane, load)), Some(of)) = (least, self.of_callers.get_mut(number)) {
                *load = load.saturating_add(calls);
                *of = Assigned::To(lane);
            }
        }
        sample.into_iter().all(|dealt| self.deal(dealt, spare))
    }

    fn deal(&mut self, dealt: Dealt, spare: &mut Vec<Entry>) -> bool {
        let Some(of) = self.of_callers.get_mut(dealt.caller.number) else {
            return true;
        };
        let place = match *of {
            Assigned::To(lane) => lane,
            Assigned::NotYet { .. } => {
                let lanes = self.lanes.iter().enumerate();
                let least = lanes.min_by_key(|(_, lane)| lane.dealt);
                least.map_or(0, |(lane, _)| lane)
            }
        };
        *of = Assigned::To(place);
        let Some(lane) = self.lanes.get_mut(place) else {
            return true;
        };
        lane.dealt = lane.dealt.saturating_add(1);
        lane.batch.push(dealt);
        lane.batch.len() < BATCH || lane.send(spare)
    }

    /// The log has ended. Of several errors that of the first call counts, as on one thread.
    pub(super) fn end(mut self, spare: &mut Vec<Entry>) -> anyhow::Result<Outcome> {
        let mut whole = self.deal_sample(spare);
        for lane in &mut self.lanes {
            whole &= lane.send(spare);
        }
        let mut all = Vec::new();
        let mut broken: Option<Broken> = None;
        for lane in self.lanes {
            drop(lane.calls);
            match lane.thread.join() {
                Ok(Ok(done)) => all.push(done),
                Ok(Err(error)) => {
                    if broken
                        .as_ref()
                        .is_none_or(|first| error.number < first.number)
                    {
                        broken = Some(error);
                    }
                }
                Err(_) => return Err(anyhow!("a thread of the replay has panicked")),
            }
        }
        if let Some(Broken { error, .. }) = broken {
            return Err(error);
        }
        if !whole {
            return Err(anyhow!("a thread of the replay has ended too early"));
        }
        let mut by_lane: Vec<_> = all.into_iter().map(Vec::into_iter).collect();
        let mut tallies = Vec::new();
        for _ in self.matter.tried {
            let parts: Vec<Done> = by_lane.iter_mut().filter_map(Iterator::next).collect();
            if depend(&parts) {
                return Ok(Outcome::Dependent);
            }
            tallies.push(Tally::of(parts.into_iter().map(|part| part.tally)));
        }
        Ok(Outcome::Tallies(tallies))
    }
}

impl Lane<'_> {
    /// Sends what it has not got yet, and takes back what it needs no more.
    fn send(&mut self, spare: &mut Vec<Entry>) -> bool {
        let mut next = Vec::new();
        for mut over in self.over.try_iter() {
            for dealt in over.drain(..) {
                spare.push(dealt.entry);
            }
            next = over;
        }
        self.calls
            .send(std::mem::replace(&mut self.batch, next))
            .is_ok()
    }
}

/// What a thread does. One that is told so says when its organizations may depend on others.
fn work(
    matter: Matter<'_>,
    first: Timestamp,
    dealt: &Receiver<Vec<Dealt>>,
    over: &Sender<Vec<Dealt>>,
    dependent: Option<&AtomicBool>,
) -> Result<Vec<Done>, Broken> {
    let broken = |number, error| Broken { number, error };
    let is_first = dependent.is_none();
    let mut shift = Shift::begin(matter, first, is_first).map_err(|error| broken(0, error))?;
    for batch in dealt {
        for Dealt {
            number,
            caller,
            entry,
        } in &batch
        {
            let taken = shift.take(*number, *caller, entry);
            taken.map_err(|error| broken(*number, error))?;
        }
        if let Some(dependent) = dependent.filter(|_| !shift.keeps_apart()) {
            dependent.store(true, Ordering::Relaxed);
        }
        // Nobody listens any more once the log has ended.
        let _ = over.send(batch);
    }
    shift.end().map_err(|error| broken(u64::MAX, error))
}

/// Whether organizations of one thread may have depended on those of another.
fn depend(parts: &[Done]) -> bool {
    if parts.iter().skip(1).any(|part| !part.kept_apart) {
        return true;
    }
    let mut known = HashMap::new();
    parts.iter().flat_map(|part| &part.written).any(|written| {
        let before = known.insert(written.key, written);
        // What each worker writes when it starts is the same for all of them.
        before.is_some_and(|before| before != written || written.writes > 1)
    })
}
