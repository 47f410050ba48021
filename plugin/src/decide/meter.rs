//! The meter: the state machine of one call. It says what to do, and does nothing but charge the ledger it is given.
//!
//! A call is priced and charged before it is forwarded. One whose price depends on its body is held until that is complete. A refused
//! call changes no account. Whatever was decided is one [`Receipt`], from which everything that is shown is rendered.

use std::rc::Rc;

use jiff::Timestamp;

use crate::{
    accounts::{
        account::{Account, LastingClaim},
        holder::AccountHolder,
        ledger::{AccountKey, Ledger, PostingFailure, SharedData},
        slots::TooManyCalls,
        statistics::Event,
        worker::{Held, Worker},
    },
    decide::{
        attributes::{Attributes, InvalidAttributes},
        clients::{Client, StatedClient},
        policy::{Payer, Policy},
    },
    model::{
        balance::{Balance, BesideDay},
        client::{ClientBalance, ClientId},
        credits::Credits,
        day::Day,
        enforcement::Enforcement,
        organization::OrganizationId,
        reason::Reason,
        terms::{Model, Terms},
    },
    outbound::directory::Directory,
    pricing::cost_table::{BodyKind, BodyQuote, Charge, Facts, Hold, Quote, RuleId},
    pricing::settling::{SettleFrom, SettleSource},
    show::{
        metrics::{Counts, Metric},
        receipt::{Outcome, Receipt},
        refusal::{Answer, Refusal, ShortPeriod},
        usage::answer,
    },
};

mod bodies;
mod charging;
mod reserving;
mod settlement;
mod usage_query;
mod warning;

pub(super) use charging::of_account;
use charging::{Aim, periods_of};
use settlement::Permit;
pub use settlement::{Ending, ResponseHead};
pub(super) use usage_query::in_progress;

/// The longest body, in bytes, that is held without asking whether the least that its call can cost is left: what it takes is little, and a
/// client reads the true price in its refusal.
const SHORT: u64 = 4096;

fn is_short(content_length: &[u8]) -> bool {
    let length = std::str::from_utf8(content_length).ok();
    length.is_some_and(|length| length.parse().is_ok_and(|length: u64| length <= SHORT))
}

/// The head of a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestHead<'a> {
    /// The method (`:method`).
    pub method: &'a str,
    /// The path with its query (`:path`).
    pub path: &'a str,
    /// What the authentication filter states as the organization.
    pub identity: Option<&'a str>,
    /// What the authentication filter states about the organization; `None` where the policy asks for nothing.
    pub attributes: Option<&'a Attributes>,
    /// What it states about its client; `None` where the policy does not tell clients apart.
    pub client: Option<&'a StatedClient>,
    /// Whether no body follows.
    pub end_of_stream: bool,
    /// The length of the body in bytes, as the head states it.
    pub content_length: Option<&'a [u8]>,
    /// Whether it asks to be upgraded to another protocol: what follows its head then has no end.
    pub upgrade: bool,
    /// Whether it states its own deadline, by one of the [`DEADLINES`](crate::model::refunds::DEADLINES).
    pub states_deadline: bool,
    /// The account holder for whom another instance of the filter with the same namespace has decided this call already.
    pub decided_for: Option<&'a str>,
    /// What it says of the body.
    pub body: BodyKind<'a>,
    /// What else is known of it that prices may depend on.
    pub facts: Facts<'a>,
}

/// What to do with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Let it go on.
    Forward,
    /// Hold it, and ask again when more of its body is there.
    HoldForBody,
    /// Hold it, and ask again from its head when the directory has answered about this organization.
    HoldForDirectory(OrganizationId),
    /// Hold it, and ask again from its head when the engine has answered about this account, or the call has
    /// [waited](Meter::waits_until) long enough.
    HoldForEngine(AccountKey),
    /// Answer it with a refusal.
    Refuse(Box<Refusal>),
    /// Answer it with usage details.
    Answer(Box<answer::Answer>),
}

/// What to do with a call, and what to count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What to do.
    pub step: Step,
    /// What to add to the counters.
    pub counts: Counts,
    /// What an operator should read in the log: why an account could not be charged.
    pub trouble: Option<PostingFailure>,
    /// What else: lines about organizations that have reached a share of their day.
    pub warnings: Vec<String>,
}

/// The meter of one call.
#[derive(Debug)]
pub struct Meter {
    policy: Rc<Policy>,
    worker: Rc<Worker>,
    state: State,
    /// Until when the call waits for the engine, if it has to.
    waits_until: Option<Timestamp>,
    /// Whether the call stated its own deadline.
    states_deadline: bool,
    /// Whether the call has to be held until its body is complete.
    needs_body: bool,
    /// The slots that the call holds until it ends.
    slot: Option<Held>,
    /// Who within the organization calls; `None` where clients are not told apart.
    client: Option<Box<Client>>,
}

#[derive(Debug)]
enum State {
    /// Nothing is known yet.
    New,
    /// Waiting for the body, by which the call is priced.
    Holding {
        holder: Rc<AccountHolder>,
        quote: Box<BodyQuote>,
    },
    /// Decided. A call that was charged has a permit until it ends.
    Decided {
        receipt: Receipt,
        permit: Option<Permit>,
    },
}

impl Meter {
    /// The meter of a new call that `worker` serves.
    #[must_use]
    pub fn new(policy: Rc<Policy>, worker: Rc<Worker>) -> Self {
        Self {
            policy,
            worker,
            state: State::New,
            waits_until: None,
            states_deadline: false,
            needs_body: false,
            slot: None,
            client: None,
        }
    }

    /// What was decided, once it is.
    #[must_use]
    pub fn receipt(&self) -> Option<&Receipt> {
        match &self.state {
            State::Decided { receipt, .. } => Some(receipt),
            State::New | State::Holding { .. } => None,
        }
    }

    /// Whether the call is held for its body.
    #[must_use]
    pub fn is_holding(&self) -> bool {
        matches!(self.state, State::Holding { .. })
    }

    /// Whether the head of a call goes on that is held for its body.
    #[must_use]
    pub fn lets_head_go(&self) -> bool {
        self.is_holding() && self.policy.costs.body().hold == Hold::Body
    }

    /// Whether a body of which `bytes` are there has to be kept until it is complete, should the call that waits be priced by it.
    #[must_use]
    pub fn needs_body(&self, bytes: usize) -> bool {
        let body = self.policy.costs.body();
        self.needs_body && body.unread.is_none() && bytes <= body.max_bytes
    }

    /// The response header in which the upstream states what the call did cost, if the rule that priced it has one, or a trailer and the
    /// response is over with its head.
    #[must_use]
    pub fn settles_from(&self, end_of_stream: bool) -> Option<&str> {
        match &self.settle_from()?.source {
            SettleSource::Header(name) => Some(name.as_str()),
            SettleSource::Trailer(name) if end_of_stream => Some(name.as_str()),
            SettleSource::Trailer(_) | SettleSource::Body(_) => None,
        }
    }

    /// Where the response states what the call did cost, if the rule that priced it says so.
    #[must_use]
    pub fn settle_from(&self) -> Option<&SettleFrom> {
        let rule = self.receipt()?.rule?;
        self.policy.costs.facts(rule)?.settle_from.as_ref()
    }

    /// Decides by the head of a request.
    pub fn on_request_headers(
        &mut self,
        head: RequestHead<'_>,
        now: Timestamp,
        data: &impl SharedData,
    ) -> Verdict {
        let costs = &self.policy.costs;
        let quote = costs.quote_with(head.method, head.path, head.facts);
        let quote = quote.with_body(head.body);
        let payer = self.policy.payer(head.identity, head.attributes, now);
        if head.decided_for.is_some() && head.decided_for == payer.label() {
            return Verdict::of(Step::Forward);
        }
        self.states_deadline = head.states_deadline;
        self.needs_body = matches!(quote, Quote::ByBody(_)) && !head.end_of_stream;
        if let Some(stated) = head.client
            && let Payer::Holder(holder) = &payer
            && let Err(invalid) = self.tell_client(stated, holder)
            && !matches!(quote, Quote::Known(charge) if charge.cost.is_zero())
        {
            let holder = Rc::clone(holder);
            return self.refuse_misdescribed(&holder.label, Some(&holder), &invalid, now);
        }
        match (quote, payer) {
            (Quote::Known(charge), payer) if charge.cost.is_zero() => {
                self.forward_exempt(payer, charge.rule, now, data)
            }
            (_, Payer::Refused(reason, answer)) => self.refuse(reason, answer, Refused::default()),
            (_, Payer::Misdescribed(organization, invalid)) => {
                self.refuse_misdescribed(organization.as_str(), None, &invalid, now)
            }
            (_, Payer::Awaited(organization)) => Verdict::of(Step::HoldForDirectory(organization)),
            (quote, Payer::Nobody) => self.forward(None, Credits::ZERO, quote.rule(), None, None),
            (Quote::Known(charge), Payer::Holder(holder)) => self.charge(holder, charge, now, data),
            (Quote::ByBody(quote), Payer::Holder(holder))
                if holder.schedule.at(now).model == Model::Legacy =>
            {
                // Its records do not matter, and it is not exempt, even if it has none.
                let Charge { cost, rule } = quote.at_least();
                let cost = cost.max(Credits::ONE);
                self.charge(holder, Charge { cost, rule }, now, data)
            }
            (Quote::ByBody(quote), Payer::Holder(holder)) if head.end_of_stream => {
                self.charge(holder, quote.without_body(), now, data)
            }
            (Quote::ByBody(quote), Payer::Holder(holder)) => {
                if head.upgrade {
                    self.refuse_endless(holder, quote, now, data)
                } else if let Some(unread) = self.policy.costs.body().unread {
                    self.leave_unread(unread, holder, quote, now, data)
                } else {
                    let mut least = quote.at_least();
                    // Where the head goes on, it has to be able to pay before that.
                    let hides_head = self.policy.costs.body().hold == Hold::Head;
                    if hides_head && head.content_length.is_some_and(is_short) {
                        least.cost = Credits::ZERO;
                    }
                    self.admit(holder, least, Aim::Hold(quote), now, data)
                }
            }
        }
    }

    /// Finds out who within the organization calls.
    #[inline(never)]
    fn tell_client(
        &mut self,
        stated: &StatedClient,
        holder: &AccountHolder,
    ) -> Result<(), InvalidAttributes> {
        let rules = self.policy.clients.as_ref();
        self.client = rules
            .map(|rules| rules.client(stated, holder).map(Box::new))
            .transpose()?;
        Ok(())
    }

    /// As whom a client's refused call is counted. An account knows only those that have used something, so that names which were invented
    /// for calls that are refused take up no room.
    fn refused_as(&self, client: &ClientBalance) -> ClientId {
        let kept = self.client.as_ref().is_some_and(|client| client.kept);
        if kept || !client.used.is_zero() {
            client.id.clone()
        } else {
            ClientId::others()
        }
    }

    /// What is left of `day` in `account`, to its holder and to the call's client, and in periods. The terms include what purchases add.
    fn balance(
        &self,
        account: &Account,
        terms: Terms,
        day: Day,
        lasting: Option<&LastingClaim>,
    ) -> Balance {
        let client = self.client.as_ref();
        // Shares are of the day's own credits.
        let own = lasting.map_or(terms.total, |claim| claim.day);
        Balance {
            allotment: terms.total,
            remaining: account.remaining(terms.total),
            day,
            beside: BesideDay::of(
                client.map(|client| client.balance(account, own)),
                periods_of(account, lasting),
            ),
        }
    }

    /// What is left to `holder`, if its account can be read.
    fn peek(
        &self,
        holder: &AccountHolder,
        now: Timestamp,
        data: &impl SharedData,
    ) -> Option<Balance> {
        let day = holder.data_center.calendar.day(now);
        let account = Ledger::new(data).peek(&holder.key, day.number).ok()?;
        let terms = holder.schedule.at(now);
        let lasting = holder.lasting_claim(terms, day, now);
        let lasting = lasting.as_deref();
        let terms = of_account(terms, &account, lasting);
        Some(self.balance(&account, terms, day, lasting))
    }

    /// A call that costs nothing needs no account. If it has one, its holder is told what is left.
    fn forward_exempt(
        &mut self,
        payer: Payer,
        rule: RuleId,
        now: Timestamp,
        data: &impl SharedData,
    ) -> Verdict {
        let Payer::Holder(holder) = payer else {
            return self.forward(None, Credits::ZERO, rule, None, None);
        };
        let balance = self.peek(&holder, now, data);
        self.forward(Some(holder), Credits::ZERO, rule, balance, None)
    }

    fn forward(
        &mut self,
        holder: Option<Rc<AccountHolder>>,
        cost: Credits,
        rule: RuleId,
        balance: Option<Balance>,
        permit: Option<Permit>,
    ) -> Verdict {
        let enforcement = self.enforcement(holder.as_ref());
        let receipt = Receipt {
            holder,
            rule: Some(rule),
            cost,
            balance,
            outcome: Outcome::Admitted,
            enforcement,
        };
        self.state = State::Decided { receipt, permit };
        let counts = Counts {
            call: Some(Metric::CallsAdmitted),
            charged: cost,
            ..Counts::default()
        };
        Verdict {
            step: Step::Forward,
            counts,
            trouble: None,
            warnings: Vec::new(),
        }
    }

    /// Refuses a call, or forwards it uncharged where refusals are not meant.
    fn refuse(&mut self, reason: Reason, answer: Answer, refused: Refused) -> Verdict {
        let Refused {
            holder,
            rule,
            price,
            at_least,
            balance,
            calls,
            period,
        } = refused;
        let enforcement = self.enforcement(holder.as_ref());
        let enforced = enforcement.refuses();
        let (outcome, call) = if enforced {
            (Outcome::Refused(reason), Metric::CallsRefused(reason))
        } else {
            (Outcome::NotRefused(reason), Metric::CallsNotRefused(reason))
        };
        if let (Some(holder), Some(balance)) = (&holder, &balance) {
            let client = balance.client().map(|client| self.refused_as(client));
            let event = Event::Refused(reason);
            self.worker
                .counts(holder, balance.day.number, client.as_ref(), event);
        }
        let receipt = Receipt {
            holder,
            rule,
            cost: Credits::ZERO,
            balance: balance.clone(),
            outcome,
            enforcement,
        };
        self.state = State::Decided {
            receipt,
            permit: None,
        };
        let directory = self.policy.directory.as_ref();
        let refusal = Refusal {
            reason,
            price,
            at_least,
            balance,
            calls,
            period,
            directory_rests: directory.map(Directory::retry),
            answer,
        };
        let step = if enforced {
            Step::Refuse(Box::new(refusal))
        } else {
            Step::Forward
        };
        let counts = Counts {
            call: Some(call),
            ..Counts::default()
        };
        Verdict {
            step,
            counts,
            trouble: None,
            warnings: Vec::new(),
        }
    }

    /// Refuses a call whose organization is described so that it makes no sense, and says so to operators.
    fn refuse_misdescribed(
        &mut self,
        id: &str,
        holder: Option<&Rc<AccountHolder>>,
        invalid: &InvalidAttributes,
        now: Timestamp,
    ) -> Verdict {
        let about = format!("{id} {}", invalid.attribute());
        let complaint = self.worker.complaints.line(&about, now, || {
            format!("what is stated about {id:?} makes no subscription: {invalid}")
        });
        let reason = Reason::InvalidSubscription;
        let refused = Refused {
            holder: holder.cloned(),
            ..Refused::default()
        };
        let mut verdict = self.refuse(reason, Answer::default(), refused);
        verdict.warnings.extend(complaint);
        verdict
    }

    fn enforcement(&self, holder: Option<&Rc<AccountHolder>>) -> Enforcement {
        holder.map_or(self.policy.enforcement, |holder| holder.enforcement)
    }
}

/// What is known of a call that is refused.
#[derive(Debug, Default)]
struct Refused {
    holder: Option<Rc<AccountHolder>>,
    rule: Option<RuleId>,
    price: Option<Credits>,
    at_least: bool,
    balance: Option<Balance>,
    calls: Option<TooManyCalls>,
    period: Option<ShortPeriod>,
}

impl Verdict {
    /// A verdict that counts nothing.
    fn of(step: Step) -> Self {
        Self {
            step,
            counts: Counts::default(),
            trouble: None,
            warnings: Vec::new(),
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod slot_properties;
#[cfg(test)]
mod tests;
