//! Settlement: a charge is settled or refunded when its forwarded call is answered, and the slot of a call is released when it ends, once,
//! whichever of the host's callbacks comes first.

use std::rc::Rc;

use jiff::Timestamp;

use super::{Meter, State, charging::periods_of};
use crate::{
    accounts::{
        account::CountedAs,
        holder::AccountHolder,
        ledger::{Ledger, SharedData},
        statistics::Event,
        worker::{Correction, Owed},
    },
    model::{credits::Credits, day::DayNumber, terms::Terms},
    show::{
        metrics::Counts,
        receipt::{Outcome, Receipt},
    },
};

/// What a forwarded call holds until it ends.
#[derive(Debug)]
pub(super) struct Permit {
    pub(super) holder: Rc<AccountHolder>,
    /// As what it was counted beside its organization's day.
    pub(super) counted_as: CountedAs,
    /// The day on which it was charged.
    pub(super) day: DayNumber,
    /// What it was charged before it was forwarded.
    pub(super) charged: Credits,
    /// The allotment of which it was charged; `None` for a holder that is never refused.
    pub(super) allotment: Option<Credits>,
    /// The terms under which it was charged.
    pub(super) terms: Terms,
    /// Whether its response has begun.
    pub(super) answered: bool,
    /// Whether it stated its own deadline.
    pub(super) states_deadline: bool,
}

/// How a response begins.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResponseHead<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The gRPC status of a response that has no messages and states it in its head; not looked for unless the call is a `POST`.
    pub grpc_status: Option<&'a [u8]>,
    /// How often the router asked an upstream (`upstream.request_attempt_count`), where the proxy tells.
    pub attempts: Option<u64>,
    /// Why the proxy answers so, in its words (`response.code_details`); looked for where [`ResponseHead::needs_details`] says so.
    pub details: Option<&'a [u8]>,
    /// What the response states in the field in which this filter tells the cost; not looked for unless it
    /// [says](ResponseHead::is_failure) that the call failed.
    pub told_cost: Option<&'a [u8]>,
    /// What the upstream states as the call's cost, where the rule says that it does.
    pub stated_cost: Option<&'a str>,
}

/// How a call ended that this filter saw no response to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Nobody got an answer: the client went away.
    Unanswered,
    /// The proxy ended it with this status, by itself or by an upstream's response that it followed, as it does an internal redirect.
    Answered(u16),
    /// The proxy ended it because it was overloaded.
    Overloaded,
}

impl ResponseHead<'_> {
    /// Whether what the response means depends on why the proxy gave it.
    #[must_use]
    pub fn needs_details(&self) -> bool {
        let unasked = self.attempts == Some(0) && !self.succeeded();
        unasked || matches!(self.grpc_status, Some(b"14" | b"4"))
    }

    /// Whether the response says that the call failed.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.status >= 400 || !matches!(self.grpc_status, None | Some(b"0"))
    }

    /// The HTTP status that the response means. To a gRPC call, a proxy says with the gRPC statuses `UNAVAILABLE` and, of some time-outs,
    /// `DEADLINE_EXCEEDED` what it says to others with 502, 503 and 504 (Envoy, `source/common/grpc/status.cc`; gRPC,
    /// `doc/http-grpc-status-mapping.md`).
    fn http_status(&self) -> u16 {
        match (self.status, self.grpc_status) {
            (200, Some(b"14" | b"4")) if self.names_time_out() => 504,
            (200, Some(b"14")) => 503,
            (status, _) => status,
        }
    }

    /// Whether the proxy says that time was up (Envoy, `ResponseCodeDetailValues`: `response_timeout`, `max_duration_timeout`,
    /// `upstream_max_stream_duration_reached` and others).
    #[inline]
    fn names_time_out(&self) -> bool {
        let details = self.details.unwrap_or_default();
        [&b"timeout"[..], b"duration"]
            .iter()
            .any(|word| details.windows(word.len()).any(|part| part == *word))
    }

    /// Whether somebody behind this filter refused or redirected the call before any upstream was asked.
    ///
    /// Nobody was asked if the router made no attempt. That alone would be too little: Envoy's cache filter asks the upstream past the
    /// router, and a plugin may ask one itself to answer from. So what an upstream or a cache answered is kept, and so is success.
    ///
    /// In a proxy behind this one, this filter tells with a refusal that the call cost nothing. (No client can have an upstream say so, as
    /// the field is removed from requests.)
    fn is_refused_behind(&self) -> bool {
        let details = self.details.unwrap_or_default();
        let answered = details == b"via_upstream" || details.starts_with(b"cache.");
        let refused_here = self.attempts == Some(0) && !self.succeeded() && !answered;
        let refused_there = self.is_failure() && self.told_cost == Some(b"0");
        refused_here || refused_there
    }

    /// Whether the response says that the call succeeded: then it does not matter who answered.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        matches!(self.status, 200..=299) && matches!(self.grpc_status, None | Some(b"0"))
    }
}

impl Meter {
    /// Settles or refunds a call by the head of its response. Only the first response counts.
    ///
    /// A call that did cost more than its estimate is charged the rest, as far as there is that much: a day is never overspent, and
    /// what is missing is counted as uncollected. A stated cost that is no whole number leaves the estimate.
    pub fn on_response_headers(
        &mut self,
        head: ResponseHead<'_>,
        now: Timestamp,
        data: &impl SharedData,
    ) -> Counts {
        let policy = Rc::clone(&self.policy);
        let refunds = &policy.refunds;
        let status = head.http_status();
        let stated = head.stated_cost.map(|stated| match self.settle_from() {
            Some(settle_from) => settle_from.cost(stated),
            None => Credits::stated(stated),
        });
        let Some((_, permit)) = self.permit() else {
            return Counts::default();
        };
        if std::mem::replace(&mut permit.answered, true) {
            return Counts::default();
        }
        let out_of_time = status == 504 && permit.states_deadline;
        let failed = refunds.statuses.contains(&status);
        let unasked = refunds.no_upstream && head.is_refused_behind();
        if (failed || unasked) && !out_of_time {
            return self.refund(data);
        }
        let Some(stated) = stated else {
            return Counts::default();
        };
        match stated {
            Some(stated) => self.settle(stated, true, now, data),
            None => unreadable(),
        }
    }

    /// Settles a call by what its response states behind its head, if it states anything there; `whole` unless the response broke off. Then the
    /// call costs no less than its estimate, so that nobody pays less by going away.
    pub fn on_response_end(
        &mut self,
        stated: Option<&str>,
        whole: bool,
        now: Timestamp,
        data: &impl SharedData,
    ) -> Counts {
        let Some(settle_from) = self.settle_from() else {
            return Counts::default();
        };
        let stated = stated.map(|stated| settle_from.cost(stated));
        let receipt = self.permit().map(|(receipt, _)| receipt);
        if receipt.is_none_or(|receipt| receipt.outcome != Outcome::Admitted) {
            return Counts::default();
        }
        match stated {
            Some(Some(stated)) => self.settle(stated, whole, now, data),
            None if !whole => Counts::default(),
            Some(None) | None => unreadable(),
        }
    }

    /// Charges what the call did cost in place of its estimate; less only if `down`.
    fn settle(
        &mut self,
        stated: Credits,
        down: bool,
        now: Timestamp,
        data: &impl SharedData,
    ) -> Counts {
        let Some((receipt, permit)) = self.permit() else {
            return Counts::default();
        };
        let actual = permit.holder.schedule.at(now).model.cost(stated);
        if actual < receipt.cost && !down {
            return Counts::default();
        }
        let correction = match receipt.cost.checked_sub(actual) {
            Some(too_much) => Correction::Refund(too_much),
            None => Correction::ChargeMore(actual.saturating_sub(receipt.cost), permit.allotment),
        };
        self.correct(correction, Some(now), data)
    }

    /// Whether the call was charged and its response has not begun: only then does it matter how it ends.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        matches!(&self.state, State::Decided { permit: Some(permit), .. } if !permit.answered)
    }

    /// Ends the call: its slot is released, and a charge without a response is refunded if the proxy failed it. Only the first call counts;
    /// of a call that has been answered, any `ending` will do.
    pub fn on_end(&mut self, ending: Ending, now: Timestamp, data: &impl SharedData) -> Counts {
        let mut counts = self.end_permit(ending, data);
        counts.cas_retries = counts.cas_retries.saturating_add(self.release(now, data));
        counts
    }

    /// Ends what was charged, if anything was.
    fn end_permit(&mut self, ending: Ending, data: &impl SharedData) -> Counts {
        let policy = Rc::clone(&self.policy);
        let Some((_, permit)) = self.permit() else {
            return Counts::default();
        };
        let unanswered = !std::mem::replace(&mut permit.answered, true);
        let failed = match ending {
            Ending::Unanswered => false,
            Ending::Answered(504) if permit.states_deadline => false,
            Ending::Answered(status) => policy.refunds.statuses.contains(&status),
            Ending::Overloaded => true,
        };
        let counts = if unanswered && failed && policy.refunds.no_response {
            self.refund(data)
        } else {
            Counts::default()
        };
        self.tell();
        if let State::Decided { permit, .. } = &mut self.state {
            *permit = None;
        }
        counts
    }

    fn refund(&mut self, data: &impl SharedData) -> Counts {
        let Some((receipt, _)) = self.permit() else {
            return Counts::default();
        };
        if receipt.cost.is_zero() {
            return Counts::default();
        }
        receipt.outcome = Outcome::Refunded;
        let all = Correction::Refund(receipt.cost);
        self.correct(all, None, data)
    }

    /// Posts a correction of the charge, or leaves it owed to the next tick, and brings the receipt up to date. What is given back needs no
    /// time.
    fn correct(
        &mut self,
        correction: Correction,
        now: Option<Timestamp>,
        data: &impl SharedData,
    ) -> Counts {
        let (worker, policy) = (Rc::clone(&self.worker), Rc::clone(&self.policy));
        let Some((receipt, permit)) = self.permit() else {
            return Counts::default();
        };
        if let Some(engine) = &policy.engine {
            engine.watch(&permit.holder);
        }
        let (key, day, terms) = (permit.holder.key.clone(), permit.day, permit.terms);
        let holder = &permit.holder;
        let current = match (&permit.counted_as.lasting, now) {
            (Some(_), Some(now)) => holder.lasting_claim(terms, holder.day(now), now),
            _ => None,
        };
        let counted_as = permit.counted_as.clone().at(current);
        let posting = Ledger::new(data).amend(&key, day, |account| {
            Ok::<_, std::convert::Infallible>(correction.apply(account, day, &counted_as))
        });
        let after = posting.result.ok();
        if after.is_none() {
            worker.owes(Owed {
                key,
                day,
                counted_as: counted_as.clone(),
                correction,
            });
        }
        if let (Some(posted), Some(balance)) = (&after, &mut receipt.balance) {
            balance.remaining = posted.after.remaining(balance.allotment);
            if let Some(beside) = &mut balance.beside {
                beside.periods = periods_of(&posted.after, counted_as.lasting.as_deref());
            }
            let beside = balance.beside.as_mut();
            if let Some(client) = beside.and_then(|beside| beside.client.as_mut()) {
                let known = posted.after.client(client.id.as_str());
                client.used = known.map_or(Credits::ZERO, |known| known.used);
            }
        }
        let mut counts = Counts {
            cas_retries: posting.retries,
            ..Counts::default()
        };
        match correction {
            Correction::Refund(amount) => {
                receipt.cost = receipt.cost.saturating_sub(amount);
                counts.refunded = amount;
            }
            Correction::ChargeMore(amount, _) => {
                // What was posted, in this very step, is what the account could pay.
                if let Some(posted) = &after {
                    let (before, after) = (&posted.before, &posted.after);
                    counts.overage =
                        terms.overage_between(before.used_by_all(), after.used_by_all());
                }
                let paid = after.map_or(amount, |posted| {
                    posted.after.used().saturating_sub(posted.before.used())
                });
                receipt.cost = receipt.cost.checked_add(paid).unwrap_or(Credits::MAX);
                counts.charged = paid;
                counts.uncollected = amount.saturating_sub(paid);
            }
        }
        counts
    }

    /// Counts the call for the usage details, now that its cost is final.
    fn tell(&self) {
        let State::Decided {
            receipt,
            permit: Some(permit),
        } = &self.state
        else {
            return;
        };
        let event = match (receipt.outcome, receipt.rule) {
            (Outcome::Refunded, _) => Event::Refunded(permit.charged),
            (_, Some(rule)) => {
                let rule = self.policy.costs.rule_name(rule);
                Event::Charged {
                    rule,
                    cost: receipt.cost,
                }
            }
            (_, None) => return,
        };
        let client = permit.counted_as.client.as_ref();
        let client = client.map(|client| &client.id);
        self.worker
            .counts(&permit.holder, permit.day, client, event);
    }

    /// Releases the slot, if the call holds one; the races lost.
    pub(super) fn release(&mut self, now: Timestamp, data: &impl SharedData) -> u32 {
        let lease = self.policy.concurrency.lease;
        let held = self.slot.take();
        held.map_or(0, |held| self.worker.ends(&held, lease, now, data))
    }

    fn permit(&mut self) -> Option<(&mut Receipt, &mut Permit)> {
        match &mut self.state {
            State::Decided {
                receipt,
                permit: Some(permit),
            } => Some((receipt, permit)),
            _ => None,
        }
    }
}

/// A cost that is no whole number.
fn unreadable() -> Counts {
    Counts {
        unreadable_cost: true,
        ..Counts::default()
    }
}
