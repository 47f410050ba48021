//! Header maps, `Accept`, the price preview and the usage page.

use std::rc::Rc;

use api_credits::accounts::{history::History, statistics::Statistics};
use api_credits::decide::policy::Policy;
use api_credits::model::credits::Credits;
use api_credits::model::day::{Day, DayNumber};
use api_credits::model::header_map::{self, HeaderMap};
use api_credits::pricing::cost_table::Quote;
use api_credits::show::usage::accept::Representation;
use api_credits::show::usage::details::{Details, Facts};
use api_credits::show::usage::page::Page;
use api_credits::show::usage::preview::Call;
use jiff::tz::TimeZone;
use serde_json::Value;

thread_local! {
    static POLICY: Rc<Policy> = Rc::new(Policy::from_json(include_bytes!("../../../envoy/filter.json")).unwrap());
}

/// Header maps are read as a plainer reader does, whatever is in them or missing at their end; `Accept` is understood as by a plain reader
/// of lists without quotation marks; a price is told as it is charged; and no text adds markup to the page.
///
/// The input is fields, a line each; as bytes it is a map as well.
pub fn headers(data: &[u8]) {
    let map = HeaderMap::new(data.to_vec());
    for name in ["", "orgid", "accept", ":path"] {
        assert_eq!(
            map.first(name),
            plainly(data, name).first().copied(),
            "{name}"
        );
        let joined = map.joined(name).map(|joined| joined.into_owned());
        let all = plainly(data, name);
        assert_eq!(joined, (!all.is_empty()).then(|| all.join(&b',')));
    }
    let text = String::from_utf8_lossy(data);
    let fields: Vec<_> = text
        .lines()
        .map(|line| line.split_once(": ").unwrap_or((line, "")))
        .collect();
    let map = HeaderMap::new(header_map::serialize(&fields));
    for (name, _) in &fields {
        let values: Vec<_> = fields
            .iter()
            .filter(|(other, _)| other == name)
            .map(|(_, value)| *value)
            .collect();
        assert_eq!(
            map.first(name),
            values.first().map(|value| value.as_bytes())
        );
        assert_eq!(
            map.joined(name).as_deref(),
            Some(values.join(",").as_bytes())
        );
    }
    let value = |name: &str| {
        fields
            .iter()
            .find(|(other, _)| *other == name)
            .map(|(_, value)| *value)
    };
    accept(value("accept").unwrap_or(&text));
    preview(value(":path").unwrap_or(&text));
    page(value("orgid").unwrap_or(&text));
}

/// The values of a field in a serialized map, by its layout.
fn plainly<'d>(data: &'d [u8], name: &str) -> Vec<&'d [u8]> {
    let number = |at: usize| Some(u32::from_le_bytes(*data.get(at..)?.first_chunk()?) as usize);
    let mut values = Vec::new();
    let count = number(0).unwrap_or_default();
    let Some(mut at) = count
        .checked_mul(8)
        .map(|lengths| lengths + 4)
        .filter(|start| *start <= data.len())
    else {
        return values;
    };
    for index in 0..count {
        let (Some(name_length), Some(value_length)) =
            (number(4 + 8 * index), number(8 + 8 * index))
        else {
            break;
        };
        let value = at + name_length + 1;
        let end = value + value_length;
        // The NUL behind a value is part of its field.
        if end < data.len() && &data[at..at + name_length] == name.as_bytes() {
            values.push(&data[value..end]);
        }
        at = end + 1;
    }
    values
}

fn accept(text: &str) {
    let preferred = Representation::preferred(Some(text));
    if text.len() > 1_000 {
        assert_eq!(preferred, Representation::Json);
        return;
    }
    if text.contains('"') {
        return;
    }
    // The media ranges without parameters but a weight, of which the closest counts, and of equally close ones the heaviest.
    let weight = |names: [&str; 3]| {
        let mut heaviest: [Option<u16>; 3] = [None; 3];
        for element in text.split(',') {
            let mut parts = element
                .split(';')
                .map(str::trim)
                .filter(|part| !part.is_empty());
            let range = if element.trim_start().starts_with(';') {
                ""
            } else {
                parts.next().unwrap_or_default()
            };
            let weight = match parts.next() {
                None => 1000,
                Some(part) => match part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")) {
                    Some("0") => 0,
                    Some("1") => 1000,
                    Some(decimals) => match decimals
                        .strip_prefix("0.")
                        .and_then(|digits| digits.parse::<u16>().ok().filter(|_| digits.len() == 1))
                    {
                        Some(tenths) => tenths * 100,
                        None => return None,
                    },
                    None => return None,
                },
            };
            let place = names
                .iter()
                .position(|name| range.eq_ignore_ascii_case(name));
            if let Some(heaviest) = place.and_then(|place| heaviest.get_mut(place)) {
                *heaviest = (*heaviest).max(Some(weight));
            }
        }
        Some(heaviest.into_iter().flatten().next().unwrap_or(0))
    };
    let (Some(html), Some(json)) = (
        weight(["text/html", "text/*", "*/*"]),
        weight(["application/json", "application/*", "*/*"]),
    ) else {
        return;
    };
    let expected = if html > json {
        Representation::Html
    } else {
        Representation::Json
    };
    assert_eq!(preferred, expected, "{text:?}");
}

fn preview(target: &str) {
    let policy = POLICY.with(Rc::clone);
    let query = target.split_once('?').map_or(target, |(_, query)| query);
    let Ok(call) = Call::from_query(query) else {
        return;
    };
    let written = form_urlencoded::Serializer::new(String::new())
        .append_pair("path", &call.path)
        .append_pair("method", &call.method)
        .finish();
    assert_eq!(Call::from_query(&written).as_ref(), Ok(&call));
    let told: Value =
        serde_json::from_str(&call.priced(&policy.costs, &details("7")).to_json()).unwrap();
    let charged = match policy.costs.quote(&call.method, &call.path) {
        Quote::Known(charge) => charge.cost,
        Quote::ByBody(quote) => quote.at_least().cost,
    };
    assert_eq!(told["cost"], charged.get());
    assert_eq!(
        (&told["method"], &told["path"]),
        (
            &Value::from(call.method.as_str()),
            &Value::from(call.path.as_str())
        )
    );
}

fn page(name: &str) {
    let markup = |name: &str| {
        let html = Page::new(&details(name), Some(name), "/usage").to_html();
        ['<', '>', '"', '\''].map(|mark| html.matches(mark).count())
    };
    assert_eq!(markup(name), markup("7"), "{name:?} changes the page");
}

fn details(name: &str) -> Details {
    let policy = POLICY.with(Rc::clone);
    let holder = policy.organizations.values().next().unwrap();
    let now = "2026-11-22T12:00:00Z".parse().unwrap();
    let facts = Facts {
        organization: name,
        edition: name,
        data_center: Some(name),
        plan: holder.plan,
        allotment: holder.allotment,
        terms: holder.schedule.at(now),
        legacy_limit: None,
        used: Credits::ONE,
        elsewhere: None,
        day: Day {
            number: DayNumber::new(20_779),
            start: "2026-11-22T00:00:00Z".parse().unwrap(),
            end: "2026-11-23T00:00:00Z".parse().unwrap(),
        },
        time_zone: &TimeZone::UTC,
        now,
        concurrency: None,
        enforced: true,
        clients: None,
        periods: Vec::new(),
        purchases: Vec::new(),
        purchased: Credits::ZERO,
    };
    Details::new(
        &facts,
        &Statistics::opened(DayNumber::new(20_779)),
        &History::default(),
        policy.costs.rule_names(),
    )
}
