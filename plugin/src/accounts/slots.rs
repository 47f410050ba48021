//! Slots: how many calls of an organization are in progress, told by the workers that serve them.
//!
//! A slot is a lease. Each worker states how many calls it serves and renews that while it does; what is not renewed for the time of
//! a lease does not count. So the slots of a crashed VM come back by themselves (Envoy calls nothing
//! more for its calls), while calls that take long still count. A worker states its number, never a difference, so that a release which is told
//! twice or late mends itself.

use jiff::Timestamp;

use crate::model::day::Seconds;

/// One worker's plugin, as the slots know it: unique among those that share an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WorkerId(pub u32);

/// A group of operations with a limit of its own; [`Group::NONE`] for operations without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Group(pub u8);

impl Group {
    /// No group: the operation counts against the organization's limit alone.
    pub const NONE: Self = Self(0);
}

/// The calls of one group that one worker serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The worker.
    pub worker: WorkerId,
    /// The group.
    pub group: Group,
    /// How many calls.
    pub calls: u16,
    /// When the worker said so, in seconds since 1970.
    pub renewed: u32,
}

/// The calls of an organization in progress.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slots {
    holdings: Vec<Holding>,
}

/// The most calls that an organization may have in progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Of all operations together; `None` for no limit.
    pub all: Option<u32>,
    /// Of the operations in the call's group; `None` for no limit.
    pub group: Option<u32>,
}

/// A slot that a call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Who asks.
    pub worker: WorkerId,
    /// The call's group.
    pub group: Group,
    /// How many calls of the group the worker serves already.
    pub held: u16,
    /// What the organization may have in progress.
    pub limits: Limits,
    /// How long a statement counts.
    pub lease: Seconds,
    /// The time.
    pub now: Timestamp,
}

/// More calls in progress than are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{in_progress} calls are in progress, and {limit} are allowed")]
pub struct TooManyCalls {
    /// How many are in progress.
    pub in_progress: u32,
    /// How many are allowed.
    pub limit: u32,
    /// Which of them are counted.
    pub of: CallsOf,
}

/// Which calls in progress are counted together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CallsOf {
    /// All of the organization.
    #[default]
    Organization,
    /// Those of the call's group.
    Group,
    /// Those of the call's client.
    Client,
}

impl Slots {
    /// The most statements that are kept, a bound for what an account can take up. A worker more than that is not heard until
    /// another one's lease ends.
    pub const MOST: usize = 255;

    /// The slots that `holdings` tell of.
    #[must_use]
    pub fn of(holdings: Vec<Holding>) -> Self {
        Self { holdings }
    }

    /// What the workers have stated.
    #[must_use]
    pub fn holdings(&self) -> &[Holding] {
        &self.holdings
    }

    /// Whether no worker serves a call.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.holdings.is_empty()
    }

    /// How many calls are in progress.
    #[must_use]
    pub fn in_progress(&self, lease: Seconds, now: Timestamp) -> u32 {
        self.count(lease, now, |_| true)
    }

    /// How many calls of the groups that `which` says are in progress.
    #[must_use]
    pub fn in_progress_of(
        &self,
        which: impl Fn(Group) -> bool,
        lease: Seconds,
        now: Timestamp,
    ) -> u32 {
        self.count(lease, now, |holding| which(holding.group))
    }

    /// The slots with one more call.
    ///
    /// # Errors
    /// When the organization or the group has as many calls in progress as it may.
    pub fn take(&self, claim: &Claim) -> Result<Self, TooManyCalls> {
        // The worker's own word is newer than what it stated last.
        let others =
            |holding: &Holding| holding.worker != claim.worker || holding.group != claim.group;
        let held = u32::from(claim.held);
        let all = self.count(claim.lease, claim.now, others);
        let group = self.count(claim.lease, claim.now, |holding| {
            others(holding) && holding.group == claim.group
        });
        let (all, group) = (all.saturating_add(held), group.saturating_add(held));
        let Limits {
            all: most,
            group: most_of_group,
        } = claim.limits;
        let counted = [
            (CallsOf::Organization, all, most),
            (CallsOf::Group, group, most_of_group),
        ];
        for (of, in_progress, limit) in counted {
            if let Some(limit) = limit.filter(|limit| in_progress >= *limit) {
                return Err(TooManyCalls {
                    in_progress,
                    limit,
                    of,
                });
            }
        }
        let one_more = claim.held.saturating_add(1);
        Ok(self.state(claim.worker, claim.group, one_more, claim.lease, claim.now))
    }

    /// The slots after `worker` has stated that it serves `calls` of `group`. What has not been renewed for a lease is dropped.
    #[must_use]
    pub fn state(
        &self,
        worker: WorkerId,
        group: Group,
        calls: u16,
        lease: Seconds,
        now: Timestamp,
    ) -> Self {
        let same = |holding: &Holding| holding.worker == worker && holding.group == group;
        let kept = self
            .holdings
            .iter()
            .filter(|holding| !same(holding) && holding.counts(lease, now));
        let mut holdings = Vec::with_capacity(self.holdings.len().saturating_add(1));
        holdings.extend(kept.copied());
        if calls > 0 && holdings.len() < Self::MOST {
            holdings.push(Holding {
                worker,
                group,
                calls,
                renewed: seconds(now),
            });
        }
        Self { holdings }
    }

    fn count(&self, lease: Seconds, now: Timestamp, which: impl Fn(&Holding) -> bool) -> u32 {
        let counted = self
            .holdings
            .iter()
            .filter(|holding| which(holding) && holding.counts(lease, now));
        counted
            .map(|holding| u32::from(holding.calls))
            .fold(0, u32::saturating_add)
    }
}

impl Holding {
    /// Whether the statement still counts. One from the future does: the clock has stepped back.
    fn counts(&self, lease: Seconds, now: Timestamp) -> bool {
        let age = seconds(now).saturating_sub(self.renewed);
        u64::from(age) < lease.get()
    }
}

fn seconds(now: Timestamp) -> u32 {
    u32::try_from(now.as_second()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const LEASE: Seconds = Seconds::new(30);
    const EXPORTS: Group = Group(1);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn claim(worker: u32, held: u16, second: i64) -> Claim {
        Claim {
            worker: WorkerId(worker),
            group: Group::NONE,
            held,
            limits: Limits {
                all: Some(3),
                group: None,
            },
            lease: LEASE,
            now: at(second),
        }
    }

    #[test]
    fn as_many_calls_as_are_allowed_are_in_progress_on_all_workers_together() {
        let one = Slots::default().take(&claim(1, 0, 0)).unwrap();
        let two = one.take(&claim(2, 0, 0)).unwrap();
        let three = two.take(&claim(1, 1, 0)).unwrap();
        assert_eq!(three.in_progress(LEASE, at(0)), 3);
        assert_eq!(
            three.take(&claim(2, 1, 0)),
            Err(TooManyCalls {
                in_progress: 3,
                limit: 3,
                of: CallsOf::Organization,
            })
        );
        let two = three.state(WorkerId(1), Group::NONE, 1, LEASE, at(1));
        assert_eq!(two.in_progress(LEASE, at(1)), 2);
        assert!(two.take(&claim(2, 1, 1)).is_ok());
    }

    #[test]
    fn what_a_crashed_worker_held_comes_back_after_a_lease() {
        let crashed = Slots::default().state(WorkerId(1), Group::NONE, 3, LEASE, at(0));
        assert!(crashed.take(&claim(2, 0, 29)).is_err());
        let freed = crashed.take(&claim(2, 0, 30)).unwrap();
        assert_eq!(freed.holdings().len(), 1);
    }

    #[test]
    fn what_is_renewed_counts_for_as_long_as_it_takes() {
        let mut slots = Slots::default();
        for second in (0..3600).step_by(10) {
            slots = slots.state(WorkerId(1), Group::NONE, 3, LEASE, at(second));
        }
        assert!(slots.take(&claim(2, 0, 3600)).is_err());
    }

    #[test]
    fn a_group_has_a_limit_of_its_own() {
        let export = |held| Claim {
            group: EXPORTS,
            limits: Limits {
                all: Some(3),
                group: Some(1),
            },
            ..claim(1, held, 0)
        };
        let one = Slots::default().take(&export(0)).unwrap();
        assert_eq!(
            one.take(&export(1)),
            Err(TooManyCalls {
                in_progress: 1,
                limit: 1,
                of: CallsOf::Group,
            })
        );
        let three = one
            .take(&claim(1, 0, 0))
            .unwrap()
            .take(&claim(1, 1, 0))
            .unwrap();
        assert_eq!(
            three.take(&claim(1, 2, 0)),
            Err(TooManyCalls {
                in_progress: 3,
                limit: 3,
                of: CallsOf::Organization,
            })
        );
    }

    #[test]
    fn a_release_that_was_never_told_is_mended_by_the_next_word_of_its_worker() {
        let stale = Slots::default().state(WorkerId(1), Group::NONE, 3, LEASE, at(0));
        assert_eq!(
            stale
                .take(&claim(1, 0, 1))
                .unwrap()
                .in_progress(LEASE, at(1)),
            1
        );
    }

    #[test]
    fn without_a_limit_calls_are_counted_all_the_same() {
        let unlimited = Claim {
            limits: Limits::default(),
            ..claim(1, 40, 0)
        };
        assert_eq!(
            Slots::default()
                .take(&unlimited)
                .unwrap()
                .in_progress(LEASE, at(0)),
            41
        );
    }

    #[test]
    fn a_clock_that_steps_back_frees_nothing() {
        let slots = Slots::default().state(WorkerId(1), Group::NONE, 3, LEASE, at(100));
        assert!(slots.take(&claim(2, 0, 0)).is_err());
    }
}
