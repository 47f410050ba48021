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
                roster.note(holder, holder.day(now).number, || holder.schedule.at(now));
            }
        };
        self.worker.flush(&HostSharedData, |holder, statistics| {
            enter(holder);
            if let Some(usage_events) = usage_events {
                usage_events.add(&holder.label, statistics, now);
            }
        });
        if let Some(roster) = roster {
            self.worker.served().iter().for_each(enter);
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
                Sent::Warnings => format!("the webhook missed a warning, {why}"),
                Sent::UsageEvents => format!("{count} usage events are lost: {why}"),
            };
            host::log(Level::Warn, &line);
        }
    }

    /// Hands what was not accepted to the plugin that takes over.
    pub(super) fn hand_over(&self, successor: Option<&Rc<Self>>) {
        let (from, to) = (&self.policy, successor.map(|other| &other.policy));
        if let (Some(from), Some(to)) = (&from.webhook, to.and_then(|to| to.webhook.as_ref())) {
            to.adopt(from);
        }
        let Some(events) = &from.usage_events else {
            return;
        };
        events.close(self.latest(), host::random);
        if let Some(to) = to.and_then(|to| to.usage_events.as_ref()) {
            to.outbox().adopt(events.outbox());
        }
        let lost = events.outbox().unsent();
        if lost > 0 {
            let why = "nobody takes them over".to_owned();
            self.note(Sent::UsageEvents, Delivery::GivenUp(lost, why));
        }
    }
}
