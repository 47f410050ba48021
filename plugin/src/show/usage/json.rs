//! The usage details as a JSON document, for programs.
//!
//! Members are only ever added: a program that ignores what it does not know keeps working. Member names follow the vendor's camel
//! case; `limit`, `used`, `remaining`, `resetsAt` and `resetsInSeconds` mean what they mean in OpenAlex's `GET /rate-limit`.

use serde::{Serialize, Serializer};

use super::details::{
    ClientDetails, DayDetails, Details, Operation, Part, PartKind, Percentage, PeriodDetails,
};
use crate::model::{
    credits::Credits,
    day::Seconds,
    purchase::{Purchase, PurchaseBalance},
};

/// The document.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<'a> {
    /// The organization's id; `strangers` or `anonymous` for callers that share an account.
    pub organization: &'a str,
    /// The name of its edition.
    pub edition: &'a str,
    /// Where it is, if that is stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_center: Option<&'a str>,
    /// How its calls are counted: `credits`, `grandfathered` (credits, or the former API limit if that is higher), or `legacy` (every
    /// call counts 1 against the API limit, and every amount in this document is a number of calls).
    pub model: &'static str,
    /// Whether calls that it cannot pay for are refused. If not, they go on all the same.
    pub enforced: bool,
    /// Everything that it may use in this day.
    pub limit: u64,
    /// What it has used. More than `limit` only as overage, or if the limit was lowered during the day.
    pub used: u64,
    /// What is left.
    pub remaining: u64,
    /// What other proxies do, if several share the day. Then `remaining` is `limit` without `used` and `reserved`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<ElsewhereMember>,
    /// `used` in percent of `limit`, rounded down to one decimal, so that 100 means that nothing is left. 100 if `limit` is 0.
    pub percentage_used: OneDecimal,
    /// When the day ends and everything is there again: RFC 3339, with the offset of the organization's zone.
    pub resets_at: &'a str,
    /// The seconds from `asOf` until then, rounded up.
    pub resets_in_seconds: u64,
    /// The day in which this was counted.
    pub day: DayMember<'a>,
    /// `limit` by where it comes from.
    pub allotment: AllotmentMember,
    /// The API limit of the old model, in calls a day, if the organization had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legacy_limit: Option<u64>,
    /// What its credits follow from.
    pub plan: PlanMember,
    /// The calls in progress, if they are limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<ConcurrencyMember>,
    /// Charged calls by the rule of the cost table that priced them, those with the most credits first. `(a former rule)` sums up
    /// rules that are no longer configured, `(others)` those beyond the first 64. Calls that were refunded are not among them. A call
    /// is listed when it has ended, a few seconds later at most.
    pub operations: Vec<OperationMember<'a>>,
    /// What is used and not listed in `operations` yet: together they are `used` (without what other proxies used).
    pub not_itemized: u64,
    /// Credits that were given back.
    pub refunds: CountMember,
    /// Refused calls by reason, the most frequent first.
    pub refusals: Vec<RefusalMember>,
    /// When nothing is left, if credits go on being used as they have been today: RFC 3339; `null` if they last until the day ends, or are
    /// used up.
    pub runs_out_at: Option<&'a str>,
    /// The clients, those with the most credits first, where they are told apart. `(none)` are calls that state no client, `(others)` clients
    /// that are too many. Where several proxies share the day, it is the clients of the one that answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clients: Option<Vec<ClientMember<'a>>>,
    /// The days before today on which anything was counted, at most 31, the first one first; counted by the proxy that answers. Of each, 16
    /// operations and 16 clients are told apart.
    pub history: Vec<PastDayMember<'a>>,
    /// The periods beside the day in which it has a limit, if there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub periods: Vec<PeriodMember<'a>>,
    /// Credits that it bought once, those first that are used first, if there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub purchases: Vec<PurchaseMember<'a>>,
    /// When these numbers were read: RFC 3339.
    pub as_of: &'a str,
}

/// A period beside the day.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PeriodMember<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it counts: `credits` or `requests`.
    pub unit: &'static str,
    /// The most that may be used in it.
    pub limit: u64,
    /// What is used in it. More than `limit` only if that was lowered, or calls are never refused.
    pub used: u64,
    /// What is left.
    pub remaining: u64,
    /// When something of it is free again: RFC 3339. That is the end of a week or month, and of a rolling period when what was used first is
    /// over.
    pub resets_at: &'a str,
    /// The seconds from `asOf` until then, rounded up.
    pub resets_in_seconds: u64,
    /// How long the period is.
    pub length_seconds: u64,
}

/// Credits that were bought once.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PurchaseMember<'a> {
    /// Their name.
    pub name: &'a str,
    /// How many were bought.
    pub credits: u64,
    /// How many of them are used.
    pub used: u64,
    /// How many are left.
    pub remaining: u64,
    /// The first day on which they can be used.
    pub from: String,
    /// The last one.
    pub until: String,
    /// Whether they can be used today: only then are they part of the document's `limit`.
    pub usable: bool,
}

/// What one client did on a day.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientMember<'a> {
    /// Its id.
    pub client: &'a str,
    /// The most that it may use in a day, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap: Option<u64>,
    /// What it has used.
    pub used: u64,
    /// What is left of its cap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<u64>,
    /// Its refused calls.
    pub refused: u64,
    /// Its charged calls by rule.
    pub operations: Vec<OperationMember<'a>>,
    /// What it has used and is not listed in its `operations` yet.
    pub not_itemized: u64,
}

/// What was charged on a day before today.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PastDayMember<'a> {
    /// The date on which the day began.
    pub date: String,
    /// Charged calls.
    pub calls: u64,
    /// What they cost.
    pub credits: u64,
    /// Refused calls.
    pub refused: u64,
    /// Charged calls by rule.
    pub operations: Vec<OperationMember<'a>>,
    /// The same by client, where they were told apart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<ClientMember<'a>>,
}

/// What other proxies do that share the day.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ElsewhereMember {
    /// What they have used, as far as they had said: a part of `used`.
    pub used: u64,
    /// What is reserved for them and not used.
    pub reserved: u64,
    /// How many seconds ago that was heard, rounded up; `null` if nothing has been heard of them.
    pub age_seconds: Option<u64>,
}

/// A day.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DayMember<'a> {
    /// Its first instant: RFC 3339.
    pub starts_at: &'a str,
    /// The first instant of the next day.
    pub ends_at: &'a str,
    /// The IANA name of the zone in which it is a day.
    pub time_zone: &'a str,
}

/// The limit by where it comes from. A part is used up before the next one is touched, in this order. Under the legacy model there is
/// `limit` alone; otherwise there are `base`, `variable` and `additional`, `grandfathered` where the former API limit is higher, and
/// `purchased` where there are purchases.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AllotmentMember {
    /// What the edition gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<PartMember>,
    /// What it gives for agents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variable: Option<PartMember>,
    /// What was bought on top.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional: Option<PartMember>,
    /// By how much the former API limit is higher.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grandfathered: Option<PartMember>,
    /// What was left of purchases when the day began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purchased: Option<PartMember>,
    /// The API limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<PartMember>,
    /// What may be used beyond all that before calls are refused; it is not part of the document's `limit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overage: Option<PartMember>,
}

/// A part of the limit.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PartMember {
    /// How much it is.
    pub allotted: u64,
    /// How much of it is used.
    pub used: u64,
}

/// What an organization subscribes to; what is not known or does not apply is left out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanMember {
    /// Its agents without light agents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agents: Option<u32>,
    /// Its light agents, which bring no credits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub light_agents: Option<u32>,
    /// What its edition gives a day for each agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credits_per_agent: Option<u64>,
    /// The most additional credits a day that its edition sells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_credits_max: Option<u64>,
}

/// Calls in progress at the same time.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConcurrencyMember {
    /// How many may be.
    pub limit: u32,
    /// How many are.
    pub in_progress: u32,
}

/// What the calls of one rule came to.
#[derive(Debug, Serialize)]
pub struct OperationMember<'a> {
    /// The name of the rule; `default` for calls that no rule names.
    pub rule: &'a str,
    /// Charged calls.
    pub calls: u64,
    /// What they cost.
    pub credits: u64,
}

/// Calls and credits.
#[derive(Debug, Serialize)]
pub struct CountMember {
    /// Calls.
    pub calls: u64,
    /// Credits.
    pub credits: u64,
}

/// Calls that were refused for one reason.
#[derive(Debug, Serialize)]
pub struct RefusalMember {
    /// The reason, as in metrics and access logs; `other` for one that this version does not know.
    pub reason: &'static str,
    /// How many.
    pub calls: u64,
}

/// A percentage as a JSON number with one decimal at the most.
#[derive(Clone, Copy, Debug)]
pub struct OneDecimal(pub Percentage);

impl Serialize for OneDecimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tenths = self.0.tenths();
        if tenths.is_multiple_of(10) {
            return serializer.serialize_u64(tenths / 10);
        }
        // Below 2^53, every tenth is the float that prints as it.
        let tenths = u32::try_from(tenths).unwrap_or(u32::MAX);
        serializer.serialize_f64(f64::from(tenths) / 10.0)
    }
}

impl From<Part> for PartMember {
    fn from(part: Part) -> Self {
        Self {
            allotted: part.allotted.get(),
            used: part.used.get(),
        }
    }
}

impl<'a> From<&'a Operation> for OperationMember<'a> {
    fn from(operation: &'a Operation) -> Self {
        Self {
            rule: &operation.rule,
            calls: operation.count.calls,
            credits: operation.count.credits.get(),
        }
    }
}

impl<'a> From<&'a ClientDetails> for ClientMember<'a> {
    fn from(client: &'a ClientDetails) -> Self {
        Self {
            client: client.balance.id.as_str(),
            cap: client.balance.cap.map(Credits::get),
            used: client.balance.used.get(),
            remaining: client.balance.remaining().map(Credits::get),
            refused: client.refused,
            operations: client.operations.iter().map(Into::into).collect(),
            not_itemized: client.not_itemized.get(),
        }
    }
}

impl<'a> From<&'a DayDetails> for PastDayMember<'a> {
    fn from(day: &'a DayDetails) -> Self {
        Self {
            date: day.date.to_string(),
            calls: day.total.calls,
            credits: day.total.credits.get(),
            refused: day.refused,
            operations: day.operations.iter().map(Into::into).collect(),
            clients: day.clients.iter().map(Into::into).collect(),
        }
    }
}

impl<'a> From<&'a PeriodDetails> for PeriodMember<'a> {
    fn from(period: &'a PeriodDetails) -> Self {
        let balance = &period.balance;
        Self {
            name: balance.name.as_str(),
            unit: balance.unit.name(),
            limit: balance.limit,
            used: balance.used,
            remaining: balance.remaining(),
            resets_at: &period.resets_at.rfc3339,
            resets_in_seconds: period.resets_in.get(),
            length_seconds: balance.length.get(),
        }
    }
}

impl<'a> From<&'a PurchaseBalance> for PurchaseMember<'a> {
    fn from(bought: &'a PurchaseBalance) -> Self {
        let Purchase {
            credits,
            from,
            until,
        } = bought.purchase;
        Self {
            name: &bought.name,
            credits: credits.get(),
            used: bought.used.get(),
            remaining: credits.saturating_sub(bought.used).get(),
            from: from.to_string(),
            until: until.to_string(),
            usable: bought.is_usable,
        }
    }
}

impl<'a> From<&'a Details> for Document<'a> {
    fn from(details: &'a Details) -> Self {
        let plan = details.plan;
        let refusals = details.refusals.iter();
        Self {
            organization: &details.organization,
            edition: &details.edition,
            data_center: details.data_center.as_deref(),
            model: details.model.name(),
            enforced: details.enforced,
            limit: details.total.get(),
            used: details.used.get(),
            remaining: details.remaining.get(),
            elsewhere: details.elsewhere.map(|elsewhere| ElsewhereMember {
                used: elsewhere.used.get(),
                reserved: elsewhere.reserved.get(),
                age_seconds: elsewhere.age.map(Seconds::get),
            }),
            percentage_used: OneDecimal(details.percentage),
            resets_at: &details.resets_at.rfc3339,
            resets_in_seconds: details.resets_in.get(),
            day: DayMember {
                starts_at: &details.started_at.rfc3339,
                ends_at: &details.resets_at.rfc3339,
                time_zone: &details.time_zone,
            },
            allotment: AllotmentMember::of(&details.parts),
            legacy_limit: details.legacy_limit.map(|limit| limit.get()),
            plan: PlanMember {
                agents: plan.agents,
                light_agents: plan.light_agents,
                credits_per_agent: plan.credits_per_agent.map(|credits| credits.get()),
                additional_credits_max: plan.additional_max.map(|credits| credits.get()),
            },
            concurrency: details.concurrency.map(|concurrency| ConcurrencyMember {
                limit: concurrency.limit,
                in_progress: concurrency.in_progress,
            }),
            operations: details.operations.iter().map(Into::into).collect(),
            not_itemized: details.not_itemized.get(),
            refunds: CountMember {
                calls: details.refunds.calls,
                credits: details.refunds.credits.get(),
            },
            refusals: refusals
                .map(|refusals| RefusalMember {
                    reason: refusals.reason,
                    calls: refusals.calls,
                })
                .collect(),
            runs_out_at: (details.runs_out_at.as_ref()).map(|at| at.rfc3339.as_str()),
            clients: (details.clients.as_ref())
                .map(|clients| clients.iter().map(Into::into).collect()),
            history: details.history.iter().map(Into::into).collect(),
            periods: details.periods.iter().map(Into::into).collect(),
            purchases: details.purchases.iter().map(Into::into).collect(),
            as_of: &details.as_of.rfc3339,
        }
    }
}

impl AllotmentMember {
    fn of(parts: &[Part]) -> Self {
        let mut members = Self::default();
        for &part in parts {
            let member = match part.kind {
                PartKind::Base => &mut members.base,
                PartKind::Variable => &mut members.variable,
                PartKind::Additional => &mut members.additional,
                PartKind::Grandfathered => &mut members.grandfathered,
                PartKind::Purchased => &mut members.purchased,
                PartKind::Limit => &mut members.limit,
                PartKind::Overage => &mut members.overage,
            };
            *member = Some(part.into());
        }
        members
    }
}

/// `value` as JSON. What is serialized here always can be.
pub(in crate::show) fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
