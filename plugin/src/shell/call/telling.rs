//! What a call tells: its client in an answer, access logs in properties, operators in the log.

use itoa::Buffer;

use super::Call;
use crate::{accounts::ledger::PostingFailure, decide::policy::Policy, model::namespace::Namespace, shell::host::{self, Level}, show::{receipt::Receipt, refusal::{GrpcStatus, LocalResponse, Protocol, Refusal}, usage::answer as usage}};

impl Call {
    /// Refuses the call.
    pub(super) fn refuse(&self, refusal: &Refusal) {
        let policy = &self.running.policy;
        let name = policy.response_headers.policy_name.as_str();
        let response = refusal.response(policy.refusals.format, name, self.running.latest());
        self.answer(response.spoken(protocol()), refusal.reason.name());
    }

    /// Answers a request for usage details. Those are read by `GET`, and so by no gRPC call, which reads here that there is no such method.
    pub(super) fn show(&self, answer: usage::Answer) {
        let is_error = answer.error.is_some();
        let response = LocalResponse {
            status: answer.status,
            headers: answer.headers,
            body: answer.body.into_bytes(),
            grpc_status: GrpcStatus::Unimplemented,
            message: answer.error.unwrap_or_default(),
        };
        let response = if is_error {
            response.spoken(protocol())
        } else {
            response
        };
        self.answer(response, "usage_details");
    }

    /// Answers the call, with what the receipt tells as well.
    fn answer(&self, response: LocalResponse, details: &str) {
        let mut told = Vec::new();
        if let Some(receipt) = self.meter.receipt() {
            let fields = self.running.policy.headers(receipt.enforcement);
            fields.tell(receipt, self.running.latest(), |name, value| {
                told.extend(value.map(|value| (name, value.to_owned())));
            });
        }
        let headers: Vec<_> = (response.headers.iter())
            .chain(&told)
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let grpc_status = response.grpc_status as i32;
        let (status, body) = (response.status, &response.body);
        if let Err(refused) =
            host::send_local_response(status, details, &headers, body, grpc_status)
        {
            let message = format!("a call cannot be answered and is held: {refused}");
            host::log(Level::Error, &message);
        }
    }

    /// Tells operators why an account could not be charged.
    pub(super) fn report(&self, trouble: PostingFailure) {
        let holder = self
            .meter
            .receipt()
            .and_then(|receipt| receipt.holder.as_ref());
        let label = holder.map_or("nobody", |holder| holder.label.as_str());
        let complaints = &self.running.worker.complaints;
        let line = complaints.line(label, self.running.latest(), || {
            format!("the account of {label:?} cannot be charged: {trouble}")
        });
        if let Some(line) = line {
            host::log(Level::Warn, &line);
        }
    }
}

/// The protocol in which the call's client reads its answer.
fn protocol() -> Protocol {
    let headers = host::request_headers();
    Protocol::of(headers.first("content-type").unwrap_or_default())
}

/// The account holder for whom another instance of the filter in the same chain, which charges the same accounts, has decided this call.
pub(super) fn decided_for(namespace: &Namespace) -> Option<String> {
    let organization = host::property("api_credits.organization")?;
    let other = host::property("api_credits.namespace");
    let other = other.as_deref().unwrap_or(Namespace::DEFAULT.as_bytes());
    (other == namespace.as_str().as_bytes())
        .then(|| String::from_utf8(organization).ok())
        .flatten()
}

/// Shows the receipt to access logs, and to other instances of the filter.
pub(super) fn publish(receipt: &Receipt, policy: &Policy) {
    if let Some(holder) = &receipt.holder {
        let namespace = policy.subscriptions.namespace.as_str();
        if namespace != Namespace::DEFAULT {
            host::set_property("api_credits.namespace", namespace);
        }
        host::set_property("api_credits.organization", &holder.label);
        host::set_property("api_credits.edition", holder.edition.as_str());
    }
    if let Some(rule) = receipt.rule {
        host::set_property("api_credits.rule", policy.costs.rule_name(rule));
    }
    if let Some(balance) = receipt.balance {
        let remaining = balance.remaining.get();
        host::set_property("api_credits.remaining", Buffer::new().format(remaining));
    }
    let cost = receipt.cost.get();
    host::set_property("api_credits.cost", Buffer::new().format(cost));
    host::set_property("api_credits.verdict", &receipt.outcome.name());
}
