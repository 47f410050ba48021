//! Bodies: how calls are decided that are priced by them.
//!
//! Such a call is held until its body is complete, or has become longer than is read. Where no bodies are read, it is not held.

use std::rc::Rc;

use jiff::Timestamp;

use super::{Ending, Meter, Refused, State, Step, Verdict};
use crate::{
    accounts::{holder::AccountHolder, ledger::SharedData, slots::Group, worker::Held},
    decide::policy::Payer,
    model::reason::Reason,
    pricing::cost_table::{BodyQuote, Charge, Fallback},
    show::{metrics::Counts, refusal::Answer},
};

/// What the client reads of a call whose body is not read.
const NOT_COUNTED_HERE: &str =
    "This call is priced by the records in its body, which are not counted here.";
const NOT_READ_HERE: &str = "This call is priced by its body, which is not read here.";

impl Meter {
    /// Decides about a call in the module that reads no bodies.
    pub(super) fn leave_unread(
        &mut self,
        unread: Fallback,
        holder: Rc<AccountHolder>,
        quote: Box<BodyQuote>,
        now: Timestamp,
        data: &impl SharedData,
    ) -> Verdict {
        let rule = quote.at_least().rule;
        let (message, records) = match quote.depends_on_members() {
            true => (NOT_READ_HERE, ""),
            false => (NOT_COUNTED_HERE, "the records in "),
        };
        self.state = State::Holding { holder, quote };
        let answer = Answer {
            message: Some(message.to_owned()),
            ..Answer::default()
        };
        let mut verdict = self.fall_back(unread, Reason::BodyUnreadable, answer, now, data);
        if self.worker.is_first_unread() {
            let name = self.policy.costs.rule_name(rule);
            verdict.warnings.push(format!(
                "a call that the rule {name:?} prices by {records}its body came to the module that reads no bodies, and was \
                 decided by `costs.body.unread`: calls to such operations belong to the filter with api_credits.wasm"
            ));
        }
        verdict
    }

    /// Decides about a call whose body has no end, as it asks for another protocol.
    pub(super) fn refuse_endless(
        &mut self,
        holder: Rc<AccountHolder>,
        quote: Box<BodyQuote>,
        now: Timestamp,
        data: &impl SharedData,
    ) -> Verdict {
        self.state = State::Holding { holder, quote };
        let fallback = self.policy.costs.body().unreadable;
        let answer = Answer::default();
        self.fall_back(fallback, Reason::BodyUnreadable, answer, now, data)
    }

    /// Decides about a call whose body has not been complete in time.
    pub fn on_request_body_late(&mut self, now: Timestamp, data: &impl SharedData) -> Verdict {
        let (reason, answer) = (Reason::BodyTimeout, Answer::default());
        self.fall_back(Fallback::Refuse, reason, answer, now, data)
    }

    /// Whether the call is held, and charged to the account holder of this label.
    #[must_use]
    pub fn holds_for(&self, label: &str) -> bool {
        matches!(&self.state, State::Holding { holder, .. } if holder.label == label)
    }

    /// Leaves a call that is held to another instance of the filter.
    pub fn step_aside(&mut self, now: Timestamp, data: &impl SharedData) -> Counts {
        self.state = State::New;
        self.on_end(Ending::Unanswered, now, data)
    }

    /// Has a call that is held charged by what the directory knows now of its organization.
    #[inline(never)]
    pub fn renew_holder(&mut self, now: Timestamp) {
        let State::Holding { holder, .. } = &mut self.state else {
            return;
        };
        if self.policy.directory.is_none() || holder.key.is_shared() {
            return;
        }
        if let Payer::Holder(renewed) = self.policy.payer(Some(&holder.label), None, now)
            && renewed.key == holder.key
        {
            if let (Some(rules), Some(client)) = (&self.policy.clients, &mut self.client) {
                **client = rules.limited(client.id.clone(), client.stated, &renewed);
            }
            *holder = renewed;
        }
    }

    /// Decides about a call whose upstream has answered before any of its body was let through: it costs as much as one without a body, and
    /// is decided at once, because nothing holds an answer back.
    #[inline(never)]
    pub fn on_answer_before_body(&mut self, now: Timestamp, data: &impl SharedData) -> Verdict {
        let State::Holding { holder, quote } = &self.state else {
            return Verdict::of(Step::Forward);
        };
        let (holder, charge) = (Rc::clone(holder), quote.without_body());
        self.waits_until = Some(now);
        let verdict = self.charge_held(Rc::clone(&holder), charge, now, data);
        if !matches!(
            verdict.step,
            Step::HoldForDirectory(_) | Step::HoldForEngine(_)
        ) {
            return verdict;
        }
        let refused = Refused {
            rule: Some(charge.rule),
            price: Some(charge.cost),
            balance: self.peek(&holder, now, data),
            holder: Some(holder),
            ..Refused::default()
        };
        self.refuse(Reason::DailyCredits, Answer::default(), refused)
    }

    /// Decides by a body of which `bytes` are there and more follow.
    pub fn on_request_body_growing(
        &mut self,
        bytes: usize,
        now: Timestamp,
        data: &impl SharedData,
    ) -> Verdict {
        if !self.is_holding() {
            return Verdict::of(Step::Forward);
        }
        let limits = self.policy.costs.body();
        if bytes > limits.max_bytes {
            let (fallback, answer) = (limits.too_large, Answer::default());
            return self.fall_back(fallback, Reason::BodyTooLarge, answer, now, data);
        }
        Verdict::of(Step::HoldForBody)
    }

    /// Decides by a complete body.
    pub fn on_request_body(
        &mut self,
        body: &[u8],
        now: Timestamp,
        data: &impl SharedData,
    ) -> Verdict {
        let State::Holding { holder, quote } = &self.state else {
            return Verdict::of(Step::Forward);
        };
        let limits = self.policy.costs.body();
        if body.len() > limits.max_bytes {
            return self.on_request_body_growing(body.len(), now, data);
        }
        match quote.settle(body) {
            Ok(charge) => self.charge_held(Rc::clone(holder), charge, now, data),
            Err(_) => {
                let (fallback, answer) = (limits.unreadable, Answer::default());
                self.fall_back(fallback, Reason::BodyUnreadable, answer, now, data)
            }
        }
    }

    /// Charges a call that is held. The slot that it was given before its rule was known goes back if that rule's calls are in another
    /// group: then it is given one of those, or refused.
    fn charge_held(
        &mut self,
        holder: Rc<AccountHolder>,
        charge: Charge,
        now: Timestamp,
        data: &impl SharedData,
    ) -> Verdict {
        let group = self.group(charge.rule).map(|(group, _)| group);
        let held = self.slot.as_ref();
        let other = |held: &Held| held.group.filter(|held| *held != Group::NONE) != group;
        if held.is_some_and(other) {
            self.release(now, data);
        }
        self.charge(holder, charge, now, data)
    }

    /// A body that cannot be read costs what the configuration says.
    fn fall_back(
        &mut self,
        fallback: Fallback,
        reason: Reason,
        answer: Answer,
        now: Timestamp,
        data: &impl SharedData,
    ) -> Verdict {
        let State::Holding { holder, quote } = &self.state else {
            return Verdict::of(Step::Forward);
        };
        let holder = Rc::clone(holder);
        if let Some(charge) = quote.fall_back(fallback) {
            return self.charge_held(holder, charge, now, data);
        }
        let rule = Some(quote.at_least().rule);
        let balance = self.peek(&holder, now, data);
        let refused = Refused {
            holder: Some(holder),
            rule,
            balance,
            ..Refused::default()
        };
        self.refuse(reason, answer, refused)
    }
}
