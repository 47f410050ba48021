//! Header and trailer maps as Envoy keeps them: names in lower case, entries in order, several values of a name apart.
//!
//! Two of Envoy's habits are visible to plugins. `host` in a request is another word for `:authority`. And a few well-known
//! names hold one value only: adding to them appends to that value after a comma (`HeaderMapImpl::appendToHeader`).

use crate::inline_headers::MapOf;

/// A map of headers or trailers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeaderMap {
    entries: Vec<(String, Vec<u8>)>,
    of: MapOf,
}

impl HeaderMap {
    /// For request headers, in which `host` means `:authority`.
    pub(crate) fn of_request() -> Self {
        Self {
            entries: Vec::new(),
            of: MapOf::Request,
        }
    }

    /// For response headers.
    pub(crate) fn of_response() -> Self {
        Self {
            entries: Vec::new(),
            of: MapOf::Response,
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

    /// The values under a name.
    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let name = self.plain(name);
        let entries = self.entries.iter();
        entries
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
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
        let key = self.plain(name).to_ascii_lowercase();
        if self.of.holds_one(&key)
            && let Some((_, old)) = self.entries.iter_mut().find(|(other, _)| *other == key)
        {
            if !old.is_empty() && !value.as_ref().is_empty() {
                old.push(b',');
            }
            old.extend_from_slice(value.as_ref());
            return;
        }
        self.entries.push((key, value.as_ref().to_vec()));
    }

    /// Replaces all values by one.
    pub(crate) fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let key = self.plain(name).to_ascii_lowercase();
        let mut value = Some(value.as_ref().to_vec());
        self.entries.retain_mut(|(other, old)| {
            if *other != key {
                return true;
            }
            value.take().map(|value| *old = value).is_some()
        });
        if let Some(value) = value {
            self.entries.push((key, value));
        }
    }

    /// Removes all values.
    pub(crate) fn remove(&mut self, name: &str) {
        let name = self.plain(name);
        self.entries
            .retain(|(other, _)| !other.eq_ignore_ascii_case(name));
    }

    /// Removes everything.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// The number of entries.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX)
    }

    /// The bytes of all names and values.
    pub(crate) fn byte_size(&self) -> u32 {
        let size: usize = self
            .entries
            .iter()
            .map(|(name, value)| name.len().saturating_add(value.len()))
            .sum();
        u32::try_from(size).unwrap_or(u32::MAX)
    }

    /// All entries in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.entries
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// All entries but those that are no headers on the wire (`:path` and the like), as text.
    pub(crate) fn without_pseudo(&self) -> Vec<(String, String)> {
        self.iter()
            .filter(|(name, _)| !name.starts_with(':'))
            .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
            .collect()
    }
}

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
