//! The answer in plain words: who would be refused, for what, and what would spare them.

use std::collections::BTreeMap;

use host_sim::forecast::{Change, Forecast, Prospect, Remedy};

use super::number::{count, grouped};
use super::summary::LogSummary;

/// From this share of its limit on an organization comes near it.
pub(super) const NEAR: u64 = 80;

/// The most organizations that a sentence names.
const MOST_NAMES: usize = 5;

/// The sentence that matters.
pub(super) fn headline(forecast: &Forecast) -> String {
    let all = forecast.organizations.len();
    match (forecast.organizations_refused, all) {
        (0, 1) => "The organization would not be refused any call.".to_owned(),
        (0, all) => format!(
            "None of {} organizations would be refused a call.",
            grouped(all as u64)
        ),
        (refused, all) => format!(
            "{} of {} organizations would be refused calls.",
            grouped(refused as u64),
            grouped(all as u64)
        ),
    }
}

/// The same about the days to come, if they are like the log.
pub(super) fn prospect(headline: &str, log: &LogSummary) -> String {
    let day = match log.covered() {
        Some(covered) if covered.as_hours() >= 36 => "the next days are",
        _ => "tomorrow is",
    };
    let mut rest = headline.chars();
    let first = rest.next().map(|first| first.to_lowercase().to_string());
    format!(
        "If {day} like this log, {}{}",
        first.unwrap_or_default(),
        rest.as_str()
    )
}

/// What all of it comes to.
pub(super) fn totals(forecast: &Forecast) -> String {
    let calls = count(forecast.calls, "call", "calls");
    let charged = match (&forecast.unit, forecast.cost) {
        (_, 0) => String::new(),
        (None, cost) => format!(", {} charged for the others", grouped(cost)),
        (Some(unit), cost) => format!(", {} {unit} charged for the others", grouped(cost)),
    };
    format!("{} of {calls} refused{charged}", grouped(forecast.refused))
}

/// Why organizations would be refused, what would spare them, and who comes near.
pub(super) fn reasons(forecast: &Forecast) -> Vec<String> {
    let mut told = Vec::new();
    let all = || forecast.organizations.iter().map(Box::as_ref);
    let refused = || all().filter(|of| of.refused > 0);
    let remedies = || refused().filter_map(|of| of.remedy.as_ref());
    let purchases = || remedies().filter(|remedy| remedy.suffices != Some(false));
    let unit = forecast.unit.as_ref();
    let unit = unit.map_or_else(String::new, |unit| format!(" {unit}"));
    let more = purchases()
        .map(|remedy| remedy.additional)
        .filter(|more| *more > 0);
    if let Some((number, range)) = span(more) {
        let who = count(
            number,
            "organization needs more than its limit",
            "organizations need more than their limit",
        );
        told.push(format!("{who}: {range} more{unit} a day would do."));
    }
    if let Some((number, range)) = span(purchases().filter_map(|remedy| remedy.concurrency)) {
        let who = count(number, "organization makes", "organizations make");
        told.push(format!(
            "{who} too many calls at once: {range} at once would do."
        ));
    }
    let mut plans: BTreeMap<(Option<u64>, &str), u64> = BTreeMap::new();
    for plan in remedies().filter_map(Remedy::plan) {
        let number = plans.entry((plan.limit, plan.name.as_str())).or_default();
        *number = number.saturating_add(1);
    }
    let mut by_name: Vec<(&str, u64)> = Vec::new();
    for ((_, name), number) in plans {
        match by_name.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum = sum.saturating_add(number),
            None => by_name.push((name, number)),
        }
    }
    if !by_name.is_empty() {
        let each = by_name
            .iter()
            .map(|(name, number)| format!("{name} for {}", grouped(*number)));
        let each: Vec<_> = each.collect();
        told.push(format!(
            "The smallest plan that would do: {}.",
            each.join(", ")
        ));
    }
    let mut others: BTreeMap<&str, u64> = BTreeMap::new();
    for of in refused().filter(|of| of.remedy.is_none()) {
        for reason in of.refusals.keys() {
            let number = others.entry(forecast.said(reason)).or_default();
            *number = number.saturating_add(1);
        }
    }
    for (reason, number) in others {
        let who = count(number, "organization is", "organizations are");
        let whatever = if forecast.has_remedies() {
            " whatever the plan"
        } else {
            ""
        };
        told.push(format!("{who} refused calls{whatever}: {reason}."));
    }
    let all = || forecast.organizations.iter().map(Box::as_ref);
    let fine = || all().filter(|of| of.refused == 0);
    let protected: Vec<_> = fine().filter(|of| of.protected).collect();
    if !protected.is_empty() {
        let who = count(
            protected.len() as u64,
            "organization is",
            "organizations are",
        );
        told.push(format!(
            "{who} spared by former terms alone: {}.",
            names(&protected, |of| of.organization.clone())
        ));
    }
    let near: Vec<_> = fine()
        .filter(|of| of.share.is_some_and(|share| share >= NEAR))
        .collect();
    if !near.is_empty() {
        let who = count(
            near.len() as u64,
            "organization comes",
            "organizations come",
        );
        let named =
            |of: &Prospect| format!("{} ({} %)", of.organization, of.share.unwrap_or_default());
        told.push(format!(
            "{who} near the limit without a refusal: {}.",
            names(&near, named)
        ));
    }
    told
}

/// How many there are, and from what to what.
fn span(values: impl Iterator<Item = u64>) -> Option<(u64, String)> {
    let all: Vec<u64> = values.collect();
    let (least, most) = (all.iter().min()?, all.iter().max()?);
    let range = if least == most {
        grouped(*least)
    } else {
        format!("{} to {}", grouped(*least), grouped(*most))
    };
    Some((all.len() as u64, range))
}

fn names(of: &[&Prospect], name: impl Fn(&Prospect) -> String) -> String {
    let shown: Vec<_> = of.iter().take(MOST_NAMES).map(|of| name(of)).collect();
    let rest = of.len().saturating_sub(MOST_NAMES);
    let and = if rest > 0 {
        format!(" and {}", count(rest as u64, "other", "others"))
    } else {
        String::new()
    };
    format!("{}{and}", shown.join(", "))
}

/// What another configuration comes to.
pub(super) fn change_headline(changes: &[Change], one: &Forecast, two: &Forecast) -> String {
    if changes.is_empty() {
        return "Nothing changes for anybody.".to_owned();
    }
    let all = grouped(two.organizations.len() as u64);
    let turned = |from: bool| {
        let turned = changes.iter().filter(|change| {
            let (before, after) = change.refused;
            (before == 0) == from && (after > 0) == from
        });
        turned.count() as u64
    };
    let none_or = |number: u64| match number {
        0 => "none".to_owned(),
        number => grouped(number),
    };
    match (turned(true), turned(false), two.organizations_refused) {
        (0, 0, 0) => format!("Still none of {all} organizations would be refused a call."),
        (0, 0, after) => format!(
            "Still {} of {all} organizations would be refused calls.",
            grouped(after as u64)
        ),
        (begin, end, after) => format!(
            "{} of {all} organizations would be refused calls instead of {}: {} newly, {} spared.",
            grouped(after as u64),
            none_or(one.organizations_refused as u64),
            none_or(begin),
            none_or(end)
        ),
    }
}

/// What all the changes come to.
pub(super) fn change_totals(changes: &[Change], one: &Forecast, two: &Forecast) -> String {
    let unit = two.unit.as_ref().or(one.unit.as_ref());
    let unit = unit.map_or_else(String::new, |unit| format!(" {unit}"));
    format!(
        "{}: {} refused instead of {}, {}{unit} charged instead of {}.",
        count(
            changes.len() as u64,
            "organization changes",
            "organizations change"
        ),
        count(two.refused, "call", "calls"),
        grouped(one.refused),
        grouped(two.cost),
        grouped(one.cost)
    )
}
