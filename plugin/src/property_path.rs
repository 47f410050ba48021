//! Properties: where the host finds what an authentication filter has stated about a call.

use std::borrow::Cow;

use crate::header_map;

/// The path of a Proxy-Wasm property.
///
/// A header is read as the property `request.headers.<name>`, because Envoy joins the values of a header that is given twice there,
/// while the header hostcall returns the first alone: a client that states two organizations must not choose which of them pays.
///
/// Invariant: at least one segment, none empty and none with a NUL, which separates them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertyPath(String);

impl PropertyPath {
    /// The property at `path`, `None` if the path is empty or one of its segments is or holds a NUL.
    #[must_use]
    pub fn new(path: &[String]) -> Option<Self> {
        let usable = |segment: &String| !segment.is_empty() && !segment.contains('\0');
        (!path.is_empty() && path.iter().all(usable)).then(|| Self(path.join("\0")))
    }

    /// The header field whose values the property holds, if it is one of the request's, in the lower case of header maps.
    #[must_use]
    pub fn header(&self) -> Option<&str> {
        let name = self.0.strip_prefix("request\0headers\0")?;
        let plain = |b: u8| b != 0 && !b.is_ascii_uppercase();
        name.bytes().all(plain).then_some(name)
    }

    /// The path as hosts read it, with NUL between the segments.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The value of a property as text. A whole number, as a JSON Web Token's claim may be, arrives as the eight bytes of a double
/// (Envoy keeps JSON numbers in a `google.protobuf.Struct`); no text of eight characters looks like one that is at most 2^53.
#[must_use]
pub fn text(value: &[u8]) -> Cow<'_, str> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if let Ok(bytes) = value.try_into() {
        let number = f64::from_le_bytes(bytes);
        if number == 0.0 || (number.fract() == 0.0 && (1.0..=EXACT).contains(&number)) {
            // A whole number, which needs no code that prints fractions (15 KB of it).
            return (number as u64).to_string().into();
        }
    }
    header_map::text(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_number_in_a_token_is_read_as_one() {
        for number in [0.0, 1.0, 7.0, 12.0, 2_389_290.0, 9_007_199_254_740_992.0] {
            assert_eq!(text(&f64::to_le_bytes(number)), format!("{number}"));
        }
    }

    #[test]
    fn eight_characters_are_a_text() {
        for plain in [
            "12345678", "acme-org", "00000000", "zzzzzzzz", "7", "Standard", "99999999",
        ] {
            assert_eq!(text(plain.as_bytes()), plain);
        }
    }

    #[test]
    fn a_path_has_segments() {
        let path = |segments: &[&str]| {
            let segments: Vec<_> = segments.iter().map(|&segment| segment.to_owned()).collect();
            PropertyPath::new(&segments).map(|path| path.as_str().to_owned())
        };
        assert_eq!(
            path(&["request", "headers", "orgid"]).as_deref(),
            Some("request\0headers\0orgid")
        );
        let header = |segments: &[&str]| {
            let segments: Vec<_> = segments.iter().map(|&segment| segment.to_owned()).collect();
            PropertyPath::new(&segments)?.header().map(str::to_owned)
        };
        assert_eq!(
            header(&["request", "headers", "orgid"]).as_deref(),
            Some("orgid")
        );
        assert_eq!(header(&["request", "headers", "orgId"]), None);
        assert_eq!(header(&["request", "headers"]), None);
        assert_eq!(header(&["request", "headers", "a", "b"]), None);
        assert_eq!(header(&["metadata", "headers", "a"]), None);
        assert_eq!(path(&[]), None);
        assert_eq!(path(&["a", ""]), None);
        assert_eq!(path(&["a\0b"]), None);
    }
}
