//! The filter: the callbacks of the host. They read, ask the meter, and act; they decide nothing.

use std::{borrow::Cow, cell::Cell, rc::Rc};

use proxy_wasm::{
    traits::{Context, HttpContext, RootContext},
    types::{Action, ContextType},
};

use crate::{
    host::{self, Counter, HostSharedData, Level},
    ledger::ChargeError,
    meter::{Meter, RequestHead, Step, Verdict},
    metrics::{Counts, Metric},
    policy::Policy,
    receipt::{Outcome, Receipt},
    refusal::Refusal,
};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Plugin { running: None }));
}}

/// Said once by each worker: a client that goes away early looks the same.
const BODIES_MAY_BE_MISSING: &str = "a call that is priced by its records ended before any of its body arrived; if every such call \
     hangs, `allow_on_headers_stop_iteration: true` is missing beside the filter in the proxy's configuration (Envoy 1.35 or later)";

/// The plugin: one for each configuration and worker.
struct Plugin {
    running: Option<Rc<Running>>,
}

/// What a configured plugin shares with its calls.
struct Running {
    policy: Rc<Policy>,
    counters: Vec<Option<Counter>>,
    /// Whether this worker has said that bodies of held calls may not be arriving.
    warned: Cell<bool>,
}

/// One call.
struct Filter {
    running: Rc<Running>,
    meter: Meter,
    /// Whether the proxy has shown any of the body.
    body_seen: bool,
}

impl Context for Plugin {}

impl RootContext for Plugin {
    fn on_configure(&mut self, _: usize) -> bool {
        match Policy::from_json(&host::plugin_configuration()) {
            Ok(policy) => {
                let counters = Metric::all()
                    .map(|metric| Counter::define(&metric.name()))
                    .collect();
                self.running = Some(Rc::new(Running {
                    policy: Rc::new(policy),
                    counters,
                    warned: Cell::new(false),
                }));
                true
            }
            Err(error) => {
                host::log(Level::Error, &error.to_string());
                false
            }
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        let Some(running) = &self.running else {
            return Some(Box::new(Unconfigured));
        };
        let meter = Meter::new(Rc::clone(&running.policy));
        Some(Box::new(Filter {
            running: Rc::clone(running),
            meter,
            body_seen: false,
        }))
    }
}

impl Context for Filter {}

impl HttpContext for Filter {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        let policy = Rc::clone(&self.running.policy);
        for name in policy.response_headers.names() {
            host::remove_request_header(name.as_str());
        }
        let method = host::request_header(":method").unwrap_or_default();
        let path = host::request_header(":path").unwrap_or_default();
        let identity = host::property(policy.identity.path());
        let identity = identity.as_deref().map(String::from_utf8_lossy);
        let head = RequestHead {
            method: &String::from_utf8_lossy(&method),
            path: &String::from_utf8_lossy(&path),
            identity: identity.as_deref(),
            end_of_stream,
        };
        let verdict = self
            .meter
            .on_request_headers(head, host::now(), &HostSharedData);
        self.carry_out(verdict)
    }

    fn on_http_request_body(&mut self, body_size: usize, end_of_stream: bool) -> Action {
        if !self.meter.is_holding() {
            return Action::Continue;
        }
        self.body_seen = true;
        if end_of_stream {
            return self.on_complete_body();
        }
        let verdict = self
            .meter
            .on_request_body_growing(body_size, host::now(), &HostSharedData);
        self.carry_out(verdict)
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        if self.meter.is_holding() {
            self.on_complete_body()
        } else {
            Action::Continue
        }
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        let headers = &self.running.policy.response_headers;
        // The filter sees its own refusals here too; they were sent with their headers.
        if let Some(receipt) = self.meter.receipt()
            && receipt.outcome == Outcome::Admitted
        {
            let now = if headers.tell_time() {
                host::now()
            } else {
                jiff::Timestamp::UNIX_EPOCH
            };
            for (name, value) in headers.of(receipt, now) {
                host::set_response_header(name, value.as_deref());
            }
        }
        Action::Continue
    }

    fn on_log(&mut self) {
        if self.meter.is_holding() && !self.body_seen {
            self.running.warn_of_missing_bodies();
        }
    }
}

impl Filter {
    fn on_complete_body(&mut self) -> Action {
        let max = self.running.policy.costs.body().max_bytes;
        // One byte more than is allowed shows that a body is too large.
        let body = host::request_body(max.saturating_add(1));
        let verdict = self
            .meter
            .on_request_body(&body, host::now(), &HostSharedData);
        self.carry_out(verdict)
    }

    fn carry_out(&self, verdict: Verdict) -> Action {
        self.running.count(verdict.counts);
        if let Some(trouble) = verdict.trouble {
            report(trouble, self.meter.receipt());
        }
        if let Some(receipt) = self.meter.receipt() {
            publish(receipt, &self.running.policy);
        }
        match verdict.step {
            Step::Forward => Action::Continue,
            Step::HoldForBody => Action::Pause,
            Step::Refuse(refusal) => {
                self.answer(&refusal);
                Action::Pause
            }
        }
    }

    fn answer(&self, refusal: &Refusal) {
        let policy = &self.running.policy;
        let now = host::now();
        let name = policy.response_headers.policy_name.as_str();
        let response = refusal.response(policy.refusals, name, now);
        let is_grpc = is_grpc();
        // Proxies turn the body of an answer to a gRPC call into its message, and set the content type themselves.
        let body = if is_grpc {
            &response.message
        } else {
            &response.body
        };
        let mut headers: Vec<(&str, Cow<'_, str>)> = response
            .headers
            .iter()
            .filter(|(name, _)| !(is_grpc && *name == "content-type"))
            .map(|(name, value)| (*name, Cow::from(value.as_str())))
            .collect();
        if let Some(receipt) = self.meter.receipt() {
            let told = policy.response_headers.of(receipt, now);
            headers.extend(told.filter_map(|(name, value)| Some((name, Cow::from(value?)))));
        }
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_ref()))
            .collect();
        let details = refusal.reason.name();
        let grpc_status = response.grpc_status as i32;
        if let Err(refused) =
            host::send_local_response(response.status, details, &headers, body, grpc_status)
        {
            host::log(
                Level::Error,
                &format!("a refusal cannot be sent, the call is held: {refused}"),
            );
        }
    }
}

impl Running {
    fn count(&self, counts: Counts) {
        for (metric, count) in counts.additions() {
            if let Some(Some(counter)) = self.counters.get(metric.index()) {
                counter.add(count);
            }
        }
    }

    /// A proxy that holds a call at its headers and shows the filter nothing of its body lets it hang until the client gives up.
    fn warn_of_missing_bodies(&self) {
        if !self.warned.replace(true) {
            host::log(Level::Warn, BODIES_MAY_BE_MISSING);
        }
    }
}

/// Shows the receipt to access logs.
fn publish(receipt: &Receipt, policy: &Policy) {
    if let Some(holder) = &receipt.holder {
        host::set_property("api_credits.organization", &holder.label);
    }
    if let Some(rule) = receipt.rule {
        host::set_property("api_credits.rule", policy.costs.rule_name(rule));
    }
    if let Some(balance) = receipt.balance {
        host::set_property("api_credits.remaining", &balance.remaining.to_string());
    }
    host::set_property("api_credits.cost", &receipt.cost.to_string());
    host::set_property("api_credits.verdict", receipt.outcome.name());
}

fn report(trouble: ChargeError, receipt: Option<&Receipt>) {
    let holder = receipt.and_then(|receipt| receipt.holder.as_ref());
    let label = holder.map_or("nobody", |holder| holder.label.as_str());
    host::log(
        Level::Warn,
        &format!("the account of {label:?} cannot be charged: {trouble}"),
    );
}

/// Whether the call is a gRPC call, as Envoy tells them: `application/grpc`, alone or with a suffix such as `+proto`
/// (Envoy, `source/common/grpc/common.cc`).
fn is_grpc() -> bool {
    let content_type = host::request_header("content-type").unwrap_or_default();
    content_type
        .strip_prefix(b"application/grpc")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"+"))
}

/// A call to a plugin that has no configuration, which no host creates; it is refused.
struct Unconfigured;

impl Context for Unconfigured {}

impl HttpContext for Unconfigured {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        if let Err(refused) = host::send_local_response(503, "unconfigured", &[], "", 14) {
            host::log(
                Level::Error,
                &format!("an unconfigured plugin cannot answer: {refused}"),
            );
        }
        Action::Pause
    }
}
