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
mod proxy;
mod script;
mod shared;
mod world;

use event::{Event, any_event, event};
use proptest::prelude::*;
use proxy::{ALLOTMENT, LIMIT};
use world::World;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Promises 1 and 3: never overspent, and in the end the engine knows of every credit, of those that crashed proxies took along too.
    #[test]
    fn an_allotment_is_never_overspent_whatever_becomes_of_messages(
        proxies in 1..4_usize,
        events in prop::collection::vec(any_event(), 1..250),
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
        // What crashed proxies held is held until the day ends: they may have used it. Nothing else is, and that is little.
        let mut rest = held - used;
        for crashed in &world.crashed {
            let lost = world.held_by(crashed).checked_sub(crashed.charged);
            let lost = lost.expect("what was used is held");
            prop_assert!(lost <= crashed.most, "{lost} taken along, {} at most", crashed.most);
            rest -= lost;
        }
        prop_assert_eq!(rest, 0);
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

    /// An engine that loses everything, at whatever time and however often, learns again from every proxy what it holds and has used, and
    /// grants none of it meanwhile. What a proxy gave back since the others last heard of it stays reserved for nobody.
    #[test]
    fn an_engine_that_forgot_everything_is_told_again(
        proxies in 1..4_usize,
        events in prop::collection::vec(event(), 1..250),
        losses in prop::collection::vec(0..250_usize, 1..4),
    ) {
        let mut world = World::new(proxies, false);
        world.meet();
        for (number, event) in events.into_iter().enumerate() {
            if losses.contains(&number) {
                world.lose_engine();
            }
            world.happen(event);
            let (used, _) = world.charged();
            prop_assert!(used <= ALLOTMENT, "{used} charged after {event:?}");
        }
        world.come_to_rest();
        let ((used, _), (held, reported)) = (world.charged(), world.known());
        prop_assert!(used <= ALLOTMENT, "{used} charged in the end");
        prop_assert!(used <= held, "{used} charged, {held} held");
        prop_assert!(used <= reported, "{used} charged, {reported} reported");
    }
}

/// Has one organization call for 500 credits so many times through a proxy, and returns what was charged once everybody is at rest.
fn calls(world: &mut World, proxy: usize, times: usize) -> u64 {
    for _ in 0..times {
        world.happen(Event::Call {
            proxy,
            worker: 0,
            cost: 500,
        });
        (0..4).for_each(|_| world.happen(Event::Deliver(0)));
    }
    world.come_to_rest();
    world.charged().0
}

/// What a silent proxy remembers alone is not granted again, though the first to speak to the emptied engine has never called before.
#[test]
fn an_engine_that_forgot_everything_waits_for_what_only_a_silent_proxy_remembers() {
    let mut kept = World::new(2, false);
    assert_eq!(calls(&mut kept, 0, 3), 1_500);
    assert_eq!(calls(&mut kept, 1, 10), ALLOTMENT);
    let mut lost = World::new(2, false);
    assert_eq!(calls(&mut lost, 0, 3), 1_500);
    lost.lose_engine();
    assert_eq!(calls(&mut lost, 1, 10), 1_500, "nothing yet");
    assert_eq!(calls(&mut lost, 1, 10), ALLOTMENT);
}

/// What remains: a proxy that starts after the loss and is the first to speak knows of no birth. It is granted what an engine that is
/// new would grant, until one that knows better greets it: a second after `idle_seconds`, at the most.
#[test]
fn a_fresh_proxy_is_granted_too_much_until_a_silent_one_greets_the_emptied_engine() {
    let mut world = World::new(2, false);
    assert_eq!(calls(&mut world, 0, 3), 1_500);
    world.lose_engine();
    world.happen(Event::Crash(1));
    world.happen(Event::Call {
        proxy: 1,
        worker: 0,
        cost: 500,
    });
    (0..4).for_each(|_| world.happen(Event::Deliver(0)));
    assert_eq!(world.charged().0, 2_000);
    // From here on the silent proxy is heard, and no more is granted than there is.
    world.come_to_rest();
    assert_eq!(calls(&mut world, 1, 10), ALLOTMENT);
}

/// Calls that wait at the same time are granted 3 % of the allotment at a time, so that they do not take more along if their proxy is killed.
#[test]
fn calls_that_wait_together_need_three_per_cent_of_the_allotment_at_a_time() {
    let mut world = World::new(1, false);
    for worker in [0, 1].repeat(15) {
        world.happen(Event::Call {
            proxy: 0,
            worker,
            cost: 20,
        });
    }
    world.come_to_rest();
    assert_eq!(world.charged().0, 600);
    let needed = world.proxies[0].needed;
    assert!((21..=90).contains(&needed), "{needed} at a time");
}
