//! The forecast on a terminal.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};
use host_sim::forecast::{Change, Forecast, Prospect, Remedy};

use super::number::{count, grouped, time};
use super::summary::{Document, LogSummary};

// Writing to a string cannot fail.
macro_rules! line {
    ($text:expr, $($arguments:tt)*) => { let _ = writeln!($text, $($arguments)*); };
}

/// Everything, with this many organizations.
pub(super) fn text(document: &Document, top: usize) -> String {
    let mut text = String::new();
    of_log(&mut text, &document.log);
    for warning in &document.warnings {
        line!(text, "\nwarning: {warning}");
    }
    for forecast in &document.forecasts {
        of_forecast(&mut text, forecast, &document.log, top);
    }
    if let (Some(changes), [one, two, ..]) = (&document.changes, document.forecasts.as_slice()) {
        of_changes(&mut text, changes, one, two, top);
    }
    text
}

fn of_log(text: &mut String, log: &LogSummary) {
    if let (Some(first), Some(last)) = (log.first, log.last) {
        let calls = count(log.calls, "call", "calls");
        line!(text, "{calls} from {} to {} UTC", time(first), time(last));
    }
    for file in &log.files {
        let unread = match file.unread {
            0 => String::new(),
            unread => format!(", {} could not be read", count(unread, "line", "lines")),
        };
        line!(text, "  {}: {}{unread}", file.name, file.format);
        for unread in &file.first_unread {
            line!(
                text,
                "    line {}: {}: {}",
                unread.line,
                unread.why,
                unread.text
            );
        }
        let more = file
            .unread
            .saturating_sub(u64::try_from(file.first_unread.len()).unwrap_or(0));
        if more > 0 {
            line!(text, "    and {} more", grouped(more));
        }
    }
}

/// The sentence that matters.
pub(super) fn headline(forecast: &Forecast) -> String {
    let all = forecast.organizations.len();
    let refused = forecast.organizations_refused;
    match (refused, all) {
        (0, 1) => "The organization would not be refused any call.".to_owned(),
        (0, all) => format!(
            "None of {} organizations would be refused a call.",
            grouped(all as u64)
        ),
        (1, all) => format!(
            "1 of {} organizations would be refused calls.",
            grouped(all as u64)
        ),
        (refused, all) => format!(
            "{} of {} organizations would be refused calls.",
            grouped(refused as u64),
            grouped(all as u64)
        ),
    }
}

/// What another configuration comes to.
pub(super) fn change_headline(changes: &[Change], one: &Forecast, two: &Forecast) -> String {
    if changes.is_empty() {
        return "Nothing changes for anybody.".to_owned();
    }
    let begin = changes
        .iter()
        .filter(|change| change.refused.0 == 0 && change.refused.1 > 0);
    let end = changes
        .iter()
        .filter(|change| change.refused.0 > 0 && change.refused.1 == 0);
    format!(
        "{}: {} newly refused, {} no longer; {} refused instead of {}.",
        count(
            changes.len() as u64,
            "organization changes",
            "organizations change"
        ),
        grouped(begin.count() as u64),
        grouped(end.count() as u64),
        count(two.refused, "call", "calls"),
        grouped(one.refused)
    )
}

/// What would have spared an organization its refusals, in a few words.
pub(super) fn advice(forecast: &Forecast, prospect: &Prospect) -> String {
    let Some(remedy) = &prospect.remedy else {
        let reasons = prospect.refusals.keys();
        let reasons: Vec<_> = reasons.map(|reason| forecast.said(reason)).collect();
        return match prospect.refused {
            0 => String::new(),
            _ => format!("no plan: {}", reasons.join(", ")),
        };
    };
    let mut ways = Vec::new();
    ways.extend(purchase(remedy, prospect.concurrency));
    ways.extend(remedy.plan().map(|plan| {
        let limit = plan
            .limit
            .map_or_else(String::new, |limit| format!(" ({})", grouped(limit)));
        format!("plan {}{limit}", plan.name)
    }));
    match ways.as_slice() {
        [] => "nothing that is on offer".to_owned(),
        [way] => way.clone(),
        several => format!("either: {}", several.join("; or: ")),
    }
}

/// What is to be had beside the present plan.
fn purchase(remedy: &Remedy, allowed: Option<u64>) -> Option<String> {
    if remedy.can_be_bought == Some(false) {
        return None;
    }
    let unit = remedy.unit.as_ref();
    let unit = unit.map_or_else(String::new, |unit| format!(" {unit}"));
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
    (!parts.is_empty()).then(|| parts.join(", and "))
}

fn of_forecast(text: &mut String, forecast: &Forecast, log: &LogSummary, top: usize) {
    line!(text, "\n{}: {}", forecast.name, headline(forecast));
    line!(
        text,
        "{} of {} refused, {} charged for the others",
        grouped(forecast.refused),
        count(forecast.calls, "call", "calls"),
        grouped(forecast.cost)
    );
    let mut table = table(&[
        "organization",
        "plan",
        "calls",
        "refused",
        "needs",
        "limit",
        "share",
        "at once",
        "first refusal (UTC)",
        "what would do",
    ]);
    let shown = forecast.organizations.iter().take(top);
    for of in shown {
        let or_dash = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), grouped);
        let at_once = if log.without_durations {
            "-".to_owned()
        } else {
            grouped(of.peak_concurrency)
        };
        let share = of
            .share
            .map_or_else(|| "-".to_owned(), |share| format!("{} %", grouped(share)));
        table.add_row([
            of.organization.clone(),
            of.plan.clone().unwrap_or_default(),
            grouped(of.calls),
            grouped(of.refused),
            grouped(of.need),
            or_dash(of.limit),
            share,
            at_once,
            of.first_refusal
                .as_ref()
                .map_or_else(String::new, |first| time(first.at)),
            advice(forecast, of),
        ]);
    }
    align(&mut table, 2..=7);
    line!(text, "{}", trimmed(&table));
    let rest = forecast.organizations.len().saturating_sub(top);
    if rest > 0 {
        line!(
            text,
            "and {} (--top shows more, --json and --html all)",
            count(rest as u64, "other", "others")
        );
    }
}

fn of_changes(text: &mut String, changes: &[Change], one: &Forecast, two: &Forecast, top: usize) {
    let headline = change_headline(changes, one, two);
    line!(text, "\nFrom {} to {}: {headline}", one.name, two.name);
    if changes.is_empty() {
        return;
    }
    let mut table = table(&[
        "organization",
        "refused",
        "",
        "charged",
        "",
        "limit",
        "",
        "protected by former terms",
    ]);
    for change in changes.iter().take(top) {
        let or_dash = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), grouped);
        let protected = match change.protected {
            (false, false) => "",
            (true, true) => "yes",
            (true, false) => "no longer",
            (false, true) => "only then",
        };
        table.add_row([
            change.organization.clone(),
            grouped(change.refused.0),
            grouped(change.refused.1),
            grouped(change.cost.0),
            grouped(change.cost.1),
            or_dash(change.limit.0),
            or_dash(change.limit.1),
            protected.to_owned(),
        ]);
    }
    align(&mut table, 1..=6);
    line!(text, "{}", trimmed(&table));
    let rest = changes.len().saturating_sub(top);
    if rest > 0 {
        line!(text, "and {}", count(rest as u64, "other", "others"));
    }
}

fn table(heading: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(heading.to_vec());
    table
}

fn align(table: &mut Table, columns: std::ops::RangeInclusive<usize>) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// The table without the blanks at the ends of its lines.
fn trimmed(table: &Table) -> String {
    let lines: Vec<_> = table
        .to_string()
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.join("\n")
}
