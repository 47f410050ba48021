//! What there is to say about an account from time to time, when no call waits for it.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    accounts::account::Account,
    model::{credits::Credits, day::Seconds},
};

/// What there is to say about an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DueReport {
    /// Nothing, until it is charged again.
    Nothing,
    /// Nothing yet.
    Later,
    /// What was used, and what is still held: no more than is needed.
    Report,
    /// That what is held and was not used is there for others.
    GiveBack,
}

/// How often the same account is reported at the most. Less than a tick of the host's timer, which is never quite on time.
pub(super) const PAUSE: Duration = Duration::from_millis(900);

impl Account {
    /// What there is to say about the account. What is reserved is given back after `idle`, what is more than `least` as soon as nothing
    /// is used, and shares of the calls in progress are renewed well before they end.
    #[must_use]
    pub fn due_report(
        &self,
        now: Timestamp,
        idle: Seconds,
        share_lease: Seconds,
        least: Credits,
    ) -> DueReport {
        let Some(lease) = self.lease() else {
            return DueReport::Nothing;
        };
        let age = lease.heard_at.age(now);
        if lease.is_awaited(now) || age < PAUSE {
            return DueReport::Later;
        }
        let in_progress = self.slots().in_progress(share_lease, now);
        let share = u32::from(lease.share);
        let renews = share > 0 && age.as_secs().saturating_mul(3) >= share_lease.get();
        let unheard = lease.message != lease.heard;
        let spare = self.free() > least;
        if unheard || spare || self.used() != lease.reported || share > in_progress || renews {
            return if age.as_secs() >= idle.get() && self.used() == lease.reported {
                DueReport::GiveBack
            } else {
                DueReport::Report
            };
        }
        match (self.free().is_zero(), age.as_secs() >= idle.get()) {
            (true, _) if share == 0 => DueReport::Nothing,
            (false, true) => DueReport::GiveBack,
            _ => DueReport::Later,
        }
    }
}
