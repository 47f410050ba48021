//! Calls that come and go on their own, in great numbers: those of a replayed log, which says when each came and when it was answered.
//!
//! This does what [`Simulator::begin`](super::Simulator::begin) and [`settle`](super::Simulator::settle) do, for one call at a time: what it
//! takes does not grow with the number of calls in progress.

use super::Simulator;
use super::error::SimulationError;
use crate::http::stream::Ending;
use crate::model::{AnswerOverride, Departure, Request, UpstreamBehaviour};
use crate::proxy::worker::Progress;

/// A call that has come and not gone. It must be [ended](Simulator::end).
#[derive(Debug)]
#[must_use = "a call that is not ended stays in progress"]
pub struct Passing {
    worker: usize,
    id: u32,
    progress: Progress,
}

impl Passing {
    /// Whether the plugin let it go to the upstream.
    #[must_use]
    pub fn is_forwarded(&self) -> bool {
        matches!(self.progress, Progress::Open { .. })
    }

    /// Whether the plugin answered it.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.progress == Progress::Complete
    }
}

impl Simulator {
    /// Takes a request and sees it to the upstream, which holds it, or to its answer if the plugin answers it. What the plugin
    /// waits for is not waited for: time passes with [`advance_to`](Self::advance_to).
    ///
    /// # Errors
    ///
    /// When the module needs what host-sim cannot do, or never returns.
    pub fn pass(&mut self, request: &Request) -> Result<Passing, SimulationError> {
        let (worker, id) = self.open_stream(request, false, false)?;
        if let Some(worker) = self.workers.get_mut(worker) {
            worker.hold(id);
        }
        let progress = self.pump(worker, id)?;
        // What it asked of a service without waiting for the answer.
        self.deliver_callouts();
        Ok(Passing {
            worker,
            id,
            progress,
        })
    }

    /// Whether a call has a value of the filter state under this key, without `wasm.`, and it is one such.
    pub fn has_property(
        &mut self,
        call: &Passing,
        key: &[u8],
        is_such: impl FnOnce(&[u8]) -> bool,
    ) -> bool {
        let stream = self
            .workers
            .get_mut(call.worker)
            .and_then(|worker| worker.first_part(call.id));
        stream.is_some_and(|stream| {
            let state = stream.filter_state.borrow();
            state.get(key).is_some_and(is_such)
        })
    }

    /// The upstream answers a call with this status, or the client goes away if there is none, and the call is over. `keys` are those
    /// of the filter state, without `wasm.`, that are to be told. What was seen is written over `ending`, that of another call: there are
    /// many calls. A call that the plugin still holds is left by its client.
    ///
    /// # Errors
    ///
    /// As [`pass`](Self::pass).
    pub fn end(
        &mut self,
        call: &Passing,
        status: Option<u16>,
        keys: &[impl AsRef<[u8]>],
        ending: &mut Ending,
    ) -> Result<(), SimulationError> {
        let answer = status.map(|status| AnswerOverride {
            status: Some(status),
            ..AnswerOverride::default()
        });
        self.end_with(call, answer, keys, ending)
    }

    /// The same with whatever the upstream answers.
    ///
    /// # Errors
    ///
    /// As [`pass`](Self::pass).
    pub fn end_with(
        &mut self,
        call: &Passing,
        answer: Option<AnswerOverride>,
        keys: &[impl AsRef<[u8]>],
        ending: &mut Ending,
    ) -> Result<(), SimulationError> {
        let (index, id) = (call.worker, call.id);
        let Some(worker) = self.workers.get_mut(index) else {
            return Ok(());
        };
        match answer {
            Some(answer) => {
                worker.answered_with(id, UpstreamBehaviour::Answer(answer));
                worker.release(id);
            }
            None => worker.depart(id, Departure::Usual),
        }
        let progress = self.pump(index, id)?;
        let Some(worker) = self.workers.get_mut(index) else {
            return Ok(());
        };
        if progress != Progress::Complete {
            worker.depart(id, Departure::Usual);
        }
        worker.end(id, |stream| stream.ending(keys, ending));
        self.check_implemented()
    }

    fn pump(&mut self, index: usize, id: u32) -> Result<Progress, SimulationError> {
        loop {
            let Some(worker) = self.workers.get_mut(index) else {
                return Ok(Progress::Complete);
            };
            let progress = worker.pump(id);
            self.check_implemented()?;
            let again = match progress {
                Progress::Complete | Progress::Open { .. } | Progress::Waits { .. } => false,
                Progress::Posted => self.tell_queues(),
                Progress::Held { .. } => self.tell_queues() | self.deliver_callouts(),
            };
            if !again {
                return Ok(progress);
            }
        }
    }
}
