//! What a call tells: its client in an answer, access logs in properties, operators in the log.

use super::Call;
use crate::{
    accounts::ledger::PostingFailure,
    decide::policy::Policy,
    shell::host::{self, Level},
    show::{
        access_log,
        receipt::Receipt,
        refusal::{GrpcStatus, LocalResponse, Refusal},
        usage::answer as usage,
    },
};

impl Call {
    /// Refuses the call.
    pub(super) fn refuse(&self, refusal: &Refusal) {
        let policy = &self.running.policy;
        let name = policy.response_headers.policy_name.as_str();
        let response = refusal.response(policy.refusals.format, name, self.running.latest());
        self.answer(response.spoken(self.protocol), refusal.reason.name());
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
            response.spoken(self.protocol)
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

/// The account holder for whom another instance of the filter in the same chain, which charges the same accounts, has decided this call.
pub(super) fn decided_for(policy: &Policy) -> Option<String> {
    let line = host::property(access_log::RECEIPT)?;
    access_log::decided_for(&String::from_utf8_lossy(&line), policy.told_namespace())
}

/// Shows the receipt to access logs, and to other instances of the filter.
pub(super) fn publish(receipt: &Receipt, policy: &Policy) {
    let rule = receipt.rule.map(|rule| policy.costs.rule_name(rule));
    let line = access_log::line(receipt, rule, policy.told_namespace());
    host::set_property(access_log::RECEIPT, &line);
    for property in &policy.access_log.properties {
        property.tell(receipt, rule, |value| {
            host::set_property(property.name(), value);
        });
    }
}
