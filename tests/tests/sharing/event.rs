//! What happens to proxies and messages, drawn by lot.

use proptest::prelude::*;

/// What happens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// A client calls.
    Call {
        proxy: usize,
        worker: usize,
        cost: u64,
    },
    /// A call is answered; one that failed is refunded.
    Answer {
        proxy: usize,
        worker: usize,
        fails: bool,
    },
    /// A message arrives, and its answer does.
    Deliver(usize),
    /// A message is lost, or its answer is; or it arrives when nobody waits for its answer any more.
    Lose(usize, Loss),
    /// A message arrives that nobody waits for any more.
    ArriveLate(usize),
    /// Time passes, in milliseconds, and timers tick.
    Tick(i64),
    /// A proxy starts anew, and has forgotten everything.
    Crash(usize),
    /// A proxy stops in its tracks, or goes on where it stopped.
    Freeze(usize),
    /// A proxy's clock steps by so many milliseconds.
    Step(usize, i64),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Loss {
    Message,
    Answer,
    Late,
}

/// What may happen to proxies that run and whose clocks are right, what is usual more often.
pub(crate) fn event() -> impl Strategy<Value = Event> {
    let cost = prop_oneof![6 => Just(1_u64), 3 => Just(20), 2 => Just(70), 1 => Just(500)];
    let loss = prop_oneof![Just(Loss::Message), Just(Loss::Answer), Just(Loss::Late)];
    prop_oneof![
        20 => (0..4_usize, 0..2_usize, cost).prop_map(|(proxy, worker, cost)| Event::Call { proxy, worker, cost }),
        10 => (0..4_usize, 0..2_usize, prop::bool::weighted(0.2))
            .prop_map(|(proxy, worker, fails)| Event::Answer { proxy, worker, fails }),
        12 => (0..8_usize).prop_map(Event::Deliver),
        2 => ((0..8_usize), loss).prop_map(|(which, loss)| Event::Lose(which, loss)),
        2 => (0..8_usize).prop_map(Event::ArriveLate),
        3 => prop_oneof![Just(3_i64), Just(200), Just(1_000), Just(11_000)].prop_map(Event::Tick),
    ]
}

/// Whatever may happen, also to proxies that are stopped and go on, and to their clocks.
pub(crate) fn any_event() -> impl Strategy<Value = Event> {
    let step = prop_oneof![
        Just(-3_600_000_i64),
        Just(-5_000),
        Just(700),
        Just(40_000),
        Just(3_600_000),
    ];
    prop_oneof![
        50 => event(),
        3 => (0..4_usize).prop_map(Event::Freeze),
        1 => ((0..4_usize), step).prop_map(|(proxy, by)| Event::Step(proxy, by)),
    ]
}
