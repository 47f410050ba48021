//! The allotment: the credits that an organization may use in a day.
//!
//! `allotment = base(edition) + variable(edition) x agents + additional`. It is computed once, when the configuration is read, and
//! applied when a call is decided: what is stored is what was used, so another allotment counts from the very next call on.

use crate::model::{credits::Credits, edition::Edition, organization::Organization};

/// The credits of a day, by where they come from.
///
/// Invariant: the total is at most [`Credits::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allotment {
    base: Credits,
    variable: Credits,
    additional: Credits,
    total: Credits,
}

/// Why an organization's allotment cannot be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllotmentError {
    /// More additional credits than the edition sells.
    #[error("{additional} additional credits are more than the edition's maximum of {max}")]
    AdditionalAboveMaximum {
        /// What the organization is said to have bought.
        additional: Credits,
        /// What the edition sells at the most.
        max: Credits,
    },
    /// The sum is more than can be counted.
    #[error("the allotment is more than {} credits", Credits::MAX)]
    TooLarge,
}

impl Allotment {
    /// What `edition` gives `organization` each day.
    ///
    /// # Errors
    /// When the organization has more additional credits than the edition sells, or the sum is more than [`Credits::MAX`].
    pub fn of(organization: &Organization, edition: &Edition) -> Result<Self, AllotmentError> {
        let additional = organization.additional;
        if let Some(max) = edition.additional_max
            && additional > max
        {
            return Err(AllotmentError::AdditionalAboveMaximum { additional, max });
        }
        let base = edition.base;
        let variable = edition
            .per_agent
            .checked_mul(u64::from(organization.agents.get()))
            .ok_or(AllotmentError::TooLarge)?;
        let total = base
            .checked_add(variable)
            .and_then(|sum| sum.checked_add(additional))
            .ok_or(AllotmentError::TooLarge)?;
        Ok(Self {
            base,
            variable,
            additional,
            total,
        })
    }

    /// What `edition` gives to a holder without agents and purchases, such as the account that strangers share.
    #[must_use]
    pub fn base_of(edition: &Edition) -> Self {
        let none = Credits::ZERO;
        Self {
            base: edition.base,
            variable: none,
            additional: none,
            total: edition.base,
        }
    }

    /// The edition's base credits.
    #[must_use]
    pub fn base(&self) -> Credits {
        self.base
    }

    /// The credits for agents.
    #[must_use]
    pub fn variable(&self) -> Credits {
        self.variable
    }

    /// The credits bought on top.
    #[must_use]
    pub fn additional(&self) -> Credits {
        self.additional
    }

    /// All credits of the day.
    #[must_use]
    pub fn total(&self) -> Credits {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn credits(amount: u64) -> Credits {
        Credits::new(amount).unwrap()
    }

    fn allotment(edition: &str, organization: &str) -> Result<u64, AllotmentError> {
        let edition = serde_json::from_str(edition).unwrap();
        let organization = serde_json::from_str(organization).unwrap();
        Allotment::of(&organization, &edition).map(|allotment| allotment.total().get())
    }

    #[test]
    fn the_published_editions_give_the_published_allotments() {
        for (base, per_agent, agents, total) in [
            (5_000, 0, 3, 5_000),           // Free
            (25_000, 100, 5, 25_500),       // Express
            (50_000, 250, 10, 52_500),      // Standard
            (75_000, 500, 12, 81_000),      // Professional
            (100_000, 1_000, 50, 150_000),  // Enterprise
            (100_000, 1_000, 200, 300_000), // Bundle
        ] {
            let edition = format!(r#"{{"base":{base},"per_agent":{per_agent}}}"#);
            let organization = format!(r#"{{"edition":"E","agents":{agents}}}"#);
            assert_eq!(allotment(&edition, &organization), Ok(total));
        }
    }

    #[test]
    fn light_agents_bring_nothing_and_purchases_are_added() {
        assert_eq!(
            allotment(
                r#"{"base":75000,"per_agent":500,"additional_max":20000}"#,
                r#"{"edition":"E","agents":12,"light_agents":100,"additional":20000}"#
            ),
            Ok(101_000)
        );
    }

    #[test]
    fn a_purchase_above_the_editions_maximum_is_an_error() {
        assert_eq!(
            allotment(
                r#"{"base":1,"additional_max":100}"#,
                r#"{"edition":"E","additional":101}"#
            ),
            Err(AllotmentError::AdditionalAboveMaximum {
                additional: credits(101),
                max: credits(100)
            })
        );
    }

    #[test]
    fn an_allotment_that_cannot_be_counted_is_an_error() {
        assert_eq!(
            allotment(
                r#"{"base":999999999999999,"per_agent":1}"#,
                r#"{"edition":"E","agents":1}"#
            ),
            Err(AllotmentError::TooLarge)
        );
        assert_eq!(
            allotment(
                r#"{"base":0,"per_agent":999999999999999}"#,
                r#"{"edition":"E","agents":4294967295}"#
            ),
            Err(AllotmentError::TooLarge)
        );
    }
}
