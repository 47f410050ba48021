//! Looking: a request for usage details is answered from the account of the organization that asks, and changes nothing.

use std::rc::Rc;

use jiff::Timestamp;

use super::{
    Meter, Refused, RequestHead, State, Step, Verdict,
    charging::{of_account, periods_of},
};
use crate::{
    accounts::{
        account::{Account, Clients, LastingClaim},
        holder::AccountHolder,
        lasting_terms::purchase_id,
        ledger::{Ledger, SharedData},
    },
    decide::policy::Payer,
    model::{
        balance::{Balance, BesideDay},
        client::{ClientBalance, ClientId},
        credits::Credits,
        data_center::DEFAULT_NAME,
        day::Seconds,
        enforcement::Enforcement,
        purchase::{NamedPurchase, PurchaseBalance},
        reason::Reason,
    },
    show::{
        metrics::Counts,
        receipt::{Outcome, Receipt},
        refusal::Answer,
        usage::{
            answer::{Request, Resource},
            details::{Concurrency, Details, Elsewhere, Facts},
        },
    },
};

impl Meter {
    /// Answers a request for usage details, for the organization that asks and free of charge. Who has no account is refused.
    pub fn on_usage_request(
        &mut self,
        resource: Resource<'_>,
        request: &Request<'_>,
        head: RequestHead<'_>,
        now: Timestamp,
        data: &impl SharedData,
    ) -> Verdict {
        let holder = match self.policy.payer(head.identity, head.attributes, now) {
            Payer::Holder(holder) => holder,
            Payer::Refused(reason, answer) => {
                return self.refuse(reason, answer, Refused::default());
            }
            Payer::Misdescribed(organization, invalid) => {
                return self.refuse_misdescribed(organization.as_str(), None, &invalid, now);
            }
            Payer::Awaited(organization) => {
                return Verdict::of(Step::HoldForDirectory(organization));
            }
            Payer::Nobody => {
                let reason = match head.identity {
                    None | Some("") => Reason::NoOrganization,
                    Some(_) => Reason::DirectoryUnavailable,
                };
                return self.refuse(reason, Answer::default(), Refused::default());
            }
        };
        if self.is_to_be_heard(&holder, now, data) {
            return self.hold_for_engine(&holder.key, now);
        }
        let Some(details) = self.details(&holder, now, data) else {
            let refused = Refused {
                holder: Some(holder),
                ..Refused::default()
            };
            return self.refuse(Reason::AccountUnavailable, Answer::default(), refused);
        };
        let Some(usage) = &self.policy.usage else {
            return Verdict::of(Step::Forward);
        };
        let answer = usage.answer(resource, request, &details, &self.policy.costs);
        let balance = Balance {
            allotment: details.total,
            remaining: details.remaining,
            day: holder.data_center.calendar.day(now),
            beside: BesideDay::of(None, details.period_balances()),
        };
        let enforcement = holder.enforcement;
        let receipt = Receipt {
            holder: Some(holder),
            rule: None,
            cost: Credits::ZERO,
            balance: Some(balance),
            outcome: Outcome::Answered,
            enforcement,
        };
        self.state = State::Decided {
            receipt,
            permit: None,
        };
        Verdict {
            step: Step::Answer(Box::new(answer)),
            counts: Counts::default(),
            trouble: None,
            warnings: Vec::new(),
        }
    }

    /// Whether the engine is asked before `holder` is shown its account.
    fn is_to_be_heard(
        &self,
        holder: &Rc<AccountHolder>,
        now: Timestamp,
        data: &impl SharedData,
    ) -> bool {
        let Some(engine) = &self.policy.engine else {
            return false;
        };
        let account = Ledger::new(data).peek(&holder.key, holder.day(now).number);
        account.is_ok_and(|account| engine.must_be_heard(holder, &account, self.waits_until, now))
    }

    /// Everything that `holder` is shown of its day; `None` if its account cannot be read.
    fn details(
        &self,
        holder: &AccountHolder,
        now: Timestamp,
        data: &impl SharedData,
    ) -> Option<Details> {
        let day = holder.data_center.calendar.day(now);
        let account = Ledger::new(data).peek(&holder.key, day.number).ok()?;
        let terms = holder.schedule.at(now);
        let lasting = holder.lasting_claim(terms, day, now);
        let lasting = lasting.as_deref();
        let data_center = holder.data_center.name.as_str();
        let lease = self.policy.concurrency.lease;
        let facts = Facts {
            organization: &holder.label,
            edition: holder.edition.as_str(),
            data_center: (data_center != DEFAULT_NAME).then_some(data_center),
            plan: holder.plan,
            allotment: holder.allotment,
            terms: of_account(terms, &account, lasting),
            purchases: purchases(holder, &account, lasting),
            purchased: lasting.map_or(Credits::ZERO, |claim| account.purchased(claim)),
            periods: periods_of(&account, lasting),
            legacy_limit: holder.legacy_limit,
            used: account.used_by_all(),
            elsewhere: self
                .policy
                .engine
                .as_ref()
                .and_then(|_| elsewhere(&account, now)),
            day,
            time_zone: holder.data_center.calendar.time_zone(),
            now,
            concurrency: holder.concurrency.map(|limit| Concurrency {
                limit,
                in_progress: in_progress(&account, lease, now),
            }),
            enforced: holder.enforcement.refuses(),
            clients: self.clients(holder, &account, now),
        };
        let (statistics, history) = self.worker.history(&holder.key, day.number, data);
        Some(Details::new(
            &facts,
            &statistics,
            &history,
            self.policy.costs.rule_names(),
        ))
    }
}

impl Meter {
    /// The clients of `holder` by its account, each with its cap; `None` where clients are not told apart.
    fn clients(
        &self,
        holder: &AccountHolder,
        account: &Account,
        now: Timestamp,
    ) -> Option<Vec<ClientBalance>> {
        let rules = self.policy.clients.as_ref()?;
        let allotment = holder.schedule.at(now).total;
        let limits = holder.client_limits.as_deref();
        let known = account.clients().into_iter().flat_map(Clients::iter);
        let balances = known.map(|(id, client)| {
            let id = ClientId::recorded(id);
            let (limit, _) = rules.limits.limit(limits, &id);
            // What calls state of a cap is known of them alone.
            let stated = &rules.attributes;
            let limited = holder.enforcement != Enforcement::NeverRefuse
                && stated.credits.is_none()
                && stated.percent.is_none();
            ClientBalance {
                cap: limit.cap(allotment).filter(|_| limited),
                used: client.used,
                id,
            }
        });
        Some(balances.collect())
    }
}

/// What was used of each purchase of `holder`.
fn purchases(
    holder: &AccountHolder,
    account: &Account,
    claim: Option<&LastingClaim>,
) -> Vec<PurchaseBalance> {
    let all = holder
        .lasting
        .iter()
        .flat_map(|lasting| lasting.purchases().iter());
    let balances = all.map(|NamedPurchase { name, purchase }| {
        let id = purchase_id(name);
        let known = account.lasting().map(|lasting| lasting.purchase(id));
        let usable = claim.into_iter().flat_map(|claim| &claim.purchases);
        PurchaseBalance {
            name: name.clone(),
            purchase: *purchase,
            used: known.map_or(Credits::ZERO, |known| known.used()),
            is_usable: usable.into_iter().any(|usable| usable.id == id),
        }
    });
    balances.collect()
}

/// What is known of other proxies that share the account's day.
fn elsewhere(account: &Account, now: Timestamp) -> Option<Elsewhere> {
    let lease = account.lease()?;
    let heard = lease.heard > 0;
    Some(Elsewhere {
        used: lease.others_used,
        reserved: account.reserved_elsewhere(),
        age: heard.then(|| {
            Seconds::new(
                lease
                    .heard_at
                    .age(now)
                    .as_millis()
                    .div_ceil(1_000)
                    .try_into()
                    .unwrap_or(u64::MAX),
            )
        }),
    })
}

/// The calls in progress: those served here, and as many as other proxies may.
pub(in crate::decide) fn in_progress(account: &Account, lease: Seconds, now: Timestamp) -> u32 {
    let others = account.lease().map_or(0, |lease| lease.others_share);
    let here = account.slots().in_progress(lease, now);
    here.saturating_add(u32::from(others))
}
