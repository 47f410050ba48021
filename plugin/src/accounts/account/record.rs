//! The account as stored: a small binary record, little endian.
//!
//! | bytes | what |
//! |---|---|
//! | 0-2 | version |
//! | 3 | 1 if clients are counted, and 2 if something outlasts the day |
//! | 4-7 | day |
//! | 8-15 | credits used |
//! | 16 | thresholds warned of |
//! | 17 | number of holdings |
//! | 18 … | 11 bytes each: worker (4), renewed (4), calls (2), group (1) |
//! | after them | where clients are counted, the length of what follows (4), and the clients |
//! | after them | where something outlasts the day, the length of what follows (4), and periods and purchases |
//! | after them | where several proxies share the day, the lease: 70 bytes in the order of its fields |

use std::rc::Rc;

use super::{Account, Clients, Lasting, Lease, Moment, Parts};
use crate::{
    accounts::slots::{Group, Holding, Slots, WorkerId},
    model::{credits::Credits, day::DayNumber},
};

const HEAD: usize = 18;
const HOLDING: usize = 11;
const LEASE: usize = 70;
/// The parts that byte 3 tells of.
const CLIENTS: u8 = 1;
const LASTING: u8 = 2;

/// Bytes that are not an account's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableRecord {
    /// Not as long as a record is.
    #[error("a record of {bytes} bytes, expected {expected}")]
    Length {
        /// How long it is.
        bytes: usize,
        /// How long it should be.
        expected: usize,
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
    /// by side during an upgrade never read each other's records. A module that does not know a part that byte 3 tells of refuses the record.
    pub const VERSION: u32 = 1;

    /// The account as stored.
    #[must_use]
    pub fn to_record(&self) -> Vec<u8> {
        let holdings = self.slots.holdings();
        let holdings = holdings.get(..Slots::MOST).unwrap_or(holdings);
        let (clients, lasting) = (self.clients(), self.lasting());
        let others = clients.map_or(0, |clients| clients.bytes().len().saturating_add(4));
        let others = lasting.map_or(others, |lasting| {
            lasting.length().saturating_add(4).saturating_add(others)
        });
        let size = HEAD.saturating_add(HOLDING.saturating_mul(holdings.len()));
        let mut record = Vec::with_capacity(size.saturating_add(others));
        let [v0, v1, v2, _] = Self::VERSION.to_le_bytes();
        let v3 = if clients.is_some() { CLIENTS } else { 0 }
            | if lasting.is_some() { LASTING } else { 0 };
        let [d0, d1, d2, d3] = self.day.get().to_le_bytes();
        let [u0, u1, u2, u3, u4, u5, u6, u7] = self.used.get().to_le_bytes();
        let count = u8::try_from(holdings.len()).unwrap_or(u8::MAX);
        record.extend_from_slice(&[
            v0,
            v1,
            v2,
            v3,
            d0,
            d1,
            d2,
            d3,
            u0,
            u1,
            u2,
            u3,
            u4,
            u5,
            u6,
            u7,
            self.warned,
            count,
        ]);
        for holding in holdings {
            let [w0, w1, w2, w3] = holding.worker.0.to_le_bytes();
            let [r0, r1, r2, r3] = holding.renewed.to_le_bytes();
            let [c0, c1] = holding.calls.to_le_bytes();
            let group = holding.group.0;
            record.extend_from_slice(&[w0, w1, w2, w3, r0, r1, r2, r3, c0, c1, group]);
        }
        if let Some(clients) = clients {
            put_length(&mut record, clients.bytes().len());
            record.extend_from_slice(clients.bytes());
        }
        if let Some(lasting) = lasting {
            put_length(&mut record, lasting.length());
            lasting.write(&mut record);
        }
        if let Some(lease) = &self.lease {
            put_lease(&mut record, lease);
        }
        record
    }

    /// The account that was stored.
    ///
    /// # Errors
    /// When the bytes are not such a record, which only another plugin that writes under our keys can cause.
    pub fn from_record(record: &[u8]) -> Result<Self, UnreadableRecord> {
        let bytes = record.len();
        let Some((head, holdings)) = record.split_first_chunk::<HEAD>() else {
            return Err(UnreadableRecord::Length {
                bytes,
                expected: HEAD,
            });
        };
        let [
            v0,
            v1,
            v2,
            v3,
            d0,
            d1,
            d2,
            d3,
            u0,
            u1,
            u2,
            u3,
            u4,
            u5,
            u6,
            u7,
            warned,
            count,
        ] = *head;
        let version = u32::from_le_bytes([v0, v1, v2, v3 & !(CLIENTS | LASTING)]);
        if version != Self::VERSION {
            return Err(UnreadableRecord::Version { version });
        }
        let expected = HEAD.saturating_add(HOLDING.saturating_mul(usize::from(count)));
        let length = UnreadableRecord::Length { bytes, expected };
        let Some((holdings, lease)) =
            holdings.split_at_checked(HOLDING.saturating_mul(usize::from(count)))
        else {
            return Err(length);
        };
        let (parts, rest) = if v3 == 0 {
            (None, lease)
        } else {
            read_parts(v3, lease).ok_or(length)?
        };
        let lease = match rest {
            [] => None,
            lease => Some(read_lease(lease).ok_or(length)??),
        };
        let used = u64::from_le_bytes([u0, u1, u2, u3, u4, u5, u6, u7]);
        let (holdings, _) = holdings.as_chunks::<HOLDING>();
        let mut slots = Vec::with_capacity(holdings.len());
        for bytes in holdings {
            slots.push(holding(bytes));
        }
        Ok(Self {
            day: DayNumber::new(i32::from_le_bytes([d0, d1, d2, d3])),
            used: Credits::new(used).ok_or(UnreadableRecord::Used { used })?,
            warned,
            slots: Slots::of(slots),
            lease: lease.map(Rc::new),
            parts,
        })
    }
}

/// The parts that byte 3 tells of, and what follows them; `None` if they are something else.
#[inline(never)]
fn read_parts(kinds: u8, mut bytes: &[u8]) -> Option<(Option<Rc<Parts>>, &[u8])> {
    let mut parts = Parts::default();
    if kinds & CLIENTS != 0 {
        parts.clients = Some(Rc::new(Clients::of(take_part(&mut bytes)?)));
    }
    if kinds & LASTING != 0 {
        parts.lasting = Some(Rc::new(Lasting::of(take_part(&mut bytes)?)?));
    }
    Some((Some(Rc::new(parts)), bytes))
}

/// Writes how long the part of the record is that follows.
fn put_length(record: &mut Vec<u8>, bytes: usize) {
    let length = u32::try_from(bytes).unwrap_or(u32::MAX);
    record.extend_from_slice(&length.to_le_bytes());
}

/// The part that comes first in the bytes; `None` if it is not as long as it states.
fn take_part<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (part, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    Some(part)
}

fn put_lease(record: &mut Vec<u8>, lease: &Lease) {
    record.extend(lease.message.to_le_bytes());
    record.extend(lease.heard.to_le_bytes());
    let numbers = [
        lease.awaited_until.0,
        lease.held.get(),
        lease.reported.get(),
        lease.others_held.get(),
        lease.others_used.get(),
        lease.allotment.get(),
        lease.heard_at.0,
    ];
    for number in numbers {
        record.extend(number.to_le_bytes());
    }
    for number in [lease.share, lease.others_share, lease.peak] {
        record.extend(number.to_le_bytes());
    }
}

/// The lease that was stored; `None` if it is not as long as one is.
fn read_lease(bytes: &[u8]) -> Option<Result<Lease, UnreadableRecord>> {
    let bytes: &[u8; LEASE] = bytes.try_into().ok()?;
    let (message, rest) = bytes.split_first_chunk::<4>()?;
    let (heard, rest) = rest.split_first_chunk::<4>()?;
    let (numbers, calls) = rest.split_at_checked(56)?;
    let (numbers, _) = numbers.as_chunks::<8>();
    let (calls, _) = calls.as_chunks::<2>();
    let mut numbers = numbers.iter().map(|number| u64::from_le_bytes(*number));
    let mut calls = calls.iter().map(|number| u16::from_le_bytes(*number));
    let awaited_until = Moment(numbers.next()?);
    let mut credits = || {
        let used = numbers.next()?;
        Some(Credits::new(used).ok_or(UnreadableRecord::Used { used }))
    };
    let (held, reported) = (credits()?, credits()?);
    let (others_held, others_used, allotment) = (credits()?, credits()?, credits()?);
    let heard_at = Moment(numbers.next()?);
    let (share, others_share, peak) = (calls.next()?, calls.next()?, calls.next()?);
    let lease = || {
        Ok(Lease {
            message: u32::from_le_bytes(*message),
            heard: u32::from_le_bytes(*heard),
            awaited_until,
            held: held?,
            reported: reported?,
            others_held: others_held?,
            others_used: others_used?,
            allotment: allotment?,
            heard_at,
            share,
            others_share,
            peak,
        })
    };
    Some(lease())
}

fn holding(bytes: &[u8; HOLDING]) -> Holding {
    let [w0, w1, w2, w3, r0, r1, r2, r3, c0, c1, group] = *bytes;
    Holding {
        worker: WorkerId(u32::from_le_bytes([w0, w1, w2, w3])),
        renewed: u32::from_le_bytes([r0, r1, r2, r3]),
        calls: u16::from_le_bytes([c0, c1]),
        group: Group(group),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn account(day: i32, used: u64) -> Account {
        let opened = Account::opened(DayNumber::new(day));
        Account {
            used: Credits::new(used).unwrap(),
            ..opened
        }
    }

    #[test]
    fn the_record_of_an_idle_organization_is_eighteen_bytes() {
        let record = account(20_779, 81_000).to_record();
        assert_eq!(
            record,
            [
                1, 0, 0, 0, 0x2b, 0x51, 0, 0, 0x68, 0x3c, 1, 0, 0, 0, 0, 0, 0, 0
            ]
        );
        assert_eq!(Account::from_record(&record), Ok(account(20_779, 81_000)));
        let before_1970 = account(-1, 5);
        assert_eq!(
            Account::from_record(&before_1970.to_record()),
            Ok(before_1970)
        );
    }

    #[test]
    fn calls_in_progress_add_eleven_bytes_for_each_worker() {
        let holding = |worker, group| Holding {
            worker: WorkerId(worker),
            group: Group(group),
            calls: 513,
            renewed: 1_800_000_000,
        };
        let slots = Slots::of(vec![holding(1, 0), holding(u32::MAX, 255)]);
        let busy = account(1, 2).with_slots(slots).with_warned(5);
        let record = busy.to_record();
        assert_eq!(record.len(), 18 + 22);
        assert_eq!(Account::from_record(&record), Ok(busy));
    }

    #[test]
    fn a_lease_adds_seventy_bytes() {
        let credits = |amount| Credits::new(amount).unwrap();
        let leased = Account {
            lease: Some(Rc::new(Lease {
                message: 7,
                heard: 6,
                awaited_until: Moment(1_800_000_000_050),
                held: credits(1_000),
                reported: credits(2),
                others_held: credits(3),
                others_used: credits(4),
                allotment: credits(5),
                heard_at: Moment(1_800_000_000_000),
                share: 8,
                others_share: 9,
                peak: 10,
            })),
            ..account(1, 2)
        };
        let mut record = leased.to_record();
        assert_eq!(record.len(), 18 + 70);
        assert_eq!(Account::from_record(&record), Ok(leased));
        record.pop();
        assert_eq!(
            Account::from_record(&record),
            Err(UnreadableRecord::Length {
                bytes: 87,
                expected: 18
            })
        );
    }

    #[test]
    fn what_is_no_record_is_said_to_be_none() {
        let mut record = account(1, 1).to_record();
        assert_eq!(
            Account::from_record(b""),
            Err(UnreadableRecord::Length {
                bytes: 0,
                expected: 18
            })
        );
        record.push(0);
        assert_eq!(
            Account::from_record(&record),
            Err(UnreadableRecord::Length {
                bytes: 19,
                expected: 18
            })
        );
        record.pop();
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
