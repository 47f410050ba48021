//! How long a replay waits for the filter. Callbacks are not counted there, for speed, so that one that never returns would hang the replay.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use super::number::count;

/// Somebody who watches, and ends the program with the exit status 1 when the filter does not return.
pub(super) struct Watchdog {
    state: Arc<State>,
    /// Once it goes, nobody watches any more.
    _watched: Sender<()>,
}

/// What the filter is run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    Start,
    Remedy,
    /// A call of the log, counted from 1.
    Call(u64),
}

#[derive(Default)]
struct State {
    /// How often the filter has returned.
    returns: AtomicU64,
    /// What it is run for, as a number; 0 between two times.
    work: AtomicU64,
}

impl Work {
    fn to_number(self) -> u64 {
        match self {
            Self::Start => 1,
            Self::Remedy => 2,
            Self::Call(call) => call.saturating_add(2),
        }
    }

    fn from_number(number: u64) -> Option<Self> {
        match number {
            0 => None,
            1 => Some(Self::Start),
            2 => Some(Self::Remedy),
            call => Some(Self::Call(call.saturating_sub(2))),
        }
    }
}

impl Watchdog {
    /// Waits for `longest` at least, and for less than twice as long: calls that others pass in microseconds are not timed one by one.
    pub(super) fn begin(longest: Duration) -> Self {
        let state = Arc::new(State::default());
        let (watched, end) = mpsc::channel();
        let seen = Arc::clone(&state);
        thread::spawn(move || {
            let mut before = None;
            while end.recv_timeout(longest) == Err(RecvTimeoutError::Timeout) {
                let returns = seen.returns.load(Ordering::Relaxed);
                let work = Work::from_number(seen.work.load(Ordering::Relaxed));
                if let Some(work) = work.filter(|_| before == Some(returns)) {
                    give_up(work, longest);
                }
                before = work.is_some().then_some(returns);
            }
        });
        Self {
            state,
            _watched: watched,
        }
    }

    /// Does something with the filter that is over soon unless the filter never returns.
    pub(super) fn watch<R>(&self, work: Work, run: impl FnOnce() -> R) -> R {
        let State { returns, work: now } = &*self.state;
        now.store(work.to_number(), Ordering::Relaxed);
        let result = run();
        now.store(0, Ordering::Relaxed);
        // Nobody else counts.
        let before = returns.load(Ordering::Relaxed);
        returns.store(before.saturating_add(1), Ordering::Relaxed);
        result
    }
}

fn give_up(work: Work, waited: Duration) {
    let doing = match work {
        Work::Call(call) => format!("from call {call} of the log, in the order of time"),
        Work::Remedy => "when it starts under another plan".to_owned(),
        Work::Start => "when it starts".to_owned(),
    };
    eprintln!(
        "error: the filter does not return {doing}: waited for {} (--timeout)",
        count(waited.as_secs(), "second", "seconds")
    );
    process::exit(1);
}
