//! What was used of one purchase.

use super::lasting::{take, take_number};
use crate::model::credits::Credits;

/// What was used of one purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurchaseAccount {
    /// Which one.
    pub id: u32,
    /// What was used of it on the days before the account's day.
    pub before: Credits,
    /// What is used of it on that day.
    pub today: Credits,
}

/// A purchase that may pay for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurchaseClaim {
    /// Which one.
    pub id: u32,
    /// What was bought.
    pub credits: Credits,
}

impl PurchaseAccount {
    /// How many bytes it takes in a record.
    pub(super) const LENGTH: usize = 20;

    /// A purchase of which nothing was used.
    #[must_use]
    pub const fn unused(id: u32) -> Self {
        Self {
            id,
            before: Credits::ZERO,
            today: Credits::ZERO,
        }
    }

    /// What was used of it.
    #[must_use]
    pub fn used(&self) -> Credits {
        self.before.saturating_add(self.today)
    }

    pub(super) fn on_another_day(&self) -> Self {
        Self {
            before: self.used(),
            today: Credits::ZERO,
            ..*self
        }
    }

    pub(super) fn write(&self, record: &mut Vec<u8>) {
        record.extend_from_slice(&self.id.to_le_bytes());
        record.extend_from_slice(&self.before.get().to_le_bytes());
        record.extend_from_slice(&self.today.get().to_le_bytes());
    }

    pub(super) fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self {
            id: u32::from_le_bytes(take(bytes)?),
            before: Credits::new(take_number(bytes)?)?,
            today: Credits::new(take_number(bytes)?)?,
        })
    }
}
