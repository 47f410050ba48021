//! Account holders: who is charged, and by which terms.

use std::rc::Rc;

use jiff::Timestamp;

use crate::{
    accounts::{
        account::LastingClaim,
        lasting_terms::LastingTerms,
        ledger::{AccountKey, Ledger, SharedData},
    },
    model::{
        allotment::Allotment,
        client_limits::ClientLimits,
        credits::Credits,
        data_center::DataCenter,
        day::Day,
        edition::EditionName,
        enforcement::Enforcement,
        plan::Plan,
        terms::{Schedule, Terms},
    },
};

/// Whoever has an account: an organization, or callers that share one.
#[derive(Debug)]
pub struct AccountHolder {
    /// What it is called in access logs: the organization's id, or `strangers`, or `anonymous`.
    pub label: String,
    /// Where its account is.
    pub key: AccountKey,
    /// The edition that gives it its credits.
    pub edition: EditionName,
    /// The credits of a day that its edition, agents and purchases give.
    pub allotment: Allotment,
    /// What its credits follow from.
    pub plan: Plan,
    /// The calls a day that it was allowed under the old model.
    pub legacy_limit: Option<Credits>,
    /// Under which model its calls are counted, and when.
    pub schedule: Schedule,
    /// Where its days are counted.
    pub data_center: Rc<DataCenter>,
    /// How many of its calls may be in progress; `None` for any number.
    pub concurrency: Option<u32>,
    /// How much its clients may use, in place of what holds for all organizations.
    pub client_limits: Option<Box<ClientLimits>>,
    /// Its limits in periods and its purchases; `None` where it has neither.
    pub lasting: Option<Box<LastingTerms>>,
    /// Whether refusals are meant.
    pub enforcement: Enforcement,
}

impl AccountHolder {
    /// The terms at `now` with what purchases add to the day, by its account. The account is read only where there are purchases or periods.
    #[must_use]
    pub fn terms_by_account(&self, now: Timestamp, data: &impl SharedData) -> Terms {
        let (terms, day) = (self.schedule.at(now), self.day(now));
        let Some(claim) = self.lasting_claim(terms, day, now) else {
            return terms;
        };
        let account = Ledger::new(data).peek(&self.key, day.number);
        account.map_or(terms, |account| {
            terms.with_purchased(account.purchased(&claim))
        })
    }

    /// What a call at `now`, on this day and under these terms of it, asks of periods and purchases; `None` where there are neither.
    #[must_use]
    pub fn lasting_claim(
        &self,
        terms: Terms,
        day: Day,
        now: Timestamp,
    ) -> Option<Rc<LastingClaim>> {
        let lasting = self.lasting.as_deref()?;
        let enforced = self.enforcement != Enforcement::NeverRefuse;
        let calendar = &self.data_center.calendar;
        Some(Rc::new(lasting.claim(terms, day, calendar, now, enforced)))
    }
}
