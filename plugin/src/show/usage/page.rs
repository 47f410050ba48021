//! The usage details as a page, for people.
//!
//! One document of HTML with its style inside: no script, no image, nothing to fetch, so that the strictest policy that a browser can
//! enforce applies. The template escapes whatever it fills in. Bars are SVG, because that policy forbids `style` attributes.

mod breakdown;
mod lasting;

use askama::Template;
use breakdown::{ClientRow, DayBar, client_rows, day_bars};
use lasting::{PeriodRow, PurchaseRow};

use super::{
    details::{Details, Elsewhere, Operation, Part, PartKind},
    local_time::in_words,
};
use crate::model::{credits::Credits, terms::Model};

/// The style of the page, of which the security policy holds the hash.
pub(in crate::show) const STYLE: &str = include_str!("page.css");

/// The value of `Content-Security-Policy` for the page: its own style by hash, and nothing else from anywhere. A test computes the hash.
pub const SECURITY_POLICY: &str = "default-src 'none'; \
     style-src 'sha256-EMj+n10Y5/l2tOcz9gjhitgYJn+jcEYZu9j6oOffiHQ='; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page, with everything as it is shown.
#[derive(Template)]
#[template(path = "page.html")]
pub struct Page<'a> {
    details: &'a Details,
    product: Option<&'a str>,
    path: &'a str,
    style: &'static str,
    /// `credits` or `calls`.
    unit: &'static str,
    unit_title: &'static str,
    /// As `unit`, for what remains.
    remaining_unit: &'static str,
    notes: Vec<Note>,
    /// The class of the percentage.
    level: &'static str,
    total: String,
    used: String,
    remaining: String,
    bar_label: String,
    bars: Vec<Bar>,
    parts: Vec<Row>,
    resets_in: String,
    zone: String,
    operations: Vec<OperationRow<'a>>,
    /// Credits that no operation lists yet.
    not_itemized: Option<String>,
    /// When nothing is left at today's pace.
    runs_out_at: Option<&'a str>,
    clients: Option<Vec<ClientRow<'a>>>,
    /// The days before today and today; nothing where there are none before it.
    days: Vec<DayBar>,
    periods: Vec<PeriodRow<'a>>,
    purchases: Vec<PurchaseRow<'a>>,
    plan: Vec<(&'static str, String)>,
    outcomes: Vec<(String, String)>,
    elsewhere: Option<String>,
}

/// What the reader should know before reading numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Note {
    /// `alarm` for what calls for action, nothing for what only explains.
    class: &'static str,
    text: &'static str,
}

/// A part of the total in the bar, in percent of the whole bar.
struct Bar {
    kind: &'static str,
    start: Percent,
    allotted: Percent,
    used: Percent,
}

/// A part of the total in the table.
struct Row {
    kind: &'static str,
    label: &'static str,
    why: Option<String>,
    used: String,
    allotted: String,
}

struct OperationRow<'a> {
    rule: &'a str,
    calls: String,
    credits: String,
    /// The operation's part of all credits used here.
    share: Percent,
}

/// A length in hundredths of a percent, as SVG attributes take it.
#[derive(Clone, Copy)]
pub(in crate::show) struct Percent(u64);

impl Percent {
    /// `part` of `whole`, nothing of nothing.
    pub(in crate::show) fn of(part: u64, whole: u64) -> Self {
        let part = u128::from(part).saturating_mul(10_000);
        let hundredths = part.checked_div(u128::from(whole)).unwrap_or(0);
        Self(u64::try_from(hundredths).unwrap_or(10_000).min(10_000))
    }
}

impl std::fmt::Display for Percent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

impl<'a> Page<'a> {
    /// The page of `details`, under the name of a product, as served at `path`.
    #[must_use]
    pub fn new(details: &'a Details, product: Option<&'a str>, path: &'a str) -> Self {
        let (unit, unit_title) = match details.model {
            Model::Legacy => ("calls", "Counted"),
            Model::Credits | Model::Grandfathered => ("credits", "Credits"),
        };
        let (total, used) = (grouped(details.total.get()), grouped(details.used.get()));
        Self {
            details,
            product,
            path,
            style: STYLE,
            unit,
            unit_title,
            remaining_unit: if details.remaining == Credits::ONE {
                unit.trim_end_matches('s')
            } else {
                unit
            },
            notes: notes(details),
            level: match details.percentage.tenths() {
                0..800 => "",
                800..1000 => "high",
                _ => "full",
            },
            bar_label: format!(
                "{used} of {total} {unit} used, {} percent",
                details.percentage
            ),
            bars: bars(&details.parts),
            parts: details
                .parts
                .iter()
                .map(|part| row(part, details))
                .collect(),
            total,
            used,
            remaining: grouped(details.remaining.get()),
            resets_in: in_words(details.resets_in),
            zone: zone(details),
            operations: operation_rows(details),
            not_itemized: Some(details.not_itemized.get())
                .filter(|credits| *credits > 0)
                .map(grouped),
            runs_out_at: (details.runs_out_at.as_ref())
                .filter(|_| details.enforced)
                .map(|at| at.time.as_str()),
            clients: client_rows(details),
            days: if details.history.is_empty() {
                Vec::new()
            } else {
                day_bars(details)
            },
            periods: details.periods.iter().map(PeriodRow::of).collect(),
            purchases: details.purchases.iter().map(PurchaseRow::of).collect(),
            plan: plan(details),
            outcomes: outcomes(details),
            elsewhere: details.elsewhere.map(|other| elsewhere(other, unit)),
        }
    }

    /// The page as HTML. What is rendered here always can be.
    #[must_use]
    pub fn to_html(&self) -> String {
        self.render().unwrap_or_default()
    }
}

/// What is special about the organization's day, the urgent first.
fn notes(details: &Details) -> Vec<Note> {
    let explain = |text| Note { class: "", text };
    let alarm = |text| Note {
        class: "alarm",
        text,
    };
    let keeps_limit = || {
        let mut kinds = details.parts.iter().map(|part| part.kind);
        kinds.any(|kind| kind == PartKind::Grandfathered)
    };
    let is_used_up = details.remaining.is_zero();
    let has_overage = !details.spendable.is_zero();
    let enforcement = match (details.enforced, details.model) {
        (false, _) => Some(explain(
            "Not enforced: no call is refused, whatever is left.",
        )),
        (true, _) if is_used_up && has_overage => Some(alarm(
            "All credits of today are used. Calls go on as overage, and are refused once that is used up as well.",
        )),
        (true, Model::Legacy) if is_used_up => Some(alarm(
            "All calls of today are used. Further calls are refused until the reset.",
        )),
        (true, _) if is_used_up => Some(alarm(
            "All credits of today are used. Calls that cost credits are refused until the reset.",
        )),
        (true, _) => None,
    };
    let model = match details.model {
        Model::Credits => None,
        Model::Legacy => Some(explain("Every call counts as one against your API limit.")),
        Model::Grandfathered if keeps_limit() => Some(explain(
            "Your former API limit is higher than the credits of your plan, so you keep its number.",
        )),
        Model::Grandfathered => Some(explain(
            "Your plan gives you more credits than your former API limit.",
        )),
    };
    enforcement.into_iter().chain(model).collect()
}

/// What other proxies do that share the day.
fn elsewhere(other: Elsewhere, unit: &str) -> String {
    let Some(age) = other.age else {
        return "Other servers have not been heard of yet.".to_owned();
    };
    let (used, reserved) = (grouped(other.used.get()), grouped(other.reserved.get()));
    format!(
        "{used} of these {unit} were used through other servers, and {reserved} more are reserved there, as of {age} s ago."
    )
}

/// The parts side by side, and the used length of each.
fn bars(parts: &[Part]) -> Vec<Bar> {
    let sum = |parts: &[Part]| {
        let allotted = parts.iter().map(|part| part.allotted.get());
        allotted.fold(0, u64::saturating_add)
    };
    let whole = sum(parts);
    let bar = |(place, part): (usize, &Part)| Bar {
        kind: part.kind.name(),
        start: Percent::of(parts.get(..place).map_or(0, sum), whole),
        allotted: Percent::of(part.allotted.get(), whole),
        used: Percent::of(part.used.get(), whole),
    };
    let shown = parts.iter().enumerate();
    shown
        .filter(|(_, part)| !part.allotted.is_zero())
        .map(bar)
        .collect()
}

fn row(part: &Part, details: &Details) -> Row {
    let plan = &details.plan;
    let label = match part.kind {
        PartKind::Base => "Base",
        PartKind::Variable => "Agents",
        PartKind::Additional => "Additional",
        PartKind::Grandfathered => "Former API limit",
        PartKind::Purchased => "Purchased",
        PartKind::Limit => "API limit",
        PartKind::Overage => "Overage",
    };
    let why = match (part.kind, plan.agents, plan.credits_per_agent) {
        (PartKind::Base, ..) => Some(details.edition.clone()),
        (PartKind::Variable, Some(agents), Some(each)) => Some(format!(
            "{} × {}",
            grouped(u64::from(agents)),
            grouped(each.get())
        )),
        (PartKind::Grandfathered, ..) => {
            let limit = details.legacy_limit.unwrap_or(details.total);
            Some(format!("up to {}", grouped(limit.get())))
        }
        _ => None,
    };
    Row {
        kind: part.kind.name(),
        label,
        why,
        used: grouped(part.used.get()),
        allotted: grouped(part.allotted.get()),
    }
}

fn operation_rows(details: &Details) -> Vec<OperationRow<'_>> {
    let operations = &details.operations;
    let credits = operations
        .iter()
        .map(|operation| operation.count.credits.get());
    let all = credits.fold(details.not_itemized.get(), u64::saturating_add);
    let rows = operations
        .iter()
        .map(|Operation { rule, count }| OperationRow {
            rule,
            calls: grouped(count.calls),
            credits: grouped(count.credits.get()),
            share: Percent::of(count.credits.get(), all),
        });
    rows.collect()
}

fn plan(details: &Details) -> Vec<(&'static str, String)> {
    let plan = &details.plan;
    let number = |number: u32| grouped(u64::from(number));
    let amount = |credits: Credits| grouped(credits.get());
    let concurrency = details.concurrency.map(|calls| {
        let (now, limit) = (number(calls.in_progress), number(calls.limit));
        format!("{now} of {limit}")
    });
    let facts = [
        ("Edition", Some(details.edition.clone())),
        ("Data centre", details.data_center.clone()),
        ("Agents", plan.agents.map(number)),
        ("Light agents", plan.light_agents.map(number)),
        ("Credits per agent", plan.credits_per_agent.map(amount)),
        (
            "Additional credits at most",
            plan.additional_max.map(amount),
        ),
        (
            "Former API limit",
            details
                .legacy_limit
                .filter(|_| details.model != Model::Legacy)
                .map(amount),
        ),
        ("Calls in progress", concurrency),
    ];
    facts
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

fn outcomes(details: &Details) -> Vec<(String, String)> {
    let refused = details.refusals.iter();
    let mut facts: Vec<_> = refused
        .map(|refusals| (reason(refusals.reason), grouped(refusals.calls)))
        .collect();
    if facts.is_empty() {
        facts.push(("Refused calls".to_owned(), "none".to_owned()));
    }
    let refunds = details.refunds;
    let (calls, credits) = (grouped(refunds.calls), grouped(refunds.credits.get()));
    facts.push((
        "Refunded calls".to_owned(),
        if refunds.calls == 0 {
            "none".to_owned()
        } else {
            calls
        },
    ));
    if refunds.calls > 0 {
        facts.push(("Credits given back".to_owned(), credits));
    }
    facts
}

/// A reason in words: what was refused.
fn reason(name: &str) -> String {
    let words = match name {
        "daily_credits" => "Not enough credits left",
        "exceeds_allotment" => "Cost more than a whole day’s credits",
        "client_credits" => "Client’s credits used up",
        "period_limit" => "A limit beside the day’s used up",
        "exceeds_period_limit" => "Cost more than a limit beside the day’s",
        "exceeds_client_credits" => "Cost more than its client may use in a day",
        "too_many_requests" => "Too many calls in progress",
        "client_too_many_requests" => "Too many calls of one client in progress",
        "body_too_large" => "Body too large to be priced",
        "body_unreadable" => "Body that could not be read",
        "contended" | "account_unavailable" => "Account temporarily unavailable",
        "invalid_subscription" => "Subscription that makes no sense",
        "other" => "Other reasons",
        name => return name.replace('_', " "),
    };
    words.to_owned()
}

fn zone(details: &Details) -> String {
    let (name, offset) = (&details.time_zone, &details.resets_at.offset);
    if name == offset {
        return format!("({name})");
    }
    format!("({name}, {offset})")
}

/// A number with a comma between each three digits.
pub(in crate::show) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len().saturating_add(6));
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && digits.len().saturating_sub(place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests;
