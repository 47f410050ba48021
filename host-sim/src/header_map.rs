//! Header and trailer maps as Envoy keeps them: names in lower case, entries in order, several values of a name apart.
//!
//! Two of Envoy's habits are visible to plugins. `host` in a request is another word for `:authority`. And a few well-known
//! names hold one value only: adding to them appends to that value after a comma (`HeaderMapImpl::appendToHeader`).
//!
//! All names stand in one text and all values in one buffer, so that a map takes three allocations however many entries it has.

use std::ops::Range;

use crate::inline_headers::MapOf;

/// A map of headers or trailers.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeaderMap {
    names: String,
    values: Vec<u8>,
    entries: Vec<Entry>,
    of: MapOf,
}

/// Where an entry's name and value stand.
#[derive(Clone, Debug)]
struct Entry {
    name: Range<usize>,
    value: Range<usize>,
}

/// How many bytes the names and the values of most maps fit in, and how many entries they have.
const USUAL_BYTES: usize = 256;
const USUAL_ENTRIES: usize = 12;

impl HeaderMap {
    /// For request headers, in which `host` means `:authority`.
    pub(crate) fn of_request() -> Self {
        Self::with_room(MapOf::Request)
    }

    /// For response headers.
    pub(crate) fn of_response() -> Self {
        Self::with_room(MapOf::Response)
    }

    fn with_room(of: MapOf) -> Self {
        Self {
            names: String::with_capacity(USUAL_BYTES),
            values: Vec::with_capacity(USUAL_BYTES),
            entries: Vec::with_capacity(USUAL_ENTRIES),
            of,
        }
    }

    /// The name under which entries stand, but for the case.
    fn plain<'n>(&self, name: &'n str) -> &'n str {
        if self.of == MapOf::Request && name.eq_ignore_ascii_case("host") {
            ":authority"
        } else {
            name
        }
    }

    fn name_of(&self, entry: &Entry) -> &str {
        self.names.get(entry.name.clone()).unwrap_or_default()
    }

    fn value_of(&self, entry: &Entry) -> &[u8] {
        self.values.get(entry.value.clone()).unwrap_or_default()
    }

    /// The values under a name.
    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let name = self.plain(name);
        let entries = self.entries.iter();
        entries
            .filter(move |entry| self.name_of(entry).eq_ignore_ascii_case(name))
            .map(|entry| self.value_of(entry))
    }

    /// The place of the first entry under a name that is plain.
    fn position(&self, name: &str) -> Option<usize> {
        let is_it = |entry: &Entry| self.name_of(entry).eq_ignore_ascii_case(name);
        self.entries.iter().position(is_it)
    }

    /// The first value.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        self.values(name).next()
    }

    /// The first value as text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name)
            .map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// All values with commas between them, as properties show them.
    pub(crate) fn joined(&self, name: &str) -> Option<Vec<u8>> {
        let values: Vec<_> = self.values(name).collect();
        (!values.is_empty()).then(|| values.join(&b','))
    }

    /// Appends an entry; for a name that holds one value only, appends to that value.
    pub(crate) fn add(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let (name, value) = (self.plain(name), value.as_ref());
        let old = self.position(name);
        let old = old.filter(|_| self.of.holds_one(&name.to_ascii_lowercase()));
        let Some(entry) = old.and_then(|place| self.entries.get(place)) else {
            return self.push(name, value);
        };
        let mut both = self.value_of(entry).to_vec();
        if !both.is_empty() && !value.is_empty() {
            both.push(b',');
        }
        both.extend_from_slice(value);
        self.replace(old, &both);
    }

    /// Replaces all values by one.
    pub(crate) fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let (name, value) = (self.plain(name), value.as_ref());
        let place = self.position(name);
        let Some(first) = place else {
            return self.push(name, value);
        };
        self.replace(place, value);
        let mut number = 0_usize;
        let names = &self.names;
        self.entries.retain(|entry| {
            let is_later = number > first;
            number = number.saturating_add(1);
            let other = names.get(entry.name.clone()).unwrap_or_default();
            !is_later || !other.eq_ignore_ascii_case(name)
        });
    }

    fn push(&mut self, name: &str, value: &[u8]) {
        let begin = self.names.len();
        self.names.push_str(name);
        if let Some(added) = self.names.get_mut(begin..) {
            added.make_ascii_lowercase();
        }
        let entry = Entry {
            name: begin..self.names.len(),
            value: self.put(value),
        };
        self.entries.push(entry);
    }

    /// Gives the entry at this place another value: where the old one stands if it fits there, or behind all others.
    fn replace(&mut self, place: Option<usize>, value: &[u8]) {
        let Some(entry) = place.and_then(|place| self.entries.get_mut(place)) else {
            return;
        };
        let old = entry.value.clone();
        let place = self.values.get_mut(old.clone());
        match place.and_then(|place| place.get_mut(..value.len())) {
            Some(place) => {
                place.copy_from_slice(value);
                entry.value.end = old.start.saturating_add(value.len());
            }
            None => {
                if old.end == self.values.len() {
                    self.values.truncate(old.start);
                }
                let begin = self.values.len();
                self.values.extend_from_slice(value);
                entry.value = begin..self.values.len();
            }
        }
    }

    fn put(&mut self, value: &[u8]) -> Range<usize> {
        let begin = self.values.len();
        self.values.extend_from_slice(value);
        begin..self.values.len()
    }

    /// Removes all values.
    pub(crate) fn remove(&mut self, name: &str) {
        let name = self.plain(name);
        let names = &self.names;
        self.entries.retain(|entry| {
            let other = names.get(entry.name.clone()).unwrap_or_default();
            !other.eq_ignore_ascii_case(name)
        });
    }

    /// Removes everything.
    pub(crate) fn clear(&mut self) {
        self.names.clear();
        self.values.clear();
        self.entries.clear();
    }

    /// The number of entries.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX)
    }

    /// The bytes of all names and values.
    pub(crate) fn byte_size(&self) -> u32 {
        let entries = self.entries.iter();
        let size: usize = entries
            .map(|entry| entry.name.len().saturating_add(entry.value.len()))
            .sum();
        u32::try_from(size).unwrap_or(u32::MAX)
    }

    /// All entries in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let entries = self.entries.iter();
        entries.map(|entry| (self.name_of(entry), self.value_of(entry)))
    }

    /// All entries but those that are no headers on the wire (`:path` and the like), as text.
    pub(crate) fn without_pseudo(&self) -> Vec<(String, String)> {
        self.iter()
            .filter(|(name, _)| !name.starts_with(':'))
            .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
            .collect()
    }
}

impl PartialEq for HeaderMap {
    fn eq(&self, other: &Self) -> bool {
        self.of == other.of && self.iter().eq(other.iter())
    }
}

impl Eq for HeaderMap {}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::of_request();
        for (name, value) in entries {
            map.add(name, value);
        }
        map
    }

    fn entries(map: &HeaderMap) -> Vec<(String, String)> {
        map.iter()
            .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
            .collect()
    }

    fn owned(entries: &[(&str, &str)]) -> Vec<(String, String)> {
        entries
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn several_values_stay_apart_and_names_are_lower_case() {
        let map = map(&[("X-A", "1"), ("b", ""), ("x-a", "2")]);
        assert_eq!(
            entries(&map),
            owned(&[("x-a", "1"), ("b", ""), ("x-a", "2")])
        );
        assert_eq!(map.get("X-a"), Some(&b"1"[..]));
        assert_eq!(map.get("b"), Some(&b""[..]));
        assert_eq!(map.get("c"), None);
        assert_eq!(map.joined("x-a"), Some(b"1,2".to_vec()));
        assert_eq!((map.len(), map.byte_size()), (3, 9));
    }

    #[test]
    fn set_replaces_all_and_remove_removes_all() {
        let mut map = map(&[("a", "1"), ("b", "2"), ("a", "3")]);
        map.set("A", "4");
        assert_eq!(entries(&map), owned(&[("a", "4"), ("b", "2")]));
        map.set("c", "5");
        map.remove("B");
        map.remove("never");
        assert_eq!(entries(&map), owned(&[("a", "4"), ("c", "5")]));
    }

    #[test]
    fn names_that_hold_one_value_are_appended_to() {
        let mut map = map(&[("content-type", "a"), ("content-type", "b"), ("Host", "h")]);
        assert_eq!(
            entries(&map),
            owned(&[("content-type", "a,b"), (":authority", "h")])
        );
        map.set("host", "i");
        assert_eq!(map.get(":authority"), Some(&b"i"[..]));
    }
}
