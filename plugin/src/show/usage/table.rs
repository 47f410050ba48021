//! The usage details as a table in CSV, for spreadsheets: today and the days before, by client and operation.
//!
//! The credits of a day's rows add up to what was used on it.

use super::details::{ClientDetails, Details, Operation};
use crate::{accounts::statistics::Count, document::csv, model::credits::Credits};

/// What the columns are called. `client` is empty where clients are not told apart, and `operation` in the row that counts refused calls.
const COLUMNS: [&str; 6] = ["day", "client", "operation", "calls", "credits", "refused"];

/// What is used and not listed by operation yet.
const NOT_ITEMIZED: &str = "(not itemized yet)";

/// The table of `details`.
#[must_use]
pub fn text(details: &Details) -> String {
    let mut table = csv::row(&COLUMNS);
    for day in &details.history {
        let date = day.date.to_string();
        rows(
            &mut table,
            &date,
            &day.operations,
            &day.clients,
            day.refused,
        );
    }
    let refused = details.refusals.iter().map(|refusals| refusals.calls);
    let refused = refused.fold(0, u64::saturating_add);
    let clients = details.clients.as_deref().unwrap_or_default();
    let today = details.today.to_string();
    rows(&mut table, &today, &details.operations, clients, refused);
    let by_clients = clients.iter().map(|client| client.not_itemized);
    let rest = by_clients.fold(details.not_itemized, Credits::saturating_sub);
    if !rest.is_zero() {
        row(&mut table, &today, "", NOT_ITEMIZED, [0, rest.get(), 0]);
    }
    table
}

/// The rows of one day.
fn rows(
    table: &mut String,
    day: &str,
    operations: &[Operation],
    clients: &[ClientDetails],
    refused: u64,
) {
    for client in clients {
        let id = client.balance.id.as_str();
        for Operation { rule, count } in &client.operations {
            row(table, day, id, rule, [count.calls, count.credits.get(), 0]);
        }
        let not_itemized = client.not_itemized.get();
        if not_itemized > 0 {
            row(table, day, id, NOT_ITEMIZED, [0, not_itemized, 0]);
        }
        if client.refused > 0 {
            row(table, day, id, "", [0, 0, client.refused]);
        }
    }
    // What was charged while clients were not told apart. Of a day that is over, names were cut of the whole and of each client by
    // themselves, so that what is left by name may be more than what is left.
    let counts = operations.iter().map(|operation| operation.count);
    let by_clients = clients.iter().flat_map(|client| &client.operations);
    let mut left = by_clients.fold(sum(counts), |left, operation| left.without(operation.count));
    for Operation { rule, count } in operations {
        let of_clients = clients.iter().flat_map(|client| &client.operations);
        let of_clients = of_clients.filter(|operation| operation.rule == *rule);
        let rest = of_clients.fold(*count, |rest, operation| rest.without(operation.count));
        let rest = Count {
            calls: rest.calls.min(left.calls),
            credits: rest.credits.min(left.credits),
        };
        left = left.without(rest);
        if !rest.is_zero() {
            row(table, day, "", rule, [rest.calls, rest.credits.get(), 0]);
        }
    }
    let of_clients = clients.iter().map(|client| client.refused);
    let refused = of_clients.fold(refused, u64::saturating_sub);
    if refused > 0 {
        row(table, day, "", "", [0, 0, refused]);
    }
}

fn sum(counts: impl Iterator<Item = Count>) -> Count {
    counts.fold(Count::default(), |mut sum, count| {
        sum.add(count);
        sum
    })
}

fn row(table: &mut String, day: &str, client: &str, operation: &str, numbers: [u64; 3]) {
    let [calls, credits, refused] = numbers.map(|number| number.to_string());
    table.push_str(&csv::row(&[
        day, client, operation, &calls, &credits, &refused,
    ]));
}

#[cfg(test)]
mod tests;
