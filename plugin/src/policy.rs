//! The policy: a configuration that has been found consistent, ready to decide calls.

use std::{collections::HashMap, rc::Rc};

use crate::{
    allotment::Allotment,
    cost_table::CostTable,
    credits::Credits,
    data_center::DataCenter,
    edition::EditionName,
    ledger::AccountKey,
    organization::OrganizationId,
    refusal::{Answer, Format, Reason},
    response_headers::ResponseHeaders,
    subscription::Subscriptions,
    terms::Schedule,
};

/// Everything that decides calls.
#[derive(Debug)]
pub struct Policy {
    /// Where a call states its organization.
    pub identity: Identity,
    /// What organizations can subscribe to.
    pub subscriptions: Subscriptions,
    /// The organizations that are known.
    pub organizations: HashMap<OrganizationId, Rc<AccountHolder>>,
    /// What becomes of the calls of other organizations.
    pub strangers: Outsiders,
    /// What becomes of calls that state no organization.
    pub anonymous: Outsiders,
    /// What calls cost.
    pub costs: CostTable,
    /// What responses tell.
    pub response_headers: ResponseHeaders,
    /// How refusals look.
    pub refusals: Format,
}

/// Where an authentication filter has put the organization's id: the path of a Proxy-Wasm property.
///
/// A header is read as the property `request.headers.<name>`, because Envoy joins the values of a header that is given twice there,
/// while the header hostcall returns the first alone: a client that states two organizations must not choose which of them pays.
///
/// Invariant: at least one segment, none empty and none with a NUL, which separates them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity(String);

impl Identity {
    /// The property at `path`, `None` if the path is empty or one of its segments is or holds a NUL.
    #[must_use]
    pub fn new(path: &[String]) -> Option<Self> {
        let usable = |segment: &String| !segment.is_empty() && !segment.contains('\0');
        (!path.is_empty() && path.iter().all(usable)).then(|| Self(path.join("\0")))
    }

    /// The path as hosts read it, with NUL between the segments.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0
    }
}

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
    /// The calls a day that it was allowed under the old model.
    pub legacy_limit: Option<Credits>,
    /// Under which model its calls are counted, and when.
    pub schedule: Schedule,
    /// Where its days are counted.
    pub data_center: Rc<DataCenter>,
}

/// What becomes of calls whose organization has no account.
#[derive(Clone, Debug)]
pub enum Outsiders {
    /// They are refused.
    Refuse(Answer),
    /// They are charged to one account.
    Share(Rc<AccountHolder>),
    /// They are forwarded and charged to nobody.
    Allow,
}

/// Who pays for a call.
#[derive(Clone, Debug)]
pub enum Payer {
    /// This account.
    Holder(Rc<AccountHolder>),
    /// Nobody: the call is forwarded without being counted.
    Nobody,
    /// The call is refused.
    Refused(Reason, Answer),
}

impl Policy {
    /// Who pays for a call that states `identity`.
    #[must_use]
    pub fn payer(&self, identity: Option<&str>) -> Payer {
        let Some(id) = identity.filter(|id| !id.is_empty()) else {
            return self.anonymous.payer(Reason::NoOrganization);
        };
        if !OrganizationId::is_valid(id) {
            return Payer::Refused(Reason::InvalidOrganization, Answer::default());
        }
        match self.organizations.get(id) {
            Some(holder) => Payer::Holder(Rc::clone(holder)),
            None => self.strangers.payer(Reason::UnknownOrganization),
        }
    }
}

impl Outsiders {
    fn payer(&self, reason: Reason) -> Payer {
        match self {
            Self::Refuse(answer) => Payer::Refused(reason, answer.clone()),
            Self::Share(holder) => Payer::Holder(Rc::clone(holder)),
            Self::Allow => Payer::Nobody,
        }
    }
}
