//! What would have spared an organization its refusals, in a few words.

use host_sim::forecast::{Forecast, Prospect, Remedy};

use super::number::{count, grouped};

/// What is said of a recommendation that could not be tried.
const UNTRIED: &str = " (computed, not replayed)";

/// In one sentence without its end; empty for an organization that was refused nothing.
pub(super) fn advice(forecast: &Forecast, prospect: &Prospect) -> String {
    let Some(remedy) = &prospect.remedy else {
        let reasons = prospect.refusals.keys();
        let reasons: Vec<_> = reasons.map(|reason| forecast.said(reason)).collect();
        return match prospect.refused {
            0 => String::new(),
            _ => format!("no plan: {}", reasons.join(", ")),
        };
    };
    let unit = forecast.unit.as_deref();
    let unit = unit.map_or_else(String::new, |unit| format!(" {unit}"));
    let mut ways = Vec::new();
    ways.extend(purchase(remedy, prospect.concurrency, &unit));
    ways.extend(remedy.plan().map(|plan| {
        let limit = plan
            .limit
            .map_or_else(String::new, |limit| format!(" ({}{unit})", grouped(limit)));
        let untried = if plan.replayed { "" } else { UNTRIED };
        format!("plan {}{limit}{untried}", plan.name)
    }));
    match (ways.is_empty(), prospect.limit) {
        (false, _) => ways.join(", or "),
        (true, None) => "not known: the module tells no limit".to_owned(),
        (true, Some(_)) => "nothing that is on offer".to_owned(),
    }
}

/// What is to be had beside the present plan.
fn purchase(remedy: &Remedy, allowed: Option<u64>, unit: &str) -> Option<String> {
    if remedy.can_be_bought == Some(false) || remedy.suffices == Some(false) {
        return None;
    }
    let more = format!("{} more{unit} a day", grouped(remedy.additional));
    let more = (remedy.additional > 0).then_some(more);
    let wider = remedy
        .concurrency
        .filter(|peak| allowed.is_none_or(|allowed| *peak > allowed));
    let wider = wider.map(|peak| {
        let now = allowed.map_or_else(String::new, |allowed| {
            format!(" (now {})", grouped(allowed))
        });
        format!("{} at once{now}", count(peak, "call", "calls"))
    });
    let parts: Vec<_> = more.into_iter().chain(wider).collect();
    let untried = if remedy.suffices.is_none() {
        UNTRIED
    } else {
        ""
    };
    (!parts.is_empty()).then(|| format!("{}{untried}", parts.join(" and ")))
}
