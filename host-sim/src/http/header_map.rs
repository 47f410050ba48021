//! Header and trailer maps as Envoy keeps them: names in lower case, entries in order, several values of a name apart.
//!
//! Two of Envoy's habits are visible to plugins. `host` in a request is another word for `:authority`. And a few well-known
//! names hold one value only: adding to them appends to that value after a comma (`HeaderMapImpl::appendToHeader`).
//!
//! All names and values stand in one buffer, so that a map takes few allocations however many entries it has, and copies share it until
//! one of them changes: a message's headers go to the router and to the client as they are, and are seldom edited after that.

use std::borrow::Cow;
use std::ops::Range;
use std::rc::Rc;
use std::str::FromStr;

use crate::http::inline_headers::MapOf;
use crate::model::octets;

/// A map of headers or trailers.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeaderMap(Rc<Entries>);

/// What is in a map.
#[derive(Debug, Default)]
struct Entries {
    bytes: Vec<u8>,
    places: Vec<Place>,
    of: MapOf,
}

/// Where an entry's name, which is in lower case, and its value stand.
#[derive(Clone, Debug)]
struct Place {
    mark: Mark,
    name: Range<usize>,
    value: Range<usize>,
}

/// What tells most names apart without a look at their texts: the length, the first byte and the last, in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark(usize, u8, u8);

impl Mark {
    fn of(name: &[u8]) -> Self {
        let [first, last] =
            [name.first(), name.last()].map(|byte| byte.map_or(0, u8::to_ascii_lowercase));
        Self(name.len(), first, last)
    }
}

/// How many bytes the names and the values of most maps fit in, and how many entries they have.
const USUAL_BYTES: usize = 448;
const USUAL_ENTRIES: usize = 14;

/// A copy is made when it is about to be changed, mostly by adding to it.
impl Clone for Entries {
    fn clone(&self) -> Self {
        let mut copy = Self::with_room(self.of);
        copy.bytes.extend_from_slice(&self.bytes);
        copy.places.extend_from_slice(&self.places);
        copy
    }
}

impl Entries {
    fn with_room(of: MapOf) -> Self {
        Self {
            bytes: Vec::with_capacity(USUAL_BYTES),
            places: Vec::with_capacity(USUAL_ENTRIES),
            of,
        }
    }

    fn at(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    /// Whether an entry stands under a name that is plain and has this mark. Nearly all names that are asked for are in lower case.
    fn is(&self, place: &Place, name: &[u8], mark: Mark) -> bool {
        if place.mark != mark {
            return false;
        }
        let known = self.at(&place.name);
        known == name || known.eq_ignore_ascii_case(name)
    }

    /// The place of the first entry under a name that is plain.
    fn position(&self, name: &[u8]) -> Option<usize> {
        let mark = Mark::of(name);
        let mut places = self.places.iter();
        places.position(|place| self.is(place, name, mark))
    }

    fn put(&mut self, bytes: &[u8]) -> Range<usize> {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        begin..self.bytes.len()
    }

    fn push(&mut self, name: &[u8], value: &[u8]) {
        let at = self.bytes.len();
        self.put_entry(name, value);
        // All of them are looked at, which takes fewer instructions than to stop at the first.
        let has_capitals = |any: bool, byte: &u8| any | byte.is_ascii_uppercase();
        let has_capitals = name.iter().fold(false, has_capitals);
        let added = self.bytes.get_mut(at..at.saturating_add(name.len()));
        if let Some(added) = added.filter(|_| has_capitals) {
            added.make_ascii_lowercase();
        }
    }

    /// Adds an entry under a name in lower case.
    fn put_entry(&mut self, name: &[u8], value: &[u8]) {
        let mark = Mark::of(name);
        self.bytes.reserve(name.len().saturating_add(value.len()));
        let name = self.put(name);
        let value = self.put(value);
        self.places.push(Place { mark, name, value });
    }

    /// Gives the entry at this place another value: where the old one stands if it fits there, or behind all others.
    fn replace(&mut self, position: usize, value: &[u8]) {
        let Some(place) = self.places.get_mut(position) else {
            return;
        };
        let old = place.value.clone();
        let room = self.bytes.get_mut(old.clone());
        match room.and_then(|room| room.get_mut(..value.len())) {
            Some(room) => {
                room.copy_from_slice(value);
                place.value.end = old.start.saturating_add(value.len());
            }
            None => {
                if old.end == self.bytes.len() {
                    self.bytes.truncate(old.start);
                }
                let begin = self.bytes.len();
                self.bytes.extend_from_slice(value);
                place.value = begin..self.bytes.len();
            }
        }
    }

    /// Removes the entries under a name that is plain, from this place on.
    fn remove(&mut self, name: &[u8], from: usize) {
        let mark = Mark::of(name);
        let mut places = std::mem::take(&mut self.places);
        let mut number = 0_usize;
        places.retain(|place| {
            let is_before = number < from;
            number = number.saturating_add(1);
            is_before || !self.is(place, name, mark)
        });
        self.places = places;
    }
}

impl HeaderMap {
    /// For request headers, in which `host` means `:authority`.
    pub(crate) fn of_request() -> Self {
        Self(Rc::new(Entries::with_room(MapOf::Request)))
    }

    /// For response headers.
    pub(crate) fn of_response() -> Self {
        Self(Rc::new(Entries::with_room(MapOf::Response)))
    }

    /// The name under which entries stand, but for the case.
    fn plain<'n>(&self, name: &'n [u8]) -> &'n [u8] {
        if self.0.of == MapOf::Request && name.eq_ignore_ascii_case(b"host") {
            b":authority"
        } else {
            name
        }
    }

    fn edit(&mut self) -> &mut Entries {
        Rc::make_mut(&mut self.0)
    }

    /// The values under a name.
    fn values(&self, name: &[u8]) -> impl Iterator<Item = &[u8]> {
        let name = self.plain(name);
        let mark = Mark::of(name);
        let places = self.0.places.iter();
        places
            .filter(move |place| self.0.is(place, name, mark))
            .map(|place| self.0.at(&place.value))
    }

    /// The first value.
    pub(crate) fn get(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        self.values(name.as_ref()).next()
    }

    /// The first value as text.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).map(String::from_utf8_lossy)
    }

    /// The first value as a number, if it is one.
    pub(crate) fn number<N: FromStr>(&self, name: &str) -> Option<N> {
        std::str::from_utf8(self.get(name)?).ok()?.parse().ok()
    }

    /// All values with commas between them, as properties show them.
    pub(crate) fn joined(&self, name: &str) -> Option<Vec<u8>> {
        let values: Vec<_> = self.values(name.as_bytes()).collect();
        (!values.is_empty()).then(|| values.join(&b','))
    }

    /// Appends an entry; for a name that holds one value only, appends to that value.
    pub(crate) fn add(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let (name, value) = (self.plain(name.as_ref()), value.as_ref());
        let old = self.0.position(name);
        let old = old.filter(|_| self.0.of.holds_one(&name.to_ascii_lowercase()));
        let Some((position, place)) =
            old.and_then(|position| Some((position, self.0.places.get(position)?)))
        else {
            return self.edit().push(name, value);
        };
        let mut both = self.0.at(&place.value).to_vec();
        if !both.is_empty() && !value.is_empty() {
            both.push(b',');
        }
        both.extend_from_slice(value);
        self.edit().replace(position, &both);
    }

    /// Adds an entry of Envoy's own under a name in lower case that is not there yet.
    pub(crate) fn insert(&mut self, name: &'static str, value: impl AsRef<[u8]>) {
        self.edit().put_entry(name.as_bytes(), value.as_ref());
    }

    /// Replaces all values by one.
    pub(crate) fn set(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let (name, value) = (self.plain(name.as_ref()), value.as_ref());
        let entries = self.edit();
        let Some(first) = entries.position(name) else {
            return entries.push(name, value);
        };
        entries.replace(first, value);
        entries.remove(name, first.saturating_add(1));
    }

    /// Removes all values.
    pub(crate) fn remove(&mut self, name: impl AsRef<[u8]>) {
        let name = self.plain(name.as_ref());
        if self.0.position(name).is_some() {
            self.edit().remove(name, 0);
        }
    }

    /// Removes everything.
    pub(crate) fn clear(&mut self) {
        let entries = self.edit();
        entries.bytes.clear();
        entries.places.clear();
    }

    /// Whether any name begins so.
    pub(crate) fn has_any(&self, beginning: &[u8]) -> bool {
        let mut places = self.0.places.iter();
        places.any(|place| self.0.at(&place.name).starts_with(beginning))
    }

    /// The number of entries.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.0.places.len()).unwrap_or(u32::MAX)
    }

    /// The bytes of all names and values.
    pub(crate) fn byte_size(&self) -> u32 {
        let places = self.0.places.iter();
        let size: usize = places
            .map(|place| place.name.len().saturating_add(place.value.len()))
            .sum();
        u32::try_from(size).unwrap_or(u32::MAX)
    }

    /// All entries in order.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> + Clone {
        let places = self.0.places.iter();
        places.map(|place| (self.0.at(&place.name), self.0.at(&place.value)))
    }

    /// All entries but those that are no headers on the wire (`:path` and the like), as text.
    pub(crate) fn without_pseudo(&self) -> Vec<(String, String)> {
        self.iter()
            .filter(|(name, _)| !name.starts_with(b":"))
            .map(|(name, value)| (octets::text(name), octets::text(value)))
            .collect()
    }
}

impl PartialEq for HeaderMap {
    fn eq(&self, other: &Self) -> bool {
        self.0.of == other.0.of && self.iter().eq(other.iter())
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
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        map.iter()
            .map(|(name, value)| (text(name), text(value)))
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

    #[test]
    fn copies_do_not_see_each_others_changes() {
        let mut map = map(&[("a", "1"), ("b", "2")]);
        let mut copy = map.clone();
        map.set("a", "3");
        copy.add("c", "4");
        copy.remove("b");
        assert_eq!(entries(&map), owned(&[("a", "3"), ("b", "2")]));
        assert_eq!(entries(&copy), owned(&[("a", "1"), ("c", "4")]));
    }
}
