//! Bodies of bulk calls.

use std::sync::LazyLock;

use api_credits::pricing::cost_table::{BodyKind, BodyQuote, CostTable, Quote};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

const CREDITS: u64 = 6;

static TABLE: LazyLock<CostTable> = LazyLock::new(|| {
    let cost = json!({ "per_record": { "arrays": ["/ids", "/data/tickets"], "credits": CREDITS, "at_least": CREDITS } });
    let rule = json!({ "name": "bulk", "operations": ["POST /bulk"], "cost": cost });
    let costs = serde_json::from_value(json!({ "default": 1, "rules": [rule] })).unwrap();
    CostTable::compile(&costs).unwrap()
});

/// A bulk call costs at least as many records as another JSON reader finds in its body, and those in
/// its query; what that reader cannot read, nobody counts.
///
/// The input is a line with the content type, one with the query, and the body.
pub fn bodies(data: &[u8]) {
    let ([content_type, query], body) = crate::lines(data);
    let (content_type, query) = (
        String::from_utf8_lossy(content_type),
        String::from_utf8_lossy(query),
    );
    let quote = quote(&content_type, &query);
    let settled = quote.settle(body);
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if !body.is_empty() && !essence.is_empty() && !essence.contains("json") {
        assert!(settled.is_err(), "{content_type:?} is counted as JSON");
    }
    let in_query = form_urlencoded::parse(query.split('#').next().unwrap_or_default().as_bytes())
        .filter(|(name, _)| name == "ids[]")
        .count();
    let read: Option<Value> = serde_json::from_slice(body).ok();
    let Ok(charge) = settled else {
        let says_nothing = || {
            let text =
                std::str::from_utf8(body).is_ok_and(|text| text.is_ascii() && !text.contains('\\'));
            let lower = body.to_ascii_lowercase();
            let has = |name: &[u8]| lower.windows(name.len()).any(|window| window == name);
            text && !has(b"ids") && !has(b"tickets")
        };
        let is_json = essence == "application/json" && !content_type.contains(';');
        assert!(
            !(is_json && read.is_some() && says_nothing()),
            "{} is JSON, and cannot be counted",
            body.escape_ascii()
        );
        return;
    };
    let in_body = match &read {
        Some(value) => records(value),
        // Not even if its numbers are passed over, of which some are too large for that reader and not for others.
        None => {
            let is_json = serde_json::from_slice::<IgnoredAny>(body).is_ok();
            assert!(
                body.is_empty() || is_json,
                "{} is no JSON, and counted",
                body.escape_ascii()
            );
            0
        }
    };
    let records = u64::try_from(in_query + in_body).unwrap();
    let (charged, least) = (charge.cost.get(), records.max(1) * CREDITS);
    assert!(
        charged >= least,
        "{} with {query:?} costs {charged}, not {least}",
        body.escape_ascii()
    );
    // A body more never makes a call cheaper.
    assert!(charge.cost >= quote.at_least().cost);
}

fn quote(content_type: &str, query: &str) -> BodyQuote {
    let quote = TABLE.quote("POST", &format!("/bulk?{query}"));
    let kind = BodyKind {
        content_type: (!content_type.is_empty()).then_some(content_type),
        content_encoding: None,
    };
    match quote.with_body(kind) {
        Quote::ByBody(quote) => *quote,
        Quote::Known(_) => unreachable!("all prices are per record"),
    }
}

/// The records that are found by a reader that takes the last one of equal keys.
fn records(body: &Value) -> usize {
    let count = |pointer| {
        body.pointer(pointer)
            .and_then(Value::as_array)
            .map_or(0, Vec::len)
    };
    count("/ids") + count("/data/tickets")
}
