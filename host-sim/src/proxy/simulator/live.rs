//! A simulation in the real world: real clients, a real upstream and real services, and a clock that somebody outside moves.
//!
//! Nothing here waits. [`Simulator::begin`] takes a request, [`Simulator::settle`] goes on with everything as far as it goes and says
//! what has happened, and what comes back from outside is handed in by [`Simulator::answer`] and [`Simulator::answer_callout`].

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::Simulator;
use super::engine::{Body, StreamId, earliest};
use super::error::SimulationError;
use super::streaming::{Piece, tell};
use crate::host::profile::Profile;
use crate::http::hidden_body::HiddenBody;
use crate::model::clock::Instant;
use crate::model::{
    Departure, Exchange, LogLine, Request, Upstream, UpstreamBehaviour, UpstreamRequest,
};
use crate::proxy::chain::{Chain, Progress};
use crate::proxy::worker::Worker;

/// A call of a real client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallId(u64);

/// A call that the plugin makes itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CalloutId {
    worker: usize,
    /// The number of the VM.
    vm: u32,
    token: u32,
}

/// Something that has happened and that somebody outside must act on.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The upstream is to get this request; [`Simulator::answer`] takes what it does.
    Forward {
        /// Whose it is.
        call: CallId,
        /// The request as it left the filter; of one that [streams](Simulator::begin_streaming), as far as it has.
        request: UpstreamRequest,
        /// Whether that is all of it.
        ended: bool,
    },
    /// The upstream is to get more of a request that streams.
    ForwardMore {
        /// Whose it is.
        call: CallId,
        /// What it is to get.
        piece: Piece,
    },
    /// The client is to get the head of an answer, while the call goes on. Only of requests that stream.
    Answer {
        /// Whose it is.
        call: CallId,
        /// The status.
        status: u16,
        /// The headers.
        headers: Vec<(String, String)>,
    },
    /// The client is to get more of that answer.
    AnswerMore {
        /// Whose it is.
        call: CallId,
        /// What it is to get.
        piece: Piece,
    },
    /// The client is to get this answer, or has got it piece by piece. The call is gone.
    Ended {
        /// Whose it is.
        call: CallId,
        /// The answer.
        exchange: Exchange,
    },
    /// A filter pauses the headers of a request and may wait for a body that Envoy does not show it.
    BodyHidden(HiddenBody),
    /// A service is to get this request; [`Simulator::answer_callout`] takes its answer.
    Callout {
        /// Whose it is.
        callout: CalloutId,
        /// The cluster that the plugin named.
        cluster: String,
        /// The request.
        request: UpstreamRequest,
        /// After how long the plugin is told that there is no answer; never if `None`.
        timeout: Option<Duration>,
    },
}

/// Calls from outside.
#[derive(Debug, Default)]
pub(super) struct Live {
    pub(super) calls: BTreeMap<CallId, LiveCall>,
    begun: u64,
    /// When the next router gives up waiting.
    pub(super) until: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct LiveCall {
    pub(super) stream: StreamId,
    forwarded: bool,
    /// Whether it is told piece by piece.
    streams: bool,
}

impl Simulator {
    /// Takes a request. Its [`upstream`](Request::upstream) does not count: [`answer`](Self::answer) says what the upstream does.
    ///
    /// # Errors
    ///
    /// When it names a worker that does not exist.
    pub fn begin(&mut self, request: &Request) -> Result<CallId, SimulationError> {
        self.begin_with(request, Body::Whole)
    }

    /// Takes a request: all of it, or its head.
    pub(super) fn begin_with(
        &mut self,
        request: &Request,
        body: Body,
    ) -> Result<CallId, SimulationError> {
        let request = Request {
            upstream: UpstreamBehaviour::default(),
            ..request.clone()
        };
        let stream = self.submit(&request, body)?;
        self.on(stream, Chain::hold);
        self.live.begun = self.live.begun.saturating_add(1);
        let call = CallId(self.live.begun);
        self.live.calls.insert(
            call,
            LiveCall {
                stream,
                forwarded: false,
                streams: body != Body::Whole,
            },
        );
        Ok(call)
    }

    /// What the upstream has done with a call. One that is gone is passed over.
    pub fn answer(&mut self, call: CallId, behaviour: UpstreamBehaviour) {
        self.on_live(call, |worker, id| worker.answered_with(id, behaviour));
    }

    /// The client of a call has left.
    pub fn leave(&mut self, call: CallId, departure: Departure) {
        self.on_live(call, |worker, id| worker.depart(id, departure));
    }

    pub(super) fn on_live(&mut self, call: CallId, act: impl FnOnce(&mut Chain, u32)) {
        if let Some(live) = self.live.calls.get(&call) {
            self.on(live.stream, act);
        }
    }

    /// What a service has answered; `None` when it cannot be reached.
    pub fn answer_callout(&mut self, callout: CalloutId, answer: Option<&Upstream>) {
        if let Some(vm) = self.vm_that_calls(callout) {
            vm.answer_callout(callout.token, answer);
        }
    }

    /// The service of the simulation gets a callout that was handed out, and its answer is there.
    pub(crate) fn send_callout(&mut self, callout: CalloutId) {
        if let Some(vm) = self.vm_that_calls(callout) {
            vm.send_callout(callout.token);
        }
    }

    /// Whether the service of the simulation never answers this callout. If so, it has seen it.
    pub(crate) fn hangs_callout(&mut self, callout: CalloutId) -> bool {
        let vm = self.vm_that_calls(callout);
        vm.is_some_and(|vm| vm.hangs_callout(callout.token))
    }

    fn vm_that_calls(&mut self, callout: CalloutId) -> Option<&mut Worker> {
        // The main thread's VMs stand behind the workers'.
        let chain = match self.workers.get_mut(callout.worker) {
            Some(worker) => Some(worker),
            None => self.main.as_mut(),
        };
        let mut vms = chain?.filters.vms_mut();
        vms.find(|vm| vm.vm_number() == callout.vm)
    }

    /// The numbers of the workers' VMs.
    pub(crate) fn vm_numbers(&self) -> Vec<u32> {
        let vms = self.workers.iter().flat_map(|chain| chain.filters.vms());
        vms.map(Worker::vm_number).collect()
    }

    /// Goes on with everything as far as it goes and says what has happened.
    ///
    /// # Errors
    ///
    /// When the module needs what host-sim cannot do.
    pub fn settle(&mut self) -> Result<Vec<Event>, SimulationError> {
        let mut events = Vec::new();
        loop {
            let mut moved = self.round_of_live(&mut events);
            moved |= self.tell_queues();
            self.take_callouts_out(&mut events);
            moved |= self.deliver_callouts();
            self.check_implemented()?;
            if !moved {
                return Ok(events);
            }
        }
    }

    fn round_of_live(&mut self, events: &mut Vec<Event>) -> bool {
        let mut any = false;
        let mut calls = std::mem::take(&mut self.live.calls);
        self.live.until = None;
        calls.retain(|call, live| {
            let progress = self.step_of_live(*call, live, events);
            any |= progress.moved();
            progress != Progress::Complete
        });
        self.live.calls = calls;
        any
    }

    /// Goes on with a call as far as it goes, and says what somebody outside is to do.
    pub(super) fn step_of_live(
        &mut self,
        call: CallId,
        live: &mut LiveCall,
        events: &mut Vec<Event>,
    ) -> Progress {
        let progress = self.step(live.stream);
        self.live.until = earliest(self.live.until, progress.until());
        if live.streams {
            self.on(live.stream, |chain, id| tell(call, chain, id, events));
        }
        match progress {
            Progress::Complete => {
                let exchange = self.on(live.stream, Chain::close);
                events.extend(exchange.map(|exchange| Event::Ended { call, exchange }));
            }
            Progress::Open { .. } if !live.forwarded && !live.streams => {
                let forwarded = self.on(live.stream, Chain::forwarded).flatten();
                live.forwarded = forwarded.is_some();
                events.extend(forwarded.map(|request| Event::Forward {
                    call,
                    request,
                    ended: true,
                }));
            }
            Progress::Held { .. } => {
                let hidden = self.on(live.stream, Chain::take_hidden_body).flatten();
                events.extend(hidden.map(Event::BodyHidden));
            }
            Progress::Open { .. } | Progress::Posted | Progress::Waits { .. } => {}
        }
        progress
    }

    /// Callouts go out to the real services before the simulated ones see them.
    pub(super) fn take_callouts_out(&mut self, events: &mut Vec<Event>) {
        let chains = self.workers.iter_mut().chain(&mut self.main).enumerate();
        let vms = chains.flat_map(|(worker, chain)| {
            let vms = chain.filters.vms_mut();
            vms.map(move |vm| (worker, vm))
        });
        for (worker, vm) in vms {
            for unsent in vm.take_unsent() {
                events.push(Event::Callout {
                    callout: CalloutId {
                        worker,
                        vm: vm.vm_number(),
                        token: unsent.token,
                    },
                    cluster: unsent.cluster,
                    request: unsent.request,
                    timeout: unsent.timeout,
                });
            }
        }
    }

    /// When something happens by itself, if nothing comes from outside.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        let due = [self.next_tick(), self.live.until];
        due.into_iter().flatten().min().map(Instant::as_timestamp)
    }

    /// How many calls of real clients have not ended.
    #[must_use]
    pub fn live_calls(&self) -> usize {
        self.live.calls.len()
    }

    /// Takes what the module has logged since it was last taken.
    pub fn take_log(&mut self) -> Vec<LogLine> {
        self.host.take_log()
    }

    /// Whether the module has logged anything that has not been taken.
    #[must_use]
    pub fn has_logged(&self) -> bool {
        self.host.has_logged()
    }

    /// How much memory each worker's VM has, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> Vec<usize> {
        let of_chain = |chain: &Chain| chain.filters.vms().map(Worker::memory_bytes).sum();
        self.workers.iter().map(of_chain).collect()
    }

    /// From now on a [profile](crate::host::profile) is drawn up of whatever the workers' VMs do. The module has to be
    /// [metered](crate::Module::metered) or [profiled](crate::Module::profiled).
    pub fn start_profile(&mut self) {
        self.host.start_profile();
    }

    /// Takes the profile that was begun; `None` if none was.
    pub fn take_profile(&mut self) -> Option<Profile> {
        self.host.take_profile()
    }

    /// How much fuel the workers' callbacks have taken since the start; `None` unless the module is [metered](crate::Module::metered).
    #[must_use]
    pub fn fuel_used(&self) -> Option<u64> {
        let mut sum = 0_u64;
        for vm in self.workers.iter().flat_map(|chain| chain.filters.vms()) {
            sum = sum.saturating_add(vm.fuel_used()?);
        }
        Some(sum)
    }
}
