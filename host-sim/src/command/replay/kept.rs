//! The calls of a log as they were replayed, kept to be replayed once more: in a file that is gone when the program ends, so that they take no
//! memory. Nothing in it has to be looked for or put in order.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Seek as _, Write as _};
use std::time::Duration;

use anyhow::Context as _;
use host_sim::access_log::Entry;
use host_sim::forecast::Caller;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::spool::nameless;

/// The most bytes that are kept. The calls of a log with more are read again.
const MOST: u64 = 1 << 30;

/// How much of the file is written or read at once, in bytes.
const BUFFER: usize = 1 << 18;

/// What a call stands behind: the number of its caller and its length in bytes.
const HEAD: usize = 8;

/// Keeps calls. It gives up where there is no room for that.
pub(super) struct Keeper {
    file: Option<BufWriter<File>>,
    length: u64,
    /// The last call, to be written over.
    record: Vec<u8>,
}

/// All calls of a log.
pub(super) struct Kept(File);

/// Takes the calls, of which it is said the how manyth of the log each is and who made it. One that nobody needs any more goes to the spare
/// ones, to be written over.
pub(super) type Take<'t> =
    &'t mut dyn FnMut(u64, Caller, Entry, &mut Vec<Entry>) -> anyhow::Result<()>;

/// A call as it is written, with its values.
#[derive(Deserialize, Serialize)]
struct Record<'r, V> {
    number: u64,
    caller: Caller,
    second: i64,
    nanosecond: i32,
    duration: Option<Duration>,
    status: u16,
    method: &'r str,
    path: &'r str,
    values: V,
}

impl Keeper {
    pub(super) fn new() -> Self {
        let file = nameless().ok();
        Self {
            file: file.map(|file| BufWriter::with_capacity(BUFFER, file)),
            length: 0,
            record: Vec::new(),
        }
    }

    pub(super) fn put(&mut self, number: u64, caller: Caller, entry: &Entry) {
        if self.try_put(number, caller, entry).is_none() {
            self.file = None;
        }
    }

    fn try_put(&mut self, number: u64, caller: Caller, entry: &Entry) -> Option<()> {
        let file = self.file.as_mut()?;
        let record = Record {
            number,
            caller,
            second: entry.started.as_second(),
            nanosecond: entry.started.subsec_nanosecond(),
            duration: entry.duration,
            status: entry.status,
            method: &entry.method,
            path: &entry.path,
            values: entry.values.as_slice(),
        };
        self.record.clear();
        self.record = postcard::to_extend(&record, std::mem::take(&mut self.record)).ok()?;
        let by = u32::try_from(caller.number).ok()?;
        let length = u32::try_from(self.record.len()).ok()?;
        self.length = self.length.saturating_add(u64::from(length));
        if self.length > MOST {
            return None;
        }
        file.write_all(&by.to_le_bytes()).ok()?;
        file.write_all(&length.to_le_bytes()).ok()?;
        file.write_all(&self.record).ok()
    }

    /// All of them, unless they were too many.
    pub(super) fn into_kept(self) -> Option<Kept> {
        self.file?.into_inner().ok().map(Kept)
    }
}

impl Kept {
    /// Hands over the calls of those callers, in order.
    pub(super) fn hand_over(
        &self,
        concerns: &dyn Fn(usize) -> bool,
        take: Take<'_>,
    ) -> anyhow::Result<()> {
        const WHAT: &str = "the calls that are kept in a file cannot be read";
        let mut file = self.0.try_clone().context(WHAT)?;
        file.rewind().context(WHAT)?;
        let mut file = BufReader::with_capacity(BUFFER, file);
        let mut spare = Vec::new();
        let mut record = Vec::new();
        while !file.fill_buf().context(WHAT)?.is_empty() {
            let mut head = [0; HEAD];
            file.read_exact(&mut head).context(WHAT)?;
            let [a, b, c, d, e, f, g, h] = head;
            let by = u32::from_le_bytes([a, b, c, d]);
            let length = u32::from_le_bytes([e, f, g, h]);
            if !concerns(by as usize) {
                file.seek_relative(i64::from(length)).context(WHAT)?;
                continue;
            }
            record.resize(length as usize, 0);
            file.read_exact(&mut record).context(WHAT)?;
            let record: Record<'_, Vec<Option<&str>>> =
                postcard::from_bytes(&record).context(WHAT)?;
            let mut entry = spare.pop().unwrap_or_default();
            record.write(&mut entry).context(WHAT)?;
            take(record.number, record.caller, entry, &mut spare)?;
        }
        Ok(())
    }
}

impl Record<'_, Vec<Option<&str>>> {
    /// Writes it over another call.
    fn write(&self, entry: &mut Entry) -> Result<(), jiff::Error> {
        entry.started = Timestamp::new(self.second, self.nanosecond)?;
        entry.duration = self.duration;
        entry.status = self.status;
        self.method.clone_into(&mut entry.method);
        self.path.clone_into(&mut entry.path);
        entry.values.resize(self.values.len(), None);
        for (old, new) in entry.values.iter_mut().zip(&self.values) {
            match (old, new) {
                (Some(old), Some(new)) => (*new).clone_into(old),
                (old, new) => *old = new.map(str::to_owned),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use host_sim::forecast::Who;

    use super::*;

    #[test]
    fn calls_come_back_as_they_were_put() {
        let caller = |number| Caller {
            number,
            who: Who::Named,
        };
        let calls: Vec<_> = (0..5_u16)
            .map(|n| Entry {
                started: Timestamp::new(i64::from(n) - 2, 7 - 7 * i32::from(n == 1)).unwrap(),
                duration: (n > 1).then(|| Duration::from_nanos(u64::from(n))),
                method: "GET".to_owned(),
                path: "/ä".repeat(usize::from(n) * 50_000),
                status: n * 100,
                values: (0..n).map(|m| (m > 0).then(|| n.to_string())).collect(),
                doubt: None,
            })
            .collect();
        let mut keeper = Keeper::new();
        for (number, call) in (1_u16..).zip(&calls) {
            keeper.put(number.into(), caller(usize::from(number % 2)), call);
        }
        let kept = keeper.into_kept().unwrap();
        for _ in 0..2 {
            let mut back = Vec::new();
            let mut take = |number, by: Caller, call: Entry, spare: &mut Vec<Entry>| {
                back.push((number, by, call.clone()));
                spare.push(call);
                Ok(())
            };
            kept.hand_over(&|number| number == 1, &mut take).unwrap();
            let expected = [1, 3, 5].map(|number| {
                let call = &calls[usize::try_from(number).unwrap() - 1];
                (number, caller(1), call.clone())
            });
            assert_eq!(back, expected);
        }
    }
}
