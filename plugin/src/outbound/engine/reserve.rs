//! The reserve: how much more than it has used a proxy holds of an organization's day.
//!
//! A proxy that ends without a word (it crashes, it is killed, a restart does not wait) takes its reserve along until the day ends, and
//! nothing can bring that back: whether it has spent the reserve since its last message or not, what the engine has heard is the same.
//! Granting it again would be wrong in one of the two cases, however long the engine waits, and leases that expire would change nothing.
//! A promise to spend no more than so much before the next message would be a reserve of that size. So a reserve is no larger than it
//! pays to be, and shrinks as soon as it is not needed:
//!
//! - it is small at first, and twice as large each time that it runs low before the next report, up to `lease` and a 50th of the
//!   allotment, divided by the number of proxies. That is still large enough: an allotment that is spent in a rush takes each proxy
//!   some seventy messages;
//! - with each report, once a second, it shrinks to twice what was used since the one before; in a second without a call to an eighth
//!   of the most that it may be; and to nothing after `idle_seconds`. Whatever a message gives back cannot be spent from the moment
//!   on when it is sent, so that it does not matter whether, when and how often it arrives, nor what any clock says.
//!
//! Calls that wait are granted what they need on top of that: one of them whatever it costs, or several together 3 % of the allotment at a
//! time. So a proxy that is killed takes along about what it has used in its last seconds, and at most a 20th of the allotment, unless a
//! single call that waited costs more, or more has been refunded since the last report. One that has had no calls for three seconds takes
//! a 400th, divided by the number of proxies, and one that has had none for `idle_seconds` more takes nothing.

use super::Settings;
use crate::{accounts::account::Account, model::credits::Credits};

/// How much more than it has used a proxy may hold of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reserve {
    /// The most.
    most: Credits,
    /// What it begins with, and keeps while there may be more calls.
    pub(super) least: Credits,
}

/// What a message is for, from what asks for least to what asks for most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Purpose {
    /// To give back whatever is not used.
    GiveBack,
    /// To say what was used, and give back what is more than needed.
    Report,
    /// To have more calls in progress, and keep what is reserved.
    Share,
    /// To have more, before calls need it or when they do.
    Refill,
}

impl Reserve {
    /// Which part of the allotment all proxies together may hold beyond what they have used: a 50th.
    const PARTS: u64 = 50;
    /// Which part of the most it is that a reserve begins with: an eighth.
    const BEGINNING: u64 = 8;

    /// What several calls that wait are granted at a time, at the most: 3 % of the allotment, or some credits of a small one, so that they
    /// need not wait for each other.
    pub(super) fn together(allotment: Credits) -> Credits {
        let part = allotment.get().checked_div(100).unwrap_or_default();
        Credits::saturating(part.saturating_mul(3)).max(Credits::saturating(20))
    }

    /// What one of the proxies may hold of an allotment of which `left` is reserved for nobody.
    pub(super) fn of(settings: &Settings, allotment: Credits, left: Credits) -> Self {
        let envoys = u64::from(settings.envoys);
        let part = |credits: Credits, parts: u64| {
            let parts = parts.saturating_mul(envoys);
            Credits::saturating(credits.get().checked_div(parts).unwrap_or_default())
        };
        let usual = settings.lease.min(part(allotment, Self::PARTS));
        let most = usual.min(part(left, 2));
        let least = usual.get().checked_div(Self::BEGINNING).unwrap_or_default();
        Self {
            most,
            least: most.min(Credits::saturating(least)),
        }
    }

    /// How much `account` is to hold beyond what it has used, after a message that is for this.
    pub(super) fn after(&self, account: &Account, purpose: Purpose) -> Credits {
        let twice = |reserve: Credits| self.least.max(reserve.saturating_mul(2)).min(self.most);
        match purpose {
            Purpose::GiveBack => Credits::ZERO,
            Purpose::Report => twice(account.unreported()),
            // What calls wait for is counted on top of what is reserved already.
            Purpose::Share => account.free(),
            Purpose::Refill => {
                let reserve = account.reserve().max(account.unreported());
                twice(reserve).max(account.free())
            }
        }
    }

    /// Whether `account` is to have more before calls need it.
    pub(super) fn is_low(&self, account: &Account) -> bool {
        let full = account.reserve().max(self.least).min(self.most);
        let low = full.get().checked_div(4).unwrap_or_default();
        account.free().get() < low
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::{
        accounts::account::{Asking, Granted},
        decide::policy::Policy,
        model::day::{DayNumber, Seconds},
        outbound::engine::Engine,
    };
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const DAY: DayNumber = DayNumber::new(20_779);

    fn credits(amount: u64) -> Credits {
        Credits::new(amount).unwrap()
    }

    fn reserve(envoys: u32, allotment: u64, left: u64) -> Reserve {
        let config = format!(
            r#"{{"identity":{{"header":"o"}},"editions":{{"E":{{"base":1}}}},"organizations":{{}},"costs":{{"default":1}},
                "engine":{{"transport":{{"resp":{{"cluster":"e"}}}},"envoys":{envoys},"lease":1000}}}}"#
        );
        let mut policy = Policy::from_json(config.as_bytes()).unwrap();
        let Engine { settings, .. } = policy.engine.take().unwrap();
        Reserve::of(&settings, credits(allotment), credits(left))
    }

    /// `account` after a message that is for this, and has been granted whatever it wants.
    fn told(account: &Account, reserve: Reserve, purpose: Purpose) -> Account {
        let keeps = reserve.after(account, purpose);
        let asked = account.ask(&Asking {
            keeps,
            allotment: credits(81_000),
            in_progress: None,
            share_lease: Seconds::new(30),
            now: Timestamp::UNIX_EPOCH,
            patience: Duration::ZERO,
        });
        let wants = match purpose {
            Purpose::Refill => keeps.saturating_sub(asked.free()),
            Purpose::GiveBack | Purpose::Report | Purpose::Share => Credits::ZERO,
        };
        let granted = Granted {
            message: asked.lease().unwrap().message,
            day: DAY,
            allotment: credits(81_000),
            credits: wants,
            others_held: Credits::ZERO,
            others_used: Credits::ZERO,
            slots: 0,
            others_share: 0,
        };
        asked.hear(&granted, Timestamp::UNIX_EPOCH)
    }

    fn uses(account: &Account, amount: u64) -> Account {
        account.charge_more(
            DAY,
            credits(amount),
            Some(credits(81_000)),
            &crate::accounts::account::CountedAs::default(),
        )
    }

    #[test]
    fn a_reserve_is_a_50th_of_the_allotment_divided_by_the_proxies_and_an_eighth_of_that_at_least()
    {
        for (envoys, allotment, left, most, least) in [
            (2, 81_000, 81_000, 810, 101),
            (2, 1_000_000, 1_000_000, 1_000, 125),
            (1, 1_000, 1_000, 20, 2),
            (10, 1_000, 1_000, 2, 0),
            (2, 10, 10, 0, 0),
            (2, 81_000, 400, 100, 100),
            (2, 81_000, 3, 0, 0),
        ] {
            let expected = Reserve {
                most: credits(most),
                least: credits(least),
            };
            let found = reserve(envoys, allotment, left);
            assert_eq!(found, expected, "{envoys} of {allotment}, {left} left");
        }
        let together = |allotment| Reserve::together(credits(allotment)).get();
        assert_eq!(
            (together(10), together(1_000), together(81_000)),
            (20, 30, 2_430)
        );
    }

    #[test]
    fn a_reserve_that_runs_low_before_the_next_report_doubles() {
        let reserve = reserve(2, 81_000, 81_000);
        let mut account = told(&Account::opened(DAY), reserve, Purpose::Refill);
        for (free, low) in [(101, 25), (202, 50), (404, 101), (808, 202), (810, 202)] {
            assert_eq!(account.free(), credits(free));
            account = uses(&account, free - low);
            assert!(!reserve.is_low(&account), "{low} of {free} left");
            account = uses(&account, 1);
            assert!(reserve.is_low(&account), "{} of {free} left", low - 1);
            account = told(&account, reserve, Purpose::Refill);
        }
    }

    #[test]
    fn a_reserve_shrinks_with_each_report_to_twice_what_was_used() {
        let reserve = reserve(2, 81_000, 81_000);
        let mut account = told(&Account::opened(DAY), reserve, Purpose::Refill);
        while account.free() < credits(810) {
            account = told(&uses(&account, 1), reserve, Purpose::Refill);
        }
        account = told(&uses(&account, 300), reserve, Purpose::Report);
        assert_eq!(account.free(), credits(510), "less than twice that");
        account = told(&account, reserve, Purpose::Share);
        assert_eq!(account.free(), credits(510), "calls wait for their share");
        account = told(&uses(&account, 100), reserve, Purpose::Report);
        assert_eq!(account.free(), credits(200));
        account = told(&account, reserve, Purpose::Report);
        assert_eq!(account.free(), credits(101), "nothing was used");
        account = told(&uses(&account, 40), reserve, Purpose::Report);
        assert_eq!(account.free(), credits(61), "nothing is reserved for it");
        account = told(&account, reserve, Purpose::GiveBack);
        assert_eq!(account.free(), Credits::ZERO);
        assert!(reserve.is_low(&account));
    }
}
