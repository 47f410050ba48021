//! Sending: what a worker has for other services, and what came of it.

use std::rc::Rc;

use jiff::Timestamp;

use super::Running;
use crate::{
    accounts::holder::AccountHolder,
    outbound::outbox::{Delivery, Outbox},
    shell::host::{self, HostSharedData, Level},
    show::metrics::Metric,
};

/// What is in an outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Warnings,
    UsageEvents,
}

impl Running {
    /// Every outbox, and what is in it.
    pub(super) fn outboxes(&self) -> impl Iterator<Item = (&Outbox, Sent)> {
        let warnings = self.policy.webhook.as_ref();
        let usage_events = self.policy.usage_events.as_ref();
        let warnings = warnings.map(|outbox| (outbox, Sent::Warnings));
        let usage_events = usage_events.map(|events| (events.outbox(), Sent::UsageEvents));
        warnings.into_iter().chain(usage_events)
    }

    /// Moves what has been counted to where others read it.
    pub(super) fn flush(&self, now: Timestamp) {
        let usage_events = self.policy.usage_events.as_ref();
        let roster = self.policy.roster.as_ref();
        let enter = |holder: &Rc<AccountHolder>| {
            if let Some(roster) = roster {
                let terms = || holder.terms_by_account(now, &HostSharedData);
                roster.note(holder, holder.day(now).number, terms);
            }
        };
        if roster.is_some() {
            self.worker.served().iter().for_each(enter);
        }
        self.worker.flush(&HostSharedData, |holder, statistics| {
            enter(holder);
            if let Some(usage_events) = usage_events {
                usage_events.add(&holder.label, statistics, now);
            }
        });
        if let Some(roster) = roster {
            roster.flush(&HostSharedData);
        }
    }

    /// Sends what is due.
    pub(super) fn send(&self, now: Timestamp) {
        if let Some(usage_events) = &self.policy.usage_events {
            usage_events.tick(now, host::random);
        }
        for (outbox, sent) in self.outboxes() {
            for (message, callout) in outbox.take_due(now) {
                match host::call_out(&callout) {
                    Ok(id) => outbox.note(id, message),
                    Err(refused) => self.note(sent, outbox.not_sent(message, refused, now)),
                }
            }
            if let Some(given_up) = outbox.displaced() {
                self.note(sent, given_up);
            }
        }
    }

    /// Counts what came of a call.
    pub(super) fn note(&self, sent: Sent, delivery: Delivery) {
        let (metric, count) = match (sent, &delivery) {
            (Sent::Warnings, Delivery::Accepted(count)) => (Metric::WebhookTold, *count),
            (Sent::Warnings, Delivery::GivenUp(count, _)) => (Metric::WebhookGivenUp, *count),
            (Sent::Warnings, Delivery::Postponed) => return,
            (Sent::UsageEvents, Delivery::Accepted(count)) => (Metric::UsageEventsAccepted, *count),
            (Sent::UsageEvents, Delivery::GivenUp(count, _)) => (Metric::UsageEventsLost, *count),
            (Sent::UsageEvents, Delivery::Postponed) => (Metric::UsageEventsFailures, 1),
        };
        self.add(metric, u64::from(count));
        if let Delivery::GivenUp(count, why) = delivery {
            let line = match sent {
                Sent::Warnings => format!(
                    "the webhook missed {}, {why}",
                    if count == 1 {
                        "a warning".to_owned()
                    } else {
                        format!("{count} warnings")
                    }
                ),
                Sent::UsageEvents => format!("{count} usage events are lost: {why}"),
            };
            host::log(Level::Warn, &line);
        }
    }

    /// Hands what was not accepted to the plugin that takes over: of `others`, the latest of the same namespace that sends such things.
    pub(super) fn hand_over(&self, others: &[Rc<Self>]) {
        if let Some(events) = &self.policy.usage_events {
            events.close(self.latest(), host::random);
        }
        for (from, sent) in self.outboxes() {
            let namespace = &self.policy.subscriptions.namespace;
            let to = others.iter().rev();
            let to = to.filter(|other| other.policy.subscriptions.namespace == *namespace);
            let mut to = to
                .flat_map(|other| other.outboxes())
                .filter(|(_, kind)| *kind == sent);
            if let Some((to, _)) = to.next() {
                to.adopt(from);
            }
        }
        let events = self.policy.usage_events.as_ref();
        let lost = events.map_or(0, |events| events.outbox().unsent());
        if lost > 0 {
            let why = "nobody takes them over".to_owned();
            self.note(Sent::UsageEvents, Delivery::GivenUp(lost, why));
        }
    }
}
