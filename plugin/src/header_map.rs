//! Header maps as hosts hand them over and take them: their number, the lengths of each name and value, then each followed by NUL
//! (Proxy-Wasm ABI, "Serialization").
//!
//! One copy of a whole map is cheaper than to ask the host for three of its fields: with the headers of a browser, about twenty,
//! reading them all takes one hostcall and one allocation instead of one of each for every field.

use std::borrow::Cow;

/// The fields of a message. Names are in lower case, as Envoy has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderMap(Vec<u8>);

/// Where the next field is described, and where it is.
struct Fields<'a> {
    lengths: &'a [u8],
    fields: &'a [u8],
}

impl HeaderMap {
    /// The map in these bytes. What is no map has no fields.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The first value of a field.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.values(name).next()
    }

    /// The first value of a field as text; empty if there is none.
    #[must_use]
    pub fn text(&self, name: &str) -> Cow<'_, str> {
        String::from_utf8_lossy(self.first(name).unwrap_or_default())
    }

    /// All values of a field, joined with commas, as Envoy has them in the property `request.headers`.
    #[must_use]
    pub fn joined(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let mut values = self.values(name);
        let mut joined = Cow::from(values.next()?);
        for value in values {
            let joined = joined.to_mut();
            joined.push(b',');
            joined.extend_from_slice(value);
        }
        Some(joined)
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.fields()
            .filter(move |(known, _)| *known == name.as_bytes())
            .map(|(_, value)| value)
    }

    fn fields(&self) -> Fields<'_> {
        let split = |bytes: &'_ [u8]| {
            let (count, rest) = bytes.split_first_chunk::<4>()?;
            let lengths = usize::try_from(u32::from_le_bytes(*count))
                .ok()?
                .checked_mul(8)?;
            (rest.len() >= lengths).then_some(lengths)
        };
        let lengths = split(&self.0).unwrap_or_default();
        let rest = self.0.get(4..).unwrap_or_default();
        let (lengths, fields) = rest.split_at_checked(lengths).unwrap_or_default();
        Fields { lengths, fields }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (lengths, rest) = self.lengths.split_first_chunk::<8>()?;
        self.lengths = rest;
        let [n0, n1, n2, n3, v0, v1, v2, v3] = *lengths;
        let name = self.take(u32::from_le_bytes([n0, n1, n2, n3]))?;
        let value = self.take(u32::from_le_bytes([v0, v1, v2, v3]))?;
        Some((name, value))
    }
}

impl<'a> Fields<'a> {
    /// So many bytes, after which there is a NUL.
    fn take(&mut self, length: u32) -> Option<&'a [u8]> {
        let (taken, rest) = self
            .fields
            .split_at_checked(usize::try_from(length).ok()?)?;
        self.fields = rest.get(1..)?;
        Some(taken)
    }
}

/// Fields as hosts read them.
#[must_use]
pub fn serialize(fields: &[(&str, &str)]) -> Vec<u8> {
    let length = |text: &str| u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = Vec::with_capacity(256);
    bytes.extend(
        u32::try_from(fields.len())
            .unwrap_or(u32::MAX)
            .to_le_bytes(),
    );
    for (name, value) in fields {
        bytes.extend(length(name));
        bytes.extend(length(value));
    }
    for text in fields.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
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
        assert_eq!(HeaderMap::default().first("a"), None);
        assert_eq!(HeaderMap::new(vec![0xff; 64]).first("a"), None);
    }
}
