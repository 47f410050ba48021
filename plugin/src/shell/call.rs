//! A call: what the filter reads of it, asks the meter about it, and does to it. It decides nothing.

mod body;
mod reporting;
mod response;
mod showing;

use std::{borrow::Cow, rc::Rc};

use crate::{
    decide::{
        attributes::{AttributeSources, Attributes},
        clients::{ClientRules, StatedClient},
        meter::{Ending, Meter, RequestHead, ResponseHead, Step, Verdict},
    },
    model::{
        header_map::{self, HeaderMap},
        property_path::PropertyPath,
        refunds::DEADLINES,
    },
    outbound::awaited::Awaited,
    pricing::cost_table::{BodyKind, Facts, Stated},
    shell::{
        host::{self, HostSharedData, Level},
        plugin::Running,
    },
    show::{metrics::Counts, refusal::Protocol},
};
use jiff::Timestamp;
use reporting::publish;
use response::Rest;

/// What the proxy is to do with a call, as the ABI numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Action {
    /// Let it go on.
    Continue = 0,
    /// Hold it; where no bodies are read, its body as well (`StopAllIterationAndWatermark`, whatever
    /// `allow_on_headers_stop_iteration` says): Envoy takes a piece of a body that it cannot show for leave to go on.
    Pause = if cfg!(feature = "headers_only") { 4 } else { 1 },
    /// Hold a piece of its body, and have the client send no more than fits (`StopIterationAndWatermark`). To [`Action::Pause`], Envoy
    /// answers 413 when the body no longer fits.
    PauseSender = 2,
}

/// One call, from its head until its end.
pub(crate) struct Call {
    running: Rc<Running>,
    meter: Meter,
    /// Whether its head is all of it.
    headers_only: bool,
    /// How much of the body the proxy has shown, in bytes; `None` if it has shown nothing of it.
    body_seen: Option<usize>,
    /// Whether it has shown all of it.
    body_complete: bool,
    /// Whose answer has to be there before the call goes on.
    awaits: Option<Awaited>,
    /// Whether the plugin keeps the call until then.
    kept: bool,
    /// Whether its head has gone on while its body is held: what the proxy has of it may be what was made of it since.
    head_gone: bool,
    /// Whether nothing of the body goes on, because the call was answered before it was paid for.
    body_sealed: bool,
    /// Until when the rest of the body may come, since the call has been held for it.
    body_until: Option<Timestamp>,
    /// Whether the plugin keeps the call until then.
    body_kept: bool,
    /// Whether it may be a gRPC call, which are all `POST`s.
    is_post: bool,
    /// The protocol in which its client reads its answer.
    protocol: Protocol,
    /// What is looked for in the rest of its response.
    rest: Option<Box<Rest>>,
}

impl Call {
    /// A new call.
    pub(crate) fn new(running: Rc<Running>) -> Self {
        let meter = Meter::new(Rc::clone(&running.policy), Rc::clone(&running.worker));
        Self {
            running,
            meter,
            headers_only: false,
            body_seen: None,
            body_complete: false,
            head_gone: false,
            body_sealed: false,
            awaits: None,
            kept: false,
            body_until: None,
            body_kept: false,
            is_post: false,
            protocol: Protocol::default(),
            rest: None,
        }
    }

    /// What it shares with the other calls.
    pub(crate) fn running(&self) -> &Rc<Running> {
        &self.running
    }

    /// What the call waits for.
    pub(crate) fn awaits(&self) -> Option<&Awaited> {
        self.awaits.as_ref()
    }

    /// Whether the call waits for the engine, and has for as long as it may.
    pub(crate) fn has_waited(&self, now: Timestamp) -> bool {
        let until = self.meter.waits_until();
        matches!(self.awaits, Some(Awaited::Engine(_))) && until.is_some_and(|until| now >= until)
    }

    /// What the call waits for, if it did not when this was last asked.
    pub(crate) fn begins_to_await(&mut self) -> Option<Awaited> {
        if self.awaits.is_none() || std::mem::replace(&mut self.kept, true) {
            return None;
        }
        self.awaits.clone()
    }

    /// Whether the call is held for its body, and was not when this was last asked.
    pub(crate) fn begins_to_hold(&mut self) -> bool {
        self.body_until.is_some() && !std::mem::replace(&mut self.body_kept, true)
    }

    /// The head of the request is there.
    pub(crate) fn on_head(&mut self, end_of_stream: bool) -> Action {
        self.headers_only = end_of_stream;
        let headers = host::request_headers();
        if headers.has_length_of(self.running.reserved_lengths) {
            self.remove_reserved(&headers);
        }
        let action = self.decide(&headers);
        let action = self.asked(action);
        self.with_head(action)
    }

    /// Removes the fields from the request that only the filter may set.
    #[inline(never)]
    fn remove_reserved(&self, headers: &HeaderMap) {
        for name in self.running.policy.reserved_headers() {
            if headers.first(name.as_str()).is_some() {
                host::remove_request_header(name.as_str());
            }
        }
    }

    /// What the proxy is to do with the head of a call of which it is to do this: it goes on where the body alone is held.
    fn with_head(&mut self, action: Action) -> Action {
        let waits = self.awaits.is_some() || self.body_seen.is_some();
        if action == Action::Pause && !waits && self.meter.lets_head_go() {
            self.head_gone = true;
            return Action::Continue;
        }
        action
    }

    /// Has whatever is to be asked after a decision be asked.
    fn asked(&mut self, action: Action) -> Action {
        if !self.running.has_questions() {
            return action;
        }
        self.running.ask_for_call();
        match &self.awaits {
            Some(awaited) if !self.running.is_asked_about(awaited) => self.decide_late(),
            _ => action,
        }
    }

    /// What the call waits for has been answered, and this call is the one that hostcalls are about.
    pub(crate) fn resume(&mut self) {
        if self.body_sealed {
            return;
        }
        let action = self.decide_late();
        if self.with_head(action) == Action::Continue {
            host::continue_request();
        }
    }

    /// Leaves the call to another instance of the filter that has decided it since its head went on; whether there is one.
    #[inline(never)]
    pub(super) fn step_aside(&mut self) -> bool {
        let decided_for = reporting::decided_for(&self.running.policy);
        let decided = decided_for.is_some_and(|label| self.meter.holds_for(&label));
        if decided {
            let now = self.running.latest();
            let counts = self.meter.step_aside(now, &HostSharedData);
            self.running.count(counts);
        }
        decided
    }

    /// Decides by the head after some of the body, or all of it.
    fn decide_late(&mut self) -> Action {
        if self.head_gone {
            self.awaits = None;
            self.kept = false;
            self.meter.renew_holder(self.running.now());
            return if self.body_complete {
                self.on_complete_body()
            } else {
                self.on_growing_body()
            };
        }
        match self.decide(&host::request_headers()) {
            Action::Pause if self.awaits.is_some() || !self.meter.is_holding() => Action::Pause,
            Action::Pause if self.body_complete => self.on_complete_body(),
            Action::Pause => self.on_growing_body(),
            action => action,
        }
    }

    /// Decides by the head, which can be read as long as the call is held.
    fn decide(&mut self, headers: &HeaderMap) -> Action {
        self.awaits = None;
        self.kept = false;
        let policy = Rc::clone(&self.running.policy);
        let [method, path] = headers.firsts([":method", ":path"]);
        let method = header_map::text(method.unwrap_or_default());
        let path = header_map::text(path.unwrap_or_default());
        if let Some(operators) = &policy.operators
            && let Some(resource) = operators.resource(&method, &path)
            && let Some(value) = stated(&operators.identity, headers)
            && operators.admit(&operators.identity.text(&value, host::property))
        {
            return self.oversee(operators, resource, &method, headers);
        }
        let identity = stated(&policy.identity, headers);
        let identity = identity
            .as_deref()
            .map(|value| policy.identity.text(value, host::property));
        let attributes = policy
            .attributes
            .as_ref()
            .map(|sources| read(sources, headers));
        let client = policy.clients.as_ref().map(|rules| client(rules, headers));
        self.is_post = method == "POST";
        // Of a call without a body nothing is said about it, unless it is one of gRPC.
        let [content_length, content_type, upgrade] = if self.headers_only && !self.is_post {
            [None; 3]
        } else {
            headers.firsts(["content-length", "content-type", "upgrade"])
        };
        self.protocol = Protocol::of(content_type.unwrap_or_default());
        let decided_for = reporting::decided_for(&policy);
        let field = |name| {
            let is_read = !self.headers_only && !cfg!(feature = "headers_only");
            let value = is_read.then(|| headers.joined(name))?;
            value.map(|value| header_map::short_text(&value).into_owned())
        };
        let (content_type, content_encoding) = (field("content-type"), field("content-encoding"));
        let ask = |path: &PropertyPath| facts(path, headers);
        let head = RequestHead {
            method: &method,
            path: &path,
            identity: identity.as_deref(),
            attributes: attributes.as_ref(),
            client: client.as_ref(),
            end_of_stream: self.headers_only,
            content_length,
            upgrade: upgrade.is_some(),
            states_deadline: headers.firsts(DEADLINES).iter().any(Option::is_some),
            decided_for: decided_for.as_deref(),
            body: BodyKind {
                content_type: content_type.as_deref(),
                content_encoding: content_encoding.as_deref(),
            },
            facts: Facts::Ask(&ask),
        };
        let looked_at = policy
            .usage
            .as_ref()
            .and_then(|usage| usage.resource(&method, &path));
        let verdict = match looked_at {
            Some(resource) => self.look(resource, head, headers),
            None => {
                let now = self.running.time_to_decide();
                self.meter.on_request_headers(head, now, &HostSharedData)
            }
        };
        self.carry_out(verdict)
    }

    /// The head of the response is there. The filter sees its own refusals here too; they were sent with their headers.
    pub(crate) fn on_response_head(&mut self, end_of_stream: bool) {
        if self.head_gone && self.meter.is_holding() && !self.step_aside() {
            self.body_sealed = true;
            let verdict = self
                .meter
                .on_answer_before_body(self.running.now(), &HostSharedData);
            self.carry_out(verdict);
            // Whatever it waited for, it is decided.
            self.awaits = None;
            self.kept = false;
        }
        if !self
            .meter
            .receipt()
            .is_some_and(|receipt| receipt.outcome.is_forwarded())
        {
            return;
        }
        let now = self.running.latest();
        let status = host::response_header(":status").unwrap_or_default();
        // All values of the field, joined: which of several is meant is not for the filter to guess.
        let stated = self
            .meter
            .settles_from(end_of_stream)
            .map(|name| format!("response\0headers\0{name}"));
        let stated = stated.as_deref().and_then(host::property);
        let status = status.iter().fold(0_u16, |status, digit| {
            let digit = u16::from(digit.wrapping_sub(b'0'));
            status.saturating_mul(10).saturating_add(digit)
        });
        let grpc_status = self
            .is_post
            .then(|| host::response_header("grpc-status"))
            .flatten();
        let mut head = ResponseHead {
            status,
            grpc_status: grpc_status.as_deref(),
            attempts: None,
            details: None,
            told_cost: None,
            stated_cost: stated
                .as_deref()
                .and_then(|cost| std::str::from_utf8(cost).ok()),
        };
        if !head.succeeded() {
            head.attempts = host::request_attempts();
        }
        let details = head
            .needs_details()
            .then(|| host::property("response\0code_details"))
            .flatten();
        head.details = details.as_deref();
        let told_cost = head.is_failure().then(|| self.told_cost()).flatten();
        head.told_cost = told_cost.as_deref();
        let reads_rest = cfg!(feature = "responses") && !end_of_stream && head.succeeded();
        let counts = self.meter.on_response_headers(head, now, &HostSharedData);
        self.running.count(counts);
        if reads_rest {
            self.expect_rest();
        }
        if let Some(receipt) = self.meter.receipt() {
            if counts != Counts::default() {
                publish(receipt, &self.running.policy);
            }
            let headers = self.running.policy.headers(receipt.enforcement);
            headers.tell(receipt, now, host::set_response_header);
        }
    }

    /// What the response states in the field in which this filter tells the cost.
    fn told_cost(&self) -> Option<Vec<u8>> {
        let enforcement = self.meter.receipt()?.enforcement;
        let name = self.running.policy.headers(enforcement).cost.as_ref()?;
        host::response_header(name.as_str())
    }

    /// Whether the call is held for the rest of its body.
    pub(crate) fn body_until(&self) -> Option<Timestamp> {
        let held = self.meter.is_holding() && !self.body_complete;
        self.body_until.filter(|_| held)
    }

    /// The rest of the body has not come in time, and this call is the one that hostcalls are about.
    pub(crate) fn on_late_body(&mut self) {
        let now = self.running.now();
        let verdict = self.meter.on_request_body_late(now, &HostSharedData);
        if self.carry_out(verdict) == Action::Continue {
            host::continue_request();
        }
    }

    /// The call has ended.
    pub(crate) fn end(&mut self) {
        let body_expected = self.meter.is_holding() && !self.meter.lets_head_go();
        if body_expected && self.body_seen.is_none() {
            self.running.warn_of_missing_bodies();
        }
        if self.head_gone && self.meter.is_holding() && !self.step_aside() {
            // The upstream has its head: it costs as much as one without records.
            let now = self.running.now();
            let verdict = self.meter.on_answer_before_body(now, &HostSharedData);
            self.running.count(verdict.counts);
        }
        self.awaits = None;
        if self.rest.is_some() {
            self.settle_rest(false, |_| None);
        }
        let ending = if self.meter.is_unanswered() {
            host::ending()
        } else {
            Ending::Unanswered
        };
        let now = self.running.latest();
        let counts = self.meter.on_end(ending, now, &HostSharedData);
        self.running.count(counts);
    }

    fn carry_out(&mut self, verdict: Verdict) -> Action {
        self.running.count(verdict.counts);
        for warning in &verdict.warnings {
            host::log(Level::Warn, warning);
        }
        if let Some(trouble) = verdict.trouble {
            self.report(trouble);
        }
        if let Some(receipt) = self.meter.receipt() {
            publish(receipt, &self.running.policy);
        }
        match verdict.step {
            Step::Forward => Action::Continue,
            Step::HoldForBody => {
                let timeout = self.running.policy.costs.body().timeout;
                self.body_until
                    .get_or_insert_with(|| timeout.after(self.running.latest()));
                Action::Pause
            }
            Step::HoldForDirectory(organization) => {
                self.awaits = Some(Awaited::Directory(organization));
                Action::Pause
            }
            Step::HoldForEngine(key) => {
                self.awaits = Some(Awaited::Engine(key));
                Action::Pause
            }
            Step::Refuse(refusal) => {
                self.refuse(&refusal);
                Action::Pause
            }
            Step::Answer(answer) => {
                self.show(*answer);
                Action::Pause
            }
        }
    }
}

/// The value of a property. That of a header is read from the head, which spares the proxy the search.
fn stated<'a>(path: &PropertyPath, headers: &'a HeaderMap) -> Option<Cow<'a, [u8]>> {
    match path.header() {
        Some(name) => headers.joined(name),
        None => host::property(path.as_str()).map(Cow::from),
    }
}

/// The text of a property.
fn text(path: &PropertyPath, headers: &HeaderMap) -> Option<String> {
    stated(path, headers).map(|value| path.text(&value, host::property).into_owned())
}

/// What the authentication filter states about the call's client.
#[inline(never)]
fn client(rules: &ClientRules, headers: &HeaderMap) -> StatedClient {
    let value = |path: &Option<PropertyPath>| text(path.as_ref()?, headers);
    StatedClient {
        id: text(&rules.identity, headers),
        credits: value(&rules.attributes.credits),
        percent: value(&rules.attributes.percent),
        concurrency: value(&rules.attributes.concurrency),
    }
}

/// What a property says that a price depends on.
#[inline(never)]
fn facts(path: &PropertyPath, headers: &HeaderMap) -> Stated {
    let text = |value: &[u8]| header_map::text(value).into_owned();
    match path.header() {
        Some(name) => Stated {
            values: headers
                .joined(name)
                .iter()
                .map(|value| text(value))
                .collect(),
            similar: headers.similar(name).into_iter().map(text).collect(),
        },
        None => Stated {
            values: host::property(path.as_str())
                .map(|value| path.texts(&value, host::property))
                .unwrap_or_default(),
            similar: Vec::new(),
        },
    }
}

/// What the authentication filter states about the call's organization.
fn read(sources: &AttributeSources, headers: &HeaderMap) -> Attributes {
    let value = |path: &PropertyPath| text(path, headers);
    Attributes {
        edition: value(&sources.edition),
        agents: sources.agents.as_ref().and_then(value),
        additional: sources.additional.as_ref().and_then(value),
        data_center: sources.data_center.as_ref().and_then(value),
    }
}
