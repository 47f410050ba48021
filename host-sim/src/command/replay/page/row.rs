//! An organization on the page.

use std::cmp::Reverse;

use host_sim::forecast::{Forecast, Prospect};

use super::super::advice::advice;
use super::super::answer::NEAR;
use super::super::chart::{Chart, Stretch};
use super::super::number::{count, grouped};
use super::super::summary::LogSummary;

/// Everything that is told of it, as it is written.
pub(super) struct Row<'d> {
    pub(super) id: String,
    pub(super) organization: &'d str,
    pub(super) plan: &'d str,
    pub(super) calls: String,
    pub(super) refused: String,
    /// What its calls need of its limit, on its busiest day.
    pub(super) needs: String,
    pub(super) share: String,
    pub(super) bar: u64,
    pub(super) meter: &'static str,
    pub(super) level: &'static str,
    pub(super) outcome: String,
    pub(super) advice: String,
    pub(super) first_refusal: String,
    pub(super) first_reason: &'d str,
    pub(super) first_call: &'d str,
    pub(super) reasons: String,
    pub(super) at_once: String,
    pub(super) protected: bool,
    pub(super) chart: Chart,
    pub(super) operations: Vec<OperationRow<'d>>,
    pub(super) days: Vec<DayRow>,
    pub(super) plans: Vec<PlanRow<'d>>,
}

pub(super) struct OperationRow<'d> {
    pub(super) name: &'d str,
    pub(super) calls: String,
    pub(super) refused: String,
    pub(super) cost: String,
}

pub(super) struct DayRow {
    pub(super) until: String,
    pub(super) calls: String,
    pub(super) refused: String,
    pub(super) need: String,
    pub(super) limit: String,
}

pub(super) struct PlanRow<'d> {
    pub(super) name: &'d str,
    pub(super) limit: String,
    pub(super) concurrency: String,
    pub(super) verdict: &'static str,
}

impl<'d> Row<'d> {
    pub(super) fn new(
        id: String,
        forecast: &'d Forecast,
        of: &'d Prospect,
        log: &LogSummary,
        stretch: Stretch,
    ) -> Self {
        let or_dash = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), grouped);
        let first = of.first_refusal.as_ref();
        let level = match of.share {
            _ if of.refused > 0 => "refused",
            Some(NEAR..) => "near",
            _ => "fine",
        };
        let mut reasons: Vec<_> = of.refusals.iter().collect();
        reasons.sort_by_key(|(_, calls)| Reverse(*calls));
        let reasons: Vec<_> = reasons
            .into_iter()
            .map(|(reason, calls)| format!("{} ({})", forecast.said(reason), grouped(calls)))
            .collect();
        let at_once = match of.concurrency {
            _ if log.without_durations => "The log tells no durations.".to_owned(),
            Some(limit) => format!(
                "At most {} at once; allowed are {}.",
                count(of.peak_concurrency, "call", "calls"),
                grouped(limit)
            ),
            None => format!(
                "At most {} at once.",
                count(of.peak_concurrency, "call", "calls")
            ),
        };
        let limit = of
            .limit
            .map_or_else(String::new, |limit| format!(" of {}", grouped(limit)));
        Self {
            id,
            organization: &of.organization,
            plan: of.plan.as_deref().unwrap_or_default(),
            calls: grouped(of.calls),
            refused: grouped(of.refused),
            needs: format!("{}{limit}", grouped(of.need)),
            share: of
                .share
                .map_or_else(String::new, |share| format!("{} %", grouped(share))),
            bar: match of.share {
                // Of what would be needed, so much is allowed.
                Some(share @ 101..) => 10_000_u64.checked_div(share).unwrap_or(0),
                share => share.unwrap_or(0),
            },
            // Refused for anything else, it is still within its limit.
            meter: match of.share {
                Some(101..) => "over",
                Some(NEAR..) => "near",
                _ => "",
            },
            level,
            outcome: match of.refused {
                0 => count(of.calls, "call", "calls"),
                refused => format!("{} of {} refused", grouped(refused), grouped(of.calls)),
            },
            advice: advice(forecast, of),
            first_refusal: first.map_or_else(String::new, |first| log.zone.time(first.at)),
            first_reason: first
                .map(|first| forecast.said(&first.reason))
                .unwrap_or_default(),
            first_call: first
                .and_then(|first| first.call.as_deref())
                .unwrap_or_default(),
            reasons: reasons.join(", "),
            at_once,
            protected: of.protected,
            chart: Chart::new(&of.series, stretch, &log.zone).with_allotment(
                &of.series,
                stretch,
                &of.days,
                forecast.unit.as_deref().unwrap_or("What was"),
            ),
            operations: of
                .operations
                .iter()
                .map(|(name, operation)| OperationRow {
                    name,
                    calls: grouped(operation.calls),
                    refused: grouped(operation.refused),
                    cost: grouped(operation.cost),
                })
                .collect(),
            days: of
                .days
                .iter()
                .map(|day| DayRow {
                    until: day
                        .terms
                        .ends
                        .or(day.from)
                        .map(|at| log.zone.time(at))
                        .unwrap_or_default(),
                    calls: grouped(day.calls),
                    refused: grouped(day.refused),
                    need: grouped(day.need()),
                    limit: or_dash(day.terms.limit),
                })
                .collect(),
            plans: of
                .remedy
                .iter()
                .flat_map(|remedy| &remedy.plans)
                .map(|plan| PlanRow {
                    name: &plan.name,
                    limit: or_dash(plan.limit),
                    concurrency: or_dash(plan.concurrency),
                    verdict: match (plan.suffices, plan.without_purchases) {
                        (true, false) => "yes",
                        (true, true) => "yes, without what was bought",
                        (false, _) => "no",
                    },
                })
                .collect(),
        }
    }
}
