//! Clients of an organization: who calls, and how much it may use.

use crate::{
    accounts::{
        account::{Account, ChargedClient, ClientAccount, ClientClaim, ClientTerms},
        holder::AccountHolder,
    },
    decide::attributes::InvalidAttributes,
    model::{
        client::{ClientBalance, ClientId},
        client_limits::{CapPercent, ClientLimit, ClientLimits},
        credits::Credits,
        enforcement::Enforcement,
        property_path::PropertyPath,
    },
};

/// How the clients of organizations are told apart and limited.
#[derive(Clone, Debug)]
pub struct ClientRules {
    /// Where a call states its client.
    pub identity: PropertyPath,
    /// How much clients may use.
    pub limits: ClientLimits,
    /// Where a call states how much its client may use.
    pub attributes: ClientSources,
    /// How many clients of an organization are counted apart on a day that no limit names.
    pub most: usize,
}

/// Where a call states how much its client may use.
#[derive(Clone, Debug, Default)]
pub struct ClientSources {
    /// Credits a day.
    pub credits: Option<PropertyPath>,
    /// The same in percent of the organization's day.
    pub percent: Option<PropertyPath>,
    /// Calls in progress.
    pub concurrency: Option<PropertyPath>,
}

/// What a call states of its client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatedClient {
    /// Its id.
    pub id: Option<String>,
    /// The credits a day that it may use.
    pub credits: Option<String>,
    /// The same in percent of the organization's day.
    pub percent: Option<String>,
    /// How many of its calls may be in progress.
    pub concurrency: Option<String>,
}

/// Who calls, and how much it may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Who.
    pub id: ClientId,
    /// What the call stated of that.
    pub stated: ClientLimit,
    /// How much it may use.
    pub limit: ClientLimit,
    /// How much it may use with all others that are not counted apart.
    pub others: ClientLimit,
    /// Whether it is counted apart however many clients there are.
    pub kept: bool,
    /// How many clients are counted apart that are not kept.
    pub most: usize,
    /// Whether limits are meant for its organization.
    pub enforced: bool,
}

impl StatedClient {
    /// How much the client may use, as far as the call says.
    fn limit(&self) -> Result<ClientLimit, InvalidAttributes> {
        let number = |attribute, value: &Option<String>, expected| {
            let text = value
                .as_deref()
                .map(str::trim)
                .filter(|text| !text.is_empty());
            let invalid = |text: &str| InvalidAttributes::OutOfRange {
                attribute,
                value: text.to_owned(),
                expected,
            };
            text.map(|text| text.parse::<u64>().map_err(|_| invalid(text)))
                .transpose()
        };
        let credits = number(
            "clients.attributes.credits",
            &self.credits,
            "a whole number",
        )?;
        let (name, expected) = ("clients.attributes.percent", "a whole number from 1 to 100");
        let percent = number(name, &self.percent, expected)?.map(CapPercent::try_from);
        let percent = percent
            .transpose()
            .map_err(|invalid| InvalidAttributes::OutOfRange {
                attribute: name,
                value: invalid.percent.to_string(),
                expected,
            })?;
        let (name, expected) = (
            "clients.attributes.concurrency",
            "a whole number, at least 1",
        );
        let concurrency = match number(name, &self.concurrency, expected)? {
            Some(0) => {
                return Err(InvalidAttributes::OutOfRange {
                    attribute: name,
                    value: "0".to_owned(),
                    expected,
                });
            }
            calls => calls.map(|calls| u32::try_from(calls).unwrap_or(u32::MAX)),
        };
        Ok(ClientLimit {
            credits: credits.map(Credits::saturating),
            percent,
            concurrency,
        })
    }
}

impl ClientRules {
    /// The client of a call of `holder` that states this.
    ///
    /// # Errors
    /// When what it states of a limit is none.
    pub fn client(
        &self,
        stated: &StatedClient,
        holder: &AccountHolder,
    ) -> Result<Client, InvalidAttributes> {
        let id = ClientId::stated(stated.id.as_deref());
        // What is stated of one client is not for all that share a limit.
        let stated = if id.is_others() {
            ClientLimit::default()
        } else {
            stated.limit()?
        };
        Ok(self.limited(id, stated, holder))
    }

    /// The client, of which a call has stated this limit, as a client of `holder`.
    #[must_use]
    pub fn limited(&self, id: ClientId, stated: ClientLimit, holder: &AccountHolder) -> Client {
        let own = holder.client_limits.as_deref();
        let (limit, kept) = self.limits.limit(own, &id);
        Client {
            id,
            stated,
            limit: stated.or(limit),
            others: self.limits.of_others(own),
            kept,
            most: self.most,
            enforced: holder.enforcement != Enforcement::NeverRefuse,
        }
    }
}

impl Client {
    /// What is asked of an account for the client, of a day of so many credits; its slots come later.
    #[must_use]
    pub fn claim(&self, allotment: Credits) -> ClientClaim {
        let terms = |limit: &ClientLimit| ClientTerms {
            cap: limit.cap(allotment).filter(|_| self.enforced),
            slot: None,
        };
        ClientClaim {
            id: self.id.clone(),
            kept: self.kept,
            most: self.most,
            own: terms(&self.limit),
            others: terms(&self.others),
        }
    }

    /// What the client has used of what it may use, in `account` on a day of so many credits.
    #[must_use]
    pub fn balance(&self, account: &Account, allotment: Credits) -> ClientBalance {
        let (charged, known) = account.counted(&self.claim(allotment));
        of(charged, &known.unwrap_or_default())
    }
}

/// What is left to a client that was charged.
#[must_use]
pub fn of(charged: ChargedClient, account: &ClientAccount) -> ClientBalance {
    ClientBalance {
        id: charged.id,
        cap: charged.cap,
        used: account.used,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn stated(credits: &str, percent: &str, concurrency: &str) -> Result<ClientLimit, String> {
        let some = |text: &str| Some(text.to_owned());
        let stated = StatedClient {
            id: None,
            credits: some(credits),
            percent: some(percent),
            concurrency: some(concurrency),
        };
        stated.limit().map_err(|error| error.to_string())
    }

    #[test]
    fn a_call_may_state_what_its_client_may_use() {
        assert_eq!(stated("", "", ""), Ok(ClientLimit::default()));
        let limit = stated(" 50 ", "20", "3").unwrap();
        assert_eq!(limit.credits, Credits::new(50));
        assert_eq!(limit.concurrency, Some(3));
        let hundred = Credits::new(100).unwrap();
        assert_eq!(limit.cap(hundred), Credits::new(20));
    }

    #[test]
    fn what_is_no_limit_is_said() {
        assert_eq!(
            stated("many", "", "").unwrap_err(),
            r#"clients.attributes.credits is "many", expected a whole number"#
        );
        assert_eq!(
            stated("", "0", "").unwrap_err(),
            r#"clients.attributes.percent is "0", expected a whole number from 1 to 100"#
        );
        assert_eq!(
            stated("", "", "0").unwrap_err(),
            r#"clients.attributes.concurrency is "0", expected a whole number, at least 1"#
        );
    }
}
