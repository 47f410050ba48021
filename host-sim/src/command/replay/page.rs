//! The forecast as a page: one file with everything in it, that works without scripts.

mod change;
mod row;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use askama::Template;
use host_sim::forecast::{Forecast, Operation};

use super::answer::{NEAR, change_headline, change_totals, headline, prospect, reasons, totals};
use super::chart::{Chart, Stretch};
use super::number::{count, grouped, lasting};
use super::summary::{LogSummary, ReplayReport, TakenFor};
use change::ChangeRow;
use row::Row;

/// The most organizations that a page shows.
const MOST: usize = 2000;

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'d> {
    title: String,
    css: &'static str,
    sections: Vec<Section<'d>>,
    changes: Option<Changes<'d>>,
    warnings: &'d [String],
    facts: Vec<String>,
    taken: Vec<TakenRow<'d>>,
    unread: Vec<UnreadRow<'d>>,
    unread_count: String,
}

/// What a second configuration changes.
struct Changes<'d> {
    sub: String,
    totals: String,
    tables: Vec<ChangeTable<'d>>,
}

struct ChangeTable<'d> {
    /// The headline behind which it stands until it is opened; none for what stands open.
    folded: Option<String>,
    rows: Vec<ChangeRow<'d>>,
    /// Whether there is anything in these columns.
    has_advice: bool,
    has_protection: bool,
}

struct Section<'d> {
    number: usize,
    /// Whether it stands behind its headline until it is opened.
    folded: bool,
    headline: String,
    sub: String,
    reasons: Vec<String>,
    /// What the limits are counted in, for headings.
    unit: &'d str,
    refused: Vec<Row<'d>>,
    rows: Vec<Row<'d>>,
    /// Whether there is anything to tell of costs and of limits.
    has_costs: bool,
    has_limits: bool,
    /// Whether anything can be said of what would spare anybody.
    has_remedies: bool,
    /// The zone of times.
    zone: &'d str,
    chart: Chart,
    /// The operations that cost most, of all organizations together.
    operations: Vec<CostRow>,
    count: String,
    count_refused: usize,
    count_near: usize,
    near: u64,
    more: usize,
    logged: &'d [String],
    lines_logged: String,
}

/// What of a log was taken for what.
struct TakenRow<'d> {
    /// The file, where its rows begin.
    file: &'d str,
    field: &'d str,
    names: String,
    meaning: &'d str,
}

struct UnreadRow<'d> {
    place: String,
    why: &'d str,
    text: &'d str,
}

/// The page.
pub(super) fn html(document: &ReplayReport) -> anyhow::Result<String> {
    let sections = document.forecasts.iter().enumerate();
    let mut sections: Vec<_> = sections
        .filter_map(|(number, forecast)| section(number, forecast, &document.log))
        .collect();
    // The one that is to come first, and the present one folded behind it.
    if let [before, .., _] = sections.as_mut_slice() {
        before.folded = true;
        sections.reverse();
    }
    let changes = document.changes.as_deref().unwrap_or_default();
    let page = Page {
        title: match document.forecasts.as_slice() {
            [one, two, ..] => change_headline(changes, one, two),
            [one] => prospect(&headline(one), &document.log),
            [] => String::new(),
        },
        warnings: &document.warnings,
        css: include_str!("page.css"),
        sections,
        changes: match document.forecasts.as_slice() {
            [one, two, ..] => {
                let (refusals, others) = change::rows(changes, two);
                let folded = count(
                    others.len() as u64,
                    "organization is refused as much, and charged or limited otherwise",
                    "organizations are refused as much, and charged or limited otherwise",
                );
                let tables = [(None, refusals), (Some(folded), others)];
                let tables = tables.into_iter().filter(|(_, rows)| !rows.is_empty());
                Some(Changes {
                    sub: format!(
                        "From {} to {}. {}",
                        one.name,
                        two.name,
                        period(&document.log)
                    ),
                    totals: change_totals(changes, one, two),
                    tables: tables
                        .map(|(folded, rows)| ChangeTable::new(folded, rows))
                        .collect(),
                })
            }
            _ => None,
        },
        facts: facts(&document.log),
        taken: taken(&document.log),
        unread: unread(&document.log),
        unread_count: grouped(
            document
                .log
                .files
                .iter()
                .map(|file| file.unread.saturating_add(file.doubtful))
                .sum(),
        ),
    };
    Ok(page.render()?)
}

impl<'d> ChangeTable<'d> {
    fn new(folded: Option<String>, mut rows: Vec<ChangeRow<'d>>) -> Self {
        rows.truncate(MOST);
        Self {
            folded,
            has_advice: rows.iter().any(|row| !row.advice.is_empty()),
            has_protection: rows.iter().any(|row| !row.protected.is_empty()),
            rows,
        }
    }
}

fn section<'d>(number: usize, forecast: &'d Forecast, log: &'d LogSummary) -> Option<Section<'d>> {
    let stretch = Stretch::of(&forecast.series)?;
    let shown = || {
        forecast
            .organizations
            .iter()
            .map(Box::as_ref)
            .take(MOST)
            .enumerate()
    };
    let row = |(place, prospect)| {
        let id = format!("o{number}-{place}");
        Row::new(id, forecast, prospect, log, stretch)
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
            "{} Run through the filter with {}: {}. Times are those of the log.",
            period(log),
            forecast.name,
            totals(forecast)
        ),
        reasons: reasons(forecast),
        unit: forecast.unit.as_deref().unwrap_or_default(),
        refused: refused.collect(),
        has_costs: forecast.organizations.iter().any(|of| of.need > 0),
        has_limits: forecast.organizations.iter().any(|of| of.limit.is_some()),
        has_remedies: forecast.has_remedies(),
        chart: Chart::new(&forecast.series, stretch, &log.zone),
        zone: &log.zone.name,
        operations: operations(forecast),
        count: grouped(forecast.organizations.len() as u64),
        count_refused: count_of("refused"),
        count_near: count_of("near"),
        near: NEAR,
        more: forecast.organizations.len().saturating_sub(MOST),
        logged: &forecast.logged,
        lines_logged: grouped(forecast.lines_logged),
        rows,
    })
}

/// The most operations of all organizations together that a page shows.
const MOST_OPERATIONS: usize = 10;

/// What the calls of one kind came to, of all organizations together.
struct CostRow {
    name: String,
    calls: String,
    refused: String,
    cost: String,
    share: String,
}

fn operations(forecast: &Forecast) -> Vec<CostRow> {
    let mut sums: BTreeMap<&str, Operation> = BTreeMap::new();
    for (name, of) in forecast.organizations.iter().flat_map(|of| &of.operations) {
        let sum = sums.entry(name).or_default();
        sum.calls = sum.calls.saturating_add(of.calls);
        sum.cost = sum.cost.saturating_add(of.cost);
        sum.refused = sum.refused.saturating_add(of.refused);
    }
    let mut all: Vec<_> = sums.into_iter().collect();
    all.sort_by_key(|(_, of)| Reverse((of.cost, of.calls)));
    let row = |(name, of): (&str, Operation)| CostRow {
        name: name.to_owned(),
        calls: grouped(of.calls),
        refused: grouped(of.refused),
        cost: grouped(of.cost),
        share: format!(
            "{} %",
            of.cost
                .saturating_mul(100)
                .checked_div(forecast.cost)
                .unwrap_or(0)
        ),
    };
    all.into_iter().take(MOST_OPERATIONS).map(row).collect()
}

/// From when to when the calls came.
fn period(log: &LogSummary) -> String {
    match (log.first, log.last, log.covered()) {
        (Some(first), Some(last), Some(covered)) => {
            format!(
                "The log: {} from {} to {} {} ({}).",
                count(log.calls, "call", "calls"),
                log.zone.minute(first),
                log.zone.minute(last),
                log.zone.name,
                lasting(covered)
            )
        }
        _ => String::new(),
    }
}

fn facts(log: &LogSummary) -> Vec<String> {
    let mut facts = Vec::new();
    if let (Some(first), Some(last)) = (log.first, log.last) {
        let calls = count(log.calls, "call", "calls");
        facts.push(format!(
            "{calls} from {} to {} {}",
            log.zone.time(first),
            log.zone.time(last),
            log.zone.name
        ));
    }
    for file in &log.files {
        let unread = count(file.unread, "line", "lines");
        let doubtful = match file.doubtful {
            0 => String::new(),
            doubtful => format!(", nor could {}", count(doubtful, "duration", "durations")),
        };
        facts.push(format!(
            "{}: {}; {unread} could not be read{doubtful}",
            file.name,
            file.whole_format()
        ));
    }
    if log.out_of_order > 0 {
        let calls = count(log.out_of_order, "call", "calls");
        facts.push(format!("{calls} stood out of order and were put in order"));
    }
    facts
}

fn taken(log: &LogSummary) -> Vec<TakenRow<'_>> {
    let files = log.files.iter();
    let rows = files.flat_map(|file| file.taken.iter().map(move |taken| (file, taken)));
    rows.map(
        |(
            file,
            TakenFor {
                field,
                names,
                meaning,
                ..
            },
        )| TakenRow {
            file: &file.name,
            field,
            names: names.join(", "),
            meaning,
        },
    )
    .collect()
}

fn unread(log: &LogSummary) -> Vec<UnreadRow<'_>> {
    let files = log.files.iter();
    let lines = files.flat_map(|file| {
        let all = file.first_unread.iter().chain(&file.first_doubtful);
        all.map(move |line| (file, line))
    });
    lines
        .map(|(file, line)| UnreadRow {
            place: format!("{}:{}", file.name, line.line),
            why: &line.why,
            text: &line.text,
        })
        .collect()
}
