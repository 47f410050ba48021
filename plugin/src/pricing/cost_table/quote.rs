//! What a call will cost, as far as its request headers tell.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::RuleId;
use super::alternatives::{Alternatives, ByBody, Cost};
use super::config::Fallback;
use super::members::Members;
use super::price::PerRecord;
use super::records::UnreadableBody;
use crate::model::credits::Credits;

/// The cost of a call and the rule that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The cost in credits.
    pub cost: Credits,
    /// The rule that priced the call.
    pub rule: RuleId,
}

/// What a call will cost. It does not borrow from the table, so it can wait for the body.
#[derive(Clone, Debug)]
pub enum Quote {
    /// The cost is known.
    Known(Charge),
    /// The cost depends on the body: on the records in it, or on other members.
    ByBody(Box<BodyQuote>),
}

/// What a call will cost once its body is known.
#[derive(Clone, Debug)]
pub struct BodyQuote {
    /// What it costs whatever its body.
    at_least: Charge,
    /// More than one only where readings of the call differ.
    prices: Vec<RecordPrice>,
    /// Where the body decides among rules.
    by_body: Option<ByBody>,
    /// Whether the body is what records can be counted in, by what the call says of it.
    is_json: bool,
}

/// A price per record that may apply.
#[derive(Clone, Debug)]
struct RecordPrice {
    rule: RuleId,
    price: Arc<PerRecord>,
    /// How many records the query names.
    in_query: u64,
}

/// Gathers what the readings of a call cost and keeps the most expensive.
#[derive(Debug, Default)]
pub(super) struct Highest {
    known: Option<Charge>,
    prices: Vec<RecordPrice>,
    readings: Vec<Alternatives>,
}

/// What a call says of its body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BodyKind<'h> {
    /// Its `content-type`, all values joined.
    pub content_type: Option<&'h str>,
    /// Its `content-encoding`, all values joined.
    pub content_encoding: Option<&'h str>,
}

impl BodyKind<'_> {
    /// The longest `content-type` that is read, in bytes: honest ones are a fifth of it.
    const LONGEST: usize = 256;

    /// Whether backends read it as JSON in UTF-8. A body that says nothing of itself may be.
    fn is_json(self) -> bool {
        let is_identity = |coding: &str| {
            coding.trim().is_empty() || coding.trim().eq_ignore_ascii_case("identity")
        };
        if !self.content_encoding.is_none_or(is_identity) {
            return false;
        }
        let Some(content_type) = self.content_type else {
            return true;
        };
        if content_type.len() > Self::LONGEST {
            return false;
        }
        let mut parts = content_type
            .split(';')
            .map(|part| part.trim().to_ascii_lowercase());
        let kind = parts.next().unwrap_or_default();
        let is_json = matches!(kind.as_str(), "" | "application/json" | "text/json")
            || (kind.starts_with("application/") && kind.ends_with("+json") && !kind.contains(','));
        let is_utf_8 = |parameter: String| match parameter.split_once('=') {
            // `charset*` is one too (RFC 8187).
            Some((name, charset)) if name.trim_start().starts_with("charset") => {
                matches!(
                    charset.trim().trim_matches('"'),
                    "utf-8" | "utf8" | "us-ascii"
                )
            }
            _ => true,
        };
        is_json && parts.all(is_utf_8)
    }
}

impl Quote {
    /// The rule that prices the call, as far as its request headers tell.
    #[must_use]
    pub fn rule(&self) -> RuleId {
        self.at_least().rule
    }

    /// What the call costs, or costs at least.
    #[must_use]
    pub fn at_least(&self) -> Charge {
        match self {
            Self::Known(charge) => *charge,
            Self::ByBody(quote) => quote.at_least(),
        }
    }

    /// What the call costs without a body.
    #[must_use]
    pub fn without_body(&self) -> Charge {
        match self {
            Self::Known(charge) => *charge,
            Self::ByBody(quote) => quote.without_body(),
        }
    }

    /// What the call costs at most, if its body has no records and is no batch.
    #[must_use]
    pub fn at_most(&self) -> Charge {
        match self {
            Self::Known(charge) => *charge,
            Self::ByBody(quote) => quote.at_most(),
        }
    }

    /// The quote for a call that says this of its body: records are counted in JSON alone.
    #[must_use]
    pub fn with_body(mut self, kind: BodyKind<'_>) -> Self {
        if let Self::ByBody(quote) = &mut self {
            quote.is_json = kind.is_json();
        }
        self
    }
}

impl Charge {
    /// Nothing, said by no rule.
    pub(super) const NOTHING: Self = Self {
        cost: Credits::ZERO,
        rule: RuleId::DEFAULT,
    };

    /// The higher of two charges; of two equal ones, that of a rule rather than the default.
    pub(super) fn or_higher(self, other: Self) -> Self {
        let rank = |charge: Self| (charge.cost, charge.rule != RuleId::DEFAULT);
        if rank(other) > rank(self) {
            other
        } else {
            self
        }
    }
}

impl BodyQuote {
    /// What the call costs at least, whatever its body.
    #[must_use]
    pub fn at_least(&self) -> Charge {
        let by_body = self.by_body.as_ref().map(ByBody::least);
        by_body.map_or(self.at_least, |least| self.at_least.or_higher(least))
    }

    /// What the call costs without a body.
    #[must_use]
    pub fn without_body(&self) -> Charge {
        let by_body = self.by_body.as_ref().map(ByBody::without_body);
        by_body.map_or(self.at_least, |cost| self.at_least.or_higher(cost))
    }

    /// What the call costs at most with a body that has no records and is no batch.
    #[must_use]
    pub fn at_most(&self) -> Charge {
        let by_body = self.by_body.as_ref().map(|by_body| by_body.most(0));
        by_body.map_or(self.at_least, |cost| self.at_least.or_higher(cost))
    }

    /// Whether the body decides by more than its records.
    #[must_use]
    pub fn depends_on_members(&self) -> bool {
        self.by_body.is_some()
    }

    /// The prices that may apply, each as so many credits for each so many records.
    pub fn prices(&self) -> impl Iterator<Item = (Credits, NonZeroU64)> {
        let prices = self.prices.iter();
        let prices = prices.map(|RecordPrice { price, .. }| (price.credits, price.records));
        prices.chain(self.by_body.iter().flat_map(ByBody::prices))
    }

    /// What the call costs with this body; an empty one has no records.
    ///
    /// # Errors
    ///
    /// The records cannot be counted: the configured fallback applies, see [`BodyQuote::fall_back`].
    pub fn settle(&self, body: &[u8]) -> Result<Charge, UnreadableBody> {
        if !self.is_json && !body.is_empty() {
            return Err(UnreadableBody::ContentType);
        }
        let mut highest = self.at_least;
        for RecordPrice {
            rule,
            price,
            in_query,
        } in &self.prices
        {
            highest = highest.or_higher(Charge {
                cost: price.cost(body, *in_query)?,
                rule: *rule,
            });
        }
        match &self.by_body {
            Some(by_body) => Ok(highest.or_higher(by_body.cost(body)?)),
            None => Ok(highest),
        }
    }

    /// What the call costs if its body cannot be read: never less than any that has no records costs. None if it is refused.
    #[must_use]
    pub fn fall_back(&self, fallback: Fallback) -> Option<Charge> {
        match fallback {
            Fallback::Refuse => None,
            Fallback::Charge(cost) => {
                let rule = self
                    .prices
                    .first()
                    .map_or(self.at_least.rule, |price| price.rule);
                Some(self.at_most().or_higher(Charge { cost, rule }))
            }
        }
    }
}

impl Highest {
    /// The call may cost this.
    pub(super) fn add(&mut self, charge: Charge) {
        self.known = Some(self.known.map_or(charge, |known| known.or_higher(charge)));
    }

    /// The call may cost what this rule asks.
    pub(super) fn add_cost(&mut self, rule: RuleId, cost: Cost) {
        match cost {
            Cost::Known(cost) => self.add(Charge { cost, rule }),
            Cost::PerRecord(price, in_query) => self.add_per_record(rule, &price, in_query),
        }
    }

    /// The call may cost this per record, and its query names so many.
    pub(super) fn add_per_record(&mut self, rule: RuleId, price: &Arc<PerRecord>, in_query: u64) {
        self.add(Charge {
            cost: price.cost_of(in_query),
            rule,
        });
        if let Some(known) = self.prices.iter_mut().find(|known| known.rule == rule) {
            known.in_query = known.in_query.max(in_query);
            return;
        }
        self.prices.push(RecordPrice {
            rule,
            price: Arc::clone(price),
            in_query,
        });
    }

    /// The call may fall under these rules, among which its body decides.
    pub(super) fn add_alternatives(&mut self, alternatives: Alternatives) {
        self.readings.push(alternatives);
    }

    /// The most expensive of everything added; nothing added is the default at no cost. `members` are those by which rules are chosen.
    pub(super) fn into_quote(self, members: &Arc<Members>) -> Quote {
        let at_least = self.known.unwrap_or(Charge::NOTHING);
        if self.prices.is_empty() && self.readings.is_empty() {
            return Quote::Known(at_least);
        }
        let by_body = (!self.readings.is_empty()).then(|| ByBody {
            members: Arc::clone(members),
            readings: self.readings,
        });
        Quote::ByBody(Box::new(BodyQuote {
            at_least,
            prices: self.prices,
            by_body,
            is_json: true,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::name::Names;
    use super::super::records::Arrays;
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn charge(cost: u64, rule: u32) -> Charge {
        Charge {
            cost: Credits::new(cost).unwrap(),
            rule: RuleId(rule),
        }
    }

    fn per_record(credits: u64, at_least: u64) -> Arc<PerRecord> {
        let mut arrays = Arrays::default();
        arrays.insert("").unwrap();
        let (credits, at_least) = (Credits::saturating(credits), Credits::saturating(at_least));
        Arc::new(PerRecord {
            arrays,
            names: Names::default(),
            credits,
            records: NonZeroU64::MIN,
            at_least,
        })
    }

    #[test]
    fn the_most_expensive_reading_counts() {
        let mut highest = Highest::default();
        for reading in [charge(1, 0), charge(3, 1), charge(2, 2), charge(3, 3)] {
            highest.add(reading);
        }
        let Quote::Known(known) = highest.into_quote(&Arc::default()) else {
            panic!()
        };
        assert_eq!(known, charge(3, 1));
    }

    #[test]
    fn a_rule_is_named_rather_than_the_default() {
        for order in [[charge(1, 0), charge(1, 4)], [charge(1, 4), charge(1, 0)]] {
            assert_eq!(order[0].or_higher(order[1]), charge(1, 4));
        }
    }

    #[test]
    fn a_known_cost_and_a_price_per_record_are_compared_when_the_body_is_there() {
        let mut highest = Highest::default();
        highest.add(charge(10, 1));
        highest.add_per_record(RuleId(2), &per_record(6, 7), 0);
        highest.add_per_record(RuleId(3), &per_record(4, 30), 0);
        let Quote::ByBody(quote) = highest.into_quote(&Arc::default()) else {
            panic!()
        };
        assert_eq!(quote.at_least(), charge(30, 3));
        assert_eq!(quote.settle(b"[1]").unwrap(), charge(30, 3));
        assert_eq!(quote.settle(b"[1,2,3,4,5,6]").unwrap(), charge(36, 2));
        assert_eq!(quote.settle(b"").unwrap(), charge(30, 3));
        assert_eq!(
            quote.settle(b"{}").unwrap_err().to_string(),
            "invalid type: map, expected an array of records, or null at line 1 column 2"
        );
    }

    #[test]
    fn records_in_the_query_count_too() {
        let mut highest = Highest::default();
        highest.add_per_record(RuleId(2), &per_record(6, 7), 3);
        let Quote::ByBody(quote) = highest.into_quote(&Arc::default()) else {
            panic!()
        };
        assert_eq!(quote.at_least(), charge(18, 2));
        assert_eq!(quote.settle(b"[1,2]").unwrap(), charge(30, 2));
    }

    #[test]
    fn only_json_can_be_counted() {
        let check = |content_type: Option<&str>, content_encoding: Option<&str>, expected: bool| {
            let kind = BodyKind {
                content_type,
                content_encoding,
            };
            assert_eq!(kind.is_json(), expected, "{kind:?}");
        };
        check(None, None, true);
        for json in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "text/json",
            "application/vnd.api+json;v=1",
            "application/json; charset=\"utf8\"",
            "",
        ] {
            check(Some(json), None, true);
        }
        for other in [
            "application/x-www-form-urlencoded",
            "text/plain",
            "multipart/form-data; boundary=a",
            "application/json,text/plain",
            "json",
            "application/json; charset=utf-16",
            "application/json; charset*=utf-7''a",
            "application/json; charset=utf-8; charset=utf-16",
            "application/jsonp",
            "application/x-ndjson",
            "text/x+json",
            "application/a,b+json",
        ] {
            check(Some(other), None, false);
        }
        let long = |length: usize| format!("application/json{}", ";".repeat(length - 16));
        check(Some(&long(256)), None, true);
        check(Some(&long(257)), None, false);
        check(Some("application/json"), Some("identity"), true);
        check(Some("application/json"), Some("gzip"), false);
    }

    #[test]
    fn a_fallback_is_never_cheaper_than_no_records() {
        let mut highest = Highest::default();
        highest.add_per_record(RuleId(2), &per_record(6, 7), 0);
        let Quote::ByBody(quote) = highest.into_quote(&Arc::default()) else {
            panic!()
        };
        assert_eq!(quote.fall_back(Fallback::Refuse), None);
        assert_eq!(
            quote.fall_back(Fallback::Charge(Credits::saturating(500))),
            Some(charge(500, 2))
        );
        assert_eq!(
            quote.fall_back(Fallback::Charge(Credits::ZERO)),
            Some(charge(7, 2))
        );
    }
}
