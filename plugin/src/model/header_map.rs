//! Header maps as hosts hand them over and take them: their number, the lengths of each name and value, then each followed by NUL
//! (Proxy-Wasm ABI, "Serialization").
//!
//! One copy of a whole map is cheaper than to ask the host for three of its fields: with the headers of a browser, about twenty,
//! reading them all takes one hostcall and one allocation instead of one of each for every field.

use std::borrow::Cow;

/// The fields of a message. Names are in lower case, as Envoy has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderMap {
    bytes: Vec<u8>,
    /// A bit for each length that a name has: most names that are asked for are of none of them.
    lengths: u64,
}

impl HeaderMap {
    /// The map in these bytes. What is no map has no fields.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        let mut map = Self { bytes, lengths: 0 };
        let (lengths, _) = map.parts();
        let names = lengths.iter().map(|[name, _]| u32::from_le_bytes(*name));
        map.lengths = names.fold(0, |all, length| all | bit(length as usize));
        map
    }

    /// The first value of a field.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.named(name).next()
    }

    /// The first values of several fields, which are read in one pass: a call has twenty fields and asks for ten names.
    #[must_use]
    pub fn firsts<const N: usize>(&self, names: [&str; N]) -> [Option<&[u8]>; N] {
        let mut found = [None; N];
        let wanted = lengths(names.into_iter());
        if wanted & self.lengths == 0 {
            return found;
        }
        let mut left = N;
        for (name, value) in self.fields(wanted) {
            for (wanted, found) in names.iter().zip(&mut found) {
                if wanted.len() == name.len() && found.is_none() && wanted.as_bytes() == name {
                    *found = Some(value);
                    left = left.saturating_sub(1);
                }
            }
            if left == 0 {
                break;
            }
        }
        found
    }

    /// The first value of a field as text; empty if there is none.
    #[must_use]
    pub fn text(&self, name: &str) -> Cow<'_, str> {
        text(self.first(name).unwrap_or_default())
    }

    /// All values of a field, joined with commas, as Envoy has them in the property `request.headers`.
    #[must_use]
    pub fn joined(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let mut values = self.named(name);
        let first = values.next()?;
        Some(match values.next() {
            None => Cow::Borrowed(first),
            Some(second) => Cow::Owned(joined(first, second, values)),
        })
    }

    /// All values of the fields that some backends take for the one called `name`, because they make the same variable of both: `x_mode`
    /// for `x-mode` (RFC 3875, section 4.1.18).
    #[must_use]
    pub fn similar(&self, name: &str) -> Vec<&[u8]> {
        let is_line = |byte: u8| matches!(byte, b'-' | b'_');
        if !name.bytes().any(is_line) || bit(name.len()) & self.lengths == 0 {
            return Vec::new();
        }
        let is_similar = |found: &[u8]| {
            let same = |(a, b): (&u8, u8)| *a == b || is_line(*a) && is_line(b);
            found.len() == name.len()
                && found != name.as_bytes()
                && found.iter().zip(name.bytes()).all(same)
        };
        let fields = self.fields(bit(name.len()));
        let similar = fields.filter(|(found, _)| is_similar(found));
        similar.map(|(_, value)| value).collect()
    }

    /// The names of all fields.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let fields = self.fields(u64::MAX);
        fields.map(|(name, _)| text(name).into_owned()).collect()
    }

    /// The values of a field.
    #[inline]
    fn named<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let (lengths, fields) = self.parts();
        let lengths = if self.has_length_of(bit(name.len())) {
            lengths
        } else {
            &[]
        };
        let mut next = 0_usize;
        lengths.iter().filter_map(move |[length, value]| {
            let length = u32::from_le_bytes(*length) as usize;
            let start = next;
            // A NUL is after each.
            next = start
                .wrapping_add(length)
                .wrapping_add(u32::from_le_bytes(*value) as usize)
                .wrapping_add(2);
            if length != name.len() {
                return None;
            }
            let (found, rest) = fields.get(start..next)?.split_at_checked(length)?;
            let [_nul, value @ .., _other_nul] = rest else {
                return None;
            };
            (found == name.as_bytes()).then_some(value)
        })
    }

    /// Whether a name has one of these lengths.
    #[must_use]
    pub fn has_length_of(&self, lengths: u64) -> bool {
        self.lengths & lengths != 0
    }

    /// The fields whose names have one of these lengths, each with its value.
    fn fields(&self, wanted: u64) -> impl Iterator<Item = (&[u8], &[u8])> {
        let (lengths, fields) = self.parts();
        let mut next = 0_usize;
        lengths.iter().filter_map(move |[name, value]| {
            let name = u32::from_le_bytes(*name) as usize;
            let start = next;
            let middle = start.wrapping_add(name).wrapping_add(1);
            // A NUL is after each.
            let end = middle.wrapping_add(u32::from_le_bytes(*value) as usize);
            next = end.wrapping_add(1);
            if wanted & bit(name) == 0 {
                return None;
            }
            let name = fields.get(start..)?.get(..name)?;
            let (_nul, value) = fields.get(middle..next)?.split_last()?;
            Some((name, value))
        })
    }

    /// The lengths of all fields, and the fields.
    fn parts(&self) -> (&[[[u8; 4]; 2]], &[u8]) {
        let Some((count, rest)) = self.bytes.split_first_chunk::<4>() else {
            return Default::default();
        };
        let lengths = (u32::from_le_bytes(*count) as usize).checked_mul(8);
        let parts = rest.split_at_checked(lengths.unwrap_or(usize::MAX));
        let (lengths, fields) = parts.unwrap_or_default();
        let (lengths, _) = lengths.as_chunks::<4>();
        let (lengths, _) = lengths.as_chunks::<2>();
        (lengths, fields)
    }
}

#[cold]
fn joined<'a>(first: &[u8], second: &'a [u8], others: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut joined = first.to_vec();
    let behind = std::iter::once(second).chain(others);
    behind.for_each(|value| {
        joined.push(b',');
        joined.extend_from_slice(value);
    });
    joined
}

/// The bits of the lengths of these names.
pub fn lengths<'a>(names: impl Iterator<Item = &'a str>) -> u64 {
    names.fold(0, |all, name| all | bit(name.len()))
}

/// The bit of a length; lengths of 64 and more share them.
fn bit(length: usize) -> u64 {
    1_u64.rotate_left((length % 64) as u32)
}

/// Bytes as text. Those that are, as nearly all are, are looked at eight at a time, which [`String::from_utf8_lossy`] does not do.
#[must_use]
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Bytes as a text where none that means anything is long, as of ids, names, numbers and media types: of a longer one the beginning, with
/// `…` behind it. Otherwise each byte of it would cost a client less than the proxy.
#[must_use]
pub fn short_text(bytes: &[u8]) -> Cow<'_, str> {
    const LONGEST: usize = 1_024;
    match bytes.split_at_checked(LONGEST) {
        Some((beginning, [_, ..])) => Cow::Owned(text(beginning).into_owned() + "…"),
        _ => text(bytes),
    }
}

/// Fields as hosts read them.
#[must_use]
pub fn serialize(fields: &[(&str, &str)]) -> Vec<u8> {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    let sizes = fields.iter().map(|(name, value)| {
        let texts = name.len().saturating_add(value.len());
        texts.saturating_add(10)
    });
    let mut bytes = Vec::with_capacity(sizes.fold(4, usize::saturating_add));
    bytes.extend_from_slice(&number(fields.len()));
    for (name, value) in fields {
        bytes.extend_from_slice(&number(name.len()));
        bytes.extend_from_slice(&number(value.len()));
    }
    for (name, value) in fields {
        for text in [name, value] {
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(0);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const FIELDS: [(&str, &str); 5] = [
        (":method", "GET"),
        ("orgid", "7"),
        ("empty", ""),
        ("accept", "text/html"),
        ("orgid", "8"),
    ];

    #[test]
    fn a_map_is_laid_out_as_the_abi_says() {
        assert_eq!(
            serialize(&[("a", "bc")]),
            b"\x01\0\0\0\x01\0\0\0\x02\0\0\0a\0bc\0"
        );
        assert_eq!(serialize(&[]), [0; 4]);
    }

    #[test]
    fn fields_are_found_by_name() {
        let map = HeaderMap::new(serialize(&FIELDS));
        assert_eq!(map.first("orgid"), Some(&b"7"[..]));
        assert_eq!(map.joined("orgid").as_deref(), Some(&b"7,8"[..]));
        assert_eq!(map.joined(":method").as_deref(), Some(&b"GET"[..]));
        assert_eq!(map.first("empty"), Some(&b""[..]));
        assert_eq!(map.text("accept"), "text/html");
        for absent in ["", "org", "orgid2", "text/html"] {
            assert_eq!(
                (map.first(absent), map.joined(absent)),
                (None, None),
                "{absent}"
            );
        }
    }

    #[test]
    fn a_long_text_is_cut_where_none_is_long() {
        assert_eq!(short_text(&[b'a'; 1_024]), "a".repeat(1_024));
        assert_eq!(short_text(&[b'a'; 1_025]), "a".repeat(1_024) + "…");
    }

    #[test]
    fn what_breaks_off_has_the_fields_before_that() {
        let whole = serialize(&FIELDS);
        for length in 0..whole.len() {
            let broken = HeaderMap::new(whole[..length].to_vec());
            for (name, _) in FIELDS {
                let found = broken.first(name);
                assert!(
                    found.is_none() || found == HeaderMap::new(whole.clone()).first(name),
                    "{length}"
                );
            }
        }
        // The NUL behind its value is part of a field.
        let alone = serialize(&[("a", "b")]);
        let broken = HeaderMap::new(alone[..alone.len() - 1].to_vec());
        assert_eq!(
            (HeaderMap::new(alone).first("a"), broken.first("a")),
            (Some(&b"b"[..]), None)
        );
        assert_eq!(HeaderMap::default().first("a"), None);
        assert_eq!(HeaderMap::new(vec![0xff; 64]).first("a"), None);
    }
}
