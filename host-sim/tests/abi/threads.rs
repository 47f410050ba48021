//! Workers that live on threads of their own.

use std::thread;

use crate::guest::{builder, get};

/// Counts configurations and requests; every request adds one to the counter of all workers.
const COUNTS: &str = r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
        (drop (call $define (i32.const 0) <configured> (i32.const 32)))
        (drop (call $define (i32.const 0) <requests> (i32.const 36)))
        (drop (call $increment (i32.load (i32.const 32)) (i64.const 1)))
        (i32.ne (local.get 1) (i32.const 9)))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $increment (i32.load (i32.const 36)) (i64.const 1)))
        (drop (call $set_shared <last> (i32.const 36) (i32.const 4) (i32.const 0)))
        i32.const 0)"#;

#[test]
fn workers_on_threads_share_metrics_and_data() {
    let (main, seeds) = builder(COUNTS).workers(3).start_threads().unwrap();
    let calls = |seed: host_sim::WorkerSeed| {
        let mut worker = seed.start().unwrap();
        for _ in 0..100 {
            assert_eq!(worker.exchange(&get("/")).unwrap().status, 200);
        }
    };
    let threads: Vec<_> = seeds
        .into_iter()
        .map(|seed| thread::spawn(move || calls(seed)))
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(main.metric("requests"), Some(300));
    assert_eq!(main.shared_data(b"last").map(|value| value.len()), Some(4));
    // The canary, the main thread and the workers.
    assert_eq!(main.metric("configured"), Some(5));
}

#[test]
fn only_the_first_simulation_tries_a_configuration() {
    let (mut main, seeds) = builder(COUNTS).workers(2).start_threads().unwrap();
    let mut workers: Vec<_> = seeds
        .into_iter()
        .map(|seed| seed.start().unwrap())
        .collect();
    assert_eq!(main.metric("configured"), Some(4));
    let error = main.configure(b"refused!!").unwrap_err();
    assert_eq!(error.to_string(), "the module refused its configuration");
    assert_eq!(main.metric("configured"), Some(5));
    main.configure(b"new").unwrap();
    for worker in &mut workers {
        worker.configure(b"new").unwrap();
    }
    // The canary, the main thread and the two workers.
    assert_eq!(main.metric("configured"), Some(9));
}

#[test]
fn a_worker_is_told_of_what_another_put_into_its_queue_when_it_settles() {
    let guest = r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
            (drop (call $register_queue <jobs> (i32.const 32)))
            i32.const 1)
        (func (export "proxy_on_queue_ready") (param i32 i32)
            (drop (call $log (i32.const 2) <told>)))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $enqueue (i32.load (i32.const 32)) <job>))
            i32.const 0)"#;
    let (_main, seeds) = builder(guest).workers(2).start_threads().unwrap();
    let mut workers: Vec<_> = seeds
        .into_iter()
        .map(|seed| seed.start().unwrap())
        .collect();
    // The last one that registered is told.
    assert_eq!(workers[0].exchange(&get("/")).unwrap().status, 200);
    assert!(workers[0].has_enqueued());
    assert!(!workers[0].has_enqueued());
    assert_eq!(workers[1].log().len(), 0);
    workers[1].settle().unwrap();
    assert_eq!(workers[1].log().len(), 1);
}
