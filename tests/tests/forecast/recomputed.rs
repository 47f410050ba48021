//! What a log comes to, computed from its lines alone: prices by operation, days, limits, refunds and calls in progress, all written down
//! once more and far simpler.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Value, json};

/// A line of a log.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) at: Timestamp,
    pub(crate) took: SignedDuration,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) status: u64,
    pub(crate) organization: String,
}

/// What is told of an organization.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    calls: u64,
    refused: u64,
    cost: u64,
    peak: u64,
    /// When, why, and which call.
    first_refusal: Value,
    /// What was needed of what limit on the day on which it came nearest to it or farthest beyond, and in percent.
    need: u64,
    limit: u64,
    share: u64,
}

/// A day of an organization.
#[derive(Clone, Copy, Debug, Default)]
struct Day {
    used: u64,
    refused: u64,
}

/// By organization.
pub(crate) fn of_lines(lines: &[Line], configuration: &Value) -> BTreeMap<String, Told> {
    let zone = TimeZone::get("America/Los_Angeles").unwrap();
    // At one instant, what ends goes before what comes, and the line that is first goes first.
    let mut moments = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        moments.push((line.at, 1, number));
        moments.push((line.at + line.took, 0, number));
    }
    moments.sort_unstable();
    let mut days: BTreeMap<(&str, Date), Day> = BTreeMap::new();
    let mut admitted: BTreeMap<usize, (Date, u64)> = BTreeMap::new();
    let mut here: BTreeMap<&str, u64> = BTreeMap::new();
    let mut in_progress: BTreeMap<&str, u64> = BTreeMap::new();
    let mut told: BTreeMap<String, Told> = BTreeMap::new();
    for (at, comes, number) in moments {
        let line = &lines[number];
        let name = line.organization.as_str();
        // A call that takes no time has ended right after it came, below.
        if comes == 0 && line.took.is_zero() {
            continue;
        }
        if comes == 0 {
            leave(
                line,
                &mut here,
                &mut in_progress,
                &mut days,
                admitted.remove(&number),
                &mut told,
            );
            continue;
        }
        let cost = price(&line.method, &line.path);
        let day = at.to_zoned(zone.clone()).date();
        let of_day = days.entry((name, day)).or_default();
        let of = told.entry(name.to_owned()).or_default();
        *here.entry(name).or_default() += 1;
        of.calls += 1;
        of.peak = of.peak.max(here[name]);
        let slots = in_progress.entry(name).or_default();
        let reason = match (cost, plan(configuration, name)) {
            (0, _) => None,
            (cost, (limit, _)) if cost > limit => Some("exceeds_allotment"),
            (cost, (limit, _)) if of_day.used + cost > limit => Some("daily_credits"),
            (_, (_, Some(most))) if *slots >= most => Some("too_many_requests"),
            _ => None,
        };
        if let Some(reason) = reason {
            of.refused += 1;
            of_day.refused += cost;
            if of.first_refusal.is_null() {
                let call = format!("{} {}", line.method, line.path);
                of.first_refusal = json!({ "at": at.to_string(), "reason": reason, "call": call });
            }
        } else {
            of.cost += cost;
            of_day.used += cost;
            *slots += u64::from(cost > 0);
            admitted.insert(number, (day, cost));
        }
        if line.took.is_zero() {
            leave(
                line,
                &mut here,
                &mut in_progress,
                &mut days,
                admitted.remove(&number),
                &mut told,
            );
        }
    }
    for (name, of) in &mut told {
        let (limit, _) = plan(configuration, name);
        let mine = days.iter().filter(|((of, _), _)| of == name);
        of.need = mine.map(|(_, day)| day.used + day.refused).max().unwrap();
        of.limit = limit;
        of.share = of.need * 100 / limit;
    }
    told
}

/// A call ends: what the platform failed is given back.
fn leave<'l>(
    line: &'l Line,
    here: &mut BTreeMap<&'l str, u64>,
    in_progress: &mut BTreeMap<&'l str, u64>,
    days: &mut BTreeMap<(&'l str, Date), Day>,
    admitted: Option<(Date, u64)>,
    told: &mut BTreeMap<String, Told>,
) {
    let name = line.organization.as_str();
    *here.get_mut(name).unwrap() -= 1;
    let Some((day, cost)) = admitted else {
        return;
    };
    *in_progress.get_mut(name).unwrap() -= u64::from(cost > 0);
    if matches!(line.status, 502..=504) {
        days.get_mut(&(name, day)).unwrap().used -= cost;
        told.get_mut(name).unwrap().cost -= cost;
    }
}

/// The example's prices, written down once more.
fn price(method: &str, path: &str) -> u64 {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let from = query.split('&').find_map(|pair| pair.strip_prefix("from="));
    let from: u64 = from.map_or(0, |from| from.parse().unwrap());
    let lists = ["/tickets", "/search", "/agents", "/departments"];
    match (method, path) {
        ("GET", "/api/v1/tasks/count") => 50,
        ("POST", "/api/v1/tickets/updateMany") => 25,
        ("POST", "/api/v1/tickets/moveToTrash") => 18,
        ("POST", "/api/v1/closeTickets") => 2,
        ("GET", path) if lists.iter().any(|list| path.ends_with(list)) => match from {
            0..=2000 => 3,
            2001..=10_000 => 10,
            10_001..=100_000 => 50,
            _ => 100,
        },
        _ => 1,
    }
}

/// The credits of a day, and how many calls may be in progress.
fn plan(configuration: &Value, organization: &str) -> (u64, Option<u64>) {
    let organization = &configuration["organizations"][organization];
    let edition = &configuration["editions"][organization["edition"].as_str().unwrap()];
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let credits = number(&edition["base"])
        + number(&edition["per_agent"]) * number(&organization["agents"])
        + number(&organization["additional"]);
    (credits, edition["concurrency"].as_u64())
}

/// What a forecast tells, as far as it is computed here.
pub(crate) fn of_forecast(forecast: &Value) -> BTreeMap<String, Told> {
    let number = |of: &Value, name: &str| of[name].as_u64().unwrap();
    let organizations = forecast["organizations"].as_array().unwrap().iter();
    let told = organizations.map(|of| {
        let told = Told {
            calls: number(of, "calls"),
            refused: number(of, "refused"),
            cost: number(of, "cost"),
            peak: number(of, "peak_concurrency"),
            first_refusal: of["first_refusal"].clone(),
            need: number(of, "need"),
            limit: number(of, "limit"),
            share: number(of, "share"),
        };
        (of["organization"].as_str().unwrap().to_owned(), told)
    });
    told.collect()
}

/// How many organizations are refused calls for each first reason.
pub(crate) fn first_reasons(told: &BTreeMap<String, Told>) -> BTreeMap<String, usize> {
    let mut reasons = BTreeMap::new();
    for of in told.values() {
        if let Some(reason) = of.first_refusal["reason"].as_str() {
            *reasons.entry(reason.to_owned()).or_default() += 1;
        }
    }
    reasons
}
