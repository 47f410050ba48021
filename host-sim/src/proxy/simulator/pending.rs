//! Calls that come and go on their own, in great numbers: those of a replayed log, which says when each came and when it was answered.
//!
//! This does what [`Simulator::begin`](super::Simulator::begin) and [`settle`](super::Simulator::settle) do, for one call at a time: what it
//! takes does not grow with the number of calls in progress.

use super::Simulator;
use super::engine::{Body, StreamId};
use super::error::SimulationError;
use crate::http::stream::Ending;
use crate::model::{AnswerOverride, Departure, Request, UpstreamBehaviour};
use crate::proxy::chain::{Chain, Progress};

/// A call that has come and not gone. It must be [ended](Simulator::end).
#[derive(Debug)]
#[must_use = "a call that is not ended stays in progress"]
pub struct PendingCall {
    stream: StreamId,
    progress: Progress,
}

impl PendingCall {
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
    pub fn pass(&mut self, request: &Request) -> Result<PendingCall, SimulationError> {
        let stream = self.submit(request, Body::Whole)?;
        self.on(stream, Chain::hold);
        let progress = self.go_on(stream)?;
        // What it asked of a service without waiting for the answer.
        self.deliver_callouts();
        Ok(PendingCall { stream, progress })
    }

    /// Whether a call has a value of the filter state under this key, without `wasm.`, and it is one such.
    pub fn has_property(
        &mut self,
        call: &PendingCall,
        key: &[u8],
        is_such: impl FnOnce(&[u8]) -> bool,
    ) -> bool {
        let found = self.on(call.stream, |chain, id| {
            let state = chain.first_part(id)?.filter_state.borrow();
            state.get(key).map(is_such)
        });
        found.flatten().unwrap_or(false)
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
        call: &PendingCall,
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
        call: &PendingCall,
        answer: Option<AnswerOverride>,
        keys: &[impl AsRef<[u8]>],
        ending: &mut Ending,
    ) -> Result<(), SimulationError> {
        self.on(call.stream, |chain, id| match answer {
            Some(answer) => {
                chain.answered_with(id, UpstreamBehaviour::Answer(answer));
                chain.release(id);
            }
            None => chain.depart(id, Departure::Usual),
        });
        let progress = self.go_on(call.stream)?;
        self.on(call.stream, |chain, id| {
            if progress != Progress::Complete {
                chain.depart(id, Departure::Usual);
            }
            chain.end(id, |stream| stream.ending(keys, ending));
        });
        self.check_implemented()
    }

    /// Goes on with it and with what that sets off, as far as both go.
    fn go_on(&mut self, stream: StreamId) -> Result<Progress, SimulationError> {
        loop {
            let progress = self.step(stream);
            self.check_implemented()?;
            let again = match progress {
                Progress::Complete | Progress::Open { .. } | Progress::Waits { .. } => false,
                Progress::Posted => self.tell_queues(),
                Progress::Held { .. } => self.wake(),
            };
            if !again {
                return Ok(progress);
            }
        }
    }
}
