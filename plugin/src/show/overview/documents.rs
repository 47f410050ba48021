//! The overview for programs: as JSON, as CSV, and as `OpenMetrics` text.

use jiff::Timestamp;
use serde::Serialize;

use super::{Overview, Row};
use crate::{
    document::csv,
    model::instant::rfc3339,
    show::usage::json::{self, OneDecimal},
};

/// The JSON document. Members are only ever added.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    /// When these numbers were read: RFC 3339, in UTC.
    as_of: String,
    /// How many organizations fit what was searched for.
    total_organizations: usize,
    /// Whether every organization is among them that has been active; if not, there are too many.
    complete: bool,
    /// Where several proxies share the accounts: what the others do.
    #[serde(skip_serializing_if = "Option::is_none")]
    elsewhere: Option<ElsewhereMember<'a>>,
    /// The organizations in the order that was asked for, as many as were asked for.
    organizations: Vec<OrganizationMember<'a>>,
}

/// What is known of other proxies.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ElsewhereMember<'a> {
    /// Whether what they use is in these numbers as it is now. If not, it is as this proxy last heard of it, and organizations that only
    /// they serve may be missing.
    known: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// An organization. What is not known is `null`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OrganizationMember<'a> {
    organization: &'a str,
    edition: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_center: Option<&'a str>,
    /// `credits`, `grandfathered` or `legacy`, as in usage details.
    model: Option<&'static str>,
    /// Whether calls that it cannot pay for are refused.
    enforced: bool,
    limit: Option<u64>,
    used: u64,
    remaining: Option<u64>,
    /// `used` in percent of `limit`, rounded down to one decimal.
    percentage_used: Option<OneDecimal>,
    calls_in_progress: u32,
    /// How many may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency: Option<u32>,
    /// Calls that the proxy which answers has refused today.
    refused_calls: u64,
    /// When its credits are used up if it goes on as it has today; `null` if that is not before its day ends.
    runs_out_at: Option<String>,
    resets_at: Option<String>,
}

impl<'a> From<&'a Row> for OrganizationMember<'a> {
    fn from(row: &'a Row) -> Self {
        Self {
            organization: &row.organization,
            edition: row.edition.as_deref(),
            data_center: row.data_center.as_deref(),
            model: row.model.map(|model| model.name()),
            enforced: row.enforced,
            limit: row.total.map(|total| total.get()),
            used: row.used.get(),
            remaining: row.remaining().map(|remaining| remaining.get()),
            percentage_used: row.percentage().map(OneDecimal),
            calls_in_progress: row.in_progress,
            concurrency: row.concurrency,
            refused_calls: row.refused,
            runs_out_at: row.runs_out_at.map(rfc3339),
            resets_at: row.resets_at.map(rfc3339),
        }
    }
}

/// The overview as JSON.
pub(super) fn json(overview: &Overview) -> String {
    let elsewhere = overview.elsewhere.as_ref();
    json::text(&Document {
        as_of: rfc3339(overview.as_of),
        total_organizations: overview.organizations,
        complete: !overview.is_incomplete,
        elsewhere: elsewhere.map(|known| ElsewhereMember {
            known: known.is_ok(),
            reason: known.as_ref().err().map(String::as_str),
        }),
        organizations: overview.rows.iter().map(OrganizationMember::from).collect(),
    })
}

/// The overview as CSV, with a line that names the columns. What is not known is empty.
pub(super) fn csv(overview: &Overview) -> String {
    let mut text = csv::row(&[
        "organization",
        "edition",
        "data_center",
        "model",
        "enforced",
        "limit",
        "used",
        "remaining",
        "percentage_used",
        "calls_in_progress",
        "concurrency",
        "refused_calls",
        "runs_out_at",
        "resets_at",
    ]);
    for row in &overview.rows {
        let number = |number: Option<u64>| number.map(|n| n.to_string()).unwrap_or_default();
        let moment = |moment: Option<Timestamp>| moment.map(rfc3339).unwrap_or_default();
        let percentage = row.percentage().map(|share| share.to_string());
        text.push_str(&csv::row(&[
            &row.organization,
            row.edition.as_deref().unwrap_or_default(),
            row.data_center.as_deref().unwrap_or_default(),
            row.model.map(|model| model.name()).unwrap_or_default(),
            if row.enforced { "true" } else { "false" },
            &number(row.total.map(|total| total.get())),
            &row.used.to_string(),
            &number(row.remaining().map(|remaining| remaining.get())),
            &percentage.unwrap_or_default(),
            &row.in_progress.to_string(),
            &number(row.concurrency.map(u64::from)),
            &row.refused.to_string(),
            &moment(row.runs_out_at),
            &moment(row.resets_at),
        ]));
    }
    text
}

/// A gauge with a value for each organization: its name, what it is, and its value where it is known.
type Gauge = (&'static str, &'static str, fn(&Row) -> Option<String>);

/// The gauges of an organization. All are of its day, and begin again with it.
const GAUGES: [Gauge; 6] = [
    (
        "api_credits_organization_used_credits",
        "Credits that the organization has used today.",
        |row| Some(row.used.to_string()),
    ),
    (
        "api_credits_organization_limit_credits",
        "Credits of its day.",
        |row| row.total.map(|total| total.to_string()),
    ),
    (
        "api_credits_organization_used_ratio",
        "The share of its credits that is used.",
        |row| {
            let tenths = row.percentage()?.tenths();
            Some(format!("{}.{:03}", tenths / 1_000, tenths % 1_000))
        },
    ),
    (
        "api_credits_organization_calls_in_progress",
        "Its calls in progress.",
        |row| Some(row.in_progress.to_string()),
    ),
    (
        "api_credits_organization_refused_calls",
        "Its calls that this proxy has refused today.",
        |row| Some(row.refused.to_string()),
    ),
    (
        "api_credits_organization_runs_out_timestamp_seconds",
        "When its credits are used up if it goes on as it has today; absent if that is not before its day ends.",
        |row| row.runs_out_at.map(|at| at.as_second().to_string()),
    ),
];

/// The overview as `OpenMetrics` text (version 1.0.0).
pub(super) fn open_metrics(overview: &Overview) -> String {
    let mut text = String::new();
    let describe = |text: &mut String, name: &str, help: &str| {
        text.push_str(&format!("# TYPE {name} gauge\n"));
        if let Some((_, unit)) = name.rsplit_once('_').filter(|(_, unit)| is_unit(unit)) {
            text.push_str(&format!("# UNIT {name} {unit}\n"));
        }
        text.push_str(&format!("# HELP {name} {help}\n"));
    };
    for (name, help, value) in GAUGES {
        describe(&mut text, name, help);
        for row in &overview.rows {
            if let Some(value) = value(row) {
                let organization = label(&row.organization);
                text.push_str(&format!(
                    "{name}{{organization=\"{organization}\"}} {value}\n"
                ));
            }
        }
    }
    let name = "api_credits_organizations";
    describe(&mut text, name, "Organizations that are known here.");
    text.push_str(&format!("{name} {}\n# EOF\n", overview.organizations));
    text
}

/// Whether a name that ends so states its unit.
fn is_unit(end: &str) -> bool {
    matches!(end, "credits" | "ratio" | "seconds")
}

/// The value of a label: `\`, `"` and line feeds are escaped (OpenMetrics 1.0.0, "escaped-string").
fn label(value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    value.replace('\n', "\\n")
}
