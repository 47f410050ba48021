//! The account: what one organization has used today, and the pure steps that change it.
//!
//! An account stores what was *used*, never what remains, and the allotment is applied when a call is decided: a purchase or another
//! edition takes effect at once and resets nothing. The day is inside the record, because shared-data keys can never be deleted.

use crate::{credits::Credits, day::DayNumber};

/// What one organization has used on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    day: DayNumber,
    used: Credits,
}

/// A call that the day's credits cannot pay for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the call costs {cost} credits, and {remaining} remain")]
pub struct InsufficientCredits {
    /// What the call costs.
    pub cost: Credits,
    /// What is left of the day's credits.
    pub remaining: Credits,
}

/// Bytes that are not an account's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableRecord {
    /// Not as long as a record is.
    #[error("a record of {bytes} bytes, expected {}", Account::BYTES)]
    Length {
        /// How long it is.
        bytes: usize,
    },
    /// Written by something else.
    #[error("a record of version {version}, expected {}", Account::VERSION)]
    Version {
        /// The version it states.
        version: u32,
    },
    /// More credits than there can be.
    #[error("a record with {used} credits used, expected at most {}", Credits::MAX)]
    Used {
        /// The number it states.
        used: u64,
    },
}

impl Account {
    /// The version of the record's layout. It is part of the shared-data key too, so that two versions of the module that run side
    /// by side during an upgrade never read each other's records.
    pub const VERSION: u32 = 1;

    /// The length of a record: version (4 bytes), day (4), credits used (8), all little endian.
    pub const BYTES: usize = 16;

    /// An account on its first call of `day`.
    #[must_use]
    pub fn opened(day: DayNumber) -> Self {
        Self {
            day,
            used: Credits::ZERO,
        }
    }

    /// The account as of `today`: with nothing used if it is from an earlier day. An account never goes back to an earlier day,
    /// whatever the clock does.
    #[must_use]
    pub fn on(self, today: DayNumber) -> Self {
        if self.day < today {
            Self::opened(today)
        } else {
            self
        }
    }

    /// Charges `cost`, all or nothing. Invariant: an account that pays has used at most `allotment`.
    ///
    /// # Errors
    /// When less than `cost` remains of `allotment`.
    pub fn charge(self, cost: Credits, allotment: Credits) -> Result<Self, InsufficientCredits> {
        match self.used.checked_add(cost) {
            Some(used) if used <= allotment => Ok(Self { used, ..self }),
            _ => Err(InsufficientCredits {
                cost,
                remaining: self.remaining(allotment),
            }),
        }
    }

    /// The day on which `used` was used.
    #[must_use]
    pub fn day(&self) -> DayNumber {
        self.day
    }

    /// What was used on that day.
    #[must_use]
    pub fn used(&self) -> Credits {
        self.used
    }

    /// What is left of `allotment`: nothing if more was used, as after an allotment was lowered.
    #[must_use]
    pub fn remaining(&self, allotment: Credits) -> Credits {
        allotment.saturating_sub(self.used)
    }

    /// The account as stored.
    #[must_use]
    pub fn to_record(self) -> [u8; Self::BYTES] {
        let mut record = [0; Self::BYTES];
        let (head, used) = record.split_at_mut(8);
        let (version, day) = head.split_at_mut(4);
        version.copy_from_slice(&Self::VERSION.to_le_bytes());
        day.copy_from_slice(&self.day.get().to_le_bytes());
        used.copy_from_slice(&self.used.get().to_le_bytes());
        record
    }

    /// The account that was stored.
    ///
    /// # Errors
    /// When the bytes are not such a record, which only another plugin that writes under our keys can cause.
    pub fn from_record(record: &[u8]) -> Result<Self, UnreadableRecord> {
        let record: &[u8; Self::BYTES] =
            record.try_into().map_err(|_| UnreadableRecord::Length {
                bytes: record.len(),
            })?;
        let [v0, v1, v2, v3, d0, d1, d2, d3, used @ ..] = *record;
        let version = u32::from_le_bytes([v0, v1, v2, v3]);
        if version != Self::VERSION {
            return Err(UnreadableRecord::Version { version });
        }
        let used = u64::from_le_bytes(used);
        Ok(Self {
            day: DayNumber::new(i32::from_le_bytes([d0, d1, d2, d3])),
            used: Credits::new(used).ok_or(UnreadableRecord::Used { used })?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn credits(amount: u64) -> Credits {
        Credits::new(amount).unwrap()
    }

    fn account(day: i32, used: u64) -> Account {
        Account {
            day: DayNumber::new(day),
            used: credits(used),
        }
    }

    #[test]
    fn the_last_credit_is_spendable_and_the_next_is_not() {
        assert_eq!(
            account(1, 9).charge(credits(1), credits(10)),
            Ok(account(1, 10))
        );
        assert_eq!(
            account(1, 10).charge(credits(1), credits(10)),
            Err(InsufficientCredits {
                cost: credits(1),
                remaining: Credits::ZERO
            })
        );
    }

    #[test]
    fn a_call_is_paid_in_full_or_not_at_all() {
        assert_eq!(
            account(1, 9).charge(credits(50), credits(10)),
            Err(InsufficientCredits {
                cost: credits(50),
                remaining: credits(1)
            })
        );
    }

    #[test]
    fn a_lowered_allotment_leaves_nothing_and_a_raised_one_counts_at_once() {
        assert_eq!(account(1, 9).remaining(credits(5)), Credits::ZERO);
        assert!(account(1, 9).charge(credits(1), credits(5)).is_err());
        assert_eq!(
            account(1, 9).charge(credits(1), credits(11)),
            Ok(account(1, 10))
        );
    }

    #[test]
    fn a_new_day_starts_with_nothing_used_and_an_earlier_one_never_comes_back() {
        assert_eq!(account(1, 9).on(DayNumber::new(2)), account(2, 0));
        assert_eq!(account(1, 9).on(DayNumber::new(1)), account(1, 9));
        assert_eq!(account(2, 9).on(DayNumber::new(1)), account(2, 9));
    }

    #[test]
    fn the_record_is_sixteen_little_endian_bytes() {
        let record = account(20_779, 81_000).to_record();
        assert_eq!(
            record,
            [1, 0, 0, 0, 0x2b, 0x51, 0, 0, 0x68, 0x3c, 1, 0, 0, 0, 0, 0]
        );
        assert_eq!(Account::from_record(&record), Ok(account(20_779, 81_000)));
        let before_1970 = account(-1, 5);
        assert_eq!(
            Account::from_record(&before_1970.to_record()),
            Ok(before_1970)
        );
    }

    #[test]
    fn what_is_no_record_is_said_to_be_none() {
        let mut record = account(1, 1).to_record();
        assert_eq!(
            Account::from_record(b""),
            Err(UnreadableRecord::Length { bytes: 0 })
        );
        record[0] = 2;
        assert_eq!(
            Account::from_record(&record),
            Err(UnreadableRecord::Version { version: 2 })
        );
        record[0] = 1;
        record[15] = 0xff;
        assert!(matches!(
            Account::from_record(&record),
            Err(UnreadableRecord::Used { .. })
        ));
    }
}
