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

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
};

use api_credits::{
    awaited::Awaited,
    callout::{CalloutId, Reply},
    engine::Parcel,
    ledger::{Cas, HostRefused, Ledger, SetError, SharedData, Versioned},
    meter::{Ending, Meter, RequestHead, ResponseHead, Step},
    policy::Policy,
    refusal::Reason,
    worker::Worker,
};
use api_credits_tests::engine::script::Script;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

const ALLOTMENT: u64 = 300;
const LIMIT: u32 = 3;
const LEASE: u64 = 40;
/// What the engine calls the day.
const DAY: &str = "api_credits:{1/default/organization/acme}:2026-11-22";

/// What the workers of one proxy share, by Envoy's rules.
#[derive(Default)]
struct Shared {
    values: RefCell<HashMap<String, Versioned>>,
    versions: Cell<u32>,
}

impl SharedData for Shared {
    fn get(&self, key: &str) -> Result<Option<Versioned>, HostRefused> {
        Ok(self.values.borrow().get(key).cloned())
    }

    fn compare_and_set(&self, key: &str, value: &[u8], expected: Cas) -> Result<(), SetError> {
        let mut values = self.values.borrow_mut();
        if values.get(key).is_some_and(|stored| stored.cas != expected) {
            return Err(SetError::Mismatch);
        }
        self.versions.set(self.versions.get() + 1);
        let stored = Versioned {
            value: value.to_vec(),
            cas: Cas(self.versions.get()),
        };
        values.insert(key.to_owned(), stored);
        Ok(())
    }
}

/// A call and what it asks for.
struct Call {
    meter: Meter,
    path: String,
    awaits: Option<Awaited>,
}

struct OneWorker {
    policy: Rc<Policy>,
    worker: Rc<Worker>,
    held: Vec<Call>,
    running: Vec<Call>,
}

struct Proxy {
    number: u8,
    shared: Shared,
    workers: Vec<OneWorker>,
}

/// A message on its way to the engine.
struct Mail {
    proxy: u8,
    worker: usize,
    id: CalloutId,
    body: Vec<u8>,
}

/// What happens.
#[derive(Clone, Copy, Debug)]
enum Event {
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
}

#[derive(Clone, Copy, Debug)]
enum Loss {
    Message,
    Answer,
    Late,
}

struct World {
    config: String,
    engine: Script,
    proxies: Vec<Proxy>,
    started: u8,
    mail: Vec<Mail>,
    late: Vec<Mail>,
    calls_out: u32,
    now: Timestamp,
    /// What the engine had left to reserve after each message.
    left: Vec<(Timestamp, i64)>,
    /// What was charged by proxies that have crashed.
    gone: u64,
    crashed: Vec<u8>,
}

fn config(proxies: usize, concurrency: bool) -> String {
    let concurrency = if concurrency {
        format!(r#","concurrency":{LIMIT}"#)
    } else {
        String::new()
    };
    format!(
        r#"{{"identity":{{"header":"o"}},"editions":{{"E":{{"base":{ALLOTMENT}{concurrency}}}}},
            "organizations":{{"acme":{{"edition":"E"}}}},
            "engine":{{"transport":{{"resp":{{"cluster":"e","password":"p","database":3}}}},"envoys":{proxies},"lease":{LEASE}}},
            "costs":{{"default":1,"rules":[
              {{"name":"two","operations":["GET /2"],"cost":2}},
              {{"name":"seven","operations":["GET /7"],"cost":7}},
              {{"name":"fifty","operations":["GET /50"],"cost":50}}]}}}}"#
    )
}

impl Proxy {
    fn started(number: u8, config: &str) -> Self {
        let worker = || OneWorker {
            policy: Rc::new(Policy::from_json(config.as_bytes()).unwrap()),
            worker: Rc::default(),
            held: Vec::new(),
            running: Vec::new(),
        };
        Self {
            number,
            shared: Shared::default(),
            workers: vec![worker(), worker()],
        }
    }

    /// What was charged here today, and how many calls are in progress.
    fn charged(&self, now: Timestamp) -> (u64, u32) {
        let policy = &self.workers[0].policy;
        let holder = &policy.organizations["acme"];
        let day = holder.day(now).number;
        let account = Ledger::new(&self.shared).peek(&holder.key, day).unwrap();
        let calls = account.slots().in_progress(policy.concurrency.lease, now);
        (account.used().get(), calls)
    }
}

impl World {
    fn new(proxies: usize, concurrency: bool) -> Self {
        let config = config(proxies, concurrency);
        let numbers = 0..u8::try_from(proxies).unwrap();
        Self {
            engine: Script::default(),
            proxies: numbers.map(|n| Proxy::started(n, &config)).collect(),
            config,
            started: u8::try_from(proxies).unwrap(),
            mail: Vec::new(),
            late: Vec::new(),
            calls_out: 0,
            now: "2026-11-22T12:00:00Z".parse().unwrap(),
            left: vec![(Timestamp::MIN, i64::try_from(ALLOTMENT).unwrap())],
            gone: 0,
            crashed: Vec::new(),
        }
    }

    /// Decides a call, and keeps it where it goes on.
    fn decide(&mut self, proxy: usize, worker: usize, mut call: Call) {
        let Proxy {
            shared, workers, ..
        } = &mut self.proxies[proxy];
        let head = RequestHead {
            method: "GET",
            path: &call.path,
            identity: Some("acme"),
            attributes: None,
            end_of_stream: true,
        };
        let verdict = call.meter.on_request_headers(head, self.now, shared);
        if let Step::Refuse(refusal) = &verdict.step
            && refusal.reason == Reason::DailyCredits
        {
            // Refused for want of credits only if the engine had too few within the last second.
            let price = i64::try_from(refusal.price.unwrap().get()).unwrap();
            let second_ago = self.now - SignedDuration::from_secs(1);
            let before = self.left.iter().rposition(|(at, _)| *at < second_ago);
            let lately = &self.left[before.unwrap_or_default()..];
            assert!(
                lately.iter().any(|(_, left)| *left < price),
                "refused {price} credits, {lately:?} left"
            );
        }
        match verdict.step {
            Step::Forward => workers[worker].running.push(call),
            Step::HoldForEngine(key) => {
                call.awaits = Some(Awaited::Engine(key));
                workers[worker].held.push(call);
            }
            Step::Refuse(_) => {}
            other => panic!("{other:?}"),
        }
    }

    /// Sends what is to be said.
    fn send(&mut self, proxy: usize, worker: usize) {
        let Proxy {
            number,
            shared,
            workers,
        } = &self.proxies[proxy];
        let engine = workers[worker].policy.engine.as_ref().unwrap();
        let parcels: Vec<Parcel> = engine.take_due(self.now, shared, || [*number; 8]);
        for parcel in parcels {
            self.calls_out += 1;
            let id = CalloutId(self.calls_out);
            self.mail.push(Mail {
                proxy: *number,
                worker,
                id,
                body: parcel.callout.body.clone(),
            });
            engine.note(id, parcel);
        }
    }

    /// Carries a message out.
    fn carry_out(&mut self, mail: &Mail) -> Vec<u8> {
        let answer = self
            .engine
            .answer(&mail.body, self.now.as_second())
            .unwrap();
        let (held, _) = self.engine.day(DAY);
        self.left
            .push((self.now, i64::try_from(ALLOTMENT).unwrap() - held));
        answer
    }

    /// Lets the sender know, if it still runs.
    fn hear(&mut self, mail: &Mail, reply: Reply<'_>) {
        let running = self.proxies.iter().position(|p| p.number == mail.proxy);
        let Some(proxy) = running else {
            return;
        };
        let engine = self.proxies[proxy].workers[mail.worker]
            .policy
            .engine
            .as_ref()
            .unwrap();
        engine
            .learn(mail.id, reply, self.now, &self.proxies[proxy].shared)
            .unwrap();
        self.resume(proxy);
    }

    /// Decides again whatever waits on a proxy, as its workers do when they are answered or look again.
    fn resume(&mut self, proxy: usize) {
        for worker in 0..self.proxies[proxy].workers.len() {
            let held = std::mem::take(&mut self.proxies[proxy].workers[worker].held);
            for call in held {
                self.decide(proxy, worker, call);
            }
            self.send(proxy, worker);
        }
    }

    fn happen(&mut self, event: Event) {
        let proxies = self.proxies.len();
        match event {
            Event::Call {
                proxy,
                worker,
                cost,
            } => {
                let proxy = proxy % proxies;
                let OneWorker {
                    policy,
                    worker: memory,
                    ..
                } = &self.proxies[proxy].workers[worker];
                let call = Call {
                    meter: Meter::new(Rc::clone(policy), Rc::clone(memory)),
                    path: format!("/{cost}"),
                    awaits: None,
                };
                self.decide(proxy, worker, call);
                self.send(proxy, worker);
            }
            Event::Answer {
                proxy,
                worker,
                fails,
            } => {
                let Proxy {
                    shared, workers, ..
                } = &mut self.proxies[proxy % proxies];
                if let Some(mut call) = workers[worker].running.pop() {
                    let head = ResponseHead {
                        status: if fails { 503 } else { 200 },
                        grpc_status: None,
                        stated_cost: None,
                    };
                    call.meter.on_response_headers(head, self.now, shared);
                    call.meter.on_end(Ending::Over, self.now, shared);
                }
            }
            Event::Deliver(which) if !self.mail.is_empty() => {
                let mail = self.mail.remove(which % self.mail.len());
                let body = self.carry_out(&mail);
                let reply = Reply {
                    status: Some(200),
                    body: &body,
                };
                self.hear(&mail, reply);
            }
            Event::Lose(which, loss) if !self.mail.is_empty() => {
                let mail = self.mail.remove(which % self.mail.len());
                if matches!(loss, Loss::Answer) {
                    self.carry_out(&mail);
                }
                self.pass(60);
                let silence = Reply {
                    status: None,
                    body: b"",
                };
                self.hear(&mail, silence);
                if matches!(loss, Loss::Late) {
                    self.late.push(mail);
                }
            }
            Event::ArriveLate(which) if !self.late.is_empty() => {
                let mail = self.late.remove(which % self.late.len());
                self.carry_out(&mail);
            }
            Event::Deliver(_) | Event::Lose(..) | Event::ArriveLate(_) => {}
            Event::Tick(milliseconds) => {
                self.pass(milliseconds);
                self.tick();
            }
            Event::Crash(proxy) => {
                let proxy = proxy % proxies;
                self.gone += self.proxies[proxy].charged(self.now).0;
                self.crashed.push(self.proxies[proxy].number);
                self.started += 1;
                self.proxies[proxy] = Proxy::started(self.started, &self.config);
            }
        }
    }

    fn pass(&mut self, milliseconds: i64) {
        self.now += SignedDuration::from_millis(milliseconds);
    }

    fn tick(&mut self) {
        for proxy in 0..self.proxies.len() {
            for OneWorker { policy, worker, .. } in &self.proxies[proxy].workers {
                let shared = &self.proxies[proxy].shared;
                worker.tick(policy.concurrency.lease, self.now, shared);
                policy.engine.as_ref().unwrap().tick(self.now, shared);
            }
            self.resume(proxy);
        }
    }

    /// What was charged in all, and how many calls are in progress on proxies that run.
    fn charged(&self) -> (u64, u32) {
        let all = self.proxies.iter().map(|proxy| proxy.charged(self.now));
        all.fold((self.gone, 0), |(used, calls), (u, c)| {
            (used + u, calls + c)
        })
    }

    /// What the engine knows of the day: held and used.
    fn known(&self) -> (u64, u64) {
        let (held, used) = self.engine.day(DAY);
        (held.try_into().unwrap(), used.try_into().unwrap())
    }

    /// What the engine holds for proxies that have crashed.
    fn held_by_crashed(&self) -> u64 {
        let held = self.crashed.iter().map(|number| {
            let id = format!("{number:02x}").repeat(8);
            self.engine.proxy(DAY, &id).0
        });
        held.sum::<i64>().try_into().unwrap()
    }

    /// Ends every call, delivers every message, and lets everybody go idle.
    fn come_to_rest(&mut self) {
        for _ in 0..40 {
            for proxy in 0..self.proxies.len() {
                for worker in 0..2 {
                    while !self.proxies[proxy].workers[worker].running.is_empty() {
                        self.happen(Event::Answer {
                            proxy,
                            worker,
                            fails: false,
                        });
                    }
                }
            }
            for _ in 0..100 {
                self.happen(Event::Deliver(0));
            }
            self.happen(Event::Tick(1_000));
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    let cost = prop_oneof![6 => Just(1_u64), 3 => Just(2), 2 => Just(7), 1 => Just(50)];
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
    #[test]
    fn an_engine_that_forgot_everything_is_told_again(
        events in prop::collection::vec(event(), 1..120),
        more in prop::collection::vec(event(), 1..120),
    ) {
        let mut world = World::new(2, false);
        events.into_iter().for_each(|event| world.happen(event));
        world.engine.forget();
        for event in more {
            world.happen(event);
            let (used, _) = world.charged();
            prop_assert!(used <= ALLOTMENT, "{used} charged after {event:?}");
        }
        world.come_to_rest();
        let (used, _) = world.charged();
        let (held, reported) = world.known();
        prop_assert!(used <= reported && used <= held, "{used} charged, {reported} reported, {held} held");
    }
}

/// The engine in memory does, number for number, what the filter's script does in Valkey.
#[test]
fn the_engine_in_memory_does_what_the_script_does() {
    use api_credits_tests::engine::{
        program::Program,
        server::{Server, Settings, command_as},
    };
    use rand::{RngExt as _, SeedableRng as _};

    const SCRIPT: &str = include_str!("../../plugin/src/engine/share.lua");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let settings = Settings {
        open: true,
        ..Settings::default()
    };
    let program = Program::valkey().unwrap();
    let server = runtime.block_on(Server::start(&program, settings)).unwrap();
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(6);
    let mut script = Script::default();
    let mut seen = [0_u32; 3];
    for number in 0..600 {
        // Every hundred messages another organization, of which the first word may be that of one that has lost its engine.
        let day = format!("d{}", number / 100);
        let calls = format!("c{}", number / 100);
        let held = random.random_range(0..60_i64);
        let numbers = [
            random.random_range(1..number % 100 + 9), // the message: sometimes one that comes late
            random.random_range(0..=held),
            held,
            random.random_range(0..5),
            random.random_range(0..30),
            random.random_range(0..60),
            random.random_range(50..400),
            if number % 200 < 100 {
                5
            } else {
                random.random_range(1..4)
            },
            4_102_444_800,
            random.random_range(0..30),
            random.random_range(0..20),
            random.random_range(0..3),
            random.random_range(0..3),
            random.random_range(-1..6),
            100_000,
            if number % 200 < 100 { 100_000 } else { 0 },
        ];
        let id = format!("p{}", random.random_range(0..4));
        let numbers: Vec<_> = numbers.iter().map(i64::to_string).collect();
        let mut words = vec!["EVAL", SCRIPT, "2", &day, &calls, &id];
        words.extend(numbers.iter().map(String::as_str));
        let valkeys = runtime
            .block_on(command_as(server.address, None, &words))
            .unwrap();
        let command: Vec<_> = words
            .iter()
            .map(|word| format!("${}\r\n{word}\r\n", word.len()))
            .collect();
        let command = format!("*{}\r\n{}", words.len(), command.concat());
        let ours = script
            .answer(command.as_bytes(), Timestamp::now().as_second())
            .unwrap();
        let ours = String::from_utf8(ours).unwrap();
        assert_eq!(ours.trim_end(), valkeys, "message {number}: {words:?}");
        let granted: i64 = ours.split("\r\n:").nth(2).unwrap().parse().unwrap();
        seen[usize::try_from(granted.signum() + 1).unwrap()] += 1;
    }
    assert!(
        seen.iter().all(|times| *times > 20),
        "granted nothing yet, nothing, something: {seen:?}"
    );
}
