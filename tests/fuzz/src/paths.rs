//! Methods, paths and queries.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use api_credits::pricing::cost_table::{CostTable, Quote};
use serde_json::json;

/// Operations and what they cost, apart from `GET /api/v1/tickets`, whose price follows `from`. None but the last fits what another fits.
const OPERATIONS: [(&str, u64); 6] = [
    ("GET /api/v1/files/*", 50),
    ("GET /api/v1/tasks/count", 60),
    ("GET /api/v1/users/*:archive", 30),
    ("POST /api/v1/tasks/count", 5),
    ("GET /healthz", 0),
    ("GET /api/**", 2),
];
const TICKETS: &str = "GET /api/v1/tickets";
const STEPS: [(u64, u64); 2] = [(2_000, 3), (10_000, 10)];
const BEYOND: u64 = 100;
const DEFAULT: u64 = 1;

static TABLE: LazyLock<CostTable> = LazyLock::new(|| {
    let rule = |(operation, cost): (&str, u64)| {
        let operation = operation.replace("*:", "{id}:");
        json!({ "name": format!("cost {cost}"), "operations": [operation], "cost": cost })
    };
    let steps = STEPS.map(|(up_to, credits)| json!({ "up_to": up_to, "credits": credits }));
    let tiers = json!({ "tiers": { "query": "from", "steps": steps, "beyond": BEYOND } });
    let mut rules: Vec<_> = OPERATIONS.into_iter().map(rule).collect();
    rules.push(json!({ "name": "tickets", "operations": [TICKETS], "cost": tiers }));
    let costs = serde_json::from_value(json!({ "default": DEFAULT, "rules": rules })).unwrap();
    CostTable::compile(&costs).unwrap()
});

/// A call never costs less than what some backend serves for it. A plain one costs just that.
///
/// The input is a method, a blank and a target.
pub fn paths(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (method, target) = text.split_once(' ').unwrap_or(("GET", text));
    let charged = match TABLE.quote(method, target) {
        Quote::Known(charge) => charge.cost.get(),
        Quote::ByBody(_) => unreachable!("no price is per record"),
    };
    let end = target.find(['?', '#']).unwrap_or(target.len());
    let (path, rest) = target.split_at(end);
    let query = rest.strip_prefix('?').unwrap_or_default();
    let query = query.split('#').next().unwrap_or_default();
    if path.len() > 400 {
        return;
    }
    for (reading, query) in readings(path.as_bytes(), query) {
        for segments in segments(&reading) {
            let served = served(method, &segments, &query);
            assert!(
                served <= charged,
                "{text:?} is charged {charged}, and served for {served} as {segments:?} with {query:?}"
            );
        }
    }
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'/';
    if method.bytes().all(|byte| byte.is_ascii_uppercase())
        && path.starts_with('/')
        && path.bytes().all(is_plain)
        && !path.contains("//")
        && query.is_empty()
    {
        let segments: Vec<_> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(Into::into)
            .collect();
        assert_eq!(charged, served(method, &segments, ""), "{text:?}");
    }
}

/// A path and its query.
type Reading = (Vec<u8>, String);

/// What backends make of a path, each decoding it up to three times and doing before or after that what it does: `\` is `/`, parameters
/// end at `/`, dot segments are resolved, and a path that was decoded ends at `?`, `#` or NUL, which may begin or end the query.
fn readings(path: &[u8], query: &str) -> BTreeSet<Reading> {
    let mut readings = BTreeSet::from([(path.to_vec(), query.to_owned())]);
    rewrite(&mut readings);
    for _ in 0..3 {
        let once = readings
            .iter()
            .map(|(path, query)| (decoded(path), query.clone()));
        let mut decoded: BTreeSet<Reading> = once.collect();
        for end in [b'?', b'#', 0] {
            let cut: Vec<_> = decoded
                .iter()
                .flat_map(|reading| cut(reading, end))
                .collect();
            decoded.extend(cut);
        }
        rewrite(&mut decoded);
        readings.extend(decoded);
        if readings.len() > 2_000 {
            break;
        }
    }
    readings
}

/// A path that ends at a character, and how its query is read.
fn cut((path, query): &Reading, end: u8) -> Vec<Reading> {
    let Some(place) = path.iter().position(|byte| *byte == end) else {
        return Vec::new();
    };
    let (before, behind) = (path[..place].to_vec(), &path[place + 1..]);
    let behind = String::from_utf8_lossy(behind);
    let behind = behind.split('#').next().unwrap_or_default();
    let mut cut = vec![(before.clone(), query.clone())];
    match end {
        b'?' => cut.push((before, format!("{behind}&{query}"))),
        b'#' => cut.push((before, String::new())),
        _ => {}
    }
    cut
}

fn rewrite(readings: &mut BTreeSet<Reading>) {
    for rewritten in [with_slashes, without_parameters, without_dots] {
        let others: Vec<_> = readings
            .iter()
            .map(|(path, query)| (rewritten(path), query.clone()))
            .collect();
        readings.extend(others);
    }
}

fn decoded(path: &[u8]) -> Vec<u8> {
    percent_encoding::percent_decode(path).collect()
}

fn with_slashes(path: &[u8]) -> Vec<u8> {
    path.iter()
        .map(|byte| if *byte == b'\\' { b'/' } else { *byte })
        .collect()
}

fn without_parameters(path: &[u8]) -> Vec<u8> {
    let segments = path.split(|byte| *byte == b'/').map(|segment| {
        segment
            .split(|byte| *byte == b';')
            .next()
            .unwrap_or_default()
    });
    segments.collect::<Vec<_>>().join(&b'/')
}

fn without_dots(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for segment in path
        .split(|byte| *byte == b'/')
        .filter(|segment| !segment.is_empty())
    {
        match segment {
            b"." => {}
            b".." => drop(kept.pop()),
            _ => kept.push(segment),
        }
    }
    [b"/", kept.join(&b'/').as_slice()].concat()
}

/// The segments of a path, and those of a backend that knows no case.
fn segments(path: &[u8]) -> [Vec<Vec<u8>>; 2] {
    let segments: Vec<_> = path
        .split(|byte| *byte == b'/')
        .filter(|segment| !segment.is_empty())
        .map(<[u8]>::to_vec)
        .collect();
    let lower = segments
        .iter()
        .map(|segment| segment.to_ascii_lowercase())
        .collect();
    [segments, lower]
}

/// What the operation costs that these segments are.
fn served(method: &str, segments: &[Vec<u8>], query: &str) -> u64 {
    let method = if method == "HEAD" { "GET" } else { method };
    let is = |operation: &&str| {
        let (named, template) = operation.split_once(" /").unwrap();
        named == method && fits(template, segments)
    };
    if is(&TICKETS) {
        return price_of(query);
    }
    OPERATIONS
        .iter()
        .find(|(operation, _)| is(operation))
        .map_or(DEFAULT, |(_, cost)| *cost)
}

fn fits(template: &str, segments: &[Vec<u8>]) -> bool {
    let templates: Vec<&str> = template.split('/').collect();
    if let [fixed @ .., "**"] = templates.as_slice() {
        return segments.len() >= fixed.len()
            && fixed
                .iter()
                .zip(segments)
                .all(|(template, segment)| template.as_bytes() == segment);
    }
    templates.len() == segments.len()
        && templates.iter().zip(segments).all(|(template, segment)| {
            match template.strip_prefix('*') {
                Some(suffix) => segment
                    .strip_suffix(suffix.as_bytes())
                    .is_some_and(|value| !value.is_empty()),
                None => template.as_bytes() == segment,
            }
        })
}

/// What a query costs at a backend that takes the parameter's first value, or at one that takes its last one: the more of both.
fn price_of(query: &str) -> u64 {
    let values: Vec<_> = form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name == "from")
        .collect();
    let price = |value: &str| {
        let number: Option<u64> = value.parse().ok();
        let step = number.and_then(|number| STEPS.iter().find(|(up_to, _)| number <= *up_to));
        // What it does with a value that is no number is its own affair.
        number.map_or(0, |_| step.map_or(BEYOND, |(_, credits)| *credits))
    };
    let values = [values.first(), values.last()]
        .map(|value| value.map_or(STEPS[0].1, |(_, value)| price(value)));
    values.into_iter().max().unwrap_or_default()
}
