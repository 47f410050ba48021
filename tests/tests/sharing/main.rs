//! Promises 1, 3 and 4 where several proxies share an allotment, whatever becomes of their messages.
//!
//! The filter's own core runs here, with workers that share data as those of one proxy do, and an engine in memory
//! ([`Script`]). Messages are delivered, lost before or after they are carried out, and carried out late; proxies crash, and the engine
//! forgets everything. What was charged is counted apart from all of that.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

mod event;
mod script;
mod shared;
mod world;

use event::{Event, event};
use proptest::prelude::*;
use world::{ALLOTMENT, LIMIT, World};

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Promises 1 and 3: never overspent, and in the end the engine knows of every credit, of those that crashed proxies held too.
    #[test]
    fn an_allotment_is_never_overspent_whatever_becomes_of_messages(
        proxies in 1..4_usize,
        events in prop::collection::vec(event(), 1..250),
        crashes in prop::collection::vec((0..250_usize, 0..4_usize), 0..3),
    ) {
        let mut world = World::new(proxies, false);
        for (number, event) in events.into_iter().enumerate() {
            for (_, proxy) in crashes.iter().filter(|(at, _)| *at == number) {
                world.happen(Event::Crash(*proxy));
            }
            world.happen(event);
            let (used, _) = world.charged();
            prop_assert!(used <= ALLOTMENT, "{used} charged after {event:?}");
        }
        world.come_to_rest();
        let ((used, _), (held, reported)) = (world.charged(), world.known());
        prop_assert!(used <= held, "{used} charged, {held} held");
        // What crashed proxies held is held until the day ends: they may have used it. Nothing else is.
        let (charged_here, lost) = (used - world.gone, world.held_by_crashed());
        prop_assert_eq!(held, charged_here + lost);
        prop_assert!(lost >= world.gone);
        if world.crashed.is_empty() {
            prop_assert_eq!(reported, used);
        }
        let waiting: usize = world.proxies.iter().flat_map(|p| &p.workers).map(|w| w.held.len()).sum();
        prop_assert_eq!(waiting, 0, "nobody waits for ever");
    }

    /// Promise 4, and the limit of calls in progress: shares of all proxies together are within the limit, and are all there again.
    #[test]
    fn calls_in_progress_stay_within_their_limit_on_all_proxies_together(
        proxies in 1..4_usize,
        events in prop::collection::vec(event(), 1..250),
    ) {
        let mut world = World::new(proxies, true);
        for event in events {
            // Within the time for which a share counts, so that no proxy is held to be gone.
            let event = match event {
                Event::Tick(milliseconds) => Event::Tick(milliseconds.min(1_000)),
                event => event,
            };
            world.happen(event);
            let (used, calls) = world.charged();
            prop_assert!(used <= ALLOTMENT, "{used} charged after {event:?}");
            prop_assert!(calls <= LIMIT, "{calls} calls in progress after {event:?}");
        }
        world.come_to_rest();
        let (used, calls) = world.charged();
        prop_assert_eq!(calls, 0);
        prop_assert_eq!(world.known(), (used, used));
    }

    /// An engine that starts empty learns again from every proxy what it holds, and what the others held. What a proxy gave back since the
    /// others last heard of it stays reserved for nobody.
    ///
    /// That takes proxies that have used something, or heard that others have: one that knows of nothing cannot tell an emptied engine from
    /// a new day, and neither can the engine. And a proxy speaks when it needs something: what one used that had said so before the loss
    /// is held for it by what the others say, and not reported again.
    #[test]
    fn an_engine_that_forgot_everything_is_told_again(
        before in prop::collection::vec(event(), 1..60),
        events in prop::collection::vec(event(), 1..60),
        more in prop::collection::vec(event(), 1..120),
    ) {
        let mut world = World::new(2, false);
        before.into_iter().for_each(|event| world.happen(event));
        world.come_to_rest();
        for proxy in 0..2 {
            world.happen(Event::Call { proxy, worker: 0, cost: 1 });
            (0..4).for_each(|_| world.happen(Event::Deliver(0)));
            world.happen(Event::Answer { proxy, worker: 0, fails: false });
        }
        events.into_iter().for_each(|event| world.happen(event));
        world.lose_engine();
        for event in more {
            world.happen(event);
            let (used, _) = world.charged();
            prop_assert!(used <= ALLOTMENT, "{used} charged after {event:?}");
        }
        for proxy in 0..2 {
            world.happen(Event::Call { proxy, worker: 0, cost: 1 });
        }
        world.come_to_rest();
        let (used, _) = world.charged();
        let (held, _) = world.known();
        prop_assert!(used <= held, "{used} charged, {held} held");
    }
}

/// What that takes, taken away: an engine that has lost everything grants again what only a silent proxy remembers, because its loss looks
/// like a new day to a proxy that knows of nothing. It is a bound of what is promised (`engine.rs`), and whoever moves it changes this.
#[test]
fn an_engine_that_forgot_everything_grants_again_what_only_a_silent_proxy_remembers() {
    let calls = |world: &mut World, proxy: usize, times: usize| {
        for _ in 0..times {
            world.happen(Event::Call {
                proxy,
                worker: 0,
                cost: 50,
            });
            (0..4).for_each(|_| world.happen(Event::Deliver(0)));
        }
        world.come_to_rest();
        world.charged().0
    };
    let mut kept = World::new(2, false);
    assert_eq!(calls(&mut kept, 0, 3), 150);
    assert_eq!(calls(&mut kept, 1, 10), ALLOTMENT);
    let mut lost = World::new(2, false);
    assert_eq!(calls(&mut lost, 0, 3), 150);
    lost.lose_engine();
    assert_eq!(calls(&mut lost, 1, 10), 150 + ALLOTMENT);
}
