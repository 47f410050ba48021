//! The search on programs that are small enough to count by hand, and on made-up ones against all interleavings.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "the numbers of these tests are small"
)]

use std::collections::BTreeSet;

use super::*;
use crate::host::access::{Kind, Resource};
use crate::model::random::Random;

/// A worker reads a key, or writes its own number to it.
#[derive(Clone, Copy, Debug)]
enum Op {
    Read(usize),
    Write(usize),
}

/// What each worker does, one after the other.
type Program = Vec<Vec<Op>>;

fn access(op: Op) -> Access {
    let (key, kind) = match op {
        Op::Read(key) => (key, Kind::Read),
        Op::Write(key) => (key, Kind::Write),
    };
    Access {
        resource: Resource::Queue(u32::try_from(key).unwrap()),
        kind,
    }
}

/// What the workers have read, and what the keys hold in the end.
type Outcome = (Vec<Vec<usize>>, Vec<usize>);

/// One run; none when it is cut.
fn run(program: &Program, search: &mut Search) -> Option<Outcome> {
    let mut next = vec![0; program.len()];
    let mut read = vec![Vec::new(); program.len()];
    let mut keys = vec![0; 3];
    loop {
        let candidates: Vec<_> = (0..program.len())
            .filter(|worker| next[*worker] < program[*worker].len())
            .map(|worker| Candidate {
                actor: Actor::Call(worker + 1),
                worker: Some(worker),
                under_way: next[worker] > 0,
            })
            .collect();
        if candidates.is_empty() {
            return Some((read, keys));
        }
        let chosen = search.choose(&candidates, 0).ok()?;
        let worker = candidates[chosen].worker.unwrap();
        let op = program[worker][next[worker]];
        next[worker] += 1;
        match op {
            Op::Read(key) => read[worker].push(keys[key]),
            Op::Write(key) => keys[key] = worker + 1,
        }
        search.took(vec![access(op)]);
    }
}

/// How many runs came to their ends, and what came of them.
fn explored(program: &Program, mut search: Search) -> (usize, BTreeSet<Outcome>) {
    let (mut runs, mut outcomes) = (0, BTreeSet::new());
    loop {
        if let Some(outcome) = run(program, &mut search) {
            runs += 1;
            outcomes.insert(outcome);
        }
        if !search.advance() {
            return (runs, outcomes);
        }
    }
}

#[test]
fn orders_that_nobody_can_tell_apart_are_run_once() {
    use Op::{Read, Write};
    let runs = |program: Program| explored(&program, Search::all()).0;
    assert_eq!(runs(vec![vec![Read(0); 3]; 3]), 1);
    assert_eq!(runs(vec![vec![Write(0); 2], vec![Write(1); 2]]), 1);
    assert_eq!(runs(vec![vec![Write(0)], vec![Read(0)], vec![Read(0)]]), 4);
    // 6! / (2! 2! 2!): all orders matter.
    assert_eq!(runs(vec![vec![Write(0); 2]; 3]), 90);
    // Reading and then writing, twice: the first to write may be either, before or after the other has read.
    assert_eq!(runs(vec![vec![Read(0), Write(0)]; 2]), 4);
}

#[test]
fn nothing_that_some_order_shows_is_missed() {
    for seed in 0..60 {
        let mut random = Random::seeded(seed);
        let program: Program = (0..3)
            .map(|_| {
                (0..3)
                    .map(|_| match (random.below(2), random.below(3)) {
                        (0, key) => Op::Read(key),
                        (_, key) => Op::Write(key),
                    })
                    .collect()
            })
            .collect();
        let (all, every_outcome) = explored(&program, Search::with_preemptions(usize::MAX));
        let (fewer, outcomes) = explored(&program, Search::all());
        assert_eq!(all, 1680, "9! / (3! 3! 3!) interleavings");
        assert_eq!(outcomes, every_outcome, "{program:?}");
        // Each run shows something of its own, or writes in an order that nobody reads.
        assert!(fewer <= all && fewer >= outcomes.len(), "{program:?}");
    }
}

#[test]
fn preemptions_are_bounded() {
    use Op::Write;
    let program = vec![vec![Write(0); 3]; 2];
    let runs = |bound| explored(&program, Search::with_preemptions(bound)).0;
    // Without any, one after the other; with one, a worker stops after its first or its second step.
    assert_eq!((runs(0), runs(1), runs(usize::MAX)), (2, 6, 20));
}
