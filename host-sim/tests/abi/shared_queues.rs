//! Shared queues: tokens, statuses, and who is told.

use host_sim::target::{PluginSettings, Request};

use crate::guest::{builder, get, started};

/// Every VM registers the queue; a request to /put puts two items in and takes one out.
const QUEUE: &str = r#"
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
        (drop (call $register_queue <work> (i32.const 16)))
        i32.const 1)
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $resolve_queue <> <work> (i32.const 16)))
        (drop (call $resolve_queue <mine> <work> (i32.const 16)))
        (drop (call $resolve_queue <theirs> <work> (i32.const 20)))
        (drop (call $resolve_queue <> <rest> (i32.const 20)))
        (drop (call $dequeue (i32.load (i32.const 16)) (i32.const 0) (i32.const 4)))
        (drop (call $enqueue (i32.load (i32.const 16)) <one>))
        (drop (call $enqueue (i32.load (i32.const 16)) <>))
        (drop (call $enqueue (i32.const 7) <lost>))
        (drop (call $dequeue (i32.const 7) (i32.const 0) (i32.const 4)))
        i32.const 0)
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) i32.const 0)
    (func (export "proxy_on_queue_ready") (param i32 i32)
        (drop (call $dequeue (local.get 1) (i32.const 0) (i32.const 4))))"#;

#[test]
fn the_last_to_register_is_told_of_each_item_once_the_callback_is_over() {
    let settings = PluginSettings {
        vm_id: "mine".to_owned(),
        ..PluginSettings::default()
    };
    let mut simulator = started(builder(QUEUE).settings(settings).workers(2));
    let request = Request {
        worker: Some(0),
        ..get("/")
    };
    assert_eq!(simulator.exchange(&request).unwrap().status, 200);
    assert_eq!(
        crate::guest::trace(&mut simulator),
        [
            "worker 0 [host->vm] proxy_on_request_headers(2, 6, true)",
            r#"worker 0 [vm->host] proxy_resolve_shared_queue("", "work") -> OK 1"#,
            r#"worker 0 [vm->host] proxy_resolve_shared_queue("mine", "work") -> OK 1"#,
            r#"worker 0 [vm->host] proxy_resolve_shared_queue("theirs", "work") -> NOT_FOUND (no such queue)"#,
            r#"worker 0 [vm->host] proxy_resolve_shared_queue("", "rest") -> NOT_FOUND (no such queue)"#,
            "worker 0 [vm->host] proxy_dequeue_shared_queue(1) -> EMPTY (the queue is empty)",
            r#"worker 0 [vm->host] proxy_enqueue_shared_queue(1, "one") -> OK"#,
            r#"worker 0 [vm->host] proxy_enqueue_shared_queue(1, "") -> OK"#,
            r#"worker 0 [vm->host] proxy_enqueue_shared_queue(7, "lost") -> NOT_FOUND (no such queue)"#,
            "worker 0 [vm->host] proxy_dequeue_shared_queue(7) -> NOT_FOUND (no such queue)",
            "worker 0 [host<-vm] proxy_on_request_headers -> Continue",
            // Before anything comes from the upstream.
            "worker 1 [host->vm] proxy_on_queue_ready(1, 1)",
            r#"worker 1 [vm->host] proxy_dequeue_shared_queue(1) -> OK "one""#,
            "worker 1 [host<-vm] proxy_on_queue_ready",
            "worker 1 [host->vm] proxy_on_queue_ready(1, 1)",
            r#"worker 1 [vm->host] proxy_dequeue_shared_queue(1) -> OK """#,
            "worker 1 [host<-vm] proxy_on_queue_ready",
            "worker 0 [host->vm] proxy_on_response_headers(2, 4, true)",
            "worker 0 [host<-vm] proxy_on_response_headers -> Continue",
        ]
    );
}
