//! Adding to a record without taking it apart.
//!
//! Every second each worker adds a few counts to the record of each organization that called. The record has their names by then, and their
//! numbers take as many bytes as before, so that it is enough to write over these.

use super::{Breakdown, Count, Statistics};
use crate::model::credits::Credits;

impl Statistics {
    /// The record with `pending` added. `None` where that takes more than to write over some numbers, or it is no record of that day: take it
    /// apart then ([`from_record`](Self::from_record)).
    #[must_use]
    pub fn added_to(record: &[u8], pending: &Self) -> Option<Vec<u8>> {
        if !pending.clients.is_empty() {
            return None;
        }
        let rest = record.strip_prefix(&[Self::VERSION])?;
        let rest = rest.strip_prefix(&pending.day.get().to_le_bytes())?;
        let at = record.len().saturating_sub(rest.len());
        let mut record = record.to_vec();
        let mut addition = Addition {
            record: &mut record,
            at,
        };
        addition.count(pending.refunds)?;
        addition.breakdown(&pending.operations)?;
        addition.breakdown(&pending.refusals)?;
        (addition.at == record.len()).then_some(record)
    }
}

/// How far a record has been added to.
struct Addition<'r> {
    record: &'r mut [u8],
    at: usize,
}

impl Addition<'_> {
    fn breakdown(&mut self, pending: &Breakdown) -> Option<()> {
        let names = self.number(0, u64::MAX)?;
        if names > u64::try_from(Breakdown::MAX_NAMES).unwrap_or(u64::MAX) {
            return None;
        }
        let mut added = [false; Breakdown::MAX_NAMES];
        for _ in 0..names {
            let hash = self.record.get(self.at..)?.first_chunk::<4>()?;
            let hash = u32::from_le_bytes(*hash);
            self.at = self.at.saturating_add(4);
            let mut named = pending.named.iter().zip(&mut added);
            match named.find(|((name, _), _)| name.0 == hash) {
                // A name stands in a record once.
                Some((_, true)) => return None,
                Some(((_, count), added)) => {
                    *added = true;
                    self.count(*count)?;
                }
                None => self.step_over_count()?,
            }
        }
        self.count(pending.others)?;
        let added = added.iter().filter(|added| **added).count();
        (added == pending.named.len()).then_some(())
    }

    fn count(&mut self, more: Count) -> Option<()> {
        self.number(more.calls, u64::MAX)?;
        self.number(more.credits.get(), Credits::MAX.get())?;
        Some(())
    }

    fn step_over_count(&mut self) -> Option<()> {
        self.step_over_number()?;
        self.step_over_number()
    }

    /// `None` for a number of so many bytes that it may be larger than any amount of credits.
    fn step_over_number(&mut self) -> Option<()> {
        const MOST: usize = 7;
        let most = self.at.saturating_add(MOST);
        // The last byte of a number has no high bit.
        while self.record.get(self.at)? & 0x80 != 0 {
            self.at = self.at.saturating_add(1);
        }
        self.at = self.at.saturating_add(1);
        (self.at <= most).then_some(())
    }

    /// Steps over a number, to which `more` is added. `None` where the sum is too large for the bytes of the number, or for `most`.
    #[inline]
    fn number(&mut self, more: u64, most: u64) -> Option<u64> {
        let begin = self.at;
        self.step_over_number()?;
        let bytes = self.record.get(begin..self.at)?.iter().rev();
        let number = bytes.fold(0_u64, |number, byte| (number << 7) | u64::from(byte & 0x7f));
        if more == 0 {
            return Some(number);
        }
        let sum = number.checked_add(more).filter(|sum| *sum <= most)?;
        let mut left = sum;
        for byte in self.record.get_mut(begin..self.at)? {
            let [low, ..] = left.to_le_bytes();
            *byte = (*byte & 0x80) | (low & 0x7f);
            left >>= 7;
        }
        (left == 0).then_some(sum)
    }
}
