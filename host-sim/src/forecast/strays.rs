//! Sets lines aside whose time cannot be: a few that leap ahead of the lines before them, and the line behind them is back again. Taken, they
//! would put the clock forward, and every later call would come too late.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use crate::access_log::Entry;

/// Looks a few lines ahead in one log.
#[derive(Debug)]
pub struct Strays {
    leap: SignedDuration,
    newest: Timestamp,
    newest_of_all: Timestamp,
    /// Lines that leap ahead, until it is known whether the log is back again behind them.
    suspects: Vec<Entry>,
    earliest_suspect: Timestamp,
    ready: VecDeque<Entry>,
    found: u64,
    first: Option<Timestamp>,
    behind: SignedDuration,
}

/// So many lines in a row that leap ahead are no error: the log goes on there.
const MOST_IN_A_ROW: usize = 8;

impl Strays {
    /// The least leap that is taken for an error. It has to be longer than calls are out of order.
    #[must_use]
    pub fn new(leap: SignedDuration) -> Self {
        Self {
            leap,
            newest: Timestamp::MIN,
            newest_of_all: Timestamp::MIN,
            suspects: Vec::new(),
            earliest_suspect: Timestamp::MAX,
            ready: VecDeque::new(),
            found: 0,
            first: None,
            behind: SignedDuration::ZERO,
        }
    }

    /// Takes the next call of the log.
    pub fn put(&mut self, entry: Entry) {
        let started = entry.started;
        if self.newest_of_all > started {
            let behind = self.newest_of_all.duration_since(started);
            self.behind = self.behind.max(behind);
        }
        self.newest_of_all = self.newest_of_all.max(started);
        if !self.suspects.is_empty() {
            // The first line of a log leaps ahead of nothing.
            let is_first = self.newest == Timestamp::MIN;
            if self.earliest_suspect.duration_since(started) > self.leap {
                self.set_aside();
            } else if is_first || self.suspects.len() >= MOST_IN_A_ROW {
                self.accept();
            }
        }
        if started.duration_since(self.newest) > self.leap {
            self.earliest_suspect = self.earliest_suspect.min(started);
            self.suspects.push(entry);
            return;
        }
        self.accept();
        self.newest = self.newest.max(started);
        self.ready.push_back(entry);
    }

    /// The next call that was not astray, in the order of the log.
    pub fn pop(&mut self) -> Option<Entry> {
        self.ready.pop_front()
    }

    /// The log has ended: nothing comes back behind its last lines.
    pub fn finish(&mut self) {
        self.accept();
    }

    fn accept(&mut self) {
        for entry in self.suspects.drain(..) {
            self.newest = self.newest.max(entry.started);
            self.ready.push_back(entry);
        }
        self.earliest_suspect = Timestamp::MAX;
    }

    fn set_aside(&mut self) {
        for entry in self.suspects.drain(..) {
            self.found = self.found.saturating_add(1);
            self.first.get_or_insert(entry.started);
        }
        self.earliest_suspect = Timestamp::MAX;
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
    use super::*;

    #[test]
    fn a_few_lines_of_another_time_are_set_aside_and_a_quiet_time_is_not() {
        let check = |seconds: &[i64], expected: &[i64], first: Option<i64>| {
            let mut strays = Strays::new(SignedDuration::from_secs(10));
            let mut kept = Vec::new();
            for second in seconds {
                strays.put(Entry {
                    started: Timestamp::from_second(*second).unwrap(),
                    duration: None,
                    method: "GET".to_owned(),
                    path: "/".to_owned(),
                    status: 200,
                    values: Vec::new(),
                    doubt: None,
                });
                kept.extend(std::iter::from_fn(|| strays.pop()));
            }
            strays.finish();
            kept.extend(std::iter::from_fn(|| strays.pop()));
            let kept: Vec<_> = kept.iter().map(|entry| entry.started.as_second()).collect();
            assert_eq!(kept, expected, "{seconds:?}");
            assert_eq!(strays.first().map(Timestamp::as_second), first);
            let missing = seconds.len() - expected.len();
            assert_eq!(strays.found(), u64::try_from(missing).unwrap());
        };
        check(&[1, 999, 2, 3], &[1, 2, 3], Some(999));
        check(&[999, 2, 3], &[2, 3], Some(999));
        check(&[1, 999, 998, 2, 3], &[1, 2, 3], Some(999));
        check(&[1, 100, 101, 95], &[1, 100, 101, 95], None);
        // So many are no error.
        let nine = [1, 91, 92, 93, 94, 95, 96, 97, 98, 99, 2];
        check(&nine, &nine, None);
        // Two logs in one: that the second one begins earlier does not make the first one's last line wrong.
        check(&[90, 99, 1, 2], &[90, 99, 1, 2], None);
        check(&[1, 999], &[1, 999], None);
    }
}
