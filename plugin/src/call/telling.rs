//! What a call tells: its client in an answer, access logs in properties, operators in the log.

use itoa::Buffer;

use super::Call;
use crate::{
    host::{self, Level},
    ledger::PostingFailure,
    namespace::Namespace,
    policy::Policy,
    receipt::Receipt,
    refusal::Refusal,
};

impl Call {
    /// Refuses the call.
    pub(super) fn refuse(&self, refusal: &Refusal) {
        let policy = &self.running.policy;
        let name = policy.response_headers.policy_name.as_str();
        let response = refusal.response(policy.refusals, name, self.running.latest());
        let is_grpc = is_grpc();
        // Proxies turn the body of an answer to a gRPC call into its message, and set the content type themselves.
        let body = if is_grpc {
            &response.message
        } else {
            &response.body
        };
        let headers: Vec<_> = response
            .headers
            .iter()
            .filter(|(name, _)| !(is_grpc && *name == "content-type"))
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let grpc_status = response.grpc_status as i32;
        self.answer(
            response.status,
            refusal.reason.name(),
            &headers,
            body,
            grpc_status,
        );
    }

    /// Answers the call, with what the receipt tells beside `headers`.
    pub(super) fn answer(
        &self,
        status: u16,
        details: &str,
        headers: &[(&str, &str)],
        body: &str,
        grpc_status: i32,
    ) {
        let mut told = Vec::new();
        if let Some(receipt) = self.meter.receipt() {
            let fields = self.running.policy.headers(receipt.enforcement);
            fields.tell(receipt, self.running.latest(), |name, value| {
                told.extend(value.map(|value| (name, value.to_owned())));
            });
        }
        let told = told.iter().map(|(name, value)| (*name, value.as_str()));
        let headers: Vec<_> = headers.iter().copied().chain(told).collect();
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

/// Whether the call is a gRPC call, as Envoy tells them: `application/grpc`, alone or with a suffix such as `+proto`
/// (Envoy, `source/common/grpc/common.cc`).
fn is_grpc() -> bool {
    let content_type = host::request_headers();
    let content_type = content_type.first("content-type").unwrap_or_default();
    content_type
        .strip_prefix(b"application/grpc")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"+"))
}
