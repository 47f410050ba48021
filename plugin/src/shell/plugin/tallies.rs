//! Tallies: what a worker has counted. The host is told of it by the tick and at the end of a plugin, not with each call.

use std::cell::Cell;

use crate::{shell::host::Counter, show::metrics::Metric};

thread_local! {
    /// What has been counted and not been told yet. The counters are defined once for all configurations that this VM will have: Envoy keeps
    /// every definition, also one that it knows already, for as long as the VM lives.
    static TALLIES: Vec<Tally> = Metric::all().map(Tally::new).collect();
}

/// A counter, and what is to be added to it by the next tick.
struct Tally {
    counter: Option<Counter>,
    added: Cell<u64>,
}

impl Tally {
    fn new(metric: Metric) -> Self {
        Self {
            counter: Counter::define(&metric.name()),
            added: Cell::new(0),
        }
    }
}

/// Defines all counters, and not only those that have counted something.
pub(super) fn define() {
    TALLIES.with(|_| ());
}

/// Counts something.
pub(super) fn add(metric: Metric, count: u64) {
    TALLIES.with(|tallies| {
        if let Some(tally) = tallies.get(metric.index()) {
            tally.added.set(tally.added.get().saturating_add(count));
        }
    });
}

/// Adds to the counters what has been counted.
#[inline]
pub(super) fn tell() {
    TALLIES.with(|tallies| {
        for tally in tallies {
            match (tally.counter, tally.added.take()) {
                (Some(counter), added) if added > 0 => counter.add(added),
                _ => {}
            }
        }
    });
}
