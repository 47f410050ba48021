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
pub struct PropertyPath {
    path: String,
    encoding: Encoding,
}

/// What the bytes of a property are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    /// Text.
    Text,
    /// A whole number in eight bytes, little endian.
    Integer,
    /// Text, or a number as the eight bytes of a double: a value of a `google.protobuf.Struct`, as metadata and the claims of a token
    /// are.
    Json,
}

/// Envoy's attributes that are whole numbers (Envoy, "Attributes"; `source/extensions/filters/common/expr/context.cc`). Times and
/// durations are such numbers too, of nanoseconds.
const INTEGERS: [&str; 16] = [
    "connection\0id",
    "connection_id",
    "destination\0port",
    "listener_direction",
    "request\0duration",
    "request\0size",
    "request\0time",
    "request\0total_size",
    "response\0backend_latency",
    "response\0code",
    "response\0flags",
    "response\0grpc_status",
    "response\0size",
    "response\0total_size",
    "source\0port",
    "upstream\0port",
];

impl PropertyPath {
    /// The property at `path`, `None` if the path is empty or one of its segments is or holds a NUL.
    #[must_use]
    pub fn new(path: &[String]) -> Option<Self> {
        let usable = |segment: &String| !segment.is_empty() && !segment.contains('\0');
        if path.is_empty() || !path.iter().all(usable) {
            return None;
        }
        // `metadata`, and what `xds` has of clusters, routes, listeners and hosts.
        let is_struct = path.iter().any(|segment| segment == "filter_metadata");
        let path = path.join("\0");
        let encoding = if INTEGERS.contains(&path.as_str()) {
            Encoding::Integer
        } else if is_struct && !path.starts_with("request\0") {
            Encoding::Json
        } else {
            Encoding::Text
        };
        Some(Self { path, encoding })
    }

    /// The header field whose values the property holds, if it is one of the request's, in the lower case of header maps.
    #[must_use]
    pub fn header(&self) -> Option<&str> {
        let name = self.path.strip_prefix("request\0headers\0")?;
        let plain = |b: u8| b != 0 && !b.is_ascii_uppercase();
        name.bytes().all(plain).then_some(name)
    }

    /// The path as hosts read it, with NUL between the segments.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.path
    }

    /// A value of the property as text.
    ///
    /// Of metadata, eight visible ASCII characters are text, although they may be the bytes of a whole number as well: one of those from
    /// 2^51 on, which are 16 digits long, in two of a thousand cases. An id of 16 digits is better a string in a token.
    #[must_use]
    pub fn text<'a>(&self, value: &'a [u8]) -> Cow<'a, str> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match (self.encoding, <[u8; 8]>::try_from(value)) {
            (Encoding::Integer, Ok(bytes)) => i64::from_le_bytes(bytes).to_string().into(),
            (Encoding::Json, Ok(bytes)) if !bytes.iter().all(u8::is_ascii_graphic) => {
                let number = f64::from_le_bytes(bytes);
                if number == 0.0 || (number.fract() == 0.0 && (1.0..=EXACT).contains(&number)) {
                    // A whole number, which needs no code that prints fractions (15 KB of it).
                    return (number as u64).to_string().into();
                }
                header_map::text(value)
            }
            _ => header_map::text(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn property(path: &[&str]) -> PropertyPath {
        let segments: Vec<_> = path.iter().map(|&segment| segment.to_owned()).collect();
        PropertyPath::new(&segments).unwrap()
    }

    fn claim() -> PropertyPath {
        property(&[
            "metadata",
            "filter_metadata",
            "envoy.filters.http.jwt_authn",
            "payload",
            "org",
        ])
    }

    fn header() -> PropertyPath {
        property(&["request", "headers", "orgid"])
    }

    /// What no double is that is a whole number: an id of eight characters is text wherever it is stated.
    const PLAIN: [&str; 7] = [
        "12345678", "acme-org", "00000000", "zzzzzzzz", "7", "Standard", "99999999",
    ];

    #[test]
    fn a_number_in_a_token_is_read_as_one() {
        for number in [0.0, 1.0, 7.0, 12.0, 2_389_290.0, 9_007_199_254_740_992.0] {
            let bytes = f64::to_le_bytes(number);
            assert_eq!(claim().text(&bytes), format!("{number}"));
            // Not where there are no numbers.
            assert_eq!(header().text(&bytes), String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn eight_characters_are_a_text() {
        for plain in PLAIN {
            for path in [claim(), header()] {
                assert_eq!(path.text(plain.as_bytes()), plain);
            }
        }
    }

    /// Six characters, one of 0x21 to 0x3f, and `C`: every form of eight visible characters that is the double of a whole number up to
    /// 2^53.
    #[test]
    fn no_text_is_a_number_in_any_attribute_that_may_name_somebody() {
        let paths = [
            claim(),
            header(),
            property(&["filter_state", "org"]),
            property(&["xds", "route_metadata", "filter_metadata", "auth", "org"]),
            property(&["request", "headers", "filter_metadata"]),
            property(&["connection", "subject_peer_certificate"]),
            property(&["wasm", "org"]),
        ];
        let visible = || b'!'..=b'~';
        let mut ambiguous = 0_u32;
        for last in visible() {
            for seventh in visible() {
                // The other six make the mantissa, whose lowest bits alone decide whether the number is whole.
                for lowest in visible() {
                    for others in ["!!!!!", "aaaaa", "00000", "~~~~~", "EADBE"] {
                        let mut bytes = [lowest; 8];
                        bytes[1..6].copy_from_slice(others.as_bytes());
                        bytes[6] = seventh;
                        bytes[7] = last;
                        let number = f64::from_le_bytes(bytes);
                        let whole = number.fract() == 0.0 && (1.0..=9e15).contains(&number);
                        ambiguous += u32::from(whole);
                        let text = std::str::from_utf8(&bytes).unwrap();
                        for path in &paths {
                            assert_eq!(path.text(&bytes), text);
                        }
                    }
                }
            }
        }
        assert!(ambiguous > 1_000, "{ambiguous}");
        for id in ["DEADBE0C", "acmeco1C"] {
            assert_eq!(claim().text(id.as_bytes()), id);
        }
    }

    #[test]
    fn an_attribute_that_is_a_number_is_read_as_one() {
        for path in [
            ["source", "port"],
            ["connection", "id"],
            ["request", "size"],
        ] {
            let text = property(&path).text(&443_i64.to_le_bytes()).into_owned();
            assert_eq!(text, "443");
        }
        let port = property(&["source", "port"]);
        assert_eq!(
            port.text(b"DEADBE0C"),
            i64::from_le_bytes(*b"DEADBE0C").to_string()
        );
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
