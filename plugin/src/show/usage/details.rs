//! Details: everything that an organization is shown of its day, with every number already made consistent with the others.
//!
//! The JSON document and the page are two renderings of this one value, so that they cannot disagree.

use jiff::{Timestamp, tz::TimeZone};

use super::local_time::LocalTime;
use crate::accounts::{
    history::History,
    statistics::{Breakdown, ClientStatistics, Count, NameHash, Statistics},
};
use crate::model::{
    allotment::Allotment,
    calendar_date::CalendarDate,
    client::ClientBalance,
    credits::Credits,
    day::{Day, Seconds},
    period::Unit,
    period_balance::PeriodBalance,
    plan::Plan,
    purchase::PurchaseBalance,
    reason::Reason,
    sorted::sorted,
    terms::{Model, Terms},
};

/// What is known of an organization and its day.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Its id, or what callers that share an account are called.
    pub organization: &'a str,
    /// The name of its edition.
    pub edition: &'a str,
    /// The name of its data centre, where there is more than one.
    pub data_center: Option<&'a str>,
    /// What its credits follow from.
    pub plan: Plan,
    /// Its credits by where they come from.
    pub allotment: Allotment,
    /// How its calls are counted now, and how many credits (or calls) it has.
    pub terms: Terms,
    /// Its API limit under the old model, if it had one.
    pub legacy_limit: Option<Credits>,
    /// What it has used today.
    pub used: Credits,
    /// What is known of other proxies that serve it, where several share its day.
    pub elsewhere: Option<Elsewhere>,
    /// Today.
    pub day: Day,
    /// The zone in which its days are counted.
    pub time_zone: &'a TimeZone,
    /// When this was asked.
    pub now: Timestamp,
    /// Its calls in progress, where they are limited.
    pub concurrency: Option<Concurrency>,
    /// Whether calls that it cannot pay for are refused; in shadow mode they are only counted.
    pub enforced: bool,
    /// Its clients, as its account has them; `None` where clients are not told apart.
    pub clients: Option<Vec<ClientBalance>>,
    /// What is left in each period in which it has a limit.
    pub periods: Vec<PeriodBalance>,
    /// What was used of its purchases, those first that are used first.
    pub purchases: Vec<PurchaseBalance>,
    /// What purchases add to the credits of the day.
    pub purchased: Credits,
}

/// What other proxies that share an organization's day do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// What they have used, as far as they had said. It is part of what the organization has used.
    pub used: Credits,
    /// What is reserved for them beyond that, and so neither used nor left.
    pub reserved: Credits,
    /// How long ago that was heard, rounded up; `None` if nothing has been heard of them.
    pub age: Option<Seconds>,
}

/// Calls in progress at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concurrency {
    /// How many may be.
    pub limit: u32,
    /// How many are.
    pub in_progress: u32,
}

/// What an organization is shown of its day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// Its id.
    pub organization: String,
    /// The name of its edition.
    pub edition: String,
    /// The name of its data centre, where there is more than one.
    pub data_center: Option<String>,
    /// What its credits follow from.
    pub plan: Plan,
    /// How its calls are counted.
    pub model: Model,
    /// Whether calls that it cannot pay for are refused.
    pub enforced: bool,
    /// All credits (under the legacy model: calls) of the day.
    pub total: Credits,
    /// What of them is used. More than all of them after an allotment was lowered.
    pub used: Credits,
    /// What of them is left.
    pub remaining: Credits,
    /// What may still be used before calls are refused: what is left, and overage.
    pub spendable: Credits,
    /// What is known of other proxies, where several share the day.
    pub elsewhere: Option<Elsewhere>,
    /// How much of the total is used.
    pub percentage: Percentage,
    /// The total by where it comes from, in the order in which it is used up.
    pub parts: Vec<Part>,
    /// Its API limit under the old model, if it had one.
    pub legacy_limit: Option<Credits>,
    /// The date on which today began.
    pub today: CalendarDate,
    /// When today began.
    pub started_at: LocalTime,
    /// When this was asked.
    pub as_of: LocalTime,
    /// When everything is there again.
    pub resets_at: LocalTime,
    /// How long that is from now.
    pub resets_in: Seconds,
    /// The IANA name of the zone in which its days are counted.
    pub time_zone: String,
    /// Its calls in progress, where they are limited.
    pub concurrency: Option<Concurrency>,
    /// Charged calls by the rule that priced them, those with the most credits first.
    pub operations: Vec<Operation>,
    /// What is used here and not among `operations` yet: calls are counted there when they end, by their worker, and gathered from
    /// all workers once a second.
    pub not_itemized: Credits,
    /// Calls whose credits were given back, and these credits.
    pub refunds: Count,
    /// Refused calls by reason, the most frequent first.
    pub refusals: Vec<Refusals>,
    /// When nothing is left, if credits go on being used as they have been today; `None` if they last, or are used up.
    pub runs_out_at: Option<LocalTime>,
    /// Its clients, those with the most credits first; `None` where clients are not told apart.
    pub clients: Option<Vec<ClientDetails>>,
    /// The days before today on which anything was counted, the first one first.
    pub history: Vec<DayDetails>,
    /// What is used in each period in which it has a limit.
    pub periods: Vec<PeriodDetails>,
    /// What was used of its purchases, those first that are used first.
    pub purchases: Vec<PurchaseBalance>,
}

/// What is used in a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeriodDetails {
    /// What is left in it.
    pub balance: PeriodBalance,
    /// When something of it is free again.
    pub resets_at: LocalTime,
    /// How long that is from now.
    pub resets_in: Seconds,
}

/// What one client did today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientDetails {
    /// What it has used of what it may use.
    pub balance: ClientBalance,
    /// Its refused calls.
    pub refused: u64,
    /// Its charged calls by the rule that priced them, those with the most credits first.
    pub operations: Vec<Operation>,
    /// What it has used and is not among its `operations` yet.
    pub not_itemized: Credits,
}

/// What was charged on a day before today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayDetails {
    /// The day.
    pub date: CalendarDate,
    /// All charged calls and their credits.
    pub total: Count,
    /// Refused calls.
    pub refused: u64,
    /// Charged calls by rule, those with the most credits first.
    pub operations: Vec<Operation>,
    /// The same by client, and the refused calls of each; nobody where clients were not told apart.
    pub clients: Vec<ClientDetails>,
}

/// One part of the total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it comes from.
    pub kind: PartKind,
    /// How much it is.
    pub allotted: Credits,
    /// How much of it is used: a part is used up before the next one is touched.
    pub used: Credits,
}

/// Where a part of the total comes from, in the order in which they are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// The edition.
    Base,
    /// The agents.
    Variable,
    /// Purchases.
    Additional,
    /// By how much the API limit of the old model is higher than the credits.
    Grandfathered,
    /// Purchases that are used up once.
    Purchased,
    /// The API limit itself, under the legacy model.
    Limit,
    /// What may be used beyond all that.
    Overage,
}

/// What the calls of one rule came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The name of the rule, [`Breakdown::FORMER`] or [`Breakdown::OTHERS`].
    pub rule: String,
    /// Calls and credits.
    pub count: Count,
}

/// How many calls were refused for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusals {
    /// [`Reason::name`], or `other` for a reason that this version does not know.
    pub reason: &'static str,
    /// How many.
    pub calls: u64,
}

/// A share in tenths of a percent, rounded down: 100 % means that nothing is left, and nothing less does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percentage(u64);

impl Percentage {
    /// What share `used` is of `total`: 100 % of nothing, because nothing is left of it.
    #[must_use]
    pub fn of(used: Credits, total: Credits) -> Self {
        // At most 10^18, which fits.
        let tenths = used.get().saturating_mul(1000).checked_div(total.get());
        Self(tenths.unwrap_or(1000))
    }

    /// The number of tenths of a percent.
    #[must_use]
    pub const fn tenths(self) -> u64 {
        self.0
    }
}

impl std::fmt::Display for Percentage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

impl PartKind {
    /// The part's name in the JSON document.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Variable => "variable",
            Self::Additional => "additional",
            Self::Grandfathered => "grandfathered",
            Self::Purchased => "purchased",
            Self::Overage => "overage",
            Self::Limit => "limit",
        }
    }
}

impl Details {
    /// The details of an organization of which these facts are known, with what it did today. `rules` are the names of all rules of the
    /// cost table, by which the statistics get their names back.
    #[must_use]
    pub fn new<'a>(
        facts: &Facts<'_>,
        statistics: &Statistics,
        history: &History,
        rules: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let Terms { model, total, .. } = facts.terms;
        let rules: Vec<_> = rules.into_iter().collect();
        let local = |instant| LocalTime::new(instant, facts.time_zone);
        let reserved = facts
            .elsewhere
            .map_or(Credits::ZERO, |elsewhere| elsewhere.reserved);
        let operations = operations(statistics.operations(), &rules);
        let known = facts.clients.as_deref();
        let spendable = total.saturating_sub(reserved);
        Self {
            runs_out_at: (facts.day.runs_out_at(facts.used, spendable, facts.now)).map(local),
            clients: known.map(|known| clients(known, statistics, &rules)),
            history: history.days().map(|day| past(day, &rules)).collect(),
            organization: facts.organization.to_owned(),
            edition: facts.edition.to_owned(),
            data_center: facts.data_center.map(str::to_owned),
            plan: facts.plan,
            model,
            enforced: facts.enforced,
            total,
            used: facts.used,
            remaining: total.saturating_sub(facts.used).saturating_sub(reserved),
            spendable: spendable_by_call(facts, reserved),
            elsewhere: facts.elsewhere,
            percentage: Percentage::of(facts.used, total),
            parts: parts(facts),
            legacy_limit: facts.legacy_limit,
            today: CalendarDate::of(facts.day.number),
            started_at: local(facts.day.start),
            as_of: local(facts.now),
            resets_at: local(facts.day.end),
            resets_in: Seconds::between(facts.now, facts.day.end),
            time_zone: facts.time_zone.iana_name().unwrap_or("UTC").to_owned(),
            concurrency: facts.concurrency,
            not_itemized: not_itemized(facts, &operations),
            operations,
            refunds: statistics.refunds(),
            refusals: refusals(statistics.refusals()),
            periods: periods(facts),
            purchases: facts.purchases.clone(),
        }
    }

    /// What is left in each period.
    #[must_use]
    pub fn period_balances(&self) -> Vec<PeriodBalance> {
        let periods = self.periods.iter();
        periods.map(|period| period.balance.clone()).collect()
    }
}

/// What may still be used before calls are refused, where so much of the day is reserved for other proxies.
fn spendable_by_call(facts: &Facts<'_>, reserved: Credits) -> Credits {
    let day = facts.terms.most();
    let day = day.saturating_sub(facts.used).saturating_sub(reserved);
    let periods = facts.periods.iter();
    periods.fold(day, |left, period| {
        match (period.unit, period.remaining()) {
            (Unit::Credits, remaining) => left.min(Credits::saturating(remaining)),
            (Unit::Requests, 0) => Credits::ZERO,
            (Unit::Requests, _) => left,
        }
    })
}

/// What is used in each period.
fn periods(facts: &Facts<'_>) -> Vec<PeriodDetails> {
    let periods = facts.periods.iter();
    let details = periods.map(|balance| PeriodDetails {
        resets_at: LocalTime::new(balance.resets_at, facts.time_zone),
        resets_in: balance.resets_in(facts.now),
        balance: balance.clone(),
    });
    details.collect()
}

/// What is used here beyond what `operations` add up to.
fn not_itemized(facts: &Facts<'_>, operations: &[Operation]) -> Credits {
    let elsewhere = facts.elsewhere.map_or(Credits::ZERO, |other| other.used);
    let here = facts.used.saturating_sub(elsewhere);
    operations.iter().fold(here, |rest, operation| {
        rest.saturating_sub(operation.count.credits)
    })
}

/// The total by where it comes from, used up in that order.
fn parts(facts: &Facts<'_>) -> Vec<Part> {
    let Terms {
        model,
        total,
        overage,
    } = facts.terms;
    let mut allotted = match model {
        Model::Legacy => vec![(PartKind::Limit, total)],
        Model::Credits | Model::Grandfathered => {
            let credits = &facts.allotment;
            let purchased = facts.purchased;
            let more = total
                .saturating_sub(purchased)
                .saturating_sub(credits.total());
            let mut allotted = vec![
                (PartKind::Base, credits.base()),
                (PartKind::Variable, credits.variable()),
                (PartKind::Additional, credits.additional()),
            ];
            if !more.is_zero() {
                allotted.push((PartKind::Grandfathered, more));
            }
            if !purchased.is_zero() {
                allotted.push((PartKind::Purchased, purchased));
            }
            allotted
        }
    };
    if !overage.is_zero() {
        allotted.push((PartKind::Overage, overage));
    }
    let mut left = facts.used;
    let fill = |(kind, allotted): (PartKind, Credits)| {
        let used = left.min(allotted);
        left = left.saturating_sub(used);
        Part {
            kind,
            allotted,
            used,
        }
    };
    allotted.into_iter().map(fill).collect()
}

/// The counts under the names of the rules.
fn operations(breakdown: &Breakdown, rules: &[&str]) -> Vec<Operation> {
    let mut unnamed: Vec<_> = breakdown.named().collect();
    let mut operations = Vec::new();
    for rule in rules {
        let hash = NameHash::of(rule);
        if let Some(place) = unnamed.iter().position(|(known, _)| *known == hash) {
            let (_, count) = unnamed.swap_remove(place);
            let rule = (*rule).to_owned();
            operations.push(Operation { rule, count });
        }
    }
    let mut former = Count::default();
    unnamed.iter().for_each(|(_, count)| former.add(*count));
    let sums = [
        (Breakdown::FORMER, former),
        (Breakdown::OTHERS, breakdown.others()),
    ];
    for (name, count) in sums.into_iter().filter(|(_, count)| !count.is_zero()) {
        let rule = name.to_owned();
        operations.push(Operation { rule, count });
    }
    sorted(operations, |a, b| {
        let rank = |operation: &Operation| (operation.count.credits, operation.count.calls);
        rank(b).cmp(&rank(a)).then_with(|| a.rule.cmp(&b.rule))
    })
}

/// What each client has used by its account, and what of that is itemized. Whoever only has statistics, as all its calls were refused, has
/// used nothing.
fn clients(known: &[ClientBalance], statistics: &Statistics, rules: &[&str]) -> Vec<ClientDetails> {
    let nobody = |counted: &&ClientStatistics| known.iter().all(|known| known.id != counted.id);
    let others = statistics.clients().iter().filter(nobody);
    let others = others.map(|counted| ClientBalance {
        id: counted.id.clone(),
        cap: None,
        used: Credits::ZERO,
    });
    let all = known.iter().cloned().chain(others).map(|balance| {
        let mut counted = statistics.clients().iter();
        let counted = counted.find(|counted| counted.id == balance.id);
        client(balance, counted, rules)
    });
    by_credits(all.collect())
}

fn client(
    balance: ClientBalance,
    counted: Option<&ClientStatistics>,
    rules: &[&str],
) -> ClientDetails {
    let operations =
        counted.map_or_else(Vec::new, |counted| operations(&counted.operations, rules));
    let not_itemized = operations.iter().fold(balance.used, |rest, operation| {
        rest.saturating_sub(operation.count.credits)
    });
    ClientDetails {
        refused: counted.map_or(0, |counted| counted.refused),
        balance,
        operations,
        not_itemized,
    }
}

fn by_credits(clients: Vec<ClientDetails>) -> Vec<ClientDetails> {
    sorted(clients, |a, b| {
        let (a, b) = (&a.balance, &b.balance);
        b.used.cmp(&a.used).then_with(|| a.id.cmp(&b.id))
    })
}

/// A day before today.
fn past(day: &Statistics, rules: &[&str]) -> DayDetails {
    let refused = day.refusals().named().map(|(_, count)| count.calls);
    let clients = day.clients().iter().map(|counted| {
        let balance = ClientBalance {
            id: counted.id.clone(),
            cap: None,
            used: counted.operations.total().credits,
        };
        client(balance, Some(counted), rules)
    });
    DayDetails {
        date: CalendarDate::of(day.day()),
        total: day.total(),
        refused: refused.fold(day.refusals().others().calls, u64::saturating_add),
        operations: operations(day.operations(), rules),
        clients: by_credits(clients.collect()),
    }
}

/// The counts under the names of the reasons.
fn refusals(breakdown: &Breakdown) -> Vec<Refusals> {
    let mut refusals = Vec::<Refusals>::new();
    let mut other = breakdown.others().calls;
    for (hash, count) in breakdown.named() {
        let known = Reason::ALL
            .iter()
            .find(|reason| NameHash::of(reason.name()) == hash);
        match known {
            Some(reason) => refusals.push(Refusals {
                reason: reason.name(),
                calls: count.calls,
            }),
            None => other = other.saturating_add(count.calls),
        }
    }
    if other > 0 {
        refusals.push(Refusals {
            reason: "other",
            calls: other,
        });
    }
    sorted(refusals, |a, b| {
        b.calls.cmp(&a.calls).then(a.reason.cmp(b.reason))
    })
}

#[cfg(test)]
pub(crate) mod tests;
