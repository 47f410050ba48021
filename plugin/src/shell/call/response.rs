//! The rest of a response, behind its head: passed on as it comes, and read on its way where it states what the call did cost.

#![cfg_attr(
    not(feature = "responses"),
    allow(dead_code, reason = "only one module is shown the rest of responses")
)]

use super::Call;
use super::reporting::publish;
use crate::{
    pricing::settling::{BodyReader, SettleSource},
    shell::host::{self, HostSharedData},
    show::{metrics::Counts, receipt::Outcome},
};

/// What is looked for in the rest of a response.
pub(super) enum Rest {
    /// The trailer called so.
    Trailer(String),
    Body(BodyReader),
}

impl Call {
    /// What is to be looked for in the rest of a successful response, whose head is there.
    #[inline(never)]
    pub(super) fn expect_rest(&mut self) {
        let receipt = self.meter.receipt();
        let is_charged = receipt.is_some_and(|receipt| receipt.outcome == Outcome::Admitted);
        let Some(settle_from) = self.meter.settle_from().filter(|_| is_charged) else {
            return;
        };
        let header = |name| host::response_header(name).unwrap_or_default();
        let rest = match &settle_from.source {
            SettleSource::Header(_) => None,
            SettleSource::Trailer(name) => Some(Rest::Trailer(name.as_str().to_owned())),
            SettleSource::Body(keys) => Some(Rest::Body(BodyReader::new(
                keys,
                &header("content-type"),
                &header("content-encoding"),
            ))),
        };
        self.rest = rest.map(Box::new);
    }

    /// A piece of the body of the response is there, of so many bytes.
    pub(crate) fn on_response_body(&mut self, size: usize, end_of_stream: bool) {
        if let Some(Rest::Body(reader)) = self.rest.as_deref_mut()
            && reader.reads()
            && size > 0
        {
            reader.read(&host::response_body(size));
        }
        if end_of_stream {
            self.settle_rest(true, |_| None);
        }
    }

    /// The trailers of the response are there.
    pub(crate) fn on_response_trailers(&mut self) {
        self.settle_rest(true, host::response_trailer);
    }

    /// Settles the call by what was found, once; `whole` unless the response broke off.
    pub(super) fn settle_rest(
        &mut self,
        whole: bool,
        trailer: impl FnOnce(&str) -> Option<Vec<u8>>,
    ) {
        let stated = match self.rest.take().map(|rest| *rest) {
            None => return,
            Some(Rest::Trailer(name)) => {
                trailer(&name).map(|value| String::from_utf8_lossy(&value).into_owned())
            }
            Some(Rest::Body(mut reader)) => reader.found().map(str::to_owned),
        };
        let now = self.running.latest();
        let stated = stated.as_deref();
        let counts = self
            .meter
            .on_response_end(stated, whole, now, &HostSharedData);
        self.running.count(counts);
        if let Some(receipt) = self.meter.receipt()
            && counts != Counts::default()
        {
            publish(receipt, &self.running.policy);
        }
    }
}
