//! What an exploration finds: a schedule, and what goes wrong under it.

use super::schedule::Schedule;
use crate::scenario::report::Report;

/// A schedule under which a scenario does not hold.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The schedule.
    pub schedule: Schedule,
    /// How often it leaves a worker in the middle of a callback for another.
    pub preemptions: usize,
    /// What differs.
    pub problem: Problem,
    /// The events that the workers took up in the last `parallel` step, and what they did to what they share, as traces write it.
    pub steps: Vec<String>,
}

/// What went wrong under a schedule.
#[derive(Clone, Debug)]
pub enum Problem {
    /// Something was seen that the scenario does not expect.
    Differs(Report),
    /// The scenario did not come to its end: a request hangs, or the module crashes.
    Broken(String),
}
