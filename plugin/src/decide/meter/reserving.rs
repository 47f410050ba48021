//! Reserving: how a call is decided that the credits reserved here cannot pay for, where several proxies share accounts.

use std::rc::Rc;

use jiff::Timestamp;

use super::{
    Meter, Refused, Step, Verdict,
    charging::{Attempt, of_account},
};
use crate::{
    accounts::{
        account::{Account, Ceiling, NotAdmitted},
        holder::AccountHolder,
        ledger::{AccountKey, Posted},
        slots::{CallsOf, Claim, TooManyCalls},
    },
    model::{credits::Credits, day::after, reason::Reason, terms::Terms},
    outbound::engine::{EngineFallback, Short},
    show::refusal::Answer,
};

impl Meter {
    /// Until when the call waits for the engine, if it did have to wait.
    #[must_use]
    pub fn waits_until(&self) -> Option<Timestamp> {
        self.waits_until
    }

    /// How far `holder`'s account may be used here.
    pub(super) fn ceiling(&self, holder: &AccountHolder, terms: Terms) -> Ceiling {
        self.policy
            .engine
            .as_ref()
            .map_or(Ceiling::Allotment, |engine| {
                engine.ceiling(terms.most(), holder.concurrency)
            })
    }

    /// How a call is decided that its account has declined, as far as it might be used under `ceiling`.
    pub(super) fn fallback(
        &self,
        attempt: &Attempt,
        ceiling: Ceiling,
        declined: NotAdmitted,
        now: Timestamp,
    ) -> EngineFallback {
        let (Some(engine), Some(account), Ceiling::Lease) =
            (&self.policy.engine, &attempt.seen, ceiling)
        else {
            return EngineFallback::Refuse;
        };
        // What a client may use, and what may be used in a period, is counted here.
        let is_counted_here = match declined {
            NotAdmitted::Client(_) | NotAdmitted::Period(_) => true,
            NotAdmitted::TooMany(calls) => calls.of == CallsOf::Client,
            NotAdmitted::Insufficient(_) => false,
        };
        if is_counted_here {
            return EngineFallback::Refuse;
        }
        let short = Short {
            holder: &attempt.holder,
            account,
            cost: attempt.charge.cost,
            allotment: attempt.terms.most(),
            claim: attempt.claim.as_ref(),
            lacks_credits: matches!(declined, NotAdmitted::Insufficient(_)),
            waits_until: self.waits_until,
        };
        engine.fallback(short, now)
    }

    /// Holds a call until the engine has answered. However often it is held, it waits for one deadline in all.
    pub(super) fn hold_for_engine(&mut self, key: &AccountKey, now: Timestamp) -> Verdict {
        let deadline = self.policy.engine.as_ref().map(|engine| engine.deadline());
        let until = after(now, deadline.unwrap_or_default());
        self.waits_until.get_or_insert(until);
        Verdict::of(Step::HoldForEngine(key.clone()))
    }

    /// Refuses a call because the engine gives no usable answer.
    pub(super) fn refuse_unavailable(&mut self, attempt: Attempt) -> Verdict {
        let Attempt {
            holder,
            charge,
            terms,
            day,
            seen,
            lasting,
            ..
        } = attempt;
        let lasting = lasting.as_deref();
        let balance = seen.map(|account| {
            let terms = of_account(terms, &account, lasting);
            self.balance(&account, terms, day, lasting)
        });
        let refused = Refused {
            holder: Some(holder),
            rule: Some(charge.rule),
            price: Some(charge.cost),
            balance,
            ..Refused::default()
        };
        self.refuse(Reason::EngineUnavailable, Answer::default(), refused)
    }

    /// Lets the engine know what an account was charged.
    pub(super) fn tell_engine(
        &self,
        holder: &Rc<AccountHolder>,
        posted: &Posted,
        allotment: Option<Credits>,
        now: Timestamp,
    ) {
        let Some(engine) = &self.policy.engine else {
            return;
        };
        if let Some(former) = &posted.former {
            engine.closes(holder, (**former).clone());
        }
        engine.charged(holder, &posted.after, allotment, now);
    }
}

/// The calls in progress on all proxies, and how many there may be. The account knows what there may be here.
pub(super) fn shown(
    calls: TooManyCalls,
    claim: Option<&Claim>,
    account: Option<&Account>,
) -> TooManyCalls {
    let limit = claim.and_then(|claim| claim.limits.all);
    let lease = account.and_then(Account::lease);
    match (limit, lease) {
        (Some(limit), Some(lease)) if calls.of == CallsOf::Organization => {
            let others = u32::from(lease.others_share);
            TooManyCalls {
                in_progress: calls.in_progress.saturating_add(others).min(limit),
                limit,
                ..calls
            }
        }
        _ => calls,
    }
}
