//! The record of statistics in shared data.
//!
//! Version (1 byte), day (4 bytes, little endian), then refunds, operations and refusals. A number is LEB128 (7 bits to a byte, low
//! ones first), a count is calls and credits, a breakdown is the number of its names, each name's hash (4 bytes, little endian) with
//! its count, and the count of the others. Where clients are told apart, there follow their number, and of each the length of its name
//! (1 byte), its name, its refused calls, its refunds and its operations.

use super::{Breakdown, ClientStatistics, Count, NameHash, Statistics};
use crate::model::{client::ClientId, credits::Credits, day::DayNumber};

/// Bytes that are not a record of statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableStatistics {
    /// Written by something else.
    #[error("statistics of version {version}, expected {}", Statistics::VERSION)]
    Version {
        /// The version that they state.
        version: u8,
    },
    /// Not of this layout.
    #[error("{bytes} bytes of malformed statistics, {left} of them after what is wrong")]
    Malformed {
        /// How long the record is.
        bytes: usize,
        /// How much of it was left when it made no sense any more.
        left: usize,
    },
}

impl Statistics {
    /// The statistics as stored.
    #[must_use]
    pub fn to_record(&self) -> Vec<u8> {
        let mut record = Vec::with_capacity(self.usual_size());
        record.push(Self::VERSION);
        record.extend(self.day.get().to_le_bytes());
        write_count(&mut record, self.refunds);
        write_breakdown(&mut record, &self.operations);
        write_breakdown(&mut record, &self.refusals);
        if !self.clients.is_empty() {
            let clients = u64::try_from(self.clients.len()).unwrap_or(u64::MAX);
            write_number(&mut record, clients);
            for client in &self.clients {
                let name = client.id.as_str().as_bytes();
                record.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
                record.extend_from_slice(name);
                write_number(&mut record, client.refused);
                write_count(&mut record, client.refunds);
                write_breakdown(&mut record, &client.operations);
            }
        }
        record
    }

    /// About as many bytes as the record takes.
    fn usual_size(&self) -> usize {
        const FIXED: usize = 24;
        const NAMED: usize = 10;
        let names = self
            .operations
            .named
            .len()
            .saturating_add(self.refusals.named.len());
        names.saturating_mul(NAMED).saturating_add(FIXED)
    }

    /// The statistics that were stored.
    ///
    /// # Errors
    /// When the bytes are not such a record, which only another plugin that writes under our keys can cause.
    pub fn from_record(record: &[u8]) -> Result<Self, UnreadableStatistics> {
        let mut rest = record;
        let version = read_bytes::<1>(&mut rest).map(|[version]| version);
        if let Some(version) = version.filter(|&version| version != Self::VERSION) {
            return Err(UnreadableStatistics::Version { version });
        }
        let statistics = version.and_then(|_| read(&mut rest));
        statistics
            .filter(|_| rest.is_empty())
            .ok_or(UnreadableStatistics::Malformed {
                bytes: record.len(),
                left: rest.len(),
            })
    }
}

fn read(rest: &mut &[u8]) -> Option<Statistics> {
    let day = DayNumber::new(i32::from_le_bytes(read_bytes(rest)?));
    let refunds = read_count(rest)?;
    let operations = read_breakdown(rest)?;
    let refusals = read_breakdown(rest)?;
    let clients = if rest.is_empty() {
        Vec::new()
    } else {
        read_clients(rest)?
    };
    Some(Statistics {
        day,
        operations,
        refusals,
        refunds,
        clients,
    })
}

fn read_clients(rest: &mut &[u8]) -> Option<Vec<ClientStatistics>> {
    let clients = usize::try_from(read_number(rest)?).ok()?;
    if clients > Statistics::MAX_CLIENTS.saturating_add(1) {
        return None;
    }
    let mut read = Vec::with_capacity(clients);
    for _ in 0..clients {
        let [length] = read_bytes(rest)?;
        let (name, after) = rest.split_at_checked(usize::from(length))?;
        *rest = after;
        read.push(ClientStatistics {
            id: ClientId::recorded(std::str::from_utf8(name).ok()?),
            refused: read_number(rest)?,
            refunds: read_count(rest)?,
            operations: read_breakdown(rest)?,
        });
    }
    Some(read)
}

#[inline]
fn write_number(record: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            record.push(low & 0x7f);
            return;
        }
        record.push(low | 0x80);
    }
}

fn read_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0_u32..64).step_by(7) {
        let [byte] = read_bytes(rest)?;
        let bits = u64::from(byte & 0x7f);
        let placed = bits << shift;
        if placed >> shift != bits {
            return None;
        }
        number |= placed;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn write_count(record: &mut Vec<u8>, count: Count) {
    write_number(record, count.calls);
    write_number(record, count.credits.get());
}

fn read_count(rest: &mut &[u8]) -> Option<Count> {
    let calls = read_number(rest)?;
    let credits = Credits::new(read_number(rest)?)?;
    Some(Count { calls, credits })
}

fn write_breakdown(record: &mut Vec<u8>, breakdown: &Breakdown) {
    let names = u64::try_from(breakdown.named.len()).unwrap_or(u64::MAX);
    write_number(record, names);
    for (name, count) in breakdown.named() {
        record.extend(name.0.to_le_bytes());
        write_count(record, count);
    }
    write_count(record, breakdown.others);
}

fn read_breakdown(rest: &mut &[u8]) -> Option<Breakdown> {
    let names = usize::try_from(read_number(rest)?).ok()?;
    if names > Breakdown::MAX_NAMES {
        return None;
    }
    let mut breakdown = Breakdown {
        named: Vec::with_capacity(names),
        others: Count::default(),
    };
    for _ in 0..names {
        let name = NameHash(u32::from_le_bytes(read_bytes(rest)?));
        breakdown.add(name, read_count(rest)?);
    }
    breakdown.others = read_count(rest)?;
    Some(breakdown)
}

fn read_bytes<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*bytes)
}
