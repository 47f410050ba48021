//! How long a replay waits for the filter. Callbacks are not counted there, for speed, so that one that never returns would hang the replay.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use super::number::count;

/// Somebody who watches, and ends the program with the exit status 1 when the filter does not return.
pub(super) struct Patience {
    state: Arc<State>,
    /// Once it goes, nobody watches any more.
    _watched: Sender<()>,
}

/// What the filter is run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    Start = 1,
    Call = 2,
    Remedy = 3,
}

#[derive(Default)]
struct State {
    /// How often the filter has returned.
    returns: AtomicU64,
    /// The calls among them.
    calls: AtomicU64,
    /// What it is run for; 0 between two times.
    work: AtomicU8,
}

impl Patience {
    /// Waits for `longest` at least, and for less than twice as long: calls that others pass in microseconds are not timed one by one.
    pub(super) fn begin(longest: Duration) -> Self {
        let state = Arc::new(State::default());
        let (watched, end) = mpsc::channel();
        let seen = Arc::clone(&state);
        thread::spawn(move || {
            let mut before = None;
            while end.recv_timeout(longest) == Err(RecvTimeoutError::Timeout) {
                let returns = seen.returns.load(Ordering::Relaxed);
                let work = seen.work.load(Ordering::Relaxed);
                if work != 0 && before == Some(returns) {
                    give_up(work, seen.calls.load(Ordering::Relaxed), longest);
                }
                before = (work != 0).then_some(returns);
            }
        });
        Self {
            state,
            _watched: watched,
        }
    }

    /// Does something with the filter that is over soon unless the filter never returns.
    pub(super) fn watch<R>(&self, work: Work, run: impl FnOnce() -> R) -> R {
        let State { returns, calls, .. } = &*self.state;
        self.state.work.store(work as u8, Ordering::Relaxed);
        let result = run();
        self.state.work.store(0, Ordering::Relaxed);
        // Nobody else counts.
        let one_more = |count: &AtomicU64| {
            let before = count.load(Ordering::Relaxed);
            count.store(before.saturating_add(1), Ordering::Relaxed);
        };
        one_more(returns);
        if work == Work::Call {
            one_more(calls);
        }
        result
    }
}

fn give_up(work: u8, calls: u64, waited: Duration) {
    let call = calls.saturating_add(1);
    let doing = match work {
        work if work == Work::Call as u8 => {
            format!("from call {call} of the log, in the order of time")
        }
        work if work == Work::Remedy as u8 => "when it starts under another plan".to_owned(),
        _ => "when it starts".to_owned(),
    };
    eprintln!(
        "error: the filter does not return {doing}: waited for {} (--timeout)",
        count(waited.as_secs(), "second", "seconds")
    );
    process::exit(1);
}
