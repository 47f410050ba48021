//! Attributes: organizations that an authentication filter describes with each call, in headers or in the claims of a token.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use crate::{
    accounts::{
        holder::AccountHolder,
        subscription::{SubscriptionError, Subscriptions},
    },
    document::json::cut,
    model::{
        agents::Agents,
        edition::EditionName,
        organization::{Organization, OrganizationId},
        property_path::PropertyPath,
    },
};

/// Where the facts about the organization of a call are stated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeSources {
    /// The edition. An organization is described if this is.
    pub edition: PropertyPath,
    /// The number of agents.
    pub agents: Option<PropertyPath>,
    /// The additional credits.
    pub additional: Option<PropertyPath>,
    /// The data centre.
    pub data_center: Option<PropertyPath>,
}

/// The facts that a call states about its organization.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// The edition; without it, nothing is stated.
    pub edition: Option<String>,
    /// The number of agents.
    pub agents: Option<String>,
    /// The additional credits.
    pub additional: Option<String>,
    /// The data centre.
    pub data_center: Option<String>,
}

/// Facts that make no organization.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAttributes {
    /// Not a number where one is expected.
    #[error("{attribute} is {value:?}, expected a whole number", value = cut(value))]
    NotANumber {
        /// Which attribute.
        attribute: &'static str,
        /// What it is.
        value: String,
    },
    /// Not what can be stated.
    #[error("{attribute} is {value:?}, expected {expected}", value = cut(value))]
    OutOfRange {
        /// Which attribute.
        attribute: &'static str,
        /// What it is.
        value: String,
        /// What it could be.
        expected: &'static str,
    },
    /// They contradict the configuration.
    #[error(transparent)]
    Contradiction(#[from] SubscriptionError),
}

impl InvalidAttributes {
    /// The attribute that is to be mended.
    #[must_use]
    pub fn attribute(&self) -> &'static str {
        match self {
            Self::NotANumber { attribute, .. } | Self::OutOfRange { attribute, .. } => attribute,
            Self::Contradiction(SubscriptionError::UnknownEdition { .. }) => "edition",
            Self::Contradiction(SubscriptionError::UnknownDataCenter { .. }) => "data_center",
            Self::Contradiction(SubscriptionError::Allotment(_)) => "additional",
            // No call states the limits of all clients, those in periods, or purchases.
            Self::Contradiction(SubscriptionError::Clients(_)) => "clients",
            Self::Contradiction(SubscriptionError::UnknownPeriod { .. }) => "period_limits",
            Self::Contradiction(
                SubscriptionError::Purchases(_) | SubscriptionError::SharedPurchases,
            ) => "purchases",
        }
    }
}

/// The accounts of organizations that were described lately, so that the same description is worked out once.
#[derive(Debug, Default)]
pub struct Described {
    latest: RefCell<HashMap<OrganizationId, (Attributes, Rc<AccountHolder>)>>,
}

impl Attributes {
    /// The organization that is described; `None` if none is.
    ///
    /// # Errors
    /// When a number is none.
    pub fn organization(&self) -> Result<Option<Organization>, InvalidAttributes> {
        let Some(edition) = self
            .edition
            .as_deref()
            .filter(|edition| !edition.is_empty())
        else {
            return Ok(None);
        };
        let number = |attribute, value: &Option<String>| match value.as_deref().map(str::trim) {
            None | Some("") => Ok(0),
            Some(text) => text.parse().map_err(|_| {
                let value = text.to_owned();
                InvalidAttributes::NotANumber { attribute, value }
            }),
        };
        let agents = number("agents", &self.agents)?;
        let additional = number("additional", &self.additional)?;
        Ok(Some(Organization {
            agents: Agents::saturating(agents),
            additional: crate::model::credits::Credits::saturating(additional),
            data_center: self.data_center.clone(),
            ..Organization::of(EditionName::new(edition))
        }))
    }
}

impl Described {
    /// The most descriptions that are kept; beyond them, all are worked out anew.
    const MOST: usize = 4096;

    /// The account of the organization called `id`, as `attributes` describe it; `None` if they do not.
    ///
    /// # Errors
    /// When they make no organization.
    pub fn holder(
        &self,
        id: &OrganizationId,
        attributes: &Attributes,
        subscriptions: &Subscriptions,
    ) -> Result<Option<Rc<AccountHolder>>, InvalidAttributes> {
        if let Some((known, holder)) = self.latest.borrow().get(id)
            && known == attributes
        {
            return Ok(Some(Rc::clone(holder)));
        }
        let Some(organization) = attributes.organization()? else {
            return Ok(None);
        };
        let holder = Rc::new(subscriptions.subscribe(id, &organization)?);
        let mut latest = self.latest.borrow_mut();
        if latest.len() >= Self::MOST {
            latest.clear();
        }
        latest.insert(id.clone(), (attributes.clone(), Rc::clone(&holder)));
        Ok(Some(holder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::policy::Policy;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn policy() -> Policy {
        Policy::from_json(
            br#"{
                "identity": {"header": "o"},
                "attributes": {"edition": {"header": "e"}},
                "editions": {"Pro": {"base": 75000, "per_agent": 500, "additional_max": 100}},
                "data_centers": {"EU": {"time_zone": "Europe/Berlin"}},
                "organizations": {},
                "costs": {"default": 1}
            }"#,
        )
        .unwrap()
    }

    fn stated(
        edition: Option<&str>,
        agents: &str,
        additional: &str,
        data_center: &str,
    ) -> Attributes {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Attributes {
            edition: edition.map(str::to_owned),
            agents: some(agents),
            additional: some(additional),
            data_center: some(data_center),
        }
    }

    fn total(attributes: &Attributes) -> Result<Option<u64>, String> {
        let policy = policy();
        let id = OrganizationId::try_from("7".to_owned()).unwrap();
        let holder = policy
            .described
            .holder(&id, attributes, &policy.subscriptions);
        let total = |holder: Rc<AccountHolder>| holder.allotment.total().get();
        holder
            .map(|holder| holder.map(total))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_description_makes_an_organization() {
        assert_eq!(
            total(&stated(Some("Pro"), "12", "", "EU")),
            Ok(Some(81_000))
        );
        assert_eq!(
            total(&stated(Some("Pro"), " 12 ", "100", "")),
            Ok(Some(81_100))
        );
        assert_eq!(total(&stated(Some("Pro"), "", "", "")), Ok(Some(75_000)));
        assert_eq!(total(&stated(None, "12", "", "")), Ok(None));
    }

    #[test]
    fn what_makes_none_is_said() {
        let error = |attributes: &Attributes| total(attributes).unwrap_err();
        assert_eq!(
            error(&stated(Some("Gold"), "", "", "")),
            r#""Gold": expected one of the `editions`: "Pro""#
        );
        assert_eq!(
            error(&stated(Some("Pro"), "-1", "", "")),
            r#"agents is "-1", expected a whole number"#
        );
        assert_eq!(
            error(&stated(Some("Pro"), "", "101", "")),
            "101 additional credits are more than the edition's maximum of 100"
        );
        assert_eq!(
            error(&stated(Some("Pro"), "", "", "US")),
            r#""US": expected one of the `data_centers`: "EU""#
        );
    }

    #[test]
    fn another_description_counts_from_the_next_call_on() {
        let policy = policy();
        let total = |agents: &str| {
            let id = OrganizationId::try_from("7".to_owned()).unwrap();
            let attributes = stated(Some("Pro"), agents, "", "");
            let holder = policy
                .described
                .holder(&id, &attributes, &policy.subscriptions);
            holder.unwrap().unwrap().allotment.total().get()
        };
        assert_eq!(
            (total("1"), total("1"), total("2"), total("1")),
            (75_500, 75_500, 76_000, 75_500)
        );
    }
}
