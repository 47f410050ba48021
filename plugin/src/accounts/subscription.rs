//! Subscriptions: what makes the facts about an organization an account.
//!
//! The same rules serve organizations that the configuration lists and those that are learned while calls are served.

use std::{collections::BTreeMap, rc::Rc};

use crate::{
    accounts::{holder::AccountHolder, lasting_terms::LastingTerms, ledger::AccountKey},
    document::{choice::expected_one_of, json::cut, unique_map::UniqueMap},
    model::{
        agents::Agents,
        allotment::{Allotment, AllotmentError},
        client_limits::InvalidClientLimits,
        credits::Credits,
        data_center::DataCenter,
        edition::{Edition, EditionName},
        enforcement::Enforcement,
        namespace::Namespace,
        organization::{Organization, OrganizationId},
        period::Period,
        plan::Plan,
        policy_name::PolicyName,
        purchase::{InvalidPurchases, Purchases},
        scaled_limit::ScaledLimit,
        terms::{Model, Schedule, Standing, Terms},
    },
};

/// The editions and data centres that organizations can be of.
#[derive(Debug)]
pub struct Subscriptions {
    /// Where the accounts are.
    pub namespace: Namespace,
    /// What the editions give.
    pub editions: BTreeMap<EditionName, Edition>,
    /// The data centres by name.
    pub data_centers: BTreeMap<String, Rc<DataCenter>>,
    /// Where organizations are that state no data centre.
    pub default_data_center: Rc<DataCenter>,
    /// Whether refusals are meant where neither organization nor edition says so.
    pub enforcement: Enforcement,
    /// The periods in which there are limits, beside the day.
    pub periods: Vec<Rc<Period>>,
    /// Whether several proxies share the accounts.
    pub is_shared: bool,
}

/// Facts about an organization that contradict each other or the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubscriptionError {
    /// No such edition.
    #[error("{name:?}: {expected}", name = cut(name))]
    UnknownEdition {
        /// The name given.
        name: String,
        /// Which there are, and which one was probably meant.
        expected: String,
    },
    /// No such data centre.
    #[error("{name:?}: {expected}", name = cut(name))]
    UnknownDataCenter {
        /// The name given.
        name: String,
        /// Which there are, and which one was probably meant.
        expected: String,
    },
    /// No such period.
    #[error("{name:?}: {expected}", name = cut(name))]
    UnknownPeriod {
        /// The name given.
        name: String,
        /// Which there are, and which one was probably meant.
        expected: String,
    },
    /// Purchases that cannot be.
    #[error(transparent)]
    Purchases(#[from] InvalidPurchases),
    /// Purchases whose use several proxies would have to count together.
    #[error(
        "what is used of a purchase is counted by each Envoy for itself, expected none where `engine` is set"
    )]
    SharedPurchases,
    /// Limits of clients that cannot be.
    #[error(transparent)]
    Clients(#[from] InvalidClientLimits),
    /// An allotment that cannot be.
    #[error(transparent)]
    Allotment(#[from] AllotmentError),
}

impl Subscriptions {
    /// The account of the organization called `id`, of which the facts are known.
    ///
    /// # Errors
    /// When the facts contradict each other or the configuration.
    pub fn subscribe(
        &self,
        id: &OrganizationId,
        organization: &Organization,
    ) -> Result<AccountHolder, SubscriptionError> {
        let edition = self.edition(&organization.edition)?;
        let data_center = match &organization.data_center {
            None => &self.default_data_center,
            Some(name) => self.data_centers.get(name).ok_or_else(|| {
                let known = self.data_centers.keys().map(String::as_str);
                SubscriptionError::UnknownDataCenter {
                    name: name.clone(),
                    expected: expected_one_of(name, "`data_centers`", known),
                }
            })?,
        };
        let allotment = Allotment::of(organization, edition)?;
        if let Some(limits) = &organization.clients {
            limits.check()?;
        }
        let lasting = self.lasting(organization, edition)?;
        let limit = organization.legacy_limit.or(edition.legacy_limit);
        let legacy_limit = limit.map(|limit| limit.of(organization.agents));
        let standing = Standing {
            credits: allotment.total(),
            legacy_limit,
            paid: edition.paid,
            signed_up: organization
                .signed_up
                .map(|date| data_center.calendar.start_of(date.get())),
        };
        let enforcement = organization.enforcement.or(edition.enforcement);
        let enforcement = enforcement.unwrap_or(self.enforcement);
        Ok(AccountHolder {
            label: id.to_string(),
            key: AccountKey::of(&self.namespace, id),
            edition: organization.edition.clone(),
            allotment,
            plan: Plan {
                agents: Some(organization.agents.get()),
                light_agents: Some(organization.light_agents.get()),
                credits_per_agent: Some(edition.per_agent),
                additional_max: edition.additional_max,
            },
            legacy_limit,
            schedule: Schedule::new(&standing, data_center)
                .with_overage(enforcement.overage_percent()),
            data_center: Rc::clone(data_center),
            concurrency: organization.concurrency.or(edition.concurrency),
            client_limits: organization.clients.clone(),
            lasting,
            enforcement,
        })
    }

    /// The limits of an organization in periods, and its purchases.
    fn lasting(
        &self,
        organization: &Organization,
        edition: &Edition,
    ) -> Result<Option<Box<LastingTerms>>, SubscriptionError> {
        if let Some(unknown) = self.unknown_period(&organization.period_limits) {
            return Err(unknown);
        }
        let purchases = Purchases::new(organization.purchases.iter())?;
        if self.is_shared && !purchases.is_empty() {
            return Err(SubscriptionError::SharedPurchases);
        }
        let limits = self.period_limits(organization.agents, |name| {
            let own = organization.period_limits.get(name);
            own.or_else(|| edition.period_limits.get(name)).copied()
        });
        Ok(LastingTerms::of(limits, purchases))
    }

    /// The limit in each period that has one, of a holder of so many agents for which `stated` says what it is.
    fn period_limits(
        &self,
        agents: Agents,
        stated: impl Fn(&PolicyName) -> Option<ScaledLimit>,
    ) -> Vec<(Rc<Period>, Credits)> {
        let periods = self.periods.iter();
        let limits = periods.filter_map(|period| {
            let limit = stated(&period.name).or(period.limit)?;
            Some((Rc::clone(period), limit.of(agents)))
        });
        limits.collect()
    }

    /// The first name among these limits that no period has.
    #[must_use]
    pub fn unknown_period(
        &self,
        limits: &UniqueMap<PolicyName, ScaledLimit>,
    ) -> Option<SubscriptionError> {
        let known = || self.periods.iter().map(|period| period.name.as_str());
        let (name, _) = limits
            .iter()
            .find(|(name, _)| known().all(|known| known != name.as_str()))?;
        Some(SubscriptionError::UnknownPeriod {
            name: name.to_string(),
            expected: expected_one_of(name.as_str(), "`periods`", known()),
        })
    }

    /// The account that `callers` share, with the base credits of an edition.
    ///
    /// # Errors
    /// When there is no such edition.
    pub fn share(
        &self,
        callers: &str,
        edition: &EditionName,
    ) -> Result<AccountHolder, SubscriptionError> {
        let name = edition;
        let edition = self.edition(name)?;
        let allotment = Allotment::base_of(edition);
        let enforcement = edition.enforcement.unwrap_or(self.enforcement);
        let terms = Terms::new(Model::Credits, allotment.total());
        let terms = terms.with_overage(enforcement.overage_percent());
        Ok(AccountHolder {
            label: callers.to_owned(),
            key: AccountKey::shared(&self.namespace, callers),
            edition: name.clone(),
            allotment,
            plan: Plan::default(),
            legacy_limit: None,
            schedule: Schedule::always(terms),
            data_center: Rc::clone(&self.default_data_center),
            concurrency: edition.concurrency,
            client_limits: None,
            lasting: LastingTerms::of(
                self.period_limits(Agents::default(), |name| {
                    edition.period_limits.get(name).copied()
                }),
                Purchases::default(),
            ),
            enforcement,
        })
    }

    fn edition(&self, name: &EditionName) -> Result<&Edition, SubscriptionError> {
        self.editions.get(name).ok_or_else(|| {
            let known = self.editions.keys().map(EditionName::as_str);
            SubscriptionError::UnknownEdition {
                name: name.to_string(),
                expected: expected_one_of(name.as_str(), "`editions`", known),
            }
        })
    }
}
