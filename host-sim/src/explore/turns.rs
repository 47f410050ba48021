//! Workers that nobody can tell apart take turns, so that of the orders that differ only in their names one is run.
//!
//! Workers that have done nothing yet and each serve one and the same request are such. Among them a worker makes its first write to what is
//! shared only after those before it have made theirs, or have ended without one. Every order of events is the same as one that keeps
//! to this, under other names. The rule makes a write wait for the steps that allow it; they therefore count as conflicting
//! with it, so that the search knows of the order between them.

use super::scheduled_call::ScheduledCall;
use crate::host::access::{Access, Kind, Resource};

/// Whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Turns {
    peers: Vec<Peer>,
}

#[derive(Debug)]
struct Peer {
    worker: usize,
    /// Its place among the calls.
    scheduled: usize,
    /// What it wrote first.
    wrote: Option<Resource>,
    ended: bool,
}

impl Turns {
    /// The turns of the workers of these calls, if nobody can tell them apart.
    pub(super) fn of(calls: &[ScheduledCall], workers: usize) -> Self {
        let Some(first) = calls.first() else {
            return Self::default();
        };
        let same = calls.iter().all(|scheduled| {
            scheduled.request == first.request && scheduled.request.worker.is_none()
        });
        if !same || calls.len() > workers {
            return Self::default();
        }
        let peers = calls.iter().enumerate().map(|(index, scheduled)| Peer {
            worker: scheduled.worker,
            scheduled: index,
            wrote: None,
            ended: false,
        });
        Self {
            peers: peers.collect(),
        }
    }

    /// Whether it is this worker's turn to do this.
    pub(super) fn allow(&self, worker: usize, next: &Access, calls: &[ScheduledCall]) -> bool {
        let Some(place) = self.peers.iter().position(|peer| peer.worker == worker) else {
            return true;
        };
        let first_write = next.kind == Kind::Write
            && self
                .peers
                .get(place)
                .is_some_and(|peer| peer.wrote.is_none());
        let has_gone = |peer: &Peer| {
            let ended = calls
                .get(peer.scheduled)
                .is_none_or(ScheduledCall::has_ended);
            peer.wrote.is_some() || ended
        };
        !first_write || self.peers.iter().take(place).all(has_gone)
    }

    /// Takes note of a step that began with this access. Says what it touched if it lets others have their turn.
    pub(super) fn took(
        &mut self,
        worker: usize,
        first: Option<&Access>,
        calls: &[ScheduledCall],
    ) -> Option<Access> {
        let peer = self.peers.iter_mut().find(|peer| peer.worker == worker)?;
        let turn = |kind| Access {
            resource: Resource::Turn,
            kind,
        };
        if peer.wrote.is_some() || peer.ended {
            return None;
        }
        if let Some(write) = first.filter(|access| access.kind == Kind::Write) {
            peer.wrote = Some(write.resource.clone());
            return Some(turn(Kind::Write));
        }
        peer.ended = calls
            .get(peer.scheduled)
            .is_none_or(ScheduledCall::has_ended);
        peer.ended.then(|| turn(Kind::Add))
    }

    /// Whether two of them have written different things first, so that they are not the same after all.
    pub(super) fn are_mistaken(&self) -> bool {
        let mut wrote = self.peers.iter().filter_map(|peer| peer.wrote.as_ref());
        wrote
            .next()
            .is_some_and(|first| wrote.any(|other| other != first))
    }
}
