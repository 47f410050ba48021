//! Makes a failure as simple as it gets: with as few preemptions as possible, and without the steps that would be taken anyway.

use std::sync::PoisonError;

use super::chooser::Chooser;
use super::scheduler::Scope;
use super::search::Search;
use super::{ExploreError, Explorer, Failure, Ran};

impl Explorer<'_> {
    /// A failure with as few preemptions as possible: people understand those.
    pub(super) fn simplest(&self, found: Failure) -> Result<Failure, ExploreError> {
        // Whoever runs it again gives every worker its own name.
        let named = Explorer {
            scope: Scope {
                symmetry: false,
                ..self.scope
            },
            ..self.clone()
        };
        named.with_fewest_preemptions(found)
    }

    fn with_fewest_preemptions(&self, found: Failure) -> Result<Failure, ExploreError> {
        for bound in 0..found.preemptions {
            let mut search = Search::with_preemptions(bound);
            for _ in 0..self.bounds.schedules {
                let (ran, course) = self.once(Chooser::Search(search), false)?;
                let (chooser, actors, preemptions) = course.into_parts();
                if let Ran::Failed(problem) = ran {
                    let failure = Failure {
                        schedule: self.schedule(actors),
                        preemptions,
                        problem,
                        steps: Vec::new(),
                    };
                    return self.shortest(failure);
                }
                let Chooser::Search(walked) = chooser else {
                    break;
                };
                search = walked;
                if !search.advance() {
                    break;
                }
            }
        }
        self.shortest(found)
    }

    /// The same failure without the steps at its end that would be taken anyway.
    fn shortest(&self, found: Failure) -> Result<Failure, ExploreError> {
        let mut best = found;
        // From the end, half of what is left at a time: each try is a run. The first tries it whole, for its trace.
        let mut cut = 0;
        let mut whole = true;
        while cut > 0 || whole {
            let kept = best.schedule.actors.len().saturating_sub(cut);
            let actors = best.schedule.actors.iter().take(kept).copied().collect();
            let schedule = self.schedule(actors);
            let (ran, course) = self.once(Chooser::Written(schedule.clone()), true)?;
            let (_, _, preemptions) = course.into_parts();
            match ran {
                Ran::Failed(problem) if preemptions <= best.preemptions => {
                    let steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
                    best = Failure {
                        schedule,
                        preemptions,
                        problem,
                        steps: steps.clone(),
                    };
                }
                _ => cut /= 2,
            }
            if whole {
                cut = best.schedule.actors.len().div_ceil(2);
                whole = false;
            }
            cut = cut.min(best.schedule.actors.len());
        }
        Ok(best)
    }
}
