//! The search through all schedules, each of which is run from the start.
//!
//! A schedule is a path from choice to choice, and the paths form a tree that is walked depth first. Two neighbouring steps that touch
//! nothing in common give the same in either order, so that only one of the two orders needs to be run. Sleep sets see to that (P. Godefroid,
//! Partial-Order Methods for the Verification of Concurrent Systems, 1996): once the paths that begin with a step have been walked, that
//! step sleeps on the paths beside it until one comes that conflicts with it. What remains is one schedule of each class of schedules
//! that nobody can tell apart, so that nothing is missed.

use super::actor::Actor;
use super::chooser::Candidate;
use crate::host::access::Access;

/// Every step that could be taken sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut;

/// Which way through the tree.
#[derive(Debug)]
pub(crate) struct Search {
    path: Vec<Node>,
    /// How many choices of the path the running schedule has made.
    depth: usize,
    /// At most so many preemptions, for which sleep sets cannot be used.
    preemptions: Option<usize>,
}

/// A step, once it has been taken.
#[derive(Clone, Debug)]
struct Taken {
    actor: Actor,
    worker: Option<usize>,
    touched: Vec<Access>,
}

/// A choice.
#[derive(Debug)]
struct Node {
    candidates: Vec<Candidate>,
    /// The one that is being walked.
    chosen: usize,
    taken: Option<Taken>,
    /// Those that have been walked, and those that sleep.
    sleeping: Vec<Taken>,
    /// Those that have been walked, by their place among the candidates.
    walked: Vec<usize>,
    /// How many preemptions there were on the way here.
    preemptions: usize,
}

impl Taken {
    /// Whether the order of the two steps can matter. What one worker does has an order.
    fn conflicts(&self, other: &Self) -> bool {
        let same_worker = match (self.worker, other.worker) {
            (Some(one), Some(another)) => one == another,
            _ => true,
        };
        same_worker
            || self
                .touched
                .iter()
                .any(|one| other.touched.iter().any(|another| one.conflicts(another)))
    }
}

impl Node {
    fn actor(&self) -> Option<&Candidate> {
        self.candidates.get(self.chosen)
    }

    /// Whether this candidate leaves a worker in the middle of a callback for another.
    fn preempts(&self, index: usize, last: Option<Actor>) -> bool {
        let last_goes_on = self
            .candidates
            .iter()
            .any(|candidate| candidate.under_way && Some(candidate.actor) == last);
        last_goes_on
            && self
                .candidates
                .get(index)
                .is_some_and(|candidate| Some(candidate.actor) != last)
    }

    fn may_walk(&self, index: usize, last: Option<Actor>, bound: Option<usize>) -> bool {
        let Some(candidate) = self.candidates.get(index) else {
            return false;
        };
        if self.walked.contains(&index) {
            return false;
        }
        match bound {
            Some(bound) => {
                let more = usize::from(self.preempts(index, last));
                self.preemptions.saturating_add(more) <= bound
            }
            None => self
                .sleeping
                .iter()
                .all(|taken| taken.actor != candidate.actor),
        }
    }
}

impl Search {
    /// Through all schedules.
    pub(crate) fn all() -> Self {
        Self {
            path: Vec::new(),
            depth: 0,
            preemptions: None,
        }
    }

    /// Through those with at most so many preemptions.
    pub(crate) fn with_preemptions(bound: usize) -> Self {
        Self {
            preemptions: Some(bound),
            ..Self::all()
        }
    }

    /// The choice of the running schedule; `usual` is tried first.
    pub(crate) fn choose(&mut self, candidates: &[Candidate], usual: usize) -> Result<usize, Cut> {
        let depth = self.depth;
        self.depth = depth.saturating_add(1);
        if let Some(node) = self.path.get(depth) {
            return Ok(node.chosen);
        }
        let (sleeping, preemptions) = self.inherited();
        let last = self.last_before(depth);
        let mut node = Node {
            candidates: candidates.to_vec(),
            chosen: usual,
            taken: None,
            sleeping,
            walked: Vec::new(),
            preemptions,
        };
        let others = (0..candidates.len()).filter(|index| *index != usual);
        let first = std::iter::once(usual)
            .chain(others)
            .find(|index| node.may_walk(*index, last, self.preemptions))
            .ok_or(Cut)?;
        node.chosen = first;
        self.path.push(node);
        Ok(first)
    }

    /// Who took the step before this choice.
    fn last_before(&self, depth: usize) -> Option<Actor> {
        let before = self.path.get(depth.checked_sub(1)?)?;
        before.actor().map(|candidate| candidate.actor)
    }

    /// What still sleeps after the last step of the path, and how many preemptions there were with it.
    fn inherited(&self) -> (Vec<Taken>, usize) {
        let Some(parent) = self.path.last() else {
            return (Vec::new(), 0);
        };
        let last = self.last_before(self.path.len().saturating_sub(1));
        let more = usize::from(parent.preempts(parent.chosen, last));
        let preemptions = parent.preemptions.saturating_add(more);
        let Some(taken) = &parent.taken else {
            return (Vec::new(), preemptions);
        };
        let sleeping = parent
            .sleeping
            .iter()
            .filter(|sleeper| !sleeper.conflicts(taken))
            .cloned()
            .collect();
        (sleeping, preemptions)
    }

    /// What the step that was chosen last has touched.
    pub(crate) fn took(&mut self, touched: Vec<Access>) {
        let index = self.depth.checked_sub(1);
        let Some(node) = index.and_then(|index| self.path.get_mut(index)) else {
            return;
        };
        let Some(candidate) = node.candidates.get(node.chosen) else {
            return;
        };
        node.taken = Some(Taken {
            actor: candidate.actor,
            worker: candidate.worker,
            touched,
        });
    }

    /// Goes on to the next path, for a schedule from the start. Says whether there is one.
    pub(crate) fn advance(&mut self) -> bool {
        self.depth = 0;
        while let Some(mut node) = self.path.pop() {
            let last = self.path.last().and_then(|node| Some(node.actor()?.actor));
            node.walked.push(node.chosen);
            node.sleeping.extend(node.taken.take());
            let next = (0..node.candidates.len())
                .find(|index| node.may_walk(*index, last, self.preemptions));
            if let Some(next) = next {
                node.chosen = next;
                self.path.push(node);
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests;
