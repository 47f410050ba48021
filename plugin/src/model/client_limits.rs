//! Client limits: how much of an organization's day one of its clients may use.

use serde::Deserialize;

use crate::{
    document::unique_map::UniqueMap,
    model::{client::ClientId, credits::Credits},
};

/// How much one client may use. Whatever is left out is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "ClientLimit", deny_unknown_fields, default)]
pub struct ClientLimit {
    /// Credits a day.
    pub credits: Option<Credits>,
    /// The same in percent of the organization's day, from 1 to 100. Where both are stated, the lower one counts.
    pub percent: Option<CapPercent>,
    /// How many of its calls may be in progress at the same time, at least 1.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub concurrency: Option<u32>,
}

/// How much the clients of an organization may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(remote = "ClientLimits", deny_unknown_fields, default)]
pub struct ClientLimits {
    /// Each client that is not named.
    pub default: Option<ClientLimit>,
    /// All calls together that state no client; as `default` if left out.
    pub none: Option<ClientLimit>,
    /// All clients together that are too many to be counted apart, or whose names are none; as `default` if left out.
    pub others: Option<ClientLimit>,
    /// Clients by name. These are always counted apart.
    pub named: UniqueMap<ClientId, ClientLimit>,
}

crate::document::json::objects!(ClientLimit, ClientLimits);

/// A share of a day in percent.
///
/// Invariant: from 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub struct CapPercent(u8);

/// A number that is no share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid share {percent}, expected 1 to 100 percent")]
pub struct InvalidCapPercent {
    /// The number.
    pub percent: u64,
}

impl TryFrom<u64> for CapPercent {
    type Error = InvalidCapPercent;

    fn try_from(percent: u64) -> Result<Self, InvalidCapPercent> {
        match u8::try_from(percent) {
            Ok(valid @ 1..=100) => Ok(Self(valid)),
            _ => Err(InvalidCapPercent { percent }),
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for CapPercent {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CapPercent".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "integer", "minimum": 1, "maximum": 100})
    }
}

impl ClientLimit {
    /// The most credits that the client may use of a day of so many; `None` for any amount. A share is rounded down.
    #[must_use]
    pub fn cap(&self, allotment: Credits) -> Option<Credits> {
        let share = self.percent.map(|percent| {
            // At most 10^17, which fits.
            let hundredfold = allotment.get().saturating_mul(u64::from(percent.0));
            Credits::saturating(hundredfold / 100)
        });
        match (self.credits, share) {
            (Some(credits), Some(share)) => Some(credits.min(share)),
            (credits, share) => credits.or(share),
        }
    }

    /// This limit where it says something, `other` where it does not. A cap is one thing, in whatever unit it is stated.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let states_cap = self.credits.is_some() || self.percent.is_some();
        let cap = if states_cap { self } else { other };
        Self {
            credits: cap.credits,
            percent: cap.percent,
            concurrency: self.concurrency.or(other.concurrency),
        }
    }
}

impl ClientLimits {
    /// The limit of `client`, and whether it is named, in an organization with limits of its `own` beside those of all organizations. What
    /// the organization says of a client by name counts more than what is said for all, and a name counts more than what holds for any.
    #[must_use]
    pub fn limit(&self, own: Option<&Self>, client: &ClientId) -> (ClientLimit, bool) {
        let both = || own.into_iter().chain([self]);
        let kind = |limits: &Self| match client {
            id if id.is_none() => limits.none,
            id if id.is_others() => limits.others,
            _ => None,
        };
        let named = both().find_map(|limits| limits.named.get(client.as_str()).copied());
        let limit = named.or_else(|| both().find_map(kind));
        let limit = limit.or_else(|| both().find_map(|limits| limits.default));
        let is_kept = named.is_some() || client.is_none() || client.is_others();
        (limit.unwrap_or_default(), is_kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn limits(json: &str) -> ClientLimits {
        serde_json::from_str(json).unwrap()
    }

    fn cap(own: Option<&str>, all: &str, client: Option<&str>) -> Option<u64> {
        let own = own.map(limits);
        let (limit, _) = limits(all).limit(own.as_ref(), &ClientId::stated(client));
        limit.cap(Credits::new(999).unwrap()).map(Credits::get)
    }

    #[test]
    fn the_lower_of_credits_and_percent_counts_and_a_share_is_rounded_down() {
        assert_eq!(
            cap(None, r#"{"default":{"percent":10}}"#, Some("a")),
            Some(99)
        );
        let both = r#"{"default":{"percent":10,"credits":50}}"#;
        assert_eq!(cap(None, both, Some("a")), Some(50));
        assert_eq!(cap(None, "{}", Some("a")), None);
    }

    #[test]
    fn a_name_counts_more_than_what_holds_for_any_and_the_organization_more_than_all() {
        let all = r#"{"default":{"credits":1},"named":{"a":{"credits":2},"b":{"credits":3}},"none":{"credits":4}}"#;
        let own =
            Some(r#"{"default":{"credits":5},"named":{"a":{"credits":6}},"others":{"credits":7}}"#);
        let of = |own, client| cap(own, all, client);
        assert_eq!(of(None, Some("a")), Some(2));
        assert_eq!(of(None, Some("c")), Some(1));
        assert_eq!(of(None, None), Some(4));
        assert_eq!(of(None, Some("(x")), Some(1));
        assert_eq!(of(own, Some("a")), Some(6));
        assert_eq!(of(own, Some("b")), Some(3));
        assert_eq!(of(own, Some("c")), Some(5));
        assert_eq!(of(own, None), Some(4));
        assert_eq!(of(own, Some("(x")), Some(7));
    }
}
