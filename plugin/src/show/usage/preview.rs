//! The price preview: what a call would cost and which rule says so, asked for at `<path>/cost?method=…&path=…`, without charging.

use serde::Serialize;

use super::{details::Details, json};
use crate::{
    document::json::cut,
    model::{credits::Credits, terms::Model},
    pricing::cost_table::{CostTable, Facts, Quote},
};

/// The call whose price is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its method.
    pub method: String,
    /// Its path with its query.
    pub path: String,
}

/// A question that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuestion {
    /// A parameter is not there.
    #[error("missing parameter `{name}`, expected {EXPECTED}")]
    Missing {
        /// Its name.
        name: &'static str,
    },
    /// A parameter is there more than once.
    #[error("repeated parameter `{name}`, expected {EXPECTED}")]
    Repeated {
        /// Its name.
        name: &'static str,
    },
    /// Another parameter is there, most likely a part of a path that is not percent-encoded.
    #[error("unknown parameter {name:?}, expected {EXPECTED}", name = cut(name))]
    Unknown {
        /// Its name.
        name: String,
    },
    /// Not a method.
    #[error("invalid method {method:?}, expected a token such as GET", method = cut(method))]
    Method {
        /// What is there instead.
        method: String,
    },
    /// Not an absolute path.
    #[error("invalid path {path:?}, expected one that begins with a slash", path = cut(path))]
    Path {
        /// What is there instead.
        path: String,
    },
}

const EXPECTED: &str = "`method` and `path`, each once and percent-encoded, \
     such as method=GET&path=%2Fapi%2Fv1%2Ftickets%3Ffrom%3D5000";

/// The answer as a JSON document.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<'a> {
    /// The method asked about.
    pub method: &'a str,
    /// The path with its query asked about.
    pub path: &'a str,
    /// What the call would cost now; at least, where `perRecord` is there. Under the legacy model, 1 or nothing. Where `atMost` is there, as a
    /// call to which nothing applies that `atMost` depends on.
    pub cost: u64,
    /// What it costs at most by its headers, the claims of its token, and the members of its body, where its price depends on them; of a batch,
    /// each part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u64>,
    /// The rule of the cost table that says so, `default` where no rule names the call.
    pub rule: &'a str,
    /// For a call that is priced by the records in its body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_record: Option<PerRecord>,
    /// How calls are counted: `credits`, `grandfathered` or `legacy`.
    pub model: &'static str,
    /// What is left today.
    pub remaining: u64,
    /// Whether `remaining` and, where that is allowed, overage are enough for `cost`.
    pub affordable: bool,
}

/// A price that follows the number of records in the body.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PerRecord {
    /// So many credits …
    pub credits: u64,
    /// … for each so many records, the last group in full.
    pub records: u64,
    /// What the call costs at least.
    pub at_least: u64,
    /// The same in a sentence.
    pub description: String,
}

impl Call {
    /// The call that a query asks about.
    ///
    /// # Errors
    /// When it is not asked about one call, in the way that the error says.
    pub fn from_query(query: &str) -> Result<Self, InvalidQuestion> {
        let (mut method, mut path) = (None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let (name, parameter) = match name.as_ref() {
                "method" => ("method", &mut method),
                "path" => ("path", &mut path),
                _ => {
                    let name = name.into_owned();
                    return Err(InvalidQuestion::Unknown { name });
                }
            };
            if parameter.replace(value.into_owned()).is_some() {
                return Err(InvalidQuestion::Repeated { name });
            }
        }
        let method = method.ok_or(InvalidQuestion::Missing { name: "method" })?;
        let path = path.ok_or(InvalidQuestion::Missing { name: "path" })?;
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if method.is_empty() || !method.bytes().all(token) {
            return Err(InvalidQuestion::Method { method });
        }
        if !path.starts_with('/') {
            return Err(InvalidQuestion::Path { path });
        }
        Ok(Self { method, path })
    }

    /// What the call costs by `costs`, to the organization of `details`.
    #[must_use]
    pub fn priced<'a>(&'a self, costs: &'a CostTable, details: &Details) -> Document<'a> {
        let quote = costs.quote(&self.method, &self.path);
        let (price, per_record) = match &quote {
            Quote::Known(charge) => (charge.cost, None),
            Quote::ByBody(quote) => {
                let at_least = quote.without_body().cost;
                let prices = quote.prices();
                // Of several that may apply, the most expensive first: what counts for one record more.
                let prices = prices.filter(|_| !quote.depends_on_members());
                let dearest = prices.max_by_key(|(credits, records)| credits.get() / *records);
                let per_record = dearest
                    .map(|(credits, records)| PerRecord::new(credits, records.get(), at_least));
                (at_least, per_record)
            }
        };
        let rule = costs.rule_name(quote.without_body().rule);
        let per_record = per_record.filter(|_| details.model != Model::Legacy);
        let price = details.model.cost(price);
        let document = self.document(price, rule, per_record, details);
        let most = costs.depends_on_more_than_targets().then(|| {
            let most = costs.quote_with(&self.method, &self.path, Facts::Unknown);
            details.model.cost(most.at_most().cost)
        });
        let at_most = most.filter(|most| *most > price).map(Credits::get);
        Document {
            at_most,
            ..document
        }
    }

    /// The answer for a call that costs nothing, whatever the cost table says.
    #[must_use]
    pub fn free<'a>(&'a self, rule: &'a str, details: &Details) -> Document<'a> {
        self.document(Credits::ZERO, rule, None, details)
    }

    fn document<'a>(
        &'a self,
        cost: Credits,
        rule: &'a str,
        per_record: Option<PerRecord>,
        details: &Details,
    ) -> Document<'a> {
        Document {
            method: &self.method,
            path: &self.path,
            cost: cost.get(),
            at_most: None,
            rule,
            per_record,
            model: details.model.name(),
            remaining: details.remaining.get(),
            affordable: cost <= details.spendable,
        }
    }
}

impl PerRecord {
    fn new(credits: Credits, records: u64, at_least: Credits) -> Self {
        let unit = if credits == Credits::ONE {
            "credit"
        } else {
            "credits"
        };
        let each = if records == 1 {
            "record".to_owned()
        } else {
            format!("{records} records or part of them")
        };
        let mut description = format!("{credits} {unit} for each {each} in the body");
        if !at_least.is_zero() {
            description.push_str(&format!(", at least {at_least}"));
        }
        Self {
            credits: credits.get(),
            records,
            at_least: at_least.get(),
            description,
        }
    }
}

impl Document<'_> {
    /// The document as text.
    #[must_use]
    pub fn to_json(&self) -> String {
        json::text(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{pricing::cost_table::CostsConfig, show::usage::details::tests::ordinary};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn costs() -> CostTable {
        let config: CostsConfig = serde_json::from_value(serde_json::json!({
            "default": 1,
            "rules": [
                {"name": "list", "operations": ["GET /api/v1/tickets"],
                 "cost": {"tiers": {"query": "from", "steps": [{"up_to": 2000, "credits": 3}], "beyond": 10}}},
                {"name": "bulk delete", "operations": ["POST /api/v1/moveToTrash"],
                 "cost": {"per_record": {"arrays": ["/ids"], "credits": 6}}},
                {"name": "bulk update", "operations": ["POST /api/v1/update"],
                 "cost": {"per_record": {"arrays": ["/ids"], "credits": 1, "records": 2, "at_least": 1}}},
            ],
        }))
        .unwrap();
        CostTable::compile(&config).unwrap()
    }

    #[track_caller]
    fn check(query: &str, expected: serde_json::Value) {
        let call = Call::from_query(query).unwrap();
        let (costs, details) = (costs(), ordinary());
        let document: serde_json::Value =
            serde_json::from_str(&call.priced(&costs, &details).to_json()).unwrap();
        assert_eq!(document, expected);
    }

    #[test]
    fn a_call_is_priced_as_it_would_be_charged() {
        check(
            "method=GET&path=%2Fapi%2Fv1%2Ftickets%3Ffrom%3D5000",
            serde_json::json!({
                "method": "GET", "path": "/api/v1/tickets?from=5000", "cost": 10, "rule": "list",
                "model": "credits", "remaining": 29_652, "affordable": true,
            }),
        );
        check(
            "path=/&method=DELETE",
            serde_json::json!({
                "method": "DELETE", "path": "/", "cost": 1, "rule": "default",
                "model": "credits", "remaining": 29_652, "affordable": true,
            }),
        );
    }

    #[test]
    fn a_call_whose_price_depends_on_more_is_told_the_most() {
        let config: CostsConfig = serde_json::from_value(serde_json::json!({
            "default": 1,
            "rules": [
                {"name": "rpc", "operations": ["POST /mcp"], "cost": 2},
                {"name": "ping", "operations": ["POST /mcp"], "when": {"body": {"/method": "ping"}}, "cost": 0},
                {"name": "search", "operations": ["POST /mcp"], "when": {"body": {"/method": "search"}}, "cost": 50},
                {"name": "deep", "operations": ["GET /a"], "when": {"headers": {"x-mode": "deep"}}, "cost": 9},
            ],
        }))
        .unwrap();
        let (costs, details) = (CostTable::compile(&config).unwrap(), ordinary());
        let told = |query: &str| {
            let call = Call::from_query(query).unwrap();
            let document = call.priced(&costs, &details);
            (document.cost, document.at_most, document.rule.to_owned())
        };
        assert_eq!(
            told("method=POST&path=/mcp"),
            (2, Some(50), "rpc".to_owned())
        );
        assert_eq!(
            told("method=GET&path=/a"),
            (1, Some(9), "default".to_owned())
        );
        assert_eq!(told("method=GET&path=/b"), (1, None, "default".to_owned()));
    }

    #[test]
    fn a_bulk_call_is_told_its_price_per_record() {
        check(
            "method=POST&path=/api/v1/moveToTrash",
            serde_json::json!({
                "method": "POST", "path": "/api/v1/moveToTrash", "cost": 0, "rule": "bulk delete",
                "perRecord": {"credits": 6, "records": 1, "atLeast": 0,
                    "description": "6 credits for each record in the body"},
                "model": "credits", "remaining": 29_652, "affordable": true,
            }),
        );
        check(
            "method=POST&path=/api/v1/update",
            serde_json::json!({
                "method": "POST", "path": "/api/v1/update", "cost": 1, "rule": "bulk update",
                "perRecord": {"credits": 1, "records": 2, "atLeast": 1,
                    "description": "1 credit for each 2 records or part of them in the body, at least 1"},
                "model": "credits", "remaining": 29_652, "affordable": true,
            }),
        );
    }

    #[test]
    fn a_legacy_call_counts_one_and_the_last_credit_is_not_enough_for_more() {
        let (costs, mut details) = (costs(), ordinary());
        details.remaining = Credits::ONE;
        details.spendable = Credits::ONE;
        let list = Call::from_query("method=GET&path=/api/v1/tickets").unwrap();
        let document = list.priced(&costs, &details);
        assert_eq!((document.cost, document.affordable), (3, false));
        details.model = Model::Legacy;
        let document = list.priced(&costs, &details);
        assert_eq!((document.cost, document.affordable), (1, true));
        let bulk = Call::from_query("method=POST&path=/api/v1/update").unwrap();
        let document = bulk.priced(&costs, &details);
        assert_eq!((document.cost, document.per_record.is_none()), (1, true));
    }

    #[test]
    fn a_question_that_is_none_is_told_what_one_is() {
        let check = |query: &str, expected: &str| {
            assert_eq!(
                Call::from_query(query).unwrap_err().to_string(),
                expected,
                "{query}"
            );
        };
        const ONCE: &str = "`method` and `path`, each once and percent-encoded, such as \
             method=GET&path=%2Fapi%2Fv1%2Ftickets%3Ffrom%3D5000";
        check("", &format!("missing parameter `method`, expected {ONCE}"));
        check(
            "method=GET",
            &format!("missing parameter `path`, expected {ONCE}"),
        );
        check(
            "method=GET&path=/&method=GET",
            &format!("repeated parameter `method`, expected {ONCE}"),
        );
        check(
            "method=GET&path=/tickets?from=1&limit=10",
            &format!("unknown parameter \"limit\", expected {ONCE}"),
        );
        check(
            "method=G+T&path=/",
            "invalid method \"G T\", expected a token such as GET",
        );
        check(
            "method=&path=/",
            "invalid method \"\", expected a token such as GET",
        );
        check(
            "method=GET&path=tickets",
            "invalid path \"tickets\", expected one that begins with a slash",
        );
    }
}
