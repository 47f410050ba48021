//! What the VMs of one process share, on whatever thread each of them runs.
//!
//! A simulation lives on one thread, unless its workers have a thread each. When every interleaving of theirs is explored, only one of
//! them runs at a time, and nobody ever waits for these locks; otherwise they are held for as long as it takes to read or write a value.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::host::metrics::Metrics;
use crate::host::shared_data::SharedData;
use crate::host::shared_queue::SharedQueues;
use crate::host::trace::TraceEvent;
use crate::model::LogLine;

/// A value that several threads know.
#[derive(Debug, Default)]
pub(crate) struct Shared<T>(Arc<Mutex<T>>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Shared<T> {
    /// The value, to look at.
    pub(crate) fn borrow(&self) -> MutexGuard<'_, T> {
        self.borrow_mut()
    }

    /// The value, to change. A thread that died while it held it has left it whole: nothing here changes in two steps.
    pub(crate) fn borrow_mut(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Default> Shared<T> {
    /// Takes the value away and leaves an empty one.
    pub(crate) fn take(&self) -> T {
        std::mem::take(&mut self.borrow_mut())
    }
}

/// All that the VMs of one process share.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProcessState {
    pub(crate) data: Shared<SharedData>,
    pub(crate) queues: Shared<SharedQueues>,
    pub(crate) metrics: Shared<Metrics>,
    pub(crate) log: Shared<Vec<LogLine>>,
    pub(crate) trace: Shared<Vec<TraceEvent>>,
    /// How many VMs have been numbered.
    pub(crate) vms: Shared<u32>,
}

impl ProcessState {
    /// The same for a thread that keeps what it logs and traces to itself.
    pub(crate) fn with_own_words(&self) -> Self {
        Self {
            log: Shared::default(),
            trace: Shared::default(),
            ..self.clone()
        }
    }
}
