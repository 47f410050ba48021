//! Sets lines aside whose time cannot be: one that leaps ahead of the line before it, and the line behind it is back again. Taken, it
//! would put the clock forward, and every later call would come too late.

use jiff::{SignedDuration, Timestamp};

use crate::access_log::Entry;

/// Looks one line ahead in one log.
#[derive(Debug)]
pub struct Strays {
    leap: SignedDuration,
    newest: Timestamp,
    newest_of_all: Timestamp,
    held: Option<Entry>,
    found: u64,
    first: Option<Timestamp>,
    behind: SignedDuration,
}

impl Strays {
    /// The least leap that is taken for an error. It has to be longer than calls are out of order.
    #[must_use]
    pub fn new(leap: SignedDuration) -> Self {
        Self {
            leap,
            newest: Timestamp::MIN,
            newest_of_all: Timestamp::MIN,
            held: None,
            found: 0,
            first: None,
            behind: SignedDuration::ZERO,
        }
    }

    /// Takes the next call of the log, and gives the one before it unless that was astray.
    pub fn put(&mut self, entry: Entry) -> Option<Entry> {
        let started = entry.started;
        if self.newest_of_all > started {
            let behind = self.newest_of_all.duration_since(started);
            self.behind = self.behind.max(behind);
        }
        self.newest_of_all = self.newest_of_all.max(started);
        let before = self.held.replace(entry)?;
        let leaps = |from: Timestamp| before.started.duration_since(from) > self.leap;
        if leaps(self.newest) && leaps(started) {
            self.found = self.found.saturating_add(1);
            self.first.get_or_insert(before.started);
            return None;
        }
        self.newest = self.newest.max(before.started);
        Some(before)
    }

    /// The last call: the log has ended.
    pub fn finish(&mut self) -> Option<Entry> {
        self.held.take()
    }

    /// How many lines were set aside.
    #[must_use]
    pub fn found(&self) -> u64 {
        self.found
    }

    /// The time of the first of them.
    #[must_use]
    pub fn first(&self) -> Option<Timestamp> {
        self.first
    }

    /// The farthest that a line stood behind one of a later time, those included that were set aside.
    #[must_use]
    pub fn behind(&self) -> SignedDuration {
        self.behind
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn one_line_of_another_time_is_set_aside_and_a_quiet_time_is_not() {
        let check = |seconds: &[i64], expected: &[i64], first: Option<i64>| {
            let mut strays = Strays::new(SignedDuration::from_secs(10));
            let mut kept = Vec::new();
            for second in seconds {
                kept.extend(strays.put(Entry {
                    started: Timestamp::from_second(*second).unwrap(),
                    duration: Duration::ZERO,
                    method: "GET".to_owned(),
                    path: "/".to_owned(),
                    status: 200,
                    values: Vec::new(),
                }));
            }
            kept.extend(strays.finish());
            let kept: Vec<_> = kept.iter().map(|entry| entry.started.as_second()).collect();
            assert_eq!(kept, expected, "{seconds:?}");
            assert_eq!(strays.first().map(Timestamp::as_second), first);
            let missing = seconds.len() - expected.len();
            assert_eq!(strays.found(), u64::try_from(missing).unwrap());
        };
        check(&[1, 999, 2, 3], &[1, 2, 3], Some(999));
        check(&[999, 2, 3], &[2, 3], Some(999));
        check(&[1, 100, 101, 95], &[1, 100, 101, 95], None);
        // Two logs in one: that the second one begins earlier does not make the first one's last line wrong.
        check(&[90, 99, 1, 2], &[90, 99, 1, 2], None);
        check(&[1, 999], &[1, 999], None);
    }
}
