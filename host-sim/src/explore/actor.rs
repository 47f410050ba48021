//! Who can take the next step, as schedules write it.

use std::fmt;
use std::str::FromStr;

/// Who takes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Actor {
    /// The call with this number, counted from 1: it begins, the upstream answers it, or its worker goes on with it. `3`.
    Call(usize),
    /// The client of this call goes away. `leave-3`.
    Leave(usize),
    /// The timer of this worker, counted from 0. `tick-0`.
    Tick(usize),
    /// The service that this worker called out to, by the number of that call of the worker's. `answer-0-1`.
    Answer(usize, usize),
    /// This worker is told of what was put into a shared queue. `queue-0`.
    Queue(usize),
    /// This call's request arrives in one of several shapes, counted from 0. `shape-3-1`.
    Shape(usize, usize),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(call) => write!(f, "{call}"),
            Self::Leave(call) => write!(f, "leave-{call}"),
            Self::Tick(worker) => write!(f, "tick-{worker}"),
            Self::Answer(worker, number) => write!(f, "answer-{worker}-{number}"),
            Self::Queue(worker) => write!(f, "queue-{worker}"),
            Self::Shape(call, shape) => write!(f, "shape-{call}-{shape}"),
        }
    }
}

/// A text that names nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names nobody, expected a call such as `1`, or `leave-1`, `tick-0`, `answer-0-1`, `queue-0` or `shape-1-0`"
)]
pub struct UnknownActor(String);

impl FromStr for Actor {
    type Err = UnknownActor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('-');
        let word = parts.next().unwrap_or_default();
        let numbers: Option<Vec<usize>> = parts.map(|part| part.parse().ok()).collect();
        let actor = match (word, numbers.as_deref()) {
            ("leave", Some([call])) => Some(Self::Leave(*call)),
            ("tick", Some([worker])) => Some(Self::Tick(*worker)),
            ("queue", Some([worker])) => Some(Self::Queue(*worker)),
            ("answer", Some([worker, number])) => Some(Self::Answer(*worker, *number)),
            ("shape", Some([call, shape])) => Some(Self::Shape(*call, *shape)),
            (call, Some([])) => call.parse().ok().map(Self::Call),
            _ => None,
        };
        actor.ok_or_else(|| UnknownActor(text.to_owned()))
    }
}
