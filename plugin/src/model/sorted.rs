//! Sorting few items.

use std::cmp::Ordering;

/// The items in order, each put where it belongs among those before it. They are few, and the sort of the standard library is 7 KB of
/// code for each type.
pub fn sorted<T>(items: impl IntoIterator<Item = T>, order: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    let mut sorted = Vec::new();
    for item in items {
        let place = sorted.partition_point(|before| order(before, &item) != Ordering::Greater);
        sorted.insert(place, item);
    }
    sorted
}
