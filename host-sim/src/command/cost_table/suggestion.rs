//! Prices for operations that state none: those that the helpdesk of this project's example publishes, in proportion to the default.
//!
//! A list costs 3 times the default, and 10, 50 and 100 times beyond its 2,000th, 10,000th and 100,000th record; a bulk update the
//! default for 2 records, and what deletes or restores many 6 times the default for each of them. They are something to begin with.

use std::num::NonZeroU64;

use super::price::{MOST_CREDITS, PerRecord, Price, Tiers};
use crate::command::openapi::{ArrayInBody, Operation, Parameter};

/// Depths in records, and how many times the default they cost; what is deeper costs the last.
const DEPTHS: [(u64, u64); 3] = [(2_000, 3), (10_000, 10), (100_000, 50)];
const BEYOND: u64 = 100;

/// Names of parameters that say how many records are passed over, without case, `_`, `-`, `$`, `.` and brackets.
const OFFSETS: [&str; 9] = [
    "from",
    "offset",
    "skip",
    "start",
    "startat",
    "startindex",
    "firstresult",
    "pageoffset",
    "cursoroffset",
];
/// Which page it is.
const PAGES: [&str; 7] = [
    "page",
    "pagenumber",
    "pageno",
    "pagenum",
    "pageindex",
    "currentpage",
    "p",
];
/// How many records are on a page.
const SIZES: [&str; 10] = [
    "limit",
    "perpage",
    "pagesize",
    "pagelimit",
    "size",
    "maxresults",
    "maxitems",
    "top",
    "count",
    "first",
];
/// Where the next page begins.
const CURSORS: [&str; 10] = [
    "cursor",
    "after",
    "before",
    "pagetoken",
    "nexttoken",
    "continuationtoken",
    "startingafter",
    "endingbefore",
    "pageafter",
    "pagecursor",
];

/// Pages without a known number of records have so many.
const USUAL_PAGE: u64 = 100;

/// The price that is suggested for an operation where others cost this, if there is any.
pub(super) fn of(operation: &Operation<'_>, default: u64) -> Option<Price> {
    match operation.method.as_str() {
        "GET" => list(&operation.parameters, default),
        "POST" | "PUT" | "PATCH" | "DELETE" => bulk(operation, default),
        _ => None,
    }
}

fn times(credits: u64, factor: u64) -> u64 {
    credits.saturating_mul(factor).min(MOST_CREDITS)
}

fn list(parameters: &[Parameter], default: u64) -> Option<Price> {
    let find = |names: &[&str], of_numbers: bool| {
        let is_one = |parameter: &&Parameter| {
            let is_number = !of_numbers || parameter.is_number.unwrap_or(true);
            parameter.is_in_query && is_number && names.contains(&plain(&parameter.name).as_str())
        };
        parameters.iter().find(is_one)
    };
    let tiers = |parameter: &Parameter, records: u64| {
        let mut steps: Vec<(u64, u64)> = Vec::new();
        for (depth, factor) in DEPTHS {
            let up_to = depth.div_ceil(records.max(1));
            // Steps of very large pages may be the same; the deepest one counts.
            steps.retain(|(known, _)| *known < up_to);
            steps.push((up_to, times(default, factor)));
        }
        Some(Price::Tiers(Tiers {
            query: parameter.name.clone(),
            steps,
            beyond: times(default, BEYOND),
        }))
    };
    let size = find(&SIZES, true);
    if let Some(offset) = find(&OFFSETS, true) {
        return tiers(offset, 1);
    }
    if let Some(page) = find(&PAGES, true) {
        let stated = size.and_then(|size| size.maximum.or(size.default));
        return tiers(page, stated.unwrap_or(USUAL_PAGE));
    }
    let is_list = size.is_some() || find(&CURSORS, false).is_some();
    is_list.then(|| Price::Fixed(times(default, 3)))
}

/// A name as it is compared.
fn plain(name: &str) -> String {
    let is_kept = |c: &char| !matches!(c, '_' | '-' | '$' | '.' | '[' | ']');
    name.to_ascii_lowercase().chars().filter(is_kept).collect()
}

fn bulk(operation: &Operation<'_>, default: u64) -> Option<Price> {
    let last = operation.path.rsplit('/').find(|part| !part.is_empty())?;
    let said = format!("{last} {}", operation.id.as_deref().unwrap_or_default());
    let said = said.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let is_bulk = says(&["bulk", "batch", "many", "multiple", "mass"]);
    let arrays: Vec<String> = operation
        .arrays
        .iter()
        .filter(|array| holds_records(array, is_bulk))
        .map(|array| array.pointer.clone())
        .collect();
    if arrays.is_empty() {
        return None;
    }
    let is_heavy =
        operation.method == "DELETE" || says(&["delete", "trash", "remove", "restore", "purge"]);
    let (credits, records) = match is_heavy {
        true => (times(default, 6), NonZeroU64::MIN),
        false => (default, NonZeroU64::MIN.saturating_add(1)),
    };
    // No body costs more than any call can.
    let most = MOST_CREDITS >> 24;
    let credits = credits.min(most);
    Some(Price::PerRecord(PerRecord {
        arrays,
        credits,
        records,
        at_least: credits,
    }))
}

/// Whether an array is what an operation is about, as its name or the operation's tells; tags of one record are not.
fn holds_records(array: &ArrayInBody, is_bulk: bool) -> bool {
    const RECORDS: [&str; 9] = [
        "ids",
        "items",
        "records",
        "data",
        "operations",
        "requests",
        "entities",
        "objects",
        "rows",
    ];
    let name = plain(&array.name);
    let is_of_ids = array.name.ends_with("Ids") || array.name.ends_with("_ids");
    array.pointer.is_empty()
        || (array.is_main && (is_bulk || is_of_ids || RECORDS.contains(&name.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(name: &str) -> Parameter {
        Parameter {
            name: name.to_owned(),
            is_in_query: true,
            is_number: Some(true),
            ..Parameter::default()
        }
    }

    fn steps(parameters: &[Parameter]) -> Option<(String, Vec<u64>)> {
        match list(parameters, 1)? {
            Price::Tiers(tiers) => {
                let steps = tiers.steps.iter().map(|(up_to, _)| *up_to);
                Some((tiers.query, steps.collect()))
            }
            Price::Fixed(credits) => Some((String::new(), vec![credits])),
            Price::PerRecord(_) => None,
        }
    }

    #[test]
    fn a_list_costs_by_its_depth() {
        let check = |parameters: &[Parameter], name: &str, expected: &[u64]| {
            let found = steps(parameters);
            assert_eq!(found, Some((name.to_owned(), expected.to_vec())));
        };
        let deep = [2_000, 10_000, 100_000];
        check(&[query("limit"), query("from")], "from", &deep);
        check(&[query("page"), query("$skip")], "$skip", &deep);
        check(&[query("page")], "page", &[20, 100, 1_000]);
        check(&[query("page[number]")], "page[number]", &[20, 100, 1_000]);
        let size = |maximum: Option<u64>, default: Option<u64>| Parameter {
            maximum,
            default,
            ..query("per_page")
        };
        check(
            &[query("page"), size(Some(50), Some(20))],
            "page",
            &[40, 200, 2_000],
        );
        check(
            &[query("page"), size(None, Some(20))],
            "page",
            &[100, 500, 5_000],
        );
        check(&[query("page"), size(Some(1_000_000), None)], "page", &[1]);
        check(&[query("limit")], "", &[3]);
        let token = Parameter {
            is_number: Some(false),
            ..query("page_token")
        };
        check(&[token], "", &[3]);
    }

    #[test]
    fn what_only_looks_like_a_list_is_none() {
        let date = Parameter {
            is_number: Some(false),
            ..query("from")
        };
        let in_path = Parameter {
            is_in_query: false,
            is_in_path: true,
            ..query("page")
        };
        assert_eq!(steps(&[date, in_path, query("form")]), None);
    }
}
