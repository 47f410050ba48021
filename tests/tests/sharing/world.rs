//! The world: proxies with their workers, an engine, and the messages between them.

use std::rc::Rc;

use api_credits::{
    callout::{CalloutId, Reply},
    engine::Parcel,
    ledger::Ledger,
    meter::{Ending, Meter, RequestHead, ResponseHead, Step},
    policy::Policy,
    refusal::Reason,
    worker::Worker,
};
use api_credits_tests::engine::script::Script;
use jiff::{SignedDuration, Timestamp};

use super::event::{Event, Loss};
use super::shared::Shared;

pub(crate) const ALLOTMENT: u64 = 300;
pub(crate) const LIMIT: u32 = 3;
const LEASE: u64 = 40;
/// What the engine calls the day.
const DAY: &str = "api_credits:{1/default/organization/acme}:2026-11-22";

/// When nothing comes back.
const SILENCE: Reply<'_> = Reply {
    status: None,
    body: b"",
};

/// A call and what it asks for.
pub(crate) struct Call {
    meter: Meter,
    path: String,
}

pub(crate) struct OneWorker {
    policy: Rc<Policy>,
    worker: Rc<Worker>,
    pub(crate) held: Vec<Call>,
    running: Vec<Call>,
}

pub(crate) struct Proxy {
    number: u8,
    shared: Shared,
    pub(crate) workers: Vec<OneWorker>,
}

/// A message on its way to the engine.
struct Mail {
    proxy: u8,
    worker: usize,
    id: CalloutId,
    body: Vec<u8>,
}

pub(crate) struct World {
    config: String,
    pub(crate) engine: Script,
    pub(crate) proxies: Vec<Proxy>,
    started: u8,
    mail: Vec<Mail>,
    late: Vec<Mail>,
    calls_out: u32,
    /// Whether the engine has lost everything at some time.
    lost: bool,
    now: Timestamp,
    /// What the engine had left to reserve after each message.
    left: Vec<(Timestamp, i64)>,
    /// What was charged by proxies that have crashed.
    pub(crate) gone: u64,
    pub(crate) crashed: Vec<u8>,
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
    pub(crate) fn new(proxies: usize, concurrency: bool) -> Self {
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
            lost: false,
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
            ..RequestHead::default()
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
            Step::HoldForEngine(_) => workers[worker].held.push(call),
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

    /// The engine dies, and an empty one takes its place. Whatever was on its way to it may still arrive there when nobody waits for it.
    ///
    /// From here on a second is long enough for messages to arrive that are not lost: a proxy that cannot reach the engine for as long as
    /// it waits for its proxies is not waited for.
    pub(crate) fn lose_engine(&mut self) {
        self.engine.forget();
        self.lost = true;
        for mail in std::mem::take(&mut self.mail) {
            self.hear(&mail, SILENCE);
            self.late.push(mail);
        }
    }

    /// Everybody has greeted the engine.
    pub(crate) fn meet(&mut self) {
        self.happen(Event::Tick(1_000));
        self.deliver_all();
    }

    fn deliver_all(&mut self) {
        (0..100).for_each(|_| self.happen(Event::Deliver(0)));
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

    pub(crate) fn happen(&mut self, event: Event) {
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
                        ..ResponseHead::default()
                    };
                    call.meter.on_response_headers(head, self.now, shared);
                    call.meter.on_end(Ending::Unanswered, self.now, shared);
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
                self.hear(&mail, SILENCE);
                if matches!(loss, Loss::Late) {
                    self.late.push(mail);
                }
            }
            Event::ArriveLate(which) if !self.late.is_empty() => {
                let mail = self.late.remove(which % self.late.len());
                self.carry_out(&mail);
            }
            Event::Deliver(_) | Event::Lose(..) | Event::ArriveLate(_) => {}
            Event::Tick(milliseconds) if self.lost && milliseconds >= 1_000 => {
                for _ in 0..milliseconds / 1_000 {
                    self.deliver_all();
                    self.pass(1_000);
                    self.tick();
                }
            }
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
    pub(crate) fn charged(&self) -> (u64, u32) {
        let all = self.proxies.iter().map(|proxy| proxy.charged(self.now));
        all.fold((self.gone, 0), |(used, calls), (u, c)| {
            (used + u, calls + c)
        })
    }

    /// What the engine knows of the day: held and used.
    pub(crate) fn known(&self) -> (u64, u64) {
        let (held, used) = self.engine.day(DAY);
        (held.try_into().unwrap(), used.try_into().unwrap())
    }

    /// What the engine holds for proxies that have crashed.
    pub(crate) fn held_by_crashed(&self) -> u64 {
        let held = self.crashed.iter().map(|number| {
            let id = format!("{number:02x}").repeat(8);
            self.engine.proxy(DAY, &id).0
        });
        held.sum::<i64>().try_into().unwrap()
    }

    /// Ends every call, delivers every message, and lets everybody go idle.
    pub(crate) fn come_to_rest(&mut self) {
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
            self.deliver_all();
            self.happen(Event::Tick(1_000));
        }
    }
}
