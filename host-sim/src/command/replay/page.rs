//! The forecast as a page: one file with everything in it, that works without scripts.

use askama::Template;
use host_sim::forecast::{Change, Forecast, Prospect};

use super::chart::{Chart, Stretch};
use super::number::{count, grouped, time};
use super::summary::{Document, LogSummary};
use super::table::{advice, change_headline, headline};

/// The most organizations that a page shows.
const MOST: usize = 2000;

/// From this share of its limit on an organization comes near it.
const NEAR: u64 = 80;

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'d> {
    title: String,
    css: &'static str,
    sections: Vec<Section<'d>>,
    changes: Option<Vec<ChangeRow<'d>>>,
    change_columns: [&'static str; 6],
    changes_sub: String,
    warnings: &'d [String],
    facts: Vec<String>,
    unread: Vec<UnreadRow<'d>>,
    unread_count: String,
}

struct Section<'d> {
    number: usize,
    /// Whether it stands behind its headline until it is opened.
    folded: bool,
    headline: String,
    sub: String,
    refused: Vec<Row<'d>>,
    rows: Vec<Row<'d>>,
    chart: Chart,
    count: String,
    count_refused: usize,
    count_near: usize,
    more: usize,
    logged: &'d [String],
}

struct Row<'d> {
    id: String,
    organization: &'d str,
    plan: &'d str,
    calls: String,
    refused: String,
    needs: String,
    share: String,
    bar: u64,
    meter: &'static str,
    level: &'static str,
    outcome: String,
    advice: String,
    first_refusal: String,
    first_reason: &'d str,
    first_call: &'d str,
    reasons: String,
    at_once: String,
    protected: bool,
    chart: Chart,
    operations: Vec<OperationRow<'d>>,
    days: Vec<DayRow>,
    plans: Vec<PlanRow<'d>>,
}

struct OperationRow<'d> {
    name: &'d str,
    calls: String,
    refused: String,
    cost: String,
}

struct DayRow {
    until: String,
    calls: String,
    refused: String,
    need: String,
    limit: String,
}

struct PlanRow<'d> {
    name: &'d str,
    limit: String,
    concurrency: String,
    verdict: &'static str,
}

struct ChangeRow<'d> {
    organization: &'d str,
    cells: [String; 6],
    protected: &'static str,
}

struct UnreadRow<'d> {
    place: String,
    why: &'d str,
    text: &'d str,
}

/// The page.
pub(super) fn html(document: &Document) -> anyhow::Result<String> {
    let sections = document.forecasts.iter().enumerate();
    let mut sections: Vec<_> = sections
        .filter_map(|(number, forecast)| section(number, forecast, &document.log))
        .collect();
    // The one that is to come first, and the present one folded behind it.
    if let [before, .., _] = sections.as_mut_slice() {
        before.folded = true;
        sections.reverse();
    }
    let changes = document.changes.as_deref();
    let names: Vec<_> = document
        .forecasts
        .iter()
        .map(|forecast| forecast.name.as_str())
        .collect();
    let page = Page {
        title: match document.forecasts.as_slice() {
            [one, two, ..] => change_headline(changes.unwrap_or_default(), one, two),
            [one] => headline(one),
            [] => String::new(),
        },
        change_columns: [
            "Refused before",
            "Refused after",
            "Charged before",
            "Charged after",
            "Limit before",
            "Limit after",
        ],
        warnings: &document.warnings,
        css: include_str!("page.css"),
        sections,
        changes: changes.map(|changes| changes.iter().take(MOST).map(change_row).collect()),
        changes_sub: format!("From {}. {}", names.join(" to "), days(&document.log)),
        facts: facts(&document.log),
        unread: unread(&document.log),
        unread_count: grouped(document.log.unread),
    };
    Ok(page.render()?)
}

fn section<'d>(number: usize, forecast: &'d Forecast, log: &LogSummary) -> Option<Section<'d>> {
    let stretch = Stretch::of(&forecast.series)?;
    let shown = || forecast.organizations.iter().take(MOST).enumerate();
    let row = |(place, prospect)| {
        let id = format!("o{number}-{place}");
        row(id, forecast, prospect, log, stretch)
    };
    let rows: Vec<_> = shown().map(row).collect();
    let refused = shown()
        .filter(|(_, prospect)| prospect.refused > 0)
        .map(row);
    let count_of = |level| rows.iter().filter(|row| row.level == level).count();
    Some(Section {
        number,
        folded: false,
        headline: headline(forecast),
        sub: format!(
            "{} Forecast with {}: {} of {} refused, {} charged for the others.",
            days(log),
            forecast.name,
            grouped(forecast.refused),
            count(forecast.calls, "call", "calls"),
            grouped(forecast.cost)
        ),
        refused: refused.collect(),
        chart: Chart::new(&forecast.series, stretch),
        count: grouped(forecast.organizations.len() as u64),
        count_refused: count_of("refused"),
        count_near: count_of("near"),
        more: forecast.organizations.len().saturating_sub(MOST),
        logged: &forecast.logged,
        rows,
    })
}

fn row<'d>(
    id: String,
    forecast: &'d Forecast,
    of: &'d Prospect,
    log: &LogSummary,
    stretch: Stretch,
) -> Row<'d> {
    let or_dash = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), grouped);
    let first = of.first_refusal.as_ref();
    let level = match of.share {
        _ if of.refused > 0 => "refused",
        Some(NEAR..) => "near",
        _ => "fine",
    };
    let reasons = of.refusals.iter();
    let reasons: Vec<_> = reasons
        .map(|(reason, calls)| format!("{} ({})", forecast.said(reason), grouped(*calls)))
        .collect();
    let at_once = match of.concurrency {
        _ if log.without_durations => "The log tells no durations.".to_owned(),
        Some(limit) => format!(
            "At most {} at once; {} may be.",
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
    Row {
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
        meter: match of.share {
            Some(101..) => "over",
            _ => level,
        },
        level,
        outcome: match of.refused {
            0 => count(of.calls, "call", "calls"),
            refused => format!("{} of {} refused", grouped(refused), grouped(of.calls)),
        },
        advice: advice(forecast, of),
        first_refusal: first.map_or_else(String::new, |first| time(first.at)),
        first_reason: first
            .map(|first| forecast.said(&first.reason))
            .unwrap_or_default(),
        first_call: first
            .and_then(|first| first.call.as_deref())
            .unwrap_or_default(),
        reasons: reasons.join(", "),
        at_once,
        protected: of.protected,
        chart: Chart::new(&of.series, stretch),
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
                until: day.ends.or(day.from).map(time).unwrap_or_default(),
                calls: grouped(day.calls),
                refused: grouped(day.refused),
                need: grouped(day.need()),
                limit: or_dash(day.limit),
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

fn change_row(change: &Change) -> ChangeRow<'_> {
    let or_dash = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), grouped);
    ChangeRow {
        organization: &change.organization,
        cells: [
            grouped(change.refused.0),
            grouped(change.refused.1),
            grouped(change.cost.0),
            grouped(change.cost.1),
            or_dash(change.limit.0),
            or_dash(change.limit.1),
        ],
        protected: match change.protected {
            (false, false) => "",
            (true, true) => "protect it",
            (true, false) => "no longer needed",
            (false, true) => "protect it only then",
        },
    }
}

/// From when to when the calls came.
fn days(log: &LogSummary) -> String {
    match (log.first, log.last) {
        (Some(first), Some(last)) => {
            format!("Calls from {} to {} UTC.", time(first), time(last))
        }
        _ => String::new(),
    }
}

fn facts(log: &LogSummary) -> Vec<String> {
    let mut facts = Vec::new();
    if let (Some(first), Some(last)) = (log.first, log.last) {
        let calls = count(log.calls, "call", "calls");
        facts.push(format!(
            "{calls} from {} to {} UTC",
            time(first),
            time(last)
        ));
    }
    for file in &log.files {
        let unread = count(file.unread, "line", "lines");
        facts.push(format!(
            "{}: {}, {unread} could not be read",
            file.name, file.format
        ));
    }
    if log.out_of_order > 0 {
        let calls = count(log.out_of_order, "call", "calls");
        facts.push(format!("{calls} stood out of order and were put in order"));
    }
    facts
}

fn unread(log: &LogSummary) -> Vec<UnreadRow<'_>> {
    let files = log.files.iter();
    let lines = files.flat_map(|file| file.first_unread.iter().map(move |line| (file, line)));
    lines
        .map(|(file, line)| UnreadRow {
            place: format!("{}:{}", file.name, line.line),
            why: &line.why,
            text: &line.text,
        })
        .collect()
}
