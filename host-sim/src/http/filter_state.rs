//! The filter state of a stream: what plugins leave there under keys of their own, and the objects that Envoy's own parts look for.

use std::collections::BTreeMap;
use std::ops::Range;

/// The filter state. A plugin sets a handful of values in every call, which stand in one buffer.
#[derive(Debug, Default)]
pub(crate) struct FilterState {
    bytes: Vec<u8>,
    /// Where each key and its value stand.
    places: Vec<(Range<usize>, Range<usize>)>,
    /// Objects that Envoy's own parts look for, by their names.
    pub(crate) objects: BTreeMap<String, Vec<u8>>,
}

/// How many bytes the keys and values of most streams fit in, and how many there are.
const USUAL_BYTES: usize = 256;
const USUAL_VALUES: usize = 8;

impl FilterState {
    /// The value under a key without the prefix `wasm.`.
    pub(crate) fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let (_, value) = self.places.get(self.position(key)?)?;
        self.bytes.get(value.clone())
    }

    /// Sets the value under a key without the prefix `wasm.`.
    pub(crate) fn set(&mut self, key: &[u8], value: &[u8]) {
        if self.places.is_empty() {
            self.bytes.reserve(USUAL_BYTES);
            self.places.reserve(USUAL_VALUES);
        }
        if let Some(known) = self.position(key) {
            self.remove(known);
        }
        let place = (self.put(key), self.put(value));
        self.places.push(place);
    }

    /// Removes a value, which is seldom set anew, and leaves no gap, however often it is.
    fn remove(&mut self, position: usize) {
        self.places.remove(position);
        let before = std::mem::take(&mut self.bytes);
        let mut places = std::mem::take(&mut self.places);
        for (key, value) in &mut places {
            for range in [key, value] {
                *range = self.put(before.get(range.clone()).unwrap_or_default());
            }
        }
        self.places = places;
    }

    fn position(&self, key: &[u8]) -> Option<usize> {
        let is = |(known, _): &(Range<usize>, _)| self.bytes.get(known.clone()) == Some(key);
        self.places.iter().position(is)
    }

    fn put(&mut self, bytes: &[u8]) -> Range<usize> {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        begin..self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_of_a_key_counts() {
        let mut state = FilterState::default();
        assert_eq!(state.get(b"a"), None);
        for (key, value) in [("a", "1"), ("b", ""), ("a", "22"), ("b", "333"), ("c", "4")] {
            state.set(key.as_bytes(), value.as_bytes());
        }
        let found = ["a", "b", "c", "d"].map(|key| state.get(key.as_bytes()));
        assert_eq!(found, [Some(&b"22"[..]), Some(b"333"), Some(b"4"), None]);
        assert_eq!(state.bytes.len(), 9, "nothing is kept of former values");
    }
}
