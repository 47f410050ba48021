//! Where an exploration runs: all of its threads on one processor.
//!
//! Only one thread of an exploration runs at a time, so that a second processor gains nothing. It costs much, though: whenever a worker gives
//! its memory back, the kernel interrupts every processor on which one of the threads has run, and thousands of schedules give back
//! the memory of thousands of workers. On two processors a search takes about three times as much time as on one.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::panic;
use std::thread;

/// Does something on a thread that stays on one processor, and with it all threads that it starts. Where the system does not say which
/// processors there are, it runs anywhere.
pub(super) fn on_one<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    thread::scope(|scope| {
        let done = scope.spawn(|| {
            stay();
            work()
        });
        match done.join() {
            Ok(result) => result,
            Err(payload) => panic::resume_unwind(payload),
        }
    })
}

/// Explorations at the same time should not all choose the same processor.
fn stay() {
    let processors = core_affinity::get_core_ids().unwrap_or_default();
    let count = u64::try_from(processors.len()).unwrap_or_default();
    let drawn = RandomState::new().hash_one(0).checked_rem(count);
    let drawn = drawn.and_then(|drawn| usize::try_from(drawn).ok());
    if let Some(processor) = drawn.and_then(|drawn| processors.get(drawn)) {
        // Only slower otherwise.
        let _ = core_affinity::set_for_current(*processor);
    }
}
