//! A proxy with its workers, and the messages between it and the engine.

use std::rc::Rc;

use api_credits::{
    accounts::{ledger::Ledger, worker::Worker},
    decide::{meter::Meter, policy::Policy},
    outbound::callout::{CalloutId, Reply},
};
use jiff::{SignedDuration, Timestamp};

use super::shared::Shared;

pub(crate) const ALLOTMENT: u64 = 3_000;
pub(crate) const LIMIT: u32 = 3;
/// More than the part of the allotment that one of two proxies may hold unused.
const LEASE: u64 = 50;

/// When nothing comes back.
pub(crate) const SILENCE: Reply<'_> = Reply {
    status: None,
    body: b"",
};

/// A call and what it asks for.
pub(crate) struct Call {
    pub(crate) meter: Meter,
    pub(crate) path: String,
}

pub(crate) struct OneWorker {
    pub(crate) policy: Rc<Policy>,
    pub(crate) worker: Rc<Worker>,
    pub(crate) held: Vec<Call>,
    pub(crate) running: Vec<Call>,
}

pub(crate) struct Proxy {
    pub(crate) number: u8,
    pub(crate) shared: Shared,
    pub(crate) workers: Vec<OneWorker>,
    /// By how much its clock is ahead of the engine's.
    pub(crate) ahead: SignedDuration,
    pub(crate) frozen: bool,
    /// What has come back for it while it was frozen.
    pub(crate) unread: Vec<(Mail, Option<Answered>)>,
    /// The most that calls needed in one of its messages.
    pub(crate) needed: u64,
    /// The most that a call costs that has waited here.
    pub(crate) waited: u64,
    /// What was refunded here.
    pub(crate) refunded: u64,
}

/// What came back for a message.
#[derive(Clone)]
pub(crate) struct Answered {
    pub(crate) body: Vec<u8>,
    /// What the engine had left to reserve by then.
    pub(crate) left: i64,
}

/// A proxy that has crashed.
pub(crate) struct Crashed {
    pub(crate) number: u8,
    /// What it had charged.
    pub(crate) charged: u64,
    /// The most that it may have taken along.
    pub(crate) most: u64,
}

/// A message on its way to the engine.
#[derive(Clone)]
pub(crate) struct Mail {
    pub(crate) proxy: u8,
    pub(crate) worker: usize,
    pub(crate) id: CalloutId,
    pub(crate) body: Vec<u8>,
}

pub(crate) fn config(proxies: usize, concurrency: bool) -> String {
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
              {{"name":"twenty","operations":["GET /20"],"cost":20}},
              {{"name":"seventy","operations":["GET /70"],"cost":70}},
              {{"name":"five hundred","operations":["GET /500"],"cost":500}}]}}}}"#
    )
}

/// What a message says that calls need (`ARGV[6]` of the script).
pub(crate) fn needs(body: &[u8]) -> u64 {
    let text = std::str::from_utf8(body).unwrap();
    let words = text
        .split("\r\n")
        .filter(|line| !line.starts_with(['$', '*']));
    let words: Vec<_> = words.skip_while(|word| *word != "EVAL").collect();
    words[11].parse().unwrap()
}

impl Call {
    /// What it costs.
    pub(crate) fn cost(&self) -> u64 {
        self.path[1..].parse().unwrap()
    }
}

impl Proxy {
    /// The most that it may take along when it crashes, of so many proxies: the reserve, or what a call needs that waits, and what others
    /// need and what is refunded, until the next report.
    pub(crate) fn most(&self, proxies: usize) -> u64 {
        let proxies = u64::try_from(proxies).unwrap();
        let reserve = LEASE.min(ALLOTMENT / 50 / proxies);
        reserve.max(self.waited) + self.needed + self.refunded
    }

    pub(crate) fn started(number: u8, config: &str) -> Self {
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
            ahead: SignedDuration::ZERO,
            frozen: false,
            unread: Vec::new(),
            needed: 0,
            waited: 0,
            refunded: 0,
        }
    }

    /// What was charged here today, and how many calls are in progress.
    pub(crate) fn charged(&self, now: Timestamp) -> (u64, u32) {
        let now = now + self.ahead;
        let policy = &self.workers[0].policy;
        let holder = &policy.organizations["acme"];
        let day = holder.day(now).number;
        let account = Ledger::new(&self.shared).peek(&holder.key, day).unwrap();
        let calls = account.slots().in_progress(policy.concurrency.lease, now);
        (account.used().get(), calls)
    }
}
