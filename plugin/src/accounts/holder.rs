//! Account holders: who is charged, and by which terms.

use std::rc::Rc;

use crate::{
    accounts::ledger::AccountKey,
    model::{
        allotment::Allotment, client_limits::ClientLimits, credits::Credits,
        data_center::DataCenter, edition::EditionName, enforcement::Enforcement, plan::Plan,
        terms::Schedule,
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
    /// Whether refusals are meant.
    pub enforcement: Enforcement,
}
