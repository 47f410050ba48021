//! Who used the credits of today, and how many were used on each of the days before.

use super::{Percent, grouped};
use crate::{
    model::client::ClientId,
    show::usage::details::{ClientDetails, Details, Operation},
};

/// A client in the table.
pub(super) struct ClientRow<'a> {
    pub(super) client: &'a str,
    /// What stands for several clients, in words.
    pub(super) what: Option<&'static str>,
    pub(super) used: String,
    /// What it may use; a dash for any amount.
    pub(super) cap: String,
    pub(super) refused: String,
    /// What is used of its cap, or of everything that is used.
    pub(super) share: Percent,
    /// The class of the share.
    pub(super) level: &'static str,
    /// Its operations: each with its calls and credits.
    pub(super) operations: Vec<(&'a str, String, String)>,
    /// Credits that no operation lists yet.
    pub(super) not_itemized: Option<String>,
}

/// A day in the chart and in its table.
pub(super) struct DayBar {
    pub(super) date: String,
    pub(super) calls: String,
    pub(super) credits: String,
    pub(super) refused: String,
    /// From the left.
    pub(super) start: Percent,
    /// From the top.
    pub(super) top: Percent,
    pub(super) height: Percent,
    pub(super) today: bool,
}

/// How many days the chart has room for: a month and today.
const PLACES: u64 = 32;

pub(super) fn client_rows(details: &Details) -> Option<Vec<ClientRow<'_>>> {
    let clients = details.clients.as_ref()?;
    Some(clients.iter().map(|client| row(client, details)).collect())
}

fn row<'a>(client: &'a ClientDetails, details: &Details) -> ClientRow<'a> {
    let balance = &client.balance;
    let of = balance.cap.unwrap_or(details.used);
    let is_full = |cap| balance.used >= cap;
    let operation = |Operation { rule, count }: &'a Operation| {
        let (calls, credits) = (grouped(count.calls), grouped(count.credits.get()));
        (rule.as_str(), calls, credits)
    };
    ClientRow {
        client: balance.id.as_str(),
        what: match balance.id.as_str() {
            ClientId::NONE => Some("calls that state no client"),
            ClientId::OTHERS => Some("clients that are too many to be listed"),
            _ => None,
        },
        used: grouped(balance.used.get()),
        cap: balance
            .cap
            .map_or_else(|| "–".to_owned(), |cap| grouped(cap.get())),
        refused: grouped(client.refused),
        share: Percent::of(balance.used.get(), of.get()),
        level: if balance.cap.is_some_and(is_full) {
            "spent"
        } else {
            "base"
        },
        operations: client.operations.iter().map(operation).collect(),
        not_itemized: (!client.not_itemized.is_zero()).then(|| grouped(client.not_itemized.get())),
    }
}

/// The days before today and today, each where it belongs, so that days without a call leave a gap.
pub(super) fn day_bars(details: &Details) -> Vec<DayBar> {
    let refused = details.refusals.iter().map(|refusals| refusals.calls);
    let calls = details
        .operations
        .iter()
        .map(|operation| operation.count.calls);
    let today = (
        details.today,
        [
            calls.fold(0, u64::saturating_add),
            details.used.get(),
            refused.fold(0, u64::saturating_add),
        ],
    );
    let past = details.history.iter().map(|day| {
        let numbers = [day.total.calls, day.total.credits.get(), day.refused];
        (day.date, numbers)
    });
    let days: Vec<_> = past.chain([today]).collect();
    let credits = days.iter().map(|(_, [_, credits, _])| *credits);
    let most = credits.max().unwrap_or(0);
    let bars = days.iter().map(|(date, [calls, credits, refused])| {
        let ago = u64::try_from(date.days_until(details.today)).unwrap_or(0);
        let place = PLACES.saturating_sub(1).saturating_sub(ago);
        DayBar {
            date: date.to_string(),
            calls: grouped(*calls),
            credits: grouped(*credits),
            refused: grouped(*refused),
            start: Percent::of(place, PLACES),
            top: Percent::of(most.saturating_sub(*credits), most),
            height: Percent::of(*credits, most),
            today: *date == details.today,
        }
    });
    bars.collect()
}
