//! Limits beside the day's, and credits that were bought once.

use super::{Percent, grouped};
use crate::{
    model::purchase::PurchaseBalance,
    show::usage::{details::PeriodDetails, local_time::in_words},
};

/// A period in the table.
pub(super) struct PeriodRow<'a> {
    pub(super) name: &'a str,
    pub(super) unit: &'static str,
    pub(super) used: String,
    pub(super) limit: String,
    pub(super) share: Percent,
    /// The class of the share.
    pub(super) level: &'static str,
    /// In how long something of it is free again; nothing where nothing is used.
    pub(super) resets_in: Option<String>,
}

/// A purchase in the table.
pub(super) struct PurchaseRow<'a> {
    pub(super) name: &'a str,
    pub(super) used: String,
    pub(super) credits: String,
    pub(super) share: Percent,
    /// The class of the share.
    pub(super) level: &'static str,
    pub(super) from: String,
    pub(super) until: String,
}

impl<'a> PeriodRow<'a> {
    pub(super) fn of(period: &'a PeriodDetails) -> Self {
        let balance = &period.balance;
        Self {
            name: balance.name.as_str(),
            unit: balance.unit.name(),
            used: grouped(balance.used),
            limit: grouped(balance.limit),
            share: Percent::of(balance.used, balance.limit),
            level: level(balance.remaining() == 0),
            resets_in: (balance.used > 0).then(|| in_words(period.resets_in)),
        }
    }
}

impl<'a> PurchaseRow<'a> {
    pub(super) fn of(bought: &'a PurchaseBalance) -> Self {
        let credits = bought.purchase.credits;
        Self {
            name: &bought.name,
            used: grouped(bought.used.get()),
            credits: grouped(credits.get()),
            share: Percent::of(bought.used.get(), credits.get()),
            level: level(bought.used >= credits),
            from: bought.purchase.from.to_string(),
            until: bought.purchase.until.to_string(),
        }
    }
}

fn level(is_used_up: bool) -> &'static str {
    if is_used_up { "spent" } else { "base" }
}
