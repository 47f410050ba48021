//! An order of events, written down so that it can be run again.

use std::fmt;
use std::str::FromStr;

use super::actor::{Actor, UnknownActor};

/// Who takes each step, one after the other: `1*3 2 tick-0` lets call 1 take three steps, then call 2 one, then worker 0's timer one. A step
/// goes as far as the worker's next access to what all workers share. Behind its end everybody goes on as far as they can, one after the other.
/// It begins with the words `ticks` and `shapes` where timers fire and bodies arrive in every shape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    pub(crate) ticks: bool,
    pub(crate) shapes: bool,
    pub(crate) actors: Vec<Actor>,
}

impl Schedule {
    /// How many steps it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.actors.len()
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actors.is_empty()
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (word, said) in [(TICKS, self.ticks), (SHAPES, self.shapes)] {
            if said {
                write!(f, "{separator}{word}")?;
                separator = " ";
            }
        }
        for run in self.actors.chunk_by(PartialEq::eq) {
            let Some(actor) = run.first() else { continue };
            write!(f, "{separator}{actor}")?;
            if run.len() > 1 {
                write!(f, "*{}", run.len())?;
            }
            separator = " ";
        }
        Ok(())
    }
}

impl FromStr for Schedule {
    type Err = InvalidSchedule;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut schedule = Self::default();
        for word in text.split_whitespace() {
            match word {
                TICKS => schedule.ticks = true,
                SHAPES => schedule.shapes = true,
                word => schedule.actors.extend(steps(word)?),
            }
        }
        Ok(schedule)
    }
}

const TICKS: &str = "ticks";
const SHAPES: &str = "shapes";

/// The steps of one word, such as `1*3`.
fn steps(word: &str) -> Result<impl Iterator<Item = Actor>, InvalidSchedule> {
    let (actor, count) = word.split_once('*').unwrap_or((word, "1"));
    let invalid = || InvalidSchedule::Count(word.to_owned());
    let count: usize = count.parse().map_err(|_| invalid())?;
    if count == 0 || count > MOST {
        return Err(invalid());
    }
    Ok(std::iter::repeat_n(actor.parse()?, count))
}

/// More steps of one actor in a row are a typing error.
const MOST: usize = 100_000;

/// A text that is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSchedule {
    /// It names somebody whom no exploration knows.
    #[error(transparent)]
    Actor(#[from] UnknownActor),
    /// It does not say how many steps somebody takes.
    #[error("`{0}`: expected how many steps behind the `*`, from 1 to {MOST}")]
    Count(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_reads_as_it_is_written() {
        let text = "ticks shapes shape-1-1 1*3 2 tick-0 answer-1-2 leave-2 queue-1 1";
        let schedule: Schedule = text.parse().unwrap();
        assert_eq!(schedule.to_string(), text);
        assert_eq!((schedule.len(), schedule.is_empty()), (10, false));
        assert_eq!("".parse::<Schedule>().unwrap().to_string(), "");
    }

    #[test]
    fn what_is_no_schedule_is_named() {
        let error = |text: &str| text.parse::<Schedule>().unwrap_err().to_string();
        assert_eq!(
            error("1 later"),
            "`later` names nobody, expected a call such as `1`, or `leave-1`, `tick-0`, `answer-0-1`, `queue-0` or `shape-1-0`"
        );
        assert_eq!(
            error("1*many"),
            "`1*many`: expected how many steps behind the `*`, from 1 to 100000"
        );
        assert_eq!(
            error("1*0"),
            "`1*0`: expected how many steps behind the `*`, from 1 to 100000"
        );
    }
}
