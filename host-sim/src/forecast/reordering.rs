//! Puts the calls of a log in the order in which they came. Proxies log a call when it ends, so that a long one stands behind others
//! that came later.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::access_log::Entry;

/// Holds calls back until none can come before them: as long as the window, and never more than a number of them.
#[derive(Debug)]
pub struct Reordering {
    window: Duration,
    most: usize,
    /// Those that came in order, as most do: no call among them came before the one before it.
    in_order: VecDeque<Waiting>,
    /// The others.
    strays: BinaryHeap<Reverse<Waiting>>,
    taken: u64,
    newest: Timestamp,
    released: Timestamp,
    /// Calls that stood behind one that had come later.
    reordered: u64,
    /// Calls that came too late to be put in order.
    late: u64,
    behind: SignedDuration,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    entry: Entry,
}

impl Reordering {
    /// A window in the log's own time, and the most calls that are held back.
    #[must_use]
    pub fn new(window: Duration, most: usize) -> Self {
        Self {
            window,
            most: most.max(1),
            in_order: VecDeque::new(),
            strays: BinaryHeap::new(),
            taken: 0,
            newest: Timestamp::MIN,
            released: Timestamp::MIN,
            reordered: 0,
            late: 0,
            behind: SignedDuration::ZERO,
        }
    }

    /// Takes the next call of the log.
    pub fn put(&mut self, entry: Entry) {
        if entry.started < self.newest {
            self.reordered = self.reordered.saturating_add(1);
            let behind = self.newest.duration_since(entry.started);
            self.behind = self.behind.max(behind);
        }
        if entry.started < self.released {
            self.late = self.late.saturating_add(1);
        }
        self.newest = self.newest.max(entry.started);
        self.taken = self.taken.saturating_add(1);
        let waiting = Waiting {
            number: self.taken,
            entry,
        };
        if self.in_order.back().is_none_or(|last| *last < waiting) {
            self.in_order.push_back(waiting);
        } else {
            self.strays.push(Reverse(waiting));
        }
    }

    /// The first of those that wait, and whether it came in order.
    fn first(&self) -> Option<(&Waiting, bool)> {
        let (in_order, stray) = (self.in_order.front(), self.strays.peek());
        match (in_order, stray) {
            (Some(in_order), Some(Reverse(stray))) if stray < in_order => Some((stray, false)),
            (Some(in_order), _) => Some((in_order, true)),
            (None, stray) => stray.map(|Reverse(stray)| (stray, false)),
        }
    }

    /// The next call whose turn it is.
    pub fn pop(&mut self) -> Option<Entry> {
        let (first, _) = self.first()?;
        let due = self
            .newest
            .checked_sub(self.window)
            .is_ok_and(|until| first.entry.started <= until);
        let waiting = self.in_order.len().saturating_add(self.strays.len());
        if !due && waiting <= self.most {
            return None;
        }
        self.pop_any()
    }

    /// The next call although others may still come before it: the log has ended.
    pub fn pop_any(&mut self) -> Option<Entry> {
        let (_, in_order) = self.first()?;
        let Waiting { entry, .. } = if in_order {
            self.in_order.pop_front()?
        } else {
            self.strays.pop()?.0
        };
        self.released = self.released.max(entry.started);
        Some(entry)
    }

    /// How many calls stood behind one that had come later.
    #[must_use]
    pub fn reordered(&self) -> u64 {
        self.reordered
    }

    /// The farthest that a call stood behind one that had come later: so long a window puts all of them in order.
    #[must_use]
    pub fn behind(&self) -> SignedDuration {
        self.behind
    }

    /// How many of them came too late to be put in order: they are taken at the time of the call before.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.late
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |waiting: &Self| (waiting.entry.started, waiting.number);
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiting {}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(second: i64) -> Entry {
        Entry {
            started: Timestamp::from_second(second).unwrap(),
            duration: None,
            method: "GET".to_owned(),
            path: "/".to_owned(),
            status: 200,
            values: Vec::new(),
            doubt: None,
        }
    }

    fn order(seconds: &[i64], most: usize) -> (Vec<i64>, u64, u64, i64) {
        let mut reordering = Reordering::new(Duration::from_secs(10), most);
        let mut order = Vec::new();
        for second in seconds {
            reordering.put(entry(*second));
            order.extend(std::iter::from_fn(|| reordering.pop()));
        }
        order.extend(std::iter::from_fn(|| reordering.pop_any()));
        let order = order
            .iter()
            .map(|entry| entry.started.as_second())
            .collect();
        let behind = reordering.behind().as_secs();
        (order, reordering.reordered(), reordering.late(), behind)
    }

    #[test]
    fn calls_within_the_window_are_put_in_order() {
        assert_eq!(
            order(&[5, 3, 9, 4, 30, 25], 100),
            (vec![3, 4, 5, 9, 25, 30], 3, 0, 5)
        );
    }

    #[test]
    fn those_that_come_later_are_counted_and_come_then() {
        assert_eq!(order(&[5, 30, 4, 31], 100), (vec![5, 4, 30, 31], 1, 1, 26));
        assert_eq!(order(&[5, 6, 7, 4], 1), (vec![5, 6, 4, 7], 1, 1, 3));
    }
}
