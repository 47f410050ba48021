//! The forecast on a terminal.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};
use host_sim::forecast::{Change, Forecast, Prospect};

use super::advice::advice;
use super::answer::{change_headline, change_totals, headline, reasons, totals};
use super::number::{count, grouped};
use super::summary::{LogSummary, ReplayReport, TakenFor, UnreadLine};

// Writing to a string cannot fail.
macro_rules! line {
    ($text:expr, $($arguments:tt)*) => { let _ = writeln!($text, $($arguments)*); };
}

/// Everything, with this many organizations.
pub(super) fn text(document: &ReplayReport, top: usize) -> String {
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
        let zone = &log.zone;
        line!(
            text,
            "{calls} from {} to {} {}",
            zone.time(first),
            zone.time(last),
            zone.name
        );
    }
    for file in &log.files {
        let unread = match file.unread {
            0 => String::new(),
            unread => format!(", {} could not be read", count(unread, "line", "lines")),
        };
        line!(text, "  {}: {}{unread}", file.name, file.whole_format());
        let widest =
            |width: fn(&TakenFor) -> usize| file.taken.iter().map(width).max().unwrap_or(0);
        let field_width = widest(|taken| taken.field.len());
        let names_width = widest(|taken| taken.names.join(", ").len());
        for TakenFor {
            field,
            names,
            meaning,
            ..
        } in &file.taken
        {
            let names = names.join(", ");
            let row = format!("    {field:field_width$}  {names:names_width$}  {meaning}");
            line!(text, "{}", row.trim_end());
        }
        of_lines(text, &file.first_unread, file.unread);
        if file.doubtful > 0 {
            let durations = count(file.doubtful, "duration", "durations");
            line!(text, "  {durations} could not be read:");
            of_lines(text, &file.first_doubtful, file.doubtful);
        }
    }
}

/// The first of some lines.
fn of_lines(text: &mut String, first: &[UnreadLine], all: u64) {
    for unread in first {
        line!(
            text,
            "    line {}: {}: {}",
            unread.line,
            unread.why,
            unread.text
        );
    }
    let more = all.saturating_sub(u64::try_from(first.len()).unwrap_or(0));
    if more > 0 {
        line!(text, "    and {} more", grouped(more));
    }
}

/// A column: its heading, whether it is a number, and what it says of an organization.
struct Column<'f> {
    heading: String,
    is_number: bool,
    cell: Box<dyn Fn(&Prospect) -> String + 'f>,
}

/// The columns that have something to say: not every module tells of plans, costs and limits.
fn columns<'f>(forecast: &'f Forecast, log: &'f LogSummary) -> Vec<Column<'f>> {
    let any = |is: fn(&Prospect) -> bool| forecast.organizations.iter().any(|of| is(of));
    let mut columns = Vec::new();
    let mut put = |is_told: bool,
                   heading: &str,
                   is_number: bool,
                   cell: Box<dyn Fn(&Prospect) -> String + 'f>| {
        if is_told {
            columns.push(Column {
                heading: heading.to_owned(),
                is_number,
                cell,
            });
        }
    };
    let or_dash = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), grouped);
    let limited = any(|of| of.limit.is_some());
    put(
        true,
        "organization",
        false,
        Box::new(|of| of.organization.clone()),
    );
    put(
        any(|of| of.plan.is_some()),
        "plan",
        false,
        Box::new(|of| of.plan.clone().unwrap_or_default()),
    );
    put(true, "calls", true, Box::new(|of| grouped(of.calls)));
    put(true, "refused", true, Box::new(|of| grouped(of.refused)));
    put(
        any(|of| of.need > 0),
        "needs",
        true,
        Box::new(|of| grouped(of.need)),
    );
    put(
        limited,
        "limit",
        true,
        Box::new(move |of| or_dash(of.limit)),
    );
    let percent = |of: &Prospect| {
        of.share
            .map_or_else(|| "-".to_owned(), |share| format!("{} %", grouped(share)))
    };
    put(limited, "share", true, Box::new(percent));
    put(
        !log.without_durations,
        "at once",
        true,
        Box::new(|of| grouped(of.peak_concurrency)),
    );
    let first = |of: &Prospect| {
        let first = of.first_refusal.as_ref();
        first.map_or_else(String::new, |first| log.zone.time(first.at))
    };
    let refused = forecast.organizations_refused > 0;
    let heading = format!("first refusal ({})", log.zone.name);
    put(refused, &heading, false, Box::new(first));
    put(
        forecast.has_remedies(),
        "what would do",
        false,
        Box::new(|of| advice(forecast, of)),
    );
    columns
}

fn of_forecast(text: &mut String, forecast: &Forecast, log: &LogSummary, top: usize) {
    line!(text, "\n{}: {}", forecast.name, headline(forecast));
    line!(text, "{}", totals(forecast));
    for reason in reasons(forecast) {
        line!(text, "  {reason}");
    }
    let columns = columns(forecast, log);
    let headings: Vec<_> = columns
        .iter()
        .map(|column| column.heading.as_str())
        .collect();
    let mut table = table(&headings);
    for of in forecast.organizations.iter().take(top) {
        table.add_row(columns.iter().map(|column| (column.cell)(of)));
    }
    let numbers = columns.iter().enumerate();
    align(
        &mut table,
        numbers.filter_map(|(at, column)| column.is_number.then_some(at)),
    );
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
    line!(text, "{}", change_totals(changes, one, two));
    let mut table = table(&[
        "organization",
        "refused",
        "charged",
        "limit",
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
            turn(grouped(change.refused.0), grouped(change.refused.1)),
            turn(grouped(change.cost.0), grouped(change.cost.1)),
            turn(or_dash(change.limit.0), or_dash(change.limit.1)),
            protected.to_owned(),
        ]);
    }
    align(&mut table, 1..=3);
    line!(text, "{}", trimmed(&table));
    let rest = changes.len().saturating_sub(top);
    if rest > 0 {
        line!(text, "and {}", count(rest as u64, "other", "others"));
    }
}

/// What was, and what comes.
pub(super) fn turn(before: String, after: String) -> String {
    if before == after {
        return after;
    }
    format!("{before} → {after}")
}

fn table(heading: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(heading.to_vec());
    table
}

fn align(table: &mut Table, columns: impl Iterator<Item = usize>) {
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
