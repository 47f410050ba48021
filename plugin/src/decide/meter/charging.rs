//! Charging: how a call with a known price is admitted to its holder's account, by credits and by calls in progress at once.

use std::{cell::RefCell, rc::Rc};

use jiff::Timestamp;

use super::{
    Meter, Refused, State, Step, Verdict, reserving::shown, settlement::Permit,
    warning::with_client_warned,
};
use crate::{
    accounts::{
        account::{
            Account, Admission, Ceiling, ChargedClient, ClientAccount, ClientClaim, CountedAs,
            Lasting, LastingClaim, NotAdmitted,
        },
        holder::AccountHolder,
        ledger::{Ledger, NotPosted, PostingFailure, SharedData},
        slots::{CallsOf, Claim, Group, Limits},
        worker::Held,
    },
    decide::clients,
    model::{
        balance::{Balance, BesideDay},
        client::ClientId,
        credits::Credits,
        day::Day,
        enforcement::Enforcement,
        organization::OrganizationId,
        period_balance::PeriodBalance,
        reason::Reason,
        terms::Terms,
    },
    outbound::engine::EngineFallback,
    pricing::cost_table::{BodyQuote, Charge, RuleId},
    show::{
        refusal::{Answer, ShortPeriod},
        usage::warnings::Told,
    },
};

/// A call that its account did not admit.
pub(super) struct Attempt {
    pub(super) holder: Rc<AccountHolder>,
    pub(super) charge: Charge,
    pub(super) terms: Terms,
    pub(super) day: Day,
    pub(super) claim: Option<Claim>,
    pub(super) client: Option<Box<ClientClaim>>,
    pub(super) lasting: Option<Rc<LastingClaim>>,
    pub(super) aim: Aim,
    /// The account as it declined.
    pub(super) seen: Option<Account>,
}

/// What a call is admitted to an account for.
pub(super) enum Aim {
    /// To go on.
    Charge,
    /// To be held for its body: it takes its slot, and has to be able to pay what it costs at least, but pays when its price is known.
    Hold(Box<BodyQuote>),
}

impl Meter {
    /// Charges a call with a known price, or refuses it.
    pub(super) fn charge(
        &mut self,
        holder: Rc<AccountHolder>,
        charge: Charge,
        now: Timestamp,
        data: &impl SharedData,
    ) -> Verdict {
        self.admit(holder, charge, Aim::Charge, now, data)
    }

    /// Admits a call to `holder`'s account, or refuses it.
    pub(super) fn admit(
        &mut self,
        holder: Rc<AccountHolder>,
        charge: Charge,
        aim: Aim,
        now: Timestamp,
        data: &impl SharedData,
    ) -> Verdict {
        let day = holder.data_center.calendar.day(now);
        let terms = holder.schedule.at(now);
        let charge = Charge {
            cost: terms.model.cost(charge.cost),
            ..charge
        };
        let claim = match self.claim(&holder, charge.rule, now, data) {
            Ok(claim) => claim,
            Err(failure) => return self.refuse_failed(failure, holder, charge),
        };
        let client = match self.client_claim(&holder, terms, now, data) {
            Ok(client) => client,
            Err(failure) => return self.refuse_failed(failure, holder, charge),
        };
        let ceiling = self.ceiling(&holder, terms);
        let lasting = holder.lasting_claim(terms, day, now);
        let attempt = Attempt {
            holder,
            charge,
            terms,
            day,
            claim,
            client,
            lasting,
            aim,
            seen: None,
        };
        self.charge_up_to(ceiling, attempt, now, data)
    }

    /// Admits a call as far as its account may be used here, or refuses it.
    pub(super) fn charge_up_to(
        &mut self,
        ceiling: Ceiling,
        attempt: Attempt,
        now: Timestamp,
        data: &impl SharedData,
    ) -> Verdict {
        let Attempt {
            holder,
            charge,
            terms,
            day,
            claim,
            client,
            lasting,
            aim,
            ..
        } = attempt;
        let enforced = holder.enforcement != Enforcement::NeverRefuse;
        let allotment = enforced.then_some(terms.most());
        let admission = Admission {
            cost: charge.cost,
            allotment,
            slot: claim,
            ceiling,
            client: client.as_deref(),
            lasting: lasting.as_deref(),
        };
        let thresholds = &self.policy.warnings;
        let seen = RefCell::new(None);
        let note = |account: &Account| {
            seen.replace(Some(account.clone()));
        };
        let posting = Ledger::new(data).post_now(&holder.key, day.number, |account| {
            if let Aim::Hold(_) = aim {
                return hold(account, &admission).inspect_err(|_| note(account));
            }
            let charged = account.admit(&admission).inspect_err(|_| note(account))?;
            let used = charged.used_by_all();
            let total = match admission.lasting {
                None => terms.total,
                Some(claim) => of_account(terms, &charged, Some(claim)).total,
            };
            let told = thresholds.told_at(used, total, Told(charged.warned()));
            let charged = charged.with_warned(told.0);
            match admission.client {
                None => Ok(charged),
                Some(claim) => Ok(with_client_warned(charged, claim, thresholds)),
            }
        });
        let mut verdict = match posting.result {
            Ok(posted) => {
                let charged = client.as_deref().map(|claim| posted.after.charged(claim));
                self.begin(&holder, claim, client.as_deref(), charged.as_ref());
                self.tell_engine(&holder, &posted, allotment, now);
                if let Aim::Hold(quote) = aim {
                    self.state = State::Holding { holder, quote };
                    let mut verdict = Verdict::of(Step::HoldForBody);
                    verdict.counts.cas_retries = posting.retries;
                    return verdict;
                }
                let (client, of_client) = charged.unzip();
                let terms = match &lasting {
                    None => terms,
                    Some(claim) => of_account(terms, &posted.after, Some(claim)),
                };
                let told = client.clone().zip(of_client);
                let warnings = self.warnings(&holder, terms, day, &posted, told.as_ref(), now);
                let beside = if told.is_none() && lasting.is_none() {
                    None
                } else {
                    let client = told.map(|(client, known)| clients::of(client, &known));
                    BesideDay::of(client, periods_of(&posted.after, lasting.as_deref()))
                };
                let counted_as = CountedAs::new(client, lasting, &posted.before, &posted.after);
                let permit = Permit {
                    holder: Rc::clone(&holder),
                    counted_as,
                    day: posted.after.day(),
                    charged: charge.cost,
                    allotment,
                    terms,
                    answered: false,
                    states_deadline: self.states_deadline,
                };
                let balance = Some(Balance {
                    beside,
                    allotment: terms.total,
                    remaining: posted.after.remaining(terms.total),
                    day,
                });
                let (before, after) = (&posted.before, &posted.after);
                let overage = terms.overage_between(before.used_by_all(), after.used_by_all());
                let mut verdict = self.forward(
                    Some(holder),
                    charge.cost,
                    charge.rule,
                    balance,
                    Some(permit),
                );
                verdict.counts.overage = overage;
                verdict.counts.warnings = u64::try_from(warnings.len()).unwrap_or(u64::MAX);
                verdict.warnings = warnings;
                verdict
            }
            Err(NotPosted::Declined(declined)) => {
                let attempt = Attempt {
                    holder,
                    charge,
                    terms,
                    day,
                    claim,
                    client,
                    lasting,
                    aim,
                    seen: seen.take(),
                };
                match self.fallback(&attempt, ceiling, declined, now) {
                    EngineFallback::Wait => self.hold_for_engine(&attempt.holder.key, now),
                    EngineFallback::Without(ceiling) => {
                        return self.charge_up_to(ceiling, attempt, now, data);
                    }
                    EngineFallback::Unavailable => self.refuse_unavailable(attempt),
                    EngineFallback::Refuse => self.decline(attempt, declined, now, data),
                }
            }
            Err(NotPosted::Failed(failure)) => self.refuse_failed(failure, holder, charge),
        };
        verdict.counts.cas_retries = posting.retries;
        verdict
    }

    /// Refuses a call that its account declines, unless the directory is to be heard before that.
    fn decline(
        &mut self,
        attempt: Attempt,
        declined: NotAdmitted,
        now: Timestamp,
        data: &impl SharedData,
    ) -> Verdict {
        let Attempt {
            holder,
            charge,
            terms,
            day,
            claim,
            lasting,
            aim,
            seen,
            ..
        } = attempt;
        let lasting = lasting.as_deref();
        let terms = seen
            .as_ref()
            .map_or(terms, |seen| of_account(terms, seen, lasting));
        if !matches!(declined, NotAdmitted::TooMany(_))
            && holder.enforcement.refuses()
            && let Some(organization) = self.must_hear_directory(&holder, now)
        {
            return Verdict::of(Step::HoldForDirectory(organization));
        }
        let balance = match &seen {
            Some(seen) => Some(self.balance(seen, terms, day, lasting)),
            None => self.peek(&holder, now, data),
        };
        let mut period = None;
        let (reason, calls) = match declined {
            NotAdmitted::Period(short) => {
                let known = balance.as_ref().map(Balance::periods);
                let known = known.and_then(|periods| periods.get(short.index));
                period = known.map(|balance| ShortPeriod {
                    balance: balance.clone(),
                    enough_at: short.enough_at,
                });
                match short.enough_at {
                    Some(_) => (Reason::PeriodLimit, None),
                    None => (Reason::ExceedsPeriodLimit, None),
                }
            }
            NotAdmitted::Insufficient(_) if charge.cost > terms.most() => {
                (Reason::ExceedsAllotment, None)
            }
            NotAdmitted::Insufficient(_) => (Reason::DailyCredits, None),
            NotAdmitted::Client(_) => {
                let client = balance.as_ref().and_then(Balance::client);
                let cap = client.and_then(|client| client.cap);
                if cap.is_some_and(|cap| charge.cost > cap) {
                    (Reason::ExceedsClientCredits, None)
                } else {
                    (Reason::ClientCredits, None)
                }
            }
            NotAdmitted::TooMany(calls) => {
                let reason = match calls.of {
                    CallsOf::Client => Reason::ClientTooManyRequests,
                    CallsOf::Organization | CallsOf::Group => Reason::TooManyRequests,
                };
                (reason, Some(shown(calls, claim.as_ref(), seen.as_ref())))
            }
        };
        let warnings = seen.map_or_else(Vec::new, |seen| {
            let seen = (seen.used_by_all(), Told(seen.warned()));
            self.warn_of_refused(&holder, terms, day, seen, now, data)
        });
        let refused = Refused {
            holder: Some(holder),
            rule: Some(charge.rule),
            price: Some(charge.cost),
            at_least: matches!(aim, Aim::Hold(_)),
            balance,
            calls,
            period,
        };
        let answer = match reason {
            Reason::ExceedsAllotment => self.policy.refusals.exceeds_allotment.clone(),
            Reason::ExceedsClientCredits | Reason::ExceedsPeriodLimit => Answer {
                status: self.policy.refusals.exceeds_allotment.status,
                ..Answer::default()
            },
            _ => Answer::default(),
        };
        let mut verdict = self.refuse(reason, answer, refused);
        verdict.counts.warnings = u64::try_from(warnings.len()).unwrap_or(u64::MAX);
        verdict.warnings = warnings;
        verdict
    }

    /// The directory's word that has to be heard before calls of `holder` are refused for want of credits.
    fn must_hear_directory(
        &self,
        holder: &AccountHolder,
        now: Timestamp,
    ) -> Option<OrganizationId> {
        let directory = self.policy.directory.as_ref()?;
        directory.must_be_heard(&holder.label, now)
    }

    /// The call is served, and holds the slots that were claimed until it ends.
    #[inline]
    fn begin(
        &mut self,
        holder: &Rc<AccountHolder>,
        claim: Option<Claim>,
        client: Option<&ClientClaim>,
        charged: Option<&(ChargedClient, ClientAccount)>,
    ) {
        let client = client.zip(charged).and_then(|(client, (charged, _))| {
            let is_counted = client.terms(&charged.id).slot.is_some();
            is_counted.then(|| charged.id.clone())
        });
        let group = claim.map(|claim| claim.group);
        if group.is_none() && client.is_none() {
            return;
        }
        let held = Held {
            holder: Rc::clone(holder),
            group,
            client,
        };
        self.worker.begins(&held);
        self.slot = Some(held);
    }

    /// The group of a rule's calls in progress, and its limit.
    pub(super) fn group(&self, rule: RuleId) -> Option<(Group, u32)> {
        let facts = self.policy.costs.facts(rule)?;
        self.policy.concurrency.group(facts.group.as_ref()?)
    }

    /// The slot that a call asks for; `None` where its calls in progress are not limited, or if it has its slot.
    fn claim(
        &self,
        holder: &AccountHolder,
        rule: RuleId,
        now: Timestamp,
        data: &impl SharedData,
    ) -> Result<Option<Claim>, PostingFailure> {
        let policy = &self.policy;
        if self.slot.is_some() {
            return Ok(None);
        }
        let group = self.group(rule);
        if holder.concurrency.is_none() && group.is_none() {
            return Ok(None);
        }
        let limits = match holder.enforcement {
            Enforcement::NeverRefuse => Limits::default(),
            Enforcement::Enforce | Enforcement::Shadow | Enforcement::Overage(_) => Limits {
                all: holder.concurrency,
                group: group.map(|(_, limit)| limit),
            },
        };
        let group = group.map_or(Group::NONE, |(group, _)| group);
        Ok(Some(Claim {
            worker: self.worker.id(&policy.subscriptions.namespace, data)?,
            group,
            held: self.worker.serves(&holder.key, group),
            limits,
            lease: policy.concurrency.lease,
            now,
        }))
    }

    /// What the call asks for its client; `None` where clients are not told apart.
    fn client_claim(
        &self,
        holder: &AccountHolder,
        terms: Terms,
        now: Timestamp,
        data: &impl SharedData,
    ) -> Result<Option<Box<ClientClaim>>, PostingFailure> {
        let Some(client) = &self.client else {
            return Ok(None);
        };
        let mut claim = Box::new(client.claim(terms.total));
        if self.slot.is_some() {
            return Ok(Some(claim));
        }
        let slot = |id: &str, most: Option<u32>| {
            let Some(most) = most.filter(|_| client.enforced) else {
                return Ok::<_, PostingFailure>(None);
            };
            Ok(Some(Claim {
                worker: self.worker.id(&self.policy.subscriptions.namespace, data)?,
                group: Group::NONE,
                held: self.worker.serves_client(&holder.key, id),
                limits: Limits {
                    all: Some(most),
                    group: None,
                },
                lease: self.policy.concurrency.lease,
                now,
            }))
        };
        claim.own.slot = slot(claim.id.as_str(), client.limit.concurrency)?;
        claim.others.slot = slot(ClientId::OTHERS, client.others.concurrency)?;
        Ok(Some(claim))
    }

    fn refuse_failed(
        &mut self,
        failure: PostingFailure,
        holder: Rc<AccountHolder>,
        charge: Charge,
    ) -> Verdict {
        let reason = match failure {
            PostingFailure::Contended { .. } => Reason::Contended,
            PostingFailure::Unreadable(_) | PostingFailure::Refused(_) => {
                Reason::AccountUnavailable
            }
        };
        let refused = Refused {
            holder: Some(holder),
            rule: Some(charge.rule),
            price: Some(charge.cost),
            ..Refused::default()
        };
        let mut verdict = self.refuse(reason, Answer::default(), refused);
        verdict.trouble = (reason == Reason::AccountUnavailable).then_some(failure);
        verdict
    }
}

/// The terms of a day with what purchases add to it, by the account on that day.
#[inline(never)]
pub(in crate::decide) fn of_account(
    terms: Terms,
    account: &Account,
    lasting: Option<&LastingClaim>,
) -> Terms {
    match lasting {
        Some(claim) => terms.with_purchased(account.purchased(claim)),
        None => terms,
    }
}

/// What is left in periods, by the account.
#[inline(never)]
pub(super) fn periods_of(account: &Account, lasting: Option<&LastingClaim>) -> Vec<PeriodBalance> {
    match (lasting, account.lasting()) {
        (None, _) => Vec::new(),
        (Some(claim), Some(lasting)) => lasting.balances(claim),
        (Some(claim), None) => Lasting::default().balances(claim),
    }
}

/// The account after a call took its slots that has to be able to pay what it costs at least, and pays later.
#[inline(never)]
fn hold(account: &Account, admission: &Admission<'_>) -> Result<Account, NotAdmitted> {
    let client = admission.client.map(ClientClaim::slots_alone);
    let slot_alone = Admission {
        cost: Credits::ZERO,
        allotment: None,
        client: client.as_deref(),
        lasting: None,
        ..*admission
    };
    if !admission.cost.is_zero() {
        account.admit(admission)?;
    }
    account.admit(&slot_alone)
}
