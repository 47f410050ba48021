//! The world: proxies with their workers, an engine, and the messages between them.

use std::rc::Rc;

use api_credits::{
    decide::meter::{Ending, Meter, RequestHead, ResponseHead, Step},
    model::reason::Reason,
    outbound::{
        callout::{CalloutId, Reply},
        engine::EngineCall,
    },
};
use api_credits_tests::engine::script::Script;
use jiff::{SignedDuration, Timestamp};

use super::event::{Event, Loss};
use super::proxy::{
    ALLOTMENT, Answered, Call, Crashed, Mail, OneWorker, Proxy, SILENCE, config, needs,
};

/// What the engine calls the day.
const DAY: &str = "api_credits:{1/default/organization/acme}:2026-11-22";

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
    pub(crate) crashed: Vec<Crashed>,
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
            crashed: Vec::new(),
        }
    }

    /// Decides a call, and keeps it where it goes on.
    fn decide(&mut self, proxy: usize, worker: usize, mut call: Call) {
        let now = self.now_at(proxy);
        let Proxy {
            shared,
            workers,
            waited,
            ..
        } = &mut self.proxies[proxy];
        let head = RequestHead {
            method: "GET",
            path: &call.path,
            identity: Some("acme"),
            attributes: None,
            end_of_stream: true,
            ..RequestHead::default()
        };
        let verdict = call.meter.on_request_headers(head, now, shared);
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
            Step::HoldForEngine(_) => {
                *waited = call.cost().max(*waited);
                workers[worker].held.push(call);
            }
            Step::Refuse(_) => {}
            other => panic!("{other:?}"),
        }
    }

    /// Sends what is to be said.
    fn send(&mut self, proxy: usize, worker: usize) {
        let now = self.now_at(proxy);
        let Proxy {
            number,
            shared,
            workers,
            needed,
            ..
        } = &mut self.proxies[proxy];
        let engine = workers[worker].policy.engine.as_ref().unwrap();
        let parcels: Vec<EngineCall> = engine.take_due(now, shared, || [*number; 8]);
        for parcel in parcels {
            *needed = (*needed).max(needs(&parcel.callout.body));
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
    fn carry_out(&mut self, mail: &Mail) -> Answered {
        let body = self
            .engine
            .answer(&mail.body, self.now.as_second())
            .unwrap();
        let (held, _) = self.engine.day(DAY);
        let left = i64::try_from(ALLOTMENT).unwrap() - held;
        self.left.push((self.now, left));
        Answered { body, left }
    }

    /// The engine dies, and an empty one takes its place. Whatever was on its way to it may still arrive there when nobody waits for it.
    ///
    /// From here on a second is long enough for messages to arrive that are not lost: a proxy that cannot reach the engine for as long as
    /// it waits for its proxies is not waited for.
    pub(crate) fn lose_engine(&mut self) {
        self.engine.forget();
        self.lost = true;
        for mail in std::mem::take(&mut self.mail) {
            self.hear(&mail, None);
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

    /// Lets the sender know, if it still runs and when it does.
    fn hear(&mut self, mail: &Mail, answered: Option<&Answered>) {
        let running = self.proxies.iter().position(|p| p.number == mail.proxy);
        let Some(proxy) = running else {
            return;
        };
        if self.proxies[proxy].frozen {
            let unread = (mail.clone(), answered.cloned());
            self.proxies[proxy].unread.push(unread);
            return;
        }
        let reply = answered.map_or(SILENCE, |answered| Reply {
            status: Some(200),
            body: &answered.body,
        });
        let now = self.now_at(proxy);
        let engine = self.proxies[proxy].workers[mail.worker]
            .policy
            .engine
            .as_ref()
            .unwrap();
        engine
            .learn(mail.id, reply, now, &self.proxies[proxy].shared)
            .unwrap();
        self.resume(proxy);
    }

    /// A frozen proxy goes on. What was said to it comes in, and what it has waited for too long has not come.
    fn thaw(&mut self, proxy: usize) {
        self.proxies[proxy].frozen = false;
        for (mail, answered) in std::mem::take(&mut self.proxies[proxy].unread) {
            // Either may be noticed first: that it came, or that it came too late.
            let answered = answered.filter(|_| mail.id.0.is_multiple_of(2));
            if let Some(answered) = &answered {
                self.left.push((self.now, answered.left));
            }
            self.hear(&mail, answered.as_ref());
        }
    }

    /// The time, as a proxy's clock tells it.
    fn now_at(&self, proxy: usize) -> Timestamp {
        self.now + self.proxies[proxy].ahead
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
                if self.proxies[proxy].frozen {
                    return;
                }
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
                let now = self.now_at(proxy % proxies);
                let Proxy {
                    shared,
                    workers,
                    frozen,
                    refunded,
                    ..
                } = &mut self.proxies[proxy % proxies];
                if !*frozen && let Some(mut call) = workers[worker].running.pop() {
                    if fails {
                        *refunded += call.cost();
                    }
                    let head = ResponseHead {
                        status: if fails { 503 } else { 200 },
                        ..ResponseHead::default()
                    };
                    call.meter.on_response_headers(head, now, shared);
                    call.meter.on_end(Ending::Unanswered, now, shared);
                }
            }
            Event::Deliver(which) if !self.mail.is_empty() => {
                let mail = self.mail.remove(which % self.mail.len());
                let answered = self.carry_out(&mail);
                self.hear(&mail, Some(&answered));
            }
            Event::Lose(which, loss) if !self.mail.is_empty() => {
                let mail = self.mail.remove(which % self.mail.len());
                if matches!(loss, Loss::Answer) {
                    self.carry_out(&mail);
                }
                self.pass(60);
                self.hear(&mail, None);
                if matches!(loss, Loss::Late) {
                    self.late.push(mail);
                }
            }
            Event::ArriveLate(which) if !self.late.is_empty() => {
                let mail = self.late.remove(which % self.late.len());
                self.carry_out(&mail);
            }
            Event::Deliver(_) | Event::Lose(..) | Event::ArriveLate(_) => {}
            Event::Freeze(proxy) => {
                let proxy = proxy % proxies;
                if self.proxies[proxy].frozen {
                    self.thaw(proxy);
                } else {
                    self.proxies[proxy].frozen = true;
                }
            }
            Event::Step(proxy, milliseconds) => {
                self.proxies[proxy % proxies].ahead += SignedDuration::from_millis(milliseconds);
            }
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
                let crashed = &self.proxies[proxy];
                self.crashed.push(Crashed {
                    number: crashed.number,
                    charged: crashed.charged(self.now).0,
                    most: crashed.most(proxies),
                });
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
            if self.proxies[proxy].frozen {
                continue;
            }
            let now = self.now_at(proxy);
            for OneWorker { policy, worker, .. } in &self.proxies[proxy].workers {
                let shared = &self.proxies[proxy].shared;
                worker.tick(policy.concurrency.lease, now, shared);
                policy.engine.as_ref().unwrap().tick(now, shared);
            }
            self.resume(proxy);
        }
    }

    /// What was charged in all, and how many calls are in progress on proxies that run.
    pub(crate) fn charged(&self) -> (u64, u32) {
        let all = self.proxies.iter().map(|proxy| proxy.charged(self.now));
        let gone = self.crashed.iter().map(|crashed| crashed.charged).sum();
        all.fold((gone, 0), |(used, calls), (u, c)| (used + u, calls + c))
    }

    /// What the engine knows of the day: held and used.
    pub(crate) fn known(&self) -> (u64, u64) {
        let (held, used) = self.engine.day(DAY);
        (held.try_into().unwrap(), used.try_into().unwrap())
    }

    /// What the engine holds for a proxy that has crashed.
    pub(crate) fn held_by(&self, crashed: &Crashed) -> u64 {
        let id = format!("{:02x}", crashed.number).repeat(8);
        self.engine.proxy(DAY, &id).0.try_into().unwrap()
    }

    /// Ends every call, delivers every message, and lets everybody go idle.
    pub(crate) fn come_to_rest(&mut self) {
        (0..self.proxies.len()).for_each(|proxy| self.thaw(proxy));
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
