//! What was used in one period.

use jiff::Timestamp;

use super::lasting::{take, take_number};
use crate::model::{
    credits::Credits,
    day::Seconds,
    period::{Span, Unit, Window},
    period_balance::PeriodBalance,
    policy_name::PolicyName,
};

/// The steps that a rolling period counts: those of its length, and the one that has just begun.
const STEPS: usize = 21;
/// By how many seconds a clock may be ahead of what was counted.
const AHEAD: i64 = 86_400;

/// What was used in one period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PeriodAccount {
    /// Which one.
    pub(super) id: u32,
    /// What was used in it.
    pub(super) counter: Counter,
}

/// What was used in the present span of a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counter {
    /// In a week or month.
    Calendar {
        /// Its first second since 1970.
        start: i64,
        /// What was used.
        used: u64,
    },
    /// In any span of a length.
    Rolling {
        /// The latest step in which something was used.
        latest: u64,
        /// What was used in it, and in those before it, as far as anything was.
        used: Vec<u64>,
    },
}

/// What a call asks of a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeriodClaim {
    /// Which one.
    pub id: u32,
    /// What it is called.
    pub name: PolicyName,
    /// The most that may be used in it.
    pub limit: u64,
    /// Whether calls are refused beyond the limit.
    pub enforced: bool,
    /// What it counts.
    pub unit: Unit,
    /// When the call is.
    pub time: PeriodTime,
    /// Where the call was counted: the second in which the week or month began, or the step; `None` until it is.
    pub counted: Option<u64>,
}

/// When a call is, as a period counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeriodTime {
    /// In this week or month, at this second since 1970.
    Calendar(Span, i64),
    /// In this step of a rolling period.
    Rolling(Window, u64),
}

/// A call for which there is not enough left in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeriodShort {
    /// Which of the claimed periods it is.
    pub index: usize,
    /// What the call asks of it: its cost, or one request.
    pub amount: u64,
    /// What is left in it.
    pub remaining: u64,
    /// When enough will be left, if nothing else is used; `None` if its limit is less than the call needs.
    pub enough_at: Option<Timestamp>,
}

impl PeriodClaim {
    /// What a call counts that costs so much.
    #[must_use]
    pub fn amount(&self, cost: Credits) -> u64 {
        match self.unit {
            Unit::Credits => cost.get(),
            Unit::Requests => 1,
        }
    }

    /// Whether it counts what a call did cost in the end: a request counts as one however its call ends.
    #[must_use]
    pub fn is_corrected(&self) -> bool {
        self.unit == Unit::Credits
    }

    /// What is left in the period, of which this is used.
    pub(super) fn balance(&self, counter: &Counter) -> PeriodBalance {
        PeriodBalance {
            name: self.name.clone(),
            unit: self.unit,
            limit: self.limit,
            used: counter.used(),
            resets_at: counter.resets_at(&self.time),
            length: match self.time {
                PeriodTime::Calendar(span, _) => Seconds::between(span.start, span.end),
                PeriodTime::Rolling(window, _) => window.length(),
            },
        }
    }

    /// Why so much more cannot be used; `None` if it can.
    #[must_use]
    pub fn lacks(&self, counter: &Counter, index: usize, amount: u64) -> Option<PeriodShort> {
        let limit = self.limit;
        let remaining = limit.saturating_sub(counter.used());
        (self.enforced && amount > remaining).then(|| PeriodShort {
            index,
            amount,
            remaining,
            enough_at: (limit.checked_sub(amount)).map(|most| counter.falls_to(&self.time, most)),
        })
    }
}

impl Counter {
    /// A counter of which nothing is used.
    pub(super) fn unused(time: &PeriodTime) -> Self {
        match time {
            PeriodTime::Calendar(span, _) => Self::Calendar {
                start: span.start.as_second(),
                used: 0,
            },
            PeriodTime::Rolling(_, step) => Self::Rolling {
                latest: *step,
                used: Vec::new(),
            },
        }
    }

    /// Brings the counter to this time. It never goes back to an earlier week, month or step, because a clock that steps back a little comes to
    /// the later one once more; if it has been ahead by more than a day, or the length of a rolling period, all that it counted counts now.
    ///
    /// A week or month begins anew once it is nearly a whole one later: one that only begins on another day or in another zone than before is
    /// the same, and ends where it says now.
    pub(super) fn roll_to(&mut self, time: &PeriodTime) {
        match (&mut *self, time) {
            (Self::Calendar { start, used }, PeriodTime::Calendar(span, now)) => {
                let first = span.start.as_second();
                let nearly_whole = nearly_whole(span);
                if first.saturating_sub(*start) >= nearly_whole {
                    *used = 0;
                } else if start.saturating_sub(first) >= nearly_whole
                    && *start <= now.saturating_add(AHEAD)
                {
                    return;
                }
                *start = first;
            }
            (Self::Rolling { latest, used }, PeriodTime::Rolling(_, now)) => {
                if latest.saturating_sub(*now) > Window::STEPS {
                    let all = used
                        .iter()
                        .fold(0_u64, |sum, used| sum.saturating_add(*used));
                    *used = vec![all];
                    *latest = *now;
                } else if *latest < *now {
                    roll(used, now.saturating_sub(*latest));
                    *latest = *now;
                }
            }
            _ => *self = Self::unused(time),
        }
    }

    /// What was used.
    #[must_use]
    pub fn used(&self) -> u64 {
        match self {
            Self::Calendar { used, .. } => *used,
            Self::Rolling { used, .. } => {
                used.iter().fold(0, |sum, used| sum.saturating_add(*used))
            }
        }
    }

    /// Adds so much to what is used now.
    pub(super) fn add(&mut self, amount: u64) {
        match self {
            Self::Calendar { used, .. } => *used = used.saturating_add(amount),
            Self::Rolling { used, .. } => match used.first_mut() {
                Some(now) => *now = now.saturating_add(amount),
                None if amount > 0 => used.push(amount),
                None => {}
            },
        }
    }

    /// The place where a call is counted now: the second in which the week or month began, or the step.
    #[must_use]
    pub fn place(&self) -> u64 {
        match self {
            Self::Calendar { start, .. } => start.cast_unsigned(),
            Self::Rolling { latest, .. } => *latest,
        }
    }

    /// What was used where a call was counted, as long as that counts: `time` says how long the period is.
    pub(super) fn at(&mut self, place: u64, time: &PeriodTime) -> Option<&mut u64> {
        match (self, time) {
            (Self::Calendar { start, used }, PeriodTime::Calendar(span, _)) => {
                let apart = start.abs_diff(place.cast_signed());
                (apart < nearly_whole(span).unsigned_abs()).then_some(used)
            }
            (Self::Rolling { latest, used }, PeriodTime::Rolling(..)) => {
                let age = usize::try_from(latest.checked_sub(place)?).ok()?;
                if age < STEPS && used.len() <= age {
                    used.resize(age.saturating_add(1), 0);
                }
                used.get_mut(age)
            }
            _ => None,
        }
    }

    /// When no more than `most` of it counts any more.
    fn falls_to(&self, time: &PeriodTime, most: u64) -> Timestamp {
        match (self, time) {
            (Self::Rolling { latest, used }, PeriodTime::Rolling(window, _)) => {
                let mut left = self.used();
                let mut step = latest.saturating_sub(used.len() as u64);
                for used in used.iter().rev() {
                    step = step.saturating_add(1);
                    left = left.saturating_sub(*used);
                    if *used > 0 && left <= most {
                        break;
                    }
                }
                window.freed_at(step.min(*latest))
            }
            (_, PeriodTime::Calendar(span, _)) => span.end,
            (_, PeriodTime::Rolling(window, step)) => window.freed_at(*step),
        }
    }

    /// When something of it is free again: the end of the week or month, or when what was used first in a rolling period is over.
    #[must_use]
    pub fn resets_at(&self, time: &PeriodTime) -> Timestamp {
        self.falls_to(time, self.used().saturating_sub(1))
    }
}

/// How many seconds apart the beginnings of two weeks or months are at the least: seven eighths of one, as February is shorter.
fn nearly_whole(span: &Span) -> i64 {
    let length = span.end.as_second().saturating_sub(span.start.as_second());
    (length / 8).saturating_mul(7)
}

/// So many steps later, without those that are over.
#[inline(never)]
fn roll(used: &mut Vec<u64>, steps: u64) {
    let steps = usize::try_from(steps).unwrap_or(usize::MAX);
    used.truncate(STEPS.saturating_sub(steps));
    while used.last() == Some(&0) {
        used.pop();
    }
    if !used.is_empty() {
        used.splice(0..0, std::iter::repeat_n(0, steps));
    }
}

impl PeriodAccount {
    /// How many bytes it takes in a record.
    pub(super) fn length(&self) -> usize {
        match &self.counter {
            Counter::Calendar { .. } => 21,
            Counter::Rolling { used, .. } => used.len().saturating_mul(8).saturating_add(14),
        }
    }

    pub(super) fn write(&self, record: &mut Vec<u8>) {
        record.extend_from_slice(&self.id.to_le_bytes());
        match &self.counter {
            Counter::Calendar { start, used } => {
                record.push(0);
                record.extend_from_slice(&start.to_le_bytes());
                record.extend_from_slice(&used.to_le_bytes());
            }
            Counter::Rolling { latest, used } => {
                record.push(1);
                record.extend_from_slice(&latest.to_le_bytes());
                record.push(u8::try_from(used.len()).unwrap_or(u8::MAX));
                for used in used {
                    record.extend_from_slice(&used.to_le_bytes());
                }
            }
        }
    }

    pub(super) fn read(bytes: &mut &[u8]) -> Option<Self> {
        let id = u32::from_le_bytes(take(bytes)?);
        let counter = match take(bytes)? {
            [0] => Counter::Calendar {
                start: i64::from_le_bytes(take(bytes)?),
                used: take_number(bytes)?,
            },
            [1] => {
                let latest = take_number(bytes)?;
                let [steps] = take(bytes)?;
                let mut used = Vec::with_capacity(usize::from(steps));
                for _ in 0..steps {
                    used.push(take_number(bytes)?);
                }
                Counter::Rolling { latest, used }
            }
            [_] => return None,
        };
        Some(Self { id, counter })
    }
}
