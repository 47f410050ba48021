//! What came of a call: how it is read from what the module told of it, and where it is added.

use std::sync::Arc;

use super::departure::Came;
use super::details::number_in;
use super::organization::{FirstRefusal, Terms};
use super::replay::{HELD, Replay};
use super::series::Bucket;
use super::tally::once;
use crate::access_log::Entry;
use crate::http::stream::Ending;

impl Replay {
    /// Keeps what came of a call that has ended; `entry` if the plugin answered it.
    pub(super) fn note(
        &mut self,
        number: usize,
        came: Came,
        ending: &Ending,
        entry: Option<&Entry>,
    ) {
        let Some(organization) = self.tally.organizations.get_mut(number) else {
            return;
        };
        let property = |at: usize| ending.properties.get(at).and_then(Option::as_deref);
        let verdicts = &self.mapping.verdicts;
        let verdict = property(0);
        let shadow = verdicts.shadow.as_deref().unwrap_or("\0");
        let answered;
        let reason = match verdict {
            Some(verdict) => verdict.strip_prefix(shadow).or_else(|| {
                let passed = verdicts.passed.iter().any(|passed| passed == verdict);
                (!passed).then_some(verdict)
            }),
            None if entry.is_some() && ending.status >= 400 => {
                answered = format!("answered by the module with {}", ending.status);
                Some(answered.as_str())
            }
            None if came.held => Some(HELD),
            None => None,
        };
        let cost = property(1).and_then(|cost| cost.parse().ok()).unwrap_or(0);
        let refused = u64::from(reason.is_some());
        let noted = verdict.is_some_and(|verdict| verdict.starts_with(shadow));
        self.tally.noted = self.tally.noted.saturating_add(noted.into());
        for series in [&mut organization.series, &mut self.tally.series] {
            let calls = 1;
            series.count(
                came.at,
                Bucket {
                    calls,
                    refused,
                    cost,
                },
            );
        }
        if came.bare && property(2).is_some_and(|kind| self.priced_by_body.contains(kind)) {
            self.tally.without_body = self.tally.without_body.saturating_add(1);
        }
        if self.without_headers
            && property(2).is_some_and(|kind| self.priced_by_head.contains(kind))
        {
            self.tally.without_head = self.tally.without_head.saturating_add(1);
        }
        if came.unsettled
            && reason.is_none()
            && property(2).is_some_and(|kind| self.settling.contains_key(kind))
        {
            self.tally.unsettled = self.tally.unsettled.saturating_add(1);
        }
        if let Some(operation) = organization.operation(property(2).unwrap_or("-"), |kind| {
            once(&mut self.tally.texts, kind, |kind| Arc::from(kind))
        }) {
            operation.calls = operation.calls.saturating_add(1);
            operation.cost = operation.cost.saturating_add(cost);
            operation.refused = operation.refused.saturating_add(refused);
        }
        let Some(day) = organization.days.get_mut(came.day) else {
            return;
        };
        day.calls = day.calls.saturating_add(1);
        day.refused = day.refused.saturating_add(refused);
        day.cost = day.cost.saturating_add(cost);
        if let (None, Some(plan)) = (&day.terms.plan, property(3)) {
            let terms = Terms {
                plan: Some(plan.to_owned()),
                ..Terms::clone(&day.terms)
            };
            day.terms = once(&mut self.tally.terms, &terms, |terms| {
                Arc::new(terms.clone())
            });
        }
        let Some(reason) = reason else {
            return;
        };
        let is = |list: &[String]| list.iter().any(|listed| listed == reason);
        if is(&verdicts.by_cost) {
            day.refused_by_cost = day.refused_by_cost.saturating_add(1);
            let told = || number_in(&ending.body, self.mapping.refusal.cost.as_deref());
            let price = came.price.or_else(told);
            day.cost_refused = day.cost_refused.saturating_add(price.unwrap_or(0));
        }
        if is(&verdicts.by_concurrency) {
            day.refused_by_concurrency = day.refused_by_concurrency.saturating_add(1);
            let pricer = self.pricer.as_mut().filter(|_| entry.is_some());
            let alone = pricer.and_then(|pricer| {
                pricer.price(
                    &organization.name,
                    &self.outgoing.request,
                    &self.outgoing.metadata,
                    came.at,
                    &self.keys,
                    &self.mapping,
                )
            });
            let price = came.price.or(alone);
            day.cost_refused = day.cost_refused.saturating_add(price.unwrap_or(0));
        }
        // Who is refused otherwise is not asked for what would have spared it that.
        if entry.is_some() && (is(&verdicts.by_cost) || is(&verdicts.by_concurrency)) {
            organization.remember(&self.outgoing);
        }
        let texts = &mut self.tally.texts;
        organization.refusals.add(reason, |reason| {
            once(texts, reason, |reason| Arc::from(reason))
        });
        let earlier = organization
            .first_refusal
            .as_ref()
            .is_some_and(|first| first.at <= came.at);
        if !earlier {
            organization.first_refusal = Some(Box::new(FirstRefusal {
                at: came.at,
                reason: reason.to_owned(),
                call: entry.map(|entry| format!("{} {}", entry.method, entry.path)),
            }));
        }
    }
}
