//! Who decides which step comes next.

use super::actor::Actor;
use super::schedule::Schedule;
use super::search::{Cut, Search};
use crate::host::access::Access;
use crate::model::random::Random;

/// A step that could come next.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) actor: Actor,
    /// The worker that takes it. None for a choice that concerns all.
    pub(crate) worker: Option<usize>,
    /// Whether its worker stands at the gate, in the middle of a callback.
    pub(crate) under_way: bool,
}

/// The one who decides.
#[derive(Debug)]
pub(crate) enum Chooser {
    /// A search through all schedules.
    Search(Search),
    /// By lot.
    Lot(Random),
    /// As it is written, and behind its end as [`usual`] does.
    Written(Schedule),
}

/// A run, as it is decided step by step.
#[derive(Debug)]
pub(crate) struct Course {
    chooser: Chooser,
    /// Who took each step so far.
    taken: Vec<Actor>,
    /// How often a worker was left in the middle of a callback for another.
    preemptions: usize,
    under_way: Option<Actor>,
    /// Workers that were taken for the same are not.
    pub(crate) asymmetric: bool,
}

/// Why a run does not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    /// A run that is the same in all that matters was there before.
    #[error("every schedule from here on is the same as one that was run before")]
    Cut,
    /// What is written cannot happen.
    #[error("step {number} of the schedule is `{actor}`, which cannot happen there; {possible}")]
    Impossible {
        /// Counted from 1.
        number: usize,
        /// Who was to take it.
        actor: Actor,
        /// Who could.
        possible: String,
    },
}

/// Without a choice of anybody's, whoever took the last step goes on, else the first.
fn usual(last: Option<Actor>, candidates: &[Candidate]) -> Option<usize> {
    let same = candidates
        .iter()
        .position(|candidate| Some(candidate.actor) == last);
    same.or((!candidates.is_empty()).then_some(0))
}

impl Course {
    pub(crate) fn new(chooser: Chooser) -> Self {
        Self {
            chooser,
            taken: Vec::new(),
            preemptions: 0,
            under_way: None,
            asymmetric: false,
        }
    }

    /// A run that nobody decided anything about.
    pub(crate) fn empty() -> Self {
        Self::new(Chooser::Written(Schedule::default()))
    }

    /// The one who decided, and what was decided.
    pub(crate) fn into_parts(self) -> (Chooser, Vec<Actor>, usize) {
        (self.chooser, self.taken, self.preemptions)
    }

    /// Which of these steps comes next; none if there is none to choose from.
    pub(crate) fn choose(&mut self, candidates: &[Candidate]) -> Result<Option<usize>, Stop> {
        let usual = usual(self.taken.last().copied(), candidates);
        let Some(usual) = usual else { return Ok(None) };
        let number = self.taken.len();
        let chosen = match &mut self.chooser {
            Chooser::Search(search) => search.choose(candidates, usual).map_err(|Cut| Stop::Cut)?,
            Chooser::Lot(random) => random.below(candidates.len()),
            Chooser::Written(schedule) => match schedule.actors.get(number) {
                None => usual,
                Some(actor) => candidates
                    .iter()
                    .position(|candidate| candidate.actor == *actor)
                    .ok_or_else(|| impossible(number, *actor, candidates))?,
            },
        };
        if let Some(candidate) = candidates.get(chosen) {
            if self.under_way.is_some_and(|actor| actor != candidate.actor) {
                self.preemptions = self.preemptions.saturating_add(1);
            }
            self.taken.push(candidate.actor);
        }
        Ok(Some(chosen))
    }

    /// What the step that was chosen last has touched, and whether it ended in the middle of a callback.
    pub(crate) fn took(&mut self, touched: Vec<Access>, under_way: bool) {
        self.under_way = self.taken.last().copied().filter(|_| under_way);
        if let Chooser::Search(search) = &mut self.chooser {
            search.took(touched);
        }
    }
}

fn impossible(number: usize, actor: Actor, candidates: &[Candidate]) -> Stop {
    let possible: Vec<_> = candidates
        .iter()
        .map(|candidate| format!("`{}`", candidate.actor))
        .collect();
    Stop::Impossible {
        number: number.saturating_add(1),
        actor,
        possible: format!("possible are {}", possible.join(", ")),
    }
}
