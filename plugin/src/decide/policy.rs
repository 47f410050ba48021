//! The policy: a configuration that has been found consistent, ready to decide calls.

use std::{collections::HashMap, rc::Rc};

use jiff::Timestamp;

use crate::{
    accounts::{holder::AccountHolder, roster::Roster, slots::Group, subscription::Subscriptions},
    decide::{
        attributes::{AttributeSources, Attributes, Described, InvalidAttributes},
        clients::ClientRules,
    },
    model::{
        day::Seconds, enforcement::Enforcement, header_name::HeaderName, namespace::Namespace,
        organization::OrganizationId, property_path::PropertyPath, reason::Reason,
        refunds::Refunds, spread::BuildSpread,
    },
    outbound::{
        directory::{Directory, Found, WhenDown},
        engine::Engine,
        outbox::Outbox,
        usage_events::UsageEvents,
    },
    pricing::cost_table::CostTable,
    show::{
        access_log::AccessLog,
        overview::Operators,
        refusal::{Answer, Refusals},
        response_headers::ResponseHeaders,
        usage::{answer::Usage, warnings::Thresholds},
    },
};

/// Everything that decides calls.
#[derive(Debug)]
pub struct Policy {
    /// Where a call states its organization.
    pub identity: PropertyPath,
    /// Where a call states facts about its organization.
    pub attributes: Option<AttributeSources>,
    /// Organizations that calls have described.
    pub described: Described,
    /// How the clients of organizations are told apart; `None` where they are not.
    pub clients: Option<ClientRules>,
    /// Where other organizations are looked up.
    pub directory: Option<Directory>,
    /// What organizations can subscribe to.
    pub subscriptions: Subscriptions,
    /// The organizations that are known.
    pub organizations: HashMap<OrganizationId, Rc<AccountHolder>, BuildSpread>,
    /// How calls of other organizations are treated.
    pub strangers: Outsiders,
    /// How calls are treated that state no organization.
    pub anonymous: Outsiders,
    /// What calls cost.
    pub costs: CostTable,
    /// What responses tell.
    pub response_headers: ResponseHeaders,
    /// What responses tell where the policy is not enforced.
    pub shadow_headers: ResponseHeaders,
    /// What access logs can read of a call, beside the receipt.
    pub access_log: AccessLog,
    /// How refusals look.
    pub refusals: Refusals,
    /// Which outcomes are refunded.
    pub refunds: Refunds,
    /// How calls in progress are counted.
    pub concurrency: Concurrency,
    /// Where several proxies share the accounts; `None` where each has its own.
    pub engine: Option<Engine>,
    /// Whether refusals of calls without an account are meant.
    pub enforcement: Enforcement,
    /// Where organizations see what they have used; `None` where they do not.
    pub usage: Option<Usage>,
    /// At which shares of a day's credits is warned.
    pub warnings: Thresholds,
    /// Who is told of warnings, beside the log.
    pub webhook: Option<Outbox>,
    /// Who is told what was charged; `None` where nobody is.
    pub usage_events: Option<UsageEvents>,
    /// Who may look at all organizations; `None` where nobody may.
    pub operators: Option<Operators>,
    /// Which organizations are active, where operators may look at them.
    pub roster: Option<Roster>,
}

/// How calls in progress are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concurrency {
    /// How long a worker's word counts that it does not renew.
    pub lease: Seconds,
    /// The limits of the groups, the first group first.
    pub groups: Vec<GroupLimit>,
}

/// A group of operations with a limit of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupLimit {
    /// Its name.
    pub name: String,
    /// How many of an organization's calls of the group may be in progress.
    pub limit: u32,
}

/// How calls are treated whose organization has no account.
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
    /// Whoever the directory says, which is being asked.
    Awaited(OrganizationId),
    /// Nobody: what is stated about this organization makes no subscription.
    Misdescribed(OrganizationId, InvalidAttributes),
    /// The call is refused.
    Refused(Reason, Answer),
}

impl Payer {
    /// What the payer is called in access logs, as far as it is known.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        match self {
            Self::Holder(holder) => Some(&holder.label),
            Self::Awaited(id) | Self::Misdescribed(id, _) => Some(id.as_str()),
            Self::Nobody | Self::Refused(..) => None,
        }
    }
}

impl Concurrency {
    /// The group called `name` and its limit.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<(Group, u32)> {
        let index = self.groups.iter().position(|group| group.name == name)?;
        let number = u8::try_from(index.checked_add(1)?).ok()?;
        Some((Group(number), self.groups.get(index)?.limit))
    }
}

impl Policy {
    /// What responses tell of a call under `enforcement`.
    #[must_use]
    pub fn headers(&self, enforcement: Enforcement) -> &ResponseHeaders {
        match enforcement {
            Enforcement::Shadow => &self.shadow_headers,
            Enforcement::Enforce | Enforcement::NeverRefuse | Enforcement::Overage(_) => {
                &self.response_headers
            }
        }
    }

    /// Whether it may make calls of its own.
    #[must_use]
    pub fn calls_out(&self) -> bool {
        self.directory.is_some()
            || self.engine.is_some()
            || self.webhook.is_some()
            || self.usage_events.is_some()
    }

    /// When the next day begins for anybody, as seen from `now`: until then, who is allowed what depends on no clock.
    #[must_use]
    pub fn next_day(&self, now: Timestamp) -> Timestamp {
        let subscriptions = &self.subscriptions;
        let all = subscriptions.data_centers.values();
        let all = all.chain([&subscriptions.default_data_center]);
        let ends = all.map(|data_center| data_center.calendar.day(now).end);
        ends.min().unwrap_or(Timestamp::MIN)
    }

    /// The namespace as receipts tell it: not at all where it is the default one.
    #[must_use]
    pub fn told_namespace(&self) -> Option<&str> {
        let namespace = self.subscriptions.namespace.as_str();
        (namespace != Namespace::DEFAULT).then_some(namespace)
    }

    /// The header fields that only the filter may set.
    pub fn reserved_headers(&self) -> impl Iterator<Item = &HeaderName> {
        let plain = self.response_headers.names();
        let shadow = self
            .response_headers
            .shadow_prefix
            .is_some()
            .then(|| self.shadow_headers.names());
        plain.chain(shadow.into_iter().flatten())
    }

    /// Who holds `former`'s account by this policy, if it lists them; as before otherwise.
    #[must_use]
    pub fn successor(&self, former: Rc<AccountHolder>) -> Rc<AccountHolder> {
        let listed = self.organizations.get(former.label.as_str());
        let same = listed.filter(|holder| holder.key == former.key);
        same.map_or(former, Rc::clone)
    }

    /// Who pays for a call at `now` that states `identity`, and these facts about it. What the configuration lists is not described
    /// otherwise, and what a call describes is not looked up.
    #[must_use]
    pub fn payer(
        &self,
        identity: Option<&str>,
        attributes: Option<&Attributes>,
        now: Timestamp,
    ) -> Payer {
        let Some(text) = identity.filter(|id| !id.is_empty()) else {
            return self.anonymous.payer(Reason::NoOrganization);
        };
        // Not what is longer than any id, of which each byte would cost a client less than the proxy.
        let can_be = text.len() <= OrganizationId::MAX_BYTES;
        if can_be && let Some(holder) = self.organizations.get(text) {
            return Payer::Holder(Rc::clone(holder));
        }
        let Ok(id) = OrganizationId::try_from(text.to_owned()) else {
            return Payer::Refused(Reason::InvalidOrganization, Answer::default());
        };
        if let Some(attributes) = attributes {
            match self.described.holder(&id, attributes, &self.subscriptions) {
                Ok(Some(holder)) => return Payer::Holder(holder),
                Ok(None) => {}
                Err(invalid) => return Payer::Misdescribed(id, invalid),
            }
        }
        let stranger = Reason::UnknownOrganization;
        let Some(directory) = &self.directory else {
            return self.strangers.payer(stranger);
        };
        match directory.find(&id, now) {
            Found::Holder(holder) => Payer::Holder(holder),
            Found::Unknown => self.strangers.payer(stranger),
            Found::Awaited => Payer::Awaited(id),
            Found::Down(_, Some(holder)) => Payer::Holder(holder),
            Found::Down(WhenDown::Allow, None) => Payer::Nobody,
            Found::Down(_, None) => Payer::Refused(Reason::DirectoryUnavailable, Answer::default()),
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
