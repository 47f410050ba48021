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
            let hundredfold = allotment.get().wrapping_mul(u64::from(percent.0));
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

/// Limits that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidClientLimits {
    /// A limit that admits no call.
    #[error(
        "`{place}.concurrency` is 0, expected at least 1 call in progress (leave it out for no limit)"
    )]
    NoCalls {
        /// Whose limit: `default`, `none`, `others`, or `named` with a client.
        place: String,
    },
    /// More names than there is room for in a record.
    #[error(
        "{named} clients are named, expected at most {}",
        ClientLimits::MOST_NAMED
    )]
    TooMany {
        /// How many.
        named: usize,
    },
}

impl ClientLimits {
    /// The most clients that limits may name: all of them are in each organization's record once they have called.
    pub const MOST_NAMED: usize = 256;

    /// Looks whether the limits can be.
    ///
    /// # Errors
    /// When one admits no call, or too many clients are named.
    pub fn check(&self) -> Result<(), InvalidClientLimits> {
        let named = self.named.len();
        if named > Self::MOST_NAMED {
            return Err(InvalidClientLimits::TooMany { named });
        }
        let kinds = [
            ("default", &self.default),
            ("none", &self.none),
            ("others", &self.others),
        ];
        let kinds = kinds
            .into_iter()
            .filter_map(|(kind, limit)| Some((kind.to_owned(), limit.as_ref()?)));
        let named = self.named.iter();
        let mut all = kinds.chain(named.map(|(id, limit)| (format!("named.{id}"), limit)));
        match all.find(|(_, limit)| limit.concurrency == Some(0)) {
            Some((place, _)) => Err(InvalidClientLimits::NoCalls { place }),
            None => Ok(()),
        }
    }

    /// The limit of `client`, and whether it is named, in an organization with limits of its `own` beside those of all organizations. What
    /// the organization says of a client by name counts more than what is said for all, and a name counts more than what holds for any.
    #[must_use]
    pub fn limit(&self, own: Option<&Self>, client: &ClientId) -> (ClientLimit, bool) {
        let both = || own.into_iter().chain([self]);
        let named = both().find_map(|limits| {
            let named = &limits.named;
            (!named.is_empty()).then(|| named.get(client.as_str()).copied())?
        });
        let (limit, is_kept) = match client.as_str() {
            ClientId::NONE => (both().find_map(|limits| limits.none), true),
            ClientId::OTHERS => return (self.of_others(own), true),
            _ => (named, named.is_some()),
        };
        let limit = limit.or_else(|| both().find_map(|limits| limits.default));
        (limit.unwrap_or_default(), is_kept)
    }

    /// The limit of all clients together that are not counted apart.
    #[must_use]
    pub fn of_others(&self, own: Option<&Self>) -> ClientLimit {
        let both = || own.into_iter().chain([self]);
        let others = both().find_map(|limits| limits.others);
        let limit = others.or_else(|| both().find_map(|limits| limits.default));
        limit.unwrap_or_default()
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
    fn limits_that_cannot_be_are_told() {
        let error = |json| limits(json).check().unwrap_err().to_string();
        assert_eq!(
            error(r#"{"named":{"a":{"concurrency":0}}}"#),
            "`named.a.concurrency` is 0, expected at least 1 call in progress (leave it out for no limit)"
        );
        let named: Vec<_> = (0..257).map(|id| format!(r#""{id}":{{}}"#)).collect();
        assert_eq!(
            error(&format!(r#"{{"named":{{{}}}}}"#, named.join(","))),
            "257 clients are named, expected at most 256"
        );
        assert_eq!(limits(r#"{"default":{"concurrency":1}}"#).check(), Ok(()));
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
