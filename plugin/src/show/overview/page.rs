//! The overview as a page, for people: sorted by links, searched by a form, without a script.

use askama::Template;
use jiff::tz::TimeZone;

use super::{Overview, Row, Sort, View};
use crate::{
    model::day::Seconds,
    show::usage::{
        local_time::{LocalTime, in_words},
        page::{Percent, STYLE, grouped},
    },
};

/// The value of `Content-Security-Policy` for the page: as that of the usage page, and a form that leads back here.
pub(super) const SECURITY_POLICY: &str = "default-src 'none'; \
     style-src 'sha256-EMj+n10Y5/l2tOcz9gjhitgYJn+jcEYZu9j6oOffiHQ='; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The page, with everything as it is shown.
#[derive(Template)]
#[template(path = "overview/page.html")]
struct Page<'a> {
    product: Option<&'a str>,
    path: &'a str,
    style: &'static str,
    search: &'a str,
    sort: &'static str,
    top: usize,
    usual: bool,
    columns: Vec<Column>,
    rows: Vec<RowShown<'a>>,
    summary: String,
    notes: Vec<String>,
    as_of: String,
}

/// The head of a column.
struct Column {
    title: &'static str,
    query: String,
    is_sorted: bool,
}

/// An organization.
struct RowShown<'a> {
    organization: &'a str,
    about: String,
    /// The share that is used, `high` or `full` where it is that.
    level: &'static str,
    share: String,
    bar: Percent,
    used: String,
    total: String,
    runs_out: String,
    in_progress: String,
    refused: String,
}

const COLUMNS: [(&str, Sort); 6] = [
    ("Organization", Sort::Organization),
    ("Share", Sort::Share),
    ("Used", Sort::Used),
    ("Runs out", Sort::RunsOut),
    ("In progress", Sort::InProgress),
    ("Refused", Sort::Refused),
];

/// The page as HTML. What is rendered here always can be.
pub(super) fn html(overview: &Overview, view: &View, product: Option<&str>, path: &str) -> String {
    let column = |(title, sort): (&'static str, Sort)| Column {
        title,
        query: view.sorted_by(sort),
        is_sorted: sort == view.sort,
    };
    let page = Page {
        product,
        path,
        style: STYLE,
        search: &view.search,
        sort: view.sort.name(),
        top: view.top,
        usual: view.top == View::USUAL,
        columns: COLUMNS.into_iter().map(column).collect(),
        rows: overview
            .rows
            .iter()
            .map(|row| shown(row, overview))
            .collect(),
        summary: summary(overview),
        notes: notes(overview),
        as_of: LocalTime::new(overview.as_of, &TimeZone::UTC).time,
    };
    page.render().unwrap_or_default()
}

fn shown<'a>(row: &'a Row, overview: &Overview) -> RowShown<'a> {
    let number = |number: u64| grouped(number);
    let percentage = row.percentage();
    let mut about = Vec::new();
    about.extend(row.edition.clone());
    about.extend(row.data_center.clone());
    if !row.enforced {
        about.push("not enforced".to_owned());
    }
    RowShown {
        organization: &row.organization,
        about: about.join(" · "),
        level: match percentage.map(|share| share.tenths()) {
            None | Some(0..800) => "",
            Some(800..1000) => "high",
            Some(_) => "full",
        },
        share: percentage.map_or_else(|| "–".to_owned(), |share| format!("{share} %")),
        bar: Percent::of(row.used.get(), row.total.map_or(0, |total| total.get())),
        used: number(row.used.get()),
        total: row
            .total
            .map_or_else(|| "?".to_owned(), |total| number(total.get())),
        runs_out: match (row.runs_out_at, row.remaining()) {
            (_, Some(left)) if left.is_zero() => "now".to_owned(),
            (Some(at), _) => format!("in {}", in_words(Seconds::between(overview.as_of, at))),
            (None, _) => "–".to_owned(),
        },
        in_progress: match row.concurrency {
            Some(limit) => format!("{} of {}", row.in_progress, limit),
            None => number(u64::from(row.in_progress)),
        },
        refused: number(row.refused),
    }
}

fn summary(overview: &Overview) -> String {
    let (shown, all) = (overview.rows.len(), overview.organizations);
    let s = if all == 1 { "" } else { "s" };
    let count = |count: usize| grouped(u64::try_from(count).unwrap_or(u64::MAX));
    if shown == all {
        format!("{} organization{s}", count(all))
    } else {
        format!("{} of {} organization{s}", count(shown), count(all))
    }
}

/// What the reader should know before reading numbers.
fn notes(overview: &Overview) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(Err(reason)) = &overview.elsewhere {
        notes.push(format!(
            "What other servers use is as this one last heard of it, and organizations that only they serve may be missing: {reason}."
        ));
    }
    if overview.is_incomplete {
        notes.push("There are too many organizations for all of them to be known here.".to_owned());
    }
    notes
}
