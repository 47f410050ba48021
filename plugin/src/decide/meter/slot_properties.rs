//! The promises about calls in progress, for any calls on any workers in any order, with crashes: never more than are allowed, and
//! none when nothing is in flight.
#![cfg(not(target_arch = "wasm32"))]

use proptest::prelude::*;

use super::*;
use crate::accounts::ledger::fake::FakeSharedData;

const WORKERS: usize = 3;
const LIMIT: u32 = 4;
const LEASE: i64 = 30;

#[derive(Clone, Debug)]
enum Event {
    Starts {
        worker: usize,
    },
    Ends {
        call: usize,
        gone: bool,
    },
    Answered {
        call: usize,
        status: u16,
    },
    Crashes {
        worker: usize,
    },
    /// Time goes on, less than the third of a lease, and every worker's timer ticks.
    Ticks {
        seconds: i64,
    },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        6 => (0..WORKERS).prop_map(|worker| Event::Starts { worker }),
        4 => (any::<usize>(), any::<bool>()).prop_map(|(call, gone)| Event::Ends { call, gone }),
        2 => (any::<usize>(), prop::sample::select(vec![200, 503]))
            .prop_map(|(call, status)| Event::Answered { call, status }),
        1 => (0..WORKERS).prop_map(|worker| Event::Crashes { worker }),
        2 => (0..LEASE / 3).prop_map(|seconds| Event::Ticks { seconds }),
    ];
    prop::collection::vec(event, 1..120)
}

fn policy() -> Rc<Policy> {
    let config = serde_json::json!({
        "identity": {"header": "orgId"},
        "editions": {"E": {"base": 40, "concurrency": LIMIT}},
        "organizations": {"7": {"edition": "E"}},
        "costs": {"default": 1},
    });
    Rc::new(Policy::from_json(config.to_string().as_bytes()).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn never_more_calls_are_in_progress_than_allowed_and_none_when_all_have_ended(events in events()) {
        let policy = policy();
        let holder = Rc::clone(&policy.organizations["7"]);
        let data = FakeSharedData::default();
        let lease = policy.concurrency.lease;
        let mut now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let mut workers: Vec<Rc<Worker>> = (0..WORKERS).map(|_| Rc::default()).collect();
        let mut live: Vec<(usize, Meter)> = Vec::new();
        let (mut charged, mut refunded) = (0_u64, 0_u64);

        for event in events {
            match event {
                Event::Starts { worker } => {
                    let mut meter = Meter::new(Rc::clone(&policy), Rc::clone(&workers[worker]));
                    let head = RequestHead {
                        method: "GET",
                        path: "/",
                        identity: Some("7"),
                        attributes: None,
                        end_of_stream: true,
                        ..RequestHead::default()
                    };
                    let verdict = meter.on_request_headers(head, now, &data);
                    charged += verdict.counts.charged.get();
                    if verdict.step == Step::Forward {
                        live.push((worker, meter));
                    }
                }
                Event::Ends { call, gone } if !live.is_empty() => {
                    let (_, mut meter) = live.remove(call % live.len());
                    let ending = if gone { Ending::Unanswered } else { Ending::Answered(503) };
                    refunded += meter.on_end(ending, now, &data).refunded.get();
                    refunded += meter.on_end(ending, now, &data).refunded.get();
                }
                Event::Answered { call, status } if !live.is_empty() => {
                    let index = call % live.len();
                    let (_, meter) = &mut live[index];
                    let head = ResponseHead { status, ..ResponseHead::default() };
                    refunded += meter.on_response_headers(head, now, &data).refunded.get();
                }
                Event::Ends { .. } | Event::Answered { .. } => {}
                Event::Crashes { worker } => {
                    // Nothing is told of its calls, and what it remembered is gone.
                    live.retain(|(served_by, _)| *served_by != worker);
                    workers[worker] = Rc::default();
                }
                Event::Ticks { seconds } => {
                    now += jiff::SignedDuration::from_secs(seconds);
                    for worker in &workers {
                        worker.tick(lease, now, &data);
                    }
                }
            }
            let account = Ledger::new(&data).peek(&holder.key, holder.data_center.calendar.day(now).number).unwrap();
            let stated = account.slots().in_progress(lease, now);
            prop_assert!(live.len() <= LIMIT as usize, "more calls in progress than allowed");
            prop_assert!(stated as usize >= live.len(), "a call in progress that is not counted");
            prop_assert_eq!(account.used().get(), charged - refunded, "used is what was charged and not given back");
        }

        for (_, mut meter) in live {
            meter.on_end(Ending::Unanswered, now, &data);
        }
        now += jiff::SignedDuration::from_secs(LEASE);
        let account = Ledger::new(&data).peek(&holder.key, holder.data_center.calendar.day(now).number).unwrap();
        prop_assert_eq!(account.slots().in_progress(lease, now), 0, "slots that nobody holds");
    }
}
