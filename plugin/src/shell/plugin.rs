//! The plugin: what the host calls once for each configuration and worker.
//!
//! It makes the filter's own calls: a call of a client may be gone when an answer comes, while others wait for the same answer
//! ([`waiting`]).

mod sending;
mod tallies;
mod waiting;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::{Rc, Weak},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use proxy_wasm::{
    traits::{Context, HttpContext, RootContext},
    types::ContextType,
};

use crate::{
    accounts::worker::Worker,
    config::{self, Accepted, Bodies},
    decide::policy::Policy,
    model::{header_map, header_name::HeaderName},
    outbound::{
        awaited::Awaited,
        callout::{CalloutId, Reply},
        directory::{Answered, Directory, LookupError},
        engine::Engine,
    },
    shell::{
        call::Call,
        filter::Filter,
        host::{self, HostSharedData, Level, capabilities},
    },
    show::metrics::{Counts, Metric},
};
use waiting::Held;

/// Said once by each worker: a client that goes away early looks the same.
const BODIES_MAY_BE_MISSING: &str = "a call that is priced by its records ended before any of its body arrived; if every such call \
     hangs, `allow_on_headers_stop_iteration: true` is missing beside the filter in the proxy's configuration (Envoy 1.35 or later)";

/// How often a worker tells what it has counted and renews its slots. A lease is three of them at least.
const TICK: Duration = Duration::from_secs(1);

/// How far apart two ticks are on a worker that is very busy, in seconds.
const LONGEST_TICK: i64 = 5;

/// The most that is read of an answer to one of the filter's own calls, in bytes.
const LONGEST_REPLY: usize = 65_536;

thread_local! {
    /// The plugins of this VM: there are several while one configuration takes over from another.
    static PLUGINS: RefCell<Vec<Weak<Running>>> = const { RefCell::new(Vec::new()) };
}

/// The root context: one for each configuration and worker.
pub(super) struct Plugin {
    context: u32,
    running: Option<Rc<Running>>,
}

/// What a configured plugin shares with its calls.
pub(crate) struct Running {
    /// The number of the root context.
    context: u32,
    pub(crate) policy: Rc<Policy>,
    pub(crate) worker: Rc<Worker>,
    /// The bits of the lengths of the fields that only the filter may set.
    pub(crate) reserved_lengths: u64,
    /// When the host was last asked for the time: a tick ago at most.
    latest: Cell<Timestamp>,
    /// From when on the time has to be exact, because a day is about to begin; found anew after each tick.
    exact_from: Cell<Timestamp>,
    /// Whether this worker has said that bodies of held calls may not be arriving.
    warned: Cell<bool>,
    /// Calls that wait for an answer.
    held: RefCell<HashMap<Awaited, Vec<Held>>>,
    /// Calls that are held for the rest of their bodies.
    uploads: RefCell<Vec<Held>>,
    /// When the worker last did what it does every [`TICK`].
    ticked: Cell<Timestamp>,
    /// How often the host's timer ticks.
    period: Cell<Duration>,
    /// Whether an answer is being read.
    reading: Cell<bool>,
}

/// Whether this module reads bodies.
const BODIES: Bodies = if cfg!(feature = "headers_only") {
    Bodies::Unread
} else if cfg!(feature = "responses") {
    Bodies::ReadBoth
} else {
    Bodies::Read
};

impl Plugin {
    pub(super) fn new(context: u32) -> Self {
        let running = None;
        Self { context, running }
    }
}

impl Context for Plugin {
    /// One of the filter's own calls is answered; without headers, the service broke off.
    fn on_http_call_response(&mut self, callout: u32, headers: usize, _: usize, _: usize) {
        if let Some(running) = &self.running {
            running.reading.set(true);
            running.on_reply(CalloutId(callout), headers > 0);
            running.reading.set(false);
        }
    }
}

impl RootContext for Plugin {
    /// Takes its configuration, if it makes sense and the host allows what it takes.
    fn on_configure(&mut self, _: usize) -> bool {
        if let Some(missing) = capabilities::missing() {
            return refuse_without(missing);
        }
        let Accepted {
            policy,
            doubts,
            summary,
        } = match config::read(&host::plugin_configuration(), BODIES) {
            Ok(accepted) => accepted,
            Err(errors) => {
                let tell = |line: String| host::log(Level::Error, &line);
                errors.lines().for_each(tell);
                return false;
            }
        };
        if policy.calls_out() && !capabilities::can_call_out() {
            return refuse_without("proxy_http_call");
        }
        host::log(Level::Debug, &summary);
        let warn = |doubt: &String| host::log(Level::Warn, doubt);
        doubts.iter().for_each(warn);
        host::set_tick_period(TICK);
        let running = Rc::new(Running::new(self.context, policy));
        PLUGINS.with_borrow_mut(|plugins| {
            plugins.retain(|plugin| plugin.strong_count() > 0);
            plugins.push(Rc::downgrade(&running));
        });
        self.running = Some(running);
        true
    }

    /// Tells and asks what has gathered.
    fn on_tick(&mut self) {
        if let Some(running) = &self.running {
            running.on_tick();
        }
    }

    /// Asks what a call gives occasion to: see [`Running::ask_for_call`].
    fn on_queue_ready(&mut self, _: u32) {
        if let Some(running) = &self.running {
            running.ask();
        }
    }

    fn create_http_context(&self, context: u32) -> Option<Box<dyn HttpContext>> {
        let call = self
            .running
            .as_ref()
            .map(|running| Call::new(Rc::clone(running)));
        Some(Box::new(Filter::new(context, call)))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

fn refuse_without(capability: &str) -> bool {
    let line = format!(
        "the proxy does not allow the plugin {capability}, which it needs: add it to `allowed_capabilities`"
    );
    host::log(Level::Error, &line);
    false
}

impl Drop for Plugin {
    /// Another configuration takes over, or the VM ends, and every call of this one has ended. What is to be said to the engine, the other
    /// one says.
    fn drop(&mut self) {
        let Some(running) = self.running.take() else {
            return;
        };
        running.flush(running.now());
        let others = PLUGINS.with_borrow(|plugins| {
            let all = plugins.iter().filter_map(Weak::upgrade);
            all.filter(|other| !Rc::ptr_eq(other, &running))
                .collect::<Vec<_>>()
        });
        running.hand_over(&others);
        tallies::tell();
        for other in others {
            if let (Some(old), Some(new)) = (&running.policy.engine, &other.policy.engine) {
                let holders = old.watched().into_iter();
                holders.for_each(|holder| new.watch(&other.policy.successor(holder)));
                for (holder, day) in old.told() {
                    new.tells(&other.policy.successor(holder), day);
                }
            }
        }
    }
}

impl Running {
    fn new(context: u32, policy: Policy) -> Self {
        // All of them are there from the first configuration on, and not only those that have counted something.
        tallies::define();
        let reserved = policy.reserved_headers().map(HeaderName::as_str);
        Self {
            reserved_lengths: header_map::lengths(reserved),
            context,
            policy: Rc::new(policy),
            worker: Rc::default(),
            latest: Cell::new(host::now()),
            exact_from: Cell::new(Timestamp::MIN),
            warned: Cell::new(false),
            held: RefCell::default(),
            uploads: RefCell::default(),
            ticked: Cell::new(Timestamp::MIN),
            period: Cell::new(TICK),
            reading: Cell::new(false),
        }
    }

    fn on_tick(&self) {
        let now = self.now();
        self.exact_from.set(Timestamp::MIN);
        tallies::tell();
        let age = now.duration_since(self.ticked.get());
        if self.period.get() == TICK || age >= SignedDuration::try_from(TICK).unwrap_or_default() {
            self.ticked.set(now);
            self.flush(now);
            self.worker
                .tick(self.policy.concurrency.lease, now, &HostSharedData);
            if let Some(engine) = &self.policy.engine {
                engine.tick(now, &HostSharedData);
            }
            self.ask();
            self.send(now);
            self.end_late_uploads(now);
        }
        self.release_answered(now);
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        let now = host::now();
        self.latest.set(now);
        now
    }

    /// The time by which a call is decided. What a tick has read is exact enough, unless a day is about to begin, or there is somebody to wait
    /// for.
    pub(crate) fn time_to_decide(&self) -> Timestamp {
        let policy = &self.policy;
        if policy.engine.is_some() || policy.directory.is_some() {
            return self.now();
        }
        if self.latest() < self.exact_from.get() {
            return self.latest();
        }
        let now = self.now();
        let margin = SignedDuration::from_secs(LONGEST_TICK);
        let from = policy.next_day(now).saturating_sub(margin);
        self.exact_from.set(from.unwrap_or(Timestamp::MIN));
        now
    }

    /// The time, or one that is a tick ago at most: for what need not be more exact, it saves a hostcall.
    pub(crate) fn latest(&self) -> Timestamp {
        self.latest.get()
    }

    /// Counts what was decided.
    pub(crate) fn count(&self, counts: Counts) {
        counts.tell(|metric, count| self.add(metric, count));
    }

    /// A proxy that holds a call at its headers and shows the filter nothing of its body lets it hang until the client gives up.
    pub(crate) fn warn_of_missing_bodies(&self) {
        if !self.warned.replace(true) {
            host::log(Level::Warn, BODIES_MAY_BE_MISSING);
        }
    }

    /// Whether the directory or the engine is to be asked anything.
    pub(crate) fn has_questions(&self) -> bool {
        let (directory, engine) = (&self.policy.directory, &self.policy.engine);
        directory.as_ref().is_some_and(Directory::has_due)
            || engine.as_ref().is_some_and(Engine::has_due)
    }

    /// Whether an answer is on its way: the proxy has taken the question.
    pub(crate) fn is_asked_about(&self, awaited: &Awaited) -> bool {
        match awaited {
            Awaited::Directory(organization) => {
                let directory = self.policy.directory.as_ref();
                directory.is_some_and(|directory| directory.is_asked_about(organization))
            }
            Awaited::Engine(_) => {
                let engine = self.policy.engine.as_ref();
                engine.is_some_and(|engine| !engine.is_down())
            }
            Awaited::Survey => {
                let engine = self.policy.engine.as_ref();
                engine.is_some_and(Engine::is_surveying)
            }
        }
    }

    /// Asks the directory and the engine whatever is to be asked.
    pub(crate) fn ask(&self) {
        self.ask_directory();
        self.ask_engine();
    }

    fn ask_directory(&self) {
        let Some(directory) = &self.policy.directory else {
            return;
        };
        for (subject, callout) in directory.take_due(self.latest()) {
            match host::call_out(&callout) {
                Ok(id) => directory.note(id, subject),
                Err(refused) => {
                    let error = LookupError::NotCalled(refused);
                    let (subscriptions, now) = (&self.policy.subscriptions, self.now());
                    let answered = directory.fail(subject.id, error, subscriptions, now);
                    self.report(&answered);
                }
            }
        }
    }

    fn on_reply(&self, callout: CalloutId, answered: bool) {
        let status = answered.then(|| host::callout_header(":status")).flatten();
        let status = status.and_then(|status| std::str::from_utf8(&status).ok()?.parse().ok());
        let body = host::callout_body(LONGEST_REPLY);
        let reply = Reply {
            status,
            body: &body,
        };
        let (policy, now) = (&self.policy, self.now());
        for (outbox, sent) in self.outboxes() {
            if let Some(delivery) = outbox.hear(callout, reply, now) {
                return self.note(sent, delivery);
            }
        }
        if let Some(directory) = &policy.directory
            && let Some(answered) = directory.learn(callout, reply, &policy.subscriptions, now)
        {
            self.report(&answered);
            self.release(&Awaited::Directory(answered.organization));
            return self.ask();
        }
        if let Some(engine) = &policy.engine
            && let Some(is_all) = engine.hear_survey(callout, reply, now)
        {
            if is_all {
                return self.release(&Awaited::Survey);
            }
            return self.ask_engine();
        }
        if let Some(engine) = &policy.engine
            && let Some(learned) = engine.learn(callout, reply, now, &HostSharedData)
        {
            self.hear(&learned);
            for key in learned.keys {
                self.release(&Awaited::Engine(key));
            }
            self.release_answered(self.now());
        }
    }

    fn report(&self, answered: &Answered) {
        let metric = if answered.failed {
            Metric::DirectoryFailures
        } else {
            Metric::DirectoryAnswers
        };
        self.add(metric, 1);
        if let Some(trouble) = &answered.trouble {
            host::log(Level::Warn, trouble);
        }
    }

    #[inline]
    fn add(&self, metric: Metric, count: u64) {
        tallies::add(metric, count);
    }

    /// Asks the directory and the engine from within the callback of a call, whatever is to be asked.
    ///
    /// The SDK gives an answer to the context whose callback the question was asked in, and to nobody if that call has ended meanwhile. So
    /// the question is asked in a callback of the plugin.
    #[expect(unsafe_code, reason = "see SAFETY")]
    pub(crate) fn ask_for_call(&self) {
        unsafe extern "C" {
            fn proxy_on_queue_ready(context: u32, queue: u32);
        }
        // SAFETY: the SDK's own callback, which ends in `on_queue_ready` of this plugin. The host, which knows of no queue, never calls it.
        unsafe { proxy_on_queue_ready(self.context, 0) };
    }
}
