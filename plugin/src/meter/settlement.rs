//! What becomes of a call after it was forwarded: its charge is settled or refunded when it is answered, and its slot is released when
//! it ends, once, whichever of the host's callbacks comes first.

use std::rc::Rc;

use jiff::Timestamp;

use super::{Meter, State};
use crate::{
    credits::Credits,
    day::DayNumber,
    ledger::{Ledger, SharedData},
    metrics::Counts,
    policy::AccountHolder,
    receipt::{Outcome, Receipt},
    slots::Group,
    usage::statistics::Event,
    worker::{Correction, Owed},
};

/// What a forwarded call holds until it ends.
#[derive(Debug)]
pub(super) struct Permit {
    pub(super) holder: Rc<AccountHolder>,
    /// The day on which it was charged.
    pub(super) day: DayNumber,
    /// What it was charged before it was forwarded.
    pub(super) charged: Credits,
    /// The allotment of which it was charged; `None` for a holder that is never refused.
    pub(super) allotment: Option<Credits>,
    /// The group in which it holds a slot.
    pub(super) group: Option<Group>,
    /// Whether its response has begun.
    pub(super) answered: bool,
}

/// How a response begins.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The gRPC status of a response that has no messages and states it in its head; not looked for unless the call is a `POST`.
    pub grpc_status: Option<&'a [u8]>,
    /// What the upstream states as the call's cost, where the rule says that it does.
    pub stated_cost: Option<&'a str>,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client went away.
    ClientGone,
    /// Otherwise, with or without a response.
    Over,
}

impl ResponseHead<'_> {
    /// The HTTP status that the response means. To a gRPC call, a proxy says with the gRPC status `UNAVAILABLE` what it says to others
    /// with 502, 503 and 504 (Envoy, `source/common/grpc/status.cc`; gRPC, `doc/http-grpc-status-mapping.md`).
    fn http_status(&self) -> u16 {
        match (self.status, self.grpc_status) {
            (200, Some(b"14")) => 503,
            (status, _) => status,
        }
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
        let refunded = self.policy.refunds.statuses.contains(&head.http_status());
        let stated = head.stated_cost.map(|text| text.trim().parse().ok());
        let Some((receipt, permit)) = self.permit() else {
            return Counts::default();
        };
        if std::mem::replace(&mut permit.answered, true) {
            return Counts::default();
        }
        if refunded {
            return self.refund(data);
        }
        let Some(stated) = stated else {
            return Counts::default();
        };
        let Some(stated) = stated else {
            return Counts {
                unreadable_cost: true,
                ..Counts::default()
            };
        };
        let actual = permit
            .holder
            .schedule
            .at(now)
            .model
            .cost(Credits::saturating(stated));
        let correction = match receipt.cost.checked_sub(actual) {
            Some(too_much) => Correction::Refund(too_much),
            None => Correction::ChargeMore(actual.saturating_sub(receipt.cost), permit.allotment),
        };
        self.correct(correction, data)
    }

    /// Whether the call was charged and its response has not begun: only then does it matter how it ends.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        matches!(&self.state, State::Decided { permit: Some(permit), .. } if !permit.answered)
    }

    /// Ends the call: its slot is released, and a charge without a response is refunded if the client waited for one. Only the first
    /// call counts.
    pub fn on_end(&mut self, ending: Ending, now: Timestamp, data: &impl SharedData) -> Counts {
        let refunds_silence = self.policy.refunds.no_response;
        let Some((_, permit)) = self.permit() else {
            return Counts::default();
        };
        let unanswered = !std::mem::replace(&mut permit.answered, true);
        let counts = if unanswered && refunds_silence && ending == Ending::Over {
            self.refund(data)
        } else {
            Counts::default()
        };
        self.tell();
        let cas_retries = counts.cas_retries.saturating_add(self.release(now, data));
        Counts {
            cas_retries,
            ..counts
        }
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
        self.correct(all, data)
    }

    /// Posts a correction of the charge, or leaves it owed to the next tick, and brings the receipt up to date.
    fn correct(&mut self, correction: Correction, data: &impl SharedData) -> Counts {
        let (worker, policy) = (Rc::clone(&self.worker), Rc::clone(&self.policy));
        let Some((receipt, permit)) = self.permit() else {
            return Counts::default();
        };
        if let Some(engine) = &policy.engine {
            engine.watch(&permit.holder);
        }
        let (key, day) = (permit.holder.key.clone(), permit.day);
        let posting = Ledger::new(data).post(&key, day, |account| {
            Ok::<_, std::convert::Infallible>(correction.apply(account, day))
        });
        let after = posting.result.ok();
        if after.is_none() {
            worker.owes(Owed {
                key,
                day,
                correction,
            });
        }
        if let (Some(posted), Some(balance)) = (&after, &mut receipt.balance) {
            balance.remaining = posted.after.remaining(balance.allotment);
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
        self.worker.counts(&permit.holder.key, permit.day, event);
    }

    /// Releases the slot, if the call holds one; the races lost.
    fn release(&mut self, now: Timestamp, data: &impl SharedData) -> u32 {
        let State::Decided { permit, .. } = &mut self.state else {
            return 0;
        };
        let Some(Permit {
            holder,
            group: Some(group),
            ..
        }) = permit.take()
        else {
            return 0;
        };
        self.worker
            .ends(&holder, group, self.policy.concurrency.lease, now, data)
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
