//! The header fields that tell a client what its call cost and what is left.
//!
//! Clients can never set what the filter reports: the fields are removed from requests and overwritten on responses.

use jiff::Timestamp;
use serde::Deserialize;

use crate::{
    model::{
        decimal::{Decimal, push_number},
        header_name::HeaderName,
        policy_name::PolicyName,
    },
    show::receipt::Receipt,
};

/// What the part of a day that a client may use is called in the IETF fields and in problem details.
pub const CLIENT_POLICY: &str = "client";

/// Which fields every response gets, and under which names; `null` leaves one out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "ResponseHeaders", deny_unknown_fields, default)]
pub struct ResponseHeaders {
    /// What the call cost, in credits.
    pub cost: Option<HeaderName>,
    /// What is left of the day's credits: to the organization, or to the client or in a period that counts credits if that is less.
    pub remaining: Option<HeaderName>,
    /// The IETF field with what is left and the seconds until the reset: `"daily";r=50;t=30`
    /// (draft-ietf-httpapi-ratelimit-headers-10; usually `RateLimit`). Where the client has a cap, a further item tells of it, under the
    /// name `client`, and one of each period in which the organization has a limit, under the period's name; in the next field as well.
    pub ratelimit: Option<HeaderName>,
    /// The IETF field with the day's credits and the length of the day in seconds: `"daily";q=105000;w=86400`
    /// (draft-ietf-httpapi-ratelimit-headers-10; usually `RateLimit-Policy`).
    pub ratelimit_policy: Option<HeaderName>,
    /// What the policy is called in the IETF fields and in problem details.
    pub policy_name: PolicyName,
    /// What the names begin with where the policy is not enforced, such as `Beta-`.
    pub shadow_prefix: Option<HeaderName>,
}

crate::document::json::objects!(ResponseHeaders);

impl Default for ResponseHeaders {
    fn default() -> Self {
        let name = |name| Some(HeaderName::known(name));
        Self {
            cost: name("x-rate-limit-request-weight-v3"),
            remaining: name("x-rate-limit-remaining-v3"),
            ratelimit: None,
            ratelimit_policy: None,
            policy_name: PolicyName::known("daily"),
            shadow_prefix: None,
        }
    }
}

impl ResponseHeaders {
    /// The same fields as they are called where the policy is not enforced.
    #[must_use]
    pub fn in_shadow(&self) -> Self {
        let prefixed = |name: &Option<HeaderName>| {
            let prefix = self
                .shadow_prefix
                .as_ref()
                .map_or("", |prefix| prefix.as_str());
            name.as_ref().map(|name| name.prefixed(prefix))
        };
        Self {
            cost: prefixed(&self.cost),
            remaining: prefixed(&self.remaining),
            ratelimit: prefixed(&self.ratelimit),
            ratelimit_policy: prefixed(&self.ratelimit_policy),
            ..self.clone()
        }
    }

    /// The fields that are sent.
    pub fn names(&self) -> impl Iterator<Item = &HeaderName> {
        [
            &self.cost,
            &self.remaining,
            &self.ratelimit,
            &self.ratelimit_policy,
        ]
        .into_iter()
        .flatten()
    }

    /// Whether a value depends on the time of the response.
    #[must_use]
    pub fn tell_time(&self) -> bool {
        self.ratelimit.is_some()
    }

    /// Tells the fields for `receipt` at `now`, each with its value; `None` where there is nothing to tell, and what an upstream may have
    /// set is to be removed.
    pub fn tell<'a>(
        &'a self,
        receipt: &Receipt,
        now: Timestamp,
        mut tell: impl FnMut(&'a str, Option<&str>),
    ) {
        let policy = self.policy_name.as_str();
        if let Some(name) = &self.cost {
            let cost = receipt.cost.get();
            tell(name.as_str(), Some(Decimal::default().format(cost)));
        }
        let Some(left) = &receipt.balance else {
            let others = [&self.remaining, &self.ratelimit, &self.ratelimit_policy];
            return others
                .into_iter()
                .flatten()
                .for_each(|name| tell(name.as_str(), None));
        };
        let mut decimal = Decimal::default();
        let remaining = decimal.format(left.remaining.get());
        let client = left
            .client()
            .and_then(|client| Some((client.cap?, client.remaining()?)));
        let is_only_of_day = left.beside.is_none();
        if let Some(name) = &self.remaining {
            if is_only_of_day {
                tell(name.as_str(), Some(remaining));
            } else {
                let mut decimal = Decimal::default();
                tell(name.as_str(), Some(decimal.format(left.spendable().get())));
            }
        }
        let mut items = String::new();
        if !left.periods().is_empty() {
            items.reserve(LONGEST_ITEM.saturating_mul(left.periods().len().saturating_add(2)));
        }
        if let Some(name) = &self.ratelimit {
            let resets_in = (";t=", left.resets_in(now).get());
            write_item(&mut items, policy, ";r=", remaining, resets_in);
            if let Some((_, remaining)) = client {
                add_item(&mut items, CLIENT_POLICY, ";r=", remaining.get(), resets_in);
            }
            for period in left.periods() {
                let resets_in = (";t=", period.resets_in(now).get());
                let (name, remaining) = (period.name.as_str(), period.remaining());
                add_item(&mut items, name, ";r=", remaining, resets_in);
            }
            tell(name.as_str(), Some(&items));
        }
        if let Some(name) = &self.ratelimit_policy {
            items.clear();
            let window = (";w=", left.day.length().get());
            let mut decimal = Decimal::default();
            let quota = decimal.format(left.allotment.get());
            write_item(&mut items, policy, ";q=", quota, window);
            if let Some((cap, _)) = client {
                add_item(&mut items, CLIENT_POLICY, ";q=", cap.get(), window);
            }
            for period in left.periods() {
                let window = (";w=", period.length.get());
                add_item(
                    &mut items,
                    period.name.as_str(),
                    ";q=",
                    period.limit,
                    window,
                );
            }
            tell(name.as_str(), Some(&items));
        }
    }
}

/// The longest item of a list, in bytes: a name of 64 bytes and two numbers.
const LONGEST_ITEM: usize = 112;

/// Writes an item of a Structured Fields list behind `items`: a string with two numbers as parameters (RFC 9651, section 3.1). Put together
/// by hand, which takes a third of the instructions that the formatting of the standard library does.
fn write_item(items: &mut String, name: &str, key: &str, first: &str, second: (&str, u64)) {
    items.reserve(LONGEST_ITEM);
    items.push('"');
    items.push_str(name);
    items.push('"');
    items.push_str(key);
    items.push_str(first);
    items.push_str(second.0);
    push_number(items, second.1);
}

/// Writes a further item.
#[inline(never)]
fn add_item(items: &mut String, name: &str, key: &str, first: u64, second: (&str, u64)) {
    let mut decimal = Decimal::default();
    items.push_str(", ");
    write_item(items, name, key, decimal.format(first), second);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{balance::Balance, credits::Credits, day::Calendar, enforcement::Enforcement},
        show::receipt::Outcome,
    };
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn render(headers: &str, left: Option<(u64, u64)>) -> Vec<String> {
        let headers: ResponseHeaders = serde_json::from_str(headers).unwrap();
        let now = "2026-10-25T20:00:00Z".parse().unwrap();
        let day = Calendar::new("Europe/Berlin", "00:00").unwrap().day(now);
        let balance = left.map(|(remaining, allotment)| Balance {
            remaining: Credits::new(remaining).unwrap(),
            allotment: Credits::new(allotment).unwrap(),
            day,
            beside: None,
        });
        let cost = Credits::new(3).unwrap();
        let receipt = Receipt {
            holder: None,
            rule: None,
            cost,
            balance,
            outcome: Outcome::Admitted,
            enforcement: Enforcement::Enforce,
        };
        let mut told = Vec::new();
        headers.tell(&receipt, now, |name, value| {
            told.push(format!("{name}: {}", value.unwrap_or("-")));
        });
        told
    }

    #[test]
    fn the_vendors_fields_are_sent_unless_configured_otherwise() {
        assert_eq!(
            render("{}", Some((97, 100))),
            [
                "x-rate-limit-request-weight-v3: 3",
                "x-rate-limit-remaining-v3: 97"
            ]
        );
    }

    #[test]
    fn the_ietf_fields_tell_the_true_length_of_the_day() {
        let ietf = r#"{"cost":null,"remaining":null,"ratelimit":"RateLimit","ratelimit_policy":"RateLimit-Policy"}"#;
        assert_eq!(
            render(ietf, Some((97, 100))),
            [
                r#"ratelimit: "daily";r=97;t=10800"#,
                r#"ratelimit-policy: "daily";q=100;w=90000"#
            ]
        );
    }

    #[test]
    fn a_call_without_an_account_says_nothing_about_what_is_left() {
        assert_eq!(
            render("{}", None),
            [
                "x-rate-limit-request-weight-v3: 3",
                "x-rate-limit-remaining-v3: -"
            ]
        );
    }

    #[test]
    fn where_the_policy_is_not_enforced_the_fields_may_have_a_prefix() {
        let headers: ResponseHeaders =
            serde_json::from_str(r#"{"shadow_prefix":"Beta-"}"#).unwrap();
        let names: Vec<_> = headers
            .in_shadow()
            .names()
            .map(|name| name.as_str().to_owned())
            .collect();
        assert_eq!(
            names,
            [
                "beta-x-rate-limit-request-weight-v3",
                "beta-x-rate-limit-remaining-v3"
            ]
        );
    }
}
