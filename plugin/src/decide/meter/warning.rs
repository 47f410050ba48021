//! Warnings: who has reached a share of its day is told of once, by the worker that stored that it is.

use std::convert::Infallible;

use jiff::Timestamp;

use super::Meter;
use crate::{
    accounts::{
        account::{Account, ChargedClient, ClientAccount, ClientClaim},
        holder::AccountHolder,
        ledger::{Ledger, Posted, SharedData},
    },
    model::{
        credits::Credits,
        day::{Day, Seconds},
        terms::Terms,
    },
    show::usage::{
        local_time::LocalTime,
        warnings::{Thresholds, Told, Warning},
    },
};

impl Meter {
    /// What is to be warned of now that an account has been charged, a line each: this worker is the one to say it, because it stored
    /// that it is said.
    pub(super) fn warnings(
        &self,
        holder: &AccountHolder,
        terms: Terms,
        day: Day,
        posted: &Posted,
        client: Option<&(ChargedClient, ClientAccount)>,
        now: Timestamp,
    ) -> Vec<String> {
        let (before, after) = (&posted.before, &posted.after);
        let client = client.filter(|(_, account)| account.warned != 0);
        if client.is_none() && before.warned() == after.warned() {
            return Vec::new();
        }
        let used = after.used_by_all();
        let told = (Told(before.warned()), Told(after.warned()));
        let mut lines = self.warn(holder, None, (terms, used), day, told, now);
        if let Some((charged, account)) = client {
            let id = charged.id.as_str();
            let known = before.client(id);
            let told = known.map_or(0, |known| known.warned);
            let told = (Told(told), Told(account.warned));
            let cap = Terms::new(terms.model, charged.cap.unwrap_or(Credits::ZERO));
            lines.extend(self.warn(holder, Some(id), (cap, account.used), day, told, now));
        }
        lines
    }

    /// The warnings of an organization, or of its `client`, that has used so much under these terms, and of which these were told `before`
    /// and `after`.
    fn warn(
        &self,
        holder: &AccountHolder,
        client: Option<&str>,
        (terms, used): (Terms, Credits),
        day: Day,
        (before, after): (Told, Told),
        now: Timestamp,
    ) -> Vec<String> {
        if before == after {
            return Vec::new();
        }
        let warn = |threshold| Warning {
            organization: &holder.label,
            client,
            edition: holder.edition.as_str(),
            threshold,
            used,
            terms,
            resets_at: LocalTime::new(day.end, holder.data_center.calendar.time_zone()),
            resets_in: Seconds::between(now, day.end),
        };
        let new: Vec<_> = self
            .policy
            .warnings
            .newly_told(before, after)
            .map(warn)
            .collect();
        if let Some(webhook) = &self.policy.webhook {
            new.iter()
                .for_each(|warning| webhook.put(warning.document(), 1));
        }
        new.iter().map(Warning::log_line).collect()
    }

    /// What is to be warned of although nothing was charged, because a lowered allotment has been reached by what was used before.
    pub(super) fn warn_of_refused(
        &self,
        holder: &AccountHolder,
        terms: Terms,
        day: Day,
        (used, told): (Credits, Told),
        now: Timestamp,
        data: &impl SharedData,
    ) -> Vec<String> {
        let thresholds = &self.policy.warnings;
        if thresholds.told_at(used, terms.total, told) == told {
            return Vec::new();
        }
        let posting = Ledger::new(data).post(&holder.key, day.number, |account| {
            let used = account.used_by_all();
            let told = thresholds.told_at(used, terms.total, Told(account.warned()));
            Ok::<_, Infallible>(account.clone().with_warned(told.0))
        });
        // What cannot be noted is told by the next refusal.
        posting.result.map_or_else(
            |_| Vec::new(),
            |posted| self.warnings(holder, terms, day, &posted, None, now),
        )
    }
}

/// The account after a charge, with the thresholds of its client's cap marked that have been reached.
#[inline(never)]
pub(super) fn with_client_warned(
    charged: Account,
    claim: &ClientClaim,
    thresholds: &Thresholds,
) -> Account {
    let (client, known) = charged.charged(claim);
    let Some(cap) = client.cap else {
        return charged;
    };
    let told = thresholds.told_at(known.used, cap, Told(known.warned));
    if told.0 == known.warned {
        return charged;
    }
    charged.with_client_warned(&client.id, told.0)
}
